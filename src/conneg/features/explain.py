"""Why two feature sets have nothing in common: the smallest set of tags that stands in the way, and the nearest miss.

For each pair of conjunctions, one of either side, some tags have no value in common; there is no match if that holds
for every pair. A set of tags stands in the way if it has one of each pair's: looked at in these tags alone, the sides
have nothing in common. The smallest such set is searched for exactly, by growing size.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations, islice, product
from math import prod
from typing import NamedTuple, TypeAlias

from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain
from conneg.features.factors import Factor, multiply, separate_groups
from conneg.features.sets import FeatureSet
from conneg.features.terms import terms
from conneg.features.values import split_key
from conneg.features.writing import write

_Tags: TypeAlias = frozenset[str]

_COMPARED = 20_000
"""Up to so many pairs of conjunctions are looked at."""

_TRIED = 5_000
"""Up to so many sets of tags are tried for the smallest; then the tag in the most pairs is taken, again and again."""

_SHOWN = 160
"""A constraint whose text is longer than this is shortened."""

_LISTED = 4
"""Of more alternatives the first are told."""

_ORDER = (
    "type",
    "image-file-structure",
    "color",
    "image-coding",
    "dpi",
    "dpi-xyratio",
    "size-x",
    "paper-size",
)
"""Of several smallest sets the one with these tags is told: the first say most to people."""


class Conflict(NamedTuple):
    """A tag that stands in the way, and what each side has there; alone they have no value in common."""

    tag: str
    offered: Domain
    accepted: Domain

    def __str__(self) -> str:
        return (
            f"the device takes {_state(self.tag, self.accepted)} only;"
            f" the offer is {_state(self.tag, self.offered)}"
        )


class Mismatch(NamedTuple):
    """Why an offer is not accepted; `str()` says it on one line.

    `tags` is the smallest set of tags that stands in the way, if `is_smallest`; else a small one, of what could be
    looked at. `conflicts` are all tags that do so alone, or, if none does, those of the pair that comes nearest, which
    is `nearest` in any case. `alternatives` says how many pairs there are. Without conflicts the sets match, or one of
    them is empty.
    """

    conflicts: tuple[Conflict, ...]
    alternatives: int
    summary: str
    tags: tuple[str, ...] = ()
    nearest: tuple[Conflict, ...] = ()
    is_smallest: bool = True

    def __str__(self) -> str:
        return self.summary


def explain_mismatch(offer: FeatureSet, accepted: FeatureSet) -> Mismatch:
    """Say why `offer & accepted` is empty; if it is not, say so."""
    if offer.is_empty:
        return Mismatch((), 0, "there is nothing on offer")
    if accepted.is_empty:
        return Mismatch((), 0, "the device takes nothing")
    groups = [
        group
        for ours, theirs in separate_groups(offer.factors, accepted.factors)
        if (group := _explain(multiply(ours), multiply(theirs))) is not None
    ]
    pairs = prod(map(len, (*offer.factors, *accepted.factors)))
    if not groups:
        return Mismatch((), pairs, "the device takes what is offered")
    best = min(groups, key=lambda group: (len(group.tags), [_rank(tag) for tag in group.tags]))
    nearest = tuple(
        sorted((one for group in groups for one in group.nearest), key=lambda one: _rank(one.tag))
    )
    if len(best.tags) > 1:
        summary = f"{_together(best)} (closest: {'; '.join(map(_instead, nearest))})"
        return Mismatch(nearest, pairs, summary, best.tags, nearest, best.is_smallest)
    alone = tuple(sorted((one for group in groups for one in group.alone), key=lambda one: _rank(one.tag)))
    return Mismatch(alone, pairs, "; ".join(map(str, alone)), best.tags, nearest)


class _Group(NamedTuple):
    """Unions that have nothing in common: the tags in the way, those that are so alone, and the nearest miss."""

    offer: Factor
    accepted: Factor
    tags: tuple[str, ...]
    alone: tuple[Conflict, ...]
    nearest: tuple[Conflict, ...]
    is_smallest: bool


def _explain(offer: Factor, accepted: Factor) -> _Group | None:
    """Explain why two unions have nothing in common; None if they have something."""
    clashes: dict[_Tags, tuple[Conjunction, Conjunction]] = {}
    compared = 0
    for ours, theirs in islice(product(offer, accepted), _COMPARED):
        compared += 1
        clash = _clash(ours, theirs)
        if not clash:
            return None
        clashes.setdefault(clash, (ours, theirs))
    nearest = _conflicts(*clashes[min(clashes, key=lambda clash: (len(clash), _distance(clash)))])
    alone = _alone(offer, accepted)
    if alone:
        return _Group(offer, accepted, (alone[0].tag,), alone, nearest, True)
    tags, is_certain = _smallest(clashes)
    is_smallest = is_certain and compared == len(offer) * len(accepted)
    return _Group(offer, accepted, tags, (), nearest, is_smallest)


def _alone(offer: Factor, accepted: Factor) -> tuple[Conflict, ...]:
    """Return the tags in which nothing of one side meets anything of the other."""
    ours, theirs = _projections(offer), _projections(accepted)
    tags = [tag for tag in ours if tag in theirs and (ours[tag] & theirs[tag]).is_empty]
    return tuple(Conflict(tag, ours[tag], theirs[tag]) for tag in sorted(tags, key=_rank))


def _projections(side: Factor) -> dict[str, Domain]:
    """Return for each tag that all conjunctions limit what it may be in any of them."""
    found: dict[str, list[Domain]] = {}
    for one in side:
        for tag, domain in one.domains.items():
            found.setdefault(tag, []).append(domain)
    return {tag: Domain.union(domains) for tag, domains in found.items() if len(domains) == len(side)}


def _clash(ours: Conjunction, theirs: Conjunction) -> _Tags:
    """Return the tags in which two conjunctions have no value in common."""
    return frozenset(
        tag
        for tag, domain in ours.domains.items()
        if (opposite := theirs.domains.get(tag)) is not None and (domain & opposite).is_empty
    )


def _smallest(clashes: Iterable[_Tags]) -> tuple[tuple[str, ...], bool]:
    """Return the smallest set of tags that has one of each clash, and whether that is certain."""
    minimal: list[_Tags] = []
    for clash in sorted(clashes, key=len):
        if not any(other <= clash for other in minimal):
            minimal.append(clash)
    candidates = sorted({tag for clash in minimal for tag in clash}, key=_rank)
    tried = 0
    for size in range(1, len(candidates) + 1):
        for tags in combinations(candidates, size):
            tried += 1
            if tried > _TRIED:
                return _greedy(minimal), False
            if all(not clash.isdisjoint(tags) for clash in minimal):
                return tags, True
    return (), True


def _greedy(clashes: Sequence[_Tags]) -> tuple[str, ...]:
    left, found = list(clashes), []
    while left:
        tag = min(
            {tag for clash in left for tag in clash},
            key=lambda tag: (-sum(tag in clash for clash in left), _rank(tag)),
        )
        found.append(tag)
        left = [clash for clash in left if tag not in clash]
    return tuple(sorted(found, key=_rank))


def _rank(tag: str) -> tuple[int, str]:
    return (_ORDER.index(tag) if tag in _ORDER else len(_ORDER), tag)


def _distance(tags: _Tags) -> list[tuple[int, str]]:
    """Return a key by which a clash in tags that say less to people is nearer."""
    return sorted((-place, tag) for place, tag in map(_rank, tags))


def _conflicts(ours: Conjunction, theirs: Conjunction) -> tuple[Conflict, ...]:
    tags = sorted(_clash(ours, theirs), key=_rank)
    return tuple(Conflict(tag, ours.domains[tag], theirs.domains[tag]) for tag in tags)


def _together(group: _Group) -> str:
    """Say that no combination of several tags suits."""
    names = [split_key(tag)[0].spelling for tag in group.tags]
    return (
        f"no combination of {', '.join(names[:-1])} and {names[-1]} suits:"
        f" the device takes {_combinations(group.tags, group.accepted)};"
        f" the offer is {_combinations(group.tags, group.offer)}"
    )


def _instead(conflict: Conflict) -> str:
    return f"{_state(conflict.tag, conflict.accepted)} instead of {_state(conflict.tag, conflict.offered)}"


def _combinations(tags: Sequence[str], side: Factor) -> str:
    shown = list(
        dict.fromkeys(
            " with ".join(_state(tag, one.domains[tag]) for tag in tags if tag in one.domains) for one in side
        )
    )
    more = f", or {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
    return ", or ".join(shown[:_LISTED]) + more


def _state(tag: str, domain: Domain) -> str:
    """Return a constraint as an expression without its outer parentheses: `color=Binary`, `dpi=[200,300]`."""
    if domain.is_empty:
        return f"{split_key(tag)[0].spelling} with no value"
    found = [write(term) for term in terms(tag, domain)]
    text = found[0][1:-1] if len(found) == 1 and found[0][1] not in "&|!" else " ".join(found)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
