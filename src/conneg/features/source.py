"""The text under the parser's hand: a place in it, the lexical units of the grammar, and errors that show the place."""

import re
from typing import NoReturn

from conneg.bounds import Bound
from conneg.features.errors import FeatureSyntaxError

MAX_TEXT = Bound(
    name="features.text",
    value=64 * 1024,
    unit="octets of feature expression",
    reason="the largest expressions published are below 4 KiB; a reply may bring 64 KiB",
    answer="BoundExceededError; the recipient has no usable capability",
)
MAX_DIGITS = Bound(
    name="features.digits",
    value=100,
    unit="digits in one number",
    reason="exact arithmetic on longer numbers costs time and means nothing about documents",
    answer="BoundExceededError; the recipient has no usable capability",
)

SPACE = re.compile(r"[ \t\r\n]*")
FTAG = re.compile(r"[A-Za-z][A-Za-z0-9:/.%-]*")
TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
QVALUE = r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)(?![0-9.])"
EXT_VALUE = r'"[ !#-~]*"|[!#-\'*-:<-~]+'

_WORD = r"[A-Za-z0-9:/.%+-]+"
_EXCERPT = 72


class Source:
    """An expression's text and the place `at` which reading has arrived."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        MAX_TEXT.check(len(text))
        self.text = text
        self.at = 0

    def skip(self) -> int:
        """Pass over white space (RFC 2533, 4.1: between any two elements) and return the place."""
        match = SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return self.at

    def take(self, literal: str) -> bool:
        """Pass over white space, and over `literal` if it stands there."""
        self.skip()
        if not self.text.startswith(literal, self.at):
            return False
        self.at += len(literal)
        return True

    def take_match(self, pattern: re.Pattern[str] | str) -> re.Match[str] | None:
        """Pass over what `pattern` matches exactly here; None if it does not match."""
        match = re.compile(pattern).match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def is_word(self, word: str) -> bool:
        """Tell whether the next word is `word` in any letter case."""
        match = TOKEN.match(self.text, self.skip())
        return match is not None and match[0].lower() == word

    def expect(self, literal: str, expected: str | None = None) -> None:
        """Pass over `literal`; an error if something else stands there."""
        if not self.take(literal):
            self.fail(expected or f"{literal!r}")

    def fail(self, expected: str, at: int | None = None) -> NoReturn:
        """Raise `FeatureSyntaxError` for this place, or for `at`."""
        place = self.skip() if at is None else at
        line, column, excerpt = self.locate(place)
        raise FeatureSyntaxError(line, column, self._found(place), expected, excerpt)

    def locate(self, place: int) -> tuple[int, int, str]:
        """Return line and column of a place, both from 1, and its line (shortened when long) with a caret below."""
        start = self.text.rfind("\n", 0, place) + 1
        return self.text.count("\n", 0, place) + 1, place - start + 1, self._excerpt(start, place)

    def _found(self, place: int) -> str:
        if place >= len(self.text):
            return "the end"
        word = re.compile(_WORD).match(self.text, place)
        shown = word[0] if word is not None else self.text[place]
        return ascii(shown if len(shown) <= 32 else f"{shown[:31]}...")

    def _excerpt(self, start: int, place: int) -> str:
        """Return the line around `place`, shortened on both sides, and a caret below."""
        end = self.text.find("\n", place)
        line = self.text[start : end if end >= 0 else len(self.text)]
        column = place - start
        first = max(0, min(column - _EXCERPT // 2, len(line) - _EXCERPT))
        shown = line[first : first + _EXCERPT]
        front = "..." if first else ""
        back = "..." if first + _EXCERPT < len(line) else ""
        printable = "".join(c if " " <= c <= "~" else " " if c in "\t\r" else "?" for c in shown)
        return f"{front}{printable}{back}\n{' ' * (len(front) + column - first)}^"
