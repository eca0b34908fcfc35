"""Random expressions over two tags, and a slow obvious oracle: evaluate the expression at every point that can matter.

All constants come from `CONSTANTS`; `VALUES` has each of them, a number in every gap between them, and words of every
kind. So two sets are equal if, and only if, they agree at all `POINTS`.
"""

from collections.abc import Mapping
from fractions import Fraction
from itertools import product

from hypothesis import strategies as st

from conneg.features import (
    And,
    Comparison,
    Expression,
    Not,
    Operator,
    Or,
    Range,
    SetOf,
    TagName,
    Text,
    Token,
    Value,
)

CONSTANTS: tuple[Value, ...] = (Fraction(0), Fraction(3, 2), Fraction(2), Token("x"), Token("Y"), Text("x"))
VALUES: tuple[Value, ...] = (
    *(Fraction(number, 4) for number in (-1, 0, 3, 6, 7, 8, 9)),
    Token("X"),
    Token("y"),
    Token("z"),
    Text("x"),
    Text("z"),
)
TAGS = (TagName("a"), TagName("dpi"))
Point = Mapping[str, Value]
POINTS: tuple[Point, ...] = tuple(
    dict(zip(TAGS, values, strict=True)) for values in product(VALUES, repeat=len(TAGS))
)

values = st.sampled_from(CONSTANTS)
comparisons = st.builds(Comparison, st.sampled_from(TAGS), st.sampled_from(list(Operator)), values)
ranges = st.builds(Range, values, values)
sets = st.builds(SetOf, st.sampled_from(TAGS), st.lists(values | ranges, min_size=1, max_size=4).map(tuple))


def _more(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    operands = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.builds(And, operands) | st.builds(Or, operands) | st.builds(Not, inner)


expressions: st.SearchStrategy[Expression] = st.recursive(comparisons | sets, _more, max_leaves=8)


def satisfies(expression: Expression, point: Point) -> bool:
    """Evaluate `expression` at a point that states all tags (RFC 2533 section 5, test (a))."""
    match expression:
        case And(operands=operands):
            return all(satisfies(operand, point) for operand in operands)
        case Or(operands=operands):
            return any(satisfies(operand, point) for operand in operands)
        case Not(operand=operand):
            return not satisfies(operand, point)
        case Comparison(tag=tag, operator=operator, value=value):
            return _compare(point[tag], operator, value)
        case SetOf(tag=tag, entries=entries):
            return any(
                _compare(point[tag], Operator.AT_LEAST, entry.low)
                and _compare(point[tag], Operator.AT_MOST, entry.high)
                if isinstance(entry, Range)
                else point[tag] == entry
                for entry in entries
            )
    raise AssertionError(expression)


def members(expression: Expression) -> list[bool]:
    return [satisfies(expression, point) for point in POINTS]


def _compare(own: Value, operator: Operator, value: Value) -> bool:
    if isinstance(own, Fraction) and isinstance(value, Fraction):
        return {"=": own == value, ">=": own >= value, "<=": own <= value}[operator]
    return own == value
