"""Sets written short: never longer than what their author wrote, and always the same set."""

import random

import pytest
from hypothesis import given, settings

from conneg.features import PROFILES, Expression, FeatureSet, feature_set, parse, simplify, write

from .schema import DOCUMENTS, RECEIVERS
from .strategies import expressions, members

PUBLISHED = [
    *RECEIVERS,
    *(text for text, _ in DOCUMENTS.values()),
    *(profile.text for profile in PROFILES.values()),
]


@pytest.mark.parametrize("text", PUBLISHED)
def test_published_expressions_get_no_longer(text: str) -> None:
    found = feature_set(text)
    assert len(str(found)) <= len(write(parse(text)))
    assert feature_set(str(found)).equivalent(found)
    assert feature_set(str(found)).key == found.key


@settings(max_examples=300, deadline=None)
@given(expressions)
def test_never_longer_and_never_another_set(expression: Expression) -> None:
    simple = simplify(expression)
    assert len(write(simple)) <= len(write(expression))
    assert members(simple) == members(expression)


@settings(max_examples=60, deadline=None)
@given(expressions, expressions)
def test_a_result_is_written_as_the_set_it_is(one: Expression, other: Expression) -> None:
    for found in (feature_set(one) & feature_set(other), feature_set(one) | feature_set(other)):
        assert feature_set(str(found)).equivalent(found)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("(| (& (a=1) (b=1)) (& (a=1) (c=2)))", "(& (a=1) (| (b=1) (c=2)))"),
        ("(| (& (a=1) (b=1)) (& (a=1) (b=2)))", "(& (a=1) (b=[1,2]))"),
        ("(& (| (a=1) (b=1)) (| (c=1) (d=1)))", "(& (| (a=1) (b=1)) (| (c=1) (d=1)))"),
        ("(| (a=1) (& (a=1) (b=2)))", "(a=1)"),
        ("(& (x<=5) (x<=3) (!(x<=0)))", "(& (x>=0) (!(x=0)) (x<=3))"),
        ("(| (dpi<=5) (dpi>=3))", "(| (dpi<=0) (dpi>=0))"),
        ("(| (& (a=1) (b=1));q=0.5 (& (a=1) (c=1));q=0.5)", "(& (a=1) (| (b=1) (c=1)));q=0.5"),
        ("(| (& (a=1) (b=1));q=0.5 (& (a=1) (c=1)))", "(| (& (a=1) (b=1));q=0.5 (& (a=1) (c=1)))"),
    ],
)
def test_what_is_common_is_said_once(text: str, short: str) -> None:
    assert write(simplify(text)) == short


def test_a_product_of_choices_is_written_as_one() -> None:
    """Two, three and four ways, which are 24 conjunctions."""
    sides = [
        "(| " + " ".join(f"(& (t{side}={n}) (u{side}={n}))" for n in range(count)) + ")"
        for side, count in enumerate((2, 3, 4))
    ]
    text = f"(& {' '.join(sides)})"
    found = feature_set(text)
    assert len(found.conjunctions) == 24
    assert str(found) == write(parse(text))
    order = list(found.conjunctions)
    random.Random(7).shuffle(order)
    assert str(FeatureSet(tuple(order))) == str(found)


def test_named_predicates_stay_where_they_are_shorter() -> None:
    """RFC 2533 6.1.5: three sizes, five resolutions each."""
    clauses = " ".join(f"(& (x={n}) (y={n}) (P a b));q=0.{n}" for n in range(1, 6))
    body = " ".join(f"(& (a={n}) (b={n}{n}) (c={n}{n}{n}))" for n in range(1, 9))
    text = f"(| {clauses}) where (P a b) :- (| {body}) end"
    assert write(simplify(text)) == write(parse(text))
