"""The syntax vectors F-S1 to F-S21 and the hashes H-1 to H-5 (RFC 2533 4.1, RFC 2738 2, RFC 2938 3.1)."""

from fractions import Fraction

import pytest

from conneg.features import (
    Comparison,
    FeatureSyntaxError,
    Operator,
    Quantity,
    Range,
    SetOf,
    TagName,
    Text,
    Token,
    hash_name,
    is_hash_name,
    parse,
    wrap,
    write,
)

from .schema import K1

ACCEPTED = [
    ("F-S1", "(dpi=300)"),
    ("F-S2", "(&(dpi=300)(color=Binary))"),
    ("F-S3", "( & ( dpi = 300 ) ( color = Binary ) )"),
    ("F-S9", "(x=+15/10)"),
    ("F-S11", "(x=[3,4,6..17/2])"),
    ("F-S13", "(x=[3/4])"),
    ("F-S14", '(x="a b")'),
    ("F-S14", '(x="")'),
    ("F-S15", "(x=4A)"),
    ("F-S16", "(dpi=72 dpcm)"),
    ("F-S17", "(a=1);q=0.333"),
    ("F-S17", "(a=1);q=0."),
    ("F-S18", "(a=1) ; q=0.5 ; level=2"),
    ("F-S21", "(a-b.c:d/e=1)"),
]
REFUSED = [
    ("F-S4", "(dpi > = 150)"),
    ("F-S5", "(dpi>150)"),
    ("F-S6", "(&)"),
    ("F-S6", "(|)"),
    ("F-S7", "(!(a=1)(b=2))"),
    ("F-S8", "(x=3/+2)"),
    ("F-S8", "(x=15/-10)"),
    ("F-S10", "(x=1.5)"),
    ("F-S12", "(x=[])"),
    ("F-S14", '(x="a"b")'),
    ("F-S17", "(a=1);q=0.3333"),
    ("F-S17", "(a=1);q=1.001"),
    ("F-S17", "(a=1);q=.5"),
    ("F-S19", "(a=1))"),
    ("F-S19", "(a=1"),
    ("F-S19", "((a=1))"),
    ("F-S19", "a=1"),
    ("F-S20", "(2up=1)"),
    ("F-S20", "(x=-abc)"),
    ("F-S20", "(a=b c)"),
    ("F-S20", "(x=1/0)"),
]


@pytest.mark.parametrize(("vector", "text"), ACCEPTED)
def test_accepted(vector: str, text: str) -> None:
    expression = parse(text)
    assert parse(write(expression)) == expression


@pytest.mark.parametrize(("vector", "text"), REFUSED)
def test_refused(vector: str, text: str) -> None:
    with pytest.raises(FeatureSyntaxError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_f_s5_lenient() -> None:
    assert parse("(dpi>150)", lenient=True) == parse("(!(dpi<=150))")
    assert parse("(dpi<150)", lenient=True) == parse("(!(dpi>=150))")


def test_values() -> None:
    """F-S9, F-S11, F-S13, F-S15, F-S16: what the texts mean."""
    x, dpi = TagName("x"), TagName("dpi")
    assert parse("(x=+15/10)") == Comparison(x, Operator.EQUAL, Fraction(3, 2))
    assert parse("(x=[3/4])") == SetOf(x, (Fraction(3, 4),))
    entries = (Fraction(3), Fraction(4), Range(Fraction(6), Fraction(17, 2)))
    assert parse("(x=[3,4,6..17/2])") == SetOf(x, entries)
    assert parse("(x=4A)") == Comparison(x, Operator.EQUAL, Quantity(Fraction(4), Token("A")))
    assert parse("(x=A4)") == Comparison(x, Operator.EQUAL, Token("a4"))
    assert parse("(dpi=72 dpcm)") == Comparison(dpi, Operator.EQUAL, Quantity(Fraction(72), Token("dpcm")))
    assert parse('(x="A b")') == Comparison(x, Operator.EQUAL, Text("A b"))
    assert parse("(u.http://example.com/f%20=true)") == Comparison(
        TagName("u.http://example.com/f%20"), Operator.EQUAL, Token("TRUE")
    )


def test_white_space_around_the_slash_of_a_rational() -> None:
    """Section 2.1: accepted, never sent."""
    assert write(parse("(x=204 / 98)")) == "(x=102/49)"


def test_where_with_parameters_in_either_place() -> None:
    """RFC 2533 6.1.3 against 4.1."""
    inside = parse("(P ;q=0.5) where (P) :- (b=2) end")
    outside = parse("(P);q=0.5 WHERE (P) :- (b=2) END")
    assert inside == outside
    assert outside.quality == Fraction(1, 2)
    with pytest.raises(FeatureSyntaxError):
        parse("(P ;q=0.5)")


def test_errors_show_the_place() -> None:
    with pytest.raises(FeatureSyntaxError) as caught:
        parse("(& (dpi=300)\n   (color=?))")
    error = caught.value
    assert (error.line, error.column, error.found) == (2, 11, "'?'")
    assert error.excerpt == "   (color=?))\n          ^"
    assert str(error) == (
        "line 2, column 11: found '?', expected a value (number, token, string or TRUE/FALSE)"
    )


def test_excerpt_of_a_long_line_is_short() -> None:
    with pytest.raises(FeatureSyntaxError) as caught:
        parse("(& " + "(dpi=300) " * 500 + "(color=?)" + " (dpi=300)" * 500 + ")")
    source, caret = caught.value.excerpt.split("\n")
    assert len(source) < 90
    assert source[caret.index("^")] == "?"


def test_error_at_the_end() -> None:
    with pytest.raises(FeatureSyntaxError, match="line 1, column 5: found the end, expected"):
        parse("(a=1")


@pytest.mark.parametrize(
    "text", ["(x=\x00)", "(é=1)", '(x="é")', "(x=1)\x80", "", " ", "\ufeff(a=1)", "(x=٣)"]
)
def test_what_is_not_ascii_is_refused(text: str) -> None:
    with pytest.raises(FeatureSyntaxError) as caught:
        parse(text)
    assert str(caught.value).isascii()


HASHES = [
    ("H-1", "(& (pix-x<=200) (pix-y<=150) )", "SBB5REAOMHC09CP2GM4V07PQP0"),
    (
        "H-2",
        """(| (& (ua-media=continuous) (dpi=200) (dpi-xyratio=200/100) (color=Binary) (paper-size=B4)
        (image-coding=MH) ) (& (ua-media=continuous) (dpi=200) (dpi-xyratio=200/100) (color=Binary) (paper-size=B4)
        (image-coding=MR) ) (& (ua-media=stationery) (dpi=300) (dpi-xyratio=1) (color=Binary) (paper-size=A4)
        (image-coding=JBIG) ) (& (ua-media=transparency) (dpi=300) (dpi-xyratio=1) (color=Binary) (paper-size=A4)
        (image-coding=JBIG) ) )""",
        "U965DKFHDGT0344VRHI6OONIBS",
    ),
    ("H-3", K1, "MSB955PVIRT1QOHET9AJT5JM3O"),
    (
        "H-4",
        """(& (image-coding=JPEG) (image-coding-constraint=JPEG-T4E) (color-space=CIELAB) (color-illuminant=D50)
        (CIELAB-L-min>=0) (CIELAB-L-max<=100) (dpi=[100,200,300]) (dpi-xyratio=1) )""",
        "QVSEM8V2LMJ8VOR7V682J7079O",
    ),
    ("H-5", "(color=Binary)", "0D5RPQ1C3NKRUL4TADQSAQBT4G"),
    ("H-5", "( COLOR = binary )", "0D5RPQ1C3NKRUL4TADQSAQBT4G"),
]


@pytest.mark.parametrize(("vector", "text", "digits"), HASHES)
def test_hash(vector: str, text: str, digits: str) -> None:
    assert hash_name(text) == f"h.{digits}"
    assert is_hash_name(f"H.{digits.lower()}")
    assert hash_name(" ".join(wrap(text, 40, 60))) == f"h.{digits}"


def test_strings_are_hashed_as_they_are() -> None:
    assert hash_name('(x="a b")') != hash_name('(x="A b")') != hash_name('(x="Ab")')


def test_is_no_hash_name() -> None:
    assert not any(is_hash_name(name) for name in ("h.", "h.W", "g.ABC", "h-A", "h.A.B"))
