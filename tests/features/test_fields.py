"""Content-Features and its like (RFC 2912): read with folding and comments, written folded between elements."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.errors import BoundExceededError
from conneg.features import (
    Expression,
    FeatureSyntaxError,
    WrapError,
    hash_name,
    parse,
    read_content_features,
    read_field,
    write,
    write_content_features,
    write_field,
)

from .schema import RECEIVERS
from .strategies import expressions

# RFC 2912 section 4.2, as printed
RFC_2912_4_2 = """Content-features:
        (& (Type="image/tiff")
           (color=Binary)
           (image-file-structure=TIFF-S)
           (dpi=200)
           (dpi-xyratio=200/100)
           (paper-size=A4)
           (image-coding=MH) (MRC-mode=0)
           (ua-media=stationery) )
"""


@pytest.mark.parametrize("text", RECEIVERS)
def test_folded_and_read_again(text: str) -> None:
    field = write_content_features(text)
    lines = field.split("\r\n")
    assert lines[0].startswith("Content-Features: (")
    assert all(len(line) <= 76 for line in lines)
    assert all(line.startswith(" ") and line.strip() for line in lines[1:])
    assert read_content_features(field) == parse(text)
    assert hash_name(field.partition(":")[2]) == hash_name(text)


@settings(max_examples=100, deadline=None)
@given(expressions, st.integers(30, 80))
def test_any_expression_at_any_width(expression: Expression, width: int) -> None:
    field = write_field("Content-Alternative", expression, width=width)
    assert max(map(len, field.split("\r\n"))) <= width
    assert read_field(field) == expression
    assert read_field(field.partition(":")[2]) == expression
    assert read_field(field.replace("\r\n", "\n")) == expression


def test_as_printed() -> None:
    assert write(read_content_features(RFC_2912_4_2)) == (
        '(& (type="image/tiff") (color=Binary) (image-file-structure=TIFF-S) (dpi=200) (dpi-xyratio=2)'
        " (paper-size=A4) (image-coding=MH) (MRC-mode=0) (ua-media=stationery))"
    )


def test_a_colon_inside_the_expression_is_no_field_name() -> None:
    assert read_field("(u.http://example.com/f=TRUE)") == parse("(u.http://example.com/f=TRUE)")


@pytest.mark.parametrize(
    "behind", ["", " ", "\r\n ", " (made by a scanner)", "(a (nested) one)\t(another)", r" (quoted \( pair)"]
)
def test_comments_behind_the_expression(behind: str) -> None:
    """RFC 5322 3.2.2: comments may stand where folding white space may; in front they would be the expression."""
    assert read_field(f" (& (dpi=200)\r\n (color=Binary)){behind}\r\n") == parse(
        "(& (dpi=200) (color=Binary))"
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("(dpi=200) junk", "found 'junk', expected the end of the expression"),
        ("(dpi=200) (open", "found the end, expected the end of a comment"),
        ("(dpi=200) )", r"found '\)', expected the end of the expression"),
        ("(dpi=200) (x) y", "found 'y', expected the end of the expression"),
        ("(a comment) (dpi=200", "expected the end of a comment"),
        ("", "found the end"),
        ("Content-Features:", "found the end"),
    ],
)
def test_what_is_no_value(value: str, found: str) -> None:
    with pytest.raises(FeatureSyntaxError, match=found):
        read_field(value)


def test_a_long_element_gets_a_long_line() -> None:
    tag = "u.http://example.com/" + "f" * 200
    field = write_field("Content-Features", f"(& (dpi=200) ({tag}=1) (color=Binary))")
    assert max(map(len, field.split("\r\n"))) <= 998
    assert read_field(field) == parse(f"(& (dpi=200) ({tag}=1) (color=Binary))")
    with pytest.raises(WrapError):
        write_field("Content-Features", f"({'f' * 1000}=1)")


def test_a_field_is_bounded() -> None:
    with pytest.raises(BoundExceededError, match=r"features\.text"):
        read_field(" " * 70_000)


def test_many_open_comments_are_read_in_one_pass() -> None:
    with pytest.raises(FeatureSyntaxError, match="the end of a comment"):
        read_field("(dpi=200)" + "(" * 60_000)
