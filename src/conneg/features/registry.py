"""The registered feature tags and their tokens: spelling, order for output, and what to pick when there is a choice.

Sources: RFC 2534, RFC 2879 section 3, RFC 2913. A tag that is not here is an ordinary tag (RFC 2533, 4.2.3).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from conneg.features.values import FALSE, TRUE, Text, Token, Value


class Pick(StrEnum):
    """Which value of a range to take when nothing else decides."""

    LARGEST = "largest"
    SMALLEST = "smallest"


@dataclass(frozen=True, slots=True)
class Tag:
    """One registered tag: its spelling, its values as far as they can be listed, and what to pick from a range.

    `usual` is taken from a range without an upper end if it lies in it.
    """

    name: str
    values: tuple[Value, ...] = ()
    pick: Pick = Pick.LARGEST
    usual: Fraction | None = None
    order: dict[Value, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", {value: place for place, value in enumerate(self.values)})


def _tokens(words: str) -> tuple[Value, ...]:
    return tuple(Token(word) for word in words.split())


_TAGS = (
    Tag("pix-x"),
    Tag("pix-y"),
    Tag("size-x"),
    Tag("size-y"),
    Tag("dpi"),
    Tag("dpi-xyratio", usual=Fraction(1)),
    Tag(
        "ua-media", _tokens("stationery transparency envelope envelope-plain continuous screen screen-paged")
    ),
    Tag("paper-size", _tokens("A4 letter legal B4 A3")),
    Tag("color", _tokens("Binary Grey Limited Mapped Full")),
    Tag("color-levels"),
    Tag("color-space", _tokens("CIELAB Device-RGB Device-CMY Device-CMYK")),
    Tag("color-illuminant", _tokens("D50 D65 D75 SA SC F2 F7 F11")),
    Tag("color-subsampling", (Text("4:1:1"), Text("1:1:1"))),
    Tag("CIELAB-L-depth"),
    Tag("CIELAB-a-depth"),
    Tag("CIELAB-b-depth"),
    Tag("CIELAB-L-min", pick=Pick.SMALLEST),
    Tag("CIELAB-L-max"),
    Tag("CIELAB-a-min", pick=Pick.SMALLEST),
    Tag("CIELAB-a-max"),
    Tag("CIELAB-b-min", pick=Pick.SMALLEST),
    Tag("CIELAB-b-max"),
    Tag("image-file-structure", _tokens("TIFF-minimal TIFF-limited TIFF TIFF-MRC-limited TIFF-MRC")),
    Tag("image-coding", _tokens("MH MR MMR JBIG JPEG")),
    Tag("image-coding-constraint", _tokens("JBIG-T85 JBIG-T43 JPEG-T4E")),
    Tag("JBIG-stripe-size", usual=Fraction(128)),
    Tag("image-interleave", _tokens("Stripe Plane")),
    Tag("MRC-mode", pick=Pick.SMALLEST),
    Tag("MRC-max-stripe-size", usual=Fraction(256)),
    Tag("type"),
)
TAGS: dict[str, Tag] = {tag.name.lower(): tag for tag in _TAGS}
"""The registered tags by their names in small letters; not to be changed."""

_UNKNOWN = Tag("")
_WORDS: dict[tuple[str, Value], str] = {
    (name, value): value.text
    for name, tag in TAGS.items()
    for value in tag.values
    if isinstance(value, Token)
}


def find_tag(name: str) -> Tag:
    """Return the registered tag called `name` in any letter case; a tag without a name and values if there is none."""
    return TAGS.get(name.lower(), _UNKNOWN)


def spelling(name: str) -> str:
    """Return the registered spelling of a tag; that of an unknown tag is as received."""
    known = TAGS.get(name.lower())
    if known is not None:
        return known.name
    received: str = getattr(name, "spelling", name)
    return received


def value_spelling(name: str, value: Value) -> str:
    """Return how `value` is written as a value of the tag `name`: registered tokens so, Booleans in capitals."""
    if isinstance(value, Token):
        if value in (TRUE, FALSE):
            return value.text.upper()
        return _WORDS.get((name.lower(), value), value.text)
    return str(value)


def value_rank(name: str, value: Value) -> int:
    """Return the place of `value` in the registered order of the tag's values; unknown ones come last."""
    order = find_tag(name).order
    return order.get(value, len(order))
