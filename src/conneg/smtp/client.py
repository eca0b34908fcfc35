"""The client's side of a session, sans-IO: commands out, replies in, events out.

`next_event` gives one event for each thing asked for: `SessionReady` (asked for by being there), then whatever
`open_transaction`, `send_data`, `send_content` ... `end_content`, `reset` and `quit` lead to. One thing at a time:
`LocalProtocolError` if the one before has not been answered. Replies are matched with commands by counting
(RFC 2920, 3.1), so a reply too many or out of place ends the session with `RemoteProtocolError`.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import assert_never

from conneg.errors import TemporaryError
from conneg.smtp.asking import Asking, within_offer
from conneg.smtp.command import EnvelopeSyntaxError, RcptRequest, write_mail
from conneg.smtp.config import ClientConfig
from conneg.smtp.credentials import GIVE_UP, Credentials
from conneg.smtp.events import (
    AuthAnswered,
    ChunkAnswered,
    ClientEvent,
    CommandAnswered,
    ContentAnswered,
    DataAnswered,
    SessionReady,
    SessionRefused,
    StartTlsAnswered,
)
from conneg.smtp.extension import read_limits, read_listing
from conneg.smtp.opening import Opening
from conneg.smtp.outgoing import OutgoingContent
from conneg.smtp.reply import RemoteProtocolError, Reply, ReplyReader, Verdict
from conneg.smtp.states import IN_TRANSACTION, TABLE, LocalProtocolError, Phase, Step


class SessionEndedError(TemporaryError):
    """The server has ended the session, by closing the connection or with 421."""


class _Awaited(Enum):
    """What the next reply answers."""

    GREETING = "greeting"
    EHLO = "EHLO"
    HELO = "HELO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "content"
    CHUNK = "BDAT"
    AUTH = "AUTH"
    STARTTLS = "STARTTLS"
    OTHER = "another command"
    QUIT = "QUIT"


class ClientSession:
    """One session. `phase` and `extensions` may be looked at; nothing but the methods changes them."""

    def __init__(self, config: ClientConfig) -> None:
        self.config = config
        self.phase = Phase.CONNECTED
        self.extensions: Mapping[str, str] = {}
        self._replies = ReplyReader()
        self._out: list[bytes] = []
        self._awaited: deque[_Awaited] = deque([_Awaited.GREETING])
        self._greeting: Reply | None = None
        self._answered = 0
        self._opening = Opening((), pipelining=False)
        self._content = OutgoingContent(config.bare_newlines)
        self._credentials: Credentials | None = None
        self._authenticated: Reply | None = None
        self._is_known = False
        self._waits_for_tls = False
        self.is_secure = False
        self._content_replies: list[Reply] = []
        self._sent_lines: list[str] = []
        self._received_lines: list[str] = []

    # What the driver does with the octets.

    def receive_data(self, data: bytes) -> None:
        """Take octets from the server; after the end of the session they are dropped."""
        if self.phase is not Phase.CLOSED:
            self._replies.receive(data)

    def receive_eof(self) -> None:
        """The server has closed the connection. Raises `SessionEndedError` if an answer was still to come."""
        was = self.phase
        self.phase = Phase.CLOSED
        if self._awaited and was is not Phase.CLOSED:
            raise SessionEndedError(
                f"the server closed the connection instead of answering {self._awaited[0].value}"
            )

    def data_to_send(self) -> bytes:
        """Return the octets to send now, and forget them."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def dialogue(self) -> tuple[list[str], list[str]]:
        """Return the command lines sent and the reply lines received since the last call, for a transcript."""
        lines = self._sent_lines, self._received_lines
        self._sent_lines, self._received_lines = [], []
        return lines

    @property
    def awaited(self) -> int:
        """How many replies are still to come, as far as is known now."""
        return len(self._awaited)

    @property
    def answered(self) -> int:
        """How many replies have come in this session; a driver's deadlines go by it."""
        return self._answered

    @property
    def backlog(self) -> int:
        """The number of octets that have been received and not yet read."""
        return self._replies.backlog

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open that RSET would end."""
        return self.phase in IN_TRANSACTION

    @property
    def accepted(self) -> int:
        """How many recipients the present transaction has."""
        return self._opening.accepted

    def supports(self, keyword: str) -> bool:
        """Whether the server lists this extension in the present session."""
        return keyword.upper() in self.extensions

    @property
    def is_binary(self) -> bool:
        """Whether the present transaction was opened with BODY=BINARYMIME."""
        return self._content.is_binary

    @property
    def limits(self) -> Mapping[str, int]:
        """What the server's LIMITS say: RCPTMAX, MAILMAX, RCPTDOMAINMAX (RFC 9422, 4)."""
        return read_limits(self.extensions.get("LIMITS", ""))

    def next_event(self) -> ClientEvent | None:
        """Return the next event, or None for "more octets needed".

        Raises `RemoteProtocolError` for what is no reply, or one that no command is waiting for.
        """
        while self.phase is not Phase.CLOSED:
            awaited = self._awaited[0] if self._awaited else None
            plain = awaited in (_Awaited.GREETING, _Awaited.EHLO, _Awaited.HELO)
            try:
                reply = self._replies.next_reply(enhanced=not plain)
            except RemoteProtocolError:
                self.phase = Phase.CLOSED
                raise
            if reply is None:
                return None
            self._answered += 1
            self._received_lines.extend(self._replies.last_lines)
            event = self._take(awaited, reply)
            if event is not None:
                return event
        return None

    # What the caller may ask for.

    def open_transaction(
        self,
        reverse_path: str,
        requests: Sequence[RcptRequest],
        *,
        size: int | None = None,
        body: str | None = None,
        ret: str | None = None,
        envid: str | None = None,
        smtputf8: bool = False,
        requiretls: bool = False,
        with_data: bool = False,
    ) -> None:
        """Send MAIL and RCPTs, in one go where PIPELINING is offered; leads to `TransactionOpened`.

        A parameter whose extension the server does not list is left out (RFC 5321, 4.1.1.3), but for CONNEG=REQUIRED,
        whose recipient then fails here, as if by 504. With `with_data` DATA goes in the same group (RFC 2920, 3.1) and
        `DataAnswered` follows; not where CONNEG is asked, since the content depends on the answers. Raises, before
        anything is sent, `conneg.smtp.command.EnvelopeSyntaxError`, and `LocalProtocolError` if a transaction is open.
        """
        self._begin(Step.MAIL)
        if not requests:
            raise EnvelopeSyntaxError("a transaction without recipients")
        pipelining = self.supports("PIPELINING")
        if with_data and not (pipelining and all(request.conneg is None for request in requests)):
            raise LocalProtocolError(
                "DATA can go with RCPT only where PIPELINING is offered, and without CONNEG"
            )
        recipients = [Asking(self._within_offer(r), self.extensions, self.config.dialect) for r in requests]
        wanted = {
            "SIZE": None if size is None else str(size),
            "BODY": body,
            "RET": ret,
            "ENVID": envid,
            "SMTPUTF8": "" if smtputf8 else None,
            "REQUIRETLS": "" if requiretls else None,
        }
        line = write_mail(reverse_path, within_offer(wanted, self.extensions))
        for recipient in recipients:
            recipient.command()  # whatever cannot be written is found before anything is sent
        self._content = OutgoingContent(self.config.bare_newlines, is_binary=body == "BINARYMIME")
        self._opening = Opening(recipients, pipelining=pipelining)
        self._send(line, _Awaited.MAIL)
        self._send_recipients()
        if with_data:
            self._send("DATA", _Awaited.DATA)

    def send_data(self) -> None:
        """Send DATA; leads to `DataAnswered`. Not before all replies to RCPT are read: the content depends on them."""
        self._begin(Step.DATA)
        self._send("DATA", _Awaited.DATA)

    def send_content(self, chunk: bytes) -> None:
        """Send a piece of the content, after 354; its dots are stuffed here. Raises `conneg.smtp.BareNewlineError`."""
        if self.phase is not Phase.CONTENT:
            raise LocalProtocolError("content can be sent only after 354")
        self._out.append(self._content.stuffed(chunk))

    def end_content(self) -> None:
        """Send the final dot; leads to `ContentAnswered`."""
        if self.phase is not Phase.CONTENT:
            raise LocalProtocolError("content can be ended only after 354")
        self._out.append(self._content.finish())
        self.phase = TABLE[self.phase][Step.DOT]
        self._await_content()

    def check_content(self) -> None:
        """Raise `LocalProtocolError` if no content can be sent now."""
        self._begin(Step.DATA)

    def send_chunk(self, chunk: bytes, *, is_last: bool) -> None:
        """Send a piece of the content by BDAT (RFC 3030, 2); leads to `ChunkAnswered`, the last to `ContentAnswered`.

        Not before all replies to RCPT are read. But for BODY=BINARYMIME the content gets the CRLF at its end that it
        may lack, as by DATA, and a bare CR or LF raises `conneg.smtp.BareNewlineError`. `LocalProtocolError` where
        CHUNKING is not listed, and after a chunk that was refused: RSET must come then.
        """
        self._begin(Step.BDAT)
        if not self.supports("CHUNKING") or self._content.has_failed:
            raise LocalProtocolError("the server takes no chunk")
        octets = self._content.chunk(chunk, is_last=is_last)
        self.phase = TABLE[self.phase][Step.BDAT]
        self._send(f"BDAT {len(octets)}{' LAST' if is_last else ''}", _Awaited.CHUNK)
        self._out.append(octets)
        if is_last:
            self._awaited.pop()
            self.phase = TABLE[self.phase][Step.LAST]
            self._await_content()

    def _await_content(self) -> None:
        self._content_replies = []
        # in LMTP a reply for each recipient; where there is none, one that says so (RFC 2033, 4.2)
        count = max(1, self._opening.accepted) if self.config.lmtp else 1
        self._awaited.extend([_Awaited.CONTENT] * count)

    def authenticate(self, username: str, password: str) -> None:
        """Send AUTH with the best mechanism that the server offers; leads to `AuthAnswered`.

        Without TLS no password is sent in the clear. After success EHLO is sent again: a server may offer CONNEG, or
        anything else, only to those it knows. Raises `LocalProtocolError` if no mechanism is left, and after success.
        """
        self._begin(Step.AUTH)
        if self._is_known:
            raise LocalProtocolError("AUTH comes no more after it has succeeded")  # RFC 4954, 4
        offered = self.extensions.get("AUTH", "").upper().split()
        self._credentials = Credentials(offered, username, password, is_secure=self.is_secure)
        self._send_secret(*self._credentials.begin())

    def reset(self) -> None:
        """Send RSET; leads to `CommandAnswered`. What was learned of recipients in the transaction is void."""
        self._begin(Step.RESET)
        self._send("RSET", _Awaited.OTHER)

    def starttls(self) -> None:
        """Send STARTTLS; leads to `StartTlsAnswered`. After 220 TLS is to be begun, and `secured` called.

        Raises `LocalProtocolError` under TLS (RFC 3207, 4.2), and where it is not listed.
        """
        self._begin(Step.STARTTLS)
        if self.is_secure or not self.supports("STARTTLS"):
            raise LocalProtocolError("TLS is there already, or STARTTLS is not listed")
        self._send("STARTTLS", _Awaited.STARTTLS)

    def secured(self) -> None:
        """Go on under TLS: what the server said before is forgotten, and EHLO is sent; leads to `SessionReady`.

        Raises `RemoteProtocolError` if the server has said anything since its 220: it was not said under TLS, or not by
        a server of SMTP (RFC 3207, 4.2).
        """
        if not self._waits_for_tls or self.phase is Phase.CLOSED:
            raise LocalProtocolError("TLS can begin only after 220 to STARTTLS")
        self._waits_for_tls = False
        self._refuse_what_is_behind()
        self.is_secure = True
        self._say_hello()

    def quit(self) -> None:
        """Send QUIT; leads to `CommandAnswered`, after which the session is closed."""
        self._begin(Step.QUIT)
        self._send("QUIT", _Awaited.QUIT)

    # The rest is private.

    def _begin(self, step: Step) -> None:
        if self._awaited:
            raise LocalProtocolError(
                f"{step.value} cannot come now: the reply to {self._awaited[0].value} has not"
            )
        if self._waits_for_tls:
            raise LocalProtocolError(f"{step.value} cannot come now: TLS has not")
        if step not in TABLE[self.phase]:
            raise LocalProtocolError(f"{step.value} cannot come in phase {self.phase.value}")

    def _send(self, line: str, awaited: _Awaited) -> None:
        self._sent_lines.append(line)
        self._out.append(f"{line}\r\n".encode())
        self._awaited.append(awaited)

    def _send_secret(self, line: str, secret: str) -> None:
        """Send a line whose end stands in no transcript."""
        self._sent_lines.append(f"{line} ***" if secret else line)
        self._out.append(f"{line}{secret}\r\n".encode())
        self._awaited.append(_Awaited.AUTH)

    def _take(self, awaited: _Awaited | None, reply: Reply) -> ClientEvent | None:
        """Act on one reply; an event when what was asked for is complete."""
        if awaited is None:
            self.phase = Phase.CLOSED
            if reply.code == 421:
                raise SessionEndedError(f"the server ended the session: {reply}")
            raise RemoteProtocolError(f"a reply that no command is waiting for: {reply}")
        self._awaited.popleft()
        event: ClientEvent | None
        match awaited:
            case _Awaited.GREETING:
                event = self._take_greeting(reply)
            case _Awaited.EHLO | _Awaited.HELO:
                event = self._take_hello(awaited, reply)
            case _Awaited.MAIL:
                event = self._take_mail(reply)
            case _Awaited.RCPT:
                event = self._take_rcpt(reply)
            case _Awaited.DATA:
                event = self._take_data(reply)
            case _Awaited.CONTENT:
                event = self._take_content(reply)
            case _Awaited.CHUNK:
                self.phase = TABLE[self.phase][Step.CHUNK]
                self._content.has_failed = not reply.is_positive
                event = ChunkAnswered(reply)
            case _Awaited.AUTH:
                event = self._take_auth(reply)
            case _Awaited.STARTTLS:
                event = self._take_starttls(reply)
            case _Awaited.OTHER:
                if reply.is_positive:
                    self.phase = TABLE[self.phase][Step.RESET]
                event = CommandAnswered(reply)
            case _Awaited.QUIT:
                self.phase = Phase.CLOSED
                event = CommandAnswered(reply)
            case _:
                assert_never(awaited)
        if reply.code == 421 and self.phase is not Phase.CLOSED:
            self.phase = Phase.CLOSED
            if event is None:
                raise SessionEndedError(f"the server ended the session: {reply}")
        return event

    def _take_greeting(self, reply: Reply) -> ClientEvent | None:
        if not reply.is_positive:
            self.phase = Phase.CLOSED
            return SessionRefused(reply)
        self.phase = TABLE[self.phase][Step.GREET]
        self._greeting = reply
        self._say_hello()
        return None

    def _say_hello(self) -> None:
        self._send(f"{'LHLO' if self.config.lmtp else 'EHLO'} {self.config.helo}", _Awaited.EHLO)

    def _take_hello(self, awaited: _Awaited, reply: Reply) -> ClientEvent | None:
        if self._authenticated is not None:
            authenticated, self._authenticated = self._authenticated, None
            if reply.is_positive:
                self.extensions = read_listing(reply.lines[1:])
            return AuthAnswered(authenticated)
        if reply.is_positive and self._greeting is not None:
            self.phase = TABLE[self.phase][Step.HELLO]
            # The reply to HELO has no keywords, and a new reply to EHLO replaces what was known (RFC 5321, 4.1.4).
            self.extensions = read_listing(reply.lines[1:]) if awaited is _Awaited.EHLO else {}
            return SessionReady(self._greeting, reply, self.extensions)
        if awaited is _Awaited.EHLO and reply.verdict is Verdict.PERMANENT and not self.config.lmtp:
            self._send(f"HELO {self.config.helo}", _Awaited.HELO)  # RFC 5321, 3.2
            return None
        self.phase = Phase.CLOSED
        return SessionRefused(reply)

    def _take_starttls(self, reply: Reply) -> ClientEvent:
        if reply.is_positive:
            self.phase = TABLE[self.phase][Step.STARTTLS]
            self.extensions = {}
            self._is_known = False
            self._waits_for_tls = True
            self._refuse_what_is_behind()
        return StartTlsAnswered(reply)

    def _take_auth(self, reply: Reply) -> ClientEvent | None:
        """Answer a challenge, or be done; after success everything that EHLO lists is asked for anew."""
        if self._credentials is None:
            return AuthAnswered(reply)
        try:
            response = self._credentials.answer(reply)
        except RemoteProtocolError:
            self.phase = Phase.CLOSED
            raise
        if response is not None:
            self._send_secret(*((response, "") if response == GIVE_UP else ("", response)))
            return None
        self._credentials = None
        if not reply.is_positive:
            return AuthAnswered(reply)
        self._authenticated, self._is_known = reply, True
        self._say_hello()
        return None

    def _refuse_what_is_behind(self) -> None:
        """What stands behind the 220 was not said under TLS: somebody in between may have put it in."""
        if self._replies.backlog:
            self.phase = Phase.CLOSED
            raise RemoteProtocolError("the server sent something between its reply to STARTTLS and TLS")

    def _take_mail(self, reply: Reply) -> ClientEvent | None:
        self._opening.take_mail(reply)
        if reply.is_positive:
            self.phase = TABLE[self.phase][Step.MAIL]
        return self._opened()

    def _take_rcpt(self, reply: Reply) -> ClientEvent | None:
        if self._opening.take_rcpt(reply):
            self.phase = TABLE[self.phase][Step.RCPT]
        return self._opened()

    def _opened(self) -> ClientEvent | None:
        """Return the event when the last reply has come; else send what is left to send."""
        self._send_recipients()
        return self._opening.opened

    def _send_recipients(self) -> None:
        for line in self._opening.commands():
            self._send(line, _Awaited.RCPT)

    def _take_data(self, reply: Reply) -> ClientEvent:
        if reply.code // 100 == 3:
            # a server may say 354 although it has taken no recipient, if DATA came with them (RFC 2920, 3.1)
            self.phase = Phase.CONTENT
        return DataAnswered(reply)

    def _take_content(self, reply: Reply) -> ClientEvent | None:
        self._content_replies.append(reply)
        if self._awaited:
            return None
        self.phase = TABLE[self.phase][Step.ANSWER]
        return ContentAnswered(tuple(self._content_replies))

    def _within_offer(self, request: RcptRequest) -> RcptRequest:
        if self.supports("DSN") or (request.notify is None and request.orcpt is None):
            return request
        return replace(request, notify=None, orcpt=None)
