"""Who a message says it is from: the one mailbox of its From field (RFC 5322, 3.6.2).

Strict where other programs guess: what two of them may read as two different authors has none. The standard library's
reader is not used, since it guesses, and recurses as deep as the field's comments.
"""

import re

from conneg.bounds import Bound
from conneg.mail.address import AddressError, Mailbox, parse_mailbox
from conneg.mail.fields import Fields

MAX_FROM = Bound(
    name="mail.from",
    value=4096,
    unit="characters of a From field that is read for its mailbox",
    reason="one mailbox and a display name have a hundred",
    answer="the message counts as one that does not say who it is from",
)
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(rf'{_QUOTED}|\\.|[()]|[^"\\()]+', re.DOTALL)
_NAME_ADDRESS = re.compile(rf"""(?:{_QUOTED}|[^"<>,;:@\\])*<(?P<address>[^<>]+)>\s*""", re.DOTALL)


def from_mailbox(fields: Fields) -> Mailbox | None:
    """Return the author's mailbox; None unless there is one From field with one mailbox in it."""
    values = fields.get_all("From")
    if len(values) != 1 or len(values[0]) > MAX_FROM.value:
        return None
    text = _without_comments(values[0])
    if text is None:
        return None
    named = _NAME_ADDRESS.fullmatch(text)
    try:
        return parse_mailbox(named["address"] if named else text.strip())
    except AddressError:
        return None


def _without_comments(value: str) -> str | None:
    """comment = "(" *([FWS] ccontent) [FWS] ")", nested        ; RFC 5322, 3.2.2; None where one has no end."""
    kept: list[str] = []
    depth, position = 0, 0
    while position < len(value):
        token = _TOKEN.match(value, position)
        if token is None:
            return None
        position = token.end()
        if token[0] == "(":
            depth += 1
        elif token[0] == ")":
            depth -= 1
            kept.append(" ")
        elif depth == 0:
            kept.append(token[0])
        if depth < 0:
            return None
    return "".join(kept) if depth == 0 else None
