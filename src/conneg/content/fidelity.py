"""How faithful a rendition is, estimated while it is made: how high its smallest type is in lines, how like its
pictures are.

Nothing is recognised. What may be expected of type so high is told by `conneg.negotiation.legibility`.
"""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the process that asks for conversions never loads numpy: its workers do
    from conneg.content.halftone import Packed
    from conneg.content.page import PageGeometry, Pixels
    from conneg.content.placement import Placement

SMALL_SHARE = Fraction(1, 20)
"""So much of a page's text may be smaller than its smallest running type: superscripts, a line below a picture."""

FEWEST_EMS = 10
"""Less text than this, about twenty characters, is no running text: a number of a page, the words in a mark."""

_TENTHS = 10

_BLOCK_INCHES = 0.04
"""A millimetre: what is finer than that in a picture is grain, to an eye at reading distance."""

_OCTET_PIXELS = 8
_PAPER = 232
_FEWEST_BLOCKS = 100
"""Pictures of less than a square centimetre are none."""

_FEWEST_CORES = 64
"""So many blocks of a square centimetre have shades on all sides."""

_CORE_BLOCKS = 3
"""A square of three millimetres is shaded in pictures only: no stroke is as broad."""

_MOST_BLOCKS = 4000
"""So many are looked at, or up to twice as many: more would not make the estimate better."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What is known of pages that were made; None is not known.

    `em_lines` and `em_pixels` are the height and the width of the smallest running type's em, as drawn: that of the
    page where it is lowest. `unlike` is the root of the mean squared difference between pictures and what was made of
    them, by square millimetres, in per cent of white: that of the page where it is greatest.
    """

    em_lines: float | None = None
    em_pixels: float | None = None
    unlike: float | None = None

    def worst(self, other: "Fidelity") -> "Fidelity":
        """Return what holds of both their pages."""
        unlike = [each.unlike for each in (self, other) if each.unlike is not None]
        known = [each for each in (self, other) if each.em_lines is not None and each.em_pixels is not None]
        lowest = min(known, key=lambda each: (each.em_lines, each.em_pixels), default=Fidelity())
        return Fidelity(lowest.em_lines, lowest.em_pixels, max(unlike, default=None))

    def as_json(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return {"em_lines": self.em_lines, "em_pixels": self.em_pixels, "unlike": self.unlike}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Fidelity":
        """Read what `as_json` gave; raises KeyError, TypeError and ValueError for anything else."""
        return cls(*(None if value[name] is None else float(value[name]) for name in cls.__slots__))


def smallest_type(runs: Iterable[tuple[float, float]]) -> Fraction | None:
    """Return the type size in points, to a tenth, that all but a twentieth of a page's text has or exceeds.

    `runs` are sizes in points and lengths in ems. None where there is too little text to be read.
    """
    by_size = sorted((points, ems) for points, ems in runs if points > 0 and ems > 0)
    total = sum(ems for _, ems in by_size)
    if total < FEWEST_EMS:
        return None
    passed = 0.0
    for points, ems in by_size:
        passed += ems
        if passed > total * SMALL_SHARE:
            return _in_tenths(round(points * _TENTHS))
    return None


@functools.lru_cache(maxsize=256)  # the same sizes come again and again
def _in_tenths(tenths: int) -> Fraction:
    return Fraction(tenths, _TENTHS)


def em_as_drawn(page: "PageGeometry", placement: "Placement") -> Fidelity:
    """Return how high and wide the smallest running type of `page` is where `placement` puts it."""
    if page.type_points is None:
        return Fidelity()
    width, height = (
        (page.height_inches, page.width_inches)
        if placement.turned
        else (page.width_inches, page.height_inches)
    )
    inches = float(page.type_points) / 72
    return Fidelity(inches * placement.height / float(height), inches * placement.width / float(width))


def unlike(grey: "Pixels", bits: "Packed", dpi_x: float, dpi_y: float) -> float | None:
    """Return how much the pictures of a grey page differ from the bi-level one; None where it has none.

    Pictures are blocks without paper in them that are not of one shade: grounds of letters are cleared, and no likeness
    is wanted of them. Of many blocks some are looked at, evenly spread.
    """
    import numpy as np

    from conneg.content.squares import SquareKind, find_squares

    wide = _OCTET_PIXELS * max(1, round(_BLOCK_INCHES * dpi_x / _OCTET_PIXELS))
    high = max(1, round(_BLOCK_INCHES * dpi_y))
    found = find_squares(grey, SquareKind(high, wide, _CORE_BLOCKS, 0, _PAPER, 255))
    if found.count < _FEWEST_CORES:
        return None
    rows, columns = found.rows, found.columns
    step = math.ceil(math.sqrt((rows.stop - rows.start) * (columns.stop - columns.start) / _MOST_BLOCKS))
    blocks = _blocks(grey, rows, columns, high, wide)[::step, :, ::step]
    black = np.bitwise_count(_blocks(bits, rows, columns, high, wide // _OCTET_PIXELS)[::step, :, ::step])
    lightest = blocks.max(axis=(1, 3))
    picture = (lightest < _PAPER) & (lightest > blocks.min(axis=(1, 3)))
    if np.count_nonzero(picture) * step * step < _FEWEST_BLOCKS:
        return None
    wanted = blocks.mean(axis=(1, 3), dtype=np.float32) / 255
    made = 1 - black.sum(axis=(1, 3), dtype=np.float32) / (high * wide)
    return 100 * float(np.sqrt(np.mean((wanted - made)[picture] ** 2)))


def _blocks(page: "Pixels", rows: slice, columns: slice, high: int, wide: int) -> "Pixels":
    """Return part of a page as rows, lines, columns and octets of a line."""
    part = page[rows.start * high : rows.stop * high, columns.start * wide : columns.stop * wide]
    blocks: Pixels = part.reshape(rows.stop - rows.start, high, columns.stop - columns.start, wide)
    return blocks
