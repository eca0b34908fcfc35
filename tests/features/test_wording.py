"""Feature sets and concessions in plain words."""

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, pairwise, product, takewhile
from operator import eq, ge, gt, le, lt
from typing import Any

import pytest
from hypothesis import given, settings

from conneg.errors import BoundExceededError
from conneg.features import (
    PROFILES,
    Domain,
    Expression,
    Operator,
    Text,
    Token,
    Value,
    choose,
    concession,
    default_preference,
    describe_domain,
    describe_set,
    explain_match,
    feature_set,
    write,
)

from .schema import K2, K3, K7, RECEIVERS
from .strategies import VALUES, expressions

READER = """(| (type="application/pdf") (& (type=["image/png","image/jpeg"]) (color=Grey) (color-levels<=16)
 (pix-x<=1404) (pix-y<=1872)) (type="text/plain"))"""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            K7,
            (
                "as TIFF-minimal files, black and white, on A4, letter or B4 paper, on sheets of paper, in one layer",
                "200 x 100 or 200 x 200 dpi; or 204 x 98 or 204 x 196 dpi; or 400 dpi",
                "coded as JBIG, as in T.85, stripes of 128 lines; or coded as MH, MR or MMR",
            ),
        ),
        (
            READER,
            (
                "one of",
                "- JPEG or PNG, grey, up to 16 shades, up to 1,404 pixels wide, up to 1,872 pixels high",
                "- PDF or plain text",
            ),
        ),
        ("(size-x<=2150/254)", ("up to 215 mm wide",)),
        ("(size-y=11)", ("279.4 mm long",)),
        ("(size-x=1/3)", ("1/3 inches wide",)),
        ("(& (dpi=300) (dpi-xyratio=1))", ("300 dpi",)),
        ("(& (dpi<=600) (dpi-xyratio=1))", ("up to 600 dpi",)),
        ("(dpi=[200..400])", ("200 to 400 dpi across",)),
        ("(!(color=Full))", ("color anything but full colour",)),
        ("(x-tag=5)", ("x-tag 5",)),
        ("(| (a=1);q=0.5 (b=1))", ("b 1; or a 1 (quality 0.5)",)),
        ("(& (a=1) (a=2))", ("nothing: no document can meet this",)),
        ("(| (dpi<=5) (!(dpi<=5)))", ("anything",)),
        ("(h.ABC)", ("as (h.ABC) says",)),
        ("(& (CIELAB-a-min>=-85) (CIELAB-a-max<=85))", ("a* within -85 to 85",)),
        ("(MRC-mode<=2)", ("in one layer or in layers, MRC mode up to 2",)),
        ("(MRC-mode=[1..2])", ("in layers, MRC mode 1 to 2",)),
        ("(size-x<=20cm)", ("size-x up to 20 cm",)),
        ("(!(dpi<=200))", ("more than 200 dpi across",)),
        ("(!(color-levels=[2,4]))", ("any number but 2 or 4 shades",)),
        ("(!(x=[1..2,a]))", ("x anything but 1 to 2 or a",)),
        ('(x=[1,a,"a"])', ('x 1, a or "a"',)),
        ('(type="IMAGE/JPEG")', ("IMAGE/JPEG",)),
        ("(& (dpi=300) (dpi-xyratio<=2))", ("300 dpi across, up to 2 times as many dots across as down",)),
        ("(dpi-xyratio=1)", ("as many dots across as down",)),
        ("(& (dpi=2400) (dpi-xyratio=2))", ("2,400 x 1,200 dpi",)),
        ("(color=Full);q=0.5", ("full colour (quality 0.5)",)),
        ("(| (color=Full);q=0 (color=Grey))", ("grey; or full colour (quality 0: never)",)),
        (f"(dpi=[{','.join(map(str, range(1, 15)))}])",
         ("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 or 2 more dpi across",)),
        ('(& (type="text/plain") (charset=[utf-8,us-ascii]) (language=en))',
         ("plain text, written in us-ascii or utf-8, in the language en",)),
    ],
)  # fmt: skip
def test_in_words(text: str, lines: tuple[str, ...]) -> None:
    assert describe_set(feature_set(text)) == lines


def test_alternatives_inside_alternatives_are_indented() -> None:
    lines = describe_set(feature_set(K3))
    assert lines[1] == "one of"
    assert {line[:2] for line in lines[2:]} == {"- ", "  "}


@pytest.mark.parametrize("text", [*RECEIVERS, *(profile.text for profile in PROFILES.values())])
def test_published_capabilities_have_no_tag_in_them(text: str) -> None:
    words = " ".join(describe_set(feature_set(text)))
    assert not any(sign in words for sign in ("=", "dpi-xyratio", "image-coding", "color-", "size-x", "TRUE"))


@settings(max_examples=150, deadline=None)
@given(expressions)
def test_every_set_can_be_said(expression: Expression) -> None:
    features = feature_set(expression)
    lines = describe_set(features)
    assert lines
    assert all(line.strip() and "\n" not in line for line in lines)
    assert (lines[0] == "nothing: no document can meet this") is features.is_empty


PHOTO = (
    """(& (type="image/jpeg") (color=[Grey,Full]) (color-levels=[2..16777216]) (pix-x<=4000) (pix-y<=3000))"""
)
PAGE = """(& (color=[Binary,Grey,Full]) (dpi=[200,300,600]) (dpi-xyratio=[1,2]) (image-coding=[MH,MMR]))"""


def test_what_a_reader_costs_a_photo() -> None:
    assert [str(one) for one in explain_match(feature_set(PHOTO), feature_set(READER))] == [
        "colour: grey instead of full colour, because the device takes grey only",
        "shades: 16 instead of 16,777,216, because the device takes up to 16 shades only",
        "width in pixels: 1,404 instead of 4,000, because the device takes up to 1,404 pixels wide only",
        "height in pixels: 1,872 instead of 3,000, because the device takes up to 1,872 pixels high only",
    ]


def test_what_a_fax_costs_a_page() -> None:
    found = explain_match(feature_set(PAGE), feature_set(K2))
    assert [str(one) for one in found] == [
        "colour: black and white instead of full colour, because the device takes black and white only",
        "resolution: 300 dpi instead of 600 dpi, because the device takes"
        " 200 x 100, 200 x 200, 204 x 98, 204 x 196 or 300 x 300 dpi only",
    ]


def test_only_the_ratio_is_given_up() -> None:
    (found,) = explain_match(
        feature_set("(& (dpi=200) (dpi-xyratio=[1,2]))"), feature_set("(& (dpi=200) (dpi-xyratio=2))")
    )
    assert str(found) == (
        "resolution: 200 x 100 dpi instead of 200 dpi, because the device takes 200 x 100 dpi only"
    )


def test_nothing_is_given_up_where_all_is_taken() -> None:
    found = explain_match(feature_set(PHOTO), feature_set('(type="image/jpeg")'))
    assert (list(found), found.qualities, str(found)) == ([], (), "nothing is given up")
    assert found.wanted == found.got


def test_nothing_is_given_up_where_there_is_nothing() -> None:
    found = explain_match(feature_set("(a=1)"), feature_set("(a=2)"))
    assert not found
    assert found.got is None
    assert str(found) == "there is no form that both have"


def test_one_thing_is_given_up_for_another() -> None:
    """The device does take 400 dpi, but not in grey."""
    found = explain_match(
        feature_set("(& (color=[Binary,Grey]) (dpi=[200,400]))"),
        feature_set("(| (& (color=Grey) (dpi<=200)) (& (color=Binary) (dpi<=400)))"),
    )
    assert [str(one) for one in found] == [
        "resolution: 200 dpi across instead of 400 dpi across,"
        " because with all else as it is the device takes up to 200 dpi across only"
    ]
    assert (len(found), found[0].because) == (1, "up to 200 dpi across")


def test_what_the_offer_itself_does_not_combine() -> None:
    found = explain_match(
        feature_set("(| (& (paper-size=A3) (color=Full)) (& (paper-size=A4) (color=Grey)))"),
        feature_set("(paper-size=A4)"),
    )
    assert [str(one) for one in found] == [
        "colour: grey instead of full colour, because the offer has no such form with all else as it is",
        "paper: A4 instead of A3, because the device takes A4 only",
    ]


@pytest.mark.parametrize(
    ("offer", "accepted", "concessions", "qualities"),
    [
        (
            "(color=[Binary,Grey,Full])",
            "(| (color=Full);q=0.5 (color=Grey))",
            ["colour: grey instead of full colour, because the device prefers it (quality 1 before 0.5)"],
            ["the device gives this quality 1, and 0.5 to what would be the best otherwise: full colour"],
        ),
        (
            "(| (color=Full);q=0.25 (color=Grey))",
            "(color=[Binary,Grey,Full])",
            [],
            ["the offer gives this quality 1, and 0.25 to what would be the best otherwise: full colour"],
        ),
        (
            "(| (color=Full) (color=Grey))",
            "(| (color=Full);q=0 (color=Grey))",
            ["colour: grey instead of full colour, because the device takes grey only"],
            ["the device gives this quality 1, and 0 to what would be the best otherwise: full colour"],
        ),
        ("(color=[Grey,Full])", "(| (color=Full) (color=Grey);q=0.5)", [], []),
    ],
    ids=["device", "offer", "never", "not decisive"],
)
def test_what_quality_values_decide(
    offer: str, accepted: str, concessions: list[str], qualities: list[str]
) -> None:
    """RFC 2533 has no quality values; RFC 2738 section 2 adds them as a hint which match is the better."""
    found = explain_match(feature_set(offer), feature_set(accepted))
    assert [str(one) for one in found] == concessions
    assert list(found.qualities) == qualities
    assert str(found) == "; ".join([*(concessions or ["nothing is given up"]), *qualities])


def test_choices_that_multiply_are_not_written_out() -> None:
    """The device has twelve choices of two, more than can be listed; the offer fixes them."""
    choices = "".join(f"(| (& (a{n}=1) (b{n}=1)) (& (a{n}=2) (b{n}=2)))" for n in range(12))
    fixed = "".join(f"(a{n}=1)" for n in range(12))
    found = explain_match(
        feature_set(f"(& (color=[Grey,Full]) {fixed})"), feature_set(f"(& (color=Grey) {choices})")
    )
    assert str(found) == "colour: grey instead of full colour, because the device takes grey only"


@pytest.mark.parametrize("step", ["_because", "_plain"])
def test_a_reason_that_takes_too_much_work_is_left_out(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BoundExceededError("too much")

    monkeypatch.setattr(concession, step, fail)
    found = explain_match(
        feature_set("(color=[Grey,Full])"), feature_set("(| (color=Full);q=0.5 (color=Grey))")
    )
    assert str(found).startswith("colour: grey instead of full colour")
    assert (found[0].reason == "", found.qualities == ()) == (step == "_because", step == "_plain")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "F full",
            [
                "as TIFF-limited files, black and white, coded as MH, MR or MMR, 215 mm, 255 mm or 303 mm wide,"
                " on A4, letter, legal, B4 or A3 paper, in one layer",
                "one of",
                "- 200 x 100 or 200 x 200 dpi",
                "- 204 x 98, 204 x 196 or 204 x 391 dpi",
                "- 408 x 391 dpi",
                "- 300 or 400 dpi",
            ],
        ),
        (
            "C full",
            [
                "as TIFF-limited files, colour as CIELAB, 100, 200, 300 or 400 dpi, coded as JPEG, as in T.4 E,"
                " 215 mm, 255 mm or 303 mm wide, on A4, letter, legal, B4 or A3 paper, CIELAB-L-depth up to 4,096,"
                " in one layer",
                "one of",
                "- full colour, up to 68,719,476,736 shades, colour for every fourth pixel or colour for every pixel,"
                " CIELAB-a-depth up to 4,096, CIELAB-b-depth up to 4,096",
                "- grey, up to 4,096 shades",
            ],
        ),
        ("M", ["as TIFF-MRC files, MRC-max-stripe-size up to 256, in layers, MRC mode at least 1"]),
    ],
)
def test_profiles_in_words(name: str, lines: list[str]) -> None:
    """The expressions are those of RFC 2879 appendix B."""
    assert list(describe_set(feature_set(PROFILES[name].text))) == lines


@settings(max_examples=200, deadline=None)
@given(expressions, expressions)
def test_concessions_are_between_the_two_best_forms(one: Expression, other: Expression) -> None:
    offer, accepted = feature_set(one), feature_set(other)
    found = explain_match(offer, accepted)
    alone = choose(offer, default_preference())
    common = choose(offer & accepted, default_preference())
    assert found.wanted == (None if alone is None else alone.collection)
    assert found.got == (None if common is None else common.collection)
    if alone is None or common is None:
        assert not found
        return
    wanted, got = alone.collection, common.collection
    assert offer.accepts(wanted)
    assert offer.accepts(got)
    assert accepted.accepts(got)
    changed = {tag for tag in got if tag in wanted and wanted[tag] != got[tag]}
    assert {tag for one_of_them in found for tag in one_of_them.tags} == changed
    for one_of_them in found:
        there = {tag: wanted[tag] for tag in one_of_them.tags}
        if one_of_them.because:
            assert not accepted.accepts({**got, **there})
        elif one_of_them.reason:
            assert not offer.accepts({**got, **there})
    assert not found.qualities


NUMBERS = [Fraction(value) for value in (0, Fraction(3, 2), 2)]
PIECES = [
    *(Domain.of(number) for number in NUMBERS),
    *(
        Domain.compared(Operator.AT_LEAST, low)
        & Domain.compared(Operator.AT_MOST, high)
        & Domain.of(low, high).complement()
        for low, high in pairwise(NUMBERS)
    ),
    Domain.compared(Operator.AT_MOST, NUMBERS[0]) & Domain.of(NUMBERS[0]).complement(),
    Domain.compared(Operator.AT_LEAST, NUMBERS[-1]) & Domain.of(NUMBERS[-1]).complement(),
]
WORDS = [Token("x"), Token("Y"), Text("x")]


def some(of: list[Any]) -> Iterator[tuple[Any, ...]]:
    return (chosen for size in range(len(of) + 1) for chosen in combinations(of, size))


def test_no_two_domains_are_said_alike() -> None:
    """All that can be made of three numbers, what lies between them, two tokens and a string."""
    domains = [
        domain
        for pieces in some(PIECES)
        for words in some(WORDS)
        for inside in [Domain.union([*pieces, Domain.of(*words)])]
        for domain in (inside, inside.complement())
    ]
    said = {domain: describe_domain("a", domain) for domain in domains if not domain.is_everything}
    assert len(said) == 2 * 2 ** (len(PIECES) + len(WORDS)) - 1
    for domain, text in said.items():
        for value in (*VALUES, Fraction(-9), Fraction(9)):
            assert says(text, "a", value) is domain.contains(value), (text, value)


def says(text: str, tag: str, value: Value) -> bool:
    """Read what is said of a tag, and tell whether it says that `value` may be there."""
    text = text.removeprefix(f"{tag} ")
    if text.startswith("any number but "):
        return isinstance(value, Fraction) and not says(text.removeprefix("any number but "), tag, value)
    if text.startswith("anything but "):
        return not says(text.removeprefix("anything but "), tag, value)
    return any(says_one(item, value) for item in re.split(r", | or ", text))


def says_one(item: str, value: Value) -> bool:
    """Read one of the values in a list, or one range."""
    if item == "any number" or not isinstance(value, Fraction):
        return isinstance(value, Fraction) or item.lower() == str(value).lower()
    if found := re.fullmatch(r"([\d/]+) to ([\d/]+)", item):
        return Fraction(found[1]) <= value <= Fraction(found[2])
    signs = {"at least": ge, "up to": le, "at most": le, "more than": gt, "less than": lt, "": eq}
    ends = [re.fullmatch(r"([a-z ]*?) ?([\d/]+)", part) for part in item.split(" and ")]
    return all(end is not None and signs[end[1]](value, Fraction(end[2])) for end in ends)


@settings(max_examples=400, deadline=None)
@given(expressions)
def test_the_lines_say_what_is_in_the_set(expression: Expression) -> None:
    """Read back, and tried at every point that can matter."""
    features = feature_set(write(expression).replace("dpi", "b"))
    lines = describe_set(features)
    for a, b in product(VALUES, repeat=2):
        assert line_up(list(lines), {"a": a, "b": b}) is features.accepts({"a": a, "b": b}), lines


def line_up(lines: list[str], point: dict[str, Value]) -> bool:
    """Read lines that all have to hold."""
    if not lines:
        return True
    first, rest = lines[0], lines[1:]
    if first != "one of":
        found = any(conjunction_holds(part, point) for part in first.split("; or "))
        return found and line_up(rest, point)
    listed = list(takewhile(lambda line: line.startswith(("- ", "  ")), rest))
    starts = [place for place, line in enumerate(listed) if line.startswith("- ")]
    alternatives = [[line[2:] for line in listed[low:high]] for low, high in pairwise([*starts, len(listed)])]
    return any(line_up(one, point) for one in alternatives) and line_up(rest[len(listed) :], point)


def conjunction_holds(text: str, point: dict[str, Value]) -> bool:
    if text.startswith(("anything", "nothing")):
        return text == "anything"
    return all(says(part, part[0], point[part[0]]) for part in re.split(r", (?=[ab] )", text))
