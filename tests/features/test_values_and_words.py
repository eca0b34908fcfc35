"""Values, domains, collections, the registry, and mismatches in words."""

from fractions import Fraction

import pytest

from conneg.features import (
    Domain,
    FeatureCollection,
    FeatureSet,
    FeatureValueError,
    Quantity,
    TagName,
    Text,
    Token,
    collection,
    explain_mismatch,
    feature_set,
    parse,
    spelling,
)
from conneg.features.registry import TAGS

from .schema import K1, K5

_IANA = """pix-x pix-y dpi ua-media paper-size color size-x size-y dpi-xyratio color-levels color-space CIELAB-L-depth
CIELAB-a-depth CIELAB-b-depth CIELAB-L-min CIELAB-L-max CIELAB-a-min CIELAB-a-max CIELAB-b-min CIELAB-b-max
image-file-structure image-coding image-coding-constraint JBIG-stripe-size image-interleave color-subsampling MRC-mode
MRC-max-stripe-size color-illuminant type charset language"""


def test_every_registered_tag_is_known() -> None:
    """RFC 2879 appendix A, RFC 2534, RFC 2913: ids 1 to 30."""
    assert sorted(tag.name for tag in TAGS.values()) == sorted(_IANA.split())
    assert spelling("DPI-XYRATIO") == "dpi-xyratio"
    assert spelling("CIELAB-l-DEPTH") == "CIELAB-L-depth"
    assert spelling("X-Odd") == "X-Odd"


def test_values_compare_as_the_rfc_says() -> None:
    assert Token("Binary") == Token("BINARY") != Text("Binary")
    assert len({Token("a"), Token("A"), Text("a"), Text("A")}) == 3
    assert str(Token("Binary")) == "Binary"
    assert str(Text("image/tiff")) == '"image/tiff"'
    assert str(Quantity(Fraction(72), Token("dpi"))) == "72dpi"
    assert TagName("DPI") == "dpi"
    with pytest.raises(FeatureValueError):
        Token("4A")
    with pytest.raises(FeatureValueError):
        Text('a"b')


def test_domains() -> None:
    two = Domain.of(Fraction(200), Fraction(300))
    assert two.values == (200, 300)
    assert two.single is None
    assert Domain.of(Token("x")).single == Token("X")
    assert (two.minimum, two.maximum) == (200, 300)
    assert feature_set("(dpi<=600)").conjunctions[0].domains["dpi"].values is None
    assert feature_set("(dpi<=600)").conjunctions[0].domains["dpi"].minimum is None
    assert two.describe() == "200 or 300"
    assert (
        feature_set("(!(paper-size=A4))").conjunctions[0].domains["paper-size"].describe()
        == "anything but A4"
    )
    assert (two | two.complement()).is_everything
    assert (two & two.complement()).is_empty
    assert Domain.everything().contains(Text("x"))


def test_booleans_are_plain_tokens() -> None:
    """Section 7, DECISION; and numbers are dense."""
    assert not feature_set("(& (!(f=TRUE)) (!(f=FALSE)))").is_empty
    assert feature_set("(& (!(f<=3)) (!(f>=4)))").accepts({"f": Fraction(7, 2)})


def test_collections() -> None:
    one = collection('(& (DPI=200) (color=binary) (type="image/tiff") (res=72dpi))')
    assert one["dpi"] == 200
    assert one["Color"] == Token("Binary")
    assert one["res dpi"] == Quantity(Fraction(72), Token("dpi"))
    assert str(one) == '(& (color=Binary) (dpi=200) (res=72dpi) (type="image/tiff"))'
    assert collection(str(one)) == one
    assert one.as_feature_set().accepts(one)
    assert FeatureCollection({"DPI": Fraction(200)}) == collection("(dpi=200)")
    assert collection(str(FeatureCollection({}))) == FeatureCollection({})
    assert "COLOR" in one
    for text in ("(dpi=[200,300])", "(| (a=1) (b=1))", "(dpi<=3)", "(& (a=1) (a=2))"):
        with pytest.raises(FeatureValueError):
            collection(text)


def test_an_absent_tag_never_stands_in_the_way() -> None:
    """RFC 2533 3.3."""
    assert feature_set("(& (dpi=200) (color=Binary))").accepts(collection("(dpi=200)"))
    assert feature_set("(!(dpi=200))").accepts(collection("(a=1)"))


def test_mismatch_in_words() -> None:
    found = explain_mismatch(feature_set("(& (color=Full) (dpi=200))"), feature_set("(color=Binary)"))
    assert str(found) == "the device takes color=Binary only; the offer is color=Full"
    assert [conflict.tag for conflict in found.conflicts] == ["color"]


def test_mismatch_of_all_alternatives_names_the_common_reason() -> None:
    found = explain_mismatch(
        feature_set("(color=[Grey,Full])"),
        feature_set("(| (& (color=Binary) (dpi=200)) (& (color=Limited) (dpi=100)))"),
    )
    assert str(found) == "the device takes color=[Binary,Limited] only; the offer is color=[Grey,Full]"


def test_mismatch_of_several_tags_together() -> None:
    found = explain_mismatch(
        feature_set("(& (color=Full) (dpi=300))"),
        feature_set("(| (& (color=Full) (dpi=[100,200])) (& (color=Binary) (dpi=300) (x=1)))"),
    )
    assert str(found) == (
        "no combination of color and dpi suits: the device takes color=Full with dpi=[100,200], or color=Binary with"
        " dpi=300; the offer is color=Full with dpi=300 (closest: dpi=[100,200] instead of dpi=300)"
    )


def test_mismatch_of_ranges_and_exclusions() -> None:
    found = explain_mismatch(feature_set("(size-x=3030/254)"), feature_set("(size-x<=2150/254)"))
    assert str(found) == "the device takes size-x<=1075/127 only; the offer is size-x=1515/127"
    found = explain_mismatch(feature_set("(color=Full)"), feature_set("(!(color=Full))"))
    assert str(found) == "the device takes (!(color=Full)) only; the offer is color=Full"


def test_mismatch_of_empty_sets_and_matches() -> None:
    anything = FeatureSet.everything()
    assert str(explain_mismatch(FeatureSet.nothing(), anything)) == "there is nothing on offer"
    assert str(explain_mismatch(anything, FeatureSet.nothing())) == "the device takes nothing"
    assert explain_mismatch(feature_set(K5), feature_set(K5)).conflicts == ()
    assert explain_mismatch(feature_set(K1), feature_set(K5)).conflicts[0].tag == "image-file-structure"


def test_disjuncts_that_differ_in_one_tag_are_folded() -> None:
    features = feature_set(
        "(| (& (dpi=200) (color=binary)) (& (COLOR=Binary) (dpi=300)) (& (color=Grey) (dpi=[200,300])))"
    )
    assert str(features) == "(& (color=[Binary,Grey]) (dpi=[200,300]))"
    assert features.as_expression() == parse(str(features))


def test_text_of_nothing_and_everything() -> None:
    assert feature_set(str(FeatureSet.nothing())).is_empty
    assert feature_set(str(FeatureSet.everything())).equivalent(FeatureSet.everything())


def test_quality_values_are_written() -> None:
    text = "(| (& (color=Full) (x=1));q=0.5 (dpi=200))"
    assert feature_set(str(feature_set(text))).key == feature_set(text).key
    assert ";q=0.5" in str(feature_set(text))


def test_mixed_units_in_a_set_are_different_features() -> None:
    """RFC 2533 6.2."""
    features = feature_set("(res=[200,72dpi])")
    assert not (features & feature_set("(res=200)")).is_empty
    assert features.equivalent(feature_set("(| (res=200) (res=72dpi))"))
    assert feature_set("(!(res=[200,72dpi]))").equivalent(feature_set("(& (!(res=200)) (!(res=72dpi)))"))
    assert feature_set("(res=[1..9dpi])").equivalent(feature_set("(& (res>=1) (res<=9dpi))"))


def test_a_collection_with_units_is_accepted_as_its_set_says() -> None:
    """RFC 2533 6.2: with a unit it is another feature, in a collection and in a plain mapping."""
    features = feature_set("(& (res<=300dpi) (x=1))")
    for states, accepted in (("200dpi", True), ("400dpi", False), ("400dpcm", True), ("400", True)):
        value = collection(f"(& (res={states}))")
        assert features.accepts(value) is accepted
        ((_, quantity),) = value.items()
        assert features.accepts({"RES": quantity}) is accepted
