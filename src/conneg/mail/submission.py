"""What a submission server adds to a message that its author's program has left incomplete (RFC 6409, 8)."""

import re
from datetime import datetime
from email.utils import format_datetime

_END = re.compile(rb"^\r?\n", re.MULTILINE)
_NAME = re.compile(rb"^([!-9;-~]+)[ \t]*:", re.MULTILINE)
_FIRST = re.compile(rb"[!-9;-~]+[ \t]*:|\r?\n")


def ends_header(octets: bytes | bytearray, start: int = 0) -> bool:
    """Say whether the empty line after a header is in what a message begins with, at `start` or behind it."""
    return _END.search(octets, start) is not None


def missing_fields(octets: bytes, *, date: datetime, message_id: str) -> bytes:
    r"""Return the fields Date and Message-ID, as far as the header lacks them (RFC 6409, 8.2 and 8.3).

    `octets` is what the message begins with, its header at least; `message_id` stands with its angle brackets. What
    begins with neither a field nor an empty line has no header that could be completed: nothing is returned.

    >>> from datetime import UTC, datetime
    >>> missing_fields(b"From: june@ifax1.jp\r\nDate: today\r\n\r\nHello\r\n",
    ...     date=datetime(2026, 1, 2, tzinfo=UTC), message_id="<1@mail.example>")
    b'Message-ID: <1@mail.example>\r\n'
    """
    if octets and _FIRST.match(octets) is None:
        return b""
    end = _END.search(octets)
    names = {name.lower() for name in _NAME.findall(octets, 0, end.start() if end else len(octets))}
    date_field = b"" if b"date" in names else f"Date: {format_datetime(date)}\r\n".encode("ascii")
    id_field = b"" if b"message-id" in names else f"Message-ID: {message_id}\r\n".encode("ascii")
    return date_field + id_field
