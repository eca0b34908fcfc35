"""The schema against the registrations: RFC 2534 section 2, RFC 2879 section 3 and appendix A, RFC 2913, RFC 2987."""

import json
from fractions import Fraction

import pytest

from conneg.features import PROFILES, SetOf, Text, Token, parse
from conneg.features.expression import And, Comparison, Expression, Not, Or
from conneg.features.registry import (
    TAGS,
    Pick,
    describe_tag,
    find_tag,
    spelling,
    value_rank,
    value_spelling,
)
from conneg.features.schema import SCHEMA, DataType, Tree, tree_of

from .schema import RECEIVERS

INTEGER, RATIONAL, TOKEN, STRING = (
    DataType.SIGNED_INTEGER,
    DataType.RATIONAL,
    DataType.TOKEN,
    DataType.STRING,
)

# Name, ASN.1 number, type: from the registrations' own words.
REGISTERED = [
    ("pix-x", 1, INTEGER),
    ("pix-y", 2, INTEGER),
    ("dpi", 3, RATIONAL),
    ("ua-media", 4, TOKEN),
    ("paper-size", 5, TOKEN),
    ("color", 6, TOKEN),
    ("size-x", 7, RATIONAL),
    ("size-y", 8, RATIONAL),
    ("dpi-xyratio", 9, RATIONAL),
    ("color-levels", 10, INTEGER),
    ("color-space", 11, TOKEN),
    ("CIELAB-L-depth", 12, INTEGER),
    ("CIELAB-a-depth", 13, INTEGER),
    ("CIELAB-b-depth", 14, INTEGER),
    ("CIELAB-L-min", 15, RATIONAL),
    ("CIELAB-L-max", 16, RATIONAL),
    ("CIELAB-a-min", 17, RATIONAL),
    ("CIELAB-a-max", 18, RATIONAL),
    ("CIELAB-b-min", 19, RATIONAL),
    ("CIELAB-b-max", 20, RATIONAL),
    ("image-file-structure", 21, TOKEN),
    ("image-coding", 22, TOKEN),
    ("image-coding-constraint", 23, TOKEN),
    ("JBIG-stripe-size", 24, INTEGER),
    ("image-interleave", 25, TOKEN),
    ("color-subsampling", 26, STRING),
    ("MRC-mode", 27, INTEGER),
    ("MRC-max-stripe-size", 28, INTEGER),
    ("color-illuminant", 29, TOKEN),
    ("type", 30, STRING),
    ("charset", 31, TOKEN),
    ("language", 32, TOKEN),
]

# The values that the registrations list.
LISTED = {
    "ua-media": "screen screen-paged stationery transparency envelope envelope-plain continuous",
    "paper-size": "letter a4 b4 a3 legal",
    "color": "binary grey limited mapped full",
    "color-space": "Device-RGB Device-CMY Device-CMYK CIELAB",
    "color-illuminant": "D50 D65 D75 SA SC F2 F7 F11",
    "image-file-structure": "TIFF TIFF-limited TIFF-minimal TIFF-MRC TIFF-MRC-limited",
    "image-coding": "MH MR MMR JBIG JPEG",
    "image-coding-constraint": "JBIG-T85 JBIG-T43 JPEG-T4E",
    "image-interleave": "Stripe Plane",
}


def test_registrations() -> None:
    assert [(tag.name, tag.number, tag.type) for tag in SCHEMA] == REGISTERED


def test_every_tag_is_described() -> None:
    for tag in SCHEMA:
        assert tag.meaning
        assert tag.source.startswith("RFC ")
        assert tag.identifier == f"1.3.6.1.8.1.{tag.number}"
        assert describe_tag(tag.name.upper()) is tag


def test_facts_are_json() -> None:
    facts = json.loads(json.dumps([tag.facts for tag in SCHEMA]))
    by_name = {row["name"]: row for row in facts}
    assert by_name["MRC-mode"]["permitted"] == "0 to 7"
    assert by_name["color-subsampling"]["values"] == ['"4:1:1"', '"1:1:1"']
    assert by_name["color-illuminant"]["permitted"].endswith("CTnnnn")
    assert by_name["dpi"]["unit"] == "pixels per inch"
    assert by_name["size-x"]["type"] == "rational"
    assert by_name["color"]["order"] == "none"


@pytest.mark.parametrize("name", sorted(LISTED))
def test_listed_values(name: str) -> None:
    tag = find_tag(name)
    assert set(tag.values) == {Token(word) for word in LISTED[name].split()}
    assert all(tag.is_listed(value) for value in tag.values)
    assert not tag.is_listed(Token("nonesuch"))


def test_subsampling_is_a_string() -> None:
    """RFC 2879 A.13."""
    tag = find_tag("color-subsampling")
    assert set(tag.values) == {Text("1:1:1"), Text("4:1:1")}
    assert not tag.is_listed(Text("4:2:0"))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("CT7500", True),
        ("ct5000", True),
        ("CT10000", True),
        ("CT", False),
        ("CT75", False),
        ("CTnnnn", False),
        ("D55", False),
    ],
)
def test_illuminants_by_temperature(word: str, expected: bool) -> None:
    """RFC 2879 3.6: CTnnnn, nnnn a decimal number of Kelvin."""
    assert find_tag("color-illuminant").is_listed(Token(word)) is expected
    assert not find_tag("color-space").is_listed(Token(word))


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("size-x", ["1/1000", "2150/254"], ["0", "-1"]),  # A.1: > 0
        ("dpi", ["1/2", "200"], ["0", "-200"]),  # 3.2: > 0
        ("dpi-xyratio", ["204/391", "2"], ["0", "-1"]),  # A.2: > 0
        ("color-levels", ["2", "68719476736"], ["1", "0"]),  # A.3: >= 2
        ("CIELAB-L-depth", ["1", "4096"], ["0"]),  # A.6: > 0
        ("CIELAB-a-min", ["-85", "0", "1000"], []),  # A.7: any rational
        ("MRC-mode", ["0", "7"], ["-1", "8"]),  # A.14: 0..7
        ("JBIG-stripe-size", ["0", "128"], ["-1"]),  # 3.7 has >=0
        ("MRC-max-stripe-size", ["0", "256"], ["-1"]),  # 3.8 has >=0
        ("pix-x", ["-5", "0", "1024"], []),  # RFC 2534 2.1: signed integer
    ],
)
def test_ranges(name: str, inside: list[str], outside: list[str]) -> None:
    tag = find_tag(name)
    assert all(tag.is_in_range(Fraction(number)) for number in inside)
    assert not any(tag.is_in_range(Fraction(number)) for number in outside)


def test_no_registered_tag_has_ordered_words() -> None:
    """RFC 2534, 2879, 2987: equality relationships only."""
    for tag in SCHEMA:
        assert tag.type is not None
        assert tag.type.is_ordered is tag.type.is_number


@pytest.mark.parametrize(
    ("name", "tree"),
    [
        ("dpi", Tree.IETF),
        ("audio-codec", Tree.IETF),
        ("g.blinktags", Tree.GLOBAL),  # RFC 2506 3.1.2
        ("G.organization.blinktags", Tree.GLOBAL),
        ("u.http://example.com/f", Tree.URI),  # RFC 2506 3.1.3
        ("h.SBB5REAOMHC09CP2GM4V07PQP0", Tree.HASH),  # RFC 2938 3.1
        ("h.xyz", Tree.OTHER),
        ("x.blink", Tree.OTHER),  # RFC 2506 3.1.4
    ],
)
def test_naming_trees(name: str, tree: Tree) -> None:
    assert tree_of(name) is tree


def test_unknown_tags() -> None:
    """RFC 2533 4.2.3: an unknown tag is an ordinary tag."""
    assert describe_tag("X-Odd") is None
    unknown = find_tag("X-Odd")
    assert (unknown.name, unknown.type, unknown.values) == ("", None, ())
    assert unknown.is_listed(Token("anything"))
    assert spelling("X-Odd") == "X-Odd"
    assert value_spelling("x-odd", Token("Any")) == "Any"
    assert value_rank("x-odd", Token("Any")) == 0


def test_registered_spellings() -> None:
    assert spelling("cielab-l-MIN") == "CIELAB-L-min"
    assert spelling("Charset") == "charset"
    assert value_spelling("color", Token("FULL")) == "Full"
    assert value_spelling("duplex", Token("true")) == "TRUE"
    assert value_rank("paper-size", Token("a4")) < value_rank("paper-size", Token("LETTER"))
    assert value_rank("paper-size", Token("other")) == len(find_tag("paper-size").values)


def test_picks() -> None:
    """What the choice takes from a range; a tag for the least of something is picked small."""
    assert {name for name, tag in TAGS.items() if tag.pick is Pick.SMALLEST} == {
        "cielab-l-min",
        "cielab-a-min",
        "cielab-b-min",
        "mrc-mode",
    }
    assert find_tag("JBIG-stripe-size").usual == 128
    assert find_tag("MRC-max-stripe-size").usual == 256


@pytest.mark.parametrize("text", [*RECEIVERS, *(profile.text for profile in PROFILES.values())])
def test_published_expressions_keep_to_the_schema(text: str) -> None:
    for leaf in _leaves(parse(text)):
        tag = describe_tag(leaf.tag)
        assert tag is not None
        values = leaf.entries if isinstance(leaf, SetOf) else (leaf.value,)
        for value in values:
            if isinstance(value, Fraction):
                assert tag.type is not None
                assert tag.type.is_number
                assert tag.is_in_range(value)
            elif isinstance(value, Token | Text):
                assert tag.is_listed(value)


def _leaves(expression: Expression) -> list[Comparison | SetOf]:
    if isinstance(expression, And | Or):
        return [leaf for operand in expression.operands for leaf in _leaves(operand)]
    if isinstance(expression, Not):
        return _leaves(expression.operand)
    assert isinstance(expression, Comparison | SetOf)
    return [expression]
