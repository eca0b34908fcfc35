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
    closed = _lightest(grey, reach)
    closed = 255 - _lightest(255 - closed, reach)
    depth = closed.astype(np.int16) - grey
    # a stroke ends half-way down to its darkest, as a threshold between ink and paper would have it
    darkest = 255 - _lightest(255 - grey, max(1, dpi // 100))
    middle = (closed.astype(np.int16) + darkest) // 2
    strokes: Truths = (closed.astype(np.int16) - darkest >= _CONTRAST) & (grey <= middle) & (depth > 0)
    return strokes


def _lightest(grey: Pixels, reach: int) -> Pixels:
    """Return for each pixel the lightest within `reach` to every side."""
    for axis in (0, 1):
        grey = _lightest_along(np.moveaxis(grey, axis, -1), reach)
        grey = np.moveaxis(grey, -1, axis)
    return np.ascontiguousarray(grey)


def _lightest_along(grey: Pixels, reach: int) -> Pixels:
    """The lightest of 2 * reach + 1 neighbours in the last axis, by windows of doubled length."""
    window, length = 2 * reach + 1, 1
    found = np.pad(grey, ((0, 0), (reach, reach)))
    while length < window:
        step = min(length, window - length)
        found = np.maximum(found[:, :-step], found[:, step:])
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
    height, width = known.shape
    across, down = -(-width // divisor) * divisor - width, -(-height // divisor) * divisor - height
    weights = np.pad(known, ((0, down), (0, across))).astype(np.float32)
    colours = np.pad(page, ((0, down), (0, across), (0, 0))).astype(np.float32) * weights[..., None]
    filled = _spread(_summed(colours, divisor), _summed(weights[..., None], divisor), otherwise)
    return np.clip(np.rint(filled), 0, 255).astype(np.uint8)


def _summed(values: Floats, side: int) -> Floats:
    """Return the sums over squares of `side`."""
    if side == 1:
        return values
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
