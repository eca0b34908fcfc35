"""Content that is no larger than device and next hop take: made anew, giving up a little more, until it fits."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from conneg.gateway.renditions import MessageRenditions, TooLargeError
from conneg.negotiation import Capability, Plan, PlanPolicy, smaller_plans

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

    `capabilities` are those of all who get it (`recipients`), `max_octets` what the next hop takes. Raises
    TooLargeError when nothing fits, and what `MessageRenditions.content_for` raises.
    """
    try:
        return plan, await _content_within(renditions, plan, max_octets, has_cover, recipients)
    except TooLargeError as error:
        reason = error
    if not capabilities:
        raise reason
    accepted = reduce(lambda one, other: one & other, (one.features for one in capabilities))
    capability = replace(capabilities[0], features=accepted)
    offer = await renditions.offer()
    for smaller in smaller_plans(offer, capability, policy, plan, max_octets):
        try:
            return smaller, await _content_within(renditions, smaller, max_octets, has_cover, recipients)
        except TooLargeError as error:
            reason = error
    raise reason


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
