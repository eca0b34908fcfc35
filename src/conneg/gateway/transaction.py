"""One message to one next hop: ask what its recipients can take, plan, and send each capability class its form.

The draft's Appendix A (3), partial batching: all recipients are asked in one transaction; if they all get the same
content and it is there in time, it is sent at once; otherwise RSET, the renditions are made outside any transaction,
and each class comes back in one of its own, is asked again, and gets its form if its answer still leads to it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from conneg.content import ContentRefusedError, ConversionError
from conneg.directory import Directory, Known, Unavailable
from conneg.errors import BoundExceededError, ConnegError
from conneg.features import FeatureSet
from conneg.gateway.dialling import NoSessionError, UnprotectedError
from conneg.gateway.events import CapabilityFound, Planned, Watcher
from conneg.gateway.exchange import Exchange, Inquiry, StaleSessionError, is_crowded_out, open_exchange
from conneg.gateway.journal import Journal
from conneg.gateway.renditions import MessageRenditions
from conneg.gateway.result import Result, deferred, failed, from_final_reply
from conneg.gateway.routing import NextHop, NoSuchNextHopError
from conneg.gateway.sections import AS_IS, DestinationSection
from conneg.gateway.sessions import Sessions
from conneg.negotiation import (
    AsItIs,
    Capability,
    Outcome,
    Plan,
    PlanPolicy,
    Provenance,
    Undeliverable,
    after_rcpt,
    common,
    describe_capability,
    make_plan,
    read_capability,
)
from conneg.smtp import ConnegArgument
from conneg.spool import SpooledMessage, SpooledRecipient
from conneg.staging import StagingError

MAX_ROUNDS = 4
"""How often one recipient is asked for one message in one go; a capability that changes more often is deferred."""

_ARGUMENT = {"required": ConnegArgument.REQUIRED, "optional": ConnegArgument.OPTIONAL, "off": None}
_NOTHING_KNOWN = AsItIs("nothing is known of what the recipient can take; the message goes as it came")
_NOT_CONVERTED = AsItIs("this destination's mail is passed on as it came")
_ANYTHING = Capability("", FeatureSet.everything(), Provenance.BASELINE, "nothing is known")
_NO_ROOM = "4.3.1"
_INSTEAD = {"return": "refuse", "original": "refuse", "stage": "stage"}

Settle = Callable[[Sequence[Result]], Awaitable[None]]


@dataclass(slots=True)
class _Batch:
    """Recipients without a result, to be asked together; `round` counts how often they have been.

    `fresh` asks for a new session, since an idle one turned out to be ended.
    """

    recipients: list[SpooledRecipient]
    round: int = 1
    fresh: bool = False


@dataclass(slots=True)
class _Group:
    """Recipients of one transaction who get the same content."""

    plan: Plan
    recipients: list[SpooledRecipient] = field(default_factory=list)

    @property
    def forward_paths(self) -> list[str]:
        """Whom it is for."""
        return [recipient.forward_path for recipient in self.recipients]


@dataclass(slots=True)
class _Answers:
    """What one transaction's RCPT replies and the directory led to; who was `crowded_out` is for another one."""

    capabilities: list[tuple[SpooledRecipient, Capability | None]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    crowded_out: list[SpooledRecipient] = field(default_factory=list)
    accepted_but_deferred: bool = False


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
        lookup_seconds: float,
        open_seconds: float,
        journal: Journal,
        settle: Settle,
        watch: Watcher,
    ) -> None:
        self._message = message
        self._hop = hop.without_policies() if message.envelope.tls_optional else hop
        self._policy = hop.destination
        may_ask = (
            self._policy.convert and self._policy.deliver != "maildir"
        )  # a folder knows nothing of devices
        self._argument = _ARGUMENT[self._policy.conneg] if may_ask else None
        self._renditions = renditions
        self._sessions = sessions
        self._directory = directory
        self._lookup_seconds = lookup_seconds
        self._open_seconds = open_seconds
        self._journal = journal
        self._settle_results = settle
        self._watch = watch

    async def run(self, recipients: Sequence[SpooledRecipient]) -> None:
        """Bring every recipient to a result; a peer that is not there defers those not yet settled."""
        single = self._policy.strategy == "single"
        batches = [_Batch([r]) for r in recipients] if single else [_Batch(list(recipients))]
        while batches:
            batch = batches.pop(0)
            if batch.round > MAX_ROUNDS:
                await self._settle(
                    batch, [deferred(r, "its capability kept changing", "4.3.3") for r in batch.recipients]
                )
                continue
            try:
                batches += await self._run_batch(batch)
            except StaleSessionError:
                batches.insert(0, _Batch(batch.recipients, batch.round, fresh=True))
            except (NoSuchNextHopError, UnprotectedError) as error:
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
        async with open_exchange(
            self._hop, self._sessions, fresh=batch.fresh, requires_tls=requires_tls
        ) as exchange:
            room = exchange.room_for(batch.recipients)
            if room < len(batch.recipients):
                following.append(_Batch(batch.recipients[room:], batch.round))
                batch.recipients = batch.recipients[:room]
            answers = await self._ask(exchange, batch)
            await self._settle(batch, answers.results)
            if answers.crowded_out:
                following.append(_Batch(answers.crowded_out, batch.round))
                crowded = {recipient.id for recipient in answers.crowded_out}
                batch.recipients = [r for r in batch.recipients if r.id not in crowded]
            groups = await self._group(answers.capabilities)
            whole = len(groups) == 1 and not answers.accepted_but_deferred
            if whole and not isinstance(groups[0].plan, Undeliverable):
                content = await self._content_in_time(groups[0])
                if content is not None:
                    await self._send(exchange, batch, groups[0], content)
                    return following
            await exchange.take_back()
        ready = [group for group in groups if await self._prepare(batch, group)]
        return [_Batch(list(group.recipients), batch.round + 1) for group in ready] + following

    async def _ask(self, exchange: Exchange, batch: _Batch) -> _Answers:
        """Ask for every recipient, then the directory for those of whom the next hop said nothing."""
        if exchange.connection is not None:
            self._journal.connected(batch.recipients, exchange.connection)
        envelope = self._message.envelope
        replies = await exchange.ask(
            Inquiry(
                envelope,
                batch.recipients,
                self._argument,
                has_utf8_header=envelope.smtputf8 and self._renditions.has_utf8_header,
                is_fixed=not self._policy.convert,
            )
        )
        answers = _Answers()
        silent: list[SpooledRecipient] = []
        is_anybody_accepted = any(answer.reply.is_positive for answer in replies)
        for recipient, answer in zip(batch.recipients, replies, strict=True):
            if answer.asked is not None or answer.reply.code >= 400:
                self._journal.answered(recipient, exchange.peer, answer.reply, answer.capability)
            if is_anybody_accepted and is_crowded_out(answer.reply):
                answers.crowded_out.append(recipient)
                continue
            match after_rcpt(answer.reply.code, self._argument, answer.capability):
                case Outcome.CAPABILITY:
                    said = read_capability(
                        answer.capability or "",
                        Provenance.REPLY,
                        exchange.peer,
                        authenticated=exchange.is_verified,
                    )
                    answers.capabilities.append((recipient, said))
                case Outcome.BASELINE:
                    silent.append(recipient)
                case Outcome.DEFER:
                    answers.results.append(deferred(recipient, answer.reply, "4.3.3", remote=exchange.peer))
                case Outcome.FAIL | Outcome.REPEAT:  # the client has repeated what may be repeated
                    answers.results.append(failed(recipient, answer.reply, "5.3.3", remote=exchange.peer))
        await self._look_up(silent, answers)
        return answers

    async def _look_up(self, recipients: Sequence[SpooledRecipient], answers: _Answers) -> None:
        """Find what the next hop did not say: the directory, then the baseline; a silent directory defers."""
        if not recipients or not self._policy.convert:
            answers.capabilities += [(recipient, None) for recipient in recipients]
            return
        found = await self._directory.lookup([r.forward_path for r in recipients], self._lookup_seconds)
        for recipient in recipients:
            match found.get(recipient.forward_path):
                case Known(capability=capability):
                    answers.capabilities.append((recipient, capability))
                case Unavailable(reason=reason):
                    why = f"the directory gives no answer: {reason}"
                    answers.results.append(deferred(recipient, why, "4.4.3"))
                    answers.accepted_but_deferred = True
                case _:
                    answers.capabilities.append((recipient, baseline_of(self._policy)))

    async def _group(
        self, capabilities: Sequence[tuple[SpooledRecipient, Capability | None]]
    ) -> list[_Group]:
        """Plan for each distinct capability and bring those together who get the same content."""
        plans: dict[str | None, Plan] = {}
        groups: dict[str, _Group] = {}
        for recipient, capability in capabilities:
            self._tell_capability(recipient, capability)
        if self._policy.strategy == "common":
            capabilities = _in_common(capabilities)
        for recipient, capability in capabilities:
            key = capability.features.key if capability else None
            if key not in plans:
                plans[key] = await self._plan(capability)
            plan = plans[key]
            group = groups.setdefault(f"{type(plan).__name__} {plan.key}", _Group(plan))
            group.recipients.append(recipient)
        for group in groups.values():
            self._tell_plan(group)
        return list(groups.values())

    async def _plan(self, capability: Capability | None) -> Plan:
        if capability is None:
            if not self._policy.convert:
                return _NOT_CONVERTED
            above = self._policy.stage_above_octets
            if above is None or self._message.octets <= above:
                return _NOTHING_KNOWN
            capability = _ANYTHING
        # What the next hop announced binds (draft 4.2); only what others said of the device may be overruled.
        may_overrule = capability.provenance is not Provenance.REPLY
        send_original = self._policy.on_no_common_form == "original" and may_overrule
        policy = PlanPolicy(
            on_no_common_form="original" if send_original else _INSTEAD[self._policy.on_no_common_form],
            on_protected="refuse" if self._policy.on_protected == "return" else "keep",
            stage_above_octets=self._policy.stage_above_octets,
        )
        try:
            offer = await self._renditions.offer()
        except BoundExceededError:
            if capability is _ANYTHING:
                return _NOTHING_KNOWN  # what cannot be taken apart is not staged
            raise
        return make_plan(offer, capability, policy)

    async def _content_for(self, group: _Group) -> bytes:
        return await self._renditions.content_for(
            group.plan, has_cover=self._policy.cover_page, recipients=group.forward_paths
        )

    async def _content_in_time(self, group: _Group) -> bytes | None:
        """Return the content if it is ready while the next hop still waits; None if it is not, or cannot be made."""
        if isinstance(group.plan, AsItIs):
            return await self._content_for(group)
        try:
            async with asyncio.timeout(self._open_seconds):
                return await self._content_for(group)
        except (TimeoutError, ContentRefusedError, ConversionError, StagingError):
            return None

    async def _prepare(self, batch: _Batch, group: _Group) -> bool:
        """Make the group's content outside any transaction; settle the group and say False if it cannot be had."""
        if isinstance(group.plan, Undeliverable):
            plan = group.plan
            await self._settle(batch, [failed(r, plan.reason, plan.status) for r in group.recipients])
            return False
        try:
            await self._content_for(group)
        except (ContentRefusedError, ConversionError) as error:
            why = f"the document could not be converted: {error}"
            await self._settle(batch, [failed(r, why, "5.6.5") for r in group.recipients])
            return False
        except StagingError as error:
            await self._settle(batch, [deferred(r, str(error), _NO_ROOM) for r in group.recipients])
            return False
        return True

    async def _send(self, exchange: Exchange, batch: _Batch, group: _Group, content: bytes) -> None:
        try:
            await self._renditions.announce(group.plan, group.forward_paths)
        except StagingError as error:
            await exchange.take_back()
            await self._settle(batch, [deferred(r, str(error), _NO_ROOM) for r in group.recipients])
            return
        replies = await exchange.send(content)
        results = [
            from_final_reply(
                recipient, reply, remote=exchange.peer, octets=len(content), form=group.plan.summary
            )
            for recipient, reply in zip(group.recipients, replies, strict=True)
        ]
        await self._settle(batch, [replace(result, success=exchange.success) for result in results])

    async def _settle(self, batch: _Batch, results: Sequence[Result]) -> None:
        if not results:
            return
        done = {result.recipient.id for result in results}
        batch.recipients = [recipient for recipient in batch.recipients if recipient.id not in done]
        await self._settle_results(results)

    def _tell_capability(self, recipient: SpooledRecipient, capability: Capability | None) -> None:
        if capability is None:
            return
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

    def _tell_plan(self, group: _Group) -> None:
        self._journal.planned(group.recipients, group.plan, self._renditions.notes)
        self._watch(
            Planned(
                self._message.id,
                tuple(recipient.forward_path for recipient in group.recipients),
                type(group.plan).__name__,
                group.plan.summary,
                group.plan.reason,
            )
        )


def _in_common(
    capabilities: Sequence[tuple[SpooledRecipient, Capability | None]],
) -> Sequence[tuple[SpooledRecipient, Capability | None]]:
    """Give everyone the capability that all share (Appendix A (2)); those who share nothing keep their own."""
    known = {
        str(recipient.id): capability for recipient, capability in capabilities if capability is not None
    }
    shared = {
        recipient_id: together.capability
        for together in common(known)
        for recipient_id in together.recipients
    }
    return [(recipient, shared.get(str(recipient.id))) for recipient, _ in capabilities]


def baseline_of(policy: DestinationSection) -> Capability | None:
    """Return what recipients of this destination can take when nothing else is known; None: anything."""
    if policy.baseline == AS_IS:
        return None
    return read_capability(policy.baseline, Provenance.BASELINE, f"baseline of {policy.domains[0]}")
