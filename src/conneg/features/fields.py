"""Header fields whose value is a feature expression: Content-Features (RFC 2912) and its like, read and written.

The others are Content-Alternative (RFC 3297, 4), Content-Previous (RFC 4141, 8) and Media-Accept-Features (RFC 2530).
"""

import re

from conneg.features.errors import WrapError
from conneg.features.expression import Expression
from conneg.features.folding import unfold, wrap
from conneg.features.reading import parse_front
from conneg.features.source import MAX_TEXT, Source
from conneg.features.writing import write

LONGEST_LINE = 998
"""Octets in a line without its CRLF (RFC 5322, 2.1.1)."""

_USUAL_LINE = 76
_NAME = re.compile(r"[ \t\r\n]*([A-Za-z0-9][!-9;-~]*)[ \t]*:")
_COMMENT_PIECE = re.compile(r"[^()\\]+|\\.|[()]", re.DOTALL)


def read_field(text: str, *, lenient: bool = False) -> Expression:
    """Read the value of a field, folded or not; the field's name and colon may stand in front.

    The value begins with the expression, since its parentheses cannot be told from those of a comment; comments (RFC
    5322, 3.2.2) are passed over behind it, and nowhere else. `lenient` is that of `conneg.features.reading.parse`.
    Raises `FeatureSyntaxError`, with the place in the unfolded value, and `conneg.errors.BoundExceededError`.
    """
    MAX_TEXT.check(len(text))
    name = _NAME.match(text)
    value = unfold(text[name.end() :] if name is not None else text)
    expression, end = parse_front(value, lenient=lenient)
    if end < len(value):
        _pass_comments(value, end)
    return expression


def write_field(name: str, source: str | Expression, *, width: int = _USUAL_LINE) -> str:
    """Return the field `name` with an expression as its value: lines of at most `width` octets, CRLF between them.

    Folded between lexical elements only, best after a `)`. A text is taken as it is (its hash stays the same), a tree
    is written in its canonical form. An element that is longer than a line makes its lines longer, up to
    `LONGEST_LINE`; above that `WrapError`.
    """
    value = source if isinstance(source, str) else write(source)
    try:
        pieces = wrap(value, width - len(name) - 2, width - 1)
    except WrapError:
        pieces = wrap(value, LONGEST_LINE - len(name) - 2, LONGEST_LINE - 1)
    return f"{name}: " + "\r\n ".join(pieces)


def read_content_features(text: str, *, lenient: bool = False) -> Expression:
    """Read a Content-Features field or its value (RFC 2912, 3): see `read_field`."""
    return read_field(text, lenient=lenient)


def write_content_features(source: str | Expression, *, width: int = _USUAL_LINE) -> str:
    """Return the Content-Features field (RFC 2912, 3), folded (3.1): see `write_field`."""
    return write_field("Content-Features", source, width=width)


def _pass_comments(value: str, start: int) -> None:
    """Raise `FeatureSyntaxError` unless only comments and white space stand from `start` to the end."""
    depth, at = 0, start
    for piece in _COMMENT_PIECE.finditer(value, start):
        if piece.start() != at or (depth == 0 and piece[0] != "(" and piece[0].strip()):
            break
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        at = piece.end()
    if depth or at < len(value):
        place = Source(value)
        place.at = at
        place.fail("the end of a comment" if depth else "the end of the expression")
