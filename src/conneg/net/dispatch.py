"""What a connection's handler is asked and what its answers do: the events of one session, one after the other.

A handler that raises is answered for: 451, and nothing is accepted.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from conneg.errors import TemporaryError
from conneg.net.handler import Authenticator, MessageSink, Peer, SessionInfo, SmtpHandler
from conneg.smtp import (
    Authenticated,
    ContentChunk,
    ContentEnd,
    ContentRefused,
    DataCommand,
    Hello,
    KeysWanted,
    MailCommand,
    PasswordClaim,
    RcptAnswer,
    RcptBatch,
    Reply,
    ServerConfig,
    ServerEvent,
    ServerSession,
    SessionEnd,
    StartTlsCommand,
    TransactionReset,
    VrfyCommand,
    XclientCommand,
)

_FAULT = Reply(451, ("local error; try again later",), "4.3.0")
_BROKEN = Reply(421, ("local error; the connection is closed",), "4.3.0")


@dataclass(frozen=True, slots=True)
class Opening:
    """The connection is there; wants a greeting."""


Event = ServerEvent | Opening
Pending = tuple[Event, Awaitable[Any]]


class Dispatch:
    """Between a session's core and its handler.

    `info` is what the handler is told; `content_at` when the content began, in the loop's time; `is_served` whether the
    handler took the connection and must be told of its end.
    """

    def __init__(
        self,
        handler: SmtpHandler,
        session: ServerSession,
        source: object,
        *,
        flush: Callable[[], None],
        config_for: Callable[[Peer], ServerConfig],
        authenticator: Authenticator | None,
    ) -> None:
        """`source` is named to the event loop's exception handler when the handler raises; `flush` sends what there is
        to send; `config_for` says what holds for the client that a proxy speaks for.
        """
        self._handler = handler
        self._session = session
        self._source = source
        self._flush = flush
        self._config_for = config_for
        self._authenticator = authenticator
        self._loop = asyncio.get_running_loop()
        self._sink: MessageSink | None = None
        self.info = SessionInfo(Peer("", 0))
        self.content_at = 0.0
        self.is_served = False

    def take(self, event: Event) -> Pending | None:
        """Bring one event to the handler and its plain answer back; return both if the answer is to be awaited."""
        try:
            result = self._ask(event)
        except Exception as error:
            self.fail(event, error)
            return None
        if result is not None:
            if hasattr(result, "__await__"):
                return event, result
            if isinstance(event, RcptBatch) and hasattr(result, "__aiter__"):
                return event, self._answer_one_by_one(event, result)
        self.use(event, result)
        return None

    def _ask(self, event: Event) -> Any:
        """Call the handler or the sink; the most frequent events come first."""
        match event:
            case ContentChunk():
                return None if self._sink is None else self._sink.write(event.octets)
            case MailCommand():
                return self._handler.mail(self.info, event)
            case RcptBatch():
                return self._handler.rcpt(self.info, event.commands)
            case DataCommand():
                return self._handler.data(self.info)
            case ContentEnd():
                return None if self._sink is None else self._sink.finish()
            case TransactionReset():
                return self._handler.reset(self.info)
            case Hello():
                self.info.helo, self.info.esmtp = event.name, event.esmtp
                return None if self.info.transaction is None else self._handler.reset(self.info)
            case ContentRefused():
                return self.forget_content()
            case VrfyCommand():
                return self._handler.vrfy(self.info, event.argument)
            case Opening():
                return self._handler.connect(self.info.peer)
            case XclientCommand():
                return self._handler.connect(self._change_peer(event))
            case PasswordClaim():
                return self._check_password(event)
            case KeysWanted():
                return self._find_keys(event)
            case Authenticated():
                self.info.username = event.username
                return None
            case SessionEnd() | StartTlsCommand():
                return None
            case _:
                assert_never(event)

    def use(self, event: Event, result: Any) -> None:
        """Give the handler's answer to the core; one that cannot be given ends the session."""
        try:
            self._answer(event, result)
        except Exception as error:
            self.report(type(event).__name__, error)
            self._session.close(_BROKEN)

    def _answer(self, event: Event, result: Any) -> None:
        """Give the core its answer; the most frequent events come first."""
        session, info = self._session, self.info
        match event:
            case ContentChunk():
                pass
            case MailCommand():
                info.recipients = []
                session.answer_mail(result)
            case RcptBatch():
                if result is not None:
                    if len(result) != session.rcpts_owed:
                        raise ValueError(f"{len(result)} answers to {session.rcpts_owed} RCPT commands")
                    self._answer_rcpts(event, result)
            case DataCommand():
                if isinstance(result, Reply):
                    session.refuse_content(result)
                else:
                    self._sink = result
                    self.content_at = self._loop.time()
                    session.accept_content()
            case ContentEnd():
                self._sink = None
                info.transaction = None
                session.answer_content(result)
            case TransactionReset() | Hello():
                info.transaction = None
                info.recipients = []
            case VrfyCommand():
                session.answer_vrfy(result)
            case Opening():
                self.is_served = result is None
                session.greet(result)
            case XclientCommand():
                self.is_served = result is None
                session.answer_xclient(self._config_for(info.peer), result)
            case PasswordClaim() | KeysWanted():
                pass  # answered where it was found out
            case ContentRefused() | SessionEnd() | StartTlsCommand() | Authenticated():
                pass
            case _:
                assert_never(event)

    def _answer_rcpts(self, event: RcptBatch, answers: Sequence[RcptAnswer]) -> None:
        commands = event.commands[len(event.commands) - self._session.rcpts_owed :]
        accepted = self._session.answer_rcpts(answers)
        self.info.recipients += [
            command.forward_path for command, taken in zip(commands, accepted, strict=False) if taken
        ]

    async def _answer_one_by_one(self, event: RcptBatch, answers: AsyncIterator[RcptAnswer]) -> None:
        """Send each answer when it is there. Raises what the handler raises, and ValueError for too few of them."""
        async for answer in answers:
            self._answer_rcpts(event, [answer])
            self._flush()
            if not self._session.rcpts_owed:
                return
        if self._session.rcpts_owed:
            raise ValueError(f"{self._session.rcpts_owed} RCPT commands without an answer")

    def _change_peer(self, event: XclientCommand) -> Peer:
        """Take the client that a proxy speaks for as the peer of the session."""
        attributes, info = event.attributes, self.info
        if attributes.get("ADDR"):
            info.peer = Peer(attributes["ADDR"], int(attributes.get("PORT") or 0))
        info.username = attributes.get("LOGIN") or None
        info.transaction, info.recipients = None, []
        return info.peer

    async def _check_password(self, claim: PasswordClaim) -> None:
        try:
            if self._authenticator is None:
                raise TemporaryError("there is nobody to ask")
            is_right = await self._authenticator.check_password(claim.username, claim.password)
        except TemporaryError as error:
            self.report("authentication", error)
            self._session.answer_password(None)
        else:
            self._session.answer_password(is_right)

    async def _find_keys(self, wanted: KeysWanted) -> None:
        try:
            if self._authenticator is None:
                raise TemporaryError("there is nobody to ask")
            keys = await self._authenticator.scram_keys(wanted.username)
        except TemporaryError as error:
            self.report("authentication", error)
            self._session.answer_keys(None, is_available=False)
        else:
            self._session.answer_keys(keys)

    def fail(self, event: Event, error: Exception) -> None:
        """Answer in the place of a handler that raised: 451, and nothing is accepted."""
        self.report(type(event).__name__, error)
        match event:
            case RcptBatch():
                self.use(event, [RcptAnswer(_FAULT)] * self._session.rcpts_owed)
            case ContentChunk():
                self.forget_content()
                self._session.abandon_content(_FAULT)
            case ContentEnd():
                sink = self._sink
                self.use(event, _FAULT)
                self._sink = sink
                self.forget_content()
            case Opening() | XclientCommand():
                self.use(event, _BROKEN)
            case PasswordClaim():
                self._session.answer_password(None)
            case KeysWanted():
                self._session.answer_keys(None, is_available=False)
            case MailCommand() | DataCommand() | VrfyCommand():
                self.use(event, _FAULT)
            case _:
                self.use(event, None)

    def forget_content(self) -> None:
        """Abort the sink, if a message was coming."""
        sink, self._sink = self._sink, None
        if sink is None:
            return
        try:
            sink.abort()
        except Exception as error:
            self.report("abort", error)

    def report(self, what: str, error: Exception) -> None:
        """Hand a handler's exception to the event loop's exception handler, which logs it."""
        self._loop.call_exception_handler(
            {
                "message": f"the SMTP handler failed at {what} ({self.info.peer})",
                "exception": error,
                "protocol": self._source,
            }
        )
