"""From conjunctions back to an expression: the normal form of RFC 2533 section 5 in few terms, in a fixed order."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeAlias

from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain
from conneg.features.expression import (
    And,
    Comparison,
    Expression,
    Not,
    Operator,
    Or,
    Parameter,
    Range,
    SetOf,
    with_parameters,
)
from conneg.features.factoring import factor
from conneg.features.terms import all_of
from conneg.features.values import TagName
from conneg.features.writing import write

_Item: TypeAlias = tuple[str, Domain]
_Row: TypeAlias = tuple[frozenset[int], tuple[Fraction, ...]]

_FOLDED = 30_000
"""Sets with more tags times terms than this are written without folding: it would take too long."""

_DPI = TagName("dpi")
_ZERO = Comparison(_DPI, Operator.AT_MOST, Fraction(0))
_NOTHING = SetOf(_DPI, (Range(Fraction(1), Fraction(0)),))
"""A reversed range is legal and empty (RFC 2533 4.2.5)."""
_EVERYTHING = Or((_ZERO, Not(_ZERO)))


def fold(conjunctions: Iterable[Conjunction]) -> list[Conjunction]:
    """Unite conjunctions that differ in what one tag may be, until there are none (or at all, in very large sets).

    The result is the same for any order of them.
    """
    items = _Items()
    rows = {(frozenset(map(items.number, one.domains.items())), one.qualities) for one in conjunctions}
    tags = items.tags()
    before = len(rows) + 1
    if len(tags) * sum(len(row) for row, _ in rows) > _FOLDED:
        before = 0
    while 1 < len(rows) < before:
        before = len(rows)
        for tag in tags:
            rows = _fold_tag(tag, rows, items)
    return [Conjunction(dict(sorted(map(items.item, row))), qualities) for row, qualities in rows]


def normal_form(conjunctions: Sequence[Conjunction]) -> Expression:
    """Return a short expression for the union of `conjunctions`; the same for any order of them.

    What differs in one tag only is folded into a set of values, what all alternatives have in common is said once, and
    alternatives are sorted by their text. Of several quality values the first is kept: the others have no place in an
    expression.
    """
    if not conjunctions:
        return _NOTHING
    clauses: list[Expression] = []
    by_quality: dict[Fraction, list[Conjunction]] = {}
    for one in fold(conjunctions):
        by_quality.setdefault(one.quality, []).append(one)
    for quality, group in by_quality.items():
        clause = factor(group) or _EVERYTHING
        if quality != 1:
            clauses.append(with_parameters(clause, (_written_quality(quality),)))
        else:
            clauses += clause.operands if isinstance(clause, Or) else (clause,)
    if len(clauses) == 1:
        return clauses[0]
    texts = {write(clause): clause for clause in clauses}
    return Or(tuple(texts[text] for text in sorted(texts)))


def join(expressions: Iterable[Expression]) -> Expression:
    """Return the conjunction of expressions: terms sorted by tag, behind them alternatives sorted by their text."""
    operands = [
        operand
        for expression in expressions
        for operand in (expression.operands if isinstance(expression, And) else (expression,))
    ]
    texts = {(isinstance(operand, Or), _tag_of(operand), write(operand)): operand for operand in operands}
    return all_of([texts[key] for key in sorted(texts)])


def _tag_of(term: Expression) -> str:
    """Return the tag of a term; "" for what has none."""
    while isinstance(term, Not):
        term = term.operand
    return term.tag if isinstance(term, Comparison | SetOf) else ""


def _written_quality(quality: Fraction) -> Parameter:
    return Parameter(TagName("q"), f"{float(quality):.3f}".rstrip("0").rstrip("."))


class _Items:
    """Numbers for pairs of a tag and its domain, so that whole conjunctions compare quickly."""

    def __init__(self) -> None:
        self._numbers: dict[_Item, int] = {}
        self._items: list[_Item] = []

    def number(self, item: _Item) -> int:
        """Return the number of `item`, a new one if it is new."""
        if item not in self._numbers:
            self._numbers[item] = len(self._items)
            self._items.append(item)
        return self._numbers[item]

    def item(self, number: int) -> _Item:
        """Return the pair with that number."""
        return self._items[number]

    def tags(self) -> list[str]:
        """Return all tags, in order."""
        return sorted({tag for tag, _ in self._items})


def _fold_tag(tag: str, rows: set[_Row], items: _Items) -> set[_Row]:
    """Unite the rows that differ in `tag` only."""
    groups: dict[_Row, list[int]] = {}
    folded: set[_Row] = set()
    for row, qualities in rows:
        own = next((number for number in row if items.item(number)[0] == tag), None)
        if own is None:
            folded.add((row, qualities))
        else:
            groups.setdefault((row - {own}, qualities), []).append(own)
    for (rest, qualities), members in groups.items():
        folded.add((rest | _unite([items.item(member) for member in members], items), qualities))
    return folded


def _unite(members: list[_Item], items: _Items) -> frozenset[int]:
    if len(members) == 1:
        return frozenset((items.number(members[0]),))
    tag = min(members, key=lambda item: getattr(item[0], "spelling", ""))[0]
    united = Domain.union(domain for _, domain in members)
    return frozenset() if united.is_everything else frozenset((items.number((tag, united)),))
