"""Rules about `dpi` and `dpi-xyratio`: the horizontal resolution, and its ratio to the vertical one (RFC 2879, 3.2)."""

from collections.abc import Iterator
from fractions import Fraction

from conneg.features.checking.context import Checked, numbers_of
from conneg.features.checking.oddity import Finding, notes, warns
from conneg.features.domain import Domain
from conneg.features.values import Token

_VERTICAL = {98: 204, 196: 204, 391: 204}
"""Resolutions that T.4 has only down the page, and one that goes with them across it."""

_RATIOS = {
    Fraction(204, 98): "204/98",
    Fraction(204, 196): "204/196",
    Fraction(204, 391): "204/391",
    Fraction(408, 391): "408/391",
    Fraction(200, 100): "200/100",
    Fraction(1): "1",
    Fraction(1, 2): "300/600",
}
"""The ratios of T.4 and T.30, as they are best written."""

_BASE = Domain.of(Fraction(100), Fraction(200))
"""Resolutions of which one is twice the other; 1/2 is a ratio of T.30 with 300 dpi and more."""

_NEAR = Fraction(1, 40)
_BINARY = Token("Binary")
_MULTI_LEVEL = tuple(Token(word) for word in ("Grey", "Limited", "Mapped", "Full"))


@warns("RFC 2879 3.2")
def vertical_dpi(checked: Checked) -> Iterator[Finding]:
    """A `dpi` of 98, 196 or 391, which are vertical resolutions; `dpi` is the horizontal one."""
    for leaf, _ in checked.leaves:
        for number in dict.fromkeys(numbers_of(leaf)) if leaf.tag == "dpi" else ():
            if number in _VERTICAL:
                across = _VERTICAL[int(number)]
                yield (
                    leaf,
                    f"dpi={number} is a vertical resolution; write"
                    f" (dpi={across}) (dpi-xyratio={across}/{number})",
                )


@warns("RFC 2879 A.2")
def dpi_without_ratio(checked: Checked) -> Iterator[Finding]:
    """A `dpi` without `dpi-xyratio` in an expression for fax.

    A reader takes it for equal resolutions, the matcher for any ratio: `(dpi=204)` alone takes 204x98 and 204x391.
    """
    if not checked.is_fax:
        return
    for leaf, scope in checked.on("dpi"):
        if scope.lacks("dpi-xyratio"):
            yield leaf, "dpi without dpi-xyratio matches every ratio; add (dpi-xyratio=1), or what is meant"


@warns("RFC 2879 A.2")
def ratio_without_dpi(checked: Checked) -> Iterator[Finding]:
    """A `dpi-xyratio` without `dpi`: it says how the resolutions compare, and neither of them."""
    for leaf, scope in checked.on("dpi-xyratio"):
        if scope.lacks("dpi"):
            yield leaf, "dpi-xyratio without dpi says neither resolution; add (dpi=...), the horizontal one"


@warns("RFC 2879 3.2")
def ratio_upside_down(checked: Checked) -> Iterator[Finding]:
    """A ratio of T.4 with its ends exchanged; it is horizontal by vertical."""
    for leaf, scope in checked.on("dpi-xyratio"):
        dpi = scope.domain("dpi")
        is_base = dpi is not None and not dpi.is_empty and dpi.is_within(_BASE)
        for number in dict.fromkeys(numbers_of(leaf)):
            right = _RATIOS.get(1 / number) if number else None
            if right is not None and (number not in _RATIOS or (number == Fraction(1, 2) and is_base)):
                yield leaf, f"dpi-xyratio is horizontal by vertical; write {right} instead of {number}"


@warns("RFC 2879 3.2; RFC 2880 6.1.1")
def unusual_ratio(checked: Checked) -> Iterator[Finding]:
    """A ratio that is nearly one of T.4, but not exactly.

    Values are compared exactly, so 205/196 of RFC 2880 6.1.1 never meets 204/196.
    """
    for leaf, _ in checked.on("dpi-xyratio"):
        for number in dict.fromkeys(numbers_of(leaf)):
            right = None if number in _RATIOS else _near_ratio(number)
            if right is not None:
                yield leaf, f"{number} is nearly {right}, but values are compared exactly; write {right}"


def _near_ratio(number: Fraction) -> str | None:
    """Return the ratio that is meant: one near by, best one with the same vertical resolution."""
    near = {written: ratio for ratio, written in _RATIOS.items() if abs(ratio - number) <= ratio * _NEAR}
    return min(
        near,
        key=lambda written: (
            (number * int(written.partition("/")[2] or 1)).denominator,
            abs(near[written] - number),
        ),
        default=None,
    )


@notes("RFC 3949 2.2.2")
def one_of_twins(checked: Checked) -> Iterator[Finding]:
    """A bi-level receiver that lists 200 dpi or 204 dpi, but not both.

    T.4 has whoever takes the one take the other too, which the matcher does not know.
    """
    if not checked.is_capability or not checked.is_fax:
        return
    found = {
        number: leaf
        for leaf, scope in checked.on("dpi")
        for number in (200, 204)
        if not scope.excludes("color", _BINARY) and number in numbers_of(leaf)
    }
    if len(found) == 1:
        ((number, leaf),) = found.items()
        other = 404 - number
        yield leaf, f"who takes {number} dpi takes {other} dpi too, by T.4; list both, each with its ratios"


@warns("RFC 2880 3.1, 4.2")
def multi_level_not_square(checked: Checked) -> Iterator[Finding]:
    """A multi-level image with a resolution that is not the same both ways; fax has none."""
    for leaf, scope in checked.on("dpi-xyratio"):
        color = scope.domain("color")
        if color is None or color.contains(_BINARY) or not any(map(color.contains, _MULTI_LEVEL)):
            continue
        wrong = [number for number in numbers_of(leaf) if number != 1]
        if wrong and checked.is_fax:
            yield leaf, f"multi-level images have square resolutions; write (dpi-xyratio=1), not {wrong[0]}"


RULES = (
    vertical_dpi,
    dpi_without_ratio,
    ratio_without_dpi,
    ratio_upside_down,
    unusual_ratio,
    one_of_twins,
    multi_level_not_square,
)
