"""Why two feature sets have nothing in common, in words: the smallest set of tags in the way, and the nearest miss.

The search is in `conneg.features.mismatch`.
"""

from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

from conneg.features.domain import Domain
from conneg.features.factors import Factor, separate_groups
from conneg.features.mismatch import Obstacle, Row, clash, find_obstacle, rank
from conneg.features.sets import FeatureSet
from conneg.features.terms import terms
from conneg.features.values import split_key
from conneg.features.writing import write

_SHOWN = 160
"""A constraint whose text is longer than this is shortened."""

_LISTED = 4
"""Of more alternatives those that come nearest are told."""

_ALONE = 6
"""Of more tags that stand in the way alone the first are told."""

_FOLDED = 200
"""More alternatives than this are not united where they differ in one tag only."""

_PARTLY = "among the alternatives that were compared, "

_Key: TypeAlias = frozenset[tuple[str, Domain]]


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

    `tags` stand in the way together: looked at in these alone, the sides have nothing in common; if `is_smallest`, no
    fewer tags do so. `conflicts` are all tags that do so alone, or, if none does, those of the pair of alternatives
    that comes nearest, which is `nearest` in any case. `alternatives` says how many pairs there are. Unless
    `is_complete`, these were too many, and what is said is true of those that were compared; tags that do so alone
    are always told of all. Without conflicts the sets match, or one of them is empty.
    """

    conflicts: tuple[Conflict, ...]
    alternatives: int
    summary: str
    tags: tuple[str, ...] = ()
    nearest: tuple[Conflict, ...] = ()
    is_smallest: bool = True
    is_complete: bool = True

    def __str__(self) -> str:
        return self.summary


def explain_mismatch(offer: FeatureSet, accepted: FeatureSet) -> Mismatch:
    """Say why `offer & accepted` is empty; if it is not, say so. Takes bounded time, and raises nothing."""
    if offer.is_empty:
        return Mismatch((), 0, "there is nothing on offer")
    if accepted.is_empty:
        return Mismatch((), 0, "the device takes nothing")
    alone: list[Conflict] = []
    obstacles: list[Obstacle] = []
    for ours, theirs in separate_groups(offer.factors, accepted.factors):
        obstacle = find_obstacle(ours, theirs)
        if obstacle is not None:
            obstacles.append(obstacle)
            alone += _alone(ours, theirs)
    pairs = prod(map(len, (*offer.factors, *accepted.factors)))
    if not obstacles:
        return Mismatch((), pairs, "the device takes what is offered")
    nearest = _in_order(one for obstacle in obstacles for one in _conflicts(*obstacle.nearest))
    is_complete = all(obstacle.is_complete for obstacle in obstacles)
    if alone:
        alone.sort(key=lambda one: rank(one.tag))
        more = f"; and {len(alone) - _ALONE} more tags stand in the way" if len(alone) > _ALONE else ""
        summary = "; ".join(map(str, alone[:_ALONE])) + more
        return Mismatch(tuple(alone), pairs, summary, (alone[0].tag,), nearest, True, is_complete)
    best = min(obstacles, key=lambda one: (not one.is_complete, len(one.tags), [*map(rank, one.tags)]))
    summary = f"{_together(best)} (closest: {_closest(nearest)})"
    return Mismatch(
        nearest,
        pairs,
        summary if best.is_complete else _PARTLY + summary,
        best.tags,
        nearest,
        best.is_smallest,
        is_complete,
    )


def _alone(offer: Sequence[Factor], accepted: Sequence[Factor]) -> list[Conflict]:
    """Return the tags in which nothing of one side meets anything of the other."""
    ours, theirs = _projections(offer), _projections(accepted)
    return [
        Conflict(tag, own, theirs[tag])
        for tag, own in ours.items()
        if tag in theirs and (own & theirs[tag]).is_empty
    ]


def _projections(factors: Sequence[Factor]) -> dict[str, Domain]:
    """Return for each tag that all alternatives limit what it may be in any of them."""
    found: dict[str, Domain] = {}
    for factor in factors:
        domains: dict[str, list[Domain]] = {}
        for one in factor:
            for tag, domain in one.domains.items():
                domains.setdefault(tag, []).append(domain)
        found |= {tag: Domain.union(some) for tag, some in domains.items() if len(some) == len(factor)}
    return found


def _conflicts(ours: Row, theirs: Row) -> list[Conflict]:
    return [Conflict(tag, ours[tag], theirs[tag]) for tag in clash(ours, theirs)]


def _in_order(conflicts: Iterable[Conflict]) -> tuple[Conflict, ...]:
    return tuple(sorted(conflicts, key=lambda one: rank(one.tag)))


def _together(obstacle: Obstacle) -> str:
    """Say that no combination of several tags suits, and, unless these are too many, what there is."""
    names = [split_key(tag)[0].spelling for tag in obstacle.tags]
    if len(names) > _LISTED:
        return f"no combination of {', '.join(names[:_LISTED])} and {len(names) - _LISTED} more tags suits"
    of_offer, of_device = obstacle.nearest
    taken = _combinations(obstacle.tags, obstacle.accepted, of_offer)
    offered = _combinations(obstacle.tags, obstacle.offered, of_device)
    if len(names) == 1:
        return f"the device takes {taken} only; the offer is {offered}"
    return (
        f"no combination of {', '.join(names[:-1])} and {names[-1]} suits:"
        f" the device takes {taken}; the offer is {offered}"
    )


def _closest(nearest: Sequence[Conflict]) -> str:
    shown = [
        f"{_state(one.tag, one.accepted)} instead of {_state(one.tag, one.offered)}"
        for one in nearest[:_LISTED]
    ]
    return "; ".join(shown) + (f"; and {len(nearest) - _LISTED} more" if len(nearest) > _LISTED else "")


def _combinations(tags: Sequence[str], side: Sequence[Row], opposite: Row) -> str:
    """Say what a side has in `tags`; of many alternatives those that come nearest to `opposite`."""
    found = _project(tags, side)
    if len(found) > _LISTED:
        found = sorted(found, key=lambda row: len(clash(row, opposite)))
    shown = [" with ".join(_state(tag, row[tag]) for tag in tags if tag in row) for row in found[:_LISTED]]
    more = f", or {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return ", or ".join(shown) + more


def _project(tags: Sequence[str], side: Sequence[Row]) -> list[Row]:
    """Return what a side has in `tags`, each alternative once; those that differ in one tag only are united."""
    rows: dict[_Key, Row] = {}
    for row in side:
        left = {tag: row[tag] for tag in tags if tag in row}
        rows.setdefault(frozenset(left.items()), left)
    for tag in reversed(tags) if len(rows) <= _FOLDED else ():
        groups: dict[_Key, list[Row]] = {}
        for key, row in rows.items():
            groups.setdefault(frozenset(item for item in key if item[0] != tag), []).append(row)
        united = [row for group in groups.values() for row in _unite(tag, group)]
        rows = {frozenset(row.items()): row for row in united}
    return list(rows.values())


def _unite(tag: str, rows: Sequence[Row]) -> list[Row]:
    """Make one of alternatives that differ in `tag` only; one that does not limit it has the others in it."""
    free = [row for row in rows if tag not in row]
    if free or len(rows) == 1:
        return free or list(rows)
    return [{**rows[0], tag: Domain.union(row[tag] for row in rows)}]


def _state(tag: str, domain: Domain) -> str:
    """Return a constraint as an expression without its outer parentheses: `color=Binary`, `dpi=[200,300]`."""
    if domain.is_empty:
        return f"{split_key(tag)[0].spelling} with no value"
    found = [write(term) for term in terms(tag, domain)]
    text = found[0][1:-1] if len(found) == 1 and found[0][1] not in "&|!" else " ".join(found)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
