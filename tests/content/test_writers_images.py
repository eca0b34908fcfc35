"""JPEG, PNG and WebP files: one a page, of exactly the size drawn, as small as the page allows."""

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content.conformance import verify_file
from conneg.content.errors import ConversionError
from conneg.content.page import Pixels, Raster
from conneg.content.rendition import RenditionFile
from conneg.content.writers import open_writer
from conneg.content.writers.terms import looks_like_photo
from conneg.features import FeatureCollection, collection, feature_set
from tests.content import pages, programs


def target(media_type: str, more: str = "(color=Full)") -> FeatureCollection:
    return collection(f'(& (type="{media_type}") {more})')


def write(
    tmp_path: Path, media_type: str, more: str, *pixels: Pixels, total: int | None = None
) -> list[RenditionFile]:
    writer = open_writer(target(media_type, more), tmp_path, "page", total or len(pixels))
    for page in pixels:
        writer.add(Raster(page, Fraction(150), Fraction(150)))
    return writer.finish()


SIZES = [(1, 1), (7, 5), (320, 240), (401, 299)]
TYPES = ["image/jpeg", "image/png", "image/webp"]


@pytest.mark.parametrize("media_type", TYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("colour", ["Full", "Grey"])
def test_a_file_has_the_pixels_that_were_drawn_and_says_so(
    tmp_path: Path, media_type: str, size: tuple[int, int], colour: str
) -> None:
    page = pages.colourful(*size) if colour == "Full" else pages.photo(*size)
    (file,) = write(tmp_path, media_type, f"(color={colour})", page)
    with Image.open(file.path) as image:
        assert image.size == size
        if media_type != "image/webp":
            assert image.info["dpi"] == pytest.approx((150, 150), abs=0.02)
    accepted = f'(& (type="{media_type}") (pix-x={size[0]}) (pix-y={size[1]}) (color={colour}))'
    assert verify_file(file.path, media_type, feature_set(accepted)) == ()
    assert not (feature_set(file.features) & feature_set(accepted)).is_empty
    assert file.octets == file.path.stat().st_size


def test_pages_are_numbered_in_order(tmp_path: Path) -> None:
    page = pages.drawing()
    files = write(tmp_path, "image/png", "(color=Full)", *[page] * 11)
    assert [file.filename for file in files][:2] == ["page-01.png", "page-02.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.filename for file in files]
    (alone,) = write(tmp_path, "image/png", "(color=Full)", page)
    assert alone.filename == "page.png"


@pytest.mark.parametrize("media_type", TYPES)
def test_abort_leaves_no_file(tmp_path: Path, media_type: str) -> None:
    writer = open_writer(target(media_type), tmp_path, "page", 2)
    writer.add(pages.raster(pages.drawing()))
    writer.abort()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("media_type", [*TYPES, "application/pdf"])
def test_no_page_is_no_document(tmp_path: Path, media_type: str) -> None:
    with pytest.raises(ConversionError, match="no page"):
        open_writer(target(media_type), tmp_path, "page", 1).finish()


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/webp"])
def test_photographs_formats_hold_no_bilevel_page(tmp_path: Path, media_type: str) -> None:
    writer = open_writer(target(media_type, "(color=Binary)"), tmp_path, "page", 1)
    with pytest.raises(ConversionError, match="bi-level"):
        writer.add(pages.raster(pages.drawing()))


def test_a_target_that_no_writer_makes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="video/mp4"):
        open_writer(target("video/mp4"), tmp_path, "page", 1)
    with pytest.raises(ConversionError, match="names no type"):
        open_writer(collection("(color=Full)"), tmp_path, "page", 1)


def test_png_of_few_colours_has_a_palette_and_loses_nothing(tmp_path: Path) -> None:
    drawing = pages.drawing()
    (file,) = write(tmp_path, "image/png", "(color=Full)", drawing)
    with Image.open(file.path) as image:
        assert image.mode == "P"
        assert (np.asarray(image.convert("RGB")) == drawing).all()
    Image.fromarray(drawing).save(tmp_path / "plain.png")
    assert file.octets < (tmp_path / "plain.png").stat().st_size


def test_png_of_many_colours_loses_nothing_either(tmp_path: Path) -> None:
    page = pages.colourful(200, 100)
    (file,) = write(tmp_path, "image/png", "(color=Full)", page)
    with Image.open(file.path) as image:
        assert image.mode == "RGB"
        assert (np.asarray(image) == page).all()


def test_png_in_grey_is_grey_with_a_palette_where_shades_are_few(tmp_path: Path) -> None:
    few = (pages.photo(200, 100) // 64 * 85).astype(np.uint8)
    for page, mode in [(few, "P"), (pages.photo(200, 100), "L")]:
        (file,) = write(tmp_path, "image/png", "(color=Grey)", page)
        with Image.open(file.path) as image:
            assert image.mode == mode
            assert (np.asarray(image.convert("L")) == page).all()
        assert "Grey" in file.features
        assert verify_file(file.path, "image/png", feature_set("(color=Grey)")) == ()


def test_png_in_black_and_white_has_a_bit_a_pixel(tmp_path: Path) -> None:
    (file,) = write(tmp_path, "image/png", "(color=Binary)", pages.text(400, 200))
    with Image.open(file.path) as image:
        assert image.mode == "1"
        assert image.size == (400, 200)
    assert "Binary" in file.features


def test_colour_becomes_grey_where_grey_is_asked_for(tmp_path: Path) -> None:
    (file,) = write(tmp_path, "image/jpeg", "(color=Grey)", pages.colourful(80, 60))
    with Image.open(file.path) as image:
        assert image.mode == "L"


@pytest.mark.parametrize(("page", "factors"), [(pages.photo(300, 200), (2, 2)), (pages.drawing(), (1, 1))])
def test_jpeg_keeps_whole_chroma_for_drawings_only(
    tmp_path: Path, page: Pixels, factors: tuple[int, int]
) -> None:
    colour = np.repeat(page[..., None], 3, axis=2) if page.ndim == 2 else page
    (file,) = write(tmp_path, "image/jpeg", "(color=Full)", colour)
    with Image.open(file.path) as image:
        assert image.layer[0][1:3] == factors  # type: ignore[attr-defined]
        assert not image.info.get("progressive")


def test_drawings_and_photographs_are_told_apart() -> None:
    assert looks_like_photo(pages.photo(400, 300))
    assert looks_like_photo(pages.colourful(400, 300))
    assert not looks_like_photo(pages.text(800, 300))
    assert not looks_like_photo(pages.drawing())
    assert not looks_like_photo(np.zeros((5, 1), dtype=np.uint8))


def test_webp_of_a_drawing_loses_nothing(tmp_path: Path) -> None:
    (file,) = write(tmp_path, "image/webp", "(color=Full)", pages.drawing())
    with Image.open(file.path) as image:
        assert (np.asarray(image.convert("RGB")) == pages.drawing()).all()


def test_a_bi_level_png_has_one_bit_a_pixel(tmp_path: Path) -> None:
    """IHDR (PNG, 11.2.2): the ninth octet is the bit depth, the tenth the colour type, 0 for grey."""
    (file,) = write(tmp_path, "image/png", "(color=Binary)", pages.text())
    header = file.path.read_bytes()[16:29]
    assert (header[8], header[9]) == (1, 0)


@pytest.mark.judged("image/jpeg, written", "ImageMagick")
@pytest.mark.judged("image/png, written", "ImageMagick")
@pytest.mark.judged("image/webp, written", "ImageMagick")
@pytest.mark.system
@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
@pytest.mark.parametrize("page", [pages.drawing(), pages.colourful(320, 200)])
def test_imagemagick_reads_what_was_drawn(tmp_path: Path, media_type: str, page: Pixels) -> None:
    (file,) = write(tmp_path, media_type, "(color=Full)", page)
    octets = programs.run("imagemagick", "convert", file.path, "-depth", "8", "ppm:-")
    with Image.open(io.BytesIO(octets)) as image:
        assert np.abs(np.asarray(image).astype(int) - page).mean() < (1 if media_type == "image/png" else 7)
