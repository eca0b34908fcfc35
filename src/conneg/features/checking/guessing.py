"""Guesses at what was meant: a tag that is nearly a registered one, a token likewise, a call without its `=`."""

from collections.abc import Iterable

from conneg.features.composite import is_hash_name
from conneg.features.expression import Call
from conneg.features.registry import describe_tag
from conneg.features.schema import SCHEMA, Tree, tree_of
from conneg.features.values import Token, Value

_MAX_WORD = 40
"""No registered word is longer."""

_MAX_GUESSES = 200
"""After so many unknown words no more guesses are made: the text is about something else."""

_OTHER_WORDS = {
    "colour": "color",
    "compression": "image-coding",
    "content-type": "type",
    "dpi-x": "dpi",
    "dpi-xy": "dpi-xyratio",
    "dpi-y": "dpi-xyratio",
    "media-type": "type",
    "mime-type": "type",
    "papersize": "paper-size",
    "resolution": "dpi",
}
"""Names in use elsewhere, or in older texts, for registered tags."""


class Guesses:
    """The guesses made for one expression, and a limit on their number."""

    __slots__ = ("_known", "_left")

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}
        self._left = _MAX_GUESSES

    def tag(self, name: str) -> str | None:
        """Return the registered tag that an unregistered name is taken for; None if it is registered or no such."""
        if describe_tag(name) is not None or tree_of(name) is not Tree.IETF:
            return None
        if name not in self._known:
            self._known[name] = _OTHER_WORDS.get(name.lower()) or self._tag_near(name)
        return self._known[name]

    def _tag_near(self, name: str) -> str | None:
        """Return a registered tag that differs in little, or only by parts left out of it or put in."""
        names = [tag.name for tag in SCHEMA]
        near = self.near(name, names, 0.82)
        if near is not None:
            return near
        near = self.near(name, names, 0.7)
        return near if near is not None and _runs_through(name.lower(), near.lower()) else None

    def near(self, word: str, registered: Iterable[str], likeness: float = 0.75) -> str | None:
        """Return the one of the registered words that is most like `word`, in any letter case; None if none is.

        `likeness` is from 0 to 1, for equal words, as `difflib` counts it.
        """
        if not 3 <= len(word) <= _MAX_WORD or self._left <= 0:
            return None
        self._left -= 1
        from difflib import get_close_matches

        by_letters = {name.lower(): name for name in registered}
        found = get_close_matches(word.lower(), by_letters, 1, likeness)
        return by_letters[found[0]] if found else None


def _runs_through(one: str, other: str) -> bool:
    """Tell whether the letters of the shorter word all stand in the longer one, in the same order."""
    short, long = sorted((one, other), key=len)
    letters = iter(long)
    return all(letter in letters for letter in short)


def assignment(call: Call) -> tuple[str, Value] | None:
    """Return the tag and the token of a call such as `(color-space-CIELAB)`, which lacks its `=`; else None.

    RFC 2879 4.3 prints one.
    """
    if call.arguments or is_hash_name(call.name) or len(call.name) > 2 * _MAX_WORD:
        return None
    spelling = call.name.spelling
    for place in range(len(spelling) - 1, 0, -1):
        tag = describe_tag(spelling[:place]) if spelling[place] in "-:" else None
        if tag is None:
            continue
        words = {value.folded: value for value in tag.values if isinstance(value, Token)}
        value = words.get(spelling[place + 1 :].lower())
        return None if value is None else (tag.name.lower(), value)
    return None
