"""Content that is no larger than device and next hop take: made anew, giving up a little more, until it fits."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain

from conneg.errors import BoundExceededError
from conneg.gateway.grouping import ANYTHING
from conneg.gateway.renditions import MessageRenditions, TooLargeError
from conneg.negotiation import Capability, Plan, PlanPolicy, smaller_plans, staging_plans

MESSAGE_TOO_BIG = "5.3.4"
"""The message is larger than the system takes (RFC 3463, 3.4)."""


async def fitted(
    renditions: MessageRenditions,
    plan: Plan,
    capabilities: Sequence[Capability],
    policy: PlanPolicy,
    *,
    max_octets: int | None,
    has_cover: bool,
    recipients: Sequence[str] = (),
) -> tuple[Plan, bytes]:
    """Return `plan`, or the first smaller one whose content fits, and that content.

    `capabilities` are those of all who get it (`recipients`), `max_octets` what the next hop takes. Where nothing
    smaller fits, or nothing is known of who gets it, and policy stages, the largest parts are staged. Raises
    TooLargeError when nothing fits, and what `MessageRenditions.content_for` raises.
    """
    try:
        return plan, await _content_within(renditions, plan, max_octets, has_cover, recipients)
    except TooLargeError as error:
        reason = error
    if not capabilities and not policy.stages:
        raise reason
    capability = _shared(capabilities)
    try:
        offer = await renditions.offer()
    except BoundExceededError:
        raise reason from None  # what cannot be taken apart cannot be made smaller
    plans = smaller_plans(offer, capability, policy, plan, max_octets) if capabilities else iter(())
    if policy.stages and max_octets is not None:
        plans = chain(plans, staging_plans(offer, capability, policy, max_octets))
    for smaller in plans:
        try:
            return smaller, await _content_within(renditions, smaller, max_octets, has_cover, recipients)
        except TooLargeError as error:
            reason = error
    raise reason


def _shared(capabilities: Sequence[Capability]) -> Capability:
    """Return what all of them take; anything, where nothing is known."""
    if not capabilities:
        return ANYTHING
    accepted = reduce(lambda one, other: one & other, (one.features for one in capabilities))
    return replace(capabilities[0], features=accepted)


async def _content_within(
    renditions: MessageRenditions,
    plan: Plan,
    max_octets: int | None,
    has_cover: bool,
    recipients: Sequence[str],
) -> bytes:
    content = await renditions.content_for(plan, has_cover=has_cover, recipients=recipients)
    if max_octets is not None and len(content) > max_octets:
        raise TooLargeError(
            f"the message has {len(content)} octets, and the next hop takes {max_octets}", MESSAGE_TOO_BIG
        )
    return content
