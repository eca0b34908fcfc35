"""Everything that accepts mail: a listener for each place, with its role, the users, the certificates and the limits.

The serving process listens with it; a receiver, of which there may be several, is handed its connections.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from conneg.accounts import Accounts
from conneg.errors import UnavailableError
from conneg.gateway.config import Config
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.intake import Intake
from conneg.gateway.networks import is_in
from conneg.gateway.opening import open_accounts, open_tls
from conneg.gateway.sections import ListenerSection
from conneg.net import Listener, ListenerLimits, Peer, ServerTls, new_listener
from conneg.net.listener import BACKLOG
from conneg.smtp import ServerConfig
from conneg.smtp.extension import DEFAULT_EXTENSIONS

_EXTENSIONS = DEFAULT_EXTENSIONS | {"SMTPUTF8", "REQUIRETLS"}


class Acceptance:
    """The listeners of a configuration, in its order; made by `open_acceptance`."""

    def __init__(self, config: Config, listeners: Sequence[Listener], accounts: Accounts | None) -> None:
        self.listeners = tuple(listeners)
        self._places = [Endpoint.parse(section.listen) for section in config.listeners]
        self._accounts = accounts

    @property
    def endpoints(self) -> list[Endpoint]:
        """Return where it listens, with the ports that the system chose for port 0."""
        return [Endpoint(listener.host, listener.port) for listener in self.listeners]

    async def listen(self) -> None:
        """Open the sockets and accept. Raises `UnavailableError`."""
        for listener, endpoint in zip(self.listeners, self._places, strict=True):
            try:
                await listener.listen(endpoint.host, endpoint.port, BACKLOG)
            except OSError as error:
                raise cannot_listen(endpoint, error) from error

    async def close(self, grace_seconds: float) -> None:
        """Stop listening; transactions in hand may finish within `grace_seconds`, then are cut."""
        await asyncio.gather(*(listener.close(grace_seconds) for listener in self.listeners))
        if self._accounts is not None:
            await self._accounts.close()
            self._accounts = None


async def open_acceptance(config: Config, intake: Intake, *, processes: int = 1) -> Acceptance:
    """Return what accepts mail for `config` and gives it to `intake`, as one of `processes` that share its limits.

    Raises `conneg.errors.ConnegError` for users or certificates that cannot be read.
    """
    accounts = await asyncio.to_thread(open_accounts, config)
    tls = open_tls(config)
    listeners = [_listener(config, section, intake, accounts, tls, processes) for section in config.listeners]
    return Acceptance(config, listeners, accounts)


async def check_acceptance(config: Config) -> None:
    """Raise what `open_acceptance` would, for a process that leaves it to others: so it is told once, and at once."""
    accounts = await asyncio.to_thread(open_accounts, config)
    if accounts is not None:
        await accounts.close()
    open_tls(config)


def cannot_listen(endpoint: Endpoint, error: OSError) -> UnavailableError:
    """Return the error that says so to the operator."""
    return UnavailableError(
        f"cannot listen on {endpoint}: {error.strerror or error}",
        hint="name another port under [server] listen, or stop the program that holds it",
    )


def _listener(
    config: Config,
    section: ListenerSection,
    intake: Intake,
    accounts: Accounts | None,
    tls: ServerTls | None,
    processes: int,
) -> Listener:
    server, limits = config.server, config.limits
    return new_listener(
        intake.for_listener(section),
        ServerConfig(
            hostname=server.hostname,
            extensions=_EXTENSIONS,
            max_message_octets=server.max_message_octets,
            max_recipients=server.max_recipients,
            conneg=_conneg_mode(config),
            conneg_needs_tls=config.conneg.needs_tls,
            conneg_needs_auth=config.conneg.needs_auth,
            lmtp=section.protocol == "lmtp",
            needs_tls=section.tls == "required",
            needs_auth=section.role == "submission",
            max_errors=limits.errors,
            max_auth_failures=limits.auth_failures,
            max_idle_commands=limits.idle_commands,
            max_refused_recipients=limits.refused_recipients,
            max_transactions=limits.transactions,
        ),
        authenticator=accounts if section.takes_auth else None,
        tls=None if section.tls == "off" else tls,
        is_implicit=section.tls == "implicit",
        adapt=partial(_adapted, config, section),
        is_proxy=partial(is_in, section.proxy_networks) if section.proxy_networks else None,
        limits=ListenerLimits(
            max_connections=math.ceil(server.max_connections / processes),
            max_connections_per_peer=math.ceil(server.max_connections_per_peer / processes),
            connections_per_minute=math.ceil(limits.connections_per_minute / processes),
            command_seconds=server.command_seconds,
            data_seconds=limits.data_seconds,
            message_seconds=limits.message_seconds,
        ),
    )


def _conneg_mode(config: Config) -> str:
    if config.conneg.advertise:
        return "on"
    return "off" if config.conneg.understands else "ignorant"


def _adapted(config: Config, section: ListenerSection, peer: Peer, server: ServerConfig) -> ServerConfig:
    """Return what holds for one client: CONNEG only in its networks, XCLIENT only from proxies."""
    networks = config.conneg.networks
    is_hidden = server.conneg == "on" and networks is not None and not is_in(networks, peer.address)
    is_proxy = is_in(section.xclient_networks, peer.address)
    if not is_hidden and not is_proxy:
        return server
    return replace(server, conneg="off" if is_hidden else server.conneg, xclient=is_proxy)
