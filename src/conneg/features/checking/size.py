"""Rules about `size-x` and `size-y`: inches as exact rational numbers, and scan lines by their nominal length."""

from collections.abc import Iterator
from fractions import Fraction

from conneg.features.checking.context import Checked, Leaf, numbers_of
from conneg.features.checking.oddity import Finding, warns

_WIDTHS = (1728, 2048, 2432, 864, 1024, 1216, 2592, 3072, 3648, 3456, 4096, 4864)
"""Pixels in a scan line (RFC 3949, 2.2.2 and the profiles), by 215, 255 and 303 mm in turn."""

_LINES = (Fraction(2150, 254), Fraction(2550, 254), Fraction(3030, 254))
"""The nominal scan lines of T.4 in inches."""

_RESOLUTIONS = (100, 200, 204, 300, 400, 408)
_TENTHS = (2150, 2550, 3030, 2970, 3640, 2100, 3530, 2570, 4200)
"""Lengths of scan lines and papers in tenths of a millimetre."""

_PAPERS = (210, 215, 250, 255, 257, 297, 303, 353, 364, 420)
"""The same in millimetres."""

_FROM_PIXELS = {
    Fraction(width, dpi): (width, dpi, _LINES[place % 3])
    for place, width in reversed(tuple(enumerate(_WIDTHS)))
    for dpi in _RESOLUTIONS
    if _LINES[place % 3] < Fraction(width, dpi) < _LINES[place % 3] * Fraction(103, 100)
}
"""Lengths worked out as pixels by resolution that are more than the nominal ones."""


def _sizes(checked: Checked) -> Iterator[tuple[Leaf, Fraction]]:
    for leaf, _ in checked.leaves:
        if leaf.tag in ("size-x", "size-y"):
            for number in dict.fromkeys(numbers_of(leaf)):
                yield leaf, number


@warns("RFC 2879 3.1")
def size_in_pixels(checked: Checked) -> Iterator[Finding]:
    """A size that is a number of pixels in a scan line, such as 1728; sizes are in inches."""
    for leaf, number in _sizes(checked):
        if number in _WIDTHS:
            line = _LINES[_WIDTHS.index(int(number)) % 3]
            yield (
                leaf,
                f"{leaf.tag} is in inches, and {number} is a number of pixels;"
                f" the scan line is {int(line * 254)}/254",
            )


@warns("RFC 2879 3.1")
def size_in_millimetres(checked: Checked) -> Iterator[Finding]:
    """A size in millimetres such as 215, or in tenths such as 2150 without the `/254`; sizes are in inches.

    The example of the CONNEG draft, section 6.1, has a document with `size-x=2150`.
    """
    for leaf, number in _sizes(checked):
        if number in _TENTHS:
            yield leaf, f"{leaf.tag} is in inches; write {number}/254 for {Fraction(number, 10)} mm"
        elif number in _PAPERS:
            yield leaf, f"{leaf.tag} is in inches; write {number * 10}/254 for {number} mm"


@warns("RFC 2879 3.1, B")
def size_from_pixels(checked: Checked) -> Iterator[Finding]:
    """A width worked out as pixels by resolution that is more than the nominal scan line.

    1728/204 and 1728/200 of RFC 2879 appendix B are more than the 2150/254 of its section 4, so the simple mode
    receiver there does not match the profile S document here.
    """
    for leaf, number in _sizes(checked):
        if leaf.tag == "size-x" and number in _FROM_PIXELS:
            width, dpi, line = _FROM_PIXELS[number]
            written = f"{int(line * 254)}/254"
            yield leaf, f"{width}/{dpi} is more than the nominal scan line; write {written}"


RULES = (size_in_pixels, size_in_millimetres, size_from_pixels)
