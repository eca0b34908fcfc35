"""What a connection's handler is asked and what its answers do: the events of one session, one after the other.

A handler that raises is answered for: 451, and nothing is accepted.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, assert_never

from conneg.net.handler import MessageSink, Peer, SessionInfo, SmtpHandler
from conneg.smtp import (
    ContentChunk,
    ContentEnd,
    ContentRefused,
    DataCommand,
    Hello,
    MailCommand,
    RcptAnswer,
    RcptBatch,
    Reply,
    ServerEvent,
    ServerSession,
    SessionEnd,
    StartTlsCommand,
    TransactionReset,
    VrfyCommand,
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

    def __init__(self, handler: SmtpHandler, session: ServerSession, source: object) -> None:
        """`source` is named to the event loop's exception handler when the handler raises."""
        self._handler = handler
        self._session = session
        self._source = source
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
        if result is not None and hasattr(result, "__await__"):
            return event, result
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
        session, info = self._session, self.info
        match event:
            case ContentChunk() | ContentRefused() | SessionEnd() | StartTlsCommand():
                pass
            case MailCommand():
                info.recipients = []
                session.answer_mail(result)
            case RcptBatch():
                accepted = session.answer_rcpts(result)
                info.recipients += [
                    command.forward_path
                    for command, taken in zip(event.commands, accepted, strict=False)
                    if taken
                ]
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
            case _:
                assert_never(event)

    def fail(self, event: Event, error: Exception) -> None:
        """Answer in the place of a handler that raised: 451, and nothing is accepted."""
        self.report(type(event).__name__, error)
        match event:
            case RcptBatch():
                self.use(event, [RcptAnswer(_FAULT)] * len(event.commands))
            case ContentChunk():
                self.forget_content()
                self._session.abandon_content(_FAULT)
            case ContentEnd():
                sink = self._sink
                self.use(event, _FAULT)
                self._sink = sink
                self.forget_content()
            case Opening():
                self.use(event, _BROKEN)
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
