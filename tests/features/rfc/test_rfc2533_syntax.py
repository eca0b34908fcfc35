"""What RFC 2533 sections 3.3, 4 and 6 say in prose and in their grammar."""

from fractions import Fraction

import pytest

from conneg.features import (
    Comparison,
    FeatureReferenceError,
    FeatureSyntaxError,
    Text,
    Token,
    feature_set,
    parse,
    write,
)


def number(text: str) -> Fraction:
    tree = parse(f"(x={text})")
    assert isinstance(tree, Comparison)
    assert isinstance(tree.value, Fraction)
    return tree.value


@pytest.mark.parametrize("text", ["3/2", "+15/10", "600/400"])
def test_representations_of_one_and_a_half(text: str) -> None:
    """4.2.4.2: all valid; the canonical form divides by the highest common factor."""
    assert number(text) == Fraction(3, 2)
    assert write(parse(f"(x={text})")) == "(x=3/2)"


@pytest.mark.parametrize(
    ("texts", "meant"),
    [(("+5", "5", "+5/1", "+50/10"), 5), (("-2", "-2/1", "-4/2"), -2)],
)
def test_an_integer_in_place_of_a_rational(texts: tuple[str, ...], meant: int) -> None:
    """4.2.4.2."""
    assert {number(text) for text in texts} == {Fraction(meant)}
    for text in texts:
        assert feature_set(f"(x={text})").equivalent(feature_set(f"(x={meant})"))


@pytest.mark.parametrize(("text", "rest"), [("3/+2", "/+2)"), ("15/-10", "/-10)")])
def test_a_sign_inside_is_not_valid(text: str, rest: str) -> None:
    """4.2.4.2: any sign must precede the entire number."""
    source = f"(x={text})"
    with pytest.raises(FeatureSyntaxError) as caught:
        parse(source)
    assert source[caught.value.column - 1 :] == rest


@pytest.mark.parametrize("word", ["TRUE", "true", "True", "tRuE"])
def test_booleans_in_any_letter_case(word: str) -> None:
    """4.2.4.1: a Boolean is a token with two values."""
    assert feature_set(f"(x={word})").equivalent(feature_set("(x=TRUE)"))
    assert not feature_set(f"(x={word})").equivalent(feature_set("(x=FALSE)"))
    assert write(parse(f"(x={word})")) == "(x=TRUE)"


@pytest.mark.parametrize("operator", ["<=", ">="])
@pytest.mark.parametrize("word", ["Grey", '"Grey"', "TRUE"])
def test_order_of_words_is_equality(operator: str, word: str) -> None:
    """4.2.2: of values that are not numeric, less-than and greater-than tests amount to equality tests."""
    assert feature_set(f"(x{operator}{word})").equivalent(feature_set(f"(x={word})"))


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [("(x=2)", (2,), (1, 3)), ("(x<=2)", (1, 2), (3,)), ("(x>=2)", (2, 3), (1,))],
)
def test_the_three_comparisons(text: str, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    """4.2.2."""
    features = feature_set(text)
    assert all(features.accepts({"x": Fraction(value)}) for value in inside)
    assert not any(features.accepts({"x": Fraction(value)}) for value in outside)


@pytest.mark.parametrize("a", [0, 1])
@pytest.mark.parametrize("b", [0, 1])
def test_composite_filters(a: int, b: int) -> None:
    """4.2.1: logical AND, OR and negation."""
    point = {"a": Fraction(a), "b": Fraction(b)}
    assert feature_set("(& (a=1) (b=1) )").accepts(point) is bool(a and b)
    assert feature_set("(| (a=1) (b=1) )").accepts(point) is bool(a or b)
    assert feature_set("(! (a=1) )").accepts(point) is not a
    assert feature_set("(& (a=1) )").accepts(point) is bool(a)
    assert feature_set("(| (a=1) )").accepts(point) is bool(a)


def test_an_unrecognised_tag_is_a_legitimate_tag() -> None:
    """4.2.3."""
    common = feature_set("(& (x-new=7) (dpi=200))") & feature_set("(dpi=[200,300])")
    assert common.equivalent(feature_set("(& (x-new=7) (dpi=200))"))
    assert (common & feature_set("(x-new=8)")).is_empty


def test_anything_is_possible_until_it_is_constrained() -> None:
    """3.3: a feature set starts from everything; each constraint removes collections."""
    assert feature_set("(dpi=200)").accepts({"dpi": Fraction(200), "color": Token("Full")})
    assert not feature_set("(& (dpi=200) (color=Grey))").accepts(
        {"dpi": Fraction(200), "color": Token("Full")}
    )
    assert feature_set("(dpi=200)").contains(feature_set("(& (dpi=200) (color=Grey))"))


@pytest.mark.parametrize("q", ["0", "0.5", "0.50", "0.500", "0.333", "1", "1.0", "1.000", "0.", "1."])
def test_quality_values(q: str) -> None:
    """4.1: qvalue; up to three fractional digits (3.6)."""
    (one,) = feature_set(f"(a=1);q={q}").conjunctions
    assert one.quality == Fraction(q.rstrip(".") or "0")


@pytest.mark.parametrize("q", ["0.3333", "1.001", "1.5", "2", ".5", "-0.5", "+1", "1/2", "", "00.5"])
def test_no_quality_values(q: str) -> None:
    with pytest.raises(FeatureSyntaxError):
        parse(f"(a=1);q={q}")


def test_no_quality_value_is_one() -> None:
    """3.6, 4.1; only top-level ones are recognised."""
    assert feature_set("(a=1)").conjunctions[0].quality == 1
    assert feature_set("(& (a=1);q=0.1 (b=1))").conjunctions[0].quality == 1


@pytest.mark.parametrize("literal", list("()[]=,;&|!"))
def test_white_space_between_any_two_elements(literal: str) -> None:
    """4.1: between any pair of elements or literals of the productions."""
    text = '(&(a=[1,x..y])(|(b=2);q=0.5;level=3(!(c="s"))))'
    assert literal in text
    assert parse(text.replace(literal, f" {literal}\t\r\n")) == parse(text)


@pytest.mark.parametrize(
    ("text", "is_token"),
    [("A4", True), ("iso-A4", True), ("A", True), ("A-", True), ("4A", False), ("-A", False), ("A.4", False),
     ("A_4", False)],
)  # fmt: skip
def test_tokens(text: str, is_token: bool) -> None:
    """4.1: ALPHA *( ALPHA / DIGIT / "-" ); RFC 2506 section 2.3 has more, which must be written as a string."""
    if is_token:
        assert feature_set(f"(x={text})").accepts({"x": Token(text)})
        return
    if text == "4A":
        assert feature_set("(x=4A)").equivalent(feature_set("(x=4 A)")), "by 6.2 a number with a unit"
        return
    with pytest.raises(FeatureSyntaxError):
        parse(f"(x={text})")


@pytest.mark.parametrize("text", ["", " ", "a b", "x;y,(z)[&|!]", "~!#$%&'()*+,-./:;<=>?@\\^_`{|}"])
def test_strings(text: str) -> None:
    """4.1: SP and VCHAR without DQUOTE; 4.2.4.4: semantics of a token, but another value."""
    features = feature_set(f'(x="{text}")')
    assert features.accepts({"x": Text(text)})
    assert write(parse(f'(x="{text}")')) == f'(x="{text}")'


@pytest.mark.parametrize("text", ['"a"b"', '"a\tb"', '"a\r\n b"', '"\u00e9"', '"a', "'a'"])
def test_no_strings(text: str) -> None:
    with pytest.raises(FeatureSyntaxError):
        parse(f"(x={text})")


@pytest.mark.parametrize("text", ["(res=72dpi)", "(res=72 dpi)", "(res=72 \t dpi)"])
def test_unit_designations(text: str) -> None:
    """6.2: number *WSP token."""
    assert feature_set(text).equivalent(feature_set("(res=72dpi)"))
    assert feature_set("(res=144/2dpi)").equivalent(feature_set("(res=72dpi)"))


@pytest.mark.parametrize("calls", ["(P)", "(P a)", "(P a b c)"])
def test_number_of_parameters_must_match(calls: str) -> None:
    """6.1.2."""
    with pytest.raises(FeatureReferenceError):
        feature_set(f"{calls} where (P x y) :- (& (x=1) (y=2)) end")
    assert feature_set("(P a b) where (P x y) :- (& (x=1) (y=2)) end").equivalent(
        feature_set("(& (a=1) (b=2))")
    )


def test_a_formal_parameter_hides_a_tag_of_its_name() -> None:
    """6.1.3, and the note of 6.1.5: the body cannot reference the feature."""
    text = "(& (x=5) (P y)) where (P x) :- (& (x=1) (z=2)) end"
    assert feature_set(text).equivalent(feature_set("(& (x=5) (y=1) (z=2))"))


def test_named_predicates_do_not_see_each_other_or_themselves() -> None:
    """6.1.3: not visible from each other; recursion is not permitted. A name nobody knows is kept."""
    features = feature_set("(P) where (P) :- (Q) (Q) :- (a=1) end")
    assert features.unresolved == ("(Q)",)
    assert feature_set("(P) where (P) :- (& (a=1) (P)) end").unresolved == ("(P)",)


def test_parameters_inside_the_parentheses_before_where() -> None:
    """6.1.3 prints them there; 4.1 and every example have them behind."""
    inside = feature_set("(a=1 ;q=0.5) where (P) :- (b=1) end")
    behind = feature_set("(a=1);q=0.5 where (P) :- (b=1) end")
    assert inside.conjunctions[0].quality == behind.conjunctions[0].quality == Fraction(1, 2)


@pytest.mark.parametrize(
    "text", ["(x=1.5)", "(x>1)", "(x<1)", "(x~=1)", "(&)", "(|)", "(!(a=1)(b=2))", "(x=[])", "(x=[1,])",
             "(x=[1..2..3])", "(x=[1/2)", "x=1", "()", "(x=)", "(x=1/0)", "(x=1))"],
)  # fmt: skip
def test_no_expression(text: str) -> None:
    """4.1."""
    with pytest.raises(FeatureSyntaxError):
        parse(text)


@pytest.mark.parametrize("text", ["(x=[3/4..17/2])", "(x=[3 / 4 .. 17 / 2])"])
def test_a_slash_in_a_set_belongs_to_a_rational(text: str) -> None:
    """RFC 2738 section 2: the "/" of setentry separates alternatives and is no literal."""
    assert feature_set(text).equivalent(feature_set("(& (x>=3/4) (x<=17/2))"))


@pytest.mark.parametrize("text", ["(x=[3//4..5])", "(x=[A/3..4])", '(x=["a"/3..4])'])
def test_the_uncorrected_setentry_is_not_read(text: str) -> None:
    """RFC 2738 section 2: `value "/" range`, as RFC 2533 section 4.1 printed it."""
    with pytest.raises(FeatureSyntaxError):
        parse(text)
