"""The values of feature tags, and the names of the tags: immutable, comparable, each printing as it is written.

A number is a `fractions.Fraction` (RFC 2533, 4.2.4.2: exact); a Boolean is a `Token` (4.2.4.1).
"""

import re
from fractions import Fraction
from typing import Final, TypeAlias

from conneg.features.errors import FeatureValueError
from conneg.features.record import Record

_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_STRING = re.compile(r"[ !#-~]*")


class Token(Record):
    """A word such as `Binary`: compares in any letter case and keeps its spelling (RFC 2938, 3.1.1).

    Raises `FeatureValueError` for what the grammar's `token` does not allow.
    """

    __slots__ = ("folded", "text")
    __match_args__ = ("text",)

    def __init__(self, text: str) -> None:
        if _TOKEN.fullmatch(text) is None:
            raise FeatureValueError(f"{text!r} is no token: a letter, then letters, digits and hyphens")
        self.text: Final = text
        self.folded: Final = text.lower()

    def __eq__(self, other: object) -> bool:
        return self.folded == other.folded if isinstance(other, Token) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.folded)

    def __str__(self) -> str:
        return self.text


class Text(Record):
    """A quoted string such as `"image/tiff"`, compared octet by octet (RFC 2506, 2.3); `text` is without the quotes.

    Raises `FeatureValueError` for what the grammar's `string` does not allow.
    """

    __slots__ = ("text",)
    __match_args__ = ("text",)

    def __init__(self, text: str) -> None:
        if _STRING.fullmatch(text) is None:
            raise FeatureValueError(f"{text!r} is no string: printable ASCII without quotation marks")
        self.text: Final = text

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Text) else NotImplemented

    def __hash__(self) -> int:
        return hash((Text, self.text))

    def __str__(self) -> str:
        return f'"{self.text}"'


class Quantity(Record):
    """A number with a unit, such as `72dpi` (RFC 2533, 6.2)."""

    __slots__ = ("number", "unit")
    __match_args__ = ("number", "unit")

    def __init__(self, number: Fraction, unit: Token) -> None:
        self.number: Final = number
        self.unit: Final = unit

    def __str__(self) -> str:
        return f"{self.number}{self.unit}"


Value: TypeAlias = Fraction | Token | Text | Quantity
"""What a feature tag may have as its value."""

Word: TypeAlias = Token | Text
"""A value without order."""

TRUE = Token("TRUE")
FALSE = Token("FALSE")


class TagName(str):
    """The name of a feature tag: a lower-case `str` (RFC 2506, 2.2) that remembers its `spelling`."""

    __slots__ = ("spelling",)
    spelling: str

    def __new__(cls, spelling: str) -> "TagName":
        """Return the name that `spelling` is in small letters."""
        name = super().__new__(cls, spelling.lower())
        name.spelling = spelling
        return name


def feature_key(tag: str, value: Value) -> TagName:
    """Return what a constraint on `tag` is filed under: the tag, and after a space the unit if there is one.

    A constraint with a unit, or with another unit, is handled as a different feature (RFC 2533, 6.2).
    """
    if isinstance(value, Quantity):
        return TagName(f"{getattr(tag, 'spelling', tag)} {value.unit}")
    return tag if isinstance(tag, TagName) else TagName(tag)


def split_key(key: str) -> tuple[TagName, Token | None]:
    """Return the tag and the unit of a key that `feature_key` made."""
    spelling: str = getattr(key, "spelling", key)
    tag, _, unit = spelling.partition(" ")
    return TagName(tag), Token(unit) if unit else None


def number_of(value: Value) -> Fraction | None:
    """Return the number in `value`, without its unit; None for a word."""
    if isinstance(value, Quantity):
        return value.number
    return value if isinstance(value, Fraction) else None


def value_order(value: Value) -> tuple[int, Fraction, str]:
    """Return a key that sorts values: numbers by size, then tokens, then strings, both by their letters."""
    if isinstance(value, Token):
        return (1, Fraction(0), value.folded)
    if isinstance(value, Text):
        return (2, Fraction(0), value.text)
    return (0, value.number if isinstance(value, Quantity) else value, "")
