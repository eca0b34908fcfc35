"""From text to tree to text, and long texts in lines."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.features import (
    Expression,
    NamedPredicate,
    TagName,
    WrapError,
    feature_set,
    hash_name,
    parse,
    unfold,
    wrap,
    write,
)

from .schema import DOCUMENTS, RECEIVERS
from .strategies import expressions

TEXTS = [*RECEIVERS, *(text for text, _ in DOCUMENTS.values())]


@settings(max_examples=200, deadline=None)
@given(expressions)
def test_written_and_read_again(expression: Expression) -> None:
    text = write(expression)
    assert parse(text) == expression
    assert write(parse(text)) == text


@given(expressions, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_white_space_between_elements_does_not_count(expression: Expression, rng: random.Random) -> None:
    text = write(expression)
    elements = re.findall(r'"[^"]*"|\.\.|[<>]?=|[^][()",;=<>!&|.\s]+|[][(),;!&|]', text)
    spaced = "".join(element + rng.choice(["", " ", "\t", "\r\n ", "\n"]) for element in elements)
    assert parse(spaced) == expression


@pytest.mark.parametrize("text", TEXTS)
def test_published_expressions(text: str) -> None:
    expression = parse(text)
    written = write(expression)
    assert "\n" not in written
    assert parse(written) == expression
    assert feature_set(written).equivalent(feature_set(text))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("( & ( DPI = 300 )(COLOR=bINARY) )", "(& (dpi=300) (color=Binary))"),
        ("(dpi-xyratio=[200/100,204/98])", "(dpi-xyratio=[2,102/49])"),
        ("(X-Tag=SomeThing)", "(X-Tag=SomeThing)"),
        ("(ok=true)", "(ok=TRUE)"),
        ("(a=1) ; Q=0.50 ; Level=2", "(a=1);Q=0.5;Level=2"),
        ("(cielab-l-min>=-0)", "(CIELAB-L-min>=0)"),
        ("(P a b.c 4m \"x\") where (P w x y z) :- (w=1) end", '(P a b.c 4m "x") where (P w x y z) :- (w=1) end'),
    ],
)  # fmt: skip
def test_canonical_writing(text: str, written: str) -> None:
    assert write(parse(text)) == written
    assert write(parse(written)) == written


def test_a_hashed_definition_keeps_its_text() -> None:
    bound = "(& (DPI=200/100)  (x=1))"
    text = f"({hash_name(bound)}) where ({hash_name(bound)}) :- {bound} end"
    written = write(parse(text))
    assert "(& (DPI=200/100) (x=1))" in written
    assert parse(written) == parse(text)


def test_a_definition_made_by_hand_is_written_canonically() -> None:
    definition = NamedPredicate(TagName("P"), (), parse("(DPI=1)"))
    expression = parse("(P) where (P) :- (dpi=1) end")
    assert expression.where == (definition,)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(("first", "rest"), [(499, 499), (493, 493), (58, 75), (30, 30)])
def test_wrapped(text: str, first: int, rest: int) -> None:
    pieces = wrap(text, first, rest)
    assert len(pieces[0].encode()) <= first
    assert all(0 < len(piece.encode()) <= rest for piece in pieces[1:])
    joined = " ".join(pieces)
    assert parse(joined) == parse(text)
    assert hash_name(joined) == hash_name(text)


def test_the_value_of_a_parameter_is_one_element() -> None:
    """RFC 2533, 4.2: ext-value may have in it what are elements of their own elsewhere."""
    text = "(a=k);s=999'99999999999>999999999999999990q=0.8y"
    assert parse(" ".join(wrap(text, 45, 45))) == parse(text)
    assert wrap("(a=k);u=a=b>c&d|e!f;q=0.5", 20, 20) == ["(a=k);u=a=b>c&d|e!f;", "q=0.5"]


def test_wrapped_after_a_parenthesis() -> None:
    assert wrap("(& (dpi=300) (color=Binary) (x=1))", 20, 20) == ["(& (dpi=300)", "(color=Binary) (x=1)", ")"]
    assert wrap("(a=1)", 499, 499) == ["(a=1)"]


@settings(max_examples=100, deadline=None)
@given(expressions, st.integers(8, 40), st.integers(8, 40))
def test_wrap_and_join(expression: Expression, first: int, rest: int) -> None:
    text = write(expression)
    pieces = wrap(text, first, rest)
    assert [len(piece) <= (rest if place else first) for place, piece in enumerate(pieces)] == [True] * len(
        pieces
    )
    assert hash_name(" ".join(pieces)) == hash_name(text)
    assert parse(" ".join(pieces)) == expression
    assert parse(unfold("\r\n ".join(pieces))) == expression


def test_an_element_is_never_cut() -> None:
    with pytest.raises(WrapError, match="does not fit"):
        wrap('(type="application/postscript")', 12, 12)
    assert wrap("(x=204/98)", 6, 6) == ["(x=", "204/98", ")"]


def test_unfold() -> None:
    assert unfold(" (& (a=1)\r\n\t(b=2)\r\n (c=3))\r\n") == "(& (a=1)\t(b=2) (c=3))"
    assert unfold("(a=1)\n(b=2)") == "(a=1) (b=2)"
