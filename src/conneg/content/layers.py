"""A page in colour taken apart into the three layers of mixed raster content (ITU-T T.44; RFC 3949, 8): arrays only.

The mask chooses, pixel by pixel and at full resolution, between a foreground (the colour of letters and lines) and a
background (paper and pictures), both of which change slowly and may be coarser. Strokes are what is darker than its
surroundings and thin; pictures stay in the background.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from conneg.content.halftone import Packed
from conneg.content.page import Pixels

Floats = npt.NDArray[np.float32]
Truths = npt.NDArray[np.bool_]

_STROKE_INCHES = 0.075
"""Up to this width a dark thing is a stroke: that of bold letters of 36 points."""

_CONTRAST = 72
"""By how much a stroke is darker than its surroundings, of 255."""

_CELL = 4
"""Side of the cells from which holes in a background as fine as the mask are filled, in pixels."""

_BAND = 512
"""Lines worked on at once, so that a large page takes no more memory than a small one but for its octets."""

_SAME_COLOUR = 24.0
"""Standard deviation, of 255, up to which the colours of all strokes count as one."""


@dataclass(frozen=True, slots=True)
class Layers:
    """A page taken apart: `mask` (1 is foreground), `background`, and the `foreground` as an image or one colour.

    Images are sRGB at 1/`divisor` of the mask's resolution, a last cell that is not whole included.
    """

    mask: Packed
    background: Pixels
    foreground: "Pixels | tuple[int, int, int]"
    divisor: int


def take_apart(page: Pixels, dpi: int, divisor: int) -> Layers:
    """Return the layers of a page of sRGB with `dpi` pixels an inch both ways."""
    grey = np.asarray(Image.fromarray(page).convert("L"))
    strokes = _strokes(grey, dpi)
    around = _widened(strokes)
    background = _filled(page, ~around, divisor, 255)
    mask = np.packbits(strokes, axis=1)
    return Layers(mask, background, _foreground(page, strokes, divisor), divisor)


def _strokes(grey: Pixels, dpi: int) -> Truths:
    """Return what is darker than the closing of the page by a square, which fills all that is thinner than it."""
    reach = max(1, round(_STROKE_INCHES * dpi))
    closed = ~_lightest(~_lightest(grey, reach), reach)
    # a stroke ends half-way down to its darkest, as a threshold between ink and paper would have it
    darkest = ~_lightest(~grey, max(1, dpi // 100))
    deep = closed - np.minimum(closed, darkest) >= _CONTRAST
    strokes: Truths = deep & (grey <= darkest + (closed - np.minimum(closed, darkest)) // 2) & (grey < closed)
    return strokes


def _lightest(grey: Pixels, reach: int) -> Pixels:
    """Return for each pixel the lightest within `reach` to every side, by windows of doubled length."""
    window, length = 2 * reach + 1, 1
    found = np.pad(grey, reach)
    while length < window:
        step = min(length, window - length)
        found = np.maximum(found[:, :-step], found[:, step:])
        length += step
    length = 1
    while length < window:
        step = min(length, window - length)
        found = np.maximum(found[:-step], found[step:])
        length += step
    return found


def _widened(marks: Truths) -> Truths:
    """Return the marks and their eight neighbours: the smooth rim of a letter is no background."""
    wide: Truths = _lightest(marks.astype(np.uint8), 1) > 0
    return wide


def _foreground(page: Pixels, strokes: Truths, divisor: int) -> "Pixels | tuple[int, int, int]":
    colours = page[strokes]
    if not len(colours):
        return (0, 0, 0)
    darkest = colours[colours.sum(axis=1) <= np.median(colours.sum(axis=1))]
    if float(darkest.std(axis=0).max()) <= _SAME_COLOUR:
        red, green, blue = (int(value) for value in np.median(darkest, axis=0))
        return red, green, blue
    return _filled(page, strokes, divisor, 0)


def _filled(page: Pixels, known: Truths, divisor: int, otherwise: int) -> Pixels:
    """Return the mean of the known pixels of each cell; where there are none, what lies around."""
    cell = divisor if divisor > 1 else _CELL
    filled = _spread(*_cells(page, known, cell), otherwise)
    coarse = np.clip(np.rint(filled), 0, 255).astype(np.uint8)
    if divisor > 1:
        return coarse
    height, width = known.shape
    whole = coarse.repeat(cell, axis=0).repeat(cell, axis=1)[:height, :width]
    np.copyto(whole, page, where=known[..., None])
    return whole


def _cells(page: Pixels, known: Truths, side: int) -> tuple[Floats, Floats]:
    """Return the sums of the known pixels' colours, and their number, over squares of `side`; some lines at a time."""
    height, width = known.shape
    down, across = -(-height // side), -(-width // side)
    colours, weights = np.zeros((down, across, 3), np.float32), np.zeros((down, across, 1), np.float32)
    lines = _BAND // side * side
    for top in range(0, height, lines):
        here = known[top : top + lines, :, None]
        room = ((0, -len(here) % side), (0, across * side - width), (0, 0))
        rows = slice(top // side, top // side + -(-len(here) // side))
        weights[rows] = _summed(np.pad(here, room).astype(np.float32), side)
        colours[rows] = _summed(np.pad(page[top : top + lines] * here, room).astype(np.float32), side)
    return colours, weights


def _summed(values: Floats, side: int) -> Floats:
    """Return the sums over squares of `side`."""
    height, width, depth = values.shape
    cells = values.reshape(height // side, side, width // side, side, depth)
    return np.asarray(cells.sum(axis=(1, 3)), dtype=np.float32)


def _spread(colours: Floats, weights: Floats, otherwise: int) -> Floats:
    """Return colours by their weights; cells of none get those of a page half as fine, and so on upwards."""
    height, width, _ = weights.shape
    if not weights.any():
        return np.full_like(colours, otherwise)
    mean: Floats = (colours / np.maximum(weights, 1)).astype(np.float32)
    if weights.all() or (height == 1 and width == 1):
        return mean
    even = ((0, height % 2), (0, width % 2), (0, 0))
    coarse = _spread(_summed(np.pad(colours, even), 2), _summed(np.pad(weights, even), 2), otherwise)
    wide = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(weights > 0, mean, wide).astype(np.float32)
