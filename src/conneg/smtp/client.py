"""The client's side of a session, sans-IO: replies are read leniently and bounded, and matched to commands by counting."""

import re
from collections import deque
from dataclasses import dataclass

from conneg.errors import TemporaryError
from conneg.smtp.conneg import ConnegArgument
from conneg.smtp.reply import Reply

MAX_LINE_OCTETS = 4096
MAX_REPLY_OCTETS = 65_536

_LINE = re.compile(rb"(\d\d\d)(?:([ -])(.*))?$", re.DOTALL)
NOT_SUPPORTED_CODES = frozenset({500, 501, 502, 504, 555})
"""What a server answers to a parameter it does not know, whatever its own RFCs say (draft A5 item 15)."""


class PeerProtocolError(TemporaryError):
    """The server said something that is no reply, or too much of it."""


class ReplyReader:
    """Octets in, replies out, in order."""

    def __init__(self) -> None:
        self._input = b""
        self._texts: list[str] = []
        self._octets = 0
        self._first_code = 0

    def receive(self, octets: bytes) -> list[Reply]:
        """Return the replies that are complete now. Raises `PeerProtocolError`."""
        self._input += octets
        replies = []
        while True:
            end = self._input.find(b"\n")
            if end < 0:
                if len(self._input) > MAX_LINE_OCTETS:
                    raise PeerProtocolError(f"a reply line longer than {MAX_LINE_OCTETS} octets")
                return replies
            line, self._input = self._input[:end].rstrip(b"\r"), self._input[end + 1 :]
            reply = self._read_line(line)
            if reply is not None:
                replies.append(reply)

    def _read_line(self, line: bytes) -> Reply | None:
        self._octets += len(line)
        if len(line) > MAX_LINE_OCTETS or self._octets > MAX_REPLY_OCTETS:
            raise PeerProtocolError(f"a reply longer than {MAX_REPLY_OCTETS} octets")
        match = _LINE.match(line)
        if match is None:
            raise PeerProtocolError(f"not an SMTP reply: {line[:60]!r}")
        code = int(match[1])
        if not self._texts:
            self._first_code = code
        self._texts.append((match[3] or b"").decode("utf-8", "replace"))
        if match[2] == b"-":
            return None
        # differing codes: the first digit of the last line decides (RFC 5321, 4.2.1)
        agreed = self._first_code if self._first_code // 100 == code // 100 else code
        reply = Reply.read(agreed, tuple(self._texts))
        self._texts, self._octets = [], 0
        return reply


@dataclass(frozen=True, slots=True)
class RcptRequest:
    """One RCPT to send; `conneg` asks for the capability, if the server offers that."""

    forward_path: str
    conneg: ConnegArgument | None = None
    notify: frozenset[str] | None = None
    orcpt: str | None = None


def read_extensions(reply: Reply) -> dict[str, str]:
    """Return what an EHLO reply offers: keyword in upper case to parameters (RFC 5321, 4.1.1.1)."""
    found = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.strip().partition(" ")
        if keyword:
            found[keyword.upper()] = parameters.strip()
    return found


def write_mail(
    reverse_path: str, *, size: int | None = None, body: str | None = None, ret: str | None = None, envid: str | None = None
) -> str:
    """Return the MAIL command without its CRLF."""
    words = [f"MAIL FROM:<{reverse_path}>"]
    words += [f"{name}={value}" for name, value in (("SIZE", size), ("BODY", body), ("RET", ret), ("ENVID", envid)) if value]
    return _checked(" ".join(words))


def write_rcpt(request: RcptRequest, conneg: str | None) -> str:
    """Return the RCPT command without its CRLF; `conneg` is the parameter to write."""
    words = [f"RCPT TO:<{request.forward_path}>"]
    if conneg:
        words.append(conneg)
    if request.notify:
        words.append("NOTIFY=" + ",".join(sorted(request.notify)))
    if request.orcpt:
        words.append(f"ORCPT={request.orcpt}")
    return _checked(" ".join(words))


def _checked(command: str) -> str:
    if "\r" in command or "\n" in command or "\0" in command:
        raise ValueError("a line end or NUL in a command")
    return command


def conneg_parameter(argument: ConnegArgument | None, extensions: dict[str, str]) -> str | None:
    """Return the parameter to send, None for none: never unannounced (draft 4.2)."""
    if argument is None or "CONNEG" not in extensions:
        return None
    return "CONNEG" if "CONPERM" in extensions else f"CONNEG={argument}"


Pending = deque[str]
