"""How small type is and comes out, how like pictures are: measured on documents that several programs made."""

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.lib.pagesizes import A3, A4
from reportlab.pdfgen.canvas import Canvas

from conneg.content.conversion import ConversionJob, convert
from conneg.content.fidelity import Fidelity, smallest_type, unlike
from conneg.content.formats import html_is_laid_out
from conneg.content.halftone import bilevel, diffuse
from conneg.content.inspection import Inspection, inspect
from conneg.content.readers import open_document
from conneg.content.readers.pdftype import type_runs
from conneg.content.rendition import Rendition
from conneg.content.source import ReadLimits
from conneg.content.workers import Workers
from conneg.features import collection
from tests.content import samples
from tests.peers.programs import MissingPeerError, find

LIMITS = ReadLimits()
FINE, COARSE, SUPERFINE = ((204, 196), (204, 98), (408, 391))
SENTENCE = "The hull was surveyed in dock, and seven plates below the water line were renewed."


def target(dpi: tuple[int, int]) -> str:
    return (
        '(& (type="image/tiff") (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary) (image-coding=MH)'
        f" (dpi={dpi[0]}) (dpi-xyratio={dpi[0]}/{dpi[1]}) (size-x=2150/254) (paper-size=A4))"
    )


def canvas(path: Path, draw: Callable[[Canvas], None], size: tuple[float, float] = A4) -> Path:
    page = Canvas(str(path), pagesize=size)
    draw(page)
    page.save()
    return path


def lines(page: Canvas, points: float, count: int, *, top: float = 780, font: str = "Times-Roman") -> None:
    page.setFont(font, points)
    for number in range(count):
        page.drawString(60, top - number * points * 1.25, SENTENCE)


def looked_at(path: Path, media_type: str = "application/pdf") -> Inspection:
    return inspect(samples.source(path, media_type), LIMITS)


def size_of(path: Path, media_type: str = "application/pdf") -> Fraction | None:
    (page,) = looked_at(path, media_type).pages
    return page.type_points


def made(path: Path, folder: Path, dpi: tuple[int, int], media_type: str = "application/pdf") -> Rendition:
    folder.mkdir(exist_ok=True)
    job = ConversionJob((samples.source(path, media_type),), collection(target(dpi)), folder, "document")
    return convert(job, LIMITS)


class TestTypeOfAPage:
    @pytest.mark.parametrize("font", ["Helvetica", "Times-Roman", "Courier"])
    @pytest.mark.parametrize("points", [4, 6.5, 12])
    def test_it_is_the_size_of_the_text(self, tmp_path: Path, font: str, points: float) -> None:
        page = canvas(tmp_path / "a.pdf", lambda page: lines(page, points, 20, font=font))
        assert size_of(page) == Fraction(points)

    @pytest.mark.parametrize(("small", "expected"), [(1, 11), (4, 6)])
    def test_a_twentieth_of_the_text_may_be_smaller(self, tmp_path: Path, small: int, expected: int) -> None:
        def draw(page: Canvas) -> None:
            lines(page, 11, 40)
            lines(page, 6, small, top=80)

        assert size_of(canvas(tmp_path / "a.pdf", draw)) == expected

    def test_it_is_what_matrices_make_of_it(self, tmp_path: Path) -> None:
        def draw(page: Canvas) -> None:
            page.scale(0.5, 0.5)
            lines(page, 12, 20)

        assert size_of(canvas(tmp_path / "a.pdf", draw)) == 6

    def test_text_in_forms_and_turned_text_count(self, tmp_path: Path) -> None:
        def draw(page: Canvas) -> None:
            page.beginForm("label")
            lines(page, 10, 20)
            page.endForm()
            page.rotate(90)
            page.translate(0, -600)
            page.scale(0.7, 0.7)
            page.doForm("label")

        assert size_of(canvas(tmp_path / "a.pdf", draw)) == 7

    def test_forms_that_hold_each_other_many_times_are_not_all_looked_at(self, tmp_path: Path) -> None:
        """Three thousand runs, were all of them looked at."""

        def draw(page: Canvas) -> None:
            page.beginForm("level0")
            lines(page, 10, 1)
            page.endForm()
            for level in range(1, 3):
                page.beginForm(f"level{level}")
                for _ in range(60):
                    page.doForm(f"level{level - 1}")
                page.endForm()
            page.doForm("level2")

        path = canvas(tmp_path / "a.pdf", draw)
        with open_document(samples.source(path), LIMITS) as document:
            opened = document._door.page(0)  # type: ignore[attr-defined]
            assert 0 < len(list(type_runs(opened))) <= 2000

    def test_pages_without_text_have_none(self, tmp_path: Path) -> None:
        assert size_of(canvas(tmp_path / "a.pdf", lambda page: page.circle(200, 200, 50))) is None
        assert size_of(canvas(tmp_path / "b.pdf", lambda page: page.drawString(60, 60, "12"))) is None

    def test_ghostscript_keeps_it(self, tmp_path: Path) -> None:
        try:
            program = find("gs")
        except MissingPeerError as error:
            pytest.skip(str(error))
        page = canvas(tmp_path / "a.pdf", lambda page: lines(page, 5.5, 20))
        for name, options in (("b", ()), ("c", ("-dCompatibilityLevel=1.2", "-dEmbedAllFonts=true"))):
            again = tmp_path / f"{name}.pdf"
            command = [program, "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=pdfwrite", *options]
            subprocess.run([*command, f"-sOutputFile={again}", page], check=True, timeout=60)
            assert size_of(again) == Fraction("5.5")

    def test_each_page_has_its_own_and_the_inspection_names_all(self, tmp_path: Path) -> None:
        def draw(page: Canvas) -> None:
            for points in (10, 5, 10):
                lines(page, points, 20)
                page.showPage()

        found = looked_at(canvas(tmp_path / "a.pdf", draw))
        assert [page.type_points for page in found.pages] == [10, 5, 10]
        assert [points for points, _, _ in found.small_type] == [10, 5]
        assert Inspection.from_json(found.to_json()) == found

    def test_plain_text_is_laid_out_in_ten_and_a_half(self, tmp_path: Path) -> None:
        assert size_of(samples.save(tmp_path / "a.txt", SENTENCE.encode()), "text/plain") == Fraction(21, 2)

    @pytest.mark.skipif(not html_is_laid_out(), reason="needs WeasyPrint and Pango: pip install conneg[html]")
    def test_html_has_what_its_style_says(self, tmp_path: Path) -> None:
        body = f'<p style="font-size: 7pt">{SENTENCE * 5}</p>'
        assert size_of(samples.save(tmp_path / "a.html", body.encode()), "text/html") == 7


@given(st.lists(st.tuples(st.sampled_from([4.0, 6.0, 9.0, 11.0]), st.integers(0, 300)), max_size=8))
def test_the_smallest_type_is_that_of_a_text_counted_em_by_em(runs: list[tuple[float, int]]) -> None:
    ems = sorted(points for points, length in runs for _ in range(length))
    expected = None if len(ems) < 10 else Fraction(ems[len(ems) // 20])
    assert smallest_type((points, float(length)) for points, length in runs) == expected


class TestRenditions:
    @pytest.mark.parametrize("dpi", [FINE, COARSE, SUPERFINE])
    def test_the_em_is_as_high_as_it_is_drawn(self, tmp_path: Path, dpi: tuple[int, int]) -> None:
        page = canvas(tmp_path / "a.pdf", lambda page: lines(page, 8, 20))
        found = made(page, tmp_path / "out", dpi).fidelity
        assert found.em_lines == pytest.approx(8 / 72 * dpi[1], rel=0.01)
        assert found.em_pixels == pytest.approx(8 / 72 * dpi[0], rel=0.01)

    def test_a_page_that_is_made_smaller_makes_its_type_smaller(self, tmp_path: Path) -> None:
        page = canvas(tmp_path / "a.pdf", lambda page: lines(page, 8, 20), A3)
        found = made(page, tmp_path / "out", FINE).fidelity
        assert found.em_lines == pytest.approx(8 / 72 * 196 * 0.72, rel=0.02)

    def test_two_workers_find_what_one_finds(self, tmp_path: Path) -> None:
        def draw(page: Canvas) -> None:
            for number in range(40):
                lines(page, 9 if number == 30 else 11, 5)
                page.showPage()

        path = canvas(tmp_path / "a.pdf", draw)
        alone = made(path, tmp_path / "one", COARSE)
        (tmp_path / "two").mkdir()

        async def together() -> Rendition:
            async with Workers(count=2) as workers:
                job = ConversionJob(
                    (samples.source(path),),
                    collection(target(COARSE)),
                    tmp_path / "two",
                    "document",
                    pages=40,
                )
                return await workers.convert(job)

        both = asyncio.run(together())
        assert both.fidelity == alone.fidelity
        assert both.fidelity.em_lines == pytest.approx(9 / 72 * 98, rel=0.01)


class TestLikeness:
    def photo(self, size: int = 800) -> np.ndarray:  # type: ignore[type-arg]
        waves = 120 + 90 * np.sin(np.arange(size) / 90)[:, None] * np.cos(np.arange(size) / 70)[None, :]
        return (
            np.asarray(waves + np.random.default_rng(3).normal(0, 3, (size, size)))
            .clip(0, 230)
            .astype(np.uint8)
        )

    def test_a_screen_is_like_its_picture_and_a_threshold_is_not(self) -> None:
        grey = self.photo()
        screened = unlike(grey, bilevel(grey, 204, 196), 204, 196)
        diffused = unlike(grey, diffuse(grey), 204, 196)
        threshold = unlike(grey, np.packbits(grey < 128, axis=1), 204, 196)
        assert screened is not None
        assert diffused is not None
        assert threshold is not None
        assert max(screened, diffused) < 6
        assert threshold > 25

    @pytest.mark.parametrize("dpi", [FINE, COARSE, SUPERFINE])
    def test_it_is_the_difference_of_the_means_of_square_millimetres(self, dpi: tuple[int, int]) -> None:
        grey = np.tile(np.array([[100, 101]], dtype=np.uint8), (800, 400))
        assert unlike(grey, np.full((800, 100), 255, dtype=np.uint8), *dpi) == pytest.approx(
            100.5 / 2.55, abs=0.1
        )
        assert unlike(grey, np.zeros((800, 100), dtype=np.uint8), *dpi) == pytest.approx(
            154.5 / 2.55, abs=0.1
        )

    def test_letters_and_even_grounds_are_no_pictures(self) -> None:
        page = np.full((800, 800), 255, dtype=np.uint8)
        page[::7, ::3] = 0
        page[100:600, 100:700] = 180
        assert unlike(page, bilevel(page), 204, 196) is None

    def test_a_photograph_in_a_document_is_measured(self, tmp_path: Path) -> None:
        path = tmp_path / "photo.jpg"
        samples.photo(1600, 1200).save(path)
        found = made(path, tmp_path / "out", FINE, "image/jpeg").fidelity
        assert found.em_lines is None
        assert found.unlike is not None
        assert 0 < found.unlike < 10


def test_the_worst_of_two_is_the_lowest_type_and_the_least_likeness() -> None:
    nothing, text, picture = Fidelity(), Fidelity(10, 12, None), Fidelity(None, None, 4)
    assert text.worst(picture) == picture.worst(text) == Fidelity(10, 12, 4)
    assert text.worst(replace(text, em_lines=8)).em_lines == 8
    assert picture.worst(Fidelity(unlike=3)).unlike == 4
    for each in (nothing, text, picture):
        assert each.worst(nothing) == nothing.worst(each) == each
        assert Fidelity.from_json(each.as_json()) == each
