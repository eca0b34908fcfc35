"""The draft's Appendix A: one content for each recipient, one for all, or one for each class of like capability.

Each function takes what the recipients can take and gives the batches to be sent, each with the capability to plan
for. `batches` chooses among them by name.
"""

from collections.abc import Mapping
from enum import StrEnum

from conneg.features import FeatureSet
from conneg.negotiation.capability import Capability
from conneg.negotiation.classes import CapabilityClass, capability_classes


class Strategy(StrEnum):
    """The scenarios of Appendix A."""

    SINGLE = "single"
    """(1) A transaction for each recipient."""
    COMMON = "common"
    """(2) One transaction with the best form that all recipients accept."""
    BATCH = "batch"
    """(3) A transaction for each capability class; the default."""


def batches(
    capabilities: Mapping[str, Capability], strategy: Strategy = Strategy.BATCH
) -> tuple[CapabilityClass, ...]:
    """Return the batches in which the recipients are served under `strategy`."""
    match strategy:
        case Strategy.SINGLE:
            return single(capabilities)
        case Strategy.COMMON:
            return common(capabilities)
        case Strategy.BATCH:
            return capability_classes(capabilities)


def single(capabilities: Mapping[str, Capability]) -> tuple[CapabilityClass, ...]:
    """Appendix A (1): each recipient by itself."""
    return tuple(CapabilityClass((recipient,), capability) for recipient, capability in capabilities.items())


def common(capabilities: Mapping[str, Capability]) -> tuple[CapabilityClass, ...]:
    """Appendix A (2): everybody together, with the intersection of what they can take.

    Recipients who have nothing in common with those before them are left to a batch of their own, so that nobody is
    refused for another's sake.
    """
    merged: list[tuple[list[str], list[Capability], FeatureSet]] = []
    for capability_class in capability_classes(capabilities):
        for position, (recipients, members, features) in enumerate(merged):
            shared = features & capability_class.capability.features
            if not shared.is_empty:
                merged[position] = (
                    [*recipients, *capability_class.recipients],
                    [*members, capability_class.capability],
                    shared,
                )
                break
        else:
            recipients = list(capability_class.recipients)
            merged.append((recipients, [capability_class.capability], capability_class.capability.features))
    return tuple(
        CapabilityClass(tuple(recipients), _stand_for(members, features))
        for recipients, members, features in merged
    )


def _stand_for(members: list[Capability], features: FeatureSet) -> Capability:
    """Return the capability that stands for all `members`, whose intersection is `features`.

    Its provenance is that of the first; it is authenticated only if all are, and as old as the oldest.
    """
    if len(members) == 1:
        return members[0]
    ages = [member.obtained_at for member in members if member.obtained_at is not None]
    sources = dict.fromkeys(member.source for member in members)
    return Capability(
        expression=str(features),
        features=features,
        provenance=members[0].provenance,
        source=", ".join(sources),
        obtained_at=min(ages, default=None),
        authenticated=all(member.authenticated for member in members),
    )
