"""From documents to renditions: sizes, pages, progress, refusals; and the same through a worker."""

import asyncio
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content.conversion import ConversionJob, convert, read_target, safe_stem
from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.inspection import inspect
from conneg.content.offer import document_offer, offer
from conneg.content.rendition import Rendition
from conneg.content.source import ReadLimits, Source
from conneg.content.workers import Workers
from conneg.features import choose, collection, default_preference, feature_set, widen
from tests.content import samples

LIMITS = ReadLimits(pages=20, pixels=20_000_000)
PROFILE_S = (
    '(& (type="image/tiff") (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary) (image-coding=MH)'
    " (dpi=204) (dpi-xyratio=204/98) (size-x=2150/254) (paper-size=A4))"
)


def make(
    tmp_path: Path,
    target: str,
    *sources: Source,
    stem: str = "document",
    pages: list[tuple[int, int]] | None = None,
) -> Rendition:
    out_dir = tmp_path / "out"
    out_dir.mkdir(exist_ok=True)
    job = ConversionJob(sources, collection(target), out_dir, stem)
    return convert(job, LIMITS, None if pages is None else lambda done, total: pages.append((done, total)))


def text(tmp_path: Path, words: bytes = b"Hello\r\n", name: str = "a.txt") -> Source:
    return samples.source(samples.save(tmp_path / name, words), "text/plain")


def photo(tmp_path: Path, width: int = 800, height: int = 600) -> Source:
    path = tmp_path / "photo.jpg"
    samples.photo(width, height).save(path)
    return samples.source(path, "image/jpeg")


def test_all_sources_become_the_pages_of_one_fax_in_order(tmp_path: Path) -> None:
    fax = samples.source(samples.fax_tiff(tmp_path / "fax.tif", pages=2, height=1000))
    steps: list[tuple[int, int]] = []
    rendition = make(tmp_path, PROFILE_S, text(tmp_path), fax, photo(tmp_path), pages=steps)
    (file,) = rendition.files
    assert (file.media_type, file.pages, file.octets) == ("image/tiff", 4, file.path.stat().st_size)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with Image.open(file.path) as image:
        sizes = []
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            sizes.append(image.size)
    assert sizes == [(1728, 1146), (1728, 1000), (1728, 1000), (1728, 1146)]
    again = inspect(samples.source(file.path), LIMITS)
    assert again.problem is None
    assert not (feature_set(again.features) & feature_set(PROFILE_S)).is_empty


def test_a_fax_goes_through_profile_s_pixel_for_pixel(tmp_path: Path) -> None:
    fax = samples.source(samples.fax_tiff(tmp_path / "fax.tif"))
    (file,) = make(tmp_path, PROFILE_S, fax).files
    with Image.open(file.path) as image:
        assert (np.asarray(image.convert("L")) == np.asarray(samples.fax_page().convert("L"))).all()


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
def test_an_image_has_exactly_the_width_asked_for(tmp_path: Path, media_type: str) -> None:
    target = f'(& (type="{media_type}") (color=Full) (color-levels=16777216) (pix-x=320) (pix-y=600))'
    (file,) = make(tmp_path, target, photo(tmp_path)).files
    assert file.media_type == media_type
    with Image.open(file.path) as image:
        assert image.size == (320, 240)
        assert image.mode == "RGB"


def test_a_document_of_several_pages_becomes_one_image_a_page(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.pdf", samples.pdf([samples.TEXT_PAGE] * 3))
    target = '(& (type="image/png") (color=Grey) (color-levels=256) (pix-x=400) (pix-y=5000))'
    rendition = make(tmp_path, target, samples.source(path), stem="invoice")
    assert [file.filename for file in rendition.files] == ["invoice-1.png", "invoice-2.png", "invoice-3.png"]
    for file in rendition.files:
        with Image.open(file.path) as image:
            assert image.size == (400, 566)
            assert image.mode == "L"


def test_text_and_images_become_a_pdf(tmp_path: Path) -> None:
    target = '(& (type="application/pdf") (color=Full) (color-levels=16777216))'
    (file,) = make(tmp_path, target, text(tmp_path), photo(tmp_path)).files
    again = inspect(samples.source(file.path), LIMITS)
    assert again.media_type == "application/pdf"
    assert len(again.pages) == 2
    assert again.pages[1].colour == "Full"
    assert float(again.pages[0].width_inches) == pytest.approx(210 / 25.4, abs=0.01)


def test_a_colour_fax_is_made_of_a_photo(tmp_path: Path) -> None:
    target = (
        '(& (type="image/tiff-fx") (image-file-structure=TIFF-limited) (MRC-mode=0) (image-coding=JPEG)'
        " (image-coding-constraint=JPEG-T4E) (color-space=CIELAB) (color-illuminant=D50) (CIELAB-L-min=0)"
        " (CIELAB-L-max=100) (CIELAB-a-min=-85) (CIELAB-a-max=85) (CIELAB-b-min=-75) (CIELAB-b-max=125) (color=Full)"
        ' (color-levels=16777216) (color-subsampling="4:1:1") (dpi=200) (dpi-xyratio=1) (size-x=2150/254)'
        " (paper-size=A4))"
    )
    (file,) = make(tmp_path, target, photo(tmp_path)).files
    assert file.media_type == "image/tiff-fx"
    assert not (feature_set(file.features) & feature_set(target)).is_empty


def test_text_stays_text_in_utf_8_with_crlf(tmp_path: Path) -> None:
    source = Source(samples.save(tmp_path / "a.txt", b"caf\xe9\nb\r\n"), "text/plain", charset="iso-8859-1")
    (file,) = make(tmp_path, '(type="text/plain")', source).files
    assert file.path.read_bytes() == b"caf\xc3\xa9\r\nb\r\n"
    assert file.media_type == "text/plain"
    with pytest.raises(ConversionError, match="no text in it"):
        make(tmp_path, '(type="text/plain")', photo(tmp_path))


def test_a_document_with_nothing_in_it_becomes_a_blank_page(tmp_path: Path) -> None:
    (file,) = make(tmp_path, PROFILE_S, text(tmp_path, b" \r\n")).files
    assert file.pages == 1
    with Image.open(file.path) as image:
        assert image.size == (1728, 1146)
        assert image.convert("L").getextrema() == (255, 255)


def test_too_many_pages_in_all_are_refused(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.pdf", samples.pdf([b""] * 11))
    with pytest.raises(ContentRefusedError, match="22 pages in all, more than 20"):
        make(tmp_path, PROFILE_S, samples.source(path), samples.source(path))


def test_a_target_without_a_type_that_we_make_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="names no type"):
        make(tmp_path, "(color=Full)", text(tmp_path))
    with pytest.raises(ConversionError):
        make(tmp_path, '(type="video/mp4")', text(tmp_path))


def test_a_page_image_target_may_leave_its_type_to_its_structure() -> None:
    target = read_target(collection("(& (image-file-structure=TIFF-minimal) (color=Binary) (dpi=204))"))
    assert (target.media_type, target.dpi, target.dpi_ratio) == ("image/tiff", Fraction(204), None)


@pytest.mark.parametrize(
    ("stem", "safe"),
    [
        ("invoice 7", "invoice-7"),
        ("../../etc/passwd", "etc-passwd"),
        ("", "document"),
        ("…", "document"),
        ("a" * 300, "a" * 80),
        (".hidden", "hidden"),
        ("x\x00y\r\nz", "x-y-z"),
    ],
)
def test_a_stem_cannot_leave_its_directory(stem: str, safe: str) -> None:
    assert safe_stem(stem) == safe


@pytest.mark.parametrize(
    "accepted",
    [
        '(& (type="image/jpeg") (pix-x<=1080) (color=[Full,Grey,Binary]))',
        '(type="image/png")',
        '(& (type="application/pdf") (color=[Full,Grey,Binary]))',
        "(& (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary) (image-coding=MH) (dpi=204)"
        " (dpi-xyratio=[204/98,204/196]) (size-x<=2150/254) (paper-size=A4) (ua-media=stationery))",
        "(& (image-file-structure=[TIFF,TIFF-limited]) (MRC-mode=0) (color=[Full,Grey]) (image-coding=JPEG)"
        " (image-coding-constraint=JPEG-T4E) (dpi=[200,300]) (dpi-xyratio=1)"
        " (size-x<=2150/254) (paper-size=[A4,letter]))",
    ],
)
def test_whatever_is_chosen_from_an_offer_can_be_made_and_conforms(tmp_path: Path, accepted: str) -> None:
    """Sources of three kinds, through a worker: inspect, offer, choose, convert, verify."""
    pdf = samples.save(tmp_path / "a.pdf", samples.pdf([samples.RED_PAGE]))
    sources = (photo(tmp_path), samples.source(pdf))

    async def use() -> None:
        async with Workers(1) as workers:
            for source in sources:
                inspection = await workers.inspect(source)
                possible = [offer(inspection)]
                if "image-file-structure" in accepted:  # a receiver of page images
                    possible.append(document_offer([inspection]))
                for features in possible:
                    choice = choose(
                        features & widen(feature_set(accepted)), default_preference(colour="Full")
                    )
                    assert choice is not None
                    out_dir = tmp_path / "out"
                    out_dir.mkdir(exist_ok=True)
                    rendition = await workers.convert(
                        ConversionJob((source,), choice.collection, out_dir, "a")
                    )
                    for file in rendition.files:
                        assert await workers.verify(file.path, file.media_type, accepted) == ()

    asyncio.run(use())
