"""One connection of a listener: octets to the session core, its events to the handler, the answers back.

An `asyncio.Protocol`, not streams: what a handler answers plainly is answered within `data_received`, with no task and
no trip around the event loop. Only what is awaited runs in a task, which then goes on with the events that follow.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, assert_never, cast

from conneg.bounds import Bound
from conneg.net.handler import MessageSink, Peer, SessionInfo, SmtpHandler
from conneg.smtp import (
    ContentChunk,
    ContentEnd,
    ContentRefused,
    DataCommand,
    Hello,
    MailCommand,
    Phase,
    RcptAnswer,
    RcptBatch,
    Reply,
    ServerConfig,
    ServerEvent,
    ServerSession,
    SessionEnd,
    TransactionReset,
    VrfyCommand,
)

MAX_BACKLOG = Bound(
    name="net.backlog",
    value=64 * 1024,
    unit="octets received while the handler is at work",
    reason="a client may pipeline, but not without end",
    answer="the connection is not read until the handler is done",
)
LINGER = Bound(
    name="net.linger",
    value=10,
    unit="seconds to send the last reply",
    reason="a client that does not read would keep the connection for ever",
    answer="the connection is cut",
)

_FAULT = Reply(451, ("local error; try again later",), "4.3.0")
_BROKEN = Reply(421, ("local error; the connection is closed",), "4.3.0")
_TOO_SLOW = Reply(421, ("timeout; the connection is closed",), "4.4.2")
_CLOSING = Reply(421, ("the server is shutting down",), "4.3.2")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: `command` for the next command to come whole, `data` for the next octets of a message, `message` for
    all of it.
    """

    command: float
    data: float
    message: float

    @property
    def shortest(self) -> float:
        """The shortest of them: none is missed if time is looked at so often."""
        return min(self.command, self.data, self.message)


@dataclass(frozen=True, slots=True)
class _Opening:
    """The connection is there; wants a greeting."""


_Event = ServerEvent | _Opening
_Pending = tuple[_Event, Awaitable[Any]]


class Connection(asyncio.Protocol):
    """A connection from its first octet to its end.

    `admit` says whether there is room for it (a reply if not); `on_lost` is called once, when it is over.
    """

    def __init__(
        self,
        handler: SmtpHandler,
        config: ServerConfig,
        timing: Timing,
        *,
        admit: "Callable[[Connection], Reply | None]",
        on_lost: "Callable[[Connection], None]",
    ) -> None:
        self._handler = handler
        self._session = ServerSession(config)
        self._timing = timing
        self._admit = admit
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sink: MessageSink | None = None
        self._replied_at = self._received_at = self._content_at = 0.0
        self._reading_paused = self._writing_paused = False
        self._connected = self._served = self._stopping = self._got_eof = False
        self.info = SessionInfo(Peer("", 0))

    @property
    def backlog(self) -> int:
        """The octets that have come and wait for the handler."""
        return self._session.backlog

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask whether there is room, then the handler, then greet."""
        self._transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        self.info = SessionInfo(
            Peer(str(name[0]), int(name[1])) if isinstance(name, tuple) else Peer("local", 0)
        )
        self._connected = True
        self._replied_at = self._received_at = self._loop.time()
        refusal = self._admit(self)
        if refusal is not None:
            self._session.greet(refusal)
            self._settle()
            return
        self._timer = self._loop.call_later(self._timing.shortest, self._check_time)
        self._pump(_Opening())

    def data_received(self, data: bytes) -> None:
        """Take octets; while the handler is at work they wait."""
        self._received_at = self._loop.time()
        self._session.receive_data(data)
        if self._task is None and not self._writing_paused:
            self._pump()
        elif self._session.backlog > MAX_BACKLOG.value and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Keep our side open while an answer is still due."""
        self._got_eof = True
        return self._task is not None

    def pause_writing(self) -> None:
        """The client does not read our replies: make no more of them."""
        self._writing_paused = True
        if not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writing_paused = False
        if self._task is None and self._connected:
            self._pump()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the message that was coming; what the handler is doing it may finish."""
        self._connected = False
        if self._timer is not None:
            self._timer.cancel()
        if self._task is None:
            self._end()

    # Called by the listener.

    def stop(self) -> None:
        """Say 421 as soon as no transaction is in hand."""
        self._stopping = True
        if self._task is None:
            self._settle()

    def abort(self) -> None:
        """Close at once; what the handler is doing is cancelled."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    # The rest is private.

    def _pump(self, first: _Opening | None = None) -> None:
        """Take events until the core has none, or a task is needed to wait for the handler."""
        pending = self._advance() if first is None else self._take(first)
        if pending is not None:
            self._task = self._loop.create_task(self._run(*pending))
        self._settle()

    def _advance(self) -> _Pending | None:
        """Take events until the core has none, or one of them has to be waited for: that one is returned."""
        session = self._session
        while not (self._stopping and not session.in_transaction):
            event = session.next_event()
            if event is None:
                break
            pending = self._take(event)
            if pending is not None:
                return pending
        return None

    async def _run(self, event: _Event, awaitable: Awaitable[Any]) -> None:
        """Wait for the handler, and go on with what follows; replies leave before each wait."""
        try:
            while True:
                try:
                    result = await awaitable
                except Exception as error:  # whatever a handler raises must not take the connection with it
                    self._fail(event, error)
                else:
                    self._use(event, result)
                pending = self._advance() if self._connected else None
                if pending is None:
                    return
                event, awaitable = pending
                self._settle()
        finally:
            self._task = None
            self._settle()
            if not self._connected:
                self._end()

    def _settle(self) -> None:
        """Send what there is to send; when nobody is at work, see to closing, stopping and reading."""
        data = self._session.data_to_send()
        if not self._connected:
            return
        if data:
            self._transport.write(data)
            self._replied_at = self._loop.time()
        if self._task is not None:
            return
        if self._stopping and not self._session.in_transaction and self._session.phase is not Phase.CLOSED:
            self._session.close(_CLOSING)
            self._transport.write(self._session.data_to_send())
        if self._session.phase is Phase.CLOSED or self._got_eof:
            self._close()
        elif self._reading_paused and not self._writing_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    def _close(self) -> None:
        if not self._transport.is_closing():
            self._transport.close()
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(LINGER.value, self._transport.abort)

    def _check_time(self) -> None:
        """One timer a connection, set again for what is left: no command starts or cancels one."""
        now, timing = self._loop.time(), self._timing
        if self._task is not None:
            end = now + timing.command
        elif self._session.phase is Phase.CONTENT:
            end = min(self._received_at + timing.data, self._content_at + timing.message)
        else:
            end = self._replied_at + timing.command
        if now < end:
            self._timer = self._loop.call_later(min(end - now, timing.shortest), self._check_time)
            return
        self._session.close(_TOO_SLOW)
        self._settle()

    def _end(self) -> None:
        self._forget_content()
        if self._served:
            self._served = False
            try:
                waiting = self._handler.disconnect(self.info)
                if waiting is not None:
                    self._task = self._loop.create_task(self._say_goodbye(waiting))
                    return
            except Exception as error:
                self._report("disconnect", error)
        self._on_lost(self)

    async def _say_goodbye(self, waiting: Awaitable[None]) -> None:
        try:
            await waiting
        except Exception as error:
            self._report("disconnect", error)
        finally:
            self._on_lost(self)

    def _take(self, event: _Event) -> _Pending | None:
        """Bring one event to the handler and its plain answer back; return both if the answer is to be awaited."""
        try:
            result = self._ask(event)
        except Exception as error:
            self._fail(event, error)
            return None
        if result is not None and hasattr(result, "__await__"):
            return event, result
        self._use(event, result)
        return None

    def _ask(self, event: _Event) -> Any:
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
                return self._forget_content()
            case VrfyCommand():
                return self._handler.vrfy(self.info, event.argument)
            case _Opening():
                return self._handler.connect(self.info.peer)
            case SessionEnd():
                return None
            case _:
                assert_never(event)

    def _use(self, event: _Event, result: Any) -> None:
        """Give the handler's answer to the core; one that cannot be given ends the session."""
        try:
            self._answer(event, result)
        except Exception as error:
            self._report(type(event).__name__, error)
            self._session.close(_BROKEN)

    def _answer(self, event: _Event, result: Any) -> None:
        session, info = self._session, self.info
        match event:
            case ContentChunk() | ContentRefused() | SessionEnd():
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
                    self._content_at = self._received_at
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
            case _Opening():
                self._served = result is None
                session.greet(result)
            case _:
                assert_never(event)

    def _fail(self, event: _Event, error: Exception) -> None:
        """Answer in the place of a handler that raised: 451, and nothing is accepted."""
        self._report(type(event).__name__, error)
        match event:
            case RcptBatch():
                self._use(event, [RcptAnswer(_FAULT)] * len(event.commands))
            case ContentChunk():
                self._forget_content()
                self._session.abandon_content(_FAULT)
            case ContentEnd():
                sink = self._sink
                self._use(event, _FAULT)
                self._sink = sink
                self._forget_content()
            case _Opening():
                self._use(event, _BROKEN)
            case MailCommand() | DataCommand() | VrfyCommand():
                self._use(event, _FAULT)
            case _:
                self._use(event, None)

    def _forget_content(self) -> None:
        """Abort the sink, if a message was coming."""
        sink, self._sink = self._sink, None
        if sink is None:
            return
        try:
            sink.abort()
        except Exception as error:
            self._report("abort", error)

    def _report(self, what: str, error: Exception) -> None:
        """Hand a handler's exception to the event loop's exception handler, which logs it."""
        self._loop.call_exception_handler(
            {
                "message": f"the SMTP handler failed at {what} ({self.info.peer})",
                "exception": error,
                "protocol": self,
            }
        )
