"""The choice among common forms: the project's order, criterion by criterion."""

from fractions import Fraction

import pytest

from conneg.features import (
    Choice,
    FeatureSet,
    Point,
    Token,
    choose,
    default_preference,
    feature_set,
)

from .schema import K7


def best(text: str, **original: object) -> str:
    return str(chosen(text, **original).collection)


def chosen(text: str, **original: object) -> Choice:
    choice = choose(feature_set(text), default_preference(**original))  # type: ignore[arg-type]
    assert choice is not None
    return choice


@pytest.mark.shows("A5-24")
@pytest.mark.parametrize(
    ("colour", "wanted"),
    [
        (None, "Full"),
        ("Full", "Full"),
        ("Mapped", "Mapped"),
        ("limited", "Limited"),
        ("Grey", "Grey"),
        ("Binary", "Binary"),
    ],
)
def test_colour_as_far_as_the_original_has_it(colour: str | None, wanted: str) -> None:
    assert best("(color=[Binary,Grey,Limited,Mapped,Full])", colour=colour) == f"(& (color={wanted}))"


def test_more_colour_than_the_original_only_if_nothing_else_has_as_much() -> None:
    assert best("(color=[Binary,Full])", colour="Grey") == "(& (color=Full))"
    assert best("(color=[Binary,Mapped,Full])", colour="Grey") == "(& (color=Mapped))"


@pytest.mark.shows("A5-24")
def test_resolution_up_to_the_original() -> None:
    square = "(& (dpi=[100,200,300,400]) (dpi-xyratio=1))"
    assert best(square) == "(& (dpi=400) (dpi-xyratio=1))"
    assert best(square, dpi=Fraction(300)) == "(& (dpi=300) (dpi-xyratio=1))"
    assert best(square, dpi=Fraction(350)) == "(& (dpi=300) (dpi-xyratio=1))"
    assert best(square, dpi=Fraction(72)) == "(& (dpi=100) (dpi-xyratio=1))"


def test_the_vertical_resolution_counts() -> None:
    fax = "(| (& (dpi=204) (dpi-xyratio=[204/98,204/196])) (& (dpi=200) (dpi-xyratio=2)))"
    assert best(fax) == "(& (dpi=204) (dpi-xyratio=51/49))"


def test_twin_resolutions_are_not_above_each_other() -> None:
    """RFC 3949 2.2.2: T.4 treats 200 and 204 as equal."""
    assert best("(& (dpi=[100,204]) (dpi-xyratio=1))", dpi=Fraction(200)) == "(& (dpi=204) (dpi-xyratio=1))"


@pytest.mark.shows("A5-24")
def test_lossless_before_lossy_unless_the_original_is_lossy() -> None:
    types = '(type=["image/jpeg","image/png"])'
    assert best(types) == '(& (type="image/png"))'
    assert best(types, lossless=False) == '(& (type="image/jpeg"))'


def test_resolution_before_lossless() -> None:
    forms = "(& (dpi-xyratio=1) (| (& (dpi=200) (image-coding=MMR)) (& (dpi=300) (image-coding=JPEG))))"
    assert best(forms) == "(& (dpi=300) (dpi-xyratio=1) (image-coding=JPEG))"


@pytest.mark.shows("A5-24")
@pytest.mark.parametrize(
    ("codings", "wanted"), [("MH,MR,MMR", "MMR"), ("MH,MR", "MR"), ("MH", "MH"), ("MMR,JBIG", "JBIG")]
)
def test_the_smaller_coding(codings: str, wanted: str) -> None:
    assert best(f"(image-coding=[{codings}])") == f"(& (image-coding={wanted}))"


def test_paper_of_the_document_before_more_pixels() -> None:
    forms = "(| (& (paper-size=letter) (pix-x<=1700)) (& (paper-size=[A4,B4]) (pix-x<=2048)))"
    assert best(forms) == "(& (paper-size=A4) (pix-x=2048))"
    assert best(forms, paper="letter") == "(& (paper-size=letter) (pix-x=1700))"
    assert best(forms, paper="legal") == "(& (paper-size=A4) (pix-x=2048))"


def test_largest_of_open_ranges() -> None:
    assert (
        best("(& (pix-x<=1080) (pix-x>=1) (pix-y<=1920) (dpi<=600))")
        == "(& (dpi=600) (pix-x=1080) (pix-y=1920))"
    )
    assert best("(dpi<=600)", dpi=Fraction(250)) == "(& (dpi=250))"
    assert best("(!(pix-x>=1080))") == "(& (pix-x=1079))"
    assert best("(& (pix-x>=5) (!(pix-x=5)))") == "(& (pix-x=6))"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("(MRC-mode<=1)", "(& (MRC-mode=1))"),
        ("(& (MRC-mode>=0) (MRC-mode<=1))", "(& (MRC-mode=0))"),
        ("(JBIG-stripe-size>=0)", "(& (JBIG-stripe-size=128))"),
        ("(& (CIELAB-L-min>=0) (CIELAB-L-max<=100))", "(& (CIELAB-L-max=100) (CIELAB-L-min=0))"),
        ("(!(paper-size=A4))", "(& (paper-size=letter))"),
        ("(!(ok=TRUE))", "(& (ok=FALSE))"),
        ("(!(c=[red,other]))", "(& (c=other-2))"),
        ("(!(x<=4))", "(& (x=5))"),
        ("(res<=72dpi)", "(& (res=72dpi))"),
        ("(!(h.ABC))", "(& (!(h.ABC)))"),
    ],
)
def test_always_one_concrete_point(text: str, wanted: str) -> None:
    choice = chosen(text)
    assert str(choice.collection) == wanted
    assert feature_set(text).accepts(choice.collection)


def test_quality_values_come_first() -> None:
    assert best("(| (color=Full);q=0.5 (color=Binary))") == "(& (color=Binary))"
    assert best("(| (color=Full);q=0 (color=[Binary,Full]))") == "(& (color=Binary))"
    assert choose(feature_set("(color=Full);q=0"), default_preference()) is None


def test_the_receiver_s_quality_before_the_sender_s() -> None:
    """Section 5: the pair is compared, receiver first; the right side of & is the receiver."""
    offer = feature_set("(| (color=Full);q=0.1 (color=Grey);q=0.9 (color=Binary))")
    accepted = feature_set("(| (color=Full) (color=Grey) (color=Binary);q=0.3)")
    choice = choose(offer & accepted, default_preference())
    assert choice is not None
    assert choice.collection["color"] == Token("Grey")
    pairs = {str(c.domains["color"].single).lower(): c.qualities for c in (offer & accepted).conjunctions}
    assert pairs["full"] == (1, Fraction(1, 10))
    assert pairs["grey"] == (1, Fraction(9, 10))
    assert pairs["binary"][0] == Fraction(3, 10)


def test_a_q_inside_an_and_is_ignored() -> None:
    assert feature_set("(& (a=1);q=0.1 (| (b=1);q=0.2 (b=2)))").conjunctions[0].quality == 1
    assert feature_set("(| (a=1) (b=1);q=0.2);q=0.5").conjunctions[0].quality == Fraction(1, 2)


def test_reasons_and_runners_up() -> None:
    choice = chosen("(& (color=[Binary,Full]) (image-coding=[MH,MMR]))")
    assert choice.reasons == (
        "color=Full: the most colour, before color=Binary",
        "image-coding=MMR: the smallest coding, before image-coding=MH",
    )
    assert [(str(other.collection), str(other)) for other in choice.runners_up] == [
        ("(& (color=Full) (image-coding=MH))", "coding: image-coding=MH, not image-coding=MMR"),
        ("(& (color=Binary) (image-coding=MMR))", "colour: color=Binary, not color=Full"),
    ]


def test_each_step_says_what_it_ruled_out() -> None:
    choice = chosen("(| (& (dpi=[100,200]) (color=Full));q=0.5 (& (dpi=[100,200,300,400]) (color=Grey)))")
    assert [(step.criterion, step.kept, step.ruled_out) for step in choice.steps] == [
        ("quality", "", ("",)),
        ("resolution", "dpi=400", ("dpi=100", "dpi=200", "dpi=300")),
    ]
    assert choice.reasons == (
        "the quality values prefer it",
        "dpi=400: the highest resolution, before dpi=100, dpi=200, dpi=300",
    )
    assert [str(other) for other in choice.runners_up] == [
        "resolution: dpi=300, not dpi=400",
        "quality: the quality values prefer it",
    ]


def test_a_form_that_leaves_open_what_others_state() -> None:
    choice = chosen("(| (& (a=1) (image-coding=MH)) (& (a=2) (dpi=100)))")
    assert str(choice.collection) == "(& (a=1) (image-coding=MH))"
    assert choice.reasons == ("the highest resolution, before dpi=100",)
    assert [str(other) for other in choice.runners_up] == ["resolution: dpi=100, not left open"]


def test_cost_in_octets_and_then_in_time() -> None:
    """The caller's own estimate takes the place of the ranks; octets before time."""
    costs = {"MH": (Fraction(50), 1), "MMR": (Fraction(20), 9), "MR": (Fraction(20), 3)}

    def cost(point: Point) -> tuple[Fraction, int]:
        return costs[str(point["image-coding"])]

    choice = chosen("(& (image-coding=[MH,MR,MMR]) (color=Binary))", cost=cost)
    assert choice.collection["image-coding"] == Token("MR")
    assert choice.reasons == (
        "image-coding=MR color=Binary: the fewest octets, before image-coding=MH color=Binary",
        "image-coding=MR color=Binary: the shortest time, before image-coding=MMR color=Binary",
    )
    assert chosen("(image-coding=[MH,MR])", cost=cost, dpi=Fraction(200)).collection["image-coding"] == Token(
        "MR"
    )


def test_nothing_and_everything() -> None:
    assert choose(FeatureSet.nothing(), default_preference()) is None
    choice = choose(FeatureSet.everything(), default_preference())
    assert choice is not None
    assert len(choice.collection) == 0


def test_the_draft_s_fax() -> None:
    """K-7, the capability of the draft's section 6.1."""
    collection = chosen(K7, colour="Full").collection
    assert (collection["dpi"], collection["dpi-xyratio"]) == (400, 1)
    assert collection["image-coding"] == Token("JBIG")
    assert collection["COLOR"] == Token("binary")
