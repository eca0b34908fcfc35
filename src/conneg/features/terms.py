"""What one tag may be, as terms of an expression: the fewest that say it, always in the same way."""

from collections.abc import Sequence
from fractions import Fraction

from conneg.features.domain import Domain, Interval
from conneg.features.expression import And, Comparison, Expression, Not, Operator, Or, Range, SetOf
from conneg.features.reading import parse
from conneg.features.registry import value_rank
from conneg.features.values import TRUE, Quantity, TagName, Token, Value, split_key, value_order


def terms(key: str, domain: Domain) -> list[Expression]:
    """Return the expressions that together say that the tag of `key` is in `domain`; none if that says nothing."""
    if domain.is_everything:
        return []
    if key.startswith("("):
        call = parse(getattr(key, "spelling", key))
        return [call if domain.contains(TRUE) else Not(call)]
    if domain.is_cofinite:
        return [Not(all_of(terms(key, domain.complement())))]
    tag, unit = split_key(key)
    intervals = domain.intervals
    words: list[Value] = sorted(domain.words, key=lambda word: (value_rank(tag, word), value_order(word)))
    if len(intervals) == 1 and not words:
        return _interval_terms(tag, unit, intervals[0])
    if all(_is_closed(interval) for interval in intervals):
        return [_set_of(tag, [*(_entry(interval, unit) for interval in intervals), *words])]
    parts = [
        all_of(_interval_terms(tag, unit, interval)) for interval in intervals if not _is_closed(interval)
    ]
    entries = [*(_entry(interval, unit) for interval in intervals if _is_closed(interval)), *words]
    return [Or((*parts, *([_set_of(tag, entries)] if entries else [])))]


def all_of(operands: Sequence[Expression]) -> Expression:
    """Return the conjunction of one expression or more."""
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
