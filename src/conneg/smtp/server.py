"""The server's side of a session, sans-IO: octets in, events out; replies in, octets out.

The driver's duty: `receive` what arrives; take `next_event` until it is None; answer every event that is a command with
`reply` (or `accept_recipients`); send `take_output`. Order is kept because each command is answered before the next is
taken. No event is given while content is expected but `ContentChunk` and `ContentEnd`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from conneg.smtp.conneg import ConnegArgument, close_up, read_argument, write_capability_reply
from conneg.smtp.data import DotReader
from conneg.smtp.grammar import CommandSyntaxError, read_parameters, read_path
from conneg.smtp.reply import Reply

MAX_COMMAND_OCTETS = 2048
"""A command line with CRLF: RFC 5321's 512 and what DSN (RFC 3461) and CONNEG add."""


class ConnegMode(Enum):
    """Whether the server speaks CONNEG, has it switched off (504 to REQUIRED), or never heard of it (555)."""

    ON = "on"
    OFF = "off"
    IGNORANT = "ignorant"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What the session says and allows."""

    hostname: str = "localhost"
    max_message_octets: int = 52_428_800
    max_recipients: int = 1000
    max_errors: int = 20
    conneg: ConnegMode | str = ConnegMode.ON
    bare_newlines: str = "refuse"


@dataclass(frozen=True, slots=True)
class MailCommand:
    """MAIL: the reverse-path without brackets, and its parameters by upper-case keyword."""

    reverse_path: str
    parameters: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class RcptCommand:
    """RCPT: the forward-path without brackets, CONNEG's argument, and the DSN parameters."""

    forward_path: str
    conneg: ConnegArgument | None = None
    notify: frozenset[str] | None = None
    orcpt: str | None = None


@dataclass(frozen=True, slots=True)
class RcptBatch:
    """All RCPT commands that arrived together."""

    commands: tuple[RcptCommand, ...]


@dataclass(frozen=True, slots=True)
class DataCommand:
    """DATA, in order; answer with `begin_content` or a negative reply."""


@dataclass(frozen=True, slots=True)
class ContentChunk:
    """Octets of the content, dots removed."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class ContentEnd:
    """The final dot; `problem` is the reply that the content must get, if it must not be accepted."""

    problem: Reply | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """The transaction is over without content; already answered."""


@dataclass(frozen=True, slots=True)
class VrfyCommand:
    """VRFY."""

    argument: str


@dataclass(frozen=True, slots=True)
class Closing:
    """The session ends once the output is sent."""


Event = MailCommand | RcptBatch | DataCommand | ContentChunk | ContentEnd | Reset | VrfyCommand | Closing

_BAD_SEQUENCE = Reply(503, ("bad sequence of commands",), "5.5.1")
_RESET_OK = Reply(250, ("ok",), "2.0.0")
_NOTIFY = {"NEVER", "SUCCESS", "FAILURE", "DELAY"}
_MAIL_PARAMETERS = {"SIZE", "BODY", "RET", "ENVID"}
_RCPT_PARAMETERS = {"CONNEG", "NOTIFY", "ORCPT"}


class ServerSession:
    """One session; see the module's docstring for the driver's duty."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self.mode = ConnegMode(config.conneg)
        self.helo: str | None = None
        self.esmtp = False
        self.recipients = 0
        self._input = b""
        self._output: list[bytes] = []
        self._in_transaction = False
        self._content: DotReader | None = None
        self._content_octets = 0
        self._errors = 0
        self._closing = False

    def greet(self) -> None:
        """Put the greeting into the output."""
        self._output.append(f"220 {self.config.hostname} ESMTP conneg\r\n".encode())

    def receive(self, octets: bytes) -> None:
        """Take what arrived."""
        self._input = self._input + octets if self._input else octets

    def take_output(self) -> bytes:
        """Return what is to be sent, and forget it."""
        output, self._output = self._output, []
        return b"".join(output)

    @property
    def has_output(self) -> bool:
        """Whether there is something to send."""
        return bool(self._output)

    def reply(self, reply: Reply) -> None:
        """Answer the command last given out."""
        self._output.append(reply.encode(enhanced=self.esmtp))

    def accept_mail(self, reply: Reply) -> None:
        """Answer MAIL; a positive reply begins the transaction."""
        self._in_transaction = reply.code < 400
        self.recipients = 0
        self.reply(reply)

    def answer_recipients(self, answers: Sequence[tuple[Reply, str | None]]) -> None:
        """Answer a batch of RCPT in order, each with the capability to report or None."""
        for reply, capability in answers:
            if reply.code < 400:
                self.recipients += 1
                if capability is not None:
                    self._output.append(write_capability_reply(reply, capability, enhanced=self.esmtp))
                    continue
            self.reply(reply)

    def begin_content(self) -> None:
        """Answer DATA with 354 and expect the content."""
        self._output.append(b"354 end the message with <CRLF>.<CRLF>\r\n")
        self._content = DotReader()
        self._content_octets = 0

    def end_content(self, reply: Reply) -> None:
        """Answer the final dot; the transaction is over."""
        self._end_transaction()
        self.reply(reply)

    def close(self, reply: Reply) -> None:
        """Say `reply` and end the session."""
        self._closing = True
        self.reply(reply)

    def next_event(self) -> Event | None:
        """Return what happened next, None when more octets are needed."""
        while not self._closing:
            if self._content is not None:
                return self._read_content(self._content)
            line = self._take_line()
            if line is None:
                return None
            event = self._command(line)
            if event is not None:
                return event
            if self._errors > self.config.max_errors:
                self.close(Reply(421, (f"{self.config.hostname} too many errors, closing",), "4.7.0"))
        return Closing()

    def _read_content(self, content: DotReader) -> Event | None:
        if content.ended:
            self._input, self._content = content.rest, None
            return ContentEnd(self._content_problem(content))
        if not self._input:
            return None
        octets, self._input = content.feed(self._input), b""
        self._content_octets += len(octets)
        if self._content_octets > self.config.max_message_octets:
            octets = b""
        return ContentChunk(octets) if octets else self._read_content(content)

    def _content_problem(self, content: DotReader) -> Reply | None:
        if self._content_octets > self.config.max_message_octets:
            return Reply(552, (f"message larger than {self.config.max_message_octets} octets",), "5.3.4")
        if content.has_bare_newline and self.config.bare_newlines == "refuse":
            return Reply(550, ("the message holds a bare CR or LF; send CRLF line ends only",), "5.6.0")
        return None

    def _take_line(self) -> bytes | None:
        """Return the next command line without its CRLF; nothing else ends one."""
        end = self._input.find(b"\r\n")
        if end < 0:
            if len(self._input) > MAX_COMMAND_OCTETS:
                self.close(Reply(500, (f"command line longer than {MAX_COMMAND_OCTETS} octets, closing",), "5.5.2"))
            return None
        line, self._input = self._input[:end], self._input[end + 2 :]
        return line

    def _command(self, line: bytes) -> Event | None:
        if len(line) > MAX_COMMAND_OCTETS:
            return self._refuse(Reply(500, ("command line too long",), "5.5.2"))
        try:
            text = line.decode("ascii")
        except UnicodeDecodeError:
            return self._refuse(Reply(500, ("octets that are not ASCII in a command",), "5.5.2"))
        if "\r" in text or "\n" in text or "\0" in text:
            return self._refuse(Reply(500, ("a bare CR, LF or NUL in a command",), "5.5.2"))
        verb, _, argument = text.partition(" ")
        handler = _HANDLERS.get(verb.upper())
        if handler is None:
            return self._refuse(Reply(500, ("command not recognised",), "5.5.1"))
        try:
            return handler(self, argument.strip())
        except CommandSyntaxError as error:
            return self._refuse(Reply(501, (str(error),), "5.5.4"))

    def _refuse(self, reply: Reply) -> None:
        self._errors += 1
        self.reply(reply)

    def _end_transaction(self) -> None:
        self._in_transaction, self.recipients, self._content = False, 0, None

    def _ehlo(self, argument: str) -> Event | None:
        if not argument:
            return self._refuse(Reply(501, ("EHLO needs a domain",), "5.5.4"))
        self.helo, self.esmtp = argument, True
        self._end_transaction()
        lines = [self.config.hostname, "PIPELINING", f"SIZE {self.config.max_message_octets}", "8BITMIME"]
        lines += ["ENHANCEDSTATUSCODES", "DSN"]
        if self.mode is ConnegMode.ON:
            lines.append("CONNEG")
        self._output.append(Reply(250, tuple(lines)).encode(enhanced=False))
        return Reset()

    def _helo(self, argument: str) -> Event | None:
        if not argument:
            return self._refuse(Reply(501, ("HELO needs a domain",), "5.5.4"))
        self.helo, self.esmtp = argument, False
        self._end_transaction()
        self._output.append(Reply(250, (self.config.hostname,)).encode(enhanced=False))
        return Reset()

    def _mail(self, argument: str) -> Event | None:
        if self.helo is None or self._in_transaction:
            return self._refuse(_BAD_SEQUENCE)
        if not argument.upper().startswith("FROM:"):
            return self._refuse(Reply(501, ("write MAIL FROM:<local-part@domain>",), "5.5.4"))
        path, rest = read_path(argument)
        parameters = read_parameters(rest)
        unknown = set(parameters) - _MAIL_PARAMETERS
        if unknown:
            return self._refuse(Reply(555, (f"parameter not recognised: {min(unknown)}",), "5.5.4"))
        size = parameters.get("SIZE")
        if size is not None and not size.isdigit():
            raise CommandSyntaxError("SIZE needs a number")
        if size is not None and int(size) > self.config.max_message_octets:
            return self._refuse(Reply(552, (f"message larger than {self.config.max_message_octets} octets",), "5.3.4"))
        body = parameters.get("BODY")
        if body is not None and body.upper() not in ("7BIT", "8BITMIME"):
            raise CommandSyntaxError("BODY is 7BIT or 8BITMIME")
        ret = parameters.get("RET")
        if ret is not None and ret.upper() not in ("FULL", "HDRS"):
            raise CommandSyntaxError("RET is FULL or HDRS")
        return MailCommand(
            path,
            {keyword: value for keyword, value in parameters.items() if value is not None},
            int(size) if size else None,
            body.upper() if body else None,
        )

    def _rcpt(self, argument: str) -> Event | None:
        """This RCPT and those that follow it in the input, as one batch."""
        if not self._in_transaction:
            return self._refuse(_BAD_SEQUENCE)
        commands = [self._read_rcpt(argument)]
        if isinstance(commands[0], Reply):
            return self._refuse(commands[0])
        while self._input[:5].upper() == b"RCPT " and len(commands) < self.config.max_recipients:
            before = self._input
            line = self._take_line()
            if line is None:
                break
            try:
                following = self._read_rcpt(line[5:].decode("ascii").strip())
            except (CommandSyntaxError, UnicodeDecodeError):
                following = _BAD_SEQUENCE
            if isinstance(following, Reply) or b"\r" in line or b"\n" in line or b"\0" in line:
                self._input = before  # answered by itself, in its turn
                break
            commands.append(following)
        batch = tuple(command for command in commands if isinstance(command, RcptCommand))
        if self.recipients + len(batch) > self.config.max_recipients:
            for _ in batch:
                self.reply(Reply(452, (f"more than {self.config.max_recipients} recipients",), "4.5.3"))
            return None
        return RcptBatch(batch)

    def _read_rcpt(self, argument: str) -> "RcptCommand | Reply":
        if not argument.upper().startswith("TO:"):
            return Reply(501, ("write RCPT TO:<local-part@domain>",), "5.5.4")
        path, rest = read_path(argument)
        if not path:
            return Reply(501, ("the forward-path is empty",), "5.1.3")
        parameters = read_parameters(close_up(rest))
        known = _RCPT_PARAMETERS - ({"CONNEG"} if self.mode is ConnegMode.IGNORANT else set())
        unknown = set(parameters) - known
        if unknown:
            return Reply(555, (f"parameter not recognised: {min(unknown)}",), "5.5.4")
        conneg = None
        if "CONNEG" in parameters:
            conneg = read_argument(parameters["CONNEG"])
            if conneg is None:
                return Reply(501, ("CONNEG is REQUIRED or OPTIONAL",), "5.5.4")
            if self.mode is ConnegMode.OFF:
                if conneg is ConnegArgument.REQUIRED:
                    return Reply(504, (f"CONNEG <{path}> not supported",), "5.3.3")
                conneg = None
        return RcptCommand(path, conneg, _read_notify(parameters.get("NOTIFY")), parameters.get("ORCPT"))

    def _data(self, argument: str) -> Event | None:
        if argument:
            return self._refuse(Reply(501, ("DATA takes no argument",), "5.5.4"))
        if not self._in_transaction:
            return self._refuse(_BAD_SEQUENCE)
        if not self.recipients:
            return self._refuse(Reply(554, ("no valid recipients",), "5.5.1"))
        return DataCommand()

    def _rset(self, argument: str) -> Event | None:
        self._end_transaction()
        self.reply(_RESET_OK)
        return Reset()

    def _noop(self, argument: str) -> Event | None:
        self.reply(_RESET_OK)
        return None

    def _vrfy(self, argument: str) -> Event | None:
        return VrfyCommand(argument)

    def _help(self, argument: str) -> Event | None:
        self.reply(Reply(214, ("https://www.rfc-editor.org/rfc/rfc5321",), "2.0.0"))
        return None

    def _quit(self, argument: str) -> Event | None:
        self.close(Reply(221, ("goodbye",), "2.0.0"))
        return Closing()


def _read_notify(value: str | None) -> frozenset[str] | None:
    if value is None:
        return None
    words = frozenset(value.upper().split(","))
    if not words <= _NOTIFY or ("NEVER" in words and len(words) > 1):
        raise CommandSyntaxError("NOTIFY is NEVER, or of SUCCESS, FAILURE and DELAY")
    return words


_HANDLERS = {
    "EHLO": ServerSession._ehlo,
    "HELO": ServerSession._helo,
    "MAIL": ServerSession._mail,
    "RCPT": ServerSession._rcpt,
    "DATA": ServerSession._data,
    "RSET": ServerSession._rset,
    "NOOP": ServerSession._noop,
    "VRFY": ServerSession._vrfy,
    "HELP": ServerSession._help,
    "QUIT": ServerSession._quit,
}
