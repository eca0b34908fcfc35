"""Listening for SMTP clients: `start_listener` serves a handler until `Listener.close`.

Limits are those of `ListenerLimits`; each has its reply. Runs on any asyncio loop; uvloop makes it three times as fast.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from conneg.bounds import Bound
from conneg.net.accepting import Accepting, Opening, open_sockets
from conneg.net.handler import Authenticator, MessageSink, Peer, SessionInfo, SmtpHandler
from conneg.net.serving import LINGER, Connection, Timing
from conneg.net.tls import ServerTls
from conneg.smtp import MailCommand, RcptAnswer, RcptCommand, Reply, ServerConfig
from conneg.smtp.sasl import MECHANISMS

__all__ = [
    "Listener",
    "ListenerLimits",
    "MailCommand",
    "MessageSink",
    "Peer",
    "RcptAnswer",
    "RcptCommand",
    "SessionInfo",
    "SmtpHandler",
    "new_listener",
    "start_listener",
]

MAX_CONNECTIONS = Bound(
    name="net.connections",
    value=2000,
    unit="connections at once",
    reason="each takes a descriptor and some memory",
    answer="421 instead of the greeting",
)
MAX_CONNECTIONS_PER_PEER = Bound(
    name="net.connections_per_peer",
    value=200,
    unit="connections at once from one address (for IPv6, one /64 network)",
    reason="one peer must not take every place",
    answer="421 instead of the greeting",
)
CONNECTIONS_PER_MINUTE = Bound(
    name="net.connections_per_minute",
    value=3000,
    unit="connections in a minute from one address (for IPv6, one /64 network)",
    reason="who connects and leaves again and again costs a greeting each time",
    answer="421 instead of the greeting",
)
COMMAND_SECONDS = Bound(
    name="net.command_seconds",
    value=300,
    unit="seconds from a reply to the end of the next command",
    reason="RFC 5321, 4.5.3.2.7; a client of CONNEG may convert between RCPT and DATA",
    answer="421 4.4.2 and the connection is closed",
)
DATA_SECONDS = Bound(
    name="net.data_seconds",
    value=180,
    unit="seconds between octets of a message",
    reason="RFC 5321, 4.5.3.2.5",
    answer="421 4.4.2 and the connection is closed",
)
MESSAGE_SECONDS = Bound(
    name="net.message_seconds",
    value=3600,
    unit="seconds for a whole message",
    reason="a client that sends an octet every minute keeps a place for ever",
    answer="421 4.4.2 and the connection is closed",
)

BACKLOG = 512
"""How many connections the system keeps that have not been accepted yet."""

_FULL = Reply(421, ("too many connections; try again later",), "4.3.2")
_TOO_OFTEN = Reply(421, ("you connect too often; try again in a minute",), "4.7.0")
_FULL_FOR_PEER = Reply(421, ("too many connections from your address",), "4.7.0")


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """What one listener allows; the bounds of this module say why, and what reaching one of them answers.

    The limits of a session and a message are those of `conneg.smtp.ServerConfig`.
    """

    max_connections: int = MAX_CONNECTIONS.value
    max_connections_per_peer: int = MAX_CONNECTIONS_PER_PEER.value
    connections_per_minute: int = CONNECTIONS_PER_MINUTE.value
    command_seconds: float = COMMAND_SECONDS.value
    data_seconds: float = DATA_SECONDS.value
    message_seconds: float = MESSAGE_SECONDS.value


class Listener:
    """What serves connections, and the sockets that accept them, if they are its own.

    Made by `start_listener`, or by `new_listener` for connections that another accepts and gives to `take`.
    """

    def __init__(
        self,
        handler: SmtpHandler,
        config: ServerConfig,
        limits: ListenerLimits,
        tls: ServerTls | None,
        *,
        is_implicit: bool,
        config_for: Callable[[Peer], ServerConfig] | None = None,
        is_proxy: Callable[[str], bool] | None = None,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._config_for = config_for or (lambda peer: config)
        self._needs_opening = is_implicit or is_proxy is not None
        self._opening = Opening(
            self._new_connection,
            is_proxy=is_proxy or (lambda address: False),
            context=tls.context if tls is not None and is_implicit else None,
        )
        self._authenticator = authenticator
        self._tls = tls
        self._is_implicit = is_implicit
        self._handler = handler
        self._limits = limits
        self._timing = Timing(limits.command_seconds, limits.data_seconds, limits.message_seconds)
        self._connections: set[Connection] = set()
        self._per_peer: Counter[str] = Counter()
        self._newcomers: Counter[str] = Counter()
        self._minute = 0
        self._server: asyncio.Server | Accepting | None = None
        self._all_gone = asyncio.Event()
        self._all_gone.set()

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The listening sockets; none after `close`."""
        return tuple(self._server.sockets) if self._server is not None else ()

    @property
    def host(self) -> str:
        """The address of the first socket."""
        return self._address[0]

    @property
    def port(self) -> int:
        """The port of the first socket, which the system chose if 0 was asked for."""
        return self._address[1]

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def take(self, connection: socket.socket) -> None:
        """Serve a connection that was accepted elsewhere, as if it had come to a socket of this listener."""
        self._opening.take(connection)

    async def close(self, grace_seconds: float = 0.0) -> None:
        """Stop listening; 421 to who is idle; transactions in hand may finish within `grace_seconds`, then are cut."""
        if self._server is not None:
            self._server.close()
        self._opening.close()
        for connection in list(self._connections):
            connection.stop()
        if self._connections and grace_seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_seconds):
                    await self._all_gone.wait()
        for connection in list(self._connections):
            connection.abort()
        with contextlib.suppress(
            TimeoutError
        ):  # a handler that does not let itself be cancelled is left behind
            async with asyncio.timeout(LINGER.value):
                await self._all_gone.wait()

    async def listen(self, host: str | None, port: int, backlog: int) -> None:
        """Accept at sockets of its own, once; see `start_listener`. Raises OSError."""
        if self._needs_opening:
            self._server = Accepting(await open_sockets(host, port, backlog), self.take)
        else:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._new_connection, host, port, backlog=backlog)
        name = self._server.sockets[0].getsockname()
        self._address = str(name[0]), int(name[1])

    def _new_connection(self, peer: Peer | None = None) -> Connection:
        return Connection(
            self._handler,
            self._config_for,
            self._timing,
            peer=peer,
            tls=self._tls,
            is_secure=self._is_implicit,
            authenticator=self._authenticator,
            admit=self._admit,
            on_lost=self._forget,
        )

    def _admit(self, connection: Connection) -> Reply | None:
        name = connection.place = _network(connection.info.peer.address)
        full = len(self._connections) >= self._limits.max_connections
        full_for_peer = self._per_peer[name] >= self._limits.max_connections_per_peer
        self._connections.add(connection)
        self._per_peer[name] += 1
        self._all_gone.clear()
        if full:
            return _FULL
        if full_for_peer:
            return _FULL_FOR_PEER
        return _TOO_OFTEN if self._is_too_often(name) else None

    def _is_too_often(self, name: str) -> bool:
        """Count a peer's connections of this minute."""
        minute = int(asyncio.get_running_loop().time() // 60)
        if minute != self._minute:
            self._minute = minute
            self._newcomers.clear()
        self._newcomers[name] += 1
        return self._newcomers[name] > self._limits.connections_per_minute

    def _forget(self, connection: Connection) -> None:
        name = connection.place  # not that of the peer, whom XCLIENT may have changed
        self._connections.discard(connection)
        self._per_peer[name] -= 1
        if self._per_peer[name] <= 0:
            del self._per_peer[name]
        if not self._connections:
            self._all_gone.set()


async def start_listener(
    handler: SmtpHandler,
    host: str | None,
    port: int,
    config: ServerConfig,
    *,
    limits: ListenerLimits | None = None,
    tls: ServerTls | None = None,
    is_implicit: bool = False,
    authenticator: Authenticator | None = None,
    adapt: Callable[[Peer, ServerConfig], ServerConfig] | None = None,
    is_proxy: Callable[[str], bool] | None = None,
    backlog: int = BACKLOG,
) -> Listener:
    """Listen at `host` and `port` (0: a free one; host None: all interfaces) and serve `handler`.

    For the rest see `new_listener`. Raises OSError, and ValueError for implicit TLS without `tls`.
    """
    listener = new_listener(
        handler,
        config,
        limits=limits,
        tls=tls,
        is_implicit=is_implicit,
        authenticator=authenticator,
        adapt=adapt,
        is_proxy=is_proxy,
    )
    await listener.listen(host, port, backlog)
    return listener


def new_listener(
    handler: SmtpHandler,
    config: ServerConfig,
    *,
    limits: ListenerLimits | None = None,
    tls: ServerTls | None = None,
    is_implicit: bool = False,
    authenticator: Authenticator | None = None,
    adapt: Callable[[Peer, ServerConfig], ServerConfig] | None = None,
    is_proxy: Callable[[str], bool] | None = None,
) -> Listener:
    """Return a listener without sockets, to serve `handler` on the connections that it is given.

    With `tls` STARTTLS is offered (RFC 3207), or, if `is_implicit`, connections begin with TLS (RFC 8314, 3). With an
    `authenticator` AUTH is offered, by those of its mechanisms that the channel allows. `adapt` gives what holds for a
    client in place of `config`; it must not change what the listener itself sets. From addresses of which `is_proxy`
    says so a connection begins with a header of the PROXY protocol. Raises ValueError for implicit TLS without `tls`.
    """
    if tls is None and is_implicit:
        raise ValueError("implicit TLS needs a certificate")
    extensions = config.extensions - {"STARTTLS"}
    if tls is not None and not is_implicit:
        extensions |= {"STARTTLS"}
    auth = () if authenticator is None else tuple(m for m in MECHANISMS if m in authenticator.mechanisms)
    config = replace(config, extensions=extensions, auth=auth)
    return Listener(
        handler,
        config,
        limits or ListenerLimits(),
        tls,
        is_implicit=is_implicit,
        config_for=None if adapt is None else (lambda peer: adapt(peer, config)),
        is_proxy=is_proxy,
        authenticator=authenticator,
    )


def _network(address: str) -> str:
    """Return what counts as one peer: an IPv4 address, or the /64 that one IPv6 site has."""
    if ":" not in address:
        return address
    try:
        number = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(number.ipv4_mapped) if number.ipv4_mapped else str(int(number) >> 64)
