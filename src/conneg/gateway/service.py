"""The gateway as one thing: built from a configuration, started, stopped.

`Gateway` is an async context manager: inside it mail is accepted and delivered; on the way out the listeners close,
what is in hand is finished within the configured bound, and the rest stays in the spool for the next start.
"""

import asyncio
import contextlib
import math
import shutil
import time
from collections.abc import Callable, Sequence
from types import TracebackType

import structlog

from conneg.content import Fence, Office, RenditionCache, WorkerLimits, Workers
from conneg.directory import DomainDirectory
from conneg.errors import ConnegError
from conneg.gateway.acceptance import Acceptance, open_acceptance
from conneg.gateway.alternates import Alternates, Readdressed
from conneg.gateway.citing import Citing, open_citing
from conneg.gateway.config import Config
from conneg.gateway.directories import open_directory, open_learners
from conneg.gateway.downgrade import DowngradeGuard
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.events import Watcher, ignore
from conneg.gateway.heard import Heard
from conneg.gateway.intake import Intake
from conneg.gateway.journal import Journal
from conneg.gateway.learning import Learner
from conneg.gateway.log import FaultLog, LogStyle
from conneg.gateway.receivers import Receivers
from conneg.gateway.renditions import MessageRenditions
from conneg.gateway.resolver import DnsResolver, Resolver
from conneg.gateway.retry import RetryPolicy
from conneg.gateway.routing import NextHop, Routes
from conneg.gateway.schedule import Schedule
from conneg.gateway.scratch import open_scratch
from conneg.gateway.sections import ContentSection
from conneg.gateway.sessions import Sessions
from conneg.gateway.settlement import Settlement
from conneg.gateway.signatures import open_signatures
from conneg.gateway.strategies import StrategyChoices
from conneg.gateway.sts_policies import Fetch, StsPolicies
from conneg.gateway.transaction import Transactions
from conneg.gateway.ways import Ways, policy_host
from conneg.spool import Spool, SpooledMessage, SpooledRecipient, open_spool

_HOUSEKEEPING_SECONDS = 5.0
_CLOCK_SECONDS = 60.0
"""By how much a clock may be set without anything following from it."""

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
        log_style: LogStyle | None = None,
    ) -> None:
        """`resolver` and `fetch_policy`: the DNS and the policy hosts of MTA-STS, if not the real ones.

        `transcripts`: tell the watcher every line of the dialogues; without `reports` no DSN is ever made.
        `log_style`: how receivers write their log, where there are any; what they accept the watcher is not told."""
        self.config = config
        self._watch = watch
        self._clock = clock
        self._transcripts = transcripts
        self._reports = reports
        self._routes = Routes(config)
        self._resolver = resolver or DnsResolver(config.dns)
        self._fetch_policy = fetch_policy or policy_host(self._resolver).fetch
        self._exit = contextlib.AsyncExitStack()
        self._log_style = log_style or LogStyle()
        self._report = FaultLog()
        self._accepting: Acceptance | Receivers | None = None
        self._cache: RenditionCache | None = None
        self._citing: Citing | None = None
        self._office: Office | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.spool: Spool
        self.directory: DomainDirectory

    @property
    def endpoints(self) -> list[Endpoint]:
        """Return where the gateway listens, with the ports that the system chose for port 0."""
        return self._accepting.endpoints if self._accepting is not None else []

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
        self._signatures = await asyncio.to_thread(open_signatures, config)
        # a mistake in a directory file is told at start, not at the first RCPT
        self.directory = await asyncio.to_thread(open_directory, config, self._resolver, load=True)
        self._delivery_directory = self.directory.without_peers()
        self._exit.push_async_callback(self.directory.close)
        self.spool = spool = open_spool(config.spool.path, receivers=config.server.receivers)
        self._exit.push_async_callback(self.spool.close)
        self._scratch = await asyncio.to_thread(open_scratch, config.spool.path)
        self._exit.callback(shutil.rmtree, self._scratch, ignore_errors=True)
        self._citing = await asyncio.to_thread(open_citing, config, self._clock)
        content = config.content
        limits, closed_only = worker_limits(content), content.sandbox == "required"
        self._workers = await self._exit.enter_async_context(
            Workers(content.workers, limits, self._scratch, closed_only=closed_only)
        )
        if content.office == "auto":
            self._office = Office(limits, self._scratch, closed_only=closed_only)
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
        heard = Heard(config.spool.path / "heard.sqlite3", on_problem=_warn_of_heard, clock=self._clock)
        self._exit.callback(heard.close)
        self._guard = DowngradeGuard(
            self._delivery_directory, heard, lookup_seconds=config.conneg.lookup_seconds
        )
        self._alternates = Alternates(
            config.alternate, self.directory, self._routes, lookup_seconds=config.conneg.lookup_seconds
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
            report=self._report,
        )
        self._tasks = [asyncio.create_task(self._schedule.run()), asyncio.create_task(self._keep_house())]
        if config.server.receivers:
            self._accepting = Receivers(
                config,
                lock=spool.lock,
                wake=self._schedule.wake,
                keeps_up=lambda: self._schedule.keeps_up,
                log_style=self._log_style,
            )
            await self._accepting.start()
        else:
            learners = open_learners(config)
            for learner in learners:
                self._exit.push_async_callback(learner.close)
            self._accepting = await open_acceptance(config, self._intake(learners))
            await self._accepting.listen()

    def _intake(self, learners: Sequence[Learner]) -> Intake:
        delay = self.config.delivery.accept_delay_seconds
        return Intake(
            self.config,
            self._routes,
            self.directory,
            self.spool,
            submit=self._schedule.submit,
            wake=self._schedule.wake,
            claims=lambda: self._schedule.wait_for_room(delay),
            watch=self._watch,
            learners=learners,
            report=self._report,
        )

    async def _stop(self) -> None:
        within = self.config.server.stop_within_seconds
        began = time.monotonic()
        await self._stop_accepting(within)
        left = await self._schedule.stop(max(0.0, within - (time.monotonic() - began)))
        if left:
            log.warning("stopped with messages in hand; they stay in the spool", messages=left)
        await self._let_go(0)

    async def _let_go(self, grace_seconds: float) -> None:
        """Close whatever was opened, also after half a start."""
        await self._stop_accepting(grace_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._exit.aclose()

    async def _stop_accepting(self, grace_seconds: float) -> None:
        if self._accepting is not None:
            await self._accepting.close(grace_seconds)

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
            signatures=self._signatures,
            is_ours=message.envelope.is_ours,
            office=self._office,
            citing=self._citing,
            scratch=self._scratch,
        ) as made:
            strategies = StrategyChoices(message, content, self.config.strategy, self._routes)
            recipients = [recipient for found in by_hop.values() for recipient in found]
            readdressed = Readdressed()
            if self._alternates.concerns(recipients):
                recipients, choices = await self._alternates.choose(recipients, made)
                readdressed = Readdressed(choices)
            while recipients:
                await asyncio.gather(
                    *(
                        self._deliver_to(message, content, hop, found, made, readdressed, strategies)
                        for hop, found in self._routes.by_next_hop(recipients).items()
                    )
                )
                recipients = readdressed.next_addresses()

    async def _deliver_to(
        self,
        message: SpooledMessage,
        content: bytes,
        hop: NextHop,
        recipients: list[SpooledRecipient],
        renditions: MessageRenditions,
        readdressed: Readdressed,
        strategies: StrategyChoices,
    ) -> None:
        retry, journal = self.config.retry, Journal()
        strategy = strategies.of(hop, len(recipients))
        if len(recipients) > 1 or not strategy.is_by_destination:
            journal.served(hop.name, strategy)
        for choice in readdressed.among(recipients):
            journal.readdressed(choice.recipient, choice.asked_for, choice.reason)
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
            delay_after=self.config.reports.delay_after_seconds,
            media_features=self.config.reports.tells_features(bool(self.config.disclosure)),
        )
        transactions = Transactions(
            message,
            hop,
            renditions,
            sessions=self._sessions,
            directory=self._delivery_directory,
            guard=self._guard,
            lookup_seconds=self.config.conneg.lookup_seconds,
            open_seconds=self.config.delivery.open_transaction_seconds,
            strategy=strategy,
            journal=journal,
            settle=readdressed.before(settlement.settle),
            watch=self._watch,
        )
        await transactions.run(recipients)

    async def _set_clock_right(self) -> None:
        """Let nobody wait for a time that came from a clock which has been set back since."""
        now = self._clock()
        pulled_in = await self.spool.pull_in(now + self.config.retry.longest_seconds + _CLOCK_SECONDS, now)
        if pulled_in:
            log.warning(
                "the clock was set back; who waited for a time far ahead is due now", recipients=pulled_in
            )
            self._schedule.wake()

    async def _keep_house(self) -> None:
        """Close idle sessions and forget old records, now and then."""
        while True:
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            try:
                await self._sessions.sweep()
                await self._set_clock_right()
                await self.spool.purge(self._clock() - self.config.spool.keep_records_days * 86400)
            except (ConnegError, OSError) as error:
                self._report("housekeeping", error)


def worker_limits(section: ContentSection) -> WorkerLimits:
    """Return what one document may take of a worker."""
    return WorkerLimits(
        memory_octets=section.memory_mib << 20,
        cpu_seconds=math.ceil(section.seconds),
        wall_seconds=section.seconds,
        pages=section.pages,
        pixels=int(section.megapixels * 1_000_000),
    )


def _warn_of_heard(problem: str) -> None:
    log.warning("what next hops said before is not known", problem=problem)
