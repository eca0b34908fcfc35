"""The server's side of a session, sans-IO: octets in, events out; answers in, octets out.

The driver gives octets to `receive_data`, takes events from `next_event` until it says None, answers those that want
an answer, and sends `data_to_send` after each round. An event is made only when everything before it has been
answered, so replies leave in order however much the client sends at once. While an answer is owed nothing more need
be read: `wants_data` says so.
"""

import re
from collections.abc import Callable, Mapping

from conneg.smtp import texts
from conneg.smtp.config import ServerConfig
from conneg.smtp.dialogue import Owed
from conneg.smtp.events import (
    Hello,
    ServerEvent,
    SessionEnd,
    TransactionReset,
    VrfyCommand,
)
from conneg.smtp.grammar import is_hello_name
from conneg.smtp.introducing import Introducing
from conneg.smtp.lines import BadLine
from conneg.smtp.receiving import Receiving
from conneg.smtp.reply import Reply
from conneg.smtp.states import IN_TRANSACTION, TABLE, Phase, Step

_VERB = re.compile(rb"[A-Za-z]+(?=[ \t]|\Z)")
_RESET = TransactionReset()
_SESSION_END = SessionEnd()

_UNIMPLEMENTED = frozenset({b"EXPN", b"SEND", b"SOML", b"SAML", b"TURN", b"ETRN"})
_IDLE = frozenset({b"EHLO", b"HELO", b"LHLO", b"RSET", b"NOOP", b"VRFY", b"HELP"})
_BEFORE_TLS = frozenset(
    {b"EHLO", b"HELO", b"LHLO", b"STARTTLS", b"NOOP", b"QUIT", b"RSET", b"HELP", b"XCLIENT", b"BDAT"}
)
"""BDAT is refused, too, but only when its chunk has been read."""


class ServerSession(Receiving, Introducing):
    """One session. `phase`, `helo`, `esmtp`, `is_secure` and `username` may be looked at; nothing but the methods
    changes them.

    `is_secure`: the connection has been under TLS from its first octet. `username`: who the client has proved to be.
    """

    def __init__(self, config: ServerConfig, *, is_secure: bool = False) -> None:
        super().__init__(config, is_secure=is_secure)
        self._end_told = False

    def receive_data(self, data: bytes) -> None:
        """Take octets from the client; after the end of the session they are dropped."""
        if self.phase is not Phase.CLOSED:
            self._lines.receive(data)

    def data_to_send(self) -> bytes:
        """Return the octets to send now, and forget them."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    @property
    def wants_data(self) -> bool:
        """Whether more octets could lead to an event now; while an answer is owed they would only pile up."""
        return self._owed is None and self.phase is not Phase.CLOSED

    @property
    def backlog(self) -> int:
        """The number of octets that have been received and not yet read."""
        return len(self._lines)

    @property
    def in_transaction(self) -> bool:
        """Whether the end of the session now would cost the client a transaction."""
        return self.phase in IN_TRANSACTION

    def next_event(self) -> ServerEvent | None:
        """Return the next event; None while an answer is owed or more octets are needed."""
        while self._owed is None:
            if self._authenticated is not None:  # before anything that stands behind it is read
                authenticated, self._authenticated = self._authenticated, None
                return authenticated
            phase = self.phase
            if phase is Phase.CLOSED:  # also in the midst of a chunk
                return self._tell_end()
            if phase is Phase.CONTENT:
                if not self._lines:
                    return None
                event = self._read_content()
            elif self._chunks is not None and self._chunks.is_open:
                if not self._chunks.left:
                    event = self._end_chunk(self._chunks)
                elif self._lines:
                    event = self._read_chunk(self._chunks)
                else:
                    return None
            elif phase is Phase.ANSWER:
                event = self._end_content()
            else:
                line = self._lines.next_line()
                if line is None:
                    return None
                event = self._read_line(line)
            if event is not None:
                return event
        return self._tell_end() if self.phase is Phase.CLOSED else None

    def greet(self, refusal: Reply | None = None) -> None:
        """Say 220, or `refusal` instead, which ends the session (RFC 5321, 3.1: 554; or 421)."""
        self._pay(Owed.GREETING)
        self.phase = TABLE[self.phase][Step.GREET]
        if refusal is not None:
            self._say(refusal)
            self._close()
            return
        self._say(Reply(220, (f"{self.config.hostname} {self.config.banner}".rstrip(),)))

    def answer_vrfy(self, reply: Reply) -> None:
        """Answer the `VrfyCommand`."""
        self._pay(Owed.VRFY)
        self._say(reply)

    def _tell_end(self) -> SessionEnd | None:
        if self._end_told:
            return None
        self._end_told = True
        return _SESSION_END

    def _read_line(self, line: bytes | BadLine) -> ServerEvent | None:
        if self._authentication is not None and self._authentication.is_open:
            return self._read_response(line, self._authentication)
        if isinstance(line, BadLine):
            self._refuse(texts.BARE if line is BadLine.BARE else texts.LONG)
            return None
        verb = _VERB.match(line)
        word = line[: verb.end()].upper() if verb is not None else b""
        read = _READERS.get(word)
        if read is None:
            self._refuse(texts.NOT_IMPLEMENTED if word in _UNIMPLEMENTED else texts.UNKNOWN)
            return None
        if word in _IDLE:
            self._idle_commands += 1
            if self._idle_commands > self.config.max_idle_commands:
                self._give_up(texts.TOO_MANY_IDLE_COMMANDS)
                return None
        if self.config.needs_tls and not self.is_secure and word not in _BEFORE_TLS:
            self._refuse(texts.TLS_FIRST)
            return None
        try:
            argument = line[len(word) + 1 :].decode("utf-8", "replace" if word == b"BDAT" else "strict")
        except UnicodeDecodeError:
            self._refuse(texts.NOT_UTF8)
            return None
        # "receivers SHOULD tolerate trailing white space before the terminating CRLF" (RFC 5321, 4.1.1)
        return read(self, argument.rstrip(" \t"))

    def _read_ehlo(self, argument: str) -> ServerEvent | None:
        if self.config.lmtp:
            self._refuse(texts.LHLO_HERE)
            return None
        return self._hello(argument, esmtp=True)

    def _read_helo(self, argument: str) -> ServerEvent | None:
        if self.config.lmtp:
            self._refuse(texts.LHLO_HERE)
            return None
        return self._hello(argument, esmtp=False)

    def _read_lhlo(self, argument: str) -> ServerEvent | None:
        if not self.config.lmtp:
            self._refuse(texts.NOT_IMPLEMENTED)
            return None
        return self._hello(argument, esmtp=True)

    def _hello(self, argument: str, *, esmtp: bool) -> ServerEvent | None:
        if not is_hello_name(argument):
            self._refuse(texts.BAD_HELLO)
            return None
        self._chunks = None
        self.phase = TABLE[self.phase][Step.HELLO]
        self.helo, self.esmtp = argument, esmtp
        lines = self.config.listed if esmtp else ()
        # No enhanced status codes in replies to EHLO and HELO (RFC 2034, 4).
        self._say(Reply(250, (self.config.hostname, *lines)))
        self._enhanced = esmtp and "ENHANCEDSTATUSCODES" in self.config.offered
        return Hello(argument, esmtp)

    def _read_rset(self, argument: str) -> ServerEvent | None:
        if argument:
            self._refuse(texts.NO_ARGUMENT)
            return None
        self.phase = TABLE[self.phase][Step.RESET]
        self._chunks = None
        self._say(texts.OK)
        return _RESET

    def _read_noop(self, argument: str) -> ServerEvent | None:
        self._say(texts.OK)
        return None

    def _read_help(self, argument: str) -> ServerEvent | None:
        self._say(texts.HELP)
        return None

    def _read_vrfy(self, argument: str) -> ServerEvent | None:
        if not argument or not argument.isprintable():
            self._refuse(Reply(501, ("syntax: VRFY and a name or mailbox",), "5.5.4"))
            return None
        self._owed = Owed.VRFY
        return VrfyCommand(argument)

    def _read_quit(self, argument: str) -> ServerEvent | None:
        if argument:
            self._refuse(texts.NO_ARGUMENT)
            return None
        self._say(texts.GOODBYE)
        self._close()
        return None


_Reader = Callable[[ServerSession, str], ServerEvent | None]
_READERS: Mapping[bytes, _Reader] = {
    b"EHLO": ServerSession._read_ehlo,
    b"HELO": ServerSession._read_helo,
    b"MAIL": ServerSession._read_mail,
    b"RCPT": ServerSession._read_rcpt,
    b"DATA": ServerSession._read_data,
    b"BDAT": ServerSession._read_bdat,
    b"LHLO": ServerSession._read_lhlo,
    b"AUTH": ServerSession._read_auth,
    b"XCLIENT": ServerSession._read_xclient,
    b"RSET": ServerSession._read_rset,
    b"NOOP": ServerSession._read_noop,
    b"VRFY": ServerSession._read_vrfy,
    b"HELP": ServerSession._read_help,
    b"STARTTLS": ServerSession._read_starttls,
    b"QUIT": ServerSession._read_quit,
}
