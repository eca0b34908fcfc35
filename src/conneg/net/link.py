"""A client's connection: octets to the core, a wake-up for who waits, flow control for content."""

import asyncio
from typing import cast

from conneg.bounds import Bound
from conneg.smtp import ClientSession

MAX_REPLY_BACKLOG = Bound(
    name="net.reply_backlog",
    value=1 << 20,
    unit="octets of replies that nobody has read yet",
    reason="a server may speak while no call is waiting, but not without end",
    answer="the connection is not read until a call is made",
)


class Link(asyncio.Protocol):
    """The `asyncio.Protocol` of one session; `transport` is what it is under now."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.is_open = False
        self._is_paused = False
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self.transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Give octets to the core; who waits is woken."""
        self.session.receive_data(data)
        self._news.set()
        if self.session.backlog > MAX_REPLY_BACKLOG.value:
            self._is_paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """A server that sends no more has ended the session."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has gone; whoever waits is woken."""
        self.is_open = False
        self._news.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """The peer takes no more for now."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The peer takes more."""
        self._writable.set()

    async def news(self) -> None:
        """Wait until octets have come, or the end."""
        if self._is_paused and self.is_open:
            self._is_paused = False
            self.transport.resume_reading()
        await self._news.wait()
        self._news.clear()

    def mark_read(self) -> None:
        """All octets that have come so far have been read."""
        self._news.clear()

    async def drain(self) -> None:
        """Wait until the peer has taken enough of what was written."""
        await self._writable.wait()
