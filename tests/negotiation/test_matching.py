"""Accepted as it is, and what two sets have in common (RFC 2533, 3.3 and 5; design 4)."""

import pytest

from conneg.features import FeatureSet, feature_set
from conneg.negotiation.matching import common_forms, is_accepted


@pytest.mark.parametrize(
    ("features", "accepted", "answer"),
    [
        ('(type="text/plain")', "(color=Binary)", True),  # a tag that is not stated never stands in the way
        ('(type="text/plain")', '(type="text/plain")', True),
        ('(type="text/plain")', '(type="image/png")', False),
        ('(type="text/plain")', '(| (type="text/plain") (& (type="image/png") (pix-x<=10)))', True),
        (
            '(& (type="image/png") (pix-x=11))',
            '(| (type="text/plain") (& (type="image/png") (pix-x<=10)))',
            False,
        ),
        ('(& (type="image/png") (pix-x=10))', '(& (type="image/png") (pix-x<=10))', True),
        ("(| (& (dpi=200) (a=1)) (& (dpi=300) (a=1)))", "(dpi=200)", False),  # every page
        ("(| (& (dpi=200) (a=1)) (& (dpi=300) (a=1)))", "(dpi=[200,300])", True),
        ("(dpi=[200,300])", "(dpi=200)", False),
        ("(color=[Binary,Full])", "(| (& (color=Binary) (dpi=200)) (& (color=Full) (dpi=100)))", True),
    ],
)
def test_is_accepted(features: str, accepted: str, answer: bool) -> None:
    assert is_accepted(feature_set(features), feature_set(accepted)) is answer


def test_nothing_is_never_accepted_nor_accepts() -> None:
    assert not is_accepted(FeatureSet.nothing(), FeatureSet.everything())
    assert not is_accepted(FeatureSet.everything(), FeatureSet.nothing())


def test_octets_count_only_where_they_are_limited() -> None:
    text = feature_set('(type="text/plain")')
    limited = feature_set("(u.urn:x-conneg:octets<=1000)")
    assert is_accepted(text, limited, 1000)
    assert not is_accepted(text, limited, 1001)
    assert is_accepted(text, text, 10**9)


def test_twins_are_taken_only_when_there_is_nothing_else() -> None:
    offer = feature_set("""(| (& (color=Binary) (dpi=204) (dpi-xyratio=204/196))
                              (& (color=Binary) (dpi=200) (dpi-xyratio=1)))""")
    accepted = feature_set("(& (color=Binary) (dpi=200) (dpi-xyratio=1))")
    assert common_forms(offer, accepted).equivalent(accepted)
    only_204 = feature_set("(& (color=Binary) (dpi=204) (dpi-xyratio=204/196))")
    assert common_forms(only_204, accepted).equivalent(only_204)
    assert common_forms(FeatureSet.nothing(), accepted).is_empty


BILEVEL = (
    "(& (color=Binary) (| (image-coding=[MH,MMR])"
    " (& (image-coding=JBIG) (image-coding-constraint=JBIG-T85) (JBIG-stripe-size=128))))"
)


def codings(accepted: str, offer: str = BILEVEL) -> set[str]:
    common = common_forms(feature_set(offer), feature_set(accepted))
    return {
        word
        for word in ("MH", "MMR", "JBIG")
        if not (common & feature_set(f"(image-coding={word})")).is_empty
    }


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("(color=Binary)", {"MH", "MMR"}),
        ("(& (color=Binary) (image-coding=[MH,JBIG]))", {"MH", "JBIG"}),
        ("(& (color=Binary) (image-coding=JBIG))", {"JBIG"}),
        ("(& (color=Binary) (JBIG-stripe-size=128))", {"MH", "MMR", "JBIG"}),
    ],
)
def test_jbig_is_for_who_states_it(accepted: str, wanted: set[str]) -> None:
    """RFC 2879, A.11 and A.12: an option of the device; silence is no statement of it."""
    assert codings(accepted) == wanted


def test_jbig_is_sent_to_the_silent_where_there_is_nothing_else() -> None:
    only = "(& (image-coding=JBIG) (JBIG-stripe-size=128))"
    assert codings("(color=Binary)", only) == {"JBIG"}
