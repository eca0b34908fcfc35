"""From grey pages to bi-level ones: letters and lines by threshold, photographs by a clustered-dot screen.

Areas of shades (`conneg.content.tones`) are screened; elsewhere a threshold keeps strokes whole, and faint strokes
get one of their own, tile by tile of 8 by 8 pixels, between their shade and that of the paper. Clustered dots code
in a third of the octets that error diffusion takes, and facsimile prints them better. What comes out is packed, eight
pixels an octet, first pixel in the highest bit, 1 for black: what MH, MR and MMR with PhotometricInterpretation 0 want.
"""

import functools

import numpy as np
import numpy.typing as npt

from conneg.content import native
from conneg.content.grounds import clear_grounds
from conneg.content.page import Pixels
from conneg.content.tones import BLOCK, Blocks, block_height, find_tones, stroke_radius

Packed = npt.NDArray[np.uint8]
"""(height, octets a line): eight pixels an octet, 1 is black, the bits beyond the width are 0."""

_TILE = 8
_BAND = 48 * _TILE
"""Lines worked on at once: what a processor's second cache holds, and whole cells of every screen."""

_BLACK_BELOW = 200
"""The threshold for strokes: a stroke that covers a quarter of a pixel is still drawn."""

_DENSE_BLACK_BELOW = 160
"""The threshold for letters of many strokes where lines are coarse: what is between them must stay white."""

_PAPER, _RIDGE = 232, 20
"""Where lines are coarse, what is darker than paper and by this much darker than both sides is a thin stroke."""

_MIDDLE = (40, 216)
"""Shades from the first to below the second are neither black nor white."""

_FLAT = 1.5
"""From this ratio of horizontal to vertical resolution on lines are coarse and dots are made half as high as wide."""

_MANY = 44
"""A tile with so many of its 64 pixels in the middle is no tile of strokes; smooth letters have fewer."""

_SCREEN_DPI = 200
"""The resolution of an 8 by 8 cell; finer pages have cells of more pixels, so that dots stay as large."""

_INK_BELOW = 96
"""A stroke with a pixel as dark as this is not faint."""

_FAINT_CONTRAST = 40
"""By how much a faint stroke must differ from its paper to be kept."""


def bilevel(grey: Pixels, dpi_x: float = 200.0, dpi_y: float = 200.0, *, dense: bool = False) -> Packed:
    """Return the page `grey` in black and white.

    So many pixels an inch both ways: dots of the screen stay round when lines are 98 to the inch and pixels 204.
    `dense`: it is written in letters of many strokes.
    """
    grey = clear_grounds(grey, dpi_x, dpi_y)
    dpi_ratio = dpi_x / dpi_y
    black_below = _DENSE_BLACK_BELOW if dense and dpi_ratio >= _FLAT else _BLACK_BELOW
    if native.bilevel is None:
        return _by_arrays(grey, dpi_x, dpi_ratio, black_below)
    height, width = grey.shape
    screen = _screen(_screen_scale(dpi_x), dpi_ratio >= _FLAT)
    octets = native.bilevel.bilevel(
        np.ascontiguousarray(grey),
        width,
        height,
        black_below,
        block_height(dpi_ratio),
        stroke_radius(dpi_x),
        dpi_ratio >= _FLAT,
        screen,
        len(screen),
    )
    return np.frombuffer(octets, dtype=np.uint8).reshape(height, (width + 7) // 8)


def _by_arrays(grey: Pixels, dpi: float, dpi_ratio: float, black_below: int = _BLACK_BELOW) -> Packed:
    """Return what the C module makes of `grey`, with numpy alone: the same, bit for bit."""
    height, width = grey.shape
    padded = _in_tiles(grey)
    middle, packed = _survey(padded, black_below)
    tones = find_tones(padded, dpi, dpi_ratio)
    if dpi_ratio >= _FLAT and middle.any():
        _keep_ridges(padded, packed)
    if middle.any():
        _keep_faint_strokes(padded, middle, _in_tones(tones, dpi_ratio), packed)
    _screen_tones(padded, tones, packed, dpi, dpi_ratio)
    packed = packed[:height]
    octets = (width + 7) // 8
    if packed.shape[1] != octets:
        packed = packed[:, :octets]
    if width % 8:
        packed[:, -1] &= np.uint8(0xFF00 >> (width % 8) & 0xFF)
    return np.ascontiguousarray(packed)


def diffuse(grey: Pixels) -> Packed:
    """Return `grey` in black and white by error diffusion: finer than a screen, and three times the octets."""
    from PIL import Image

    return pack(np.asarray(Image.fromarray(grey).convert("1")))


def pack(white: npt.NDArray[np.bool_]) -> Packed:
    """Return a page given as truth for white, packed."""
    return np.packbits(~white, axis=1)


def unpack(packed: Packed, width: int) -> npt.NDArray[np.bool_]:
    """Return what `pack` packed: truth for white."""
    white: npt.NDArray[np.bool_] = np.unpackbits(packed, axis=1, count=width) == 0
    return white


def is_bilevel(grey: Pixels) -> bool:
    """Whether there is nothing but black and white."""
    return bool(((grey == 0) | (grey == 255)).all())


def _in_tiles(grey: Pixels) -> Pixels:
    """Return the page filled up with white to whole tiles."""
    height, width = grey.shape
    if height % _TILE == 0 and width % _TILE == 0:
        return np.ascontiguousarray(grey)
    tiled = np.empty((-(-height // _TILE) * _TILE, -(-width // _TILE) * _TILE), dtype=np.uint8)
    tiled[:height, :width] = grey
    tiled[height:] = 255
    tiled[:height, width:] = 255
    return tiled


def _survey(page: Pixels, black_below: int) -> tuple[Packed, Packed]:
    """Return for each tile how many of its pixels are in the middle, and the page by threshold."""
    height, width = page.shape
    middle = np.empty((height // _TILE, width // _TILE), dtype=np.uint8)
    packed = np.empty((height, width // 8), dtype=np.uint8)
    scratch = np.empty((_BAND, width), dtype=np.uint8)
    marks = np.empty((_BAND, width), dtype=np.bool_)
    low, high = _MIDDLE
    for top in range(0, height, _BAND):
        band = page[top : top + _BAND]
        lines = len(band)
        mark, shifted = marks[:lines], scratch[:lines]
        tiles = slice(top // _TILE, (top + lines) // _TILE)
        np.less(band, black_below, out=mark)
        packed[top : top + lines] = np.packbits(mark, axis=1)
        np.subtract(band, np.uint8(low), out=shifted)  # wraps round: one comparison for both limits
        np.less(shifted, high - low, out=mark)
        middle[tiles] = _count(mark)
    return middle, packed


def _count(marks: npt.NDArray[np.bool_]) -> Packed:
    """Return the number of marks in each tile: eight truths are added as one word, then its octets."""
    lines, width = marks.shape
    words = marks.view(np.uint64).reshape(lines // _TILE, _TILE, width // 8)
    sums = np.add.reduce(words, axis=1)
    counts: Packed = ((sums * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.uint8)
    return counts


def _around(tiles: npt.NDArray[np.uint8], reach: int) -> npt.NDArray[np.uint8]:
    """Return for each tile the sum over the square that reaches `reach` tiles to every side."""
    padded = np.pad(tiles, reach)
    rows = sum(padded[step : step + tiles.shape[0]] for step in range(2 * reach + 1))
    assert not isinstance(rows, int), "there is at least one summand"
    total = sum(rows[:, step : step + tiles.shape[1]] for step in range(2 * reach + 1))
    assert not isinstance(total, int), "there is at least one summand"
    return total


def _keep_ridges(page: Pixels, packed: Packed) -> None:
    """Draw thin horizontal strokes that fall between two coarse lines: they leave a ridge of grey in one of them."""
    for top in range(2, page.shape[0] - 2, _BAND):
        lines = slice(top, min(top + _BAND, page.shape[0] - 2))
        here = page[lines]
        before, after = page[lines.start - 1 : lines.stop - 1], page[lines.start + 1 : lines.stop + 1]
        sides = np.minimum(page[lines.start - 2 : lines.stop - 2], page[lines.start + 2 : lines.stop + 2])
        ridge = (here < _PAPER) & (here <= before) & (here < after) & (sides > _RIDGE)
        ridge &= here < sides - np.minimum(sides, _RIDGE)
        packed[lines] |= np.packbits(ridge, axis=1)


def _in_tones(tones: Blocks, dpi_ratio: float) -> npt.NDArray[np.bool_]:
    """Return for each tile whether any of it is of an area of shades."""
    down, across = _TILE // block_height(dpi_ratio), _TILE // BLOCK
    tiles = tones.reshape(tones.shape[0] // down, down, tones.shape[1] // across, across)
    return np.asarray(tiles.any(axis=(1, 3)), dtype=np.bool_)


def _keep_faint_strokes(
    page: Pixels, middle: Packed, screened: npt.NDArray[np.bool_], packed: Packed
) -> None:
    """Give tiles of grey strokes without any black around a threshold between stroke and paper.

    The black of areas of shades does not count: what runs up to a photograph is no part of it.
    """
    ink = np.empty_like(middle)
    for top in range(0, page.shape[0], _BAND):
        band = page[top : top + _BAND]
        ink[top // _TILE : (top + len(band)) // _TILE] = _count(band < _INK_BELOW) > 0
    rows, columns = np.nonzero((middle >= 3) & (middle < _MANY) & (_around(ink & ~screened, 1) == 0))
    if not len(rows):
        return
    blocks = page.reshape(page.shape[0] // _TILE, _TILE, page.shape[1] // _TILE, _TILE)[rows, :, columns, :]
    darkest = blocks.min(axis=(1, 2)).astype(np.int16)
    lightest = blocks.max(axis=(1, 2)).astype(np.int16)
    strokes = lightest - darkest >= _FAINT_CONTRAST
    threshold = ((darkest + lightest) // 2)[:, None, None]
    marks = (blocks < threshold) & strokes[:, None, None]
    octets = packed.reshape(packed.shape[0] // _TILE, _TILE, packed.shape[1])
    octets[rows, :, columns] |= np.packbits(marks, axis=2)[..., 0]


def _screen_tones(page: Pixels, tones: Blocks, packed: Packed, dpi: float, dpi_ratio: float) -> None:
    """Replace areas of shades by their screened image, a band of lines at a time."""
    if not tones.any():
        return
    screen = _screen(_screen_scale(dpi), dpi_ratio >= _FLAT)
    high = block_height(dpi_ratio)
    columns = np.flatnonzero(tones.any(axis=0))
    first, last = int(columns[0]) * BLOCK // 8, -(-(int(columns[-1]) + 1) * BLOCK // 8)
    limits = np.tile(screen, (_BAND // len(screen), -(-page.shape[1] // len(screen[0]))))[
        :, first * 8 : last * 8
    ]
    for top in range(0, page.shape[0], _BAND):
        inside = tones[top // high : (top + _BAND) // high, first * 8 // BLOCK : last * 8 // BLOCK]
        if not inside.any():
            continue
        shades = page[top : top + _BAND, first * 8 : last * 8]
        chosen = np.packbits(inside.repeat(BLOCK, axis=1), axis=1).repeat(high, axis=0)
        dots = np.packbits(shades < limits[: len(shades)], axis=1)
        place = packed[top : top + len(shades), first:last]
        place &= ~chosen
        place |= dots & chosen


def _screen_scale(dpi: float) -> int:
    return max(1, round(dpi / _SCREEN_DPI))


@functools.cache
def _screen(scale: int, flat: bool) -> npt.NDArray[np.uint8]:
    """Return the thresholds of one cell, 8 by 8 or `scale` times that: two dots, at 45 degrees; black where below.

    With `flat` dots are half as high as wide, for pages with twice as many pixels along as across. Shades from
    the first to the last threshold are spread evenly; 0 is always black, 255 always white.
    """
    side = _TILE * scale
    across = np.arange(side) + 0.5
    lines = np.arange(side) + 0.5
    period = side // 2 if flat else side
    x = np.cos(2 * np.pi * across / side)[None, :]
    y = np.cos(2 * np.pi * lines / period)[:, None]
    # the product of the two waves is highest in the middles of the dots, two a cell; a slight tilt parts equals
    tilt = (1e-3 * across[None, :] + 1.7e-3 * lines[:, None]) / scale
    order = np.empty(side * side, dtype=np.int64)
    order[np.argsort(-(x * y + tilt), axis=None, kind="stable")] = np.arange(side * side)
    limits = 255 - (order * 2 + 1) * 255 // (2 * side * side)
    return limits.reshape(side, side).clip(1, 255).astype(np.uint8)
