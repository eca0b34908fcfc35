"""What the bits choose from, for both directions: resolutions, scan lines, page lengths, levels, the default gamut."""

from fractions import Fraction
from typing import Final, NamedTuple


class Resolution(NamedTuple):
    """Pixels per inch across, and across by down; `text` is the ratio as fax people write it."""

    dpi: int
    text: str

    @property
    def ratio(self) -> Fraction:
        """The horizontal resolution divided by the vertical one."""
        return Fraction(self.text)


class Choice(NamedTuple):
    """A resolution, and the bits that allow it or name it; `is_inch` is None where bit 44 does not matter."""

    bits: frozenset[int]
    resolution: Resolution
    is_inch: bool | None = None


def _choice(bits: tuple[int, ...], dpi: int, ratio: str, is_inch: bool | None = None) -> Choice:
    return Choice(frozenset(bits), Resolution(dpi, ratio), is_inch)


BI_LEVEL: Final = (
    _choice((), 204, "204/98", False),
    _choice((), 200, "200/100", True),
    _choice((15,), 204, "204/196", False),
    _choice((15,), 200, "1", True),
    _choice((41,), 204, "204/391"),
    _choice((42,), 300, "1"),
    _choice((43,), 400, "1", True),
    _choice((43,), 408, "408/391", False),
    _choice((105,), 600, "1"),
    _choice((106,), 1200, "1"),
    _choice((107,), 300, "300/600"),
    _choice((108,), 400, "400/800"),
    _choice((109,), 600, "600/1200"),
)
"""Resolutions of bi-level images (RFC 2880 5.2)."""

MULTI_LEVEL: Final = (
    _choice((98,), 100, "1"),
    _choice((15,), 200, "1", True),
    _choice((42, 97), 300, "1"),
    _choice((43, 97), 400, "1", True),
    _choice((105, 110), 600, "1"),
    _choice((106, 111), 1200, "1"),
)
"""Resolutions of multi-level images, always square and in inches (RFC 2880 4.2)."""

RESOLUTION_BITS: Final = frozenset().union(*(choice.bits for choice in (*BI_LEVEL, *MULTI_LEVEL)))

WIDTHS: Final = ((0, Fraction(2150, 254)), (17, Fraction(2550, 254)), (18, Fraction(3030, 254)))
"""Scan lines in inches, by the bit for them; 0 for what every machine takes (RFC 2880 5.4)."""

LENGTHS: Final = ((0, Fraction(2970, 254)), (19, Fraction(3640, 254)))
"""Pages in inches, by the bit for them; bit 20 is any length."""

LEVELS: Final = {"grey": (256, 4096), "full": (16777216, 68719476736), "mapped": (4096, 65536)}
"""The most distinct pixel values, without and with bit 71 (RFC 2880 3.12 and 5.3; 4096 cubed is 68719476736)."""

L_GAMUT: Final = (("CIELAB-L-min", ">=", 0), ("CIELAB-L-max", "<=", 100))
AB_GAMUT: Final = (
    ("CIELAB-a-min", ">=", -85),
    ("CIELAB-a-max", "<=", 85),
    ("CIELAB-b-min", ">=", -75),
    ("CIELAB-b-max", "<=", 125),
)
"""The default gamut (RFC 2880 3.15)."""
