"""Accepting connections that begin with something before SMTP: the PROXY protocol's header, a TLS handshake.

asyncio's own server tells nobody of a connection before its handshake has ended; here each is counted from the start.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from conneg.bounds import Bound
from conneg.net.handler import Peer
from conneg.net.proxy import ProxyHeaderError, receive_header
from conneg.net.tls import HANDSHAKE

MAX_OPENING = Bound(
    name="net.opening",
    value=500,
    unit="connections whose PROXY header or TLS handshake has not ended",
    reason="each keeps a descriptor; who connects and stays silent must not take all of them",
    answer="the connection is cut",
)

_PAUSE_SECONDS = 0.1

Take = Callable[[socket.socket], Awaitable[None] | None]


class Accepting:
    """Accepts on `sockets` until it is closed and gives each connection to `take`, which may keep the next waiting."""

    def __init__(self, sockets: list[socket.socket], take: Take) -> None:
        self.sockets = sockets
        self._take = take
        self._tasks = [asyncio.create_task(self._accept(one)) for one in sockets]

    def close(self) -> None:
        """Stop accepting."""
        for task in self._tasks:
            task.cancel()
        for one in self.sockets:
            one.close()
        self.sockets = []

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError:  # no descriptor is free, or the client has gone: the next one may do
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            waiting = self._take(connection)
            if waiting is not None:
                await waiting


class Opening:
    """Connections that are accepted and not yet at SMTP; behind header and handshake each has a protocol from `make`.

    `is_proxy` says whether a header must come from an address; `context` is for implicit TLS, None without.
    """

    def __init__(
        self,
        make: Callable[[Peer], asyncio.Protocol],
        *,
        is_proxy: Callable[[str], bool],
        context: ssl.SSLContext | None,
    ) -> None:
        self._make = make
        self._is_proxy = is_proxy
        self._context = context
        self._opening: set[asyncio.Task[None]] = set()

    def take(self, connection: socket.socket) -> None:
        """Open a connection, in a task of its own; it is cut if too many are being opened."""
        if len(self._opening) >= MAX_OPENING.value:
            connection.close()
            return
        task = asyncio.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def close(self) -> None:
        """Cut the connections that have not come through header and handshake."""
        for task in self._opening:
            task.cancel()

    async def _open(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            name = connection.getpeername()
            peer = Peer(str(name[0]), int(name[1]))
            if self._is_proxy(peer.address):
                peer = await receive_header(connection) or peer
            await loop.connect_accepted_socket(
                lambda: self._make(peer),
                connection,
                ssl=self._context,
                ssl_handshake_timeout=None if self._context is None else HANDSHAKE.value,
            )
        except (ProxyHeaderError, OSError):
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise


async def open_sockets(host: str | None, port: int, backlog: int) -> list[socket.socket]:
    """Return listening sockets, non-blocking; for host None on all interfaces. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            one = socket.socket(family, kind, protocol)
            sockets.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.setblocking(False)
            one.bind(address)
            one.listen(backlog)
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets
