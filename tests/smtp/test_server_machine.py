"""The server's core under any order of commands, cuts and answers, held against `server_model`; and cut otherwise.

The steps are what a client sends, cut anywhere, and what the driver answers, in any order that the core allows. At the
end of each run what the client sent is played again, at once and octet by octet: events and replies must be the same.
"""

import base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from conneg.smtp import (
    ContentChunk,
    ContentEnd,
    ContentRefused,
    DataCommand,
    KeysWanted,
    LocalProtocolError,
    MailCommand,
    PasswordClaim,
    Phase,
    RcptAnswer,
    RcptBatch,
    Reply,
    ServerConfig,
    ServerEvent,
    ServerSession,
    StartTlsCommand,
    VrfyCommand,
    XclientCommand,
)
from conneg.smtp.sasl import MECHANISMS, derive_scram_keys
from conneg.smtp.states import TABLE as STATES

from .server_model import (
    ITERATIONS,
    MAX_LINE,
    PASSWORD,
    SALT,
    TABLE,
    Line,
    ServerModel,
    scram_final,
)
from .watching import read_replies

KEYS = derive_scram_keys(PASSWORD, salt=SALT, iterations=ITERATIONS)
YES = Reply(250, ("yes",), "2.1.5")
NEGATIVE = (
    Reply(450, ("later",), "4.2.1"),
    Reply(451, ("later", "on two lines"), "4.3.0"),
    Reply(550, ("no",), "5.1.1"),
    Reply(554, ("no",), "5.0.0"),
)
BYE = Reply(421, ("bye",), "4.3.2")
ANY = st.sampled_from([YES, YES, YES, YES, *NEGATIVE, BYE])
CAPABILITIES = st.sampled_from(
    [None, "(a=1)", "(& (color=Binary) (image-coding=[MH,MR]))", f"(|{' (dpi=200)' * 120})", '(a="é")']
)
MOSTLY_YES = st.sampled_from([YES, YES, YES, NEGATIVE[0], NEGATIVE[2]])
ASKED = st.builds(RcptAnswer, MOSTLY_YES, CAPABILITIES)
EXTENSIONS = (
    "PIPELINING",
    "SIZE",
    "8BITMIME",
    "ENHANCEDSTATUSCODES",
    "DSN",
    "SMTPUTF8",
    "REQUIRETLS",
    "LIMITS",
)


class Traced(ServerSession):
    """A session whose phase takes no step that the table does not have."""

    _phase = Phase.CONNECTED

    @property
    def phase(self) -> Phase:  # type: ignore[override]
        return self._phase

    @phase.setter
    def phase(self, to: Phase) -> None:
        assert to is self._phase or to in STATES[self._phase].values(), f"from {self._phase} to {to}"
        self._phase = to


@dataclass
class Answers:
    """What the driver has answered, in order, so that it can answer so again; one for each recipient."""

    given: list[tuple[str, object]] = field(default_factory=list)
    events: list[object] = field(default_factory=list)
    said: bytes = b""

    def note(self, event: ServerEvent) -> None:
        """Chunks of content are one piece, and forgotten once it is refused; recipients are noted when answered."""
        match event:
            case ContentChunk():
                if self.events and isinstance(self.events[-1], bytes):
                    event = self.events.pop() + event.octets  # type: ignore[assignment, operator]
                else:
                    event = event.octets  # type: ignore[assignment]
            case ContentRefused():
                if self.events and isinstance(self.events[-1], bytes):
                    self.events.pop()
            case RcptBatch() | PasswordClaim() | KeysWanted():
                return
        self.events.append(event)

    @property
    def whole(self) -> list[object]:
        """The events without content of which the end is missing."""
        return self.events[:-1] if self.events and isinstance(self.events[-1], bytes) else self.events


def give(session: ServerSession, kind: str, value: object) -> None:
    """Answer what is owed."""
    match kind, value:
        case "greeting", _:
            session.greet()
        case "mail", Reply():
            session.answer_mail(value)
        case "data", Reply():
            session.refuse_content(value)
        case "data", _:
            session.accept_content()
        case "content", list():
            session.answer_content(value)
        case "vrfy", Reply():
            session.answer_vrfy(value)
        case "tls", _:
            session.secured()
        case "password", _:
            session.answer_password({"yes": True, "no": False}.get(str(value)))
        case "keys", _:
            keys = KEYS if value == "keys" else None
            session.answer_keys(keys, is_available=value != "later")
        case "xclient", tuple():
            config, reply = value
            session.answer_xclient(config, None if reply.code == 220 else reply)
        case _:
            raise AssertionError(kind)


def configuration(
    *,
    lmtp: bool,
    hidden: frozenset[str],
    conneg: str,
    waits_for: str,
    auth: bool,
    needs_tls: bool,
    needs_auth: bool,
    xclient: bool,
    keeps_bare: bool,
    is_small: bool,
) -> ServerConfig:
    bounds = (
        {
            "max_errors": 3,
            "max_auth_failures": 2,
            "max_idle_commands": 6,
            "max_refused_recipients": 1,
            "max_transactions": 2,
            "max_recipients": 2,
        }
        if is_small
        else {"max_errors": 1000}
    )
    return ServerConfig(
        "mx.example",
        extensions=frozenset(EXTENSIONS) | ({"CHUNKING", "BINARYMIME", "STARTTLS"} - hidden) - hidden,
        conneg=conneg,
        conneg_needs_tls=waits_for == "TLS",
        conneg_needs_auth=waits_for == "AUTH",
        lmtp=lmtp,
        auth=MECHANISMS if auth else (),
        needs_tls=needs_tls,
        needs_auth=needs_auth and auth,
        xclient=xclient,
        bare_newlines="keep" if keeps_bare else "refuse",
        decoy_secret=b"decoy",
        max_message_octets=40,
        **bounds,  # type: ignore[arg-type]
    )


RARELY = st.sampled_from([False, False, False, True])
CONFIGS = st.builds(
    configuration,
    lmtp=st.booleans(),
    hidden=st.sampled_from(
        [frozenset[str](), frozenset[str](), frozenset({"CHUNKING", "BINARYMIME"}), frozenset(
            {"BINARYMIME", "ENHANCEDSTATUSCODES", "DSN", "SIZE"}
        ), frozenset({"STARTTLS"})]
    ),
    conneg=st.sampled_from(["on", "on", "on", "off", "ignorant"]),
    waits_for=st.sampled_from(["", "", "TLS", "AUTH"]),
    auth=st.booleans(),
    needs_tls=RARELY,
    needs_auth=RARELY,
    xclient=RARELY,
    keeps_bare=RARELY,
    is_small=st.sampled_from([False, True]),
)  # fmt: skip
HELD = st.sampled_from([0, 0, 0, 0, 1, 2, 3, 9])
"""How many of the octets sent do not arrive yet."""
PIECES = st.sampled_from(
    [
        b"",
        b"text\r\n",
        b".",
        b"..",
        b".\r\n",
        b"\r\n.",
        b"x" * 15,
        b"\r",
        b"\n",
        b"\n.\n",
        b"\r\r\n.\r\n",
        b"\r\n\0.\r\n",
        b"\0",
        b"\r\n",
    ]
)
GARBAGE = (b"\r\n", b"\n", b"\r", b"x\r\n", b"EXPN a\r\n", b"NOOP\n\r\n", b"\xff\r\n", b"\0\r\n")
ODD_SIZES = (b"x", b"", b"-1", b"1 LAST LAST", b"99999999999", b"9" * 21, b"1 \x1dLAST")
LONG_LINES = tuple(b"X".ljust(size, b"x") + b"\r\n" for size in (MAX_LINE - 2, MAX_LINE - 1, 3 * MAX_LINE))
CONTENT = st.lists(PIECES, max_size=4).map(b"".join)


class ServerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.held = b""
        self.stream = b""
        self.answers = Answers()
        self.batch: deque[object] = deque()
        self.can_be_replayed = True
        self.event: ServerEvent | None = None

    @initialize(
        config=CONFIGS,
        is_secure=st.booleans(),
        refusal=st.sampled_from([None] * 15 + [NEGATIVE[3]]),
        count=st.integers(0, 14),
        chance=st.integers(0, 11),
    )
    def begin(
        self, config: ServerConfig, is_secure: bool, refusal: Reply | None, count: int, chance: int
    ) -> None:
        self.first_config, self.first_secure = config, is_secure
        self.session = Traced(config, is_secure=is_secure)
        self.model = ServerModel(config, is_secure)
        assert self.session.next_event() is None
        self.model.owed = None
        self.session.greet(refusal)
        if refusal is not None:
            (said,) = read_replies(self.session.data_to_send())
            assert said.code == refusal.code
            self.model.close()
            self.can_be_replayed = False
        self.go_on()
        self.straight_on(count, chance, b"text", [RcptAnswer(YES, "(a=1)" if chance % 2 else None)] * 9)

    # What the client does.

    def send(self, octets: bytes, held: int) -> None:
        octets = self.held + octets
        count = max(len(octets) - held, 0)
        self.deliver(octets[:count])
        self.held = octets[count:]

    def deliver(self, octets: bytes) -> None:
        if self.model.mode != "closed" and self.model.owed != "tls":
            self.stream += octets
        self.model.receive(octets)
        self.session.receive_data(octets)
        self.go_on()

    @rule(line=st.sampled_from(TABLE), held=HELD)
    def any_command(self, line: Line, held: int) -> None:
        self.send(line.octets + b"\r\n", held)

    @rule(chance=st.integers(0, 30), held=HELD, count=st.integers(1, 5))
    def what_comes_next(self, chance: int, held: int, count: int) -> None:
        """Commands that get somewhere, `count` of them in one group."""
        model = self.model
        hello = "LHLO" if model.config.lmtp else "EHLO"
        lines = [line for line in TABLE if not line.wrong]
        rcpts = [line.octets for line in lines if line.verb == "RCPT"]
        mails = [line.octets for line in lines if line.verb == "MAIL"]
        way = [
            f"{hello} c.example".encode(),
            mails[chance % len(mails)],
            rcpts[chance % len(rcpts)],
            rcpts[chance % 3],
            b"DATA" if chance % 3 else b"BDAT 6\r\nx\r\n\r\nyBDAT 2 LAST\r\n\r\n",
        ]
        at = 0 if not model.is_introduced else 1 if not model.has_sender else 2 if not model.recipients else 4
        if at == 1 and not model.is_secure and model.config.needs_tls:
            way, at = [b"STARTTLS"], 0
        elif at == 1 and model.user is None and model.config.auth and chance % 2:
            auths = [line.octets for line in lines if line.verb == "AUTH"]
            way, at = [auths[chance % len(auths)]], 0
        self.send(b"".join(line + b"\r\n" for line in way[at : at + count]), held)

    @rule(
        count=st.integers(2, 12),
        chance=st.integers(0, 11),
        content=CONTENT,
        answers=st.lists(ASKED, min_size=9, max_size=9),
    )
    def straight_on(self, count: int, chance: int, content: bytes, answers: list[RcptAnswer]) -> None:
        """Some right steps of both sides, one after the other."""
        for _ in range(count):
            model = self.model
            if model.owed is not None:
                self.answer(YES, "yes", answers, self.first_config)
            elif model.mode == "response":
                self.response("right", 0)
            elif model.mode == "content":
                self.send(content + b"\r\n.\r\n", 0)
            elif model.mode == "chunk":
                assert model.chunk is not None
                self.send(b"x" * min(model.chunk.size, 50), 0)
            elif model.has_failed or (model.took_chunk and chance % 5 < 2):
                self.send(b"RSET\r\n", 0)
            elif model.recipients and chance % 2 and "CHUNKING" in model.offered:
                self.chunk(content, b" LAST" if chance % 3 else b"", 0, chance % 4 == 0)
            else:
                self.what_comes_next(chance, 0, 1 + chance % 3)

    straight_on_too = straight_on
    and_straight_on = straight_on

    @precondition(
        lambda self: self.model.has_sender and self.model.owed is None and self.model.mode == "line"
    )
    @rule(line=st.sampled_from([line for line in TABLE if line.conneg is not None]), answer=ASKED)
    def capability(self, line: Line, answer: RcptAnswer) -> None:
        """A recipient whose capability is asked for, and answered or not."""
        self.send(line.octets + b"\r\n", 0)
        if self.model.owed == "rcpt":
            self.answer_recipients([answer])

    @rule(
        verb=st.sampled_from(["NOOP", "RSET", "XCLIENT", "AUTH", "STARTTLS"]),
        chance=st.integers(0, 9),
    )
    def command_of_one_kind(self, verb: str, chance: int) -> None:
        found = [line.octets for line in TABLE if line.verb == verb]
        self.send(found[chance % len(found)] + b"\r\n", 0)

    @precondition(lambda self: self.model.mode == "response")
    @rule(
        kind=st.sampled_from(["right", "right", "right", "right", "wrong", "*", "!", "bare", "long"]),
        held=HELD,
    )
    def response(self, kind: str, held: int) -> None:
        exchange = self.model.exchange
        assert exchange is not None
        octets = b"june" if exchange.name is None else PASSWORD.encode()
        if exchange.mechanism == "PLAIN":
            octets = b"\0june\0swordfish"
        elif exchange.mechanism == "SCRAM-SHA-256":
            octets = b"n,,n=june,r=abc"
            if exchange.server_first is not None:
                octets = scram_final(exchange.server_first, PASSWORD if kind == "right" else "x")
        line = {
            "*": b"*", "!": b"no base64!", "bare": b"AA==\rAA==", "long": b"A" * MAX_LINE,
        }.get(kind, base64.b64encode(octets if kind == "right" or exchange.server_first else b""))  # fmt: skip
        self.send(line + b"\r\n", held)

    @rule(content=CONTENT, is_ended=st.booleans(), held=HELD, chance=st.integers(0, 5))
    def content(self, content: bytes, is_ended: bool, held: int, chance: int) -> None:
        """As content goes after 354; in another phase it is lines that are no commands."""
        if self.model.mode == "line" and chance:
            return
        self.send(content + (b"\r\n.\r\n" if is_ended else b""), held)

    @rule(content=CONTENT, last=st.sampled_from([b"", b"", b" LAST"]), held=HELD, behind=st.booleans())
    def chunk(self, content: bytes, last: bytes, held: int, behind: bool) -> None:
        octets = b"BDAT %d%s\r\n%s" % (len(content), last, content)
        self.send(octets + (b"NOOP\r\n" if behind else b""), held)

    @rule(argument=st.sampled_from(ODD_SIZES), chance=st.integers(0, 15))
    def odd_chunk(self, argument: bytes, chance: int) -> None:
        if chance == 0:
            self.send(b"BDAT %s\r\n" % argument, 0)

    @rule(octets=st.sampled_from([*GARBAGE, *LONG_LINES]), held=HELD, chance=st.integers(0, 2))
    def garbage(self, octets: bytes, held: int, chance: int) -> None:
        if chance == 0:
            self.send(octets, held)

    @rule()
    def what_was_held_arrives(self) -> None:
        self.send(b"", 0)

    # What the driver does.

    @precondition(lambda self: self.model.owed is not None)
    @rule(
        reply=ANY,
        verdict=st.sampled_from(["yes", "yes", "yes", "no", "later"]),
        answers=st.lists(st.builds(RcptAnswer, ANY, CAPABILITIES), min_size=1, max_size=9),
        config=CONFIGS,
    )
    def answer(self, reply: Reply, verdict: str, answers: list[RcptAnswer], config: ServerConfig) -> None:
        model, owed = self.model, self.model.owed
        value: object = reply
        match owed:
            case "rcpt":
                self.answer_recipients(answers)
                return
            case "mail" | "vrfy":
                model.owed = None
                model.answers.append(reply)
            case "data" if reply.is_positive:
                model.accept_content()
                value = None
            case "data":
                model.refuse_content(reply)
            case "content":
                count = model.recipients if model.config.lmtp else 1
                value = [reply, *[NEGATIVE[len(answers) % 4], YES, BYE, YES, *[YES] * 9][: count - 1]]
                model.answer_content(value)
            case "tls":
                model.secured()
                self.can_be_replayed = False
            case "password":
                model.owed, value = None, verdict
                model.answers.append(verdict)
            case "keys":
                model.owed = None
                value = {"yes": "keys", "no": "no keys"}.get(verdict, "later")
                model.answers.append(str(value))
                self.can_be_replayed = False  # the nonce is another one each time
            case "xclient":
                greeting = Reply(220, ("again",)) if reply.is_positive else NEGATIVE[3]
                value = (config, greeting)
                model.for_another(config, greeting)
        assert owed is not None
        self.answers.given.append((owed, value))
        give(self.session, owed, value)
        self.go_on()

    def answer_recipients(self, answers: list[RcptAnswer]) -> None:
        """Some of those that are asked about, or all; each answer is said at once."""
        owed = self.session.rcpts_owed
        answers = answers[:owed]
        commands = [self.batch.popleft() for _ in answers]
        accepted = self.session.answer_rcpts(answers)
        self.model.answers.extend(answers)
        self.model.owed = None
        count = len(accepted)
        assert count == len(answers) or self.session.phase is Phase.CLOSED
        self.answers.events.extend(commands[:count])
        self.answers.given.extend(("rcpt", one) for one in answers)
        self.hear()
        if self.session.phase is not Phase.CLOSED and self.batch:
            assert not self.model.answers
            self.model.owed = "rcpt"
            assert self.session.rcpts_owed == len(self.batch)
            return
        self.go_on()

    and_answer = answer
    answer_too = answer

    @rule(reply=ANY)
    def answer_out_of_turn(self, reply: Reply) -> None:
        """Raises, and changes nothing."""
        calls: dict[str, Callable[[], object]] = {
            "mail": lambda: self.session.answer_mail(reply),
            "rcpt": lambda: self.session.answer_rcpts([]),
            "data": self.session.accept_content,
            "vrfy": lambda: self.session.answer_vrfy(reply),
            "tls": self.session.secured,
            "password": lambda: self.session.answer_password(True),
            "keys": lambda: self.session.answer_keys(KEYS),
            "greeting": self.session.greet,
        }
        for kind, call in calls.items():
            if kind != self.model.owed:
                with pytest.raises(LocalProtocolError):
                    call()

    @precondition(lambda self: self.model.mode in ("content", "chunk") and self.model.owed is None)
    @rule(reply=st.sampled_from(NEGATIVE))
    def abandon(self, reply: Reply) -> None:
        if self.model.chunk is not None and (self.model.chunk.refusals or self.model.is_endless):
            return
        self.session.abandon_content(reply)
        self.can_be_replayed = False
        if self.model.refusal is None:
            self.model.refusal = reply.code
        self.go_on()

    @rule(chance=st.integers(0, 40))
    def shut_down(self, chance: int) -> None:
        if chance or self.model.mode == "closed":
            return
        self.session.close(BYE)
        (said,) = read_replies(self.session.data_to_send())
        assert said.code == 421
        self.model.close()
        self.model.content_codes.clear()
        self.can_be_replayed = False
        self.go_on()

    # What the server does.

    def hear(self) -> None:
        octets = self.session.data_to_send()
        self.answers.said += octets
        for said in read_replies(octets):
            self.model.heard(said)

    def go_on(self) -> None:
        """Take events until one wants an answer; each is told when all before it has been answered."""
        while True:
            event = self.session.next_event()
            self.hear()
            if event is None:
                break
            self.model.told(event)
            self.answers.note(event)
            if isinstance(event, RcptBatch):
                self.batch = deque(event.commands)
        self.model.silent()

    @invariant()
    def the_phase_is_what_has_been_said(self) -> None:
        assert self.session.phase in self.model.phases, (self.session.phase, self.model.phases)

    @invariant()
    def nothing_happens_by_itself(self) -> None:
        assert self.session.next_event() is None
        assert self.session.data_to_send() == b""
        assert self.session.wants_data is (self.model.owed is None and self.model.mode != "closed")

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        if self.model.owed is None:
            assert self.session.backlog <= MAX_LINE
        assert self.session.backlog <= len(self.model.unread)

    @invariant()
    def who_the_client_is(self) -> None:
        if self.session.phase is Phase.CLOSED:
            return
        assert self.session.is_secure is self.model.is_secure
        assert self.session.username == self.model.user
        assert (self.session.helo is not None) is self.model.is_introduced
        assert self.session.in_transaction is self.model.has_sender

    def teardown(self) -> None:
        """But for STARTTLS, where it counts what has come with it (RFC 3207, 4)."""
        if not hasattr(self, "session"):
            return
        while self.model.owed == "rcpt":  # what stands with them in one group waits for their answers
            self.answer_recipients([RcptAnswer(YES)] * self.session.rcpts_owed)
        if self.can_be_replayed and b"STARTTLS" not in self.stream:
            for step in (1, 7, max(len(self.stream), 1)):
                again, session = replayed(self.first_config, self.first_secure, self, step)
                assert again.said == self.answers.said, (step, again.said[-300:], self.answers.said[-300:])
                assert again.whole == self.answers.whole, (again.whole, self.answers.whole)
                assert session.phase is self.session.phase


def replayed(
    config: ServerConfig, is_secure: bool, machine: ServerMachine, step: int
) -> tuple[Answers, ServerSession]:
    """What the session does if all that was sent comes in pieces of `step` octets."""
    session, again = Traced(config, is_secure=is_secure), Answers()
    given = deque(machine.answers.given)
    session.greet()
    for at in range(0, max(len(machine.stream), 1), step):
        session.receive_data(machine.stream[at : at + step])
        while (event := session.next_event()) is not None:
            again.said += session.data_to_send()
            again.note(event)
            owed = owed_for(event)
            if isinstance(event, RcptBatch):
                for command in event.commands:
                    if session.phase is Phase.CLOSED or not given:
                        break
                    kind, value = given.popleft()
                    assert kind == "rcpt"
                    assert isinstance(value, RcptAnswer)
                    if session.answer_rcpts([value]):
                        again.events.append(command)
            elif owed is not None and given:
                kind, value = given.popleft()
                assert kind == owed
                give(session, kind, value)
        again.said += session.data_to_send()
    return again, session


def owed_for(event: ServerEvent) -> str | None:
    match event:
        case MailCommand():
            return "mail"
        case DataCommand():
            return "data"
        case ContentEnd():
            return "content"
        case VrfyCommand():
            return "vrfy"
        case StartTlsCommand():
            return "tls"
        case PasswordClaim():
            return "password"
        case KeysWanted():
            return "keys"
        case XclientCommand():
            return "xclient"
        case _:
            return None


ServerMachine.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
TestServerMachine = ServerMachine.TestCase
