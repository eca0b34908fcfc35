"""The match vectors F-M1 to F-M30 (RFC 2533 5, 2738 3, 2938 3), K-1 to K-7 and D-1 to D-14 (RFC 2879 4)."""

import math

import pytest

from conneg.features import (
    PROFILE_F_FULL,
    PROFILE_S,
    PROFILES,
    FeatureReferenceError,
    FeatureSet,
    FeatureSyntaxError,
    feature_set,
    hash_name,
    widen,
)

from .schema import DOCUMENTS, K1, RECEIVERS

ANYTHING = "(| (x=1) (!(x=1)))"
PAIRS = [
    ("F-M1", "(dpi=[200,300])", "(dpi=200)", "(dpi=200)"),
    ("F-M2", "(dpi=[200,300])", "(dpi=204)", None),
    ("F-M3", "(x=3/2)", "(x=600/400)", "(x=3/2)"),
    ("F-M4", "(x=[4..17/2])", "(x=17/2)", "(x=17/2)"),
    ("F-M5", "(!(x<=4))", "(x<=4)", None),
    ("F-M6", "(!(x<=4))", "(x=[4..5])", "(& (x<=5) (!(x<=4)) (x>=0))"),
    ("F-M7", "(!(paper-size=A4))", "(paper-size=[A4,B4])", "(paper-size=B4)"),
    ("F-M8", "(& (!(c=red)) (!(c=blue)))", "(c=green)", "(c=green)"),
    ("F-M9", "(color=Binary)", "(COLOR=binary)", "(color=Binary)"),
    ("F-M10", '(type="image/tiff")', '(type="Image/TIFF")', None),
    ("F-M11", '(charset="US-ASCII")', "(charset=US-ASCII)", None),
    ("F-M12", "(color<=grey)", "(color=grey)", "(color=grey)"),
    ("F-M12", "(color<=grey)", "(color=full)", None),
    ("F-M13", "(color=0)", "(color=binary)", None),
    ("F-M14", "(dpi=300)", "(color=full)", "(& (dpi=300) (color=full))"),
    ("F-M15", "(res=200)", "(res=200dpi)", "(& (res=200) (res=200dpi))"),
    ("F-M16", "(res=200dpi)", "(res=300dpi)", None),
    ("F-M17", "(color-levels<=256)", "(color-levels=42)", "(color-levels=42)"),
    ("F-M18", "(color-levels=256)", "(color-levels=42)", None),
    ("F-M19", "(image-file-structure=TIFF)", "(image-file-structure=TIFF-limited)", None),
    ("F-M20", "(x=[5..2])", "(x=3)", None),
    ("F-M21", "(x=[a..c])", "(x=b)", None),
    ("F-M22", "(!(& (a=1) (b=2)))", "(& (a=1) (b=3))", "(& (a=1) (b=3))"),
    ("F-M22", "(!(& (a=1) (b=2)))", "(& (a=1) (b=2))", None),
    ("F-M23", "(!(| (a=1) (b=2)))", "(& (a=3) (b=2))", None),
    ("F-M24", "(!(dpi=[200,300]))", "(dpi=[200,300,400])", "(dpi=400)"),
    ("F-M25", "(!(dpi=[200..300]))", "(dpi=[150..250])", "(& (dpi>=150) (dpi<=200) (!(dpi=200)))"),
    ("F-M26", "(MRC-mode<=1)", "(MRC-mode=0)", "(MRC-mode=0)"),
    ("F-M27", "(& (color>=grey) (color<=full))", ANYTHING, None),
    (
        "F-M28",
        "(& (dpi=[200,300]) (grey=2) (color=0) (image-coding=[MH,MR]))",
        "(| (& (dpi=300) (grey=2) (image-coding=MR)) (& (dpi=200) (grey=2) (image-coding=[MH,MMR]))"
        " (& (dpi=300) (color<=256) (image-coding=JPEG)))",
        "(| (& (dpi=300) (grey=2) (color=0) (image-coding=MR)) (& (dpi=200) (grey=2) (color=0) (image-coding=MH)))",
    ),
]


@pytest.mark.parametrize(("vector", "one", "other", "wanted"), PAIRS)
def test_match(vector: str, one: str, other: str, wanted: str | None) -> None:
    for ours, theirs in ((one, other), (other, one)):
        common = feature_set(ours) & feature_set(theirs)
        assert common.is_empty is (wanted is None)
        if wanted is not None:
            assert common.equivalent(feature_set(wanted))


def test_f_m28_has_two_conjunctions() -> None:
    _, one, other, _ = PAIRS[-1]
    assert len((feature_set(one) & feature_set(other)).conjunctions) == 2


F_M29 = """(| (& (Pix-x=1024) (Pix-y=768) (Res Res-x Res-y)) (& (Pix-x=800) (Pix-y=600) (Res Res-x Res-y));q=0.9
(& (Pix-x=640) (Pix-y=480) (Res Res-x Res-y));q=0.8) where (Res Res-x Res-y) :- (| (& (Res-x=150) (Res-y=150))
(& (Res-x=150) (Res-y=300)) (& (Res-x=300) (Res-y=300)) (& (Res-x=300) (Res-y=600)) (& (Res-x=600) (Res-y=600))) end"""
F_M29_SIZES = ((1024, 768, ""), (800, 600, ";q=0.9"), (640, 480, ";q=0.8"))
F_M29_RESOLUTIONS = ((150, 150), (150, 300), (300, 300), (300, 600), (600, 600))


def test_f_m29() -> None:
    """RFC 2533 6.1.5."""
    clauses = [
        f"(& (pix-x={x}) (pix-y={y}) (res-x={rx}) (res-y={ry})){q}"
        for x, y, q in F_M29_SIZES
        for rx, ry in F_M29_RESOLUTIONS
    ]
    written_out = feature_set(f"(| {' '.join(clauses)})")
    found = feature_set(F_M29)
    assert found.equivalent(written_out)
    assert len(found.conjunctions) == 15
    by_group = {(str(one.domains["pix-x"].single), str(one.quality)) for one in found.conjunctions}
    assert by_group == {("1024", "1"), ("800", "9/10"), ("640", "4/5")}


F_M30 = "(& (pix-x=100) (pix-y<=300) (h.SBB5REAOMHC09CP2GM4V07PQP0))"
F_M30_BOUND = "(& (pix-x<=200) (pix-y<=150))"


def test_f_m30() -> None:
    """RFC 2938 3: by a resolver, and by a definition in place."""
    wanted = feature_set("(& (pix-x=100) (pix-y<=150))")
    assert feature_set(F_M30, resolver=lambda name: F_M30_BOUND).equivalent(wanted)
    inline = f"{F_M30} where (h.SBB5REAOMHC09CP2GM4V07PQP0) :- {F_M30_BOUND} end"
    assert feature_set(inline).equivalent(wanted)


def test_a_reference_must_hash_to_its_name() -> None:
    """RFC 2938 3 and 3.2.2."""
    other = F_M30_BOUND.replace("150", "151")
    with pytest.raises(FeatureReferenceError, match=hash_name(other)):
        feature_set(F_M30, resolver=lambda name: other)
    with pytest.raises(FeatureSyntaxError, match="the hash of its definition"):
        feature_set(f"{F_M30} where (h.SBB5REAOMHC09CP2GM4V07PQP0) :- {other} end")


def test_an_unresolved_reference_is_a_feature_of_its_own() -> None:
    """Section 6: satisfiable, kept, reported; and never taken for true."""
    features = feature_set(F_M30)
    assert features.unresolved == ("(h.SBB5REAOMHC09CP2GM4V07PQP0)",)
    assert not (features & feature_set("(pix-y=1)")).is_empty
    assert (features & feature_set("(!(h.sbb5reaomhc09cp2gm4v07pqp0))")).is_empty
    assert not features.contains(feature_set("(& (pix-x=100) (pix-y<=300))"))
    assert feature_set(str(features)).equivalent(features)
    assert feature_set("(color-space-CIELAB)").unresolved == ("(color-space-CIELAB)",)


def expanded(features: FeatureSet) -> int:
    """How many conjunctions of single values and ranges there are, as RFC 2533 section 5 counts them."""
    return sum(
        math.prod(len(domain.intervals) + len(domain.words) for domain in one.domains.values())
        for one in features.conjunctions
    )


@pytest.mark.parametrize(("receiver", "count"), list(zip(range(6), (4, 60, 78, 72, 141, 180), strict=True)))
def test_k_sizes(receiver: int, count: int) -> None:
    """K-1 to K-6: the size guide of section 7."""
    assert expanded(feature_set(RECEIVERS[receiver])) == count


def test_profile_f_full_size() -> None:
    assert expanded(PROFILE_F_FULL.features) == 360


@pytest.mark.parametrize("vector", DOCUMENTS)
@pytest.mark.parametrize("receiver", range(7))
def test_document_against_receiver(vector: str, receiver: int) -> None:
    """D-1 to D-13 against K-1 to K-7, literally."""
    text, wanted = DOCUMENTS[vector]
    document, accepted = feature_set(text), feature_set(RECEIVERS[receiver])
    assert (document & accepted).is_empty is not (wanted[receiver] == "Y")


def test_d_14() -> None:
    """RFC 2879 4.7."""
    receiver = feature_set("""(& (| (& (dpi=200) (dpi-xyratio=200/100)) (& (dpi=200)
(dpi-xyratio=1)) (& (dpi=300) (dpi-xyratio=1)) (& (dpi=400) (dpi-xyratio=1))) (color=Binary) (| (& (paper-size=A4)
(ua-media=[stationery,transparency])) (& (paper-size=B4) (ua-media=continuous))) (image-coding=[MH,MR,JBIG]))""")
    document = feature_set("""(| (& (dpi=300) (dpi-xyratio=1) (color=Binary) (paper-size=A4) (image-coding=[MMR,JBIG]))
(& (dpi=200) (dpi-xyratio=200/100) (color=Binary) (paper-size=B4) (image-coding=[MH,MR])) (& (dpi=300) (dpi-xyratio=1)
(color=Mapped) (color-levels=42) (paper-size=A4) (image-coding=JPEG)))""")
    wanted = feature_set("""(| (& (dpi=300) (dpi-xyratio=1)
(color=Binary) (paper-size=A4) (ua-media=[stationery,transparency]) (image-coding=JBIG)) (& (dpi=200)
(dpi-xyratio=200/100) (color=Binary) (paper-size=B4) (ua-media=continuous) (image-coding=[MH,MR])))""")
    found = document & receiver
    assert found.equivalent(wanted)
    assert expanded(found) == 4


def test_widening() -> None:
    """Fax schema section 2: structures that a reader of another can read; and the aliases of section 5 and A.13."""
    for said, meant in (
        ("TIFF", "TIFF,TIFF-limited,TIFF-minimal"),
        ("TIFF-limited", "TIFF-limited,TIFF-minimal"),
        ("TIFF-minimal", "TIFF-minimal"),
        ("TIFF-MRC", "TIFF-MRC,TIFF-MRC-limited"),
        ("TIFF-S", "TIFF-minimal"),
        ("TIFF-F", "TIFF-limited,TIFF-minimal"),
        ("TIFF-M", "TIFF-MRC-limited"),
    ):
        widened = widen(feature_set(f"(image-file-structure={said})"))
        assert widened.equivalent(feature_set(f"(image-file-structure=[{meant}])")), said
    assert str(widen(feature_set("(color-space=LAB)"))) == "(color-space=CIELAB)"
    assert str(widen(feature_set('(type="Image/TIFF")'))) == '(type="image/tiff")'
    assert (
        str(feature_set("(image-file-structure=TIFF-S)", lenient=True))
        == "(image-file-structure=TIFF-minimal)"
    )


def test_widening_never_takes_more_than_is_meant_from_a_negation() -> None:
    refused = widen(feature_set("(!(image-file-structure=TIFF))"))
    assert not (refused & feature_set("(image-file-structure=TIFF-minimal)")).is_empty


def test_profile_s_matches_simple_mode() -> None:
    """Fax schema section 5, TRAP (widths): as RFC 2879 prints them they would not match."""
    assert not (PROFILE_S.features & feature_set(K1)).is_empty


def test_profiles_read_and_can_be_met() -> None:
    assert all(not profile.features.is_empty for profile in PROFILES.values())
    assert "S" in PROFILES
    assert PROFILES["F full"].features.contains(PROFILES["F"].features)
