"""PDF as other programs leave it: encrypted by qpdf, damaged, with forms and annotations; drawn as poppler draws it."""

import io
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content.errors import ContentRefusedError
from conneg.content.inspection import inspect
from conneg.content.page import Frame, Pixels
from conneg.content.readers import open_document
from conneg.content.source import ReadLimits
from tests.content import officefiles, programs, samples

LIMITS = ReadLimits()
DPI = 72


def survey(tmp_path: Path) -> Path:
    return samples.save(tmp_path / "survey.pdf", (files("conneg.demo") / "samples/survey.pdf").read_bytes())


def ours(path: Path, index: int = 0) -> Pixels:
    with open_document(samples.source(path), LIMITS) as document:
        page = document.pages[index]
        size = (page.outline.width_inches * DPI, page.outline.height_inches * DPI)
        frame = Frame(round(size[0]), round(size[1]), Fraction(DPI), Fraction(DPI), colour=True, fill=True)
        return page.render(frame).pixels


def popplers(path: Path, size: tuple[int, int], page: int = 1) -> Pixels:
    octets = programs.run(
        "poppler-utils",
        "pdftoppm",
        "-scale-to-x",
        str(size[0]),
        "-scale-to-y",
        str(size[1]),
        "-f",
        str(page),
        "-l",
        str(page),
        path,
    )
    return np.asarray(Image.open(io.BytesIO(octets)).convert("RGB"))


def blurred(pixels: Pixels) -> Pixels:
    """Return the means of squares of 8 by 8 pixels: how dark a place is, not how its letters are smoothed."""
    height, width = (length // 8 * 8 for length in pixels.shape[:2])
    squares = pixels[:height, :width].astype(float).reshape(height // 8, 8, width // 8, 8, 3)
    return squares.mean(axis=(1, 3))  # type: ignore[no-any-return]


@pytest.mark.judged("application/pdf, read", "qpdf")
@pytest.mark.system
@pytest.mark.parametrize("bits", ["40", "128", "256"])
def test_what_is_encrypted_with_an_empty_user_password_is_read(tmp_path: Path, bits: str) -> None:
    path, locked = survey(tmp_path), tmp_path / "locked.pdf"
    weak = ("--allow-weak-crypto",) if bits != "256" else ()
    programs.run("qpdf", "qpdf", *weak, "--encrypt", "", "owner", bits, "--", path, locked)
    assert (ours(locked) == ours(path)).all()
    assert (
        inspect(samples.source(locked), LIMITS).text_charset
        == inspect(samples.source(path), LIMITS).text_charset
    )


@pytest.mark.system
@pytest.mark.parametrize("bits", ["40", "128", "256"])
def test_what_asks_for_a_password_is_refused_in_one_line(tmp_path: Path, bits: str) -> None:
    path, locked = survey(tmp_path), tmp_path / "locked.pdf"
    weak = ("--allow-weak-crypto",) if bits != "256" else ()
    programs.run("qpdf", "qpdf", *weak, "--encrypt", "user", "owner", bits, "--", path, locked)
    problem = inspect(samples.source(locked), LIMITS).problem
    assert problem == "locked.pdf: the PDF is encrypted and asks for a password"


def test_a_wrong_or_missing_cross_reference_table_is_rebuilt(tmp_path: Path) -> None:
    path = survey(tmp_path)
    octets, whole = path.read_bytes(), ours(path, 1)
    table = octets.rindex(b"startxref")
    broken = {
        "place of the table wrong": octets[:table] + b"startxref\n7\n%%EOF\n",
        "rubbish before": b"rubbish\n" * 20 + octets,
        "rubbish after": octets + b"\0" * 3000,
        "lines ended in another way": octets.replace(b"startxref\n", b"startxref\r\n"),
    }
    for how, damaged in broken.items():
        damaged_path = samples.save(tmp_path / "damaged.pdf", damaged)
        assert (ours(damaged_path, 1) == whole).all(), how


def test_of_a_document_that_lost_its_end_the_pages_that_are_left_are_read(tmp_path: Path) -> None:
    contents = [samples.TEXT_PAGE, samples.RED_PAGE, samples.GREY_PAGE]
    octets = samples.pdf(contents)
    whole = samples.save(tmp_path / "whole.pdf", octets)
    pages = [ours(whole, number) for number in range(3)]
    no_table = samples.save(tmp_path / "a.pdf", octets[: octets.rindex(b"xref\n0")])
    inspection = inspect(samples.source(no_table), LIMITS)
    assert (len(inspection.pages), inspection.problem) == (3, None)
    assert all((ours(no_table, number) == pages[number]).all() for number in range(3))
    half = samples.save(
        tmp_path / "b.pdf", octets[: octets.index(samples.GREY_PAGE)]
    )  # the third page has no content
    inspection = inspect(samples.source(half), LIMITS)
    assert inspection.notes == ("the PDF is damaged: 3 pages were found in what is left of it",)
    assert (ours(half, 1) == pages[1]).all()
    nothing = samples.save(tmp_path / "c.pdf", octets[: octets.index(b"/Type/Page/")])
    assert (
        inspect(samples.source(nothing), LIMITS).problem == "c.pdf: the PDF is damaged and cannot be opened"
    )


@pytest.mark.judged("application/pdf, read", "qpdf")
@pytest.mark.system
def test_what_qpdf_compressed_into_object_streams_is_read(tmp_path: Path) -> None:
    path, packed = survey(tmp_path), tmp_path / "packed.pdf"
    programs.run("qpdf", "qpdf", "--object-streams=generate", "--linearize", path, packed)
    assert (ours(packed) == ours(path)).all()


@pytest.mark.system
def test_a_filled_form_and_annotations_are_drawn_as_poppler_draws_them(tmp_path: Path) -> None:
    """Letters are smoothed by each in its own way: within 4 of 255 in the mean, where nothing drawn is 15 apart."""
    path = samples.save(tmp_path / "form.pdf", samples.form_pdf(b"Filled in by hand"))
    page, other = ours(path), popplers(path, (595, 842))
    assert page.shape == other.shape
    assert (page[:48, :48] == (255, 0, 0)).all()
    assert (other[:48, :48] == (255, 0, 0)).all()
    field, same = page[780:804, 300:430].astype(int), other[780:804, 300:430].astype(int)
    assert (255 - same).mean() > 10
    assert np.abs(field - same).mean() < 0.7 * (255 - same).mean()
    assert abs(field.mean() - same.mean()) < 4


@pytest.mark.judged("application/pdf, read", "Ghostscript")
@pytest.mark.system
def test_annotations_that_ghostscript_wrote_are_drawn(tmp_path: Path) -> None:
    program = (
        b"%!PS\n<< /PageSize [200 200] >> setpagedevice\n"
        b"[ /Subtype /Square /Rect [20 20 100 100] /Color [0 0 1] /IC [0 0 1] /F 4 /ANN pdfmark\n"
        b"0 0 moveto showpage\n"
    )
    path = programs.ghostscript_pdf(tmp_path / "a.pdf", program)
    page, other = ours(path), popplers(path, (200, 200))
    for pixels in (page, other):
        blue = np.argwhere((pixels == (0, 0, 255)).all(axis=2))
        assert len(blue) > 0
    mine, theirs = ((p == (0, 0, 255)).all(axis=2) for p in (page, other))
    assert (mine != theirs).mean() < 0.01


@pytest.mark.system
def test_every_page_of_the_sample_is_drawn_as_poppler_draws_it(tmp_path: Path) -> None:
    path = survey(tmp_path)
    for index in range(2):
        page = ours(path, index)
        other = popplers(path, (page.shape[1], page.shape[0]), index + 1)
        assert (
            np.abs(blurred(page) - blurred(other)).mean() < 3
        )  # the faces of Times and Helvetica are each's own


def test_as_many_pages_as_are_allowed_are_read_and_more_are_refused_at_once(tmp_path: Path) -> None:
    pages = [b"0 g %d 0 10 10 re f" % number for number in range(500)]
    path = samples.save(tmp_path / "a.pdf", samples.pdf(pages))
    with open_document(samples.source(path), LIMITS) as document:
        assert len(document.pages) == 500
    black = np.argwhere((ours(path, 499) < 128).all(axis=2))
    assert int(black[:, 1].min()) == pytest.approx(499, abs=1)
    many = samples.save(tmp_path / "b.pdf", samples.pdf([b""] * 20_000))
    with pytest.raises(ContentRefusedError, match="20000 pages, more than 500"):
        open_document(samples.source(many), LIMITS)


def test_a_tree_of_pages_that_holds_itself_ends(tmp_path: Path) -> None:
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[2 0 R 3 0 R]/Count 2000000000>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]>>",
    ]
    path = samples.save(tmp_path / "a.pdf", samples.numbered(objects))
    inspection = inspect(samples.source(path), LIMITS)
    assert inspection.problem is not None or len(inspection.pages) <= 500


@pytest.mark.judged("application/pdf, read", "LibreOffice")
@pytest.mark.system
@pytest.mark.parametrize("suffix", ["odt", "ods", "odp"])
def test_a_pdf_of_libreoffice_is_drawn_as_poppler_draws_it(tmp_path: Path, suffix: str) -> None:
    """Text document, spreadsheet and slides, as LibreOffice exports them: fonts in parts, lines, coloured areas."""
    document = officefiles.made_by_libreoffice(tmp_path, suffix)
    officefiles.soffice(tmp_path, "--convert-to", "pdf", document)
    path = document.with_suffix(".pdf")
    drawn = ours(path)
    other = popplers(path, (drawn.shape[1], drawn.shape[0]))
    assert drawn.min() < 128
    assert np.abs(blurred(drawn) - blurred(other)).max() <= 40
    with open_document(samples.source(path), LIMITS) as opened:
        assert sorted((opened.text() or "").split()) == programs.words_of_pdf(path)
