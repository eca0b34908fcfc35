"""The schema: every registered feature tag with its type, its values, its unit, and where it is registered.

Facts only, as the registrations state them: RFC 2534 (`pix-x` to `color`), RFC 2879 (the fax schema), RFC 2913
(`type`), RFC 2987 (`charset`, `language`). Where RFC 2879's body and its appendix A disagree, the wider of the two
counts: `dpi` may be a rational number (RFC 2534 2.2), the colour gamut too (A.7), two colour levels are enough (A.3),
and stripe sizes begin at 0, which stands for "no limit" (3.7, 3.8). Looking tags up is `conneg.features.registry`.
"""

from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from conneg.features.composite import is_hash_name
from conneg.features.values import Text, Token, Value


class DataType(StrEnum):
    """What the values of a tag are; each tag has one type (RFC 2506, 2.3 and 3.4)."""

    SIGNED_INTEGER = "signed integer"
    RATIONAL = "rational"
    TOKEN = "token (equality)"  # noqa: S105
    ORDERED_TOKEN = "token (ordered)"  # noqa: S105
    STRING = "string (equality)"
    COMPARED_STRING = "string (defined comparison)"
    BOOLEAN = "Boolean"

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers, which have an order."""
        return self in (DataType.SIGNED_INTEGER, DataType.RATIONAL)

    @property
    def is_ordered(self) -> bool:
        """Whether `<=` and `>=` mean more than `=` (RFC 2533, 4.2.2)."""
        return self.is_number or self in (DataType.ORDERED_TOKEN, DataType.COMPARED_STRING)


class Tree(StrEnum):
    """Where a name comes from (RFC 2506, 3.1; RFC 2938, 3.1)."""

    IETF = "IETF"
    """No dot in it: registered by an RFC, or nobody's."""
    GLOBAL = "global"
    """`g.`: registered after expert review."""
    URI = "URI"
    """`u.` and a URI: not registered, the URI's author says what it means."""
    HASH = "hash"
    """`h.` and a hash: a reference to an expression, no feature tag."""
    OTHER = "other"
    """Another facet before the first dot: no such tree has been made."""


class Pick(StrEnum):
    """Which value of a range to take when nothing else decides."""

    LARGEST = "largest"
    SMALLEST = "smallest"


class Tag(NamedTuple):
    """One registered tag.

    `number` is the last part of its ASN.1 identifier. `values` are those that can be listed, in the order in which they
    are printed; with `is_extensible` other registrations may add to them. Numbers lie above `above`, are at least
    `least` and at most `most`. `limits` says in words when the tag may be used. `pick` and `usual` serve the choice
    among several values: `usual` is taken from a range without an upper end if it lies in it.
    """

    name: str
    number: int = 0
    type: DataType | None = None
    meaning: str = ""
    source: str = ""
    values: tuple[Value, ...] = ()
    is_extensible: bool = False
    above: Fraction | None = None
    least: Fraction | None = None
    most: Fraction | None = None
    unit: str = ""
    limits: str = ""
    pick: Pick = Pick.LARGEST
    usual: Fraction | None = None

    @property
    def identifier(self) -> str:
        """The ASN.1 object identifier."""
        return f"1.3.6.1.8.1.{self.number}"

    @property
    def permitted(self) -> str:
        """The permitted values in a few words."""
        if self.values:
            more = " CTnnnn" if self.name == "color-illuminant" else ""
            return " ".join(str(value) for value in self.values) + more
        if self.most is not None:
            return f"{self.least} to {self.most}"
        if self.least is not None:
            return f"{self.least} or more"
        return "any" if self.above is None else f"above {self.above}"

    @property
    def facts(self) -> dict[str, str | int | list[str]]:
        """What is registered, for JSON and tables; what a tag does not have is empty."""
        return {
            "name": self.name,
            "number": self.number,
            "identifier": self.identifier,
            "type": str(self.type or ""),
            "values": [str(value) for value in self.values],
            "permitted": self.permitted,
            "order": "by number" if self.type is not None and self.type.is_number else "none",
            "unit": self.unit,
            "meaning": self.meaning,
            "limits": self.limits,
            "source": self.source,
        }

    def is_in_range(self, number: Fraction) -> bool:
        """Tell whether a number lies within the registered limits."""
        return (
            (self.above is None or number > self.above)
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
        )

    def is_listed(self, value: Value) -> bool:
        """Tell whether a token or string is a registered value; every one is if the values cannot be listed."""
        if not self.values or value in self.values:
            return True
        return self.name == "color-illuminant" and isinstance(value, Token) and is_temperature(value)


def is_temperature(token: Token) -> bool:
    """Tell whether a token is an illuminant `CTnnnn`, nnnn being its colour temperature in Kelvin (RFC 2879, 3.6)."""
    digits = token.folded.removeprefix("ct")
    return token.folded.startswith("ct") and digits.isdecimal() and 4 <= len(digits) <= 5


def tree_of(name: str) -> Tree:
    """Return the tree that a name belongs to, in any letter case."""
    facet, dot, _ = name.lower().partition(".")
    if not dot:
        return Tree.IETF
    if is_hash_name(name):
        return Tree.HASH
    return {"g": Tree.GLOBAL, "u": Tree.URI}.get(facet, Tree.OTHER)


_INTEGER, _RATIONAL, _TOKEN, _STRING = (
    DataType.SIGNED_INTEGER,
    DataType.RATIONAL,
    DataType.TOKEN,
    DataType.STRING,
)
_ZERO, _ONE = Fraction(0), Fraction(1)
_INCH = "inch (1 mm is 10/254 inch)"
_OF_JBIG = "only with image-coding=JBIG"


def _tokens(words: str) -> tuple[Value, ...]:
    return tuple(Token(word) for word in words.split())


def _depth(number: int, letter: str) -> Tag:
    return Tag(
        f"CIELAB-{letter}-depth",
        number,
        _INTEGER,
        f"distinct values of the {letter}* component in the representation",
        "RFC 2879 A.6",
        above=_ZERO,
        unit="values",
        limits="significant only with color-space=CIELAB",
    )


def _gamut(number: int, letter: str, end: str) -> Tag:
    lowest = end == "min"
    return Tag(
        f"CIELAB-{letter}-{end}",
        number,
        _RATIONAL,
        f"{'lowest' if lowest else 'highest'} {letter}* that is used or can be rendered",
        "RFC 2879 A.7",
        unit="CIELAB",
        limits="also for colours that are represented in another space",
        pick=Pick.SMALLEST if lowest else Pick.LARGEST,
    )


SCHEMA: tuple[Tag, ...] = (
    Tag("pix-x", 1, _INTEGER, "width in pixels", "RFC 2534 2.1", unit="pixel"),
    Tag("pix-y", 2, _INTEGER, "height in pixels", "RFC 2534 2.1", unit="pixel"),
    Tag(
        "dpi",
        3,
        _RATIONAL,
        "resolution; the horizontal one where dpi-xyratio is not 1",
        "RFC 2534 2.2, RFC 2879 3.2",
        above=_ZERO,
        unit="pixels per inch",
    ),
    Tag(
        "ua-media",
        4,
        _TOKEN,
        "what the recipient shows or prints on",
        "RFC 2534 2.3",
        _tokens("stationery transparency envelope envelope-plain continuous screen screen-paged"),
        is_extensible=True,
    ),
    Tag(
        "paper-size",
        5,
        _TOKEN,
        "size of the paper",
        "RFC 2534 2.4",
        _tokens("A4 letter legal B4 A3"),
        is_extensible=True,
    ),
    Tag(
        "color",
        6,
        _TOKEN,
        "kind of colour: bi-level, a few colours, palette, grey scale, full",
        "RFC 2534 2.5, RFC 2879 3.5",
        _tokens("Binary Grey Limited Mapped Full"),
    ),
    Tag("size-x", 7, _RATIONAL, "width as rendered", "RFC 2879 A.1", above=_ZERO, unit=_INCH),
    Tag("size-y", 8, _RATIONAL, "height as rendered", "RFC 2879 A.1", above=_ZERO, unit=_INCH),
    Tag(
        "dpi-xyratio",
        9,
        _RATIONAL,
        "horizontal by vertical resolution",
        "RFC 2879 A.2",
        above=_ZERO,
        limits="with dpi",
        usual=_ONE,
    ),
    Tag(
        "color-levels",
        10,
        _INTEGER,
        "distinct values of a pixel",
        "RFC 2879 A.3",
        least=Fraction(2),
        unit="values",
        limits="only with a color other than Binary",
    ),
    Tag(
        "color-space",
        11,
        _TOKEN,
        "space of the colour values",
        "RFC 2879 A.4",
        _tokens("CIELAB Device-RGB Device-CMY Device-CMYK"),
        is_extensible=True,
    ),
    _depth(12, "L"),
    _depth(13, "a"),
    _depth(14, "b"),
    _gamut(15, "L", "min"),
    _gamut(16, "L", "max"),
    _gamut(17, "a", "min"),
    _gamut(18, "a", "max"),
    _gamut(19, "b", "min"),
    _gamut(20, "b", "max"),
    Tag(
        "image-file-structure",
        21,
        _TOKEN,
        "how the coded image is wrapped in a file",
        "RFC 2879 A.8",
        _tokens("TIFF-minimal TIFF-limited TIFF TIFF-MRC-limited TIFF-MRC"),
        is_extensible=True,
    ),
    Tag(
        "image-coding",
        22,
        _TOKEN,
        "how the image is compressed",
        "RFC 2879 A.9",
        _tokens("MH MR MMR JBIG JPEG"),
        is_extensible=True,
    ),
    Tag(
        "image-coding-constraint",
        23,
        _TOKEN,
        "profile of the coding",
        "RFC 2879 A.10",
        _tokens("JBIG-T85 JBIG-T43 JPEG-T4E"),
        is_extensible=True,
        limits="JBIG-T85 (bi-level) and JBIG-T43 (multi-level) with JBIG, JPEG-T4E with JPEG",
    ),
    Tag(
        "JBIG-stripe-size",
        24,
        _INTEGER,
        "scan lines in each stripe but the last",
        "RFC 2879 A.11",
        least=_ZERO,
        unit="scan lines",
        limits=_OF_JBIG,
        usual=Fraction(128),
    ),
    Tag(
        "image-interleave",
        25,
        _TOKEN,
        "order of the colour components in the data",
        "RFC 2879 A.12",
        _tokens("Stripe Plane"),
        limits=_OF_JBIG,
    ),
    Tag(
        "color-subsampling",
        26,
        _STRING,
        "chroma values by luminance values",
        "RFC 2879 A.13",
        (Text("4:1:1"), Text("1:1:1")),
        limits="only with color=Full and image-coding=JPEG",
    ),
    Tag(
        "MRC-mode",
        27,
        _INTEGER,
        "mixed raster content: 0 is none, else the T.44 mode",
        "RFC 2879 A.14",
        least=_ZERO,
        most=Fraction(7),
        pick=Pick.SMALLEST,
    ),
    Tag(
        "MRC-max-stripe-size",
        28,
        _INTEGER,
        "scan lines in the largest MRC stripe",
        "RFC 2879 A.15",
        least=_ZERO,
        unit="scan lines",
        limits="only with MRC-mode above 0",
        usual=Fraction(256),
    ),
    Tag(
        "color-illuminant",
        29,
        _TOKEN,
        "CIE illuminant of the white point",
        "RFC 2879 A.5",
        _tokens("D50 D65 D75 SA SC F2 F7 F11"),
        limits="normally only with a calibrated color-space",
    ),
    Tag(
        "type",
        30,
        _STRING,
        "MIME media type, in small letters, without parameters",
        "RFC 2913 A",
    ),
    Tag("charset", 31, _TOKEN, "charset of text, best in small letters", "RFC 2987 1"),
    Tag("language", 32, _TOKEN, "human language, best in small letters", "RFC 2987 2"),
)
"""All of them, by ASN.1 number."""
