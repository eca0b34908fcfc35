"""Letters on tinted grounds: they stay whole, and what is no ground stays what it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from conneg.content.grounds import clear_grounds
from conneg.content.halftone import bilevel, unpack
from conneg.content.page import Pixels

DPI = [(204.0, 196.0), (204.0, 98.0), (408.0, 391.0)]


def lettered(ground: int, ink: int, dpi: tuple[float, float], *, paper: int = 255) -> tuple[Pixels, Pixels]:
    """A panel of `ground` with three lines of 10 pt letters, on paper; and how much of a pixel they cover, of 255."""
    x, y = dpi
    size = (round(4 * x), round(2 * x))
    letters = Image.new("L", size, 0)
    font = ImageFont.load_default(10 * x / 72)
    text = "Sandvik Marine Surveyors\nhull thickness 14.2 mm\nfrom the master, 9 October"
    ImageDraw.Draw(letters).multiline_text((x / 2, x / 2), text, 255, font, spacing=x / 24)
    squeezed = letters.resize((size[0], round(size[1] * y / x)), Image.Resampling.BOX)
    share = np.asarray(squeezed, dtype=np.float64) / 255
    page = np.full(share.shape, paper, dtype=np.float64)
    top, left = round(y / 4), round(x / 4)
    page[top:-top, left:-left] = ground
    page += share * (ink - page)
    return page.round().astype(np.uint8), (share * 255).astype(np.uint8)


def around(share: Pixels, dpi: tuple[float, float], inches: float) -> tuple[slice, slice]:
    """The rectangle of the letters and so much around them."""
    rows, columns = np.flatnonzero(share.any(axis=1)), np.flatnonzero(share.any(axis=0))
    down, across = round(inches * dpi[1]), round(inches * dpi[0])
    return (
        slice(rows[0] - down, rows[-1] + 1 + down),
        slice(columns[0] - across, columns[-1] + 1 + across),
    )


@pytest.mark.parametrize("dpi", DPI)
@pytest.mark.parametrize(
    ("ground", "ink"), [(217, 0), (228, 60), (150, 0), (120, 30), (46, 255), (20, 180), (90, 255)]
)
def test_letters_on_a_ground_come_out_as_letters_on_paper(
    ground: int, ink: int, dpi: tuple[float, float]
) -> None:
    page, share = lettered(ground, ink, dpi)
    letters = around(share, dpi, 0)
    white = unpack(bilevel(page, *dpi), page.shape[1])[letters]
    drawn = white if ink > ground else ~white
    assert drawn[share[letters] > 160].all(), "strokes are whole"
    near = np.zeros(share.shape, dtype=np.bool_)
    high = 2
    near[high:-high, high:-high] = sum(
        share[high + down : share.shape[0] - high + down, high + across : share.shape[1] - high + across] > 0
        for down in range(-high, high + 1)
        for across in range(-high, high + 1)
    )
    assert not drawn[near[letters] & (share[letters] == 0)].any(), "nothing of a screen touches them"


@pytest.mark.parametrize("dpi", DPI)
def test_a_label_in_a_band_no_higher_than_a_line_is_whole(dpi: tuple[float, float]) -> None:
    page, share = lettered(255, 0, dpi)
    rows = np.flatnonzero(share.any(axis=1))
    line = slice(rows[0] - round(dpi[1] / 24), rows[0] + round(dpi[1] / 6))
    page[line] = (page[line] * (217 / 255)).astype(np.uint8)
    white = unpack(bilevel(page, *dpi), page.shape[1])[line]
    alone = unpack(bilevel(page[line], *dpi), page.shape[1])
    letters = share[line] > 160
    columns = np.flatnonzero(letters.any(axis=0))
    between = (slice(None), slice(columns[0], columns[-1] + 1))
    for drawn in (white, alone):
        assert not drawn[letters].any(), "strokes are whole"
        assert drawn[between][share[line][between] == 0].mean() > 0.99, "no dots between them"


@pytest.mark.parametrize("dpi", DPI)
@pytest.mark.parametrize(("ground", "ink", "becomes"), [(217, 0, 255), (150, 0, 255), (90, 255, 0)])
def test_a_ground_with_letters_is_cleared_to_its_edges(
    ground: int, ink: int, becomes: int, dpi: tuple[float, float]
) -> None:
    page, share = lettered(ground, ink, dpi)
    cleared = clear_grounds(page, *dpi)
    assert (cleared[page == ground] == becomes)[share[page == ground] == 0].all()
    assert (cleared[page == 255] == 255).all()


@pytest.mark.parametrize("dpi", DPI)
def test_a_ground_without_letters_keeps_its_shade_beside_one_that_has_some(dpi: tuple[float, float]) -> None:
    lettered_panel, _ = lettered(217, 0, dpi)
    lower = lettered_panel.copy()
    lower[lower < 255] = 200
    upper = clear_grounds(lettered_panel, *dpi)
    cleared = clear_grounds(np.concatenate((lettered_panel, lower)), *dpi)
    assert (cleared[: len(upper)] == upper).all()
    assert (cleared[len(upper) :] == lower).all()
    aligned = (len(lettered_panel) - round(dpi[1] * 3 / 4)) // 16 * 16
    band = (slice(aligned, -round(dpi[1] / 4)), slice(round(dpi[0] / 2), -round(dpi[0] / 2)))
    lettered_panel[band] = 205
    assert (clear_grounds(lettered_panel, *dpi)[band][:-16, 16:-16] == 205).all()


@pytest.mark.parametrize("dpi", DPI)
@pytest.mark.parametrize("ground", [217, 120, 20])
def test_the_edge_of_a_ground_is_no_stroke(ground: int, dpi: tuple[float, float]) -> None:
    for shift in range(8):
        page = np.full((300, 400), 255, dtype=np.uint8)
        page[60 + shift : 240 + shift, 80 + shift : 320 + shift] = ground
        assert clear_grounds(page, *dpi) is page


def test_photographs_gradients_and_plain_letters_stay_as_they_are() -> None:
    noise = np.random.default_rng(7).normal(0, 6, (800, 800))
    waves = 120 + 90 * np.sin(np.arange(800) / 90)[:, None] * np.cos(np.arange(800) / 70)[None, :]
    photo = (waves + noise).clip(0, 255).astype(np.uint8)
    photo[300:500, 400:404] = 10
    slope = np.broadcast_to(np.linspace(100, 200, 800)[None, :], (800, 800)).astype(np.uint8).copy()
    slope[300:500, 400:404] = 10
    letters, _ = lettered(255, 0, DPI[0])
    for page in (photo, slope, letters):
        assert clear_grounds(page, *DPI[0]) is page


def test_a_photograph_that_is_enlarged_for_fine_lines_has_no_ground() -> None:
    """Three pixels of it to one of 150 dpi: smooth places are even for some pixels."""
    waves = 120 + 90 * np.sin(np.arange(400) / 50)[:, None] * np.cos(np.arange(400) / 40)[None, :]
    grain = np.random.default_rng(2).normal(0, 0.4, (400, 400))
    photo = Image.fromarray((waves + grain).clip(0, 255).astype(np.uint8))
    photo.paste(10, (200, 150, 203, 250))
    page = np.asarray(photo.resize((1088, 1043), Image.Resampling.BICUBIC))
    assert clear_grounds(page, *DPI[2]) is page


def test_a_page_is_not_written_to() -> None:
    page, _ = lettered(217, 0, DPI[0])
    before = page.copy()
    assert clear_grounds(page, *DPI[0]) is not page
    assert (page == before).all()


@given(
    st.integers(0, 70),
    st.integers(0, 70),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 8, 20]),
    st.sampled_from(DPI),
)
@settings(deadline=None)
def test_any_page_keeps_its_size_and_changes_only_to_black_and_white(
    height: int, width: int, seed: int, patch: int, dpi: tuple[float, float]
) -> None:
    draw = np.random.default_rng(seed)
    shades = draw.choice(
        [0, 30, 90, 150, 231, 232, 255],
        (height // patch + 1, width // patch + 1),
        p=[0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1],
    )
    page = shades.repeat(patch, axis=0).repeat(patch, axis=1)[:height, :width].astype(np.uint8)
    cleared = clear_grounds(page, *dpi)
    assert cleared.shape == page.shape
    assert np.isin(cleared[cleared != page], (0, 255)).all()
