"""Recipients brought together by what they can take: those whose capabilities mean the same are one capability class.

The cost of a message then grows with the number of classes, not of recipients (draft Appendix A (3)).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from conneg.errors import BoundExceededError
from conneg.features import FeatureSet
from conneg.negotiation.capability import Capability


@dataclass(frozen=True, slots=True)
class CapabilityClass:
    """Recipients whose capabilities are equivalent; `capability` is that of the first of them."""

    recipients: tuple[str, ...]
    capability: Capability

    @property
    def key(self) -> str:
        """The same for two classes if their feature sets have the same canonical text."""
        return self.capability.features.key


def capability_classes(capabilities: Mapping[str, Capability]) -> tuple[CapabilityClass, ...]:
    """Partition the recipients by equivalence of what they can take, in the order in which they first appear."""
    groups: dict[str, list[str]] = {}
    for recipient, capability in capabilities.items():
        groups.setdefault(_meaning(capability.features), []).append(recipient)
    return tuple(CapabilityClass(tuple(group), capabilities[group[0]]) for group in groups.values())


def _meaning(features: FeatureSet) -> str:
    """Return what is the same for equivalent sets.

    Sets with quality values count as equivalent only if they are written alike, since the values decide what is chosen;
    so do sets that take too much work. Missing that two are equivalent costs one more transaction.
    """
    if any(one.qualities for one in features.conjunctions):
        return features.key
    try:
        return features.meaning
    except BoundExceededError:
        return features.key
