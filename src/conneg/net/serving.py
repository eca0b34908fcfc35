"""One connection of a listener: octets to the session core, its events to the handler, the answers back.

An `asyncio.Protocol`, not streams: what a handler answers plainly is answered within `data_received`, with no task and
no trip around the event loop. Only what is awaited runs in a task, which then goes on with the events that follow.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from conneg.bounds import Bound
from conneg.net.dispatch import Dispatch, Event, Opening, Pending
from conneg.net.handler import Authenticator, Peer, SessionInfo, SmtpHandler
from conneg.net.tls import HANDSHAKE, ServerTls, channel_of
from conneg.smtp import Phase, Reply, ServerConfig, ServerSession, StartTlsCommand

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


class Connection(asyncio.Protocol):
    """A connection from its first octet to its end.

    `config_for` says what holds for a client; `peer` is who it is if that is known otherwise (a proxy's header).
    `admit` says whether there is room for it (a reply if not); `on_lost` is called once, when it is over.
    """

    def __init__(
        self,
        handler: SmtpHandler,
        config_for: Callable[[Peer], ServerConfig],
        timing: Timing,
        *,
        peer: Peer | None = None,
        tls: ServerTls | None = None,
        is_secure: bool = False,
        authenticator: Authenticator | None = None,
        admit: "Callable[[Connection], Reply | None]",
        on_lost: "Callable[[Connection], None]",
    ) -> None:
        self._handler = handler
        self._config_for = config_for
        self._peer = peer
        self._is_secure = is_secure
        self._authenticator = authenticator
        self._tls = tls
        self._timing = timing
        self._admit = admit
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._replied_at = self._received_at = 0.0
        self.place = ""
        """Under which name the listener counts it."""
        self._early: list[bytes] | None = None
        """What was received in the handshake, from its beginning to its end."""
        self._reading_paused = self._writing_paused = False
        self._connected = self._stopping = self._got_eof = False

    @property
    def info(self) -> SessionInfo:
        """What the handler knows of the session."""
        return self._dispatch.info

    @property
    def backlog(self) -> int:
        """The octets that have come and wait for the handler."""
        return self._session.backlog

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask whether there is room, then the handler, then greet."""
        self._transport = cast(asyncio.Transport, transport)
        peer = self._peer or _peer_of(transport)
        self._session = ServerSession(self._config_for(peer), is_secure=self._is_secure)
        self._dispatch = Dispatch(
            self._handler,
            self._session,
            self,
            flush=self._settle,
            config_for=self._config_for,
            authenticator=self._authenticator,
        )
        self._dispatch.info = SessionInfo(peer)
        self.info.tls = channel_of(transport)
        self._connected = True
        self._replied_at = self._received_at = self._loop.time()
        refusal = self._admit(self)
        if refusal is not None:
            self._session.greet(refusal)
            self._settle()
            return
        self._timer = self._loop.call_later(self._timing.shortest, self._check_time)
        self._pump(Opening())

    def data_received(self, data: bytes) -> None:
        """Take octets; while the handler is at work they wait."""
        self._received_at = self._loop.time()
        if self._early is not None:
            self._early.append(data)
            return
        self._session.receive_data(data)
        if self._task is None and not self._writing_paused:
            self._pump()
        elif self._session.backlog > MAX_BACKLOG.value and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Keep our side open while an answer is still due; TLS has no half of a connection."""
        self._got_eof = True
        is_plain = self.info.tls is None and self._early is None
        return self._task is not None and is_plain

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
        if not self._connected:  # a failed handshake is told here, and by asyncio again
            return
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

    def _pump(self, first: Opening | None = None) -> None:
        """Take events until the core has none, or a task is needed to wait for the handler."""
        pending = self._advance() if first is None else self._dispatch.take(first)
        if pending is not None:
            self._task = self._loop.create_task(self._run(*pending))
        self._settle()

    def _advance(self) -> Pending | None:
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

    async def _run(self, event: Event, awaitable: Awaitable[Any]) -> None:
        """Wait for the handler, and go on with what follows; replies leave before each wait."""
        try:
            while True:
                try:
                    result = await awaitable
                except Exception as error:  # whatever a handler raises must not take the connection with it
                    self._fail(event, error)
                else:
                    self._dispatch.use(event, result)
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
        elif self._session.phase in (Phase.CONTENT, Phase.CHUNK):
            end = min(self._received_at + timing.data, self._dispatch.content_at + timing.message)
        else:
            end = self._replied_at + timing.command
        if now < end:
            self._timer = self._loop.call_later(min(end - now, timing.shortest), self._check_time)
            return
        self._session.close(_TOO_SLOW)
        self._settle()

    def _end(self) -> None:
        self._dispatch.forget_content()
        if self._dispatch.is_served:
            self._dispatch.is_served = False
            try:
                waiting = self._handler.disconnect(self.info)
                if waiting is not None:
                    self._task = self._loop.create_task(self._say_goodbye(waiting))
                    return
            except Exception as error:
                self._dispatch.report("disconnect", error)
        self._on_lost(self)

    async def _say_goodbye(self, waiting: Awaitable[None]) -> None:
        try:
            await waiting
        except Exception as error:
            self._dispatch.report("disconnect", error)
        finally:
            self._on_lost(self)

    def _take(self, event: Event) -> Pending | None:
        if not isinstance(event, StartTlsCommand):
            return self._dispatch.take(event)
        # what comes now is the client's part of the handshake; what comes with its end is already under TLS
        self._transport.pause_reading()
        self._early = []
        return event, self._begin_tls()

    def _fail(self, event: Event, error: Exception) -> None:
        if not isinstance(event, StartTlsCommand):
            self._dispatch.fail(event, error)
            return
        self._transport.abort()
        self.connection_lost(None)

    async def _begin_tls(self) -> None:
        """Shake hands; raises OSError (`ssl.SSLError`, timeout) where that fails."""
        if self._tls is None:
            raise OSError("the server offers STARTTLS and has no certificate")
        transport = await self._loop.start_tls(
            self._transport, self, self._tls.context, server_side=True, ssl_handshake_timeout=HANDSHAKE.value
        )
        if transport is None:
            raise ConnectionResetError("the connection was lost in the handshake")
        self._transport = transport
        self._reading_paused = False
        self.info.tls = channel_of(transport)
        self.info.username = None
        self._session.secured()
        early, self._early = self._early or [], None
        self._session.receive_data(b"".join(early))
        self._replied_at = self._loop.time()


def _peer_of(transport: asyncio.BaseTransport) -> Peer:
    name = transport.get_extra_info("peername")
    return Peer(str(name[0]), int(name[1])) if isinstance(name, tuple) else Peer("local", 0)
