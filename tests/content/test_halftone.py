"""Bi-level pages: letters whole, pictures screened, and as few octets as a screen promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.content import native
from conneg.content.codings import Coding, StripForm, encode
from conneg.content.grounds import clear_grounds
from conneg.content.halftone import Packed, _by_arrays, bilevel, diffuse, is_bilevel, pack, unpack
from conneg.content.page import Pixels
from tests.content import pages
from tests.system import lacking


def coverage(packed: Packed, width: int) -> float:
    return float(1 - unpack(packed, width).mean())


def mmr_octets(packed: Packed, width: int) -> int:
    return len(encode(packed, StripForm(width, len(packed), Coding.MMR)))


def test_black_and_white_stay_what_they_are() -> None:
    white = pages.bars(1728, 333)
    assert (unpack(bilevel(np.where(white, 255, 0).astype(np.uint8)), 1728) == white).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 8), (8, 9), (13, 1729), (2000, 3)])
def test_any_size_keeps_its_pixels_and_clears_the_bits_beyond(size: tuple[int, int]) -> None:
    height, width = size
    packed = bilevel(np.zeros((height, width), dtype=np.uint8))
    assert packed.shape == (height, (width + 7) // 8)
    assert int(np.unpackbits(packed).sum()) == height * width


def test_packing_has_the_first_pixel_in_the_highest_bit_and_black_as_one() -> None:
    white = np.array([[False, True, True, True, True, True, True, True, False]])
    assert pack(white).tolist() == [[0x80, 0x80]]
    assert (unpack(pack(white), 9) == white).all()


def test_a_picture_is_screened_to_its_own_lightness() -> None:
    for shade in range(48, 212, 20):
        page = np.full((400, 800), shade, dtype=np.uint8)
        assert coverage(bilevel(page), 800) == pytest.approx(1 - shade / 255, abs=0.015), shade


def test_darker_is_never_lighter_after_screening() -> None:
    shades = [coverage(bilevel(np.full((64, 64), shade, dtype=np.uint8)), 64) for shade in range(45, 212)]
    assert shades == sorted(shades, reverse=True)


def test_a_screened_photograph_takes_less_than_half_the_octets_of_error_diffusion() -> None:
    photo = pages.photo()
    screened, diffused = bilevel(photo), diffuse(photo)
    assert coverage(screened, 1728) == pytest.approx(coverage(diffused, 1728), abs=0.02)
    assert mmr_octets(screened, 1728) * 2 < mmr_octets(diffused, 1728)


def test_letters_are_not_screened() -> None:
    """A smooth page of type becomes what a threshold makes of it; error diffusion would fray it."""
    page = pages.text()
    assert (unpack(bilevel(page), 1728) == (page >= 200)).all()


@pytest.mark.parametrize("shade", [80, 120, 140, 160, 190, 205])
def test_faint_letters_stay_whole(shade: int) -> None:
    """Grey type on white has as much ink as black type has."""
    whole = coverage(bilevel(pages.text(shade=0)), 1728)
    assert coverage(bilevel(pages.text(shade=shade)), 1728) == pytest.approx(whole, rel=0.25)


def test_a_thin_stroke_between_two_pixels_stays_one_line() -> None:
    page = np.full((64, 64), 255, dtype=np.uint8)
    page[:, 31:33] = 150
    marks = ~unpack(bilevel(page), 64)
    assert marks.any(axis=1).all()
    assert marks.sum(axis=1).max() <= 2


def test_a_thin_stroke_between_two_coarse_lines_is_drawn() -> None:
    """At 98 lines an inch a hairline is a ridge of light grey."""
    page = np.full((64, 64), 255, dtype=np.uint8)
    page[20, 4:60] = 200
    page[0:4, :8] = 0  # ink elsewhere
    assert (~unpack(bilevel(page, 204, 98), 64))[20, 4:60].all()


def test_type_beside_a_photograph_stays_sharp() -> None:
    page = pages.text(1728, 800).copy()
    page[300:700, 600:1400] = pages.photo()[300:700, 600:1400]
    alone = unpack(bilevel(pages.text(1728, 800)), 1728)
    together = unpack(bilevel(page), 1728)
    assert (together[:280] == alone[:280]).all()
    assert (together[:, :570] == alone[:, :570]).all()
    inside = together[320:680, 620:1380]
    assert 0.2 < 1 - inside.mean() < 0.8
    assert (inside[:, 1:] != inside[:, :-1]).mean() > 0.15, "dots, not areas"


def test_light_places_in_a_photograph_keep_their_shade() -> None:
    page = np.full((800, 800), 150, dtype=np.uint8)
    page[200:600, 200:600] = 230
    assert coverage(bilevel(page)[240:560, 30:70], 320) == pytest.approx(1 - 230 / 255, abs=0.02)
    page[200:600, 200:600] = 255
    assert coverage(bilevel(page)[240:560, 30:70], 320) == 0


def test_paper_that_is_not_quite_white_is_not_screened() -> None:
    """A scanned page: grey paper, type, one photograph at its side."""
    page = np.minimum(pages.text(1728, 800), 236)
    page[300:700, 900:1600] = pages.photo()[300:700, 900:1600]
    paper = unpack(bilevel(page), 1728)[710:760, :]
    assert (unpack(bilevel(page), 1728)[:, 800:880] == (page[:, 800:880] >= 200)).all()
    assert paper.mean() > 0.7


def test_dots_are_of_one_size_on_paper() -> None:
    """The ruling is in dots an inch: the same picture at twice the resolution takes hardly twice the octets."""
    coarse, fine = pages.photo(1728, 400), np.repeat(np.repeat(pages.photo(1728, 400), 2, axis=0), 2, axis=1)
    octets = mmr_octets(bilevel(coarse, 200, 200), 1728)
    assert mmr_octets(bilevel(fine, 400, 400), 3456) < 2.5 * octets


def test_dots_are_half_as_high_where_lines_are_coarse() -> None:
    page = np.full((64, 64), 128, dtype=np.uint8)
    square, flat = bilevel(page), bilevel(page, 204, 98)

    def turns_down(packed: Packed) -> float:
        marks = unpack(packed, 64)
        return float((marks[1:] != marks[:-1]).mean())

    assert turns_down(flat) > 1.5 * turns_down(square)


def test_what_is_bilevel_already_is_known() -> None:
    assert is_bilevel(np.array([[0, 255]], dtype=np.uint8))
    assert not is_bilevel(np.array([[0, 254]], dtype=np.uint8))


def test_a_page_is_not_changed_by_being_looked_at() -> None:
    page: Pixels = pages.photo(640, 200)
    before = page.copy()
    bilevel(page)
    assert (page == before).all()


RESOLUTIONS = [(204, 98), (204, 196), (200, 200), (300, 300), (408, 391), (100, 100), (204, 391), (200, 100)]


@st.composite
def grey_pages(draw: st.DrawFn) -> Pixels:
    """Rectangles of all shades and sizes, with or without noise; or noise alone; or soft shapes."""
    height, width = draw(st.integers(1, 220)), draw(st.integers(1, 400) | st.sampled_from([64, 128, 192]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    match draw(st.sampled_from(["noise", "soft", "shapes", "rough shapes"])):
        case "noise":
            return rng.integers(0, 256, (height, width), dtype=np.uint8)
        case "soft":
            return pages.photo(width, height)
        case kind:
            page = np.full((height, width), 255, dtype=np.uint8)
            for _ in range(int(rng.integers(1, 12))):
                top, left = int(rng.integers(height)), int(rng.integers(width))
                deep, wide = rng.integers(1, 90, 2)
                page[top : top + deep, left : left + wide] = rng.integers(256)
            noise = rng.integers(-20, 21, page.shape) if kind == "rough shapes" else 0
            return np.clip(page.astype(np.int16) + noise, 0, 255).astype(np.uint8)


@given(grey_pages(), st.sampled_from(RESOLUTIONS))
@settings(max_examples=400, deadline=None)
def test_the_c_module_and_numpy_agree_on_every_bit(page: Pixels, dpi: tuple[int, int]) -> None:
    if native.bilevel is None:
        lacking("needs the C module: apt-get install gcc libc6-dev python3-dev, and install conneg again")
    x, y = dpi
    assert (bilevel(page, x, y) == _by_arrays(clear_grounds(page, x, y), x, x / y)).all()


def test_without_the_c_module_pages_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    page = np.concatenate([pages.text(1728, 400), pages.photo(1728, 400)])
    expected = bilevel(page, 204, 196)
    monkeypatch.setattr(native, "bilevel", None)
    assert (bilevel(page, 204, 196) == expected).all()
