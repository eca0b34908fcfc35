"""PDF through pdfium: geometry, drawing into anisotropic frames, refusals."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content.errors import ContentRefusedError
from conneg.content.page import Frame
from conneg.content.readers import open_document
from conneg.content.source import ReadLimits
from tests.content import samples

LIMITS = ReadLimits(pages=50)
STANDARD = Frame(1728, 1146, Fraction(204), Fraction(98), colour=False, turn=True)


def write(tmp_path: Path, octets: bytes) -> Path:
    return samples.save(tmp_path / "document", octets)


def test_geometry_is_exact_and_says_what_is_on_the_page(tmp_path: Path) -> None:
    path = write(
        tmp_path, samples.pdf([samples.TEXT_PAGE, samples.RED_PAGE, samples.GREY_PAGE], size=(612, 792))
    )
    with open_document(samples.source(path), LIMITS) as document:
        assert document.media_type == "application/pdf"
        assert len(document.pages) == 3
        text, red, grey = (page.geometry for page in document.pages)
    assert (text.width_inches, text.height_inches) == (Fraction(17, 2), Fraction(11))
    assert (text.colour, text.kind, text.dpi) == ("Binary", "text", None)
    assert (red.colour, red.kind) == ("Full", "vector")
    assert grey.colour == "Grey"


def test_a_page_is_drawn_into_a_frame_of_different_resolutions_both_ways(tmp_path: Path) -> None:
    square = b"0 g 72 648 72 72 re f"  # one inch, one inch from the left, one inch from the top of letter
    path = write(tmp_path, samples.pdf([square], size=(612, 792)))
    frame = Frame(1734, 1078, Fraction(204), Fraction(98), colour=False)
    with open_document(samples.source(path), LIMITS) as document:
        raster = document.pages[0].render(frame)
    assert raster.pixels.shape == (1078, 1734)
    black = np.argwhere(raster.pixels < 128)
    top, left = black.min(axis=0)
    bottom, right = black.max(axis=0)
    assert (left, right + 1) == pytest.approx((204, 408), abs=1)
    assert (top, bottom + 1) == pytest.approx((98, 196), abs=1)
    assert (raster.dpi_x, raster.dpi_y) == (204, 98)


def test_colour_is_kept_in_colour_frames_and_turned_into_grey_in_others(tmp_path: Path) -> None:
    path = write(tmp_path, samples.pdf([samples.RED_PAGE]))
    with open_document(samples.source(path), LIMITS) as document:
        colour = document.pages[0].render(Frame(400, 566, Fraction(48), Fraction(48), colour=True))
        grey = document.pages[0].render(STANDARD)
    assert (colour.pixels == (255, 0, 0)).all(axis=2).any()
    assert grey.pixels.ndim == 2
    assert 0 < grey.pixels.min() < 255


def test_a_landscape_page_is_turned_clockwise_for_paper(tmp_path: Path) -> None:
    top_left = b"0 g 0 495 100 100 re f"
    path = write(tmp_path, samples.pdf([top_left], size=(842, 595)))
    with open_document(samples.source(path), LIMITS) as document:
        raster = document.pages[0].render(STANDARD)
    black = np.argwhere(raster.pixels < 128)
    assert black[:, 0].max() < 200  # the top left corner has become the top right one
    assert black[:, 1].min() > 1300


def test_the_page_s_own_rotation_counts(tmp_path: Path) -> None:
    path = write(tmp_path, samples.pdf([samples.TEXT_PAGE], size=(842, 595), extra=b"/Rotate 90"))
    with open_document(samples.source(path), LIMITS) as document:
        geometry = document.pages[0].geometry
    assert geometry.width_inches < geometry.height_inches


def test_a_page_that_is_one_scan_has_that_scan_s_resolution(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    samples.fax_page(1728, 2292).convert("L").save(path, resolution=204)
    with open_document(samples.source(path), LIMITS) as document:
        geometry = document.pages[0].geometry
    assert (geometry.kind, geometry.pixel_width, geometry.pixel_height) == ("scan", 1728, 2292)
    assert geometry.dpi == pytest.approx(204, rel=0.01)


def test_an_encrypted_document_is_refused_in_one_clear_line(tmp_path: Path) -> None:
    path = write(tmp_path, samples.encrypted_pdf())
    with pytest.raises(ContentRefusedError, match="encrypted"):
        open_document(samples.source(path), LIMITS)


@pytest.mark.parametrize("octets", [b"%PDF-1.7\n", b"%PDF-1.4\n" + b"\x00\xff" * 500])
def test_a_damaged_document_is_refused(tmp_path: Path, octets: bytes) -> None:
    with pytest.raises(ContentRefusedError, match=r"damaged|no page"):
        open_document(samples.source(write(tmp_path, octets)), LIMITS)


def test_a_truncated_document_gives_its_pages_or_is_refused(tmp_path: Path) -> None:
    whole = samples.pdf([samples.TEXT_PAGE] * 3)
    refusals = []
    for cut in range(20, len(whole), 97):
        path = write(tmp_path, whole[:cut])
        try:
            with open_document(samples.source(path), LIMITS) as document:
                for page in document.pages:
                    assert page.render(STANDARD).pixels.shape == (1146, 1728)
        except ContentRefusedError as error:
            refusals.append(str(error))
    assert refusals
    assert not any("\n" in refusal for refusal in refusals)


def test_more_pages_than_allowed_are_refused_before_any_is_drawn(tmp_path: Path) -> None:
    path = write(tmp_path, samples.pdf([b""] * 60))
    with pytest.raises(ContentRefusedError, match="60 pages, more than 50"):
        open_document(samples.source(path), LIMITS)


def test_a_huge_media_box_costs_no_more_than_the_frame(tmp_path: Path) -> None:
    path = write(tmp_path, samples.pdf([samples.RED_PAGE], size=(14_400, 14_400)))
    with open_document(samples.source(path), LIMITS) as document:
        assert document.pages[0].geometry.width_inches == 200
        assert document.pages[0].render(STANDARD).pixels.shape == (1146, 1728)


@pytest.mark.parametrize("size", [(1e9, 1e9), (1e30, 10)])
def test_a_page_beyond_any_paper_is_refused(tmp_path: Path, size: tuple[float, float]) -> None:
    path = write(tmp_path, samples.pdf([b""], size=size))
    with (
        open_document(samples.source(path), LIMITS) as document,
        pytest.raises(ContentRefusedError, match="inches"),
    ):
        document.pages[0].render(STANDARD)


def test_filled_form_fields_are_drawn(tmp_path: Path) -> None:
    """A widget's appearance is drawn by the form environment, not with the page."""
    appearance = b"0 g 0 0 200 100 re f"
    objects = (
        b"%%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>\nendobj\n"
        b"2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n"
        b"3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>\nendobj\n"
        b"4 0 obj\n<</Type/Annot/Subtype/Widget/FT/Tx/F 4/T(a)/Rect[100 100 300 200]/AP<</N 5 0 R>>>>\nendobj\n"
        b"5 0 obj\n<</Type/XObject/Subtype/Form/BBox[0 0 200 100]/Length %d>>stream\n%s\nendstream\nendobj\n"
        b"trailer<</Root 1 0 R>>\n%%%%EOF"
    )
    path = write(tmp_path, objects % (len(appearance), appearance))
    with open_document(samples.source(path), LIMITS) as document:
        assert document.pages[0].render(STANDARD).pixels.min() == 0


def test_pages_of_an_image_pdf_come_out_as_the_image(tmp_path: Path) -> None:
    path = tmp_path / "photo.pdf"
    Image.new("RGB", (600, 800), (10, 200, 30)).save(path, resolution=100)
    with open_document(samples.source(path), LIMITS) as document:
        page = document.pages[0]
        colour = page.geometry.colour
        raster = page.render(Frame(300, 400, Fraction(50), Fraction(50), colour=True, fill=True))
    assert colour == "Full"
    assert abs(raster.pixels[200, 150].astype(int) - (10, 200, 30)).max() < 12
