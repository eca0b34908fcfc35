"""Facts of facsimile paper: nominal line lengths, paper lengths, resolutions, pixels in a scan line.

Sources: RFC 3949 2.2.2, 4.2.1 and 6.2.1 (resolutions, widths), RFC 2534 2.4 and RFC 2879 3.4 (paper sizes).
Lengths are in inches, exact.
"""

from dataclasses import dataclass
from fractions import Fraction

MILLIMETRE = Fraction(10, 254)
"""One millimetre in inches."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper size: its `token` in `paper-size`, its own size, and the nominal scan line that serves it."""

    token: str
    width_inches: Fraction
    length_inches: Fraction
    line_inches: Fraction


LINE_A4 = Fraction(2150, 254)
LINE_B4 = Fraction(2550, 254)
LINE_A3 = Fraction(3030, 254)

PAPERS = {
    "a4": Paper("A4", 210 * MILLIMETRE, 297 * MILLIMETRE, LINE_A4),
    "letter": Paper("letter", Fraction(17, 2), Fraction(11), LINE_A4),
    "legal": Paper("legal", Fraction(17, 2), Fraction(14), LINE_A4),
    "b4": Paper("B4", 250 * MILLIMETRE, 353 * MILLIMETRE, LINE_B4),
    "a3": Paper("A3", 297 * MILLIMETRE, 420 * MILLIMETRE, LINE_A3),
}
"""By token in lower case."""
A4 = PAPERS["a4"]


_SAME_PAPER = Fraction(2, 100)
"""By how much of its sides a page may differ from a paper size and still be meant as that."""


def paper_of(width_inches: Fraction, height_inches: Fraction) -> str | None:
    """Return the `paper-size` token of a page of that size, upright or turned; None when it is no known paper."""
    short, long = sorted((width_inches, height_inches))
    for paper in PAPERS.values():
        across = abs(short - paper.width_inches) <= paper.width_inches * _SAME_PAPER
        if across and abs(long - paper.length_inches) <= paper.length_inches * _SAME_PAPER:
            return paper.token
    return None


@dataclass(frozen=True, slots=True)
class Resolution:
    """A resolution that facsimile knows, in pixels per inch both ways."""

    dpi_x: int
    dpi_y: int

    @property
    def ratio(self) -> Fraction:
        """The value of `dpi-xyratio`."""
        return Fraction(self.dpi_x, self.dpi_y)

    @property
    def is_square(self) -> bool:
        """Whether it is the same both ways, as multi-level images need it (RFC 3949 6.2.1)."""
        return self.dpi_x == self.dpi_y


BILEVEL_RESOLUTIONS = tuple(
    Resolution(*pair)
    for pair in (
        (204, 98),
        (200, 100),
        (204, 196),
        (200, 200),
        (204, 391),
        (300, 300),
        (400, 400),
        (408, 391),
    )
)
BASE_RESOLUTIONS = BILEVEL_RESOLUTIONS[:4]
"""Those of profile S."""
COLOUR_RESOLUTIONS = (100, 200, 300, 400)
"""Square ones of profile C."""

TWIN_TOLERANCE = Fraction(103, 100)
"""T.4 takes 200 as 204, 400 as 408, 98 as 100, 196 as 200, 391 as 400 (RFC 3949 2.2.2): all within three in a
hundred.
"""

_PIXELS = {  # nominal line: pixels at 100, 200 (204), 300, 400 (408) pixels per inch
    LINE_A4: {100: 864, 200: 1728, 204: 1728, 300: 2592, 400: 3456, 408: 3456},
    LINE_B4: {100: 1024, 200: 2048, 204: 2048, 300: 3072, 400: 4096, 408: 4096},
    LINE_A3: {100: 1216, 200: 2432, 204: 2432, 300: 3648, 400: 4864, 408: 4864},
}


def line_pixels(line_inches: Fraction, dpi_x: Fraction) -> int | None:
    """Return the pixels of a nominal scan line (RFC 3949 4.2.1, 6.2.1), or None where no profile has such a
    line.
    """
    if dpi_x.denominator != 1:
        return None
    return _PIXELS.get(line_inches, {}).get(int(dpi_x))


def nominal_line(pixels: int) -> Fraction | None:
    """Return the nominal length of a scan line with so many pixels, or None where no profile has it."""
    for line_inches, by_dpi in _PIXELS.items():
        if pixels in by_dpi.values():
            return line_inches
    return None


def line_for(size_x: Fraction) -> Fraction | None:
    """Return the largest nominal line that fits into `size_x` inches, 2.1 % forgiven (fax-schema 5, widths)."""
    fitting = [line for line in _PIXELS if line <= size_x * Fraction(1021, 1000)]
    return max(fitting, default=None)


_TWINS_X = {Fraction(200): Fraction(204), Fraction(400): Fraction(408)}
_TWINS_Y = {Fraction(100): Fraction(98), Fraction(200): Fraction(196), Fraction(400): Fraction(391)}


def twin_x(dpi: Fraction) -> Fraction:
    """Return the horizontal resolution that stands for `dpi` and all that T.4 takes as equal to it."""
    return _TWINS_X.get(dpi, dpi)


def twin_y(dpi: Fraction) -> Fraction:
    """Return the vertical resolution that stands for `dpi` and all that T.4 takes as equal to it."""
    return _TWINS_Y.get(dpi, dpi)
