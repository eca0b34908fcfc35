"""The server's driver: an asyncio protocol around `conneg.smtp.ServerSession`, with bounds on time and connections.

Commands are answered one after the other; a handler's method may return its answer or an awaitable of it, and only the
latter costs a task.
"""

import asyncio
import contextlib
import inspect
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from conneg.smtp import (
    Closing,
    ContentChunk,
    ContentEnd,
    DataCommand,
    MailCommand,
    RcptBatch,
    RcptCommand,
    Reply,
    Reset,
    ServerConfig,
    ServerSession,
    VrfyCommand,
)

T = TypeVar("T")
MaybeAwaitable = T | Awaitable[T]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connected."""

    address: str
    port: int


@dataclass(slots=True)
class SessionInfo:
    """What a handler may know of a session, and `transaction`, which is the handler's own."""

    peer: Peer
    helo: str | None = None
    esmtp: bool = False
    transaction: Any = None


@dataclass(frozen=True, slots=True)
class RcptAnswer:
    """The reply to one RCPT; with `capability` it is reported on CONNEG lines."""

    reply: Reply
    capability: str | None = None


class MessageSink(Protocol):
    """Takes one content."""

    def write(self, chunk: bytes) -> MaybeAwaitable[None]:
        """Take octets."""

    def finish(self) -> MaybeAwaitable[Reply]:
        """The final dot came: return the reply."""

    def abort(self) -> None:
        """The content will not be finished."""


class SmtpHandler(Protocol):
    """What a server program does; every method may return an awaitable of what it returns."""

    def connect(self, peer: Peer) -> MaybeAwaitable[Reply | None]:
        """Return None to greet as usual, else the reply to send before closing."""

    def mail(self, session: SessionInfo, command: MailCommand) -> MaybeAwaitable[Reply]:
        """Answer MAIL."""

    def rcpt(self, session: SessionInfo, commands: Sequence[RcptCommand]) -> MaybeAwaitable[Sequence[RcptAnswer]]:
        """Answer all RCPT commands that arrived together, in order."""

    def data(self, session: SessionInfo) -> MaybeAwaitable[MessageSink | Reply]:
        """Return the sink for the content, or a negative reply."""

    def reset(self, session: SessionInfo) -> MaybeAwaitable[None]:
        """The transaction is over."""

    def disconnect(self, session: SessionInfo) -> MaybeAwaitable[None]:
        """The client is gone."""

    def vrfy(self, session: SessionInfo, argument: str) -> MaybeAwaitable[Reply]:
        """Answer VRFY."""


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """Bounds on what clients may take; times in seconds."""

    max_connections: int = 500
    max_connections_per_peer: int = 100
    command_seconds: float = 300
    data_seconds: float = 600


async def _settle(value: MaybeAwaitable[T]) -> T:
    return await value if inspect.isawaitable(value) else value  # type: ignore[return-value]


class _Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, listener: "Listener") -> None:
        self.listener = listener
        self.session = ServerSession(listener.config)
        self.info: SessionInfo
        self.transport: asyncio.Transport
        self.sink: MessageSink | None = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.busy = False
        self.stopping = False
        self.counted = False
        self.deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        name = transport.get_extra_info("peername") or ("unknown", 0)
        self.info = SessionInfo(Peer(str(name[0]), int(name[1])))
        limits = self.listener.limits
        if len(self.listener.connections) >= limits.max_connections:
            return self._turn_away("too many connections")
        if self.listener.peers[self.info.peer.address] >= limits.max_connections_per_peer:
            return self._turn_away("too many connections from your address")
        self.counted = True
        self.listener.connections.add(self)
        self.listener.peers[self.info.peer.address] += 1
        self._start(self._greet())
        return None

    def _turn_away(self, why: str) -> None:
        self.transport.write(Reply(421, (f"{self.listener.config.hostname} {why}; try later",)).encode(enhanced=False))
        self.transport.close()

    async def _greet(self) -> None:
        refusal = await _settle(self.listener.handler.connect(self.info.peer))
        if refusal is not None:
            self.session.close(refusal)
        else:
            self.session.greet()

    def data_received(self, data: bytes) -> None:
        self.session.receive(data)
        if not self.busy:
            self._drive()

    def _start(self, work: Awaitable[None]) -> None:
        """Go on in a task until the handler has answered; what arrives meanwhile waits."""
        self.busy = True
        self.transport.pause_reading()
        self.task = asyncio.ensure_future(self._finish(work))

    async def _finish(self, work: Awaitable[None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.listener.report(error)
            self.session.close(Reply(421, (f"{self.listener.config.hostname} internal error",), "4.3.0"))
        self.busy = False
        self.task = None
        if not self.transport.is_closing():
            self.transport.resume_reading()
        self._drive()

    def _drive(self) -> None:
        """Answer every command that is here, up to one whose answer must be waited for."""
        session = self.session
        while not self.busy:
            event = session.next_event()
            if event is None:
                break
            try:
                waiting = self._handle(event)
            except Exception as error:
                self.listener.report(error)
                session.close(Reply(421, (f"{self.listener.config.hostname} internal error",), "4.3.0"))
                continue
            if waiting is not None:
                self._start(waiting)
            if type(event) is Closing:
                self._flush()
                self.transport.close()
                return
        self._flush()
        if not self.busy:
            self._wait_for_client()

    def _flush(self) -> None:
        if self.session.has_output:
            output = self.session.take_output()
            if not self.transport.is_closing():
                self.transport.write(output)

    def _handle(self, event: Any) -> Awaitable[None] | None:
        handler, session, info = self.listener.handler, self.session, self.info
        info.helo, info.esmtp = session.helo, session.esmtp
        kind = type(event)
        if kind is ContentChunk:
            if self.sink is not None:
                written = self.sink.write(event.octets)
                if written is not None:
                    return written
            return None
        if kind is RcptBatch:
            answers = handler.rcpt(info, event.commands)
            if inspect.isawaitable(answers):
                return self._answer_rcpt(answers)
            session.answer_recipients([(a.reply, a.capability) for a in answers])
            return None
        if kind is MailCommand:
            reply = handler.mail(info, event)
            if inspect.isawaitable(reply):
                return self._answer_mail(reply)
            session.accept_mail(reply)
            return None
        if kind is DataCommand:
            sink = handler.data(info)
            if inspect.isawaitable(sink):
                return self._answer_data(sink)
            self._take_sink(sink)
            return None
        if kind is ContentEnd:
            return self._end_content(event.problem)
        if kind is Reset:
            return _nothing(handler.reset(info))
        if kind is VrfyCommand:
            return self._answer_vrfy(handler.vrfy(info, event.argument))
        return None

    async def _answer_mail(self, reply: Awaitable[Reply]) -> None:
        self.session.accept_mail(await reply)

    async def _answer_rcpt(self, answers: Awaitable[Sequence[RcptAnswer]]) -> None:
        self.session.answer_recipients([(a.reply, a.capability) for a in await answers])

    async def _answer_data(self, sink: Awaitable[MessageSink | Reply]) -> None:
        self._take_sink(await sink)

    async def _answer_vrfy(self, reply: MaybeAwaitable[Reply]) -> None:
        self.session.reply(await _settle(reply))

    def _take_sink(self, sink: MessageSink | Reply) -> None:
        if isinstance(sink, Reply):
            self.session.reply(sink)
        else:
            self.sink = sink
            self.session.begin_content()

    def _end_content(self, problem: Reply | None) -> Awaitable[None] | None:
        sink, self.sink = self.sink, None
        assert sink is not None
        if problem is not None:
            sink.abort()
            self.session.end_content(problem)
            return _nothing(self.listener.handler.reset(self.info))
        reply = sink.finish()
        if inspect.isawaitable(reply):
            return self._finish_content(reply)
        self.session.end_content(reply)
        return _nothing(self.listener.handler.reset(self.info))

    async def _finish_content(self, reply: Awaitable[Reply]) -> None:
        self.session.end_content(await reply)
        await _settle(self.listener.handler.reset(self.info))

    def _wait_for_client(self) -> None:
        limits, loop = self.listener.limits, self.listener.loop
        if self.stopping and self.sink is None and self.info.transaction is None:
            return self.say_goodbye()
        self.deadline = loop.time() + (limits.command_seconds if self.sink is None else limits.data_seconds)
        if self.timer is None:
            self.timer = loop.call_at(self.deadline, self._look_at_the_clock)
        return None

    def _look_at_the_clock(self) -> None:
        """One timer a connection: it is set anew only when it rings, so that a command costs none."""
        self.timer = None
        if self.busy or self.transport.is_closing():
            self.timer = self.listener.loop.call_later(self.listener.limits.command_seconds, self._look_at_the_clock)
        elif self.listener.loop.time() >= self.deadline:
            self.session.close(Reply(421, (f"{self.listener.config.hostname} idle for too long, closing",), "4.4.2"))
            self._drive()
        else:
            self.timer = self.listener.loop.call_at(self.deadline, self._look_at_the_clock)

    def stop(self) -> None:
        """End the session after the transaction in hand."""
        self.stopping = True
        if not self.busy and self.sink is None and self.info.transaction is None:
            self.say_goodbye()

    def say_goodbye(self) -> None:
        """Send 421 and close."""
        self.session.close(Reply(421, (f"{self.listener.config.hostname} is going down; try later",), "4.3.2"))
        self._flush()
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.counted:
            self.listener.connections.discard(self)
            self.listener.peers[self.info.peer.address] -= 1
            if not self.listener.peers[self.info.peer.address]:
                del self.listener.peers[self.info.peer.address]
        if self.sink is not None:
            self.sink.abort()
            self.sink = None
        left = self.listener.handler.disconnect(self.info)
        if inspect.isawaitable(left):
            asyncio.ensure_future(left)
        self.listener.gone.set()


def _nothing(value: MaybeAwaitable[None]) -> Awaitable[None] | None:
    return value if inspect.isawaitable(value) else None


class Listener:
    """A listening server; `close` ends it."""

    def __init__(
        self, handler: SmtpHandler, config: ServerConfig, limits: ListenerLimits, report: Any = None
    ) -> None:
        self.handler, self.config, self.limits = handler, config, limits
        self.loop = asyncio.get_running_loop()
        self.connections: set[_Connection] = set()
        self.peers: Counter[str] = Counter()
        self.gone = asyncio.Event()
        self.report = report or (lambda error: None)
        self._server: asyncio.Server
        self.host = ""
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Begin to listen; raises OSError."""
        self._server = await self.loop.create_server(lambda: _Connection(self), host, port, backlog=512)
        name = self._server.sockets[0].getsockname()
        self.host, self.port = str(name[0]), int(name[1])

    async def close(self, grace_seconds: float = 30) -> None:
        """Stop accepting, let transactions in hand finish within `grace_seconds`, send 421 to the others."""
        self._server.close()
        for connection in tuple(self.connections):
            connection.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                while self.connections:
                    self.gone.clear()
                    await self.gone.wait()
        for connection in tuple(self.connections):
            if connection.task is not None:
                connection.task.cancel()
            connection.transport.abort()


async def start_listener(
    handler: SmtpHandler,
    host: str,
    port: int,
    config: ServerConfig | None = None,
    *,
    limits: ListenerLimits | None = None,
    report: Any = None,
) -> Listener:
    """Listen on `host` and `port` (0: the system chooses) and serve with `handler`; `report` is told of its faults."""
    listener = Listener(handler, config or ServerConfig(), limits or ListenerLimits(), report)
    await listener.open(host, port)
    return listener
