"""One message to one next hop: ask what its recipients can take, plan, and send each capability class its form.

The draft's Appendix A (3), partial batching: all recipients are asked in one transaction; if they all get the same
content and it is there in time, it is sent at once; otherwise RSET, the renditions are made outside any transaction,
and each class comes back in one of its own, is asked again, and gets its form if its answer still leads to it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from conneg.content import ContentRefusedError, ConversionError
from conneg.directory import Directory
from conneg.errors import ConnegError
from conneg.gateway.dialling import NoSessionError, UnprotectedError
from conneg.gateway.downgrade import DowngradeGuard
from conneg.gateway.enquiry import Answers, Enquiry
from conneg.gateway.events import CapabilityFound, Planned, Watcher
from conneg.gateway.exchange import Exchange, Outgoing, StaleSessionError, open_exchange
from conneg.gateway.fitting import fitted
from conneg.gateway.grouping import Capabilities, Group, group_recipients, plan_policy
from conneg.gateway.journal import Journal
from conneg.gateway.renditions import MessageRenditions, TooLargeError
from conneg.gateway.result import Result, Settle, deferred, failed, from_final_reply, with_loss
from conneg.gateway.routing import NextHop, NoSuchNextHopError
from conneg.gateway.sessions import Sessions
from conneg.gateway.strategies import StrategyChoice
from conneg.negotiation import AsItIs, Capability, Provenance, Undeliverable, describe_capability, loss_of
from conneg.spool import SpooledMessage, SpooledRecipient
from conneg.staging import StagingError

MAX_ROUNDS = 4
"""How often one recipient is asked for one message in one go; a capability that changes more often is deferred."""

_NO_ROOM = "4.3.1"


@dataclass(slots=True)
class _Batch:
    """Recipients without a result, to be asked together; `round` counts how often they have been.

    `fresh` asks for a new session, since an idle one turned out to be ended; `verified` for one whose TLS proves who
    the next hop is, since what it said without is in doubt. `is_alone`: nobody else uses its sessions.
    """

    recipients: list[SpooledRecipient]
    round: int = 1
    fresh: bool = False
    verified: bool = False
    is_alone: bool = False


class Transactions:
    """Delivers one message to the recipients behind one next hop; `run` is called once."""

    def __init__(
        self,
        message: SpooledMessage,
        hop: NextHop,
        renditions: MessageRenditions,
        *,
        sessions: Sessions,
        directory: Directory,
        guard: DowngradeGuard,
        lookup_seconds: float,
        open_seconds: float,
        strategy: StrategyChoice,
        journal: Journal,
        settle: Settle,
        watch: Watcher,
    ) -> None:
        self._message = message
        self._hop = hop.without_policies() if message.envelope.tls_optional else hop
        self._policy = strategy.applied_to(hop.destination)
        self._enquiry = Enquiry(
            message.envelope,
            self._policy,
            renditions,
            directory=directory,
            lookup_seconds=lookup_seconds,
            journal=journal,
        )
        self._renditions = renditions
        self._sessions = sessions
        self._guard = guard
        self._open_seconds = open_seconds
        self._journal = journal
        self._settle_results = settle
        self._watch = watch
        self._accepts: dict[int, str] = {}

    async def run(self, recipients: Sequence[SpooledRecipient]) -> None:
        """Bring every recipient to a result; a peer that is not there defers those not yet settled.

        By "single" each has a session alone (draft, Appendix A (1)), as many at a time as the next hop may have.
        """
        if self._policy.strategy == "single":
            await asyncio.gather(*(self._run(_Batch([one], is_alone=True)) for one in recipients))
        else:
            await self._run(_Batch(list(recipients)))

    async def _run(self, batch: _Batch) -> None:
        """Bring the recipients of a batch to results."""
        batches = [batch]
        while batches:
            batch = batches.pop(0)
            if batch.round > MAX_ROUNDS:
                await self._settle(
                    batch, [deferred(r, "its capability kept changing", "4.3.3") for r in batch.recipients]
                )
                continue
            try:
                if batch.round > 1:  # what takes longer than a transaction may is waited for outside of one
                    await self._renditions.offer()
                batches += await self._run_batch(batch)
            except StaleSessionError:
                batches.insert(0, replace(batch, fresh=True))
            except UnprotectedError as error:
                make = deferred if batch.verified else failed
                await self._settle(batch, [make(r, str(error), error.status) for r in batch.recipients])
            except NoSuchNextHopError as error:
                await self._settle(batch, [failed(r, str(error), error.status) for r in batch.recipients])
            except NoSessionError as error:
                await self._settle(batch, [deferred(r, str(error), error.status) for r in batch.recipients])
            except (ConnegError, OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
                await self._settle(batch, [deferred(r, reason, "4.4.1") for r in batch.recipients])

    async def _run_batch(self, batch: _Batch) -> list[_Batch]:
        """One transaction; returns the batches that have to follow. Who has a result is gone from `batch`."""
        following: list[_Batch] = []
        envelope = self._message.envelope
        # a report must not be lost because a server on its way does not know the extension (RFC 8689, 5)
        requires_tls = envelope.requiretls and envelope.reverse_path != ""
        hop = self._hop.with_verified_tls() if batch.verified else self._hop
        async with open_exchange(
            hop,
            self._sessions,
            fresh=batch.fresh,
            is_alone=batch.is_alone,
            requires_tls=requires_tls,
        ) as exchange:
            room = exchange.room_for(batch.recipients)
            if room < len(batch.recipients):
                following.append(replace(batch, recipients=batch.recipients[room:]))
                batch.recipients = batch.recipients[:room]
            answers = await self._enquiry.ask(exchange, batch.recipients)
            until = asyncio.get_running_loop().time() + self._open_seconds
            await self._settle(batch, answers.results)
            if answers.crowded_out:
                following.append(replace(batch, recipients=answers.crowded_out))
                _take_out(batch, answers.crowded_out)
            if not await self._is_looked_at(answers, until):
                await exchange.take_back()
                following.insert(0, replace(batch, round=batch.round + 1))
                return following
            following += await self._doubt(answers, batch)
            groups = await self._group(answers.capabilities, self._most_octets(exchange))
            whole = len(groups) == 1 and not answers.has_left_out
            if whole and not isinstance(groups[0].plan, Undeliverable):
                content = await self._content_in_time(groups[0], until)
                if content is not None:
                    await self._send(exchange, batch, groups[0], content)
                    return following
            await exchange.take_back()
        ready = [group for group in groups if await self._prepare(batch, group)]
        return [
            replace(batch, recipients=list(group.recipients), round=batch.round + 1, fresh=False)
            for group in ready
        ] + following

    def _most_octets(self, exchange: Exchange) -> int | None:
        """Return how large a message may become; what goes as it came is the next hop's to refuse."""
        return exchange.max_octets if self._policy.convert else None

    async def _doubt(self, answers: Answers, batch: _Batch) -> list[_Batch]:
        """Deal with answers that may have been made worse on their way (draft, 8); return who is to be asked again."""
        if not self._policy.convert or self._policy.on_downgrade == "believe":
            return []
        found = await self._guard.downgrades(answers.capabilities, self._policy, self._renditions)
        again: list[SpooledRecipient] = []
        for one in found:
            self._journal.doubted(one.recipient, one.reason, self._policy.on_downgrade)
            place = next(at for at, (r, _) in enumerate(answers.capabilities) if r.id == one.recipient.id)
            match self._policy.on_downgrade:
                case "keep":
                    answers.capabilities[place] = (one.recipient, one.expected)
                case "defer":
                    del answers.capabilities[place]
                    await self._settle(batch, [deferred(one.recipient, one.reason, "4.7.0")])
                    answers.has_left_out = True
                case "tls" if not batch.verified:
                    del answers.capabilities[place]
                    again.append(one.recipient)
                    answers.has_left_out = True
        if not again:
            return []
        _take_out(batch, again)
        return [replace(batch, recipients=again, verified=True)]

    async def _is_looked_at(self, answers: Answers, until: float) -> bool:
        """Whether what the message holds is known `until` then, or need not be; it is looked into in any case."""
        if all(capability is None for _, capability in answers.capabilities):
            return True
        try:
            async with asyncio.timeout_at(until):
                await self._renditions.offer()
        except TimeoutError:
            return False
        return True

    async def _group(self, capabilities: Capabilities, max_octets: int | None) -> list[Group]:
        """Bring those together who get the same content, and tell who can take what and gets what."""
        for recipient, capability in capabilities:
            self._tell_capability(recipient, capability)
        groups = await group_recipients(capabilities, self._policy, self._renditions)
        for group in groups:
            group.max_octets = max_octets
            self._tell_plan(group)
        return groups

    async def _content_for(self, group: Group) -> bytes:
        """Return the group's content; where it had to be made smaller, the group has another plan then."""
        plan, content = await fitted(
            self._renditions,
            group.plan,
            group.capabilities,
            plan_policy(self._policy),
            max_octets=group.max_octets,
            has_cover=self._policy.cover_page,
            recipients=group.forward_paths,
        )
        if plan is not group.plan:
            group.plan = plan
            self._tell_plan(group)
        return content

    async def _content_in_time(self, group: Group, until: float) -> bytes | None:
        """Return the content if it is ready while the next hop still waits; None if it is not, or cannot be made."""
        try:
            async with asyncio.timeout_at(until):
                return await self._content_for(group)
        except (TimeoutError, ContentRefusedError, ConversionError, StagingError):
            return None

    async def _prepare(self, batch: _Batch, group: Group) -> bool:
        """Make the group's content outside any transaction; settle the group and say False if it cannot be had."""
        if isinstance(group.plan, Undeliverable):
            plan = group.plan
            await self._settle(batch, [failed(r, plan.reason, plan.status) for r in group.recipients])
            return False
        try:
            await self._content_for(group)
        except TooLargeError as error:
            await self._settle(batch, [failed(r, str(error), error.status) for r in group.recipients])
            return False
        except (ContentRefusedError, ConversionError) as error:
            why = f"the document could not be converted: {error}"
            await self._settle(batch, [failed(r, why, "5.6.5") for r in group.recipients])
            return False
        except StagingError as error:
            await self._settle(batch, [deferred(r, str(error), _NO_ROOM) for r in group.recipients])
            return False
        return True

    async def _send(self, exchange: Exchange, batch: _Batch, group: Group, content: bytes) -> None:
        try:
            await self._renditions.announce(group.plan, group.forward_paths)
        except StagingError as error:
            await exchange.take_back()
            await self._settle(batch, [deferred(r, str(error), _NO_ROOM) for r in group.recipients])
            return
        findings = self._renditions.findings(group.plan, has_cover=self._policy.cover_page)
        if findings:
            self._journal.checked(group.recipients, findings)
        is_changed = not isinstance(group.plan, AsItIs)
        replies = await exchange.send(Outgoing(content, is_changed, self._renditions.seal))
        results = [
            from_final_reply(
                recipient, reply, remote=exchange.peer, octets=len(content), form=group.plan.summary
            )
            for recipient, reply in zip(group.recipients, replies, strict=True)
        ]
        loss = loss_of(group.plan)
        await self._settle(
            batch, [with_loss(replace(result, success=exchange.success), loss) for result in results]
        )

    async def _settle(self, batch: _Batch, results: Sequence[Result]) -> None:
        if not results:
            return
        _take_out(batch, [result.recipient for result in results])
        await self._settle_results(
            [replace(result, accepts=self._accepts.get(result.recipient.id)) for result in results]
        )

    def _tell_capability(self, recipient: SpooledRecipient, capability: Capability | None) -> None:
        if capability is None:
            return
        if capability.provenance is not Provenance.BASELINE:
            self._accepts[recipient.id] = capability.expression
        summary = describe_capability(capability)
        self._journal.capability(recipient, capability, summary)
        self._watch(
            CapabilityFound(
                self._message.id,
                recipient.forward_path,
                capability.expression,
                str(capability.provenance),
                capability.source,
                summary,
            )
        )

    def _tell_plan(self, group: Group) -> None:
        notes = self._renditions.notes_on(group.plan, is_sealed=self._policy.deliver != "maildir")
        self._journal.planned(group.recipients, group.plan, (*group.notes, *notes))
        self._watch(
            Planned(
                self._message.id,
                tuple(recipient.forward_path for recipient in group.recipients),
                type(group.plan).__name__,
                group.plan.summary,
                group.plan.reason,
            )
        )


def _take_out(batch: _Batch, recipients: Sequence[SpooledRecipient]) -> None:
    gone = {recipient.id for recipient in recipients}
    batch.recipients = [recipient for recipient in batch.recipients if recipient.id not in gone]
