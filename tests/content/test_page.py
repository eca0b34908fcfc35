"""The value between readers and writers, and where a page lies in a frame."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.content.framing import Target, division_of, frame_for, image_size
from conneg.content.page import Frame, PageGeometry, Raster
from conneg.content.paper import A4, LINE_A3, LINE_A4, LINE_B4, PAPERS, line_for, line_pixels, nominal_line
from conneg.content.placement import MAX_FRAME_PIXELS, place

A4_PAGE = PageGeometry(A4.width_inches, A4.length_inches, None, None, None, "Binary", "text")
LANDSCAPE = PageGeometry(A4.length_inches, A4.width_inches, None, None, None, "Binary", "vector")
S_TARGET = Target(
    "image/tiff", "binary", Fraction(204), Fraction(204, 98), LINE_A4, paper="a4"
)  # profile S, standard resolution


def scan(width: int, height: int, dpi_x: int, dpi_y: int) -> PageGeometry:
    return PageGeometry(
        Fraction(width, dpi_x),
        Fraction(height, dpi_y),
        width,
        height,
        Fraction(dpi_x),
        "Binary",
        "scan",
        Fraction(dpi_y),
    )


def test_a_raster_knows_its_size_and_whether_it_has_colour() -> None:
    grey = Raster(np.zeros((3, 5), dtype=np.uint8), Fraction(204), Fraction(98))
    assert (grey.width, grey.height, grey.is_colour) == (5, 3, False)
    assert Raster(np.zeros((3, 5, 3), dtype=np.uint8), Fraction(1), Fraction(1)).is_colour


def test_a_bilevel_raster_is_bits_until_its_pixels_are_asked_for() -> None:
    raster = Raster.of_bits(
        np.array([[0b10000000], [0b00001000]], dtype=np.uint8), 5, Fraction(204), Fraction(98)
    )
    assert (raster.width, raster.height, raster.is_colour) == (5, 2, False)
    assert raster.pixels.tolist() == [[0, 255, 255, 255, 255], [255, 255, 255, 255, 0]]
    assert raster.bits is not None
    assert Raster(raster.pixels, Fraction(1), Fraction(1)).bits is None


def test_a_geometry_survives_json() -> None:
    geometry = scan(1728, 1146, 204, 98)
    assert PageGeometry.from_json(json.loads(json.dumps(geometry.as_json()))) == geometry
    assert PageGeometry.from_json(json.loads(json.dumps(A4_PAGE.as_json()))) == A4_PAGE


@pytest.mark.parametrize(
    ("dpi", "pixels"),
    [(100, 864), (200, 1728), (204, 1728), (300, 2592), (400, 3456), (408, 3456)],
)
def test_scan_lines_of_a4_have_the_pixels_of_rfc_3949_4_2_1(dpi: int, pixels: int) -> None:
    assert line_pixels(LINE_A4, Fraction(dpi)) == pixels
    assert nominal_line(pixels) == LINE_A4


def test_a_size_that_exceeds_a_nominal_line_by_what_t30_allows_is_that_line() -> None:
    assert line_for(Fraction(1728, 204)) == LINE_A4
    assert line_for(Fraction(1728, 200)) == LINE_A4
    assert line_for(LINE_B4) == LINE_B4
    assert line_for(LINE_A3) == LINE_A3
    assert line_for(Fraction(8)) is None


@pytest.mark.parametrize(
    ("dpi_x", "dpi_y", "lines"),
    [
        (204, 98, 1146),
        (200, 100, 1169),
        (204, 196, 2292),
        (200, 200, 2339),
        (300, 300, 3508),
        (204, 391, 4572),
    ],
)
def test_an_a4_page_has_the_lines_of_its_paper(dpi_x: int, dpi_y: int, lines: int) -> None:
    target = Target("image/tiff", "binary", Fraction(dpi_x), Fraction(dpi_x, dpi_y), LINE_A4, paper="a4")
    assert frame_for(target, A4_PAGE).pixel_height == lines


def test_a_page_on_fax_paper_keeps_its_physical_size_and_lies_in_the_middle_at_the_top() -> None:
    frame = frame_for(S_TARGET, A4_PAGE)
    placement = place(A4_PAGE, frame)
    assert (frame.pixel_width, frame.pixel_height) == (1728, 1146)
    assert placement.width == round(A4.width_inches * 204)
    assert placement.height == round(A4.length_inches * 98)
    assert (placement.left, placement.top) == ((1728 - placement.width) // 2, 0)
    assert not placement.turned


def test_a_landscape_page_is_turned_for_fax_paper() -> None:
    placement = place(LANDSCAPE, frame_for(S_TARGET, LANDSCAPE))
    assert placement.turned
    assert placement.width == round(A4.width_inches * 204)


def test_a_small_landscape_page_that_fits_is_not_turned() -> None:
    card = PageGeometry(Fraction(6), Fraction(4), None, None, None, "Binary", "vector")
    placement = place(card, frame_for(S_TARGET, card))
    assert not placement.turned
    assert placement.width == 6 * 204


def test_a_scan_keeps_its_pixels_and_its_length() -> None:
    page = scan(1728, 1080, 204, 98)
    frame = frame_for(S_TARGET, page)
    assert frame.pixel_height is None
    assert place(page, frame).fills_frame
    assert place(page, frame).frame_height == 1080


def test_a_scan_of_200_by_100_is_taken_as_204_by_98_line_for_line() -> None:
    """RFC 3949 2.2.2: who accepts one must accept the other."""
    page = scan(1728, 1169, 200, 100)
    placement = place(page, frame_for(S_TARGET, page))
    assert (placement.frame_width, placement.frame_height) == (1728, 1169)
    assert placement.fills_frame


def test_a_long_page_keeps_its_length_and_is_never_cut() -> None:
    banner = PageGeometry(Fraction(8), Fraction(30), None, None, None, "Binary", "vector")
    frame = frame_for(S_TARGET, banner)
    assert frame.pixel_height is None
    assert place(banner, frame).frame_height == 30 * 98


@pytest.mark.parametrize(("inches", "sheets"), [(30, 3), (13, 2), (12, None), (5, None)])
def test_a_size_y_in_the_target_divides_a_long_page_and_makes_one_that_is_hardly_longer_smaller(
    inches: int, sheets: int | None
) -> None:
    page = PageGeometry(Fraction(8), Fraction(inches), None, None, None, "Binary", "vector")
    target = Target(
        "image/tiff",
        "binary",
        Fraction(204),
        Fraction(204, 98),
        LINE_A4,
        size_y=Fraction(2970, 254),
        paper="a4",
    )
    frame = frame_for(target, page)
    division = division_of(target, page, frame)
    placement = place(page, frame)
    if sheets is None:
        assert division is None
        assert placement.frame_height / 98 <= Fraction(2970, 254)
    else:
        assert division is not None
        assert (division.sheets, division.lines) == (sheets, int(Fraction(2970, 254) * 98))
        assert (placement.width, placement.height) == (8 * 204, inches * 98)


def test_an_a4_page_on_letter_paper_is_made_to_fit() -> None:
    target = Target("image/tiff", "binary", Fraction(204), Fraction(204, 196), LINE_A4, paper="letter")
    frame = frame_for(target, A4_PAGE)
    assert frame.pixel_height == 11 * 196
    assert place(A4_PAGE, frame).height == 11 * 196


def test_an_a4_page_on_legal_paper_gets_no_white_tail() -> None:
    target = Target("image/tiff", "binary", Fraction(204), Fraction(204, 196), LINE_A4, paper="legal")
    assert frame_for(target, A4_PAGE).pixel_height == round(A4.length_inches * 196)


def test_a_page_of_absurd_proportions_stays_within_the_pixel_bound() -> None:
    strip = PageGeometry(Fraction(1, 10), Fraction(2000), None, None, None, "Binary", "vector")
    placement = place(strip, frame_for(S_TARGET, strip))
    assert placement.frame_width * placement.frame_height <= MAX_FRAME_PIXELS.value
    assert placement.width >= 1


def test_an_image_target_bounds_width_and_height_and_keeps_proportions() -> None:
    page = PageGeometry(Fraction(10), Fraction(5), 4000, 2000, Fraction(400), "Full", "photo")
    frame = frame_for(Target("image/jpeg", "full", pix_x=1080, pix_y=9999), page)
    assert (frame.pixel_width, frame.pixel_height, frame.colour) == (1080, 540, True)
    frame = frame_for(Target("image/jpeg", "grey", pix_x=4000, pix_y=100), page)
    assert (frame.pixel_width, frame.pixel_height, frame.colour) == (200, 100, False)


def test_a_raster_page_has_at_most_its_own_pixels_and_text_four_hundred_dpi() -> None:
    assert image_size(PageGeometry(Fraction(10), Fraction(5), 400, 200, Fraction(40), "Full", "photo")) == (
        400,
        200,
    )
    assert image_size(A4_PAGE) == (int(A4.width_inches * 400), int(A4.length_inches * 400))
    huge = PageGeometry(Fraction(200), Fraction(200), None, None, None, "Full", "vector")
    width, height = image_size(huge)
    assert width * height <= MAX_FRAME_PIXELS.value


def test_a_fax_page_as_an_image_gets_square_pixels() -> None:
    width, height = image_size(scan(1728, 1146, 204, 98))
    assert width == 1728
    assert height == round(1146 * Fraction(204, 98))


@given(
    width=st.fractions(Fraction(1, 4), 60, max_denominator=100),
    height=st.fractions(Fraction(1, 4), 60, max_denominator=100),
    paper=st.sampled_from(sorted(PAPERS)),
    resolution=st.sampled_from([(204, 98), (204, 196), (200, 200), (300, 300), (408, 391)]),
    size_y=st.none() | st.fractions(5, 20, max_denominator=100),
)
def test_no_page_is_cut_or_enlarged(
    width: Fraction, height: Fraction, paper: str, resolution: tuple[int, int], size_y: Fraction | None
) -> None:
    page = PageGeometry(width, height, None, None, None, "Full", "vector")
    x, y = resolution
    line = PAPERS[paper].line_inches
    target = Target("image/tiff", "binary", Fraction(x), Fraction(x, y), line, size_y, paper=paper)
    frame = frame_for(target, page)
    placement = place(page, frame)
    along, across = (height, width) if placement.turned else (width, height)
    assert placement.left >= 0
    assert placement.left + placement.width <= placement.frame_width == frame.pixel_width
    assert placement.top + placement.height <= placement.frame_height
    assert placement.width <= along * x + 1
    assert placement.height <= across * y + 1
    if size_y is not None:
        division = division_of(target, page, frame)
        if division is None:
            assert placement.frame_height <= size_y * y
        else:
            assert division.lines <= size_y * y
            assert (division.sheets - 1) * division.lines < placement.frame_height
            assert placement.frame_height <= division.sheets * division.lines
    if min(placement.width, placement.height) > 50:  # one scale both ways, to a pixel
        assert abs(placement.width / (along * x) - placement.height / (across * y)) < Fraction(1, 40)


def test_a_frame_without_height_takes_the_page_s_own() -> None:
    frame = Frame(1728, None, Fraction(204), Fraction(98), colour=False)
    assert place(A4_PAGE, frame).frame_height == round(A4.length_inches * 98)
