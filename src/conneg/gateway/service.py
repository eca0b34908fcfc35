"""The gateway as one thing: built from a configuration, started, stopped.

`Gateway` is an async context manager: inside it mail is accepted and delivered; on the way out the listeners close,
what is in hand is finished within the configured bound, and the rest stays in the spool for the next start.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import TracebackType

import structlog

from conneg.accounts import Accounts, AccountsFile, AccountSource, SqlAccounts
from conneg.content import Fence, RenditionCache, WorkerLimits, Workers
from conneg.directory import ChainDirectory, Directory, FileDirectory, SqliteDirectory
from conneg.errors import ConnegError, UnavailableError
from conneg.gateway.citing import Citing, open_citing
from conneg.gateway.config import Config
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.events import Watcher, ignore
from conneg.gateway.intake import Intake
from conneg.gateway.journal import Journal
from conneg.gateway.networks import is_in
from conneg.gateway.renditions import MessageRenditions
from conneg.gateway.resolver import DnsResolver, Resolver
from conneg.gateway.retry import RetryPolicy
from conneg.gateway.routing import NextHop, Routes
from conneg.gateway.schedule import Schedule
from conneg.gateway.sections import ListenerSection
from conneg.gateway.sessions import Sessions
from conneg.gateway.settlement import Settlement
from conneg.gateway.sts_policies import Fetch, StsPolicies
from conneg.gateway.transaction import Transactions
from conneg.gateway.ways import Ways, policy_host
from conneg.net import CertificateFiles, Listener, ListenerLimits, Peer, ServerTls, start_listener
from conneg.smtp import ServerConfig
from conneg.smtp.extension import DEFAULT_EXTENSIONS
from conneg.spool import Spool, SpooledMessage, SpooledRecipient, open_spool

_HOUSEKEEPING_SECONDS = 5.0
_EXTENSIONS = DEFAULT_EXTENSIONS | {"SMTPUTF8", "REQUIRETLS"}

log = structlog.get_logger("conneg")


class Gateway:
    """The running gateway."""

    def __init__(
        self,
        config: Config,
        *,
        watch: Watcher = ignore,
        resolver: Resolver | None = None,
        fetch_policy: Fetch | None = None,
        clock: Callable[[], float] = time.time,
        transcripts: bool = False,
        reports: bool = True,
    ) -> None:
        """`resolver` and `fetch_policy`: the DNS and the policy hosts of MTA-STS, if not the real ones.

        `transcripts`: tell the watcher every line of the dialogues; without `reports` no DSN is ever made."""
        self.config = config
        self._watch = watch
        self._clock = clock
        self._transcripts = transcripts
        self._reports = reports
        self._routes = Routes(config)
        self._resolver = resolver or DnsResolver(config.dns)
        self._fetch_policy = fetch_policy or policy_host(self._resolver).fetch
        self._exit = contextlib.AsyncExitStack()
        self._listeners: list[Listener] = []
        self._accounts: Accounts | None = None
        self._cache: RenditionCache | None = None
        self._citing: Citing | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.spool: Spool
        self.directory: ChainDirectory

    @property
    def endpoints(self) -> list[Endpoint]:
        """Return where the gateway listens, with the ports that the system chose for port 0."""
        return [Endpoint(listener.host, listener.port) for listener in self._listeners]

    async def __aenter__(self) -> "Gateway":
        try:
            await self._start()
        except BaseException:
            await self._let_go(0)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def fence(self) -> Fence:
        """Return what keeps the processes that read documents from network, files and other processes."""
        return await self._workers.fence()

    def wake(self) -> None:
        """Look into the spool now; what was put there would be found anyway, a little later."""
        self._schedule.wake()

    async def _start(self) -> None:
        config = self.config
        if config.directory.file is not None:  # a mistake in it is told at start, not at the first RCPT
            await asyncio.to_thread(FileDirectory(config.directory.file).load)
        self.directory = open_directory(config)
        self.spool = open_spool(config.spool.path)
        self._exit.push_async_callback(self.spool.close)
        self._citing = await asyncio.to_thread(open_citing, config, self._clock)
        content = config.content
        self._workers = await self._exit.enter_async_context(
            Workers(
                count=content.workers,
                limits=WorkerLimits(
                    memory_octets=content.memory_mib << 20,
                    cpu_seconds=math.ceil(content.seconds),
                    wall_seconds=content.seconds,
                    pages=content.pages,
                    pixels=int(content.megapixels * 1_000_000),
                ),
                closed_only=content.sandbox == "required",
            )
        )
        if content.cache_mib:
            folder = config.spool.path / "renditions"
            self._cache = await asyncio.to_thread(RenditionCache, folder, content.cache_mib << 20)
            self._exit.callback(self._cache.close)
        policies = StsPolicies(
            self._resolver,
            self._fetch_policy,
            file=config.spool.path / "mta-sts.json",
            clock=self._clock,
        )
        ways = Ways(self._resolver, policies)
        self._sessions = Sessions(config, ways, self._watch, transcripts=self._transcripts)
        self._exit.push_async_callback(self._sessions.close)
        self._schedule = Schedule(
            self.spool,
            self._routes,
            self._deliver,
            at_once=config.delivery.messages_at_once,
            clock=self._clock,
            report=_log_fault,
        )
        self._tasks = [asyncio.create_task(self._schedule.run()), asyncio.create_task(self._keep_house())]
        self._intake = Intake(
            config,
            self._routes,
            self.directory,
            self.spool,
            submit=self._schedule.submit,
            wake=self._schedule.wake,
            claims=lambda: self._schedule.wait_for_room(config.delivery.accept_delay_seconds),
            watch=self._watch,
        )
        self._accounts = await asyncio.to_thread(open_accounts, config)
        if self._accounts is not None:
            self._exit.push_async_callback(self._accounts.close)
        tls = open_tls(config)
        for section in config.listeners:
            self._listeners.append(await self._listen(section, tls))

    async def _listen(self, section: ListenerSection, tls: ServerTls | None) -> Listener:
        server, limits, endpoint = self.config.server, self.config.limits, Endpoint.parse(section.listen)
        try:
            return await start_listener(
                self._intake.for_listener(section),
                endpoint.host,
                endpoint.port,
                ServerConfig(
                    hostname=server.hostname,
                    extensions=_EXTENSIONS,
                    max_message_octets=server.max_message_octets,
                    max_recipients=server.max_recipients,
                    conneg=_conneg_mode(self.config),
                    conneg_needs_tls=self.config.conneg.needs_tls,
                    conneg_needs_auth=self.config.conneg.needs_auth,
                    lmtp=section.protocol == "lmtp",
                    needs_tls=section.tls == "required",
                    needs_auth=section.role == "submission",
                    max_errors=limits.errors,
                    max_auth_failures=limits.auth_failures,
                    max_idle_commands=limits.idle_commands,
                    max_refused_recipients=limits.refused_recipients,
                    max_transactions=limits.transactions,
                ),
                authenticator=self._accounts if section.takes_auth else None,
                tls=None if section.tls == "off" else tls,
                is_implicit=section.tls == "implicit",
                adapt=partial(_adapted, self.config, section),
                is_proxy=partial(is_in, section.proxy_networks) if section.proxy_networks else None,
                limits=ListenerLimits(
                    max_connections=server.max_connections,
                    max_connections_per_peer=server.max_connections_per_peer,
                    connections_per_minute=limits.connections_per_minute,
                    command_seconds=server.command_seconds,
                    data_seconds=limits.data_seconds,
                    message_seconds=limits.message_seconds,
                ),
            )
        except OSError as error:
            raise UnavailableError(
                f"cannot listen on {endpoint}: {error.strerror or error}",
                hint="name another port under [server] listen, or stop the program that holds it",
            ) from error

    async def _stop(self) -> None:
        within = self.config.server.stop_within_seconds
        began = time.monotonic()
        await asyncio.gather(*(listener.close(within) for listener in self._listeners))
        left = await self._schedule.stop(max(0.0, within - (time.monotonic() - began)))
        if left:
            log.warning("stopped with messages in hand; they stay in the spool", messages=left)
        await self._let_go(0)

    async def _let_go(self, grace_seconds: float) -> None:
        """Close whatever was opened, also after half a start."""
        await asyncio.gather(*(listener.close(grace_seconds) for listener in self._listeners))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._exit.aclose()

    async def _deliver(
        self, message: SpooledMessage, content: bytes, by_hop: dict[NextHop, list[SpooledRecipient]]
    ) -> None:
        """Deliver one message to all its due recipients, each next hop by itself."""
        async with MessageRenditions(
            message.id,
            content,
            self._workers,
            hostname=self.config.server.hostname,
            watch=self._watch,
            cache=self._cache,
            citing=self._citing,
        ) as made:
            await asyncio.gather(
                *(self._deliver_to(message, content, hop, found, made) for hop, found in by_hop.items())
            )

    async def _deliver_to(
        self,
        message: SpooledMessage,
        content: bytes,
        hop: NextHop,
        recipients: list[SpooledRecipient],
        renditions: MessageRenditions,
    ) -> None:
        retry, journal = self.config.retry, Journal()
        settlement = Settlement(
            message,
            content,
            self.spool,
            journal,
            hostname=self.config.server.hostname,
            retry=RetryPolicy(
                retry.first_seconds, retry.factor, retry.longest_seconds, retry.give_up_seconds
            ),
            clock=self._clock,
            watch=self._watch,
            wake=self._schedule.wake,
            reports=self._reports,
        )
        transactions = Transactions(
            message,
            hop,
            renditions,
            sessions=self._sessions,
            directory=self.directory,
            lookup_seconds=self.config.conneg.lookup_seconds,
            open_seconds=self.config.delivery.open_transaction_seconds,
            journal=journal,
            settle=settlement.settle,
            watch=self._watch,
        )
        await transactions.run(recipients)

    async def _keep_house(self) -> None:
        """Close idle sessions and forget old records, now and then."""
        while True:
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            try:
                await self._sessions.sweep()
                await self.spool.purge(self._clock() - self.config.spool.keep_records_days * 86400)
            except (ConnegError, OSError) as error:
                _log_fault("housekeeping", error)


def open_accounts(config: Config) -> Accounts | None:
    """Return the users that `config` names, None if it names none; a mistake in their file is told at once.

    Raises `conneg.accounts.AccountsUnavailableError`, or `UnavailableError` for a driver that is not installed.
    """
    section = config.accounts
    if section is None:
        return None
    source: AccountSource
    if section.file is not None:
        source = AccountsFile(section.file, on_problem=_warn_of_accounts)
        source.load()
    else:
        source = SqlAccounts(section.sql or "", section.query, seconds=section.seconds)
    return Accounts(source, mechanisms=section.mechanisms, on_problem=_warn_of_accounts)


def open_directory(config: Config) -> ChainDirectory:
    """Return the directory that `config` names: its sources in order, or one that knows nobody."""
    sources: list[Directory] = []
    if config.directory.file is not None:
        sources.append(FileDirectory(config.directory.file, on_problem=_warn_of_directory))
    if config.directory.sqlite is not None:
        sources.append(SqliteDirectory(config.directory.sqlite, create=config.directory.create_sqlite))
    return ChainDirectory(sources)


def _warn_of_directory(problem: str) -> None:
    log.warning("the directory file is wrong; what it said before stays in force", problem=problem)


def _warn_of_accounts(problem: str) -> None:
    log.warning("users cannot be looked up as they should", problem=problem)


def _log_fault(what: str, error: BaseException) -> None:
    log.error(
        what, error=str(error) or type(error).__name__, exc_info=not isinstance(error, ConnegError | OSError)
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


def open_tls(config: Config) -> ServerTls | None:
    """Read the certificates that `config` names; None if there are none. Raises `conneg.net.TlsError`."""
    if not config.certificate:
        return None
    files = [CertificateFiles(one.file, one.key, one.names) for one in config.certificate]
    return ServerTls(
        files, report=lambda error: log.error("the old certificate stays in force", reason=str(error))
    )
