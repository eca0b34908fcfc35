"""Where a grey page has shades, not strokes: photographs and filled shapes, to the nearest few pixels.

The page is looked at in blocks of four pixels. A block without paper in it is shaded; strokes are worn away by taking a
stroke's breadth off every shaded area and putting it on again, which leaves photographs and fills as they were, with
their own black and light places.
"""

import numpy as np
import numpy.typing as npt

from conneg.content.neighbourhood import over
from conneg.content.page import Pixels

BLOCK = 4
"""Pixels of a block along the line."""

_PAPER = 232
_STROKE_INCHES = 0.1
"""Shapes narrower than this are strokes and not screened: a screen has no edges to show them with."""

Blocks = npt.NDArray[np.bool_]


def block_height(dpi_ratio: float) -> int:
    """Return the lines of a block, about as high as it is wide; 2 or 4, so that eight lines are whole blocks."""
    return 2 if dpi_ratio >= 1.5 else BLOCK


def stroke_radius(dpi: float) -> int:
    """Return half the breadth of the broadest stroke, in blocks, at so many pixels an inch along the line."""
    return max(1, round(_STROKE_INCHES * dpi / BLOCK / 2))


def find_tones(grey: Pixels, dpi: float, dpi_ratio: float) -> Blocks:
    """Return for each whole block whether it is of an area of shades; `dpi` is the horizontal resolution."""
    high = block_height(dpi_ratio)
    rows, columns = grey.shape[0] // high, grey.shape[1] // BLOCK
    sample = grey[: rows * high, : columns * BLOCK]
    if not _may_have_tones(sample[:: 2 * high, :: 2 * BLOCK]):
        return np.zeros((rows, columns), dtype=np.bool_)
    lightest = sample[0::high, 0::BLOCK]
    for row, column in ((0, 2), (high // 2, 1), (high // 2, 3), (high - 1, 0), (high - 1, 2)):
        lightest = np.maximum(lightest, sample[row::high, column::BLOCK])
    shaded: Blocks = lightest < _PAPER
    if not shaded.any():
        return shaded
    radius = stroke_radius(dpi)
    return np.asarray(_grown(~_grown(~shaded, radius), radius) & shaded, dtype=np.bool_)


def _may_have_tones(sparse: Pixels) -> bool:
    """Whether four neighbours among a few pixels are all shaded, as they are in any area broader than a stroke."""
    shaded = sparse < _PAPER
    return bool((shaded[1:, 1:] & shaded[:-1, 1:] & shaded[1:, :-1] & shaded[:-1, :-1]).any())


def _grown(mask: Blocks, radius: int) -> Blocks:
    """Return `mask` with everything within `radius` of it, along both axes."""
    for axis in (0, 1):
        mask = over(np.logical_or, mask, axis, radius)
    return mask
