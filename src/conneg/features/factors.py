"""A set as independent factors: unions of conjunctions that have no tag in common, all of which must hold.

Published capabilities are products of choices that have nothing to do with each other: these resolutions, those
codings, that paper. Kept apart they are met, compared and told empty one by one, and their product, which grows with
every choice, is only worked out where somebody asks for it.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from conneg.features.conjunction import MAX_CONJUNCTIONS, Conjunction, Work, product

Factor: TypeAlias = tuple[Conjunction, ...]
"""A union of conjunctions, none of them empty or without tags."""

Factors: TypeAlias = tuple[Factor, ...]
"""Sorted by their tags; `()` is everything, and `NOTHING` the only form of the empty set."""

NOTHING: Factors = ((),)


def separate(parts: Iterable[Sequence[Conjunction]], work: Work) -> Factors:
    """Return the intersection of `parts`, each a union, as independent factors; qualities are left out."""
    found: list[tuple[list[str], Factor]] = []
    for members in _groups(parts, work):
        factor = members[0] if len(members) == 1 else product(members, work)
        if not factor:
            return NOTHING
        if len(factor) == 1:
            found += [([tag], (Conjunction({tag: domain}),)) for tag, domain in factor[0].domains.items()]
        else:
            tags = sorted({tag for one in factor for tag in one.domains})
            found.append((tags, tuple(Conjunction(one.domains) for one in factor)))
    return tuple(factor for _, factor in sorted(found, key=lambda item: item[0]))


def _groups(parts: Iterable[Sequence[Conjunction]], work: Work) -> list[list[Sequence[Conjunction]]]:
    """Return the parts in groups such that parts of different groups have no tag in common.

    Parts that are everything are left out; one that is nothing makes a group of its own.
    """
    group_of: dict[str, int] = {}
    groups: dict[int, tuple[set[str], list[Sequence[Conjunction]]]] = {}
    for number, part in enumerate(parts):
        if not all(one.domains for one in part):
            continue
        tags = {tag for one in part for tag in one.domains}
        members = [part]
        for other in sorted({group_of[tag] for tag in tags if tag in group_of}):
            others, before = groups.pop(other)
            tags |= others
            members = before + members
        work.spend(1 + len(tags) // 4)
        groups[number] = (tags, members)
        group_of.update(dict.fromkeys(tags, number))
    return [members for _, members in groups.values()]


def multiply(factors: Iterable[Factor]) -> tuple[Conjunction, ...]:
    """Return the conjunctions of the product of independent factors.

    Raises `conneg.errors.BoundExceededError` above `MAX_CONJUNCTIONS`.
    """
    found = [Conjunction({})]
    for factor in factors:
        MAX_CONJUNCTIONS.check(len(found) * len(factor))
        if len(factor) == 1 and len(found) == 1:
            found = [Conjunction({**found[0].domains, **factor[0].domains}, factor[0].qualities)]
        else:
            found = [
                Conjunction({**one.domains, **other.domains}, one.qualities or other.qualities)
                for one in found
                for other in factor
            ]
    return tuple(found)


def separate_groups(ours: Factors, theirs: Factors) -> list[tuple[list[Factor], list[Factor]]]:
    """Return the factors of two sets in groups of both sides that have no tag in common with any other group."""
    found: list[tuple[set[str], list[Factor], list[Factor]]] = []
    for factor, is_ours in (*((one, True) for one in ours), *((one, False) for one in theirs)):
        tags = {tag for one in factor for tag in one.domains}
        mine: tuple[list[Factor], list[Factor]] = ([factor], []) if is_ours else ([], [factor])
        apart = []
        for group in found:
            if group[0].isdisjoint(tags):
                apart.append(group)
            else:
                tags |= group[0]
                mine = (group[1] + mine[0], group[2] + mine[1])
        found = [*apart, (tags, *mine)]
    return [(one, other) for _, one, other in found if one and other]


def sharing(factors: Iterable[Factor], factor: Factor) -> list[Factor]:
    """Return those of `factors` that have a tag in common with `factor`."""
    tags = {tag for one in factor for tag in one.domains}
    return [other for other in factors if any(not tags.isdisjoint(one.domains) for one in other)]
