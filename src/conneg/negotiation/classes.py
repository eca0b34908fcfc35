"""Recipients brought together by what they can take: those whose capabilities mean the same are one capability class.

The cost of a message then grows with the number of classes, not of recipients (draft Appendix A (3)).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from conneg.negotiation.capability import Capability

EQUIVALENCE_LIMIT = 64
"""Up to so many distinct canonical texts, each is also tested for equal meaning with the others.

Equal meaning under different canonical texts is rare, and missing it costs one more transaction, while the number of
tests grows with the square.
"""


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
    by_key: dict[str, list[str]] = {}
    for recipient, capability in capabilities.items():
        by_key.setdefault(capability.features.key, []).append(recipient)
    groups = list(by_key.values())
    if len(groups) <= EQUIVALENCE_LIMIT:
        groups = _merge_equivalent(groups, capabilities)
    return tuple(CapabilityClass(tuple(group), capabilities[group[0]]) for group in groups)


def _merge_equivalent(groups: list[list[str]], capabilities: Mapping[str, Capability]) -> list[list[str]]:
    merged: list[list[str]] = []
    for group in groups:
        features = capabilities[group[0]].features
        for other in merged:
            if capabilities[other[0]].features.equivalent(features):
                other.extend(group)
                break
        else:
            merged.append(group)
    order = {recipient: position for position, recipient in enumerate(capabilities)}
    return [sorted(group, key=order.__getitem__) for group in merged]
