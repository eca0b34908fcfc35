"""Feature sets and concessions in plain words."""

import pytest
from hypothesis import given, settings

from conneg.features import (
    PROFILES,
    Expression,
    choose,
    default_preference,
    describe_set,
    explain_match,
    feature_set,
)

from .schema import K2, K3, K7, RECEIVERS
from .strategies import expressions

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
        ("(MRC-mode<=2)", ("in layers, MRC mode up to 2",)),
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
    assert [(one.name, one.wanted, one.got) for one in found] == [
        ("colour", "full colour", "black and white"),
        ("resolution", "600 dpi", "300 dpi"),
    ]
    assert found[1].because == "204 x 98 or 204 x 196 dpi or 200 x 100 or 200 x 200 dpi or 300 dpi"


def test_only_the_ratio_is_given_up() -> None:
    (found,) = explain_match(
        feature_set("(& (dpi=200) (dpi-xyratio=[1,2]))"), feature_set("(& (dpi=200) (dpi-xyratio=2))")
    )
    assert str(found) == (
        "resolution: 200 x 100 dpi instead of 200 dpi, because the device takes 200 x 100 dpi only"
    )


def test_nothing_is_given_up_where_all_is_taken() -> None:
    assert explain_match(feature_set(PHOTO), feature_set('(type="image/jpeg")')) == ()
    assert explain_match(feature_set("(a=1)"), feature_set("(a=2)")) == ()


@settings(max_examples=150, deadline=None)
@given(expressions, expressions)
def test_concessions_are_between_the_two_best_forms(one: Expression, other: Expression) -> None:
    offer, accepted = feature_set(one), feature_set(other)
    found = explain_match(offer, accepted)
    alone, common = (
        choose(offer, default_preference()),
        choose(offer & accepted, default_preference()),
    )
    if alone is None or common is None:
        assert found == ()
        return
    tags = {tag for concession in found for tag in concession.tags}
    for tag in common.collection:
        if tag in alone.collection and alone.collection[tag] != common.collection[tag]:
            assert tag in tags
        elif tag not in ("dpi", "dpi-xyratio"):
            assert tag not in tags
    for concession in found:
        assert bool(concession.because) is not accepted.accepts(
            {
                **common.collection,
                **{tag: alone.collection[tag] for tag in concession.tags if tag in alone.collection},
            }
        )
