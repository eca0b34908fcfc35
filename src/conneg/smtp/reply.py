"""Replies (RFC 5321, 4.2) as values: what a code means, how a reply is written, how one is read octet by octet.

Writing is strict: printable text, at most 512 octets a line, the enhanced status code on every line (RFC 2034, 4).
Reading is lenient and bounded, and gives an error rather than a guess where lines do not form a reply.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from conneg.bounds import Bound
from conneg.errors import BoundExceededError, ConnegError, TemporaryError

MAX_REPLY_LINE = Bound(
    name="smtp.reply_line",
    value=512,
    unit="octets in a reply line that is written, with code and CRLF",
    reason="RFC 5321, 4.5.3.1.5; draft-ietf-fax-esmtp-conneg-03, 4.3",
    answer="the text continues on another line of the same reply",
)
MAX_REPLY_LINE_READ = Bound(
    name="smtp.reply_line_read",
    value=4096,
    unit="octets in a reply line that is read",
    reason="peers break the 512 octets of RFC 5321, 4.5.3.1.5",
    answer="RemoteProtocolError; the session ends",
)
MAX_REPLY_READ = Bound(
    name="smtp.reply_read",
    value=65536,
    unit="octets in a reply that is read",
    reason="a capability may take many lines, but a reply must end",
    answer="RemoteProtocolError; the session ends",
)


class RemoteProtocolError(TemporaryError):
    """The peer sent something that no SMTP session can go on from; the session ends, another may succeed."""


class ReplyError(ConnegError):
    """A reply that cannot be written: the code, or an enhanced status code of another class."""


class Verdict(IntEnum):
    """What the first digit says (RFC 5321, 4.2.1); a client acts on it whatever the rest of the code is."""

    UNKNOWN = 0
    POSITIVE = 2
    INTERMEDIATE = 3
    TRANSIENT = 4
    PERMANENT = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: `code`, the text of each line without code and enhanced status code, and that code if there is one.

    `mixed_codes` is set on a reply that was read from lines with different codes; `code` is then the last line's.
    """

    code: int
    lines: tuple[str, ...] = ()
    enhanced: str | None = None
    mixed_codes: bool = False

    @property
    def verdict(self) -> Verdict:
        """Return what the first digit says."""
        first = self.code // 100
        return Verdict(first) if 2 <= first <= 5 else Verdict.UNKNOWN

    @property
    def is_positive(self) -> bool:
        """Whether the command was done (2yz)."""
        return 200 <= self.code < 300

    @property
    def text(self) -> str:
        """Return the text of all lines, joined with spaces."""
        return " ".join(self.lines)

    def encode(self, enhanced: bool = True) -> bytes:
        """Return the octets of the reply; `enhanced` says whether ENHANCEDSTATUSCODES is in force.

        Text that is not printable ASCII is replaced, so that no text can end a line. Raises `ReplyError`.
        """
        lines = self.lines
        if len(lines) == 1:
            text = lines[0]
            if len(text) < 480 and text.isascii() and text.isprintable() and 200 <= self.code < 600:
                if self.enhanced is None or not enhanced:
                    return f"{self.code} {text}\r\n".encode("ascii")
                if self.enhanced[0] == str(self.code)[0] and _STATUS.fullmatch(self.enhanced) is not None:
                    return f"{self.code} {self.enhanced} {text}\r\n".encode("ascii")
        return self._encode_lines(enhanced)

    def _encode_lines(self, enhanced: bool) -> bytes:
        if not 200 <= self.code < 600:
            raise ReplyError(f"{self.code} is no reply code")
        status = ""
        if enhanced and self.enhanced is not None:
            if _STATUS.fullmatch(self.enhanced) is None or self.enhanced[0] != str(self.code)[0]:
                raise ReplyError(f"{self.enhanced!r} is no enhanced status code for a {self.code} reply")
            status = f"{self.enhanced} "
        room = MAX_REPLY_LINE.value - len(f"{self.code} {status}\r\n")
        texts = [piece for line in self.lines or ("",) for piece in _cut(_printable(line), room)]
        last = len(texts) - 1
        return "".join(
            f"{self.code}{'-' if place < last else ' '}{status}{text}\r\n" for place, text in enumerate(texts)
        ).encode("ascii")

    def __str__(self) -> str:
        return " ".join(word for word in (str(self.code), self.enhanced or "", *self.lines) if word)


_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_LEADING_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|\t+|(?=<)|$)")


def _printable(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if " " <= char <= "~" or char == "\t" else "?" for char in text)


def _cut(text: str, room: int) -> list[str]:
    return [text[at : at + room] for at in range(0, len(text), room)] or [""]


def read_reply_lines(lines: list[str], *, enhanced: bool = True) -> Reply:
    """Return the reply that complete `lines` (without CRLF) are; for tests, and for replies had from elsewhere.

    Raises `RemoteProtocolError` if they are not exactly one reply.
    """
    reader = ReplyReader()
    reader.receive("".join(f"{line}\r\n" for line in lines).encode("utf-8"))
    reply = reader.next_reply(enhanced=enhanced)
    if reply is None or reader.pending:
        raise RemoteProtocolError(f"{len(lines)} lines are not one reply: {lines[:1]}")
    return reply


class ReplyReader:
    """Reads replies from a stream: give octets to `receive`, ask `next_reply` until it says None.

    Every line needs a code (RFC 5321, 4.2.1). A line ends with CRLF only: a bare CR or LF is an error, as a peer that
    echoes what somebody else wrote must not be able to make a second reply of it.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[tuple[int, str]] = []
        self._octets = 0
        self.last_lines: tuple[str, ...] = ()
        """The lines of the last reply as they came, without CRLF; for transcripts."""

    @property
    def pending(self) -> bool:
        """Whether there are octets that belong to no complete reply."""
        return bool(self._buffer or self._lines)

    @property
    def backlog(self) -> int:
        """The number of octets not yet read."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Take octets from the peer."""
        self._buffer += data

    def next_reply(self, *, enhanced: bool = True) -> Reply | None:
        """Return the next reply, or None for "more octets needed".

        `enhanced` says whether enhanced status codes are cut from the text, which they are but for the greeting and the
        reply to EHLO. Raises `RemoteProtocolError`.
        """
        while (line := self._next_line()) is not None:
            code, is_last, text = _read_line(line)
            self._lines.append((code, text))
            if is_last:
                lines, self._lines = self._lines, []
                self._octets = 0
                self.last_lines = tuple(
                    f"{code}{'-' if place < len(lines) - 1 else ' '}{text}"
                    for place, (code, text) in enumerate(lines)
                )
                return _as_reply(lines, enhanced)
        return None

    def _next_line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > MAX_REPLY_LINE_READ.value:
                raise _too_long(MAX_REPLY_LINE_READ.exceeded("a reply line"))
            return None
        if end + 1 > MAX_REPLY_LINE_READ.value:
            raise _too_long(MAX_REPLY_LINE_READ.exceeded("a reply line"))
        self._octets += end + 1
        if self._octets > MAX_REPLY_READ.value:
            raise _too_long(MAX_REPLY_READ.exceeded("a reply"))
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise RemoteProtocolError("a reply line has a bare CR or LF; lines end with CRLF")
        return line[:-2]


def _too_long(error: BoundExceededError) -> RemoteProtocolError:
    return RemoteProtocolError(str(error))


def _read_line(line: bytes) -> tuple[int, bool, str]:
    """Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF ; RFC 5321, 4.2"""
    text = line.decode("utf-8", "replace")
    code = text[:3]
    if not (len(code) == 3 and code.isascii() and code.isdigit() and "2" <= code[0] <= "5"):
        raise RemoteProtocolError(f"a reply line without a reply code: {text[:60]!r}")
    separator = text[3:4]
    if separator not in ("", " ", "-", "\t"):
        raise RemoteProtocolError(f"a reply code that neither SP nor '-' follows: {text[:60]!r}")
    return int(code), separator != "-", text[4:]


def _as_reply(lines: list[tuple[int, str]], enhanced: bool) -> Reply:
    code = lines[-1][0]
    mixed = any(other != code for other, _ in lines)
    if not enhanced:
        return Reply(code, tuple(text for _, text in lines), None, mixed)
    status: str | None = None
    texts = []
    for _, text in lines:
        found = _LEADING_STATUS.match(text)
        if found is not None:
            status = status or found[1]
            text = text[found.end() :]
        texts.append(text)
    return Reply(code, tuple(texts), status, mixed)
