"""What RFC 5321, 2033, 2034, 3030, 3207, 4954 and the draft say of a server: slow and obvious.

`ServerModel` is given the octets as they are delivered and the answers of the driver. It is told each reply and each
event that the server makes of them, in order, and asserts that it is one that may come now; `silent` asserts that
nothing is due. It shares no code with the server but the types of its events.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections import deque
from dataclasses import dataclass, field

from conneg.smtp import (
    Authenticated,
    ConnegArgument,
    ContentChunk,
    ContentEnd,
    ContentRefused,
    DataCommand,
    Hello,
    KeysWanted,
    MailCommand,
    PasswordClaim,
    Phase,
    RcptAnswer,
    RcptBatch,
    Reply,
    ServerConfig,
    ServerEvent,
    SessionEnd,
    StartTlsCommand,
    TransactionReset,
    VrfyCommand,
    XclientCommand,
)

from .watching import Said, may_hide_an_end, unstuffed

PASSWORD, SALT, ITERATIONS = "swordfish", b"salt", 4096
MAX_LINE = 4096
MAX_DISCARDED = 64 * 1024 * 1024
_IDLE = frozenset({"EHLO", "HELO", "LHLO", "RSET", "NOOP", "VRFY", "HELP"})
_BEFORE_TLS = frozenset({"EHLO", "HELO", "LHLO", "STARTTLS", "NOOP", "QUIT", "RSET", "HELP", "XCLIENT"})
"""RFC 3207, 4 names EHLO, STARTTLS, NOOP and QUIT; the others give nothing away."""
_BDAT = re.compile(rb"BDAT ([0-9]{1,20})( LAST)?", re.IGNORECASE)
_STATUS = re.compile(r"([245])\.[0-9]{1,3}\.[0-9]{1,3} ")


@dataclass(frozen=True)
class Line:
    """A command line and what it means: `wrong` are the codes that it draws whatever the state, `needs` the keywords
    without which its parameters are not known."""

    octets: bytes
    verb: str
    argument: str = ""
    wrong: frozenset[int] = frozenset()
    needs: frozenset[str] = frozenset()
    conneg: ConnegArgument | None = None
    is_binary: bool = False
    initial: bytes | None = None


def _line(text: str, *codes: int, verb: str = "", **more: object) -> Line:
    return Line(text.encode(), verb or text.split(" ")[0].upper(), wrong=frozenset(codes), **more)  # type: ignore[arg-type]


def _mail(path: str, parameters: str = "", *codes: int, needs: str = "", is_binary: bool = False) -> Line:
    text = f"MAIL FROM:<{path}>{parameters}"
    return _line(text, *codes, argument=path, needs=frozenset(needs.split()), is_binary=is_binary)


def _rcpt(path: str, parameters: str = "", *codes: int, needs: str = "", conneg: str = "") -> Line:
    text = f"RCPT TO:<{path}>{parameters}"
    argument = ConnegArgument(conneg) if conneg else None
    return _line(text, *codes, argument=path, needs=frozenset(needs.split()), conneg=argument)


def _auth(mechanism: str, initial: bytes | None = None, text: str = "", *codes: int) -> Line:
    shown = "" if initial is None else f" {base64.b64encode(initial).decode() or '='}"
    return _line(f"AUTH {mechanism}{shown}{text}", *codes, argument=mechanism, initial=initial)


SCRAM_FIRST = b"n=june,r=abc"
TABLE: tuple[Line, ...] = (
    _line("EHLO c.example", argument="c.example"),
    _line("ehlo [192.0.2.1]", argument="[192.0.2.1]"),
    _line("EHLO", 501),
    _line("EHLO two words", 501),
    _line("HELO c.example", argument="c.example"),
    _line("LHLO c.example", argument="c.example"),
    _line("STARTTLS"),
    _line("STARTTLS now", 501),
    _auth("PLAIN", b"\0june\0swordfish"),
    _auth("PLAIN", b"june\0june\0x"),
    _auth("PLAIN", b"may\0june\0x"),
    _auth("PLAIN", b""),
    _auth("PLAIN"),
    _auth("PLAIN", None, " !", 501),
    _auth("LOGIN"),
    _auth("LOGIN", b"june"),
    _auth("SCRAM-SHA-256"),
    _auth("SCRAM-SHA-256", b"n,," + SCRAM_FIRST),
    _auth("SCRAM-SHA-256", b"p=tls-unique,," + SCRAM_FIRST),
    _auth("X-UNKNOWN", None, "", 504),
    _line("AUTH", 501),
    _mail("a@b.example"),
    _mail(""),
    _mail("a@b.example", " SIZE=10", needs="SIZE"),
    _mail("a@b.example", " SIZE=99999999999", 552, needs="SIZE"),
    _mail("a@b.example", " SIZE=x", 501, needs="SIZE"),
    _mail("a@b.example", " BODY=8BITMIME RET=FULL ENVID=q+2B", needs="8BITMIME DSN"),
    _mail("a@b.example", " BODY=BINARYMIME", needs="BINARYMIME", is_binary=True),
    _mail("a@b.example", " SMTPUTF8", needs="SMTPUTF8"),
    _mail("é@b.example", " SMTPUTF8", needs="SMTPUTF8"),
    _mail("é@b.example", "", 553),
    _mail("a@b.example", " REQUIRETLS", needs="REQUIRETLS"),
    _mail("a@b.example", " AUTH=<>", needs="AUTH"),
    _mail("a@b.example", " X-UNKNOWN=1", 555),
    _mail("a@b.example", " SIZE=1 SIZE=1", 501),
    _mail("a@b.example", " CONNEG", 501, 555),
    _line("MAIL FROM:a@b.example", 501),
    _line("MAIL", 501),
    _rcpt("c@d.example"),
    _rcpt("e@f.example"),
    _rcpt("Postmaster"),
    _rcpt("c@d.example", " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x", needs="DSN"),
    _rcpt("c@d.example", " NOTIFY=NEVER,DELAY", 501, needs="DSN"),
    _rcpt("c@d.example", " CONNEG", conneg="REQUIRED"),
    _rcpt("c@d.example", " CONNEG=REQUIRED", conneg="REQUIRED"),
    _rcpt("c@d.example", " CONNEG = OPTIONAL", conneg="OPTIONAL"),
    _rcpt("e@f.example", " conneg=optional NOTIFY=NEVER", conneg="OPTIONAL", needs="DSN"),
    _rcpt("c@d.example", " CONNEG=MAYBE", 501, 555),
    _rcpt("c@d.example", " X=1", 555),
    _rcpt("", "", 501),
    _line("RCPT TO:c@d", 501),
    _line("RCPT  TO:<c@d", 501),
    _line("RCPT TO:<c@d>\nRCPT TO:<e@f>", 500),
    Line(b"RCPT TO:<\xff@d>", "RCPT", wrong=frozenset({500})),
    _line("DATA"),
    _line("data \t", verb="DATA"),
    _line("DATA now", 501),
    _line("RSET"),
    _line("RSET now", 501),
    _line("NOOP"),
    _line("NOOP anything"),
    _line("HELP"),
    _line("VRFY june", argument="june"),
    _line("VRFY", 501),
    _line("XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE]", argument="192.0.2.1"),
    _line("XCLIENT X=1", 501),
    _line("QUIT"),
    _line("QUIT now", 501),
)
LINES = {line.octets: line for line in TABLE}


def hmac_of(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sha256").digest()


def scram_final(server_first: bytes, password: str) -> bytes:
    """The client's final message of SCRAM-SHA-256 (RFC 5802, 3)."""
    nonce = server_first.split(b",")[0]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, ITERATIONS)
    key = hmac_of(salted, b"Client Key")
    without = b"c=biws," + nonce
    signature = hmac_of(hashlib.sha256(key).digest(), b",".join((SCRAM_FIRST, server_first, without)))
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    return without + b",p=" + base64.b64encode(proof)


@dataclass
class Exchange:
    """AUTH from its beginning to its end (RFC 4954, 4; RFC 4616; RFC 5802)."""

    mechanism: str
    name: bytes | None = None
    server_first: bytes | None = None
    has_keys: bool = False
    is_proved: bool = False

    def outcome(self, octets: bytes | None) -> tuple[str, ...]:
        """What the client's message leads to: ("334",), ("235",), ("535",) or what the driver must be asked."""
        if octets is None:
            return ("334",)
        if self.mechanism == "PLAIN":
            found = re.fullmatch(rb"([^\0]*)\0([^\0]+)\0([^\0]+)", octets)
            if found is None or found[1] not in (b"", found[2]):
                return ("535",)
            return "password", found[2].decode(), found[3].decode()
        if self.mechanism == "LOGIN":
            if self.name is None:
                return ("334",)
            both = self.name + octets
            # SASLprep prohibits control characters (RFC 4013, 2.3)
            is_text = both.isascii() and both.decode("latin-1").isprintable() and self.name and octets
            return ("password", self.name.decode(), octets.decode()) if is_text else ("535",)
        if self.is_proved:
            return ("235",)
        if self.server_first is None:
            return ("keys", "june") if octets == b"n,," + SCRAM_FIRST else ("535",)
        is_right = self.has_keys and octets == scram_final(self.server_first, PASSWORD)
        return ("334", "proved") if is_right else ("535",)


@dataclass
class Chunk:
    """A BDAT whose line has been read; `refusals` are the codes one of which it draws."""

    size: int
    is_last: bool
    refusals: frozenset[int]
    asks: bool


@dataclass
class ServerModel:
    """One session; the first two fields are how it begins."""

    config: ServerConfig
    is_secure: bool
    unread: bytes = b""
    mode: str = "greeting"
    """"line", "response", "content", "chunk" or "closed"."""
    owed: str | None = "greeting"
    to_tell: deque[ServerEvent] = field(default_factory=deque)
    answers: deque[RcptAnswer | Reply | str] = field(default_factory=deque)
    """What the driver has answered and the client has not been told."""
    must_close: bool = False
    is_end_told: bool = False

    is_introduced: bool = False
    enhanced: bool = False
    user: str | None = None
    exchange: Exchange | None = None
    has_sender: bool = False
    is_binary: bool = False
    recipients: int = 0
    took_chunk: bool = False
    """Or the driver has said that it takes them."""
    has_failed: bool = False
    chunk: Chunk | None = None
    chunks: bytes = b""
    content: bytes = b""
    """What the driver was given."""
    refusal: int | None = None
    content_codes: deque[int] = field(default_factory=deque)
    batch: int = 0
    errors: int = 0
    idle: int = 0
    failures: int = 0
    refused: int = 0
    transactions: int = 0

    # What holds now.

    @property
    def mechanisms(self) -> frozenset[str]:
        """Those that send a password in the clear wait for TLS (RFC 4954, 4)."""
        return frozenset(self.config.auth) - (frozenset() if self.is_secure else {"PLAIN", "LOGIN"})

    @property
    def conneg(self) -> str:
        waits = (self.config.conneg_needs_tls and not self.is_secure) or (
            self.config.conneg_needs_auth and self.user is None
        )
        return "off" if waits and self.config.conneg == "on" else self.config.conneg

    @property
    def offered(self) -> frozenset[str]:
        more = {
            "AUTH": bool(self.mechanisms),
            "XCLIENT": self.config.xclient,
            "CONNEG": self.conneg == "on",
        }
        hidden = "STARTTLS" if self.is_secure else "REQUIRETLS"
        return (self.config.extensions - {hidden}) | {keyword for keyword, is_on in more.items() if is_on}

    @property
    def phases(self) -> set[Phase]:
        if self.mode == "closed":
            return {Phase.CLOSED}
        if self.mode == "greeting":
            return {Phase.CONNECTED}
        if self.mode == "content":
            return {Phase.ANSWER if self.owed == "content" else Phase.CONTENT}
        if self.owed == "content":
            return {Phase.ANSWER}
        if self.chunk is not None and not self.chunk.refusals and self.owed is None and not self.answers:
            return {Phase.CHUNK}
        if not self.is_introduced:
            return {Phase.GREETED}
        if not self.has_sender:
            return {Phase.READY}
        if not self.recipients:
            return {Phase.MAIL}
        return {Phase.CHUNKED if self.took_chunk else Phase.RCPT}

    # What is given to it.

    def receive(self, octets: bytes) -> None:
        if self.mode != "closed":
            self.unread += octets

    def close(self) -> None:
        self.mode, self.owed, self.unread, self.chunk = "closed", None, b"", None
        self.must_close = False

    def secured(self) -> None:
        """RFC 3207, 4.2: what was said before, and what has come since, is forgotten."""
        self.owed, self.unread, self.is_secure = None, b"", True
        self._begin_again()

    def for_another(self, config: ServerConfig, reply: Reply) -> None:
        """The driver has answered XCLIENT."""
        self.owed, self.config = None, config
        self.answers.append(reply)

    def _begin_again(self) -> None:
        self.is_introduced, self.enhanced, self.user, self.mode = False, False, None, "line"
        self._end_transaction()

    def _end_transaction(self) -> None:
        self.has_sender = self.is_binary = self.took_chunk = self.has_failed = False
        self.recipients, self.chunks, self.content, self.refusal = 0, b"", b"", None
        self.chunk = None

    def accept_content(self) -> None:
        self.owed, self.content, self.refusal, self.idle = None, b"", None, 0
        if self.chunk is None:
            self.answers.append("accept")
        else:
            self.took_chunk = True

    def refuse_content(self, reply: Reply) -> None:
        self.owed = None
        if self.chunk is None:
            self.answers.append(reply)
        else:
            self.chunk.refusals = frozenset({reply.code})

    def answer_content(self, replies: list[Reply]) -> None:
        self.owed = None
        self._finish([reply.code for reply in replies])

    # The next thing that the client has sent.

    def next_line(self) -> bytes | None:
        line, end, _ = self.unread.partition(b"\r\n")
        return line if end else None

    def _drop_line(self) -> None:
        self.unread = self.unread.partition(b"\r\n")[2]

    @staticmethod
    def verb(line: bytes) -> str:
        return re.split(rb"[ \t]", line, maxsplit=1)[0].decode("latin-1").upper()

    @staticmethod
    def is_bad(line: bytes) -> bool:
        return b"\r" in line or b"\n" in line or len(line) + 2 > MAX_LINE

    def refusals(self, line: bytes) -> frozenset[int]:
        """The codes one of which the server must answer a command with; none if it must be obeyed."""
        if self.is_bad(line):
            return frozenset({500})
        verb = self.verb(line)
        if verb in _IDLE and self.idle >= self.config.max_idle_commands:
            return frozenset({421})
        if verb == "BDAT":
            if "CHUNKING" not in self.offered:
                return frozenset({502})
            return frozenset() if _BDAT.fullmatch(line) else frozenset({501})
        meaning = LINES.get(line)
        if meaning is None:
            assert verb not in {one.verb for one in TABLE}, line
            return frozenset({500, 502})
        codes = set(meaning.wrong)
        if self.config.needs_tls and not self.is_secure and verb not in _BEFORE_TLS:
            codes.add(530)
        codes |= self._order(verb)
        if codes:
            return frozenset(codes | self._parameters(meaning))
        return frozenset(self._parameters(meaning))

    def _order(self, verb: str) -> set[int]:
        is_idle = self.is_introduced and not self.has_sender
        match verb:
            case "EHLO" | "HELO" if self.config.lmtp:
                return {500}  # RFC 2033, 4.1
            case "LHLO" if not self.config.lmtp:
                return {500, 502}
            case "STARTTLS":
                if self.is_secure:
                    return {503, 502}
                if "STARTTLS" not in self.config.extensions:
                    return {502}
                behind = self.unread.partition(b"\r\n")[2]
                return set() if is_idle and not behind else {421} if is_idle else {503}
            case "AUTH":
                if not self.config.auth:
                    return {502}
                return set() if is_idle and self.user is None else {503}
            case "XCLIENT":
                return set() if is_idle and self.config.xclient else {503} if self.config.xclient else {502}
            case "MAIL":
                if not is_idle:
                    return {503}
                if self.config.needs_auth and self.user is None:
                    return {530}
                return {421} if self.transactions >= self.config.max_transactions else set()
            case "RCPT":
                if not self.has_sender or self.took_chunk:
                    return {503}
                return {452} if self.recipients >= self.config.max_recipients else set()
            case "DATA":
                if not self.recipients:
                    return {503, 554}
                return {503} if self.took_chunk or self.has_failed or self.is_binary else set()
            case _:
                return set()

    def _parameters(self, meaning: Line) -> set[int]:
        if meaning.verb == "AUTH" and meaning.argument not in self.mechanisms:
            return {504, 538}
        missing = meaning.needs - self.offered
        codes = {555, 501} if missing else set()
        if meaning.conneg is None:
            return codes
        if self.conneg == "ignorant":
            return codes | {555, 501}
        # draft 4.3: REQUIRED that cannot be served is refused with 504
        is_required = meaning.conneg is ConnegArgument.REQUIRED
        return codes | {504} if self.conneg == "off" and is_required else codes

    def _enter_chunk(self) -> None:
        """RFC 3030, 2: the octets of a chunk follow its line, whatever becomes of it."""
        line = self.next_line() if self.mode == "line" and self.owed is None and not self.answers else None
        if line is None or self.is_bad(line) or self.verb(line) != "BDAT" or self.refusals(line):
            return
        found = _BDAT.fullmatch(line)
        assert found is not None
        self._drop_line()
        refusals: set[int] = set()
        if self.config.needs_tls and not self.is_secure:
            refusals = {530}
        elif not self.recipients:
            refusals = {503, 554} if self.has_sender else {503}
        elif self.has_failed:
            refusals = {503}
        asks = not refusals and not self.took_chunk
        self.chunk = Chunk(int(found[1]), found[2] is not None, frozenset(refusals), asks)
        self.mode = "chunk"

    @property
    def is_endless(self) -> bool:
        return (
            self.chunk is not None
            and self.chunk.size - len(self.unread) > self.config.max_message_octets + MAX_DISCARDED
        )

    def _whole(self) -> tuple[bytes, bytes] | None:
        """The content and what follows it, once all of it has come."""
        if self.chunk is not None:
            size = self.chunk.size
            return (self.unread[:size], self.unread[size:]) if len(self.unread) >= size else None
        if self.unread.startswith(b".\r\n"):
            return b"", self.unread[3:]
        content, end, rest = self.unread.partition(b"\r\n.\r\n")
        return (unstuffed(content + b"\r\n"), rest) if end else None

    def _so_far(self) -> tuple[bytes, bool]:
        """The message's content as far as it has come, and whether it is whole."""
        whole = self._whole()
        if self.chunk is not None:
            octets = self.unread if whole is None else whole[0]
            return self.chunks + octets, whole is not None and self.chunk.is_last
        return (unstuffed(self.unread), False) if whole is None else (whole[0], True)

    def _wrong(self, content: bytes, *, is_whole: bool) -> set[int]:
        codes = {552} if len(content) > self.config.max_message_octets else set()
        if self.config.bare_newlines == "refuse" and not self.is_binary:
            seen = content if is_whole or not content.endswith(b"\r") else content[:-1]
            codes |= {554} if may_hide_an_end(seen) else set()
        return codes

    def _finish(self, codes: list[int]) -> None:
        """All of the content has its replies; in LMTP one for each recipient (RFC 2033, 4.2)."""
        whole = self._whole()
        assert whole is not None, "content answered before it has come"
        self.unread = whole[1]
        self.content_codes.extend(codes)
        self._end_transaction()
        self.mode = "line"

    # What the server does.

    def silent(self) -> None:
        """The server has nothing to say and waits for octets, or for the driver."""
        self._enter_chunk()
        assert not self.to_tell, f"not told: {self.to_tell}"
        assert not self.must_close, "a bound is reached and the session goes on"
        assert not self.content_codes, "a reply to the content is missing"
        if self.mode == "closed":
            assert self.is_end_told
            return
        assert not self.answers, "an answer of the driver was lost"
        if self.owed is not None:
            return
        if self.mode in ("line", "response"):
            assert self.next_line() is None, f"no reply to {self.next_line()!r}"
        elif self._whole() is not None:
            raise AssertionError("no reply to the content")
        elif (self.chunk is None or not self.chunk.refusals) and self.refusal is None:
            so_far, _ = self._so_far()
            assert so_far.startswith(self.content), "the driver was given something else"
            assert len(so_far) - len(self.content) <= 4, "content is kept back"

    def heard(self, said: Said) -> None:
        """One reply."""
        assert self.mode != "closed", f"said after the end: {said}"
        assert not self.to_tell, f"{said} before {self.to_tell} was told"
        self._enter_chunk()
        if self.must_close:
            assert said.code == 421
            self._check_status(said)
            self.close()
            return
        assert self.owed is None, f"{said} while {self.owed} is owed"
        if self.content_codes:
            self._check_status(said)
            assert said.code == self.content_codes.popleft()
            if said.code == 421:
                self.content_codes.clear()
                self.close()
            return
        if self.mode == "greeting":
            assert said.code == 220
            self.mode = "line"
        elif self.mode == "content":
            self._check_status(said)
            self._hear_refused_content(said)
        elif self.mode == "chunk":
            self._check_status(said)
            self._hear_chunk(said)
        elif self.mode == "response":
            self._hear_response(said)
        else:
            self._hear_line(said)

    def _check_status(self, said: Said) -> None:
        """RFC 2034, 4: on every line where it was listed, not else, and never on 3yz and the greeting."""
        if said.code == 220 or said.code // 100 == 3:
            return
        for text in said.text.split("\n"):
            found = _STATUS.match(text)
            assert (found is not None) is self.enhanced, f"enhanced status code: {said}"
            assert found is None or found[1] == str(said.code)[0]

    def _count(self, code: int) -> None:
        self.errors += 500 <= code <= 503
        self.must_close = self.must_close or self.errors > self.config.max_errors

    def _hear_line(self, said: Said) -> None:
        line = self.next_line()
        assert line is not None, f"a reply to nothing: {said}"
        verb = self.verb(line)
        if self.answers and self.batch == 0:
            refusals: frozenset[int] = frozenset()
        else:
            refusals = self.refusals(line)
        # what is said to XCLIENT is the greeting of another client
        if refusals or verb not in ("EHLO", "HELO", "LHLO", "XCLIENT"):
            self._check_status(said)
        if verb in _IDLE and not self.is_bad(line):
            self.idle += 1
        if refusals:
            assert said.code in refusals, f"{line[:60]!r}: {said}, not {set(refusals)}"
            self._drop_line()
            if said.code == 421 or (verb == "BDAT" and said.code == 501):
                self.close()
            else:
                self._count(said.code)
            return
        self._obey(line, verb, said)

    def _obey(self, line: bytes, verb: str, said: Said) -> None:
        if verb == "RCPT":
            self._hear_rcpt(LINES[line], said)
            return
        given = self.answers.popleft() if self.answers else None
        meaning = LINES[line]
        self._drop_line()
        expected = given.code if isinstance(given, Reply) else {"accept": 354, "220": 220}.get(str(given), 0)
        match verb:
            case "EHLO" | "HELO" | "LHLO":
                self._hear_hello(meaning, verb, said)
                expected = 250
            case "RSET":
                expected = 250
                self._end_transaction()
                self.to_tell.append(TransactionReset())
            case "NOOP":
                expected = 250
            case "HELP":
                expected = 214
            case "QUIT":
                expected = 221
                self.close()
            case "STARTTLS":
                expected = 220
                self.to_tell.append(StartTlsCommand())
            case "AUTH":
                expected = self._auth_reply(self._begin_auth(meaning), given, said, meaning.initial)
            case "MAIL" if expected // 100 == 2:
                self.has_sender, self.is_binary = True, meaning.is_binary
            case "XCLIENT":
                self._begin_again()
                if expected != 220:
                    self.close()
            case "DATA" if expected == 354:
                self.mode = "content"
        assert expected, f"{verb} was answered by nobody"
        assert said.code == expected, f"{verb}: {said}, not {expected}"
        if said.code == 421:
            self.close()

    def _hear_hello(self, meaning: Line, verb: str, said: Said) -> None:
        esmtp = verb != "HELO"
        self._end_transaction()
        self.is_introduced = True
        self.enhanced = esmtp and "ENHANCEDSTATUSCODES" in self.offered
        listed = {text.split(" ")[0] for text in said.text.split("\n")[1:]}
        assert listed == (self.offered if esmtp else set()), "what is listed is not what is offered"
        self.to_tell.append(Hello(meaning.argument, esmtp))

    def _hear_rcpt(self, meaning: Line, said: Said) -> None:
        """Draft 4.3: CONNEG lines where they were asked for, and REQUIRED is not accepted without."""
        assert self.answers, "a recipient that the driver was not asked about"
        answer = self.answers.popleft()
        assert isinstance(answer, RcptAnswer)
        self.batch -= 1
        self._drop_line()
        asked = meaning.conneg if self.conneg == "on" else None
        code, capability = answer.reply.code, None
        if asked is not None and answer.reply.is_positive:
            can_be_sent = answer.capability is not None and answer.capability.isascii()
            capability = answer.capability if can_be_sent else None
            if capability is not None:
                code = 250
            elif asked is ConnegArgument.REQUIRED:
                code = 404 if answer.capability is None else 504
        assert said.code == code, f"{meaning.octets!r}: {said}, not {code}"
        texts = [_STATUS.sub("", text, count=1) for text in said.text.split("\n")]
        lines = [text.removeprefix("CONNEG ") for text in texts if text.startswith("CONNEG (")]
        assert "".join(lines).replace(" ", "") == (capability or "").replace(" ", "")
        if said.is_positive:
            self.recipients += 1
            assert self.recipients <= self.config.max_recipients
        elif 550 <= code <= 559:
            self.refused += 1
            self.must_close = self.refused > self.config.max_refused_recipients
        if code == 421:
            self.close()

    def _hear_refused_content(self, said: Said) -> None:
        assert self._whole() is not None, f"{said} before the final dot"
        assert self.refusal is not None, f"content refused for no reason: {said}"
        assert said.code == self.refusal
        count = self.recipients if self.config.lmtp else 1
        self._finish([self.refusal] * (count - 1))

    def _hear_chunk(self, said: Said) -> None:
        assert self.chunk is not None
        if self.is_endless:
            assert said.code == 421
            self.close()
            return
        whole = self._whole()
        assert whole is not None, f"{said} before the end of the chunk"
        is_refused = bool(self.chunk.refusals) or self.refusal is not None
        if self.chunk.refusals:
            assert said.code in self.chunk.refusals, f"BDAT: {said}, not {set(self.chunk.refusals)}"
        elif self.refusal is not None:
            assert said.code == self.refusal
        else:
            assert not self.chunk.is_last, "the last chunk was not given to the driver"
            assert said.code == 250
            assert self.content == self.chunks + whole[0]
        if self.chunk.refusals:
            self._count(said.code)
        if self.chunk.is_last and self.recipients:
            count = self.recipients if self.config.lmtp else 1
            self._finish([said.code] * (0 if self.must_close or said.code == 421 else count - 1))
            if said.code == 421:
                self.close()
            return
        self.has_failed = self.has_sender and (self.has_failed or is_refused)
        self.chunks += b"" if is_refused else whole[0]
        self.unread, self.chunk, self.mode = whole[1], None, "line"
        if said.code == 421:
            self.close()

    # AUTH.

    def _begin_auth(self, meaning: Line) -> tuple[str, ...]:
        if self.exchange is None:
            self.exchange = Exchange(meaning.argument)
        return self.exchange.outcome(meaning.initial)

    def _response(self, line: bytes) -> tuple[str, ...]:
        """What the client's response leads to."""
        assert self.exchange is not None
        if self.is_bad(line):
            return ("500",)
        octets = self._decoded(line)
        return ("501",) if octets is None else self.exchange.outcome(octets)

    @staticmethod
    def _decoded(line: bytes) -> bytes | None:
        try:
            return base64.b64decode(line, validate=True)
        except binascii.Error:
            return None

    def _hear_response(self, said: Said) -> None:
        line = self.next_line()
        assert line is not None, f"a reply to nothing: {said}"
        self._check_status(said)
        given = self.answers.popleft() if self.answers else None
        outcome = self._response(line)
        self._drop_line()
        self.mode = "line"
        expected = self._auth_reply(outcome, given, said, self._decoded(line))
        assert said.code == expected, f"{line[:60]!r}: {said}, not {expected}"

    def _auth_reply(self, outcome: tuple[str, ...], given: object, said: Said, octets: bytes | None) -> int:
        """The code that must come; takes the exchange on."""
        assert self.exchange is not None
        if outcome[0] in ("password", "keys"):
            assert given is not None, "AUTH succeeds or fails without the driver"
            code = {"yes": 235, "no": 535, "later": 454, "keys": 334, "no keys": 334}[str(given)]
            if code == 235:
                self._know(outcome[1])
            if code == 334:
                self.exchange.has_keys = given == "keys"
                self.exchange.server_first = base64.b64decode(said.text)
                assert self.exchange.server_first.startswith(b"r=abc")
        else:
            code = int(outcome[0])
            if code == 235:
                self._know("june")
            elif outcome[1:] == ("proved",):
                self.exchange.is_proved = True
            elif self.exchange.mechanism == "LOGIN" and code == 334 and octets is not None:
                self.exchange.name = octets
        if code == 334:
            assert not said.text or base64.b64decode(said.text, validate=True)
            self.mode = "response"
        else:
            self.exchange = None
            self.failures += code == 535
            self.must_close = code == 535 and self.failures >= self.config.max_auth_failures
        self._count(code)
        return code

    def _know(self, user: str) -> None:
        self.user = user
        self.to_tell.append(Authenticated(user))

    # Events.

    def told(self, event: ServerEvent) -> None:
        """One event."""
        if isinstance(event, SessionEnd):
            assert self.mode == "closed"
            assert not self.is_end_told
            self.is_end_told = True
            return
        assert self.mode != "closed"
        assert self.owed is None, f"{event} while {self.owed} is owed"
        if self.to_tell:
            expected = self.to_tell.popleft()
            assert event == expected, f"{event}, not {expected}"
            self.owed = "tls" if isinstance(event, StartTlsCommand) else None
            return
        assert not self.content_codes
        self._enter_chunk()
        match event:
            case ContentChunk():
                assert self.mode == "content" or (self.chunk is not None and not self.chunk.refusals)
                assert event.octets, "an empty chunk"
                assert self.refusal is None, "content after it was refused"
                self.content += event.octets
                assert len(self.content) <= self.config.max_message_octets
            case ContentRefused():
                so_far, is_whole = self._so_far()
                assert self.refusal is None, "refused twice"
                assert event.reply.code in self._wrong(so_far, is_whole=is_whole), "refused for no reason"
                self.refusal = event.reply.code
            case ContentEnd():
                so_far, is_whole = self._so_far()
                assert is_whole, "the end before the end"
                assert self.refusal is None
                assert not self._wrong(so_far, is_whole=True), f"had to be refused: {so_far!r}"
                assert self.content == so_far, "the driver was given something else"
                self.owed = "content"
            case DataCommand() if self.chunk is not None:
                assert self.chunk.asks
                self.chunk.asks = False
                self.owed = "data"
            case PasswordClaim() | KeysWanted():
                self._ask_for_proof(event)
            case RcptBatch():
                self._ask_for_recipients(event)
            case _:
                self._ask(event)

    def _ask_for_proof(self, event: PasswordClaim | KeysWanted) -> None:
        line = self.next_line()
        assert line is not None
        if self.mode == "response":
            outcome = self._response(line)
        else:
            assert not self.refusals(line), f"{line!r} had to be refused"
            assert self.verb(line) == "AUTH"
            self.exchange = None
            outcome = self._begin_auth(LINES[line])
        if isinstance(event, KeysWanted):
            assert outcome == ("keys", event.username)
            self.owed = "keys"
        else:
            assert outcome == ("password", event.username, event.password)
            self.owed = "password"

    def _ask_for_recipients(self, event: RcptBatch) -> None:
        """Those that have come together, in order; between them stand only RCPT commands that are wrong."""
        rest = self.unread
        for place, command in enumerate(event.commands):
            assert self.recipients + place < self.config.max_recipients
            while True:
                line, end, rest = rest.partition(b"\r\n")
                assert end
                assert line[:5].upper() == b"RCPT "
                if not self.refusals(line):
                    break
            asked = LINES[line].conneg if self.conneg == "on" else None
            assert (command.forward_path, command.conneg) == (LINES[line].argument, asked)
        assert event.commands
        self.owed, self.batch = "rcpt", len(event.commands)

    def _ask(self, event: ServerEvent) -> None:
        line = self.next_line()
        assert line is not None, f"{event} of nothing"
        assert self.mode == "line"
        assert not self.refusals(line), f"{line!r} had to be refused"
        verb, meaning = self.verb(line), LINES[line]
        match event:
            case MailCommand():
                assert (verb, event.reverse_path) == ("MAIL", meaning.argument)
                assert (event.body == "BINARYMIME") is meaning.is_binary
                self.transactions += 1
            case DataCommand():
                assert verb == "DATA"
            case VrfyCommand():
                assert (verb, event.argument) == ("VRFY", meaning.argument)
            case XclientCommand():
                assert (verb, event.attributes["ADDR"]) == ("XCLIENT", meaning.argument)
            case _:
                raise AssertionError(f"{event} out of place")
        self.owed = verb.lower()
