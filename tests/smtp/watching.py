"""A third party that sees all octets of a session and knows RFC 5321, 2033, 3030, 3207 and 4954: slow and obvious.

It cuts the client's octets into commands and content by what the server has answered, one command after the other, and
asserts that each has as many replies as it should have, that none succeeds where it must not, and what was sent as
content. Nothing here uses the code that it watches but the names of phases.
"""

import re
from dataclasses import dataclass, field

from conneg.smtp import Phase

# Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF ; RFC 5321, 4.2
_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})([- ])([\t\x20-\x7e]*)\r\n")
_MAX_LINE = 512
_KNOWN = frozenset(
    b"EHLO HELO LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT AUTH STARTTLS XCLIENT".split()
)
SAID_BY_DRIVER = "driver:"
"""How the text of every reply begins that does not come from the core."""


@dataclass(frozen=True)
class Said:
    """One reply: its code, and the text of its lines."""

    code: int
    text: str

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300


def read_replies(octets: bytes) -> list[Said]:
    """The replies that `octets` are, which must be well-formed to the last."""
    replies: list[Said] = []
    code, texts, at = b"", list[str](), 0
    while at < len(octets):
        found = _REPLY_LINE.match(octets, at)
        assert found is not None, f"no reply line: {octets[at : at + 80]!r}"
        assert len(found[0]) <= _MAX_LINE, "a reply line that is too long"
        assert not texts or found[1] == code, "lines of one reply with different codes"
        code, at = found[1], found.end()
        texts.append(found[3].decode())
        if found[2] == b" ":
            replies.append(Said(int(code), "\n".join(texts)))
            texts = []
    assert not texts, "a reply without its last line"
    return replies


def unstuffed(octets: bytes) -> bytes:
    """Content without the dots of RFC 5321, 4.5.2."""
    return b"\r\n".join(line[1:] if line[:1] == b"." else line for line in octets.split(b"\r\n"))


def may_hide_an_end(content: bytes) -> bool:
    """Whether a bare CR or LF is in it, or a line of NULs and one dot behind the first of them."""
    rest = content.replace(b"\r\n", b"")
    lines = content.split(b"\r\n")[:-1]
    behind_nul = any(line[:1] == b"\0" and line.replace(b"\0", b"") == b"." for line in lines)
    return behind_nul or b"\r" in rest or b"\n" in rest


@dataclass
class Watcher:
    """What is known of the session; the first block says how the server has been set."""

    lmtp: bool = False
    chunking: bool = True
    needs_tls: bool = False
    needs_auth: bool = False
    is_secure: bool = False
    refuses_bare: bool = True
    max_octets: int = 10**9
    max_recipients: int = 10**9

    is_introduced: bool = False
    is_known: bool = False
    """By AUTH."""
    is_closed: bool = False
    has_sender: bool = False
    recipients: int = 0
    is_binary: bool = False
    took_chunk: bool = False
    has_failed: bool = False
    chunks: bytes = b""
    awaits_response: bool = False
    in_content: bool = False
    in_chunk: bool = False
    contents: list[bytes] = field(default_factory=list)
    """Those whose reply came from the driver, so that it must have been given them."""
    accepted_contents: list[tuple[int, bytes]] = field(default_factory=list)
    """Place among the replies to content, and octets, of those that have a positive reply."""
    taken: int = 0

    @property
    def phases(self) -> set[Phase]:
        """In which phase the server may be."""
        if self.is_closed:
            return {Phase.CLOSED}
        if self.in_content:
            return {Phase.CONTENT}
        if not self.is_introduced:
            now = {Phase.GREETED}
        elif not self.has_sender:
            now = {Phase.READY}
        elif not self.recipients:
            now = {Phase.MAIL}
        elif self.has_failed:
            now = {Phase.RCPT, Phase.CHUNKED}
        else:
            now = {Phase.CHUNKED if self.took_chunk else Phase.RCPT}
        return now | {Phase.CHUNK} if self.in_chunk else now

    def watch(self, sent: bytes, said: bytes) -> None:
        """Go through the whole session, from the greeting on."""
        replies = read_replies(said)
        assert replies, "no greeting"
        greeting = replies.pop(0)
        self.is_closed = not greeting.is_positive
        while not self.is_closed:
            rest = self._step(sent, replies)
            if rest is None:
                break
            sent = rest
        if replies and not self.is_closed:
            assert replies.pop(0).code == 421, "a reply too many"
            self.is_closed = True
        assert not replies, f"replies after the end: {replies}"

    def _step(self, sent: bytes, replies: list[Said]) -> bytes | None:
        """One command; returns what follows it, None if it is not whole."""
        line, end, rest = sent.partition(b"\r\n")
        if not end:
            return None
        is_bad = b"\r" in line or b"\n" in line or len(line) + 2 > 4096
        verb = re.split(rb"[ \t]", line, maxsplit=1)[0].upper()
        if self.awaits_response:
            verb = b"RESPONSE"
        elif is_bad or verb not in _KNOWN:
            assert self._next(replies).code in (500, 502, 421)
            return rest
        if verb == b"BDAT" and self.chunking:
            return self._bdat(line, rest, replies)
        reply = self._next(replies)
        if reply.code == 421:
            return rest
        if verb == b"DATA" and reply.code == 354:
            return self._data(rest, replies)
        assert (reply.code == 334) <= (verb in (b"AUTH", b"RESPONSE"))
        assert reply.code // 100 != 3 or reply.code == 334
        self._command(verb, line, reply)
        return rest

    def _next(self, replies: list[Said]) -> Said:
        assert replies, "a command without a reply"
        reply = replies.pop(0)
        if reply.code == 421:
            self.is_closed = True
        return reply

    def _end_transaction(self) -> None:
        self.has_sender = self.is_binary = self.took_chunk = self.has_failed = False
        self.recipients, self.chunks = 0, b""

    def _command(self, verb: bytes, line: bytes, reply: Said) -> None:
        self.awaits_response = reply.code == 334
        if not reply.is_positive:
            if verb == b"XCLIENT" and SAID_BY_DRIVER in reply.text:
                self.is_closed = True
            return
        may_mail = (self.is_secure or not self.needs_tls) and (self.is_known or not self.needs_auth)
        match verb:
            case b"EHLO" | b"HELO" | b"LHLO":
                assert (verb == b"LHLO") == self.lmtp
                self.is_introduced = True
                self._end_transaction()
            case b"MAIL":
                assert self.is_introduced, "MAIL out of place"
                assert not self.has_sender, "MAIL out of place"
                assert may_mail, "MAIL out of place"
                self.has_sender = True
                self.is_binary = b"BODY=BINARYMIME" in line.upper().split()
            case b"RCPT":
                assert self.has_sender, "RCPT out of place"
                assert not self.took_chunk, "RCPT out of place"
                self.recipients += 1
                assert self.recipients <= self.max_recipients, "more recipients than the bound"
            case b"RSET":
                self._end_transaction()
            case b"QUIT":
                assert reply.code == 221
                self.is_closed = True
            case b"AUTH" | b"RESPONSE":
                assert reply.code == 235
                assert self.is_introduced, "AUTH out of place"
                assert not self.has_sender, "AUTH out of place"
                assert not self.is_known, "AUTH out of place"
                self.is_known = True
            case b"STARTTLS":
                assert self.is_introduced
                assert not self.has_sender
                assert not self.is_secure
                self.is_secure, self.is_introduced, self.is_known = True, False, False
            case b"XCLIENT":
                assert self.is_introduced
                assert not self.has_sender
                self.is_introduced = self.is_known = False
            case _:
                assert verb in (b"NOOP", b"VRFY", b"HELP"), f"{verb!r} cannot succeed"

    def _data(self, rest: bytes, replies: list[Said]) -> bytes | None:
        assert self.recipients
        assert not self.took_chunk
        assert not self.has_failed
        assert not self.is_binary
        if rest[:3] == b".\r\n":
            octets, rest = b"", rest[3:]
        else:
            octets, end, rest = rest.partition(b"\r\n.\r\n")
            if not end:
                self.in_content = True
                return None
            octets += b"\r\n"
        self._take(unstuffed(octets), replies)
        return rest

    def _bdat(self, line: bytes, rest: bytes, replies: list[Said]) -> bytes | None:
        found = re.fullmatch(rb"BDAT[ \t]+([0-9]{1,20})([ \t]+LAST)?[ \t]*", line, re.IGNORECASE)
        if found is None:
            reply = self._next(replies)
            assert reply.code in (421, 501)
            self.is_closed = reply.code == 501 or self.is_closed
            return rest
        octets, rest = rest[: int(found[1])], rest[int(found[1]) :]
        if len(octets) < int(found[1]):
            self.in_chunk = True
            return None
        if found[2] and self.recipients:
            self.chunks += octets
            self._take(self.chunks, replies)
            return rest
        reply = self._next(replies)
        if reply.is_positive:
            assert self.recipients
            assert not self.has_failed
            self.took_chunk = True
            self.chunks += octets
        elif self.has_sender:
            self.has_failed = True
        return rest

    def _take(self, content: bytes, replies: list[Said]) -> None:
        """The replies to content: in LMTP one for each recipient (RFC 2033, 4.2)."""
        given = []
        for _ in range(self.recipients if self.lmtp else 1):
            given.append(self._next(replies))
            if self.is_closed:
                break
        refused = [reply for reply in given if SAID_BY_DRIVER not in reply.text]
        is_wrong = len(content) > self.max_octets or (
            self.refuses_bare and not self.is_binary and may_hide_an_end(content)
        )
        if not refused and not self.has_failed:
            if all("content" in reply.text for reply in given):
                assert not is_wrong, "content given on that had to be refused"
                self.contents.append(content)
        elif not self.is_closed:
            assert is_wrong or self.has_failed, "content refused for no reason"
            assert not any(reply.is_positive for reply in given)
        if any(reply.is_positive for reply in given):
            self.accepted_contents.append((self.taken, content))
        self.taken += 1
        self._end_transaction()
