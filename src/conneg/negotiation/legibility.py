"""Whether small type can be read in a form: what a device shows of it, against what was found to be legible.

The limits are those of `python -m benchmarks.type_sizes` (docs/performance.md): type whose em covers fewer pixels is
read with more than five mistakes in a hundred characters. In black and white they come to 5.9 points at 204 x 98, to
4.1 at 204 x 196 and to 2.1 at 408 x 391.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from conneg.features import Criterion, FeatureCollection, FeatureSet, Point, Preference, choose
from conneg.negotiation.offer import SmallType
from conneg.negotiation.summary import describe_form
from conneg.negotiation.tags import number_text

POINTS_AN_INCH = 72

BILEVEL_EM = 11.5
"""The side in pixels of an em that can be read in black and white: the root of its lines times its pixels."""

GREY_EM = 9.0
"""The same in shades, which tell where in a pixel an edge is."""

_TAGS = ("color", "dpi", "dpi-xyratio", "size-x", "pix-x", "pix-y")
_BILEVEL = "binary"


@dataclass(frozen=True, slots=True)
class Illegible:
    """Type that can hardly be read: its size, and as which it comes out where its page is made smaller, in points."""

    points: Fraction
    drawn_points: Fraction
    where: str

    def __str__(self) -> str:
        return f"{self.type} will hardly be readable {self.where}"

    @property
    def type(self) -> str:
        """The size in words."""
        size = f"small type of {number_text(_tenth(self.points))} points"
        if self.drawn_points == self.points:
            return size
        return (
            f"{size}, made {number_text(_tenth(self.drawn_points))} where the page is larger than the paper,"
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """A form, and the steps that led to it; `remark` says what small type has to do with it, if anything: that it can
    hardly be read in it (`is_illegible`), or in the form that came first without it.
    """

    collection: FeatureCollection
    reasons: tuple[str, ...]
    remark: str = ""
    is_illegible: bool = False


def choose_legible(common: FeatureSet, preference: Preference, sizes: Sequence[SmallType]) -> Chosen | None:
    """Return the best form of `common` by `preference`; None if there is none.

    Where type of one of these sizes can hardly be read in that, it is the best of those in which it can be.
    """
    first = choose(common, preference)
    if first is None:
        return None
    illegible = find_illegible(first.collection, sizes)
    if illegible is None:
        return Chosen(first.collection, first.reasons)
    other = choose(common, (legibility(sizes), *preference))
    if other is None or find_illegible(other.collection, sizes) is not None:
        return Chosen(first.collection, first.reasons, str(illegible), is_illegible=True)
    remark = f"{illegible.type} would hardly be readable in {describe_form(first.collection)}"
    return Chosen(other.collection, other.reasons, remark)


def find_illegible(target: Point, sizes: Sequence[SmallType]) -> Illegible | None:
    """Return the smallest of `sizes` that can hardly be read in the form `target`; None if all can.

    A form without resolution and size, as text or a PDF, shows any type.
    """
    found = []
    for size in sizes:
        drawn = _drawn(target, size)
        if drawn is None:
            continue
        scale, across, down = drawn
        points = size.points * scale
        em = points / POINTS_AN_INCH
        if not is_legible(float(em * across), float(em * down), bilevel=_is_bilevel(target)):
            found.append(Illegible(size.points, points, _where(target)))
    return min(found, key=lambda each: each.drawn_points, default=None)


def is_legible(pixels: float, lines: float, *, bilevel: bool) -> bool:
    """Whether type whose em is so many pixels wide and lines high can be read."""
    return math.sqrt(pixels * lines) >= (BILEVEL_EM if bilevel else GREY_EM)


def describe_made(
    target: Point, em_pixels: float | None, em_lines: float | None, unlike: float | None
) -> str | None:
    """Return in words what was found of pages that were made as `target`; None if nothing was.

    The em is that of their smallest running type, `unlike` how far off their pictures are, in per cent.
    """
    words = []
    if em_pixels is not None and em_lines is not None:
        is_good = is_legible(em_pixels, em_lines, bilevel=_is_bilevel(target))
        judged = "legible" if is_good else "hardly legible"
        words.append(f"the smallest type is {em_lines:.1f} lines high, {judged}")
    if unlike is not None:
        words.append(f"pictures are {unlike:.1f} % unlike the originals")
    return "; ".join(words) or None


def legibility(sizes: Sequence[SmallType]) -> Criterion:
    """Return the criterion that puts forms in which type of all these sizes can be read before others."""

    def key(point: Point) -> tuple[int, ...]:
        return (0 if find_illegible(point, sizes) else 1,)

    return Criterion("legibility", _TAGS, key, "small type can be read")


def _drawn(target: Point, size: SmallType) -> tuple[Fraction, Fraction, Fraction] | None:
    """Return by how much a page is made smaller, and the dots an inch across and down that it is then drawn with."""
    across = _number(target, "dpi")
    if across is not None:
        line = _number(target, "size-x")
        side = min(size.width_inches, size.height_inches)
        scale = Fraction(1) if line is None else min(Fraction(1), line / side)
        return scale, across, across / (_number(target, "dpi-xyratio") or 1)
    limits = [
        pixels / side
        for tag, side in (("pix-x", size.width_inches), ("pix-y", size.height_inches))
        if (pixels := _number(target, tag)) is not None
    ]
    return (Fraction(1), min(limits), min(limits)) if limits else None


def _is_bilevel(target: Point) -> bool:
    colour = target.get("color")
    return "dpi" in target if colour is None else str(colour).lower() == _BILEVEL


def _where(target: Point) -> str:
    across = _number(target, "dpi")
    if across is not None:
        down = across / (_number(target, "dpi-xyratio") or 1)
        return f"at {number_text(across)} x {number_text(down)}"
    pixels = _number(target, "pix-x") or _number(target, "pix-y") or Fraction(0)
    return f"within {number_text(pixels)} px"


def _number(target: Point, tag: str) -> Fraction | None:
    value = target.get(tag)
    return value if isinstance(value, Fraction) and value > 0 else None


def _tenth(value: Fraction) -> Fraction:
    return Fraction(round(value * 10), 10)
