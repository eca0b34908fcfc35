"""The values of feature tags, and the names of the tags: immutable, comparable, each printing as it is written.

A number is a `fractions.Fraction` (RFC 2533, 4.2.4.2: exact); a Boolean is a `Token` (4.2.4.1).
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from conneg.features.errors import FeatureValueError

_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_STRING = re.compile(r"[ !#-~]*")


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """A word such as `Binary`: compares in any letter case and keeps its spelling (RFC 2938, 3.1.1).

    Raises `FeatureValueError` for what the grammar's `token` does not allow.
    """

    text: str
    folded: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if _TOKEN.fullmatch(self.text) is None:
            raise FeatureValueError(f"{self.text!r} is no token: a letter, then letters, digits and hyphens")
        object.__setattr__(self, "folded", self.text.lower())

    def __eq__(self, other: object) -> bool:
        return self.folded == other.folded if isinstance(other, Token) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.folded)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string such as `"image/tiff"`, compared octet by octet (RFC 2506, 2.3); `text` is without the quotes.

    Raises `FeatureValueError` for what the grammar's `string` does not allow.
    """

    text: str

    def __post_init__(self) -> None:
        if _STRING.fullmatch(self.text) is None:
            raise FeatureValueError(f"{self.text!r} is no string: printable ASCII without quotation marks")

    def __str__(self) -> str:
        return f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit, such as `72dpi` (RFC 2533, 6.2)."""

    number: Fraction
    unit: Token

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
