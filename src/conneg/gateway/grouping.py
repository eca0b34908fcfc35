"""The recipients of one transaction in groups, each with the plan for the content that it gets (draft, Appendix A)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conneg.errors import BoundExceededError
from conneg.features import FeatureSet
from conneg.gateway.renditions import MessageRenditions
from conneg.gateway.sections import AS_IS, DestinationSection
from conneg.negotiation import (
    AsItIs,
    Capability,
    Plan,
    PlanPolicy,
    Provenance,
    ServedClass,
    cheapest_plans,
    common,
    estimate,
    make_plan,
    read_capability,
)
from conneg.spool import SpooledRecipient

MAX_COMPARED_PLANS = 64
"""More plans than these for one transaction's recipients are not held against each other; only equal ones are one."""

_NOTHING_KNOWN = AsItIs("nothing is known of what the recipient can take; the message goes as it came")
_NOT_CONVERTED = AsItIs("this destination's mail is passed on as it came")

ANYTHING = Capability("", FeatureSet.everything(), Provenance.BASELINE, "nothing is known")
"""What a recipient is held to take of whom nothing is known, where only size decides."""

_INSTEAD = {"return": "refuse", "original": "refuse", "stage": "stage"}

Capabilities = Sequence[tuple[SpooledRecipient, Capability | None]]
"""Recipients with what they can take; None where nothing is known."""


@dataclass(slots=True)
class Group:
    """Recipients of one transaction who get the same content.

    `capabilities` are the different ones that they have, `own_forms` counts the different forms that each would have
    got alone. The content may have `max_octets`; None: any number.
    """

    plan: Plan
    recipients: list[SpooledRecipient] = field(default_factory=list)
    own_forms: int = 1
    capabilities: list[Capability] = field(default_factory=list)
    max_octets: int | None = None

    @property
    def forward_paths(self) -> list[str]:
        """Whom it is for."""
        return [recipient.forward_path for recipient in self.recipients]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be recorded of the group besides the plan's reason."""
        if self.own_forms == 1:
            return ()
        return (f"one form in place of {self.own_forms}, since nobody gets worse by it",)


async def group_recipients(
    known: Capabilities, policy: DestinationSection, renditions: MessageRenditions
) -> list[Group]:
    """Plan for each distinct capability, and bring those together who get the same content by the policy's strategy."""
    if policy.strategy == "common":
        known = _in_common(known)
    capabilities = {_key(capability): capability for _, capability in known}
    own = {key: await plan_for(capability, policy, renditions) for key, capability in capabilities.items()}
    plans = own
    if policy.strategy == "auto":
        heard = {key: capability for key, capability in capabilities.items() if capability is not None}
        plans = own | await _shared(heard, own, policy, renditions)
    groups: dict[str, Group] = {}
    for recipient, capability in known:
        plan = plans[_key(capability)]
        groups.setdefault(_name(plan), Group(plan)).recipients.append(recipient)
    for name, group in groups.items():
        keys = [key for key, plan in plans.items() if _name(plan) == name]
        group.own_forms = len({_name(own[key]) for key in keys})
        group.capabilities = [one for key in keys if (one := capabilities[key]) is not None]
    return list(groups.values())


async def _shared(
    capabilities: Mapping[str, Capability],
    own: Mapping[str, Plan],
    policy: DestinationSection,
    renditions: MessageRenditions,
) -> dict[str, Plan]:
    """Return plans with which near classes share a form, as far as policy calls nothing of it a loss.

    A form that is there already costs no work, so who comes back for one gets that one.
    """
    if not 1 < len({_name(own[key]) for key in capabilities}) <= MAX_COMPARED_PLANS:
        return {}
    offer = await renditions.offer()
    classes = [ServedClass(capability, own[key]) for key, capability in capabilities.items()]
    together = [one.capability for one in common(capabilities) if len(one.recipients) > 1]
    others = [await plan_for(capability, policy, renditions) for capability in together]

    def cost(plan: Plan) -> float:
        return 0.0 if renditions.has_made(plan) else estimate(plan, offer)

    chosen = await asyncio.to_thread(
        cheapest_plans, classes, offer, cost, losses=policy.losses, others=others
    )
    return dict(zip(capabilities, chosen, strict=True))


async def plan_for(
    capability: Capability | None, policy: DestinationSection, renditions: MessageRenditions
) -> Plan:
    """Return the best plan for one capability alone."""
    if capability is None:
        if not policy.convert:
            return _NOT_CONVERTED
        return await _plan_by_size(policy, renditions)
    # What the next hop announced binds (draft 4.2); only what others said of the device may be overruled.
    may_overrule = capability.provenance is not Provenance.REPLY
    send_original = policy.on_no_common_form == "original" and may_overrule
    wanted = plan_policy(policy, send_original=send_original)
    return make_plan(await renditions.offer(), capability, wanted)


async def _plan_by_size(policy: DestinationSection, renditions: MessageRenditions) -> Plan:
    """Return the plan for a recipient of whom nothing is known: only what is too large for policy is staged."""
    above = policy.stage_above_octets
    if above is None or renditions.octets <= above:
        return _NOTHING_KNOWN
    try:
        return make_plan(await renditions.offer(), ANYTHING, plan_policy(policy))
    except BoundExceededError:
        return _NOTHING_KNOWN  # what cannot be taken apart is not staged


def plan_policy(policy: DestinationSection, *, send_original: bool = False) -> PlanPolicy:
    """Return what the planner is to keep to."""
    return PlanPolicy(
        on_no_common_form="original" if send_original else _INSTEAD[policy.on_no_common_form],
        stage_above_octets=policy.stage_above_octets,
        on_protected="refuse" if policy.on_protected == "return" else "keep",
        on_illegible="refuse" if policy.on_illegible == "return" else "send",
    )


def _in_common(known: Capabilities) -> Capabilities:
    """Give everyone the capability that all share (Appendix A (2)); those who share nothing keep their own."""
    capabilities = {
        str(recipient.id): capability for recipient, capability in known if capability is not None
    }
    shared = {
        recipient_id: together.capability
        for together in common(capabilities)
        for recipient_id in together.recipients
    }
    return [(recipient, shared.get(str(recipient.id))) for recipient, _ in known]


def _key(capability: Capability | None) -> str:
    return "" if capability is None else capability.features.key


def _name(plan: Plan) -> str:
    """Return what is the same for plans that lead to the same content or report."""
    return f"{type(plan).__name__} {plan.key}"


def baseline_of(policy: DestinationSection) -> Capability | None:
    """Return what recipients of this destination can take when nothing else is known; None: anything."""
    if policy.baseline == AS_IS:
        return None
    return read_capability(policy.baseline, Provenance.BASELINE, f"baseline of {policy.domains[0]}")
