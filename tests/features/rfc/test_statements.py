"""What the RFCs state of two expressions: that they are equivalent, that one lies in the other, that they meet."""

from collections.abc import Callable

import pytest

from conneg.features import FeatureSet

from .vectors import Statement, evaluate, statements

STATEMENTS = statements()


def is_within(one: FeatureSet, other: FeatureSet) -> bool:
    """RFC 2880 section 5: A is completely contained by B if the match of A and B is equal to A."""
    assert other.contains(one) is (one & other).equivalent(one)
    return other.contains(one)


RELATIONS: dict[str, Callable[[FeatureSet, FeatureSet], bool]] = {
    "equivalent to": lambda one, other: one.equivalent(other) and other.equivalent(one),
    "not equivalent to": lambda one, other: not one.equivalent(other) and not other.equivalent(one),
    "within": is_within,
    "not within": lambda one, other: not is_within(one, other),
    "meets": lambda one, other: not (one & other).is_empty and not (other & one).is_empty,
    "does not meet": lambda one, other: (one & other).is_empty and (other & one).is_empty,
}


@pytest.mark.parametrize(
    "statement", STATEMENTS, ids=lambda statement: f"{statement.id}: {statement.one} {statement.relation}"
)
def test_statement(statement: Statement) -> None:
    one = evaluate(statement.one)
    if statement.relation == "empty":
        assert one.is_empty, statement.why
        return
    assert RELATIONS[statement.relation](one, evaluate(statement.other)), statement.why


def test_every_relation_is_used() -> None:
    """A relation that no statement uses would be untested."""
    assert {statement.relation for statement in STATEMENTS} == {*RELATIONS, "empty"}
