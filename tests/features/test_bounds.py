"""Hostile expressions fail by the name of a bound, and soon: nothing here may take seconds."""

import pytest

from conneg.errors import BoundExceededError
from conneg.features import (
    FeatureReferenceError,
    choose,
    default_preference,
    explain_mismatch,
    feature_set,
    hash_name,
    parse,
    wrap,
    write,
)

pytestmark = pytest.mark.timeout(20)


def alternatives(count: int) -> str:
    return f"(& {''.join(f'(| (a{n}=1) (b{n}=1))' for n in range(count))})"


def negated(count: int) -> str:
    return f"(!(| {''.join(f'(& (a{n}=1) (b{n}=1))' for n in range(count))}))"


def grid(count: int) -> str:
    sides = ("".join(f"(& ({tag}={n}) (z{tag}{n}=1))" for n in range(count)) for tag in "xy")
    return f"(& {' '.join(f'(| {side})' for side in sides)})"


def circle(name: str) -> str:
    return f"(& ({name}) (a=1))"


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("(" * 70_000, "features.text"),
        ("(!" * 20_000, "features.depth"),
        ("(!" * 32 + "(a=1)" + ")" * 32, "features.depth"),
        (f"(x={'9' * 101})", "features.digits"),
        (f"(x=1/{'9' * 101})", "features.digits"),
        (f"(x={'9' * 60_000})", "features.digits"),
        (f"(| (z=1) {alternatives(2000)})", r"features.(work|conjunctions)"),
        (f"(| (z=1) {alternatives(20)})", r"features.(work|conjunctions)"),
        (negated(14), r"features.(work|conjunctions)"),
        (f"(| (z=1) {grid(100)})", "features.conjunctions"),
        ("(&" + "".join(f"(!(x={n}))" for n in range(6000)) + ")", "features.work"),
    ],
    ids=lambda value: value[:20],
)  # fmt: skip
def test_by_name(text: str, bound: str) -> None:
    with pytest.raises(BoundExceededError, match=bound):
        feature_set(text)


@pytest.mark.parametrize("count", [20, 400])
def test_independent_choices_are_answered(count: int) -> None:
    """Two to the power of `count` terms: met, compared, told empty and written without working them out."""
    one, other = feature_set(alternatives(count)), feature_set(alternatives(count).replace("b", "c"))
    both = one & other
    assert not both.is_empty
    assert one.contains(both)
    assert not both.contains(one)
    assert (both & feature_set("(a7=2)")).accepts({"a7": 2, "b7": 1, "c7": 1})  # type: ignore[dict-item]
    assert (both & feature_set("(& (a7=2) (b7=2))")).is_empty
    with pytest.raises(BoundExceededError, match=r"features\.conjunctions"):
        _ = both.conjunctions


def test_independent_choices_are_written_side_by_side() -> None:
    text = alternatives(9)
    assert len(feature_set(text).conjunctions) == 512
    assert str(feature_set(text)) == write(parse(text))


def test_at_the_bounds() -> None:
    parse("(!" * 31 + "(a=1)" + ")" * 31)
    parse(f"(x={'9' * 100})")
    assert len(feature_set(grid(40)).conjunctions) == 1_600


def test_a_resolver_that_goes_round_in_circles() -> None:
    with pytest.raises(BoundExceededError, match=r"features\.expanded-depth"):
        feature_set("(round)", resolver=circle)


def test_predicates_that_multiply() -> None:
    body = "(| (x=1) (y=1))"
    for level in range(29):
        body = f"(& (P{level}) (P{level})) where (P{level}) :- {body} end"
    with pytest.raises(BoundExceededError, match=r"features\.(work|expanded-depth)"):
        feature_set(body)


def test_predicates_do_not_see_each_other_or_themselves() -> None:
    """RFC 2533 6.1.3."""
    text = "(P) where (P) :- (& (P) (Q) (a=1)) (Q) :- (b=1) end"
    assert feature_set(text).unresolved == ("(P)", "(Q)")


def test_predicates_with_parameters() -> None:
    """RFC 2533 6.1.1; and the TRAP that a parameter is not replaced where a value stands."""
    assert feature_set("(P res) where (P X) :- (& (X=1) (dpi=X)) end").equivalent(
        feature_set("(& (res=1) (dpi=X))")
    )
    assert feature_set("(P a.b) where (P dpi) :- (dpi=1) end").equivalent(feature_set("(a.b=1)"))
    nested = "(P a) where (P X) :- (Q X) where (Q Y) :- (& (Y=1) (X=1)) end end"
    assert feature_set(nested).equivalent(feature_set("(a=1)"))
    with pytest.raises(FeatureReferenceError, match="takes 1 arguments and is given 2"):
        feature_set("(P a b) where (P X) :- (X=1) end")
    with pytest.raises(FeatureReferenceError, match="where a feature tag must stand"):
        feature_set("(P 4) where (P X) :- (X=1) end")


@pytest.mark.parametrize(
    "text",
    [
        f"(x=[{','.join(map(str, range(10_000)))}])",
        "(|" + "".join(f"(& (a{n}=1) (b{n}=1))" for n in range(2000)) + ")",
        "(|" + "".join(f"(x={n})" for n in range(6000)) + ")",
        "(& (|" + "".join(f"(c={n})" for n in range(1000)) + ")" + "".join(f"(t{n}<=1)" for n in range(3000)) + ")",
        "(!(&" + "".join(f"(t{n}<=1)" for n in range(1500)) + "))",
    ],
    ids=["set", "or of and", "or", "wide", "negated"],
)  # fmt: skip
def test_large_sets_are_handled_or_refused(text: str) -> None:
    features = feature_set(text)
    assert choose(features, default_preference()) is not None
    assert len(wrap(text, 499, 499)) > 10
    assert hash_name(text).startswith("h.")
    assert len(features.key) > 10
    explain_mismatch(features, feature_set("(x=abc)"))
    for operation in (features.complement, lambda: features & features, lambda: features.contains(features)):
        try:
            operation()
        except BoundExceededError as error:
            assert "bound features." in str(error)  # noqa: PT017


def test_a_bound_s_message_is_one_line() -> None:
    with pytest.raises(BoundExceededError) as caught:
        parse("(!" * 40)
    assert str(caught.value) == "more than 32 levels of parentheses (bound features.depth)"
