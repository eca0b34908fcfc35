"""The client's core under any order of replies and of what its caller asks for, held against the RFCs.

The machine is the server: it reads what the client sends, asserts that it may be sent then (RFC 5321, 4.1.4; 2920, 3.1;
3030, 2; 3207, 4; 4954, 4; draft 4.2), and answers it rightly, wrongly, late, too often or not at all. What the client's
events say must be what was answered.
"""

import base64
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from conneg.smtp import (
    AuthAnswered,
    ChunkAnswered,
    ClientConfig,
    ClientEvent,
    ClientSession,
    CommandAnswered,
    ConnegArgument,
    ContentAnswered,
    DataAnswered,
    LocalProtocolError,
    Phase,
    RcptRequest,
    RemoteProtocolError,
    SessionEndedError,
    SessionReady,
    SessionRefused,
    StartTlsAnswered,
    TransactionOpened,
)
from conneg.smtp.states import TABLE as STATES

from .watching import unstuffed

MAX_REPLY_LINE, MAX_REPLY = 4096, 65536
KEYWORDS = (
    "PIPELINING",
    "CONNEG",
    "CHUNKING",
    "STARTTLS",
    "DSN",
    "SIZE 1000",
    "8BITMIME",
    "AUTH PLAIN LOGIN",
)
NEEDS = {
    "SIZE": "SIZE", "BODY": "8BITMIME", "RET": "DSN", "ENVID": "DSN", "NOTIFY": "DSN", "ORCPT": "DSN",
    "SMTPUTF8": "SMTPUTF8", "REQUIRETLS": "REQUIRETLS", "CONNEG": "CONNEG",
}  # fmt: skip
GROUPED = frozenset({"MAIL", "RCPT", "RSET"})
"""Those behind which another command may be sent before the reply has come (RFC 2920, 3.1)."""


class Traced(ClientSession):
    """A session whose phase takes no step that the table does not have, but to the content after 354."""

    _phase = Phase.CONNECTED

    @property
    def phase(self) -> Phase:  # type: ignore[override]
        return self._phase

    @phase.setter
    def phase(self, to: Phase) -> None:
        # 354 may come although no recipient was accepted, where DATA came with them (RFC 2920, 3.1)
        is_early = to is Phase.CONTENT and self._phase in (Phase.READY, Phase.MAIL)
        is_end = to is Phase.CLOSED
        steps = STATES[self._phase].values()
        assert to is self._phase or to in steps or is_early or is_end, f"from {self._phase} to {to}"
        self._phase = to


@dataclass
class Sent:
    """A command that the server has read and not answered."""

    verb: str
    path: str = ""
    is_last: bool = False


@dataclass
class Rcpt:
    """What the server said of one recipient: the code of its last reply, and how often it was asked."""

    code: int = 0
    asked: int = 0


class ClientMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.unread = b""
        self.waiting: deque[Sent] = deque()
        self.extensions: dict[str, str] = {}
        self.is_introduced = self.is_secure = self.is_known = False
        self.has_sender = self.has_failed = self.took_chunk = self.in_content = False
        self.is_over = False
        self.requests: dict[str, RcptRequest] = {}
        self.rcpts: dict[str, Rcpt] = {}
        self.content = self.content_read = b""
        self.content_codes: list[int] = []
        self.mail_code = 0
        self.held = b""
        self.wanted: type[object] | None = SessionReady
        """The event that the caller waits for."""
        self.last_code = 0
        self.in_tls = False

    @initialize(lmtp=st.sampled_from([False, False, True]), dialect=st.sampled_from(["draft", "both"]))
    def begin(self, lmtp: bool, dialect: str) -> None:
        self.session = Traced(ClientConfig("c.example", lmtp=lmtp, dialect=dialect))
        self.waiting.append(Sent("GREETING"))
        self.read()

    # What the client sends.

    def read(self) -> None:
        """Read all that it has sent, as a server that knows the rules."""
        octets = self.session.data_to_send()
        assert not octets or not self.is_over, f"sent after the end: {octets!r}"
        self.unread += octets
        while self.unread:
            if self.in_content:
                if not self.read_content():
                    return
                continue
            line, end, rest = self.unread.partition(b"\r\n")
            if not end:
                raise AssertionError(f"half a line: {line!r}")
            self.unread = rest
            self.read_line(line.decode())

    def read_content(self) -> bool:
        if self.unread == b".\r\n":
            octets, self.unread = b"", b""
        elif self.unread.endswith(b"\r\n.\r\n"):
            octets, self.unread = self.unread[:-3], b""
        else:
            return False
        self.content_read, self.in_content = unstuffed(octets), False
        self.end_content()
        return True

    def end_content(self) -> None:
        self.content_codes = []
        count = max(1, self.accepted) if self.session.config.lmtp else 1
        self.waiting.extend(Sent("CONTENT") for _ in range(count))

    @property
    def accepted(self) -> int:
        return sum(200 <= rcpt.code < 300 for rcpt in self.rcpts.values()) if self.has_sender else 0

    def read_line(self, line: str) -> None:
        verb = line.split(" ")[0].upper()
        if self.waiting and self.waiting[0].verb == "CHALLENGED":
            self.waiting[0].verb = "AUTH"
            assert line == "*" or base64.b64decode(line, validate=True) is not None
            return
        if self.waiting:
            assert "PIPELINING" in self.extensions, f"{line} before the reply to {self.waiting[0].verb}"
            assert all(sent.verb in GROUPED for sent in self.waiting), f"{line} behind {self.waiting}"
        assert not self.has_failed or verb in ("RSET", "QUIT"), f"{line} after a chunk that was refused"
        match verb:
            case "EHLO" | "HELO" | "LHLO":
                assert (verb == "LHLO") is self.session.config.lmtp
                assert not self.has_sender
            case "MAIL":
                assert self.is_introduced, "MAIL before EHLO"
                assert not self.has_sender, "MAIL in a transaction"
                self.check_parameters(line)
                self.rcpts = {}
            case "RCPT":
                assert self.has_sender or any(sent.verb == "MAIL" for sent in self.waiting), (
                    "RCPT before MAIL"
                )
                assert not self.took_chunk
                self.check_parameters(line)
            case "DATA":
                pending = any(sent.verb == "RCPT" for sent in self.waiting)
                assert self.accepted or pending, "DATA without a recipient"
                assert not self.took_chunk
            case "BDAT":
                self.read_chunk(line)
                return
            case "AUTH":
                assert "AUTH" in self.extensions
                assert self.is_introduced
                assert not self.has_sender
                assert not self.is_known, "AUTH after AUTH"
                mechanism = line.split(" ")[1]
                assert self.is_secure or mechanism not in ("PLAIN", "LOGIN"), "a password in the clear"
            case "STARTTLS":
                assert "STARTTLS" in self.extensions, "STARTTLS to a server that does not list it"
                assert not self.is_secure, "TLS under TLS"
                assert not self.has_sender
            case "RSET" | "QUIT":
                pass
            case _:
                raise AssertionError(f"{line!r} is no command")
        found = re.match(r"RCPT TO:<([^>]*)>", line)
        self.waiting.append(Sent(verb, found[1] if found else ""))

    def read_chunk(self, line: str) -> None:
        found = re.fullmatch(r"BDAT ([0-9]+)( LAST)?", line)
        assert found is not None
        assert "CHUNKING" in self.extensions, "BDAT to a server that does not list CHUNKING"
        assert self.accepted, "BDAT without a recipient"
        size = int(found[1])
        assert len(self.unread) >= size
        octets, self.unread = self.unread[:size], self.unread[size:]
        self.content_read = (self.content_read if self.took_chunk else b"") + octets
        self.took_chunk = True
        if found[2]:
            self.end_content()
        else:
            self.waiting.append(Sent("BDAT"))

    def check_parameters(self, line: str) -> None:
        """RFC 5321, 4.1.1.3: only of extensions that the server lists; draft 4.2 for CONNEG."""
        assert len(line) + 2 <= MAX_REPLY_LINE
        for word in line.partition("> ")[2].split():
            keyword, _, value = word.partition("=")
            needed = "BINARYMIME" if value == "BINARYMIME" else NEEDS[keyword]
            assert needed in self.extensions, f"{word} to a server that lists {set(self.extensions)}"
            assert keyword != "CONNEG" or value in ("", "REQUIRED", "OPTIONAL")

    # What the server answers.

    def say(self, code: int, *texts: str, held: int = 0) -> None:
        """Answer the command that waits longest."""
        lines = texts or ("text",)
        last = len(lines) - 1
        octets = "".join(
            f"{code}{'-' if n < last else ' '}{text}\r\n" for n, text in enumerate(lines)
        ).encode()
        sent = self.waiting.popleft()
        self.last_code = code
        self.act(sent, code, list(lines))
        octets = self.held + octets
        count = max(len(octets) - held, 0)
        self.held = octets[count:]
        self.deliver(octets[:count])

    def act(self, sent: Sent, code: int, texts: list[str]) -> None:
        is_positive = code // 100 == 2
        match sent.verb:
            case "EHLO" | "LHLO" | "HELO" if is_positive:
                self.is_introduced = True
                listed = [text.split(" ", 1) for text in texts[1:]] if sent.verb != "HELO" else []
                self.extensions = {words[0].upper(): "".join(words[1:]) for words in listed}
            case "MAIL":
                self.has_sender, self.mail_code = is_positive, code
            case "RCPT":
                rcpt = self.rcpts.setdefault(sent.path, Rcpt())
                rcpt.code, rcpt.asked = code, rcpt.asked + 1
                assert rcpt.asked <= 3, "one recipient asked again and again"
            case "DATA":
                self.in_content = code // 100 == 3
            case "BDAT":
                self.has_failed = not is_positive
            case "CONTENT":
                self.content_codes.append(code)
                if not any(one.verb == "CONTENT" for one in self.waiting):
                    self.end_transaction()
            case "RSET" if is_positive:
                self.end_transaction()
            case "STARTTLS" if is_positive:
                self.in_tls = True
                self.is_introduced, self.is_known, self.extensions = False, False, {}
            case "AUTH":
                if code == 334:
                    self.waiting.appendleft(Sent("CHALLENGED"))
                self.is_known = is_positive

    def end_transaction(self) -> None:
        self.has_sender = self.has_failed = self.took_chunk = self.in_content = False

    def deliver(self, octets: bytes) -> None:
        self.session.receive_data(octets)
        self.go_on()

    def go_on(self) -> None:
        """Take the client's events; an error ends it."""
        try:
            while (event := self.session.next_event()) is not None:
                self.read()
                self.check(event)
        except (RemoteProtocolError, SessionEndedError):
            assert self.session.phase is Phase.CLOSED, "an error, and the session goes on"
            self.is_over = True
        if self.session.phase is Phase.CLOSED:
            self.is_over = True
            self.session.data_to_send()
            return
        self.read()

    def check(self, event: ClientEvent) -> None:
        """What is told is what was answered, and what was asked for."""
        expected = SessionReady if isinstance(event, SessionRefused) else type(event)
        assert self.wanted is expected, f"{event}, not {self.wanted}"
        self.wanted = None
        match event:
            case SessionReady():
                assert event.hello.is_positive
                assert dict(event.extensions) == self.extensions
            case SessionRefused():
                assert self.session.phase is Phase.CLOSED
            case TransactionOpened():
                self.check_opened(event)
                if any(sent.verb == "DATA" for sent in self.waiting) or self.last_verb_is_data:
                    self.wanted = DataAnswered
            case DataAnswered():
                assert (self.session.phase is Phase.CONTENT) is (event.reply.code // 100 == 3)
            case ContentAnswered():
                assert [reply.code for reply in event.replies] == self.content_codes, (
                    "other replies than were given"
                )
                ends = (self.content, self.content + b"\r\n")
                assert self.content_read in ends, "other content than was asked for"
            case StartTlsAnswered():
                assert dict(self.session.extensions) == self.extensions, (
                    "known from before TLS (RFC 3207, 4.2)"
                )
            case CommandAnswered() | AuthAnswered() | ChunkAnswered():
                pass

    last_verb_is_data = False

    def check_opened(self, event: TransactionOpened) -> None:
        assert event.mail.code == self.mail_code
        if not event.mail.is_positive:
            assert event.rcpts == ()
            return
        assert [result.request_path for result in event.rcpts] == list(self.requests)
        for result in event.rcpts:
            request = self.requests[result.request_path]
            is_required = request.conneg is ConnegArgument.REQUIRED and not request.or_without
            must_be_local = is_required and "CONNEG" not in self.extensions
            assert result.is_local is must_be_local, "REQUIRED where CONNEG is not listed (draft 4.2)"
            if result.is_local:
                assert result.reply.code == 504
                assert result.request_path not in self.rcpts
                continue
            assert result.reply.code == self.rcpts[result.request_path].code
            assert result.capability is None or (result.reply.is_positive and result.asked is not None)
            assert result.asked is None or request.conneg is not None
            assert not (is_required and result.repeated), "REQUIRED was given up, and nobody said that it may"
            if result.repeated and request.conneg is ConnegArgument.REQUIRED:
                assert result.asked is None
                assert result.refusal is not None
                assert result.refusal.code in (500, 501, 502, 504, 555), (
                    "404 is no refusal to tell (draft 4.1)"
                )
        assert self.session.accepted == self.accepted

    # Rules: the server.

    @precondition(lambda self: self.waiting and not self.is_over and self.waiting[0].verb != "CHALLENGED")
    @rule(
        chance=st.integers(0, 11),
        keywords=st.frozensets(st.sampled_from(KEYWORDS), min_size=4),
        held=st.sampled_from([0, 0, 0, 1, 2, 6]),
    )
    def right_answer(self, chance: int, keywords: frozenset[str], held: int) -> None:
        verb = self.waiting[0].verb
        match verb:
            case "GREETING" | "STARTTLS":
                self.say(220, "mx.example", held=held if verb == "GREETING" else 0)
            case "EHLO" | "LHLO":
                self.say(250, "mx.example", *sorted(keywords), held=held)
            case "RCPT" if chance < 3:
                self.say(250, "2.1.5 ok", "2.1.5 CONNEG (& (a=1)", "2.1.5 CONNEG (b=2))", held=held)
            case "RCPT" if chance == 3:
                self.say(504, "5.3.3 CONNEG not supported", held=held)
            case "RCPT" if chance == 4:
                self.say(550, "5.1.1 no", held=held)
            case "DATA":
                self.say({5: 250, 6: 554}.get(chance, 354), held=held)
            case "AUTH":
                self.say(235 if chance < 8 else 535, "2.7.0 x", held=held)
            case "QUIT":
                self.say(221, held=held)
            case _:
                self.say(250, "2.0.0 ok", held=held)

    @precondition(lambda self: self.waiting and not self.is_over and self.waiting[0].verb != "CHALLENGED")
    @rule(
        code=st.sampled_from(
            [200, 250, 299, 300, 334, 354, 404, 421, 450, 451, 500, 501, 503, 504, 550, 555]
        ),
        text=st.sampled_from(["", "x", "4.1.1 x", "CONNEG (a=1)", "CONNEG (", "AA==", "é", "CONNEG"]),
        count=st.integers(1, 3),
        chance=st.integers(0, 2),
    )
    def any_answer(self, code: int, text: str, count: int, chance: int) -> None:
        if chance == 0:
            is_listing = self.waiting[0].verb in ("EHLO", "LHLO", "HELO")
            self.say(code, *["X" if is_listing else text] * count)

    @precondition(lambda self: not self.is_over and not self.held)
    @rule(
        octets=st.sampled_from(
            [
                b"hello\r\n",
                b"25 x\r\n",
                b"250x\r\n",
                b"250 a\nb\r\n",
                b"250 a\rb\r\n",
                b"999 x\r\n",
                b"\r\n",
                b"\0\r\n",
            ]
        ),
        chance=st.integers(0, 20),
    )
    def no_reply(self, octets: bytes, chance: int) -> None:
        """What is no reply ends the session."""
        if chance == 0:
            self.deliver(octets)
            assert self.is_over
            assert self.session.phase is Phase.CLOSED

    @precondition(lambda self: not self.is_over and not self.held)
    @rule(chance=st.integers(0, 30), kind=st.sampled_from(["line", "lines"]))
    def reply_without_end(self, chance: int, kind: str) -> None:
        if chance == 0:
            octets = (
                b"250 " + b"x" * MAX_REPLY_LINE if kind == "line" else b"250-x\r\n" * (MAX_REPLY // 7 + 1)
            )
            self.deliver(octets)
            assert self.is_over

    @precondition(lambda self: not self.waiting and not self.is_over and not self.held)
    @rule(code=st.sampled_from([220, 250, 354, 421, 550]), chance=st.integers(0, 20))
    def a_reply_too_many(self, code: int, chance: int) -> None:
        """RFC 2920, 3.1: replies are counted, so that one too many would be taken for that to the next command."""
        if chance == 0:
            self.deliver(f"{code} x\r\n".encode())
            assert self.is_over

    @precondition(lambda self: not self.is_over)
    @rule(chance=st.integers(0, 40))
    def the_connection_ends(self, chance: int) -> None:
        if chance:
            return
        is_due = bool(self.waiting) or bool(self.held)
        try:
            self.session.receive_eof()
            assert not is_due, "an answer is missing, and nobody is told"
        except SessionEndedError:
            assert is_due
        self.is_over = True

    @precondition(lambda self: bool(self.held) and not self.is_over)
    @rule()
    def what_was_held_arrives(self) -> None:
        octets, self.held = self.held, b""
        self.deliver(octets)

    # Rules: the caller.

    def ask(self, call: Callable[[], object], wanted: type[object] | None, may: bool) -> bool:
        """Ask for something; if it cannot be had now nothing is sent, and nothing has changed."""
        before = self.session.phase, self.session.awaited
        try:
            call()
        except LocalProtocolError:
            assert not may, "what may be asked for is refused"
            assert self.session.data_to_send() == b""
            assert (self.session.phase, self.session.awaited) == before
            return False
        assert may, "what may not be asked for is done"
        self.wanted = wanted
        return True

    @property
    def is_idle(self) -> bool:
        """Nothing is owed to the client, nor by the caller."""
        return not (self.waiting or self.held or self.is_over or self.in_content or self.in_tls)

    @rule(
        asked=st.lists(st.sampled_from([None, *ConnegArgument]), min_size=1, max_size=4),
        with_data=st.sampled_from([False, False, True]),
        with_parameters=st.booleans(),
        or_without=st.booleans(),
    )
    def open_transaction(
        self, asked: list[ConnegArgument | None], with_data: bool, with_parameters: bool, or_without: bool
    ) -> None:
        notify = frozenset({"DELAY"}) if with_parameters else None
        requests = [
            RcptRequest(f"{n}@d.example", one, notify, or_without=or_without and n % 2 == 0)
            for n, one in enumerate(asked)
        ]
        may = self.is_idle and self.is_introduced and not self.has_sender
        can_group = "PIPELINING" in self.extensions and not any(asked)
        more: dict[str, object] = (
            {"size": 5, "body": "8BITMIME", "ret": "FULL", "envid": "x", "smtputf8": True, "requiretls": True}
            if with_parameters
            else {}
        )

        def call() -> None:
            self.session.open_transaction("a@b", requests, with_data=with_data, **more)  # type: ignore[arg-type]

        if self.ask(call, TransactionOpened, may and (can_group or not with_data)):
            self.requests = {request.forward_path: request for request in requests}
            self.last_verb_is_data = with_data
            self.content = b""
            self.read()

    @rule()
    def send_data(self) -> None:
        may = self.is_idle and bool(self.accepted) and not self.took_chunk
        if self.ask(self.session.send_data, DataAnswered, may):
            self.content = b""
            self.last_verb_is_data = False
            self.read()

    @rule(
        piece=st.sampled_from([b"", b"x\r\n", b".\r\n", b"\r\n.", b"y", b"..\r\n", b"\r"]),
        is_ended=st.booleans(),
    )
    def send_content(self, piece: bytes, is_ended: bool) -> None:
        may = self.in_content and not self.held and not self.is_over
        piece = piece.replace(b"\r", b"\r\n") if piece == b"\r" else piece
        if self.ask(lambda: self.session.send_content(piece), None, may):
            self.content += piece
            self.read()
            if is_ended and self.in_content:
                self.ask(self.session.end_content, ContentAnswered, True)
                self.read()

    @rule(piece=st.sampled_from([b"", b"x\r\n", b".\r\n", b"y"]), is_last=st.booleans())
    def send_chunk(self, piece: bytes, is_last: bool) -> None:
        may = self.is_idle and bool(self.accepted) and "CHUNKING" in self.extensions and not self.has_failed
        wanted = ContentAnswered if is_last else ChunkAnswered
        first = not self.took_chunk
        if self.ask(lambda: self.session.send_chunk(piece, is_last=is_last), wanted, may):
            self.content = piece if first else self.content + piece
            self.read()

    @rule()
    def reset(self) -> None:
        if self.ask(self.session.reset, CommandAnswered, self.is_idle and self.is_introduced):
            self.read()

    @rule(chance=st.integers(0, 5))
    def quit(self, chance: int) -> None:
        if chance == 0 and self.ask(self.session.quit, CommandAnswered, self.is_idle):
            self.read()

    @rule()
    def starttls(self) -> None:
        may = self.is_idle and self.is_introduced and not self.has_sender
        may = may and "STARTTLS" in self.extensions and not self.is_secure
        if self.ask(self.session.starttls, StartTlsAnswered, may):
            self.read()

    @rule(is_behind=st.sampled_from([False, False, False, True]))
    def secured(self, is_behind: bool) -> None:
        """RFC 3207, 4.2: what the server has said before TLS, behind its 220, must not be taken for said under it."""
        if not self.in_tls or self.is_over:
            self.ask(self.session.secured, None, False)
            return
        if is_behind:
            self.session.receive_data(b"250 mx\r\n")
        try:
            self.session.secured()
        except RemoteProtocolError:
            assert is_behind
            assert self.session.phase is Phase.CLOSED
            self.is_over = True
            return
        assert not is_behind
        self.in_tls, self.is_secure, self.wanted = False, True, SessionReady
        self.read()

    @rule()
    def authenticate(self) -> None:
        may = self.is_idle and self.is_introduced and not self.has_sender and not self.is_known
        offered = self.extensions.get("AUTH", "").split()
        may = may and bool(offered) and self.is_secure
        if self.ask(lambda: self.session.authenticate("june", "swordfish"), AuthAnswered, may):
            self.read()

    @rule(
        count=st.integers(2, 14),
        asked=st.lists(st.sampled_from([None, *ConnegArgument]), min_size=1, max_size=3),
        chance=st.integers(0, 11),
        way=st.sampled_from(["DATA", "BDAT", "group"]),
    )
    def straight_on(self, count: int, asked: list[ConnegArgument | None], chance: int, way: str) -> None:
        """Some right steps of both sides, one after the other."""
        for _ in range(count):
            if self.is_over or (self.waiting and self.waiting[0].verb == "CHALLENGED"):
                return
            if self.held:
                self.what_was_held_arrives()
            elif self.waiting:
                hidden = {0: {"PIPELINING"}, 2: {"CONNEG"}, 7: {"DSN", "CHUNKING"}}.get(chance % 9, set())
                keywords = frozenset(KEYWORDS) - hidden
                self.right_answer(chance, keywords, 0)
            elif self.in_tls:
                self.secured(False)
            elif self.in_content:
                self.send_content(b".x\r\n", True)
            elif self.has_failed or (self.has_sender and not self.accepted):
                self.reset()
            elif not self.has_sender and chance % 4 == 1 and not self.is_secure:
                self.starttls()
            elif not self.has_sender and chance % 4 == 1 and not self.is_known:
                self.authenticate()
            elif not self.has_sender:
                group = way == "group"
                self.open_transaction([None] if group else asked, group, chance % 2 == 0, chance % 3 == 0)
            elif way == "BDAT" or self.took_chunk:
                self.send_chunk(b"x\r\n", chance % 2 == 0)
            else:
                self.send_data()

    straight_on_too = straight_on
    and_straight_on = straight_on

    # What always holds.

    @invariant()
    def as_many_replies_are_awaited(self) -> None:
        if not self.is_over and not self.held:
            assert self.session.awaited == len(self.waiting)

    @invariant()
    def nothing_is_sent_by_itself(self) -> None:
        assert self.session.next_event() is None
        assert self.session.data_to_send() == b""

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        assert self.is_over or self.session.backlog <= MAX_REPLY_LINE

    @invariant()
    def the_state_is_what_was_answered(self) -> None:
        if self.is_over or self.held:
            return
        session = self.session
        assert session.is_secure is self.is_secure
        if not self.waiting:
            assert dict(session.extensions) == self.extensions
        if self.is_idle:
            assert session.in_transaction is self.has_sender
            assert session.phase is not Phase.CONTENT

    @invariant()
    def after_the_end_nothing_is_taken(self) -> None:
        if self.is_over:
            assert self.session.phase is Phase.CLOSED
            backlog = self.session.backlog
            self.session.receive_data(b"250 x\r\n")
            assert self.session.backlog == backlog
            for call in (
                self.session.reset,
                self.session.quit,
                self.session.send_data,
                self.session.starttls,
            ):
                self.ask(call, None, False)


ClientMachine.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
TestClientMachine = ClientMachine.TestCase
