"""Feature sets obey the laws of sets, and agree with an evaluation of the expressions point by point."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.features import And, Expression, FeatureSet, Not, Or, choose, default_preference, feature_set
from conneg.features.choice import Choice

from .strategies import POINTS, expressions, members

FEW = settings(max_examples=60, deadline=None)


def found(features: FeatureSet) -> list[bool]:
    return [features.accepts(point) for point in POINTS]


@settings(max_examples=200, deadline=None)
@given(expressions)
def test_a_set_is_what_its_expression_says(expression: Expression) -> None:
    features = feature_set(expression)
    assert found(features) == members(expression)
    assert features.is_empty is not any(members(expression))


@FEW
@given(expressions, expressions)
def test_operations_point_by_point(one: Expression, other: Expression) -> None:
    ours, theirs = feature_set(one), feature_set(other)
    assert found(ours & theirs) == members(And((one, other)))
    assert found(ours | theirs) == members(Or((one, other)))
    assert found(ours - theirs) == members(And((one, Not(other))))
    assert found(ours.complement()) == members(Not(one))


@FEW
@given(expressions, expressions)
def test_contains_and_equivalent(one: Expression, other: Expression) -> None:
    ours, theirs = feature_set(one), feature_set(other)
    inside = all(own or not their for own, their in zip(members(one), members(other), strict=True))
    assert ours.contains(theirs) is inside
    assert ours.equivalent(theirs) is (members(one) == members(other))


@FEW
@given(expressions, expressions, expressions)
def test_laws(first: Expression, second: Expression, third: Expression) -> None:
    a, b, c = feature_set(first), feature_set(second), feature_set(third)
    assert (a & b).equivalent(b & a)
    assert (a | b).equivalent(b | a)
    assert ((a & b) & c).equivalent(a & (b & c))
    assert ((a | b) | c).equivalent(a | (b | c))
    assert (a & (b | c)).equivalent((a & b) | (a & c))
    assert (a | (a & b)).equivalent(a)
    assert (a & (a | b)).equivalent(a)


@FEW
@given(expressions, expressions)
def test_complement_laws(first: Expression, second: Expression) -> None:
    a, b = feature_set(first), feature_set(second)
    assert (a & b).complement().equivalent(a.complement() | b.complement())
    assert (a | b).complement().equivalent(a.complement() & b.complement())
    assert a.complement().complement().equivalent(a)
    assert (a & a.complement()).is_empty
    assert (a | a.complement()).equivalent(FeatureSet.everything())
    assert FeatureSet.everything().contains(a)
    assert a.contains(FeatureSet.nothing())


@settings(max_examples=300, deadline=None)
@given(expressions, expressions)
def test_one_meaning_for_equivalent_sets_and_only_for_them(one: Expression, other: Expression) -> None:
    ours, theirs = feature_set(one), feature_set(other)
    assert (ours.meaning == theirs.meaning) is (members(one) == members(other))


@FEW
@given(expressions, expressions)
def test_one_meaning_however_it_is_written(one: Expression, other: Expression) -> None:
    ours, theirs = feature_set(one), feature_set(other)
    assert ((ours | theirs) - theirs).meaning == (ours - theirs).meaning
    assert (ours & theirs).complement().meaning == (theirs.complement() | ours.complement()).meaning
    assert feature_set(str(ours)).meaning == ours.meaning


@FEW
@given(expressions)
def test_text_and_back(expression: Expression) -> None:
    features = feature_set(expression)
    again = feature_set(str(features))
    assert found(again) == members(expression)
    assert again.key == feature_set(again.key).key


@FEW
@given(st.lists(expressions, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_key_does_not_depend_on_the_order(clauses: list[Expression], order: random.Random) -> None:
    shuffled = clauses.copy()
    order.shuffle(shuffled)
    ours, theirs = feature_set(Or(tuple(clauses))), feature_set(Or(tuple(shuffled)))
    assert found(ours) == found(theirs)
    flat = list(ours.conjunctions)
    order.shuffle(flat)
    assert FeatureSet(tuple(flat)).key == ours.key


@FEW
@given(expressions)
def test_a_choice_is_a_point_of_the_set(expression: Expression) -> None:
    features = feature_set(expression)
    choice = choose(features, default_preference())
    if features.is_empty:
        assert choice is None
        return
    assert isinstance(choice, Choice)
    assert features.contains(choice.collection.as_feature_set())
    for other in choice.runners_up:
        assert features.contains(other.collection.as_feature_set())
        assert other.collection != choice.collection
