"""Where a grey page, looked at at few places, is of one kind over a square of them: what pictures and grounds have, and
strokes do not.
"""

import functools
from dataclasses import dataclass

import numpy as np

from conneg.content import native
from conneg.content.page import Pixels


@dataclass(frozen=True, slots=True)
class SquareKind:
    """What is looked for. The middle pixel of each whole tile, so many pixels high and wide, is looked at.

    A square of `side` by `side` tiles is found where all of these pixels are at least `darkest`, less than
    `lighter_than`, and within `range` of each other.
    """

    tile_height: int
    tile_width: int
    side: int
    darkest: int
    lighter_than: int
    range: int


@dataclass(frozen=True, slots=True)
class Squares:
    """How many were found, and the rows and the columns of tiles that hold them all."""

    count: int
    rows: slice
    columns: slice


def find_squares(grey: Pixels, kind: SquareKind) -> Squares:
    """Return the squares of the page; none have empty slices."""
    if native.bilevel is None:
        return _by_arrays(grey, kind)
    height, width = grey.shape
    count, top, bottom, left, right = native.bilevel.squares(
        np.ascontiguousarray(grey),
        width,
        height,
        kind.tile_width,
        kind.tile_height,
        kind.side,
        kind.darkest,
        kind.lighter_than,
        kind.range,
    )
    if not count:
        return _NONE
    return Squares(count, slice(top, bottom + kind.side), slice(left, right + kind.side))


_NONE = Squares(0, slice(0, 0), slice(0, 0))


def _by_arrays(grey: Pixels, kind: SquareKind) -> Squares:
    """Return what the C module finds, with numpy alone."""
    high, wide, side = kind.tile_height, kind.tile_width, kind.side
    rows, columns = grey.shape[0] // high, grey.shape[1] // wide
    if rows < side or columns < side:
        return _NONE
    seen = grey[high // 2 : rows * high : high, wide // 2 : columns * wide : wide].copy()
    places = [
        seen[down : rows - side + 1 + down, across : columns - side + 1 + across]
        for down in range(side)
        for across in range(side)
    ]
    lightest, darkest = (functools.reduce(choose, places) for choose in (np.maximum, np.minimum))
    found = (lightest < kind.lighter_than) & (darkest >= kind.darkest) & (lightest - darkest <= kind.range)
    if not found.any():
        return _NONE
    down, across = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return Squares(
        int(np.count_nonzero(found)),
        slice(int(down[0]), int(down[-1]) + side),
        slice(int(across[0]), int(across[-1]) + side),
    )
