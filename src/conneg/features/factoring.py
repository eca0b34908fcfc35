"""From many conjunctions to a short expression: what they have in common is said once.

`(| (& (a=1) (b=1)) (& (a=1) (c=2)))` becomes `(& (a=1) (| (b=1) (c=2)))`, and what is a product of independent choices
is written as the conjunction of these choices. Exact; the result does not depend on the order of the conjunctions.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain
from conneg.features.expression import Expression, Or
from conneg.features.terms import all_of, terms
from conneg.features.writing import write

_Row: TypeAlias = frozenset[int]
"""A conjunction, by the numbers of its items."""

_COMPARED = 60_000
"""Rows times pairs of tags: above this no independent choices are looked for."""

_TRIED = 3
_SEARCHED = 2
_MANY = 64
"""So many tags are tried as the first to be said, down to this depth, where there are not more rows than these."""

_DEEPEST = 6
"""Alternatives inside alternatives to this depth; below it each is written out."""


def factor(conjunctions: Iterable[Conjunction]) -> Expression | None:
    """Return an expression for the union of `conjunctions`, their qualities left out; None if it says nothing."""
    items = _Items()
    rows = {frozenset(map(items.number, one.domains.items())) for one in conjunctions}
    found = _factor(rows, items, 0)
    return all_of(found) if found else None


class _Items:
    """Numbers for pairs of a tag and what it may be, with their terms and how long these are."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, Domain], int] = {}
        self.tags: list[str] = []
        self._terms: list[list[Expression]] = []
        self.lengths: list[int] = []

    def number(self, item: tuple[str, Domain]) -> int:
        """Return the number of `item`, a new one if it is new."""
        known = self._numbers.get(item)
        if known is None:
            known = self._numbers[item] = len(self.tags)
            self.tags.append(item[0])
            self._terms.append(terms(*item))
            self.lengths.append(sum(len(write(term)) for term in self._terms[-1]))
        return known

    def write(self, row: Iterable[int]) -> list[Expression]:
        """Return the terms of the items of `row`, sorted by tag."""
        return [term for number in sorted(row, key=self.tags.__getitem__) for term in self._terms[number]]

    def by_tag(self, row: _Row) -> Mapping[str, int]:
        """Return the items of `row` by their tags."""
        return {self.tags[number]: number for number in row}


def _factor(rows: set[_Row], items: _Items, depth: int) -> list[Expression]:
    """Return the terms that together say what the union of `rows` is."""
    common = frozenset.intersection(*rows)
    found = items.write(common)
    rest = {row - common for row in rows}
    if frozenset() in rest:
        return found
    choices = _independent(rest, items)
    if len(choices) == 1:
        return [*found, _alternatives(rest, items, depth)]
    sides = [_factor({_project(row, choice, items) for row in rest}, items, depth) for choice in choices]
    return [*found, *sorted((term for side in sides for term in side), key=write)]


def _alternatives(rows: set[_Row], items: _Items, depth: int) -> Expression:
    """Return the `(| ...)` of rows that have nothing in common: by the tag that saves most when said first."""
    clauses = _clauses(rows, items, depth + 1)
    texts = {write(clause): clause for clause in clauses}
    ordered = tuple(texts[text] for text in sorted(texts))
    return ordered[0] if len(ordered) == 1 else Or(ordered)


def _clauses(rows: set[_Row], items: _Items, depth: int) -> list[Expression]:
    tried = _most_saving(rows, items)[: 1 if depth > _SEARCHED or len(rows) > _MANY else _TRIED]
    if not tried or depth > _DEEPEST:
        return [all_of(items.write(row)) for row in rows]
    found = [_split(rows, tag, items, depth) for tag in tried]
    return min(found, key=lambda clauses: sum(len(write(clause)) for clause in clauses))


def _split(rows: set[_Row], tag: str, items: _Items, depth: int) -> list[Expression]:
    """Return a clause for each value of `tag` in `rows`, and those of the rows that do not limit it."""
    groups: dict[int | None, set[_Row]] = {}
    for row in rows:
        groups.setdefault(items.by_tag(row).get(tag), set()).add(row)
    without = groups.pop(None, set())
    found = [all_of(_factor(group, items, depth)) for group in groups.values()]
    if not without:
        return found
    rest = all_of(_factor(without, items, depth))
    return [*found, *(rest.operands if isinstance(rest, Or) else (rest,))]


def _most_saving(rows: set[_Row], items: _Items) -> list[str]:
    """Return the tags whose items, said once for all rows that have them, make the text shorter; the best first."""
    counts: dict[int, int] = {}
    for row in rows:
        for number in row:
            counts[number] = counts.get(number, 0) + 1
    saved: dict[str, int] = {}
    for number, count in counts.items():
        if count > 1:
            tag = items.tags[number]
            saved[tag] = saved.get(tag, 0) + (count - 1) * items.lengths[number]
    return sorted(saved, key=lambda tag: (-saved[tag], tag))


def _independent(rows: set[_Row], items: _Items) -> Sequence[frozenset[str]]:
    """Return groups of tags such that `rows` are all combinations of what the groups may be; one group if none are."""
    tags = sorted({items.tags[number] for row in rows for number in row})
    whole = [frozenset(tags)]
    if len(rows) < 4 or len(rows) * len(tags) ** 2 > 2 * _COMPARED:
        return whole
    columns = [items.by_tag(row) for row in rows]
    values = {tag: {column.get(tag) for column in columns} for tag in tags}
    group_of = {tag: frozenset((tag,)) for tag in tags}
    for one, other in combinations(tags, 2):
        if group_of[one] is group_of[other]:
            continue
        pairs = {(column.get(one), column.get(other)) for column in columns}
        if len(pairs) < len(values[one]) * len(values[other]):
            united = group_of[one] | group_of[other]
            group_of.update(dict.fromkeys(united, united))
    groups = sorted(set(group_of.values()), key=sorted)
    size = 1
    for group in groups:
        size *= len({_project(row, group, items) for row in rows})
    return groups if size == len(rows) else whole


def _project(row: _Row, tags: frozenset[str], items: _Items) -> _Row:
    return frozenset(number for number in row if items.tags[number] in tags)
