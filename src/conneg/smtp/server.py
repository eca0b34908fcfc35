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
from conneg.smtp.authentication import Authentication, AuthStep
from conneg.smtp.chunks import Chunks, read_bdat
from conneg.smtp.command import CommandError, RcptCommand, read_mail
from conneg.smtp.config import ServerConfig
from conneg.smtp.content import ContentIntake
from conneg.smtp.events import (
    Authenticated,
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
    XclientCommand,
)
from conneg.smtp.grammar import is_hello_name
from conneg.smtp.lines import BadLine, LineBuffer
from conneg.smtp.recipients import Recipients
from conneg.smtp.reply import Reply
from conneg.smtp.sasl import KeysWanted, PasswordClaim, ScramKeys
from conneg.smtp.states import IN_TRANSACTION, TABLE, LocalProtocolError, Phase, Step
from conneg.smtp.xclient import read_xclient


class _Owed(Enum):
    """The answer that the driver owes."""

    GREETING = "greet"
    MAIL = "answer_mail"
    RCPT = "answer_rcpts"
    DATA = "accept_content or refuse_content"
    CONTENT = "answer_content"
    VRFY = "answer_vrfy"
    TLS = "secured"
    PASSWORD = "answer_password"  # noqa: S105 - the name of a method
    KEYS = "answer_keys"
    XCLIENT = "answer_xclient"


_VERB = re.compile(rb"[A-Za-z]+(?=[ \t]|\Z)")
_DATA = DataCommand()
_END = ContentEnd()
_RESET = TransactionReset()
_SESSION_END = SessionEnd()
_START_TLS = StartTlsCommand()

_UNIMPLEMENTED = frozenset({b"EXPN", b"SEND", b"SOML", b"SAML", b"TURN", b"ETRN"})
_IDLE = frozenset({b"EHLO", b"HELO", b"LHLO", b"RSET", b"NOOP", b"VRFY", b"HELP"})
_BEFORE_TLS = frozenset(
    {b"EHLO", b"HELO", b"LHLO", b"STARTTLS", b"NOOP", b"QUIT", b"RSET", b"HELP", b"XCLIENT"}
)


class ServerSession:
    """One session. `phase`, `helo`, `esmtp`, `is_secure` and `username` may be looked at; nothing but the methods
    changes them.

    `is_secure`: the connection has been under TLS from its first octet. `username`: who the client has proved to be.
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
        self._chunks: Chunks | None = None
        self._authentication: Authentication | None = None
        self._authenticated: Authenticated | None = None
        self.username: str | None = None
        self._is_binary = False
        self._errors = self._auth_failures = self._idle_commands = 0
        self._refused_recipients = self._transactions = 0
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
        if self._authenticated is not None:
            authenticated, self._authenticated = self._authenticated, None
            return authenticated
        while self._owed is None:
            phase = self.phase
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
        """Answer commands of the `RcptBatch`, one each in order; returns which recipients are now accepted.

        Fewer answers than commands leave the rest owed: a late one does not hold up those before it. A recipient
        that CONNEG=REQUIRED asked for cannot be accepted without a capability (draft 4.3): it draws 404, or 504 if the
        capability's text cannot be sent. ValueError for more answers than commands.
        """
        batch = self._recipients.batch
        commands = sum(isinstance(entry, RcptCommand) for entry in batch)
        if len(answers) > commands:
            raise ValueError(f"{len(answers)} answers to {commands} RCPT commands")
        self._pay(_Owed.RCPT)
        given = iter(answers)
        accepted: list[bool] = []
        for place, entry in enumerate(batch):
            if self.phase is Phase.CLOSED:
                break
            if isinstance(entry, Reply):
                self._refuse(entry)
                continue
            answer = next(given, None)
            if answer is None:
                self._recipients.batch = batch[place:]
                self._owed = _Owed.RCPT
                return tuple(accepted)
            accepted.append(self._answer_rcpt(entry, answer))
        self._recipients.batch = []
        return tuple(accepted)

    @property
    def rcpts_owed(self) -> int:
        """How many RCPT commands of the batch have no answer yet."""
        if self._owed is not _Owed.RCPT:
            return 0
        return sum(isinstance(entry, RcptCommand) for entry in self._recipients.batch)

    def accept_content(self) -> None:
        """Say 354, after which content follows; after BDAT nothing is said, and the first chunk is read."""
        self._pay(_Owed.DATA)
        self._content = ContentIntake(self.config, is_binary=self._is_binary)
        self._idle_commands = 0
        if self._chunks is not None:
            self.phase = TABLE[self.phase][Step.BDAT]
            return
        self.phase = TABLE[self.phase][Step.DATA]
        self._say(texts.GO_AHEAD)

    def refuse_content(self, reply: Reply) -> None:
        """Answer DATA with a negative reply; the transaction stays open (RFC 5321, 4.1.1.4 leaves it to RSET)."""
        self._pay(_Owed.DATA)
        if self._chunks is None:
            self._say(reply)
        else:
            self._chunks.refuse(reply)

    def abandon_content(self, reply: Reply) -> None:
        """Take no more of the content; `reply`, a negative one, is sent when all of it (of the chunk) has come."""
        if self.phase not in (Phase.CONTENT, Phase.CHUNK, Phase.ANSWER) or self._owed is not None:
            raise LocalProtocolError("there is no content to abandon")
        self._content.refusal = self._content.refusal or reply

    def answer_content(self, reply: Reply | Sequence[Reply]) -> None:
        """Answer the content, which ends the transaction.

        In LMTP there is a reply for each accepted recipient, in order (RFC 2033, 4.2); one alone counts for all. Raises
        ValueError if their number is wrong.
        """
        count = self._recipients.accepted if self.config.lmtp else 1
        replies = (reply,) * count if isinstance(reply, Reply) else tuple(reply)
        if len(replies) != count:
            raise ValueError(f"{len(replies)} replies to the content, and {count} are due")
        self._pay(_Owed.CONTENT)
        self._end_transaction(replies)

    def secured(self) -> None:
        """Go on under TLS: all that the client said before is forgotten (RFC 3207, 4.2)."""
        self._pay(_Owed.TLS)
        self.is_secure = True
        self._begin_again(Step.STARTTLS)

    def answer_password(self, is_right: bool | None) -> None:
        """Answer the `PasswordClaim`; None if it cannot be told now (454)."""
        self._pay(_Owed.PASSWORD)
        if is_right is None or self._authentication is None:
            self._say(texts.AUTH_UNAVAILABLE)
        else:
            self._take_auth(self._authentication.check(is_right))

    def answer_keys(self, keys: ScramKeys | None, *, is_available: bool = True) -> None:
        """Answer the `KeysWanted`: the user's keys, None if there is no such user, or that it cannot be told now."""
        self._pay(_Owed.KEYS)
        if not is_available or self._authentication is None:
            self._say(texts.AUTH_UNAVAILABLE)
        else:
            self._take_auth(self._authentication.keys(keys))

    def answer_xclient(self, config: ServerConfig, refusal: Reply | None = None) -> None:
        """Greet the client for whom the proxy speaks, to whom `config` applies, or say `refusal` and end the session.

        All that was said before is forgotten; the proxy's EHLO follows.
        """
        self._pay(_Owed.XCLIENT)
        self._plain_config = config
        self._begin_again(Step.XCLIENT)
        if refusal is not None:
            self._say(refusal)
            self._close()
            return
        self._say(Reply(220, (f"{self.config.hostname} {self.config.banner}".rstrip(),)))

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

    def _begin_again(self, step: Step) -> None:
        self.phase = TABLE[self.phase][step]
        self.helo, self.esmtp, self._enhanced, self.username = None, False, False, None
        self._adapt()
        self._lines.take_all()

    def _adapt(self) -> None:
        """Take the configuration for what now holds of the session."""
        self.config = self._plain_config.under(
            is_secure=self.is_secure, is_authenticated=self.username is not None
        )
        self._rules = self.config.rules

    def _end_transaction(self, replies: Sequence[Reply]) -> None:
        self.phase = TABLE[self.phase][Step.ANSWER]
        self._chunks = None
        for reply in replies:
            if self.phase is not Phase.CLOSED:
                self._say(reply)

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
        if self._errors > self.config.max_errors:
            self._give_up(texts.TOO_MANY_ERRORS)

    def _give_up(self, reply: Reply) -> None:
        if self.phase is not Phase.CLOSED:
            self._say(reply)

    def _close(self) -> None:
        self.phase = Phase.CLOSED
        self._lines.take_all()

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
        elif self.config.needs_tls and not self.is_secure and word not in _BEFORE_TLS:
            self._refuse(texts.TLS_FIRST)
            if word == b"BDAT":
                self._discard_chunk(line[len(word) + 1 :].decode("utf-8", "replace"))
            return None
        try:
            argument = line[len(word) + 1 :].decode("utf-8")
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

    def _read_mail(self, argument: str) -> ServerEvent | None:
        if Step.MAIL not in TABLE[self.phase]:
            self._refuse(texts.HELLO_FIRST if self.phase is Phase.GREETED else texts.NESTED_MAIL)
            return None
        if self.config.needs_auth and self.username is None:
            self._refuse(texts.AUTH_FIRST)
            return None
        if self._transactions >= self.config.max_transactions:
            self._give_up(texts.TOO_MANY_TRANSACTIONS)
            return None
        try:
            command = read_mail(argument, self._rules)
        except CommandError as error:
            self._refuse(error.reply)
            return None
        self._recipients = Recipients(self._rules, self.config.max_recipients, smtputf8=command.smtputf8)
        self._is_binary = command.body == "BINARYMIME"
        self._transactions += 1
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
        elif octets.startswith(b"55"):
            self._refused_recipients += 1
            if self._refused_recipients > self.config.max_refused_recipients:
                self._give_up(texts.TOO_MANY_REFUSED)
        return is_accepted

    def _read_data(self, argument: str) -> ServerEvent | None:
        if argument:
            self._refuse(texts.NO_ARGUMENT)
        elif self._chunks is not None or (self.phase is Phase.RCPT and self._is_binary):
            self._refuse(texts.NO_DATA_HERE)  # RFC 3030, 2 and 3
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
        self._chunks = None
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
        count = self._recipients.accepted if self.config.lmtp else 1
        self._end_transaction((refusal,) * count)
        return None

    def _read_bdat(self, argument: str) -> ServerEvent | None:
        """RFC 3030, 2: the chunk's octets follow the line at once, so those of one that is refused are read, too."""
        if "CHUNKING" not in self.config.offered:
            self._refuse(texts.NOT_IMPLEMENTED)
            return None
        size = read_bdat(argument)
        if size is None:
            # where the next command begins is not known
            self._say(texts.BAD_BDAT)
            self._close()
            return None
        is_first = self._chunks is None
        refusal = self._refusal_of_chunk()
        chunks = self._chunks or Chunks()
        self._chunks = chunks
        chunks.begin(*size)
        if refusal is not None:
            chunks.refuse(refusal)
        elif is_first:
            self._owed = _Owed.DATA
            return _DATA
        else:
            self.phase = TABLE[self.phase][Step.BDAT]
        return None

    def _refusal_of_chunk(self) -> Reply | None:
        if self._chunks is not None and self._chunks.has_failed:
            return texts.BDAT_FAILED
        if Step.BDAT in TABLE[self.phase]:
            return None
        if self.phase is not Phase.MAIL:
            return texts.MAIL_FIRST
        return texts.NO_VALID_RECIPIENTS if self._recipients.refused else texts.RCPT_FIRST

    def _discard_chunk(self, argument: str) -> None:
        """The chunk of a BDAT that has been answered already is read and forgotten."""
        size = read_bdat(argument)
        if size is not None:
            self._chunks = Chunks()
            self._chunks.begin(*size)
            self._chunks.refuse(None)

    def _read_chunk(self, chunks: Chunks) -> ServerEvent | None:
        if chunks.is_endless(self.config.max_message_octets):
            self._say(texts.ENDLESS)
            return None
        octets, rest = chunks.take(self._lines.take_all())
        self._lines.put_back(rest)
        return None if chunks.is_refused else self._content.take_chunk(octets)

    def _end_chunk(self, chunks: Chunks) -> ServerEvent | None:
        chunks.is_open = False
        if chunks.is_refused:
            if chunks.refusal is not None:
                self._refuse(chunks.refusal)
            if self.phase not in IN_TRANSACTION:
                self._chunks = None
            return None
        if chunks.is_last:
            event = self._content.end_chunks()
            self.phase = TABLE[self.phase][Step.LAST]
            return event
        self.phase = TABLE[self.phase][Step.CHUNK]
        chunks.has_failed = self._content.refusal is not None
        self._say(self._content.refusal or texts.chunk_taken(chunks.size))
        return None

    def _read_auth(self, argument: str) -> ServerEvent | None:
        if not self._plain_config.auth:
            self._refuse(texts.NOT_IMPLEMENTED)
        elif self.username is not None:
            self._refuse(texts.AUTH_AGAIN)
        elif Step.AUTH not in TABLE[self.phase]:
            self._refuse(texts.HELLO_FIRST if self.phase is Phase.GREETED else texts.NESTED_MAIL)
        else:
            self._authentication = Authentication(self.config)
            return self._take_auth(self._authentication.begin(argument))
        return None

    def _read_response(self, line: bytes | BadLine, authentication: Authentication) -> ServerEvent | None:
        if isinstance(line, BadLine):
            authentication.is_open = False
            return self._take_auth(texts.AUTH_LONG if line is BadLine.LONG else texts.BARE)
        return self._take_auth(authentication.respond(line))

    def _take_auth(self, step: AuthStep) -> ServerEvent | None:
        if isinstance(step, PasswordClaim):
            self._owed = _Owed.PASSWORD
            return step
        if isinstance(step, KeysWanted):
            self._owed = _Owed.KEYS
            return step
        if step is texts.AUTH_FAILED:
            self._auth_failures += 1
            self._say(step)
            if self._auth_failures >= self.config.max_auth_failures:
                self._give_up(texts.TOO_MANY_AUTH_FAILURES)
        elif step is texts.AUTHENTICATED and self._authentication is not None:
            self._say(step)
            self.username = self._authentication.username
            self._adapt()
            self._authenticated = Authenticated(self.username or "")
        elif step.code == 334:
            self._say(step)
        else:
            self._refuse(step)
        return None

    def _read_xclient(self, argument: str) -> ServerEvent | None:
        if not self.config.xclient:
            self._refuse(texts.NOT_IMPLEMENTED)
            return None
        if Step.XCLIENT not in TABLE[self.phase]:
            self._refuse(texts.HELLO_FIRST if self.phase is Phase.GREETED else texts.NESTED_MAIL)
            return None
        attributes = read_xclient(argument)
        if attributes is None:
            self._refuse(texts.BAD_XCLIENT)
            return None
        self._owed = _Owed.XCLIENT
        return XclientCommand(attributes)


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
