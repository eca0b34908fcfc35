"""PDF files: pages of the right size that other programs show as they were drawn."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from conneg.content.conformance import verify_file
from conneg.content.halftone import bilevel, unpack
from conneg.content.page import Pixels, Raster
from conneg.content.rendition import RenditionFile
from conneg.content.writers import open_writer
from conneg.features import collection, feature_set
from tests.content import pages
from tests.system import require


def write(tmp_path: Path, colour: str, *pixels: Pixels, dpi: tuple[int, int] = (150, 150)) -> RenditionFile:
    target = collection(f'(& (type="application/pdf") (color={colour}))')
    writer = open_writer(target, tmp_path, "pages", len(pixels))
    for page in pixels:
        writer.add(Raster(page, Fraction(dpi[0]), Fraction(dpi[1])))
    (file,) = writer.finish()
    assert file.octets == file.path.stat().st_size
    return file


def shown(path: Path, page: int, dpi: int = 150) -> Pixels:
    document = pypdfium2.PdfDocument(path)
    try:
        image = document[page].render(scale=dpi / 72).to_pil().convert("RGB")
    finally:
        document.close()
    return np.asarray(image)


def test_a_page_is_as_large_as_its_pixels_at_its_resolution(tmp_path: Path) -> None:
    file = write(tmp_path, "Full", pages.drawing(300, 450), pages.drawing(450, 300))
    document = pypdfium2.PdfDocument(file.path)
    try:
        assert [document.get_page_size(number) for number in range(2)] == [(144, 216), (216, 144)]
    finally:
        document.close()
    assert file.pages == 2


def test_pixels_that_are_not_square_keep_the_shape_of_the_page(tmp_path: Path) -> None:
    file = write(tmp_path, "Binary", pages.text(1728, 1146), dpi=(204, 98))
    document = pypdfium2.PdfDocument(file.path)
    try:
        width, height = document.get_page_size(0)
    finally:
        document.close()
    assert (width, height) == pytest.approx((1728 / 204 * 72, 1146 / 98 * 72), abs=0.001)


def test_drawings_lose_nothing(tmp_path: Path) -> None:
    drawing = pages.drawing()
    file = write(tmp_path, "Full", drawing)
    assert (shown(file.path, 0) == drawing).all()
    assert b"/Indexed" in file.path.read_bytes()


def test_photographs_are_jpeg(tmp_path: Path) -> None:
    photo = pages.colourful(400, 300)
    file = write(tmp_path, "Full", photo)
    assert b"/DCTDecode" in file.path.read_bytes()
    assert np.abs(shown(file.path, 0).astype(int) - photo).mean() < 6


def test_grey_pages_are_grey(tmp_path: Path) -> None:
    photo = pages.photo(400, 300)
    file = write(tmp_path, "Grey", photo)
    assert b"/DeviceGray" in file.path.read_bytes()
    assert np.abs(shown(file.path, 0)[..., 1].astype(int) - photo).mean() < 4


def test_bilevel_pages_are_mmr_and_exact(tmp_path: Path) -> None:
    page = pages.text(800, 300)
    file = write(tmp_path, "Binary", page)
    assert b"/CCITTFaxDecode" in file.path.read_bytes()
    expected = np.where(unpack(bilevel(page), 800), 255, 0)
    assert (shown(file.path, 0)[..., 0] == expected).all()
    assert "Binary" in file.features


def test_a_grey_page_of_black_and_white_is_mmr_too(tmp_path: Path) -> None:
    page = np.where(pages.bars(400, 300), 255, 0).astype(np.uint8)
    file = write(tmp_path, "Grey", page)
    assert b"/CCITTFaxDecode" in file.path.read_bytes()
    assert (shown(file.path, 0)[..., 0] == page).all()


def test_the_file_conforms_and_its_description_is_accepted(tmp_path: Path) -> None:
    accepted = feature_set('(& (type="application/pdf") (color=[Full,Grey]))')
    file = write(tmp_path, "Full", pages.drawing())
    assert verify_file(file.path, "application/pdf", accepted) == ()
    assert not (feature_set(file.features) & accepted).is_empty


def test_abort_leaves_no_file(tmp_path: Path) -> None:
    writer = open_writer(collection('(type="application/pdf")'), tmp_path, "pages", 1)
    writer.add(pages.raster(pages.drawing()))
    writer.abort()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.judged("application/pdf, written", "poppler")
@pytest.mark.system
def test_poppler_reads_it_without_a_word(tmp_path: Path) -> None:
    pdfinfo, pdftoppm = require("pdfinfo", "poppler-utils"), require("pdftoppm", "poppler-utils")
    pixels = (
        pages.drawing(),
        pages.colourful(400, 300),
        np.repeat(pages.text(400, 300)[..., None], 3, axis=2),
    )
    file = write(tmp_path, "Full", *pixels)
    for command in ([pdfinfo, file.path], [pdftoppm, "-r", "150", "-png", file.path, tmp_path / "p"]):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "p-1.png") as image:
        assert np.abs(np.asarray(image).astype(int) - pages.drawing()).mean() < 2, (
            "but for half a pixel at edges"
        )
