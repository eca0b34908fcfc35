"""The server's side of a session, sans-IO: octets in, events out; answers in, octets out.

The driver gives octets to `receive_data`, takes events from `next_event` until it says None, answers those that want
an answer, and sends `data_to_send` after each round. An event is made only when everything before it has been
answered, so replies leave in order however much the client sends at once. While an answer is owed nothing more need
be read: `wants_data` says so.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from conneg.smtp import texts
from conneg.smtp.command import CommandError, RcptCommand, read_mail
from conneg.smtp.config import ServerConfig
from conneg.smtp.content import ContentIntake
from conneg.smtp.events import (
    ContentEnd,
    DataCommand,
    Hello,
    RcptAnswer,
    RcptBatch,
    ServerEvent,
    SessionEnd,
    StartTlsCommand,
    TransactionReset,
    VrfyCommand,
)
from conneg.smtp.extension import listing
from conneg.smtp.grammar import is_hello_name
from conneg.smtp.lines import BadLine, LineBuffer
from conneg.smtp.recipients import Recipients
from conneg.smtp.reply import Reply
from conneg.smtp.states import IN_TRANSACTION, TABLE, LocalProtocolError, Phase, Step


class _Owed(Enum):
    """The answer that the driver owes."""

    GREETING = "greet"
    MAIL = "answer_mail"
    RCPT = "answer_rcpts"
    DATA = "accept_content or refuse_content"
    CONTENT = "answer_content"
    VRFY = "answer_vrfy"
    TLS = "secured"


_VERB = re.compile(rb"[A-Za-z]+(?=[ \t]|\Z)")
_DATA = DataCommand()
_END = ContentEnd()
_RESET = TransactionReset()
_SESSION_END = SessionEnd()
_START_TLS = StartTlsCommand()

_UNIMPLEMENTED = frozenset({b"EXPN", b"SEND", b"SOML", b"SAML", b"TURN", b"AUTH", b"BDAT", b"ETRN", b"LHLO"})


class ServerSession:
    """One session. `phase`, `helo`, `esmtp` and `is_secure` may be looked at; nothing but the methods changes them.

    `is_secure`: the connection has been under TLS from its first octet.
    """

    def __init__(self, config: ServerConfig, *, is_secure: bool = False) -> None:
        self._plain_config = config
        self.config = config.under(is_secure=is_secure)
        self.is_secure = is_secure
        self.phase = Phase.CONNECTED
        self.helo: str | None = None
        self.esmtp = False
        self._rules = self.config.rules
        self._lines = LineBuffer()
        self._out: list[bytes] = []
        self._owed: _Owed | None = _Owed.GREETING
        self._enhanced = False
        self._recipients = Recipients(self._rules, config.max_recipients)
        self._content = ContentIntake(config)
        self._errors = 0
        self._end_told = False

    # What the driver does with the octets.

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
            phase = self.phase
            if phase is Phase.CONTENT:
                if not self._lines:
                    return None
                event = self._read_content()
            elif phase is Phase.ANSWER:
                event = self._end_content()
            elif phase is Phase.CLOSED:
                return self._tell_end()
            else:
                line = self._lines.next_line()
                if line is None:
                    return None
                event = self._read_line(line)
            if event is not None:
                return event
        return self._tell_end() if self.phase is Phase.CLOSED else None

    # The answers.

    def greet(self, refusal: Reply | None = None) -> None:
        """Say 220, or `refusal` instead, which ends the session (RFC 5321, 3.1: 554; or 421)."""
        self._pay(_Owed.GREETING)
        self.phase = TABLE[self.phase][Step.GREET]
        if refusal is not None:
            self._say(refusal)
            self._close()
            return
        self._say(Reply(220, (f"{self.config.hostname} {self.config.banner}".rstrip(),)))

    def answer_mail(self, reply: Reply) -> None:
        """Answer the `MailCommand`."""
        self._pay(_Owed.MAIL)
        if reply.is_positive:
            self.phase = TABLE[self.phase][Step.MAIL]
        self._say(reply)

    def answer_rcpts(self, answers: Sequence[RcptAnswer]) -> tuple[bool, ...]:
        """Answer the commands of the `RcptBatch`, one each in order; returns which recipients are now accepted.

        A recipient that CONNEG=REQUIRED asked for cannot be accepted without a capability (draft 4.3): it draws 404, or
        504 if the capability's text cannot be sent. ValueError if the number of answers is wrong.
        """
        batch = self._recipients.batch
        commands = [entry for entry in batch if isinstance(entry, RcptCommand)]
        if len(answers) != len(commands):
            raise ValueError(f"{len(answers)} answers to {len(commands)} RCPT commands")
        self._pay(_Owed.RCPT)
        self._recipients.batch = []
        given = iter(answers)
        accepted = []
        for entry in batch:
            if self.phase is Phase.CLOSED:
                break
            if isinstance(entry, Reply):
                self._refuse(entry)
            else:
                accepted.append(self._answer_rcpt(entry, next(given)))
        return tuple(accepted)

    def accept_content(self) -> None:
        """Say 354; content follows."""
        self._pay(_Owed.DATA)
        self.phase = TABLE[self.phase][Step.DATA]
        self._content = ContentIntake(self.config)
        self._say(texts.GO_AHEAD)

    def refuse_content(self, reply: Reply) -> None:
        """Answer DATA with a negative reply; the transaction stays open (RFC 5321, 4.1.1.4 leaves it to RSET)."""
        self._pay(_Owed.DATA)
        self._say(reply)

    def abandon_content(self, reply: Reply) -> None:
        """Take no more of the content; `reply`, a negative one, is sent when the final dot has come."""
        if self.phase not in (Phase.CONTENT, Phase.ANSWER) or self._owed is not None:
            raise LocalProtocolError("there is no content to abandon")
        self._content.refusal = self._content.refusal or reply

    def answer_content(self, reply: Reply) -> None:
        """Answer the content, which ends the transaction."""
        self._pay(_Owed.CONTENT)
        self.phase = TABLE[self.phase][Step.ANSWER]
        self._say(reply)

    def secured(self) -> None:
        """Go on under TLS: all that the client said before is forgotten (RFC 3207, 4.2)."""
        self._pay(_Owed.TLS)
        self.phase = TABLE[self.phase][Step.STARTTLS]
        self.is_secure = True
        self.config = self._plain_config.under(is_secure=True)
        self._rules = self.config.rules
        self.helo, self.esmtp, self._enhanced = None, False, False
        self._lines.take_all()

    def answer_vrfy(self, reply: Reply) -> None:
        """Answer the `VrfyCommand`."""
        self._pay(_Owed.VRFY)
        self._say(reply)

    def close(self, reply: Reply) -> None:
        """End the session with `reply`, a 421, at once (RFC 5321, 3.8); what the client has sent is dropped."""
        if self.phase is not Phase.CLOSED:
            self._owed = None
            self._say(reply)
            self._close()

    # The rest is private.

    def _pay(self, owed: _Owed) -> None:
        if self._owed is not owed:
            wanted = "no answer" if self._owed is None else self._owed.value
            raise LocalProtocolError(f"{owed.value} cannot come now: {wanted} is owed")
        self._owed = None

    def _say(self, reply: Reply) -> None:
        self._out.append(reply.encode(self._enhanced))
        if reply.code == 421:
            self._close()

    def _refuse(self, reply: Reply) -> None:
        """Answer a command that the core itself refuses; too many wrong ones (500 to 503) end the session."""
        self._say(reply)
        if reply.code > 503 or reply.code < 500:
            return
        self._errors += 1
        if self._errors > self.config.max_errors and self.phase is not Phase.CLOSED:
            self._say(texts.TOO_MANY_ERRORS)

    def _close(self) -> None:
        self.phase = Phase.CLOSED
        self._lines.take_all()

    def _tell_end(self) -> SessionEnd | None:
        if self._end_told:
            return None
        self._end_told = True
        return _SESSION_END

    def _read_line(self, line: bytes | BadLine) -> ServerEvent | None:
        if isinstance(line, BadLine):
            self._refuse(texts.BARE if line is BadLine.BARE else texts.LONG)
            return None
        verb = _VERB.match(line)
        word = line[: verb.end()].upper() if verb is not None else b""
        read = _READERS.get(word)
        if read is None:
            self._refuse(texts.NOT_IMPLEMENTED if word in _UNIMPLEMENTED else texts.UNKNOWN)
            return None
        try:
            argument = line[len(word) + 1 :].decode("utf-8")
        except UnicodeDecodeError:
            self._refuse(texts.NOT_UTF8)
            return None
        # "receivers SHOULD tolerate trailing white space before the terminating CRLF" (RFC 5321, 4.1.1)
        return read(self, argument.rstrip(" \t"))

    def _read_ehlo(self, argument: str) -> ServerEvent | None:
        return self._hello(argument, esmtp=True)

    def _read_helo(self, argument: str) -> ServerEvent | None:
        return self._hello(argument, esmtp=False)

    def _hello(self, argument: str, *, esmtp: bool) -> ServerEvent | None:
        if not is_hello_name(argument):
            self._refuse(texts.BAD_HELLO)
            return None
        self.phase = TABLE[self.phase][Step.HELLO]
        self.helo, self.esmtp = argument, esmtp
        offered = self.config.offered
        lines = listing(offered, max_message_octets=self.config.max_message_octets) if esmtp else ()
        # No enhanced status codes in replies to EHLO and HELO (RFC 2034, 4).
        self._say(Reply(250, (self.config.hostname, *lines)))
        self._enhanced = esmtp and "ENHANCEDSTATUSCODES" in offered
        return Hello(argument, esmtp)

    def _read_mail(self, argument: str) -> ServerEvent | None:
        if Step.MAIL not in TABLE[self.phase]:
            self._refuse(texts.HELLO_FIRST if self.phase is Phase.GREETED else texts.NESTED_MAIL)
            return None
        try:
            command = read_mail(argument, self._rules)
        except CommandError as error:
            self._refuse(error.reply)
            return None
        self._recipients = Recipients(self._rules, self.config.max_recipients, smtputf8=command.smtputf8)
        self._owed = _Owed.MAIL
        return command

    def _read_rcpt(self, argument: str) -> ServerEvent | None:
        if Step.RCPT not in TABLE[self.phase]:
            self._refuse(texts.MAIL_FIRST)
            return None
        commands = self._recipients.gather(argument, self._lines)
        if not commands:
            for entry in self._recipients.batch:
                if isinstance(entry, Reply) and self.phase is not Phase.CLOSED:
                    self._refuse(entry)
            return None
        self._owed = _Owed.RCPT
        return RcptBatch(commands)

    def _answer_rcpt(self, command: RcptCommand, answer: RcptAnswer) -> bool:
        octets, is_accepted = self._recipients.answer(command, answer, enhanced=self._enhanced)
        self._out.append(octets)
        if is_accepted:
            self.phase = TABLE[self.phase][Step.RCPT]
        elif octets.startswith(b"421"):
            self._close()
        return is_accepted

    def _read_data(self, argument: str) -> ServerEvent | None:
        if argument:
            self._refuse(texts.NO_ARGUMENT)
        elif Step.DATA in TABLE[self.phase]:
            self._owed = _Owed.DATA
            return _DATA
        elif self.phase is Phase.MAIL:
            # RFC 2920, 3.1: a pipelining client may send DATA before it knows that no recipient was accepted.
            if self._recipients.refused:
                self._say(texts.NO_VALID_RECIPIENTS)
            else:
                self._refuse(texts.RCPT_FIRST)
        else:
            self._refuse(texts.MAIL_FIRST)
        return None

    def _read_rset(self, argument: str) -> ServerEvent | None:
        if argument:
            self._refuse(texts.NO_ARGUMENT)
            return None
        self.phase = TABLE[self.phase][Step.RESET]
        self._say(texts.OK)
        return _RESET

    def _read_noop(self, argument: str) -> ServerEvent | None:
        self._say(texts.OK)
        return None

    def _read_help(self, argument: str) -> ServerEvent | None:
        self._say(texts.HELP)
        return None

    def _read_starttls(self, argument: str) -> ServerEvent | None:
        """RFC 3207, 4. What stands behind the command was not sent to whoever will be at the other end of TLS."""
        if self.is_secure:
            self._refuse(texts.ALREADY_SECURE)
        elif "STARTTLS" not in self.config.offered:
            self._refuse(texts.NOT_IMPLEMENTED)
        elif argument:
            self._refuse(texts.NO_ARGUMENT)
        elif Step.STARTTLS not in TABLE[self.phase]:
            self._refuse(texts.HELLO_FIRST if self.phase is Phase.GREETED else texts.NESTED_MAIL)
        elif self._lines:
            self._say(texts.BEHIND_STARTTLS)
        else:
            self._say(texts.READY_FOR_TLS)
            self._owed = _Owed.TLS
            return _START_TLS
        return None

    def _read_vrfy(self, argument: str) -> ServerEvent | None:
        if not argument or not argument.isprintable():
            self._refuse(Reply(501, ("syntax: VRFY and a name or mailbox",), "5.5.4"))
            return None
        self._owed = _Owed.VRFY
        return VrfyCommand(argument)

    def _read_quit(self, argument: str) -> ServerEvent | None:
        if argument:
            self._refuse(texts.NO_ARGUMENT)
            return None
        self._say(texts.GOODBYE)
        self._close()
        return None

    def _read_content(self) -> ServerEvent | None:
        event, rest = self._content.feed(self._lines.take_all())
        if rest is not None:
            self._lines.put_back(rest)
            self.phase = TABLE[Phase.CONTENT][Step.DOT]
        elif self._content.is_endless:
            self._say(texts.ENDLESS)
        return event

    def _end_content(self) -> ServerEvent | None:
        refusal = self._content.refusal
        if refusal is None:
            self._owed = _Owed.CONTENT
            return _END
        self.phase = TABLE[Phase.ANSWER][Step.ANSWER]
        self._say(refusal)
        return None


_Reader = Callable[[ServerSession, str], ServerEvent | None]
_READERS: Mapping[bytes, _Reader] = {
    b"EHLO": ServerSession._read_ehlo,
    b"HELO": ServerSession._read_helo,
    b"MAIL": ServerSession._read_mail,
    b"RCPT": ServerSession._read_rcpt,
    b"DATA": ServerSession._read_data,
    b"RSET": ServerSession._read_rset,
    b"NOOP": ServerSession._read_noop,
    b"VRFY": ServerSession._read_vrfy,
    b"HELP": ServerSession._read_help,
    b"STARTTLS": ServerSession._read_starttls,
    b"QUIT": ServerSession._read_quit,
}
