"""Why two feature sets have nothing in common, in words: which tags stand in the way, and what each side has there."""

from collections.abc import Sequence
from dataclasses import dataclass

from conneg.features.conjunction import Conjunction, Work
from conneg.features.domain import Domain
from conneg.features.sets import FeatureSet
from conneg.features.terms import terms
from conneg.features.values import split_key
from conneg.features.writing import write

_COMPARED = 20_000
"""Up to so many pairs of conjunctions are compared for the closest one."""

_SHOWN = 160
"""A constraint whose text is longer than this is shortened."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """One tag for which the offer and what is accepted have no value in common."""

    tag: str
    offered: Domain
    accepted: Domain

    def __str__(self) -> str:
        return (
            f"the device takes {_state(self.tag, self.accepted)} only;"
            f" the offer is {_state(self.tag, self.offered)}"
        )


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why an offer is not accepted; `str()` says it on one line.

    `conflicts` are those of all alternatives if there are such, else those of the closest pair of them, and
    `alternatives` says how many pairs there are. Without conflicts the sets match, or one of them is empty.
    """

    conflicts: tuple[Conflict, ...]
    alternatives: int
    summary: str

    def __str__(self) -> str:
        return self.summary


def explain_mismatch(offer: FeatureSet, accepted: FeatureSet) -> Mismatch:
    """Say why `offer & accepted` is empty; if it is not, say so."""
    pairs = len(offer.conjunctions) * len(accepted.conjunctions)
    if offer.is_empty:
        return Mismatch((), 0, "there is nothing on offer")
    if accepted.is_empty:
        return Mismatch((), 0, "the device takes nothing")
    everywhere = _everywhere(offer, accepted)
    if everywhere:
        return Mismatch(everywhere, pairs, "; ".join(map(str, everywhere)))
    closest = _closest(offer, accepted)
    if not closest:
        return Mismatch((), pairs, "the device takes what is offered")
    told = "; ".join(map(str, closest))
    return Mismatch(closest, pairs, f"{told} (in the closest of {pairs} combinations)" if pairs > 1 else told)


def _everywhere(offer: FeatureSet, accepted: FeatureSet) -> tuple[Conflict, ...]:
    """Return the tags for which no alternative of one side has a value of any alternative of the other."""
    ours, theirs = _projections(offer.conjunctions), _projections(accepted.conjunctions)
    return tuple(
        Conflict(tag, ours[tag], theirs[tag])
        for tag in sorted(ours)
        if tag in theirs and (ours[tag] & theirs[tag]).is_empty
    )


def _projections(conjunctions: Sequence[Conjunction]) -> dict[str, Domain]:
    """Return for each tag that all conjunctions limit what it may be in any of them."""
    found: dict[str, list[Domain]] = {}
    for one in conjunctions:
        for tag, domain in one.domains.items():
            found.setdefault(tag, []).append(domain)
    everywhere = (item for item in found.items() if len(item[1]) == len(conjunctions))
    return {tag: Domain.union(domains) for tag, domains in everywhere}


def _closest(offer: FeatureSet, accepted: FeatureSet) -> tuple[Conflict, ...]:
    """Return the conflicts of the pair that has the fewest; the first of them in the order of the alternatives."""
    best: tuple[Conflict, ...] | None = None
    work, compared = Work(), 0
    for ours in offer.conjunctions:
        for theirs in accepted.conjunctions:
            compared += 1
            if compared > _COMPARED and best is not None:
                return best
            found = _conflicts(ours, theirs, work)
            if best is None or len(found) < len(best):
                best = found
            if not best:
                return best
    return best or ()


def _conflicts(ours: Conjunction, theirs: Conjunction, work: Work) -> tuple[Conflict, ...]:
    work.spend(1 + len(ours.domains) // 4)
    found = [
        Conflict(tag, domain, opposite)
        for tag, domain in ours.domains.items()
        if (opposite := theirs.domains.get(tag)) is not None and (domain & opposite).is_empty
    ]
    return tuple(sorted(found, key=lambda conflict: conflict.tag))


def _state(tag: str, domain: Domain) -> str:
    """Return a constraint as an expression without its outer parentheses: `color=Binary`, `dpi=[200,300]`."""
    if domain.is_empty:
        return f"{split_key(tag)[0].spelling} with no value"
    found = [write(term) for term in terms(tag, domain)]
    text = found[0][1:-1] if len(found) == 1 and found[0][1] not in "&|!" else " ".join(found)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
