"""Each rule of the checker: a text that it finds fault with, at the marked place, and a text near by that is fine."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.errors import BoundExceededError
from conneg.features import PROFILES, Expression, FeatureError, FeatureSyntaxError, parse, write
from conneg.features.checking import RULES, Oddity, Severity, check_expression
from tests.fuzz.fuzz_checking import fuzz_one

from .schema import DOCUMENTS, JPEG, RECEIVERS
from .strategies import expressions
from .test_fuzz import PIECES, SEEDS

MARK = "¦"
FAX = "(image-file-structure=TIFF-minimal)"
MH = f"{FAX} (image-coding=MH)"
JBIG = f"{FAX} (image-coding=JBIG)"
T85 = "(image-coding-constraint=JBIG-T85)"
T43 = "(image-coding-constraint=JBIG-T43)"
BASE = "(dpi=[200,204]) (dpi-xyratio=1)"

CASES = [
    # names
    ("misspelt-tag", "(& (dpi=300) (¦dpi-xyatio=1))", "(& (dpi=300) (dpi-xyratio=1))"),  # RFC 2879 4.7
    ("misspelt-tag", "(& (dpi=300) (¦dpi-xy=1))", "(u.http://example.com/dpi-xy=1)"),  # RFC 2530 3.1.2
    ("misspelt-tag", "(¦papersize=A4)", "(paper-size=A4)"),  # RFC 2533 3.4
    ("misspelt-tag", "(& (¦colour=Binary)\n(¦resolution=200))", "(& (grey=2) (VPIM-version=3))"),
    ("misspelt-tag", "(¦MRC-stripe-size=256)", "(audio-file-structure=WAV)"),  # RFC 2533 7.2, RFC 2913 4.3
    ("unknown-tree", "(¦x.blink=TRUE)", "(& (g.blink=TRUE) (u.http://example.com/f=TRUE))"),
    ("hash-as-tag", "(¦h.SBB5REAOMHC09CP2GM4V07PQP0=1)", "(h.SBB5REAOMHC09CP2GM4V07PQP0)"),
    ("missing-operator", "(& (dpi=200)\n  (¦color-space-CIELAB))", "(color-space=CIELAB)"),  # RFC 2879 4.3
    ("missing-operator", "(¦dpi)", "(dpi=200)"),
    (
        "undefined-predicate",
        "(& (a=1) (¦Res x y))",
        "(& (a=1) (Res x y)) where (Res p q) :- (& (p=1) (q=2)) end",
    ),
    (
        "no-such-operator",
        f"(& {JBIG} {T85} (¦JBIG-stripe-size>0))",
        f"(& {JBIG} {T85} (!(JBIG-stripe-size<=0)))",
    ),
    # values
    ("wrong-type", "(¦color=15)", "(color=Full)"),  # RFC 2533 3.4
    ("wrong-type", '(¦color="Full")', "(color=full)"),
    ("wrong-type", "(¦type=image)", '(type="image/tiff")'),
    ("wrong-type", "(¦paper-size=TRUE)", "(duplex=TRUE)"),
    ("wrong-type", "(¦color-levels=many)", "(color-levels=256)"),
    ("wrong-type", '(¦charset="utf-8")', '(charset="iso_8859-1:1987")'),
    ("unregistered-value", "(¦paper-size=[A4,A9])", "(paper-size=[A4,a3])"),
    ("unregistered-value", "(¦color-illuminant=D55)", "(color-illuminant=[F11,CT7500])"),  # RFC 2879 3.6
    (
        "unregistered-value",
        f'(& {FAX} (color=Full) {JPEG} (¦color-subsampling="4:2:0"))',
        f'(& {FAX} (color=Full) {JPEG} (color-subsampling="4:1:1"))',
    ),
    ("obsolete-value", "(& (¦image-file-structure=TIFF-S) (image-coding=MH))", f"(& {MH})"),  # RFC 2913 4.2
    ("obsolete-value", "(¦color-space=LAB)", "(color-space=CIELAB)"),  # RFC 2879 A.13
    ("number-out-of-range", "(¦dpi=0)", "(dpi=1)"),
    ("number-out-of-range", "(& (color=Grey) (¦color-levels=1))", "(& (color=Grey) (color-levels=2))"),
    ("number-out-of-range", f"(& {MH} (¦MRC-mode=8))", f"(& {MH} (MRC-mode=7))"),
    ("number-out-of-range", "(¦size-x<=-2)", "(CIELAB-a-min=-2)"),
    ("fraction-for-integer", "(& (color=Grey) (¦color-levels=5/2))", "(& (color=Grey) (color-levels=4/2))"),
    ("fractional-dpi", "(¦dpi=19558/100)", "(dpi=195)"),  # RFC 2534 2.2
    ("unit-on-tag", "(¦dpi=72dpi)", "(speed=72dpi)"),
    ("order-of-unordered", "(¦color<=Grey)", "(color=[Binary,Grey])"),
    ("order-of-unordered", "(¦x>=a)", "(x>=1)"),
    ("media-type", '(¦type="Image/TIFF")', '(type="image/tiff")'),
    ("media-type", '(¦type="image/tiff; application=faxbw")', '(type="image/tiff-fx")'),
    ("media-type", '(¦type="tiff")', '(type="text/plain")'),
    ("small-letters", "(¦charset=US-ASCII)", "(charset=us-ascii)"),  # RFC 2913 4.1 against RFC 2987
    (
        "misprinted-count",
        "(& (color=[Grey,Full]) (¦color-levels<=6871946736))",
        "(& (color=[Grey,Full]) (color-levels<=68719476736))",
    ),  # RFC 2880 3.12
    # structure
    ("empty-range", "(¦x=[1,5..2])", "(x=[1,2..5])"),
    ("empty-range", "(¦x=[1,a..c])", "(x=[1,a..a])"),
    ("empty-range", "(¦x=[1,1..c])", "(x=[1,c])"),
    ("repeated-value", "(¦dpi=[200,300,600/3])", "(dpi=[200,300,600])"),
    ("repeated-clause", "(& (x=1) (y=2) (¦x=1))", "(& (x<=1) (y=2) (x=1))"),  # RFC 2879 4.1
    ("idle-quality", "(& (dpi=200) (¦x=1);q=0.5)", "(| (dpi=200) (dpi=100);q=0.5)"),
    ("zero-quality", "(| (dpi=200) (¦dpi=100);q=0)", "(| (dpi=200) (dpi=100);q=0.001)"),
    (
        "alternatives-of-different-tags",
        "(¦| (size-x<=2150/254) (paper-size=A4))",
        "(| (& (size-x<=2150/254) (paper-size=A4)) (paper-size=B4))",
    ),
    ("never-met", "(¦& (color=Binary) (dpi=1) (color=Grey))", "(& (color=Binary) (dpi=1) (color=Binary))"),
    (
        "never-met",
        "(¦& (| (& (x=1) (y=1)) (& (x=2) (y=2))) (| (& (x=1) (y=2)) (& (x=2) (y=1))))",
        "(& (| (& (x=1) (y=1)) (& (x=2) (y=2))) (| (& (x=1) (y=1)) (& (x=2) (y=2))))",
    ),
    (
        "clause-never-met",
        "(& (color=Binary) (| (& (dpi=200) (x=1)) (¦& (color=Grey) (dpi=100))))",
        "(& (color=[Binary,Grey]) (| (& (dpi=200) (x=1)) (& (color=Grey) (dpi=100))))",
    ),
    ("clause-never-met", "(| (& (x=2) (y=1)) (¦& (x=1) (!(x=1))))", "(| (& (x=2) (y=1)) (& (x=1) (!(x=2))))"),
    ("always-met", "(¦| (x<=5) (x>=3))", "(| (x<=3) (x>=5))"),
    (
        "always-met",
        "(& (y=1) (¦| (x=a) (!(x=a))))",
        "(& (y=1) (| (x=a) (!(x=[a,b]))))",
    ),
    ("swallowed-alternative", "(| (dpi<=300) (¦dpi=200))", "(| (dpi<=300) (dpi=400))"),
    ("swallowed-alternative", "(| (dpi=200) (¦dpi=200);q=0.5)", "(| (dpi<=300);q=0.5 (dpi=200))"),
    ("swallowed-alternative", "(| (¦& (x=1) (y=1)) (x=1))", "(| (& (x=1) (y=1)) (x=2))"),
    (
        "wrong-call",
        "(& (x=1) (¦P 1 2)) where (P a) :- (a=1) end",
        "(& (x=1) (P y)) where (P a) :- (a=1) end",
    ),
    # size
    ("size-in-pixels", "(¦size-x<=1728)", "(pix-x<=1728)"),
    ("size-in-millimetres", "(¦size-x=2150)", "(size-x=2150/254)"),  # the draft's 6.1
    ("size-in-millimetres", "(¦size-y<=297)", "(size-y<=2970/254)"),
    ("size-from-pixels", "(¦size-x=1728/204)", "(size-x=17/2)"),  # RFC 2879 B
    ("size-from-pixels", "(¦size-x=[2150/254,2048/200])", "(size-x=2048/204)"),
    # resolution
    ("vertical-dpi", "(& (¦dpi=98) (dpi-xyratio=1))", "(& (dpi=204) (dpi-xyratio=204/98))"),
    ("vertical-dpi", "(& (¦dpi=391) (dpi-xyratio=204/391))", "(& (dpi=408) (dpi-xyratio=408/391))"),
    ("dpi-without-ratio", f"(& {MH} (¦dpi=204))", "(& (dpi=204) (color=Binary))"),
    (
        "dpi-without-ratio",
        f"(& {MH} (¦dpi=200) (| (dpi-xyratio=1) (& (x=2) (y=1))))",
        f"(& {MH} (dpi=200) (| (dpi-xyratio=1) (& (x=2) (dpi-xyratio=2))))",
    ),
    ("ratio-without-dpi", "(¦dpi-xyratio=1)", "(& (dpi-xyratio=1) (| (dpi=200) (dpi=300)))"),
    ("ratio-upside-down", "(& (dpi=204) (¦dpi-xyratio=98/204))", "(& (dpi=204) (dpi-xyratio=204/391))"),
    ("ratio-upside-down", "(& (dpi=200) (¦dpi-xyratio=100/200))", "(& (dpi=300) (dpi-xyratio=300/600))"),
    (
        "unusual-ratio",
        "(& (dpi=204) (¦dpi-xyratio=205/196))",
        "(& (dpi=204) (dpi-xyratio=3/2))",
    ),  # RFC 2880 6.1.1
    (
        "one-of-twins",
        f"(& {MH} (¦dpi=204) (dpi-xyratio=[204/98,204/196]))",
        f"(& {MH} (color=Binary) (dpi=[204,200]) (dpi-xyratio=[204/98,204/196,1]))",
    ),
    (
        "multi-level-not-square",
        f"(& {FAX} {JPEG} (color=Grey) (dpi=200) (¦dpi-xyratio=[2,1]))",
        f"(& {FAX} {JPEG} (color=Grey) (dpi=200) (dpi-xyratio=1))",
    ),
    # colour
    (
        "levels-of-binary",
        "(& (color=Binary) (¦color-levels<=2))",
        "(& (color=[Binary,Grey]) (color-levels<=2))",
    ),
    ("levels-as-equality", "(& (dpi<=200) (¦color-levels=256))", "(& (dpi=200) (color-levels=256))"),
    (
        "subsampling-out-of-place",
        f'(& {FAX} {JPEG} (color=Grey) (¦color-subsampling="4:1:1"))',
        f'(& {FAX} {JPEG} (color=Full) (color-subsampling="4:1:1"))',
    ),
    (
        "subsampling-out-of-place",
        f'(& {JBIG} {T43} (JBIG-stripe-size=128) (color=Full) (¦color-subsampling="4:1:1"))',
        f'(& {FAX} (color=[Full,Grey]) (| (& {JPEG} (color-subsampling="4:1:1")) (image-coding=MMR)))',
    ),
    ("subsampling-out-of-place", f'(& {FAX} {JPEG} (¦color-subsampling="4:1:1"))', f"(& {FAX} {JPEG})"),
    ("depth-without-space", "(¦CIELAB-L-depth<=256)", "(& (color-space=CIELAB) (CIELAB-L-depth<=256))"),
    (
        "depth-of-other-space",
        "(& (color-space=Device-RGB) (¦CIELAB-a-depth<=256))",
        "(& (color-space=Device-RGB) (CIELAB-a-max<=85))",  # RFC 2879 3.6: a gamut may be given for other spaces
    ),
    (
        "illuminant-of-device",
        "(& (color-space=Device-RGB) (¦color-illuminant=D50))",
        "(& (color-space=[Device-RGB,CIELAB]) (color-illuminant=D50))",
    ),
    (
        "exchanged-gamut",
        "(& (¦CIELAB-a-min>=-75) (CIELAB-a-max<=75) (CIELAB-b-min>=-85) (CIELAB-b-max<=85))",  # RFC 2879 A.7
        "(& (CIELAB-a-min>=-85) (CIELAB-a-max<=85) (CIELAB-b-min>=-75) (CIELAB-b-max<=125))",
    ),
    ("only-full", f"(& {MH} (¦color=Full) (size-x<=8))", f"(& {MH} (color=[Full,Grey,Binary]) (size-x<=8))"),
    (
        "only-calibrated",
        "(& (color=[Full,Grey]) (¦color-space=CIELAB))",
        "(& (color=[Full,Grey]) (color-space=[CIELAB,Device-RGB]))",
    ),
    (
        "only-unsampled",
        f'(& {FAX} {JPEG} (color=[Full,Grey]) (¦color-subsampling="1:1:1"))',
        f'(& {FAX} {JPEG} (color=[Full,Grey]) (color-subsampling=["1:1:1","4:1:1"]))',
    ),
    # coding
    (
        "jbig-without-constraint",
        f"(& {FAX} (¦image-coding=JBIG) (JBIG-stripe-size=128))",
        f"(& {JBIG} (JBIG-stripe-size=128) {T85})",
    ),
    (
        "jbig-without-stripe-size",
        f"(& {FAX} {T85} (¦image-coding=[MH,JBIG]))",
        f"(& {FAX} (| (image-coding=MH) (& {T85} (image-coding=JBIG) (JBIG-stripe-size>=0))))",
    ),
    ("jpeg-without-constraint", f"(& {FAX} (¦image-coding=JPEG))", "(& (image-coding=JPEG) (color=Full))"),
    (
        "constraint-of-other-coding",
        f"(& {MH} (¦image-coding-constraint=JBIG-T85))",
        f"(& {FAX} {JPEG})",
    ),
    (
        "constraint-of-other-coding",
        f"(& {JBIG} (JBIG-stripe-size=128) (color=Grey) (¦image-coding-constraint=JBIG-T85))",
        f"(& {JBIG} (JBIG-stripe-size=128) (color=Grey) {T43})",
    ),
    (
        "constraint-of-other-coding",
        f"(& {JBIG} (JBIG-stripe-size=128) (color=Binary) (¦image-coding-constraint=JBIG-T43))",
        f"(& {JBIG} (JBIG-stripe-size=128) (color=Binary) {T85})",
    ),
    (
        "jbig-feature-of-other-coding",
        f"(& {MH} (¦JBIG-stripe-size=128))",
        f"(& {JBIG} {T85} (JBIG-stripe-size=128))",
    ),
    ("jbig-feature-of-other-coding", f"(& {FAX} {JPEG} (¦image-interleave=Stripe))", f"(& {FAX} {JPEG})"),
    (
        "jbig-without-jpeg",
        f"(& {JBIG} (JBIG-stripe-size>=0) (color=Grey) (¦image-coding-constraint=JBIG-T43))",
        f"(& {FAX} (color=Grey) (| (& {JPEG}) (& (image-coding=JBIG) (JBIG-stripe-size=128) {T43})))",
    ),
    (
        "stripe-size-limit",
        f"(& {JBIG} {T85} (¦JBIG-stripe-size<=128))",
        f"(& {JBIG} {T85} (JBIG-stripe-size>=0))",
    ),
    (
        "stripe-size-limit",
        f"(& {MH} (MRC-mode<=1) (¦MRC-max-stripe-size=256))",
        f"(& {MH} (MRC-mode<=1) (MRC-max-stripe-size=[0..256]))",  # RFC 2880 5.1.3
    ),
    (
        "structure-taken-alone",
        "(& (¦image-file-structure=TIFF) (image-coding=[MH,MR]))",
        "(& (image-file-structure=[TIFF,TIFF-limited,TIFF-minimal]) (image-coding=[MH,MR]))",
    ),
    ("missing-structure", "(¦& (image-coding=MH) (x=1))", f"(& {MH} (x=1))"),
    (
        "missing-structure",
        f"(¦| (image-coding=MH) (& {FAX} (image-coding=MR)))",
        f"(& {FAX} (image-coding=MR))",
    ),
    ("missing-coding", "(¦image-file-structure=TIFF-minimal)", f"(& {MH})"),
    ("mrc-mode-as-equality", f"(& {FAX} (image-coding=[MH,MR]) (¦MRC-mode=1))", f"(& {MH} (MRC-mode<=1))"),
    ("mrc-mode-as-equality", f"(& {FAX} (image-coding=[MH,MR]) (¦MRC-mode=7))", f"(& {MH} (MRC-mode=1))"),
    (
        "mrc-stripes-without-mrc",
        f"(& {MH} (MRC-mode=0) (¦MRC-max-stripe-size=256))",
        f"(& {MH} (MRC-mode=1) (MRC-max-stripe-size=256))",
    ),
]


def found(text: str, rule: str) -> list[Oddity]:
    return [oddity for oddity in check_expression(text) if oddity.rule == rule]


def warnings(text: str) -> list[str]:
    return [str(oddity) for oddity in check_expression(text) if oddity.severity is Severity.WARNING]


@pytest.mark.parametrize(("rule", "marked", "fine"), CASES)
def test_rule(rule: str, marked: str, fine: str) -> None:
    """The oddity is where the mark is; no other rule warns; the text near by is clean."""
    text = marked.replace(MARK, "")
    places = [place - count for count, place in enumerate(_all(marked, MARK))]
    oddities = found(text, rule)
    assert [oddity.offset for oddity in oddities] == places
    for oddity in oddities:
        before = text[: oddity.offset]
        assert oddity.line == before.count("\n") + 1
        assert oddity.column == oddity.offset - (before.rfind("\n") + 1) + 1
        line, caret = oddity.excerpt.split("\n")
        assert line[caret.index("^")] == text[oddity.offset]
        assert "\n" not in str(oddity)
    assert {o.rule for o in check_expression(text) if o.severity is Severity.WARNING} <= {rule}
    assert not found(fine, rule)
    assert not warnings(fine)


def _all(text: str, mark: str) -> list[int]:
    return [place for place, letter in enumerate(text) if letter == mark]


COSTLY = "(| (z=1) (&" + "".join(f"(| (& (a{i}=1) (b{i}=1)) (& (a{i}=2) (b{i}=2)))" for i in range(12)) + "))"
MANY = "(|" + "".join(f"(& (x={number}) (y={number}))" for number in range(101)) + ")"


@pytest.mark.parametrize(
    ("rule", "text", "fine"),
    [
        ("too-costly", COSTLY, COSTLY[: COSTLY.index("(| (& (a5")] + "))"),
        ("too-many-alternatives", MANY, "(| (x=1) (x=2))"),
    ],
)
def test_rules_about_size(rule: str, text: str, fine: str) -> None:
    (oddity,) = found(text, rule)
    assert oddity.offset == 1
    assert not found(fine, rule)


def test_every_rule_has_a_case() -> None:
    tested = {rule for rule, *_ in CASES} | {"too-costly", "too-many-alternatives"}
    assert tested == {rule.id for rule in RULES}


def test_table_of_rules() -> None:
    """For the documents: stable names, once each, one line, and a source."""
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.id == rule.id.lower().replace("_", "-")
        assert rule.summary
        assert "\n" not in rule.summary
        assert rule.source.startswith("RFC ")


@pytest.mark.parametrize("text", [*RECEIVERS, *(profile.text for profile in PROFILES.values())])
def test_what_is_right_gets_no_warning(text: str) -> None:
    """The repaired expressions of RFC 2879 section 4, and the profiles."""
    assert warnings(text) == []
    assert warnings(write(parse(text))) == []


@pytest.mark.parametrize("name", sorted(set(DOCUMENTS) - {"D-8", "D-9", "D-10"}))
def test_documents_get_nothing(name: str) -> None:
    assert check_expression(DOCUMENTS[name][0]) == ()


@pytest.mark.parametrize("name", ["D-8", "D-9", "D-10"])
def test_vague_documents(name: str) -> None:
    """They leave the stripe size open, and so match a receiver that insists on one (fax schema, 4.1)."""
    assert found(DOCUMENTS[name][0], "jbig-without-stripe-size")


# As the RFCs print them, with the lines put together; what does not parse there is left out.
RFC_2879_4_3 = f"""(& (image-file-structure=TIFF) (MRC-mode=0)
 (| (& (color=Binary)
       (| (image-coding=[MH,MR,MMR])
          (& (image-coding=JBIG) (image-coding-constraint=JBIG-T85) (JBIG-stripe-size=128) ) )
       (| (& (dpi=204) (dpi-xyratio=[204/98,204/196]) )
          (& (dpi=200) (dpi-xyratio=[200/100,1]) )
          (& (dpi=300) (dpi-xyratio=1) ) )
    (& (color=Grey) (color-levels<=256) (color-space-CIELAB) (color-illuminant=D50)
       (CIELAB-L-min>=0) (CIELAB-L-max<=100)
       (| (& {JPEG} )
          (& (image-coding=JBIG) {T43} (JBIG-stripe-size=128) (image-interleave=stripe) ) )
       (dpi=[100,200,300]) (dpi-xyratio=1) ) )
 (size-x<=2150/254) (paper-size=[letter,A4,B4]) ) (ua-media=stationery) )"""
RFC_2879_4_6_LIMITED = f"""(& (color=limited)
 (| (& (color-space=[Device-RGB,Device-CMY]) (color-levels<=8) ) )
 (| (& (color-space=Device-CMYK) (color-levels<=16) ) )
 (image-coding=JBIG) {T43} (JBIG-stripe-size=128) (image-interleave=stripe) (dpi=[100,200,300,400]) (dpi-xyratio=1) )"""
MISPRINTS = [
    ("RFC 2879 4.3, parentheses", RFC_2879_4_3, "alternatives-of-different-tags"),
    ("RFC 2879 4.3, grey inside binary", RFC_2879_4_3, "clause-never-met"),
    ("RFC 2879 4.3, predicate", RFC_2879_4_3, "missing-operator"),
    ("RFC 2879 4.7", "(& (dpi=300) (dpi-xyatio=1) (color=Mapped))", "misspelt-tag"),
    ("RFC 2879 B, TIFF-F", "(& (image-file-structure=TIFF-F) (image-coding=MH))", "obsolete-value"),
    ("RFC 2879 B, widths", "(& (dpi=204) (dpi-xyratio=204/98) (size-x=1728/204))", "size-from-pixels"),
    ("RFC 2879 A.11", "(JBIG-stripe-size>0)", "no-such-operator"),
    ("RFC 2879 A.7", "(& (CIELAB-a-min>=-75) (CIELAB-b-min>=-85))", "exchanged-gamut"),
    ("RFC 2879 A.13", "(& (color-space=LAB) (color=full))", "obsolete-value"),
    ("RFC 2880 3.12", "(color-levels<=6871946736)", "misprinted-count"),
    ("RFC 2880 6.1.1", "(& (dpi=204) (dpi-xyratio=205/196))", "unusual-ratio"),
    (
        "RFC 2880 5.1.1, T512",
        f'(& (color=[grey,full]) {JPEG} (& (color=full) (color-subsampling="4:1:1") ) )',
        "only-full",
    ),
    ("RFC 2879 4.6, Limited", RFC_2879_4_6_LIMITED, "never-met"),
    ("draft 6.1", "(& (color=Binary) (size-x=2150) (paper-size=A4))", "size-in-millimetres"),
    ("RFC 2533 3.4, tag", "(papersize=A4)", "misspelt-tag"),
    ("RFC 2533 3.4, value", "(color=15)", "wrong-type"),
    ("RFC 2530 3.1.2", "(& (dpi=200) (dpi-xy=1))", "misspelt-tag"),
    ("RFC 2913 4.2", "(image-file-structure=TIFF-S)", "obsolete-value"),
]


@pytest.mark.parametrize(
    ("text", "rule"), [case[1:] for case in MISPRINTS], ids=[case[0] for case in MISPRINTS]
)
def test_misprints_are_noticed(text: str, rule: str) -> None:
    assert found(text, rule)


def test_messages_say_what_to_write() -> None:
    said = {
        oddity.rule: oddity.message
        for oddity in check_expression("(& (papersize=A4) (size-x=2150) (color=gray))")
    }
    assert "paper-size" in said["misspelt-tag"]
    assert "2150/254" in said["size-in-millimetres"]
    assert "Grey" in said["unregistered-value"]


def test_one_slip_is_reported_once() -> None:
    """A misspelt tag and an obsolete value count for the other rules as what they are taken for."""
    text = f"(& {MH} (dpi=200) (dpi-xyatio=1) (color-space=LAB) (CIELAB-L-depth<=101))"
    assert [oddity.rule for oddity in check_expression(text) if oddity.severity is Severity.WARNING] == [
        "misspelt-tag",
        "obsolete-value",
    ]


def test_guesses_are_not_meanings() -> None:
    """A misspelt tag, or one with a unit, is another feature: nothing contradicts it, and nothing swallows it."""
    assert rules_at("(| (& (dpi=300) (resolution=200)) (& (dpi=300) (dpi=200dpi)))") == {
        "misspelt-tag",
        "unit-on-tag",
    }
    assert not found("(| (dpi=300) (resolution=300))", "swallowed-alternative")
    assert "stripe-size" in found("(& (image-coding=MH) (stripe-size=128))", "misspelt-tag")[0].message
    assert not found("(& (image-coding=MH) (stripe-size=128))", "jbig-feature-of-other-coding")


def rules_at(text: str) -> set[str]:
    return {oddity.rule for oddity in check_expression(text) if oddity.severity is Severity.WARNING}


def test_each_dead_alternative_is_named() -> None:
    text = "(| (& (x=1) (x=2)) (& (y=1) (y=2)))"
    assert [oddity.offset for oddity in found(text, "clause-never-met")] == [4, 20]
    assert [oddity.offset for oddity in found(text, "never-met")] == [1]


def test_alternatives_around_count() -> None:
    """What is certain at a place is what every alternative beside it says."""
    stripes = "(| (JBIG-stripe-size=128) (& (JBIG-stripe-size>=0) (x=1)))"
    assert not found(f"(& {JBIG} {T85} {stripes})", "jbig-without-stripe-size")
    assert found(f"(& {JBIG} {T85} (| (JBIG-stripe-size=128) (x=1)))", "jbig-without-stripe-size")
    assert found(f"(| (& {JBIG} {T85}) (& {MH} (JBIG-stripe-size=128)))", "jbig-without-stripe-size")


def test_predicates_may_say_more() -> None:
    """Nothing is missing where a predicate or a reference stands: it may be there."""
    assert not found(f"(& {JBIG} (h.SBB5REAOMHC09CP2GM4V07PQP0))", "jbig-without-stripe-size")
    assert not found("(& (dpi-xyratio=1) (P)) where (P) :- (dpi=200) end", "ratio-without-dpi")
    assert not found("(& (x=1) (P dpi)) where (P r) :- (r=200) end", "misspelt-tag")


def test_definitions_are_checked_too() -> None:
    text = "(P) where (P) :- (& (paper-size=A9) (dpi=200)) end"
    (oddity,) = found(text, "unregistered-value")
    assert text[oddity.offset :].startswith("paper-size")


def test_strict_reading() -> None:
    assert found("(x>1)", "no-such-operator")
    with pytest.raises(FeatureSyntaxError):
        check_expression("(x>1)", lenient=False)
    with pytest.raises(FeatureSyntaxError) as caught:
        check_expression("(& (a=1)\n (b=))")
    assert (caught.value.line, caught.value.column) == (2, 5)


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_text(inner: str) -> None:
    for text in (inner, f"(& (dpi=200) ({inner}) (color={inner}))"):
        fuzz_one(text.encode())


@given(expressions)
@settings(max_examples=60)
def test_any_expression(expression: Expression) -> None:
    """Oddities come in the order of the text, and each place is that of a tag or a sign."""
    text = write(expression)
    try:
        oddities = check_expression(text)
    except (FeatureError, BoundExceededError):
        return
    assert [oddity.offset for oddity in oddities] == sorted(oddity.offset for oddity in oddities)
    for oddity in oddities:
        assert text[oddity.offset] in "&|!adA"
        assert oddity.rule != "never-met" or oddity.offset == 1


def test_damaged_texts() -> None:
    rng = random.Random(2913)
    for _ in range(60):
        data = bytearray(rng.choice(SEEDS))
        for _ in range(rng.randrange(1, 5)):
            place = rng.randrange(len(data))
            data[place : place + rng.randrange(3)] = rng.choice(
                [b"", b"|", b"&", b"!", b"9", b"x", b">", b"-"]
            )
        fuzz_one(bytes(data))


@pytest.mark.parametrize(
    "text",
    [
        "(&" + "".join(f"(colr{number}=1)" for number in range(5000)) + ")",
        "(|" + "".join(f"(a={number})" for number in range(6000)) + ")",
        "(&" + "".join(f"(!(a={number}))" for number in range(5000)) + ")",
        "(|(a=1)" * 31 + "(b=2)" + ")" * 31,
        "(" + "color-" * 10000 + "a)",
    ],
    ids=["unknown tags", "alternatives", "exclusions", "depth", "long name"],
)
def test_large_texts_end(text: str) -> None:
    fuzz_one(text.encode())
