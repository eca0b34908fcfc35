"""From conjunctions back to an expression: the normal form of RFC 2533 section 5 in few terms, in a fixed order."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeAlias

from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain, Interval
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
from conneg.features.reading import parse
from conneg.features.registry import value_rank
from conneg.features.values import TRUE, Quantity, TagName, Token, Value, split_key, value_order
from conneg.features.writing import write

_Item: TypeAlias = tuple[str, Domain]
_Row: TypeAlias = tuple[frozenset[int], tuple[Fraction, ...]]

_FOLDED = 300_000
"""Sets with more tags times terms than this are written without folding: it would take longer than a second."""

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
    """Return the expression for the union of `conjunctions`: folded, terms sorted by tag, clauses by their text.

    Of several quality values the first is kept: the others have no place in an expression.
    """
    if not conjunctions:
        return _NOTHING
    clauses = {write(clause): clause for clause in map(_clause, fold(conjunctions))}
    if len(clauses) == 1:
        return next(iter(clauses.values()))
    return Or(tuple(clauses[text] for text in sorted(clauses)))


def terms(key: str, domain: Domain) -> list[Expression]:
    """Return the expressions that together say that the tag of `key` is in `domain`; none if that says nothing."""
    if domain.is_everything:
        return []
    if key.startswith("("):
        call = parse(getattr(key, "spelling", key))
        return [call if domain.contains(TRUE) else Not(call)]
    if domain.is_cofinite:
        return [Not(_all(terms(key, domain.complement())))]
    tag, unit = split_key(key)
    intervals = domain.intervals
    words: list[Value] = sorted(domain.words, key=lambda word: (value_rank(tag, word), value_order(word)))
    if len(intervals) == 1 and not words:
        return _interval_terms(tag, unit, intervals[0])
    if all(_is_closed(interval) for interval in intervals):
        return [_set_of(tag, [*(_entry(interval, unit) for interval in intervals), *words])]
    parts = [_all(_interval_terms(tag, unit, interval)) for interval in intervals if not _is_closed(interval)]
    entries = [*(_entry(interval, unit) for interval in intervals if _is_closed(interval)), *words]
    return [Or((*parts, *([_set_of(tag, entries)] if entries else [])))]


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


def _clause(conjunction: Conjunction) -> Expression:
    operands = [
        term
        for key, domain in sorted(conjunction.domains.items(), key=lambda item: item[0])
        for term in terms(key, domain)
    ]
    clause = _all(operands) if operands else _EVERYTHING
    quality = conjunction.quality
    if quality == 1:
        return clause
    decimals = f"{float(quality):.3f}".rstrip("0").rstrip(".")
    return with_parameters(clause, (Parameter(TagName("q"), decimals),))


def _all(operands: list[Expression]) -> Expression:
    return operands[0] if len(operands) == 1 else And(tuple(operands))


def _is_closed(interval: Interval) -> bool:
    return not (interval.low_open or interval.high_open)


def _measure(number: Fraction, unit: Token | None) -> Value:
    return number if unit is None else Quantity(number, unit)


def _entry(interval: Interval, unit: Token | None) -> Value | Range:
    assert interval.low is not None
    assert interval.high is not None
    low = _measure(interval.low, unit)
    return low if interval.is_point else Range(low, _measure(interval.high, unit))


def _set_of(tag: TagName, entries: Sequence[Value | Range]) -> Expression:
    if len(entries) == 1 and not isinstance(entries[0], Range):
        return Comparison(tag, Operator.EQUAL, entries[0])
    return SetOf(tag, tuple(entries))


def _interval_terms(tag: TagName, unit: Token | None, interval: Interval) -> list[Expression]:
    """Return the terms that together say that `tag` is a number in `interval`."""
    if _is_closed(interval):
        return [_set_of(tag, [_entry(interval, unit)])]
    found: list[Expression] = []
    for end, is_open, operator in (
        (interval.low, interval.low_open, Operator.AT_LEAST),
        (interval.high, interval.high_open, Operator.AT_MOST),
    ):
        if end is not None:
            value = _measure(end, unit)
            found.append(Comparison(tag, operator, value))
            if is_open:
                found.append(Not(Comparison(tag, Operator.EQUAL, value)))
    if not found:
        zero = _measure(Fraction(0), unit)
        return [Or((Comparison(tag, Operator.AT_LEAST, zero), Comparison(tag, Operator.AT_MOST, zero)))]
    return found
