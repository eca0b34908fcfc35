"""Long expressions in lines: cut only between lexical elements, and put together again."""

import re
from collections.abc import Iterator

from conneg.features.errors import WrapError
from conneg.features.source import EXT_VALUE, MAX_TEXT

_ELEMENT = re.compile(r'"[^"]*"?|:-|[<>]?=|[^][ \t\r\n()",;=<>!&|]+|[][(),;<>!&|]')
_VALUE = re.compile(EXT_VALUE)
_SPACES = re.compile(r"[ \t\r\n]+")
_FOLD = r"\r?\n(?=[ \t])"


def wrap(text: str, first: int, rest: int) -> list[str]:
    """Cut an expression into pieces of at most `first` octets, then `rest` octets each, best after a `)`.

    Joined with one space each they give an equivalent text with the same hash. There is at least one piece; none is
    empty unless the text is. Raises `WrapError` if one lexical element is longer than its piece may be, and
    `conneg.errors.BoundExceededError` for a text above `conneg.features.source.MAX_TEXT`.
    """
    MAX_TEXT.check(len(text))
    elements = _elements(text)
    pieces: list[str] = []
    start = 0
    while start < len(elements):
        end = _fitting(elements, start, rest if pieces else first)
        pieces.append(_join(elements[start:end]))
        start = end
    return pieces or [""]


def unfold(text: str) -> str:
    """Undo the folding of a header field (RFC 5322, 2.2.3): line ends go, the white space after them stays.

    A line end with no white space behind it, which is no fold, becomes a space. Nothing is taken for a comment.
    """
    return re.sub(r"\r?\n|\r", " ", re.sub(_FOLD, "", text)).strip(" \t")


def one_line(text: str) -> str:
    """Return `text` with each run of white space outside strings as one space: the same hash, on one line."""
    return _join(_elements(text))


def _elements(text: str) -> list[tuple[str, bool]]:
    """Return the lexical elements, each with whether white space stood before it."""
    return list(_scan(text))


def _scan(text: str) -> Iterator[tuple[str, bool]]:
    end, before = 0, ("", "", "")
    while True:
        spaces = _SPACES.match(text, end)
        start = end if spaces is None else spaces.end()
        # what stands behind `;name=` is one element, whatever marks of other elements are in it
        is_value = before[0] == ";" and before[2] == "="
        match = (_VALUE.match(text, start) if is_value else None) or _ELEMENT.match(text, start)
        if match is None:
            return
        yield match[0], start > end
        end, before = match.end(), (before[1], before[2], match[0])


def _join(elements: list[tuple[str, bool]]) -> str:
    return "".join(f" {element}" if spaced else element for element, spaced in elements).strip(" ")


def _fitting(elements: list[tuple[str, bool]], start: int, width: int) -> int:
    """Return where the piece from `start` ends: after a `)` in its second half, else after all that fit."""
    length, end, good = 0, start, 0
    while end < len(elements):
        element, spaced = elements[end]
        length += len(element.encode("utf-8")) + (1 if spaced and end > start else 0)
        if length > width:
            break
        end += 1
        if element == ")" and 2 * length >= width:
            good = end
    if end == len(elements):
        return end
    if end == start:
        raise WrapError(f"the element {elements[start][0]:.40} does not fit into a line of {width} octets")
    return good or end
