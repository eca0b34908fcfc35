"""DCS to one feature collection and back: RFC 2880 2.1, fax schema digest section 7, column "in DCS"."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.features import FeatureError, FeatureSet, collection, feature_set
from conneg.features.t30 import (
    RFC2880,
    T30,
    Conventions,
    FrameKind,
    capability_of,
    make_frame,
    read_command,
    write_command,
)
from conneg.features.t30.conventions import mrc_mode
from tests.features.schema import DOCUMENTS

from .oracle import documents
from .strategies import ALL, bits, commands, conventions, normalised

BASE = "(size-x=2150/254) (size-y=2970/254) (paper-size=A4) (MRC-mode=0)"
MH = f"(color=Binary) (image-coding=MH) {BASE}"
LAB = "(color-space=CIELAB) (color-illuminant=D50) (CIELAB-L-min=0) (CIELAB-L-max=100)"
AB = "(CIELAB-a-min=-85) (CIELAB-a-max=85) (CIELAB-b-min=-75) (CIELAB-b-max=125)"
SQUARE = "(dpi=200) (dpi-xyratio=1)"
JPEG = "(image-coding=JPEG) (image-coding-constraint=JPEG-T4E)"
T43 = "(image-coding=JBIG) (image-coding-constraint=JBIG-T43)"
GREY = f"(color=Grey) (color-levels=256) {JPEG} {LAB} {SQUARE} {BASE}"
FULL = f'(color=Full) (color-levels=16777216) {JPEG} (color-subsampling="4:1:1") {LAB} {AB} {SQUARE} {BASE}'
EVERYTHING = normalised(frozenset(ALL) - {17, 19}, T30)


def command(some: set[int], given: Conventions = T30):
    return read_command(make_frame(FrameKind.DCS, some), given)


def _fine(dpi: int, ratio: str) -> str:
    return f"(dpi={dpi}) (dpi-xyratio={ratio}) {MH}"


COMMANDS = [
    (set(), _fine(204, "204/98")),
    ({44}, _fine(200, "200/100")),
    ({15}, _fine(204, "204/196")),
    ({15, 44}, _fine(200, "1")),
    ({41}, _fine(204, "204/391")),
    ({42, 44}, _fine(300, "1")),
    ({43}, _fine(408, "408/391")),
    ({43, 44}, _fine(400, "1")),
    ({44, 105}, _fine(600, "1")),
    ({44, 106}, _fine(1200, "1")),
    ({44, 107}, _fine(300, "1/2")),
    ({44, 108}, _fine(400, "1/2")),
    ({44, 109}, _fine(600, "1/2")),
    ({16}, _fine(204, "204/98").replace("MH", "MR")),
    ({27, 31}, _fine(204, "204/98").replace("MH", "MMR")),
    (
        {27, 78},
        _fine(204, "204/98").replace(
            "MH)", "JBIG) (image-coding-constraint=JBIG-T85) (JBIG-stripe-size=128)"
        ),
    ),
    ({27, 78, 79}, _fine(204, "204/98").replace("MH)", "JBIG) (image-coding-constraint=JBIG-T85)")),
    ({15, 27, 44, 68}, GREY),
    ({15, 27, 44, 68, 71}, GREY.replace("256", "4096")),
    ({15, 27, 44, 68, 74}, GREY.replace("(color-illuminant=D50)", "")),
    ({15, 27, 44, 68, 75}, GREY.replace("(CIELAB-L-min=0) (CIELAB-L-max=100)", "")),
    ({15, 27, 36, 44}, GREY.replace(JPEG, f"{T43} (image-interleave=stripe)")),
    ({15, 27, 36, 37, 44}, GREY.replace(JPEG, f"{T43} (image-interleave=plane)")),
    ({15, 27, 44, 68, 69}, FULL),
    ({15, 27, 44, 68, 69, 71}, FULL.replace("16777216", "68719476736")),
    ({15, 27, 44, 68, 69, 73}, FULL.replace("4:1:1", "1:1:1")),
    ({27, 44, 68, 98}, GREY.replace("200", "100")),
    ({27, 42, 44, 68, 97}, GREY.replace("200", "300")),
    ({27, 43, 44, 68, 97}, GREY.replace("200", "400")),
    ({27, 44, 68, 105, 110}, GREY.replace("200", "600")),
    ({27, 44, 68, 106, 111}, GREY.replace("200", "1200")),
    ({17}, _fine(204, "204/98").replace("2150", "2550").replace("(paper-size=A4)", "")),
    ({18}, _fine(204, "204/98").replace("2150", "3030").replace("(paper-size=A4)", "")),
    ({19}, _fine(204, "204/98").replace("2970", "3640").replace("(paper-size=A4)", "")),
    ({20}, _fine(204, "204/98").replace("(size-y=2970/254) (paper-size=A4)", "")),
    ({76}, _fine(204, "204/98").replace("(size-y=2970/254) (paper-size=A4)", "(paper-size=letter)")),
    (
        {19, 76},
        _fine(204, "204/98").replace("2970/254) (paper-size=A4)", "3640/254) (paper-size=letter)"),
    ),
    ({77}, _fine(204, "204/98").replace("(size-y=2970/254) (paper-size=A4)", "(paper-size=legal)")),
    (
        {27, 92, 94},
        _fine(204, "204/98").replace("(MRC-mode=0)", "(MRC-mode=5) (MRC-max-stripe-size=256)"),
    ),
    ({27, 93, 95}, _fine(204, "204/98").replace("(MRC-mode=0)", "(MRC-mode=2)")),
]


@pytest.mark.parametrize(("some", "text"), COMMANDS)
def test_each_choice_both_ways(some: set[int], text: str) -> None:
    found = command(some)
    assert found.collection == collection(f"(& {text})")
    assert found.left_to_data == some & {20, 74, 75, 79, 95}
    assert found.notes == ()
    assert write_command(found.collection, found.left_to_data) == make_frame(FrameKind.DCS, some)


def test_full_colour_by_t43_may_be_less() -> None:
    """Digest, section 7, bit 69: with 36 it also stands for limited and mapped colour."""
    found = command({15, 27, 36, 44, 69})
    text = FULL.replace(JPEG, f"{T43} (image-interleave=stripe)").replace('(color-subsampling="4:1:1")', "")
    assert found.collection == collection(f"(& {text})")
    assert [note.bits for note in found.notes] == [(36, 69)]
    for colour, levels in (("mapped", 4096), ("limited", 16)):
        other = (
            f"(& (color={colour}) (color-levels={levels}) {T43} {SQUARE} {BASE}"
            f" (color-space={'Device-CMYK' if colour == 'limited' else 'CIELAB'}))"
        )
        assert write_command(collection(other)).bits == {15, 27, 36, 44, 69}


@settings(deadline=None)
@given(conventions, st.data())
def test_dcs_to_collection_to_dcs(given: Conventions, data: st.DataObject) -> None:
    some = data.draw(commands(EVERYTHING))
    some = some - {27} if given.is_media_only else some
    frame = make_frame(FrameKind.DCS, some)
    found = read_command(frame, given)
    assert write_command(found.collection, found.left_to_data, given) == frame
    assert not [note for note in found.notes if note.bits != (36, 69)]


@settings(max_examples=150, deadline=None)
@given(bits, st.booleans(), st.data())
def test_what_a_machine_allows_it_accepts(
    some: frozenset[int], has_large_paper: bool, data: st.DataObject
) -> None:
    """The collection of every DCS that keeps to a DIS lies in the set of that DIS."""
    given = T30._replace(has_large_paper=has_large_paper, structures=("TIFF-minimal",), media=("stationery",))
    allowed = normalised(some, given)
    features = capability_of(make_frame(FrameKind.DIS, allowed), given).features
    chosen = data.draw(commands(allowed))
    found = read_command(make_frame(FrameKind.DCS, chosen), given)
    assert features.accepts(found.collection)
    assert str(found.collection["image-file-structure"]) == "TIFF-minimal"


@settings(max_examples=150, deadline=None)
@given(bits, st.data())
def test_what_a_machine_does_not_allow_it_does_not_accept(some: frozenset[int], data: st.DataObject) -> None:
    """A bit of coding, resolution, width or paper that the DIS lacks takes the collection out of its set."""
    allowed = normalised(some, T30)
    features = capability_of(make_frame(FrameKind.DIS, allowed), T30).features
    chosen = data.draw(commands(EVERYTHING))
    decisive = {15, 16, 17, 18, 19, 31, 36, 37, 41, 42, 43, 68, 69, 71, 73, 76, 77, 78, 98, *range(105, 110)}
    lacking = chosen & decisive - allowed
    lacking -= {17} if 18 in allowed else set()
    lacking -= {19} if 20 in allowed else set()
    if lacking:
        assert not features.accepts(command(set(chosen)).collection), lacking


@pytest.mark.parametrize(
    ("some", "same_as", "noted"),
    [
        ({16, 27, 31}, {27, 31}, [(16, 31)]),
        ({15, 27, 36, 44, 68}, {15, 27, 36, 44}, [(68, 36)]),
        ({31}, {27, 31}, [(31, 27)]),
        ({17, 18}, {18}, [(17, 18)]),
        ({19, 20}, {20}, [(19, 20)]),
        ({76, 77}, {77}, [(76, 77)]),
        ({98}, set(), [(98,)]),
        ({27, 68}, {15, 27, 44, 68}, [(15,)]),
        ({27, 42, 68}, {27, 42, 44, 68, 97}, [(42, 97)]),
        ({15, 27, 44, 68, 98}, {27, 44, 68, 98}, []),
        ({2}, set(), [(2,)]),
        ({10, 11, 12, 13, 45}, set(), []),
    ],
)
def test_oddities_are_read_and_noted(some: set[int], same_as: set[int], noted: list[tuple[int, ...]]) -> None:
    found = command(some)
    assert found.collection == command(same_as).collection
    assert [note.bits for note in found.notes] == noted


@pytest.mark.parametrize(
    ("some", "named"),
    [
        ({16, 78}, "bits 16 .* and 78 .* image-coding"),
        ({31, 68}, "bits 31 .* and 68 .* image-coding"),
        ({15, 42}, "bits 15, 42: not one resolution"),
        ({41, 43}, "bits 41, 43"),
        ({27, 41, 68}, "bits 41: .*multi-level"),
        ({116}, "bit 116 .*T.45"),
        ({127}, "bit 127 .*sYCC"),
    ],
)
def test_two_choices_are_no_collection(some: set[int], named: str) -> None:
    with pytest.raises(FeatureError, match=named):
        command(some)


def test_only_a_dcs_is_a_command() -> None:
    with pytest.raises(FeatureError, match="capability_of"):
        read_command(make_frame(FrameKind.DIS, {16}))


@pytest.mark.parametrize(
    ("tag", "value", "instead"),
    [
        ("image-coding", "(image-coding=PNG)", "(image-coding=MH)"),
        ("image-coding", "(image-coding=JPEG)", "(image-coding=MH)"),
        ("image-coding", "", "(image-coding=MH)"),
        ("color", "(color=1)", "(color=Binary)"),
        ("color", "", "(color=Binary)"),
        ("color-levels", "(color=Binary) (color-levels=4)", "(color=Binary)"),
        ("dpi", "(dpi=250)", "(dpi=204)"),
        ("dpi", '(dpi="204")', "(dpi=204)"),
        ("dpi", "", "(dpi=204)"),
        ("dpi-xyratio", "(dpi-xyratio=3)", "(dpi-xyratio=204/98)"),
        ("dpi-xyratio", "(dpi-xyratio=0)", "(dpi-xyratio=204/98)"),
        ("dpi-xyratio", "", "(dpi-xyratio=204/98)"),
        ("size-x", "(size-x=13)", "(size-x=2150/254)"),
        ("size-x", "(size-x=0)", "(size-x=2150/254)"),
        ("size-y", "(size-y=A4)", "(size-y=2970/254)"),
        ("paper-size", "(paper-size=A5)", "(paper-size=A4)"),
        ("MRC-mode", "(MRC-mode=8)", "(MRC-mode=0)"),
        ("MRC-mode", "(MRC-mode=1/2)", "(MRC-mode=0)"),
        ("MRC-max-stripe-size", "(MRC-mode=1)", "(MRC-mode=0)"),
        ("MRC-max-stripe-size", "(MRC-mode=1) (MRC-max-stripe-size=-1)", "(MRC-mode=0)"),
    ],
)
def test_what_a_frame_cannot_state_names_the_tag(tag: str, value: str, instead: str) -> None:
    text = _fine(204, "204/98")
    assert instead in text
    with pytest.raises(FeatureError, match=rf"^{tag}\b"):
        write_command(collection(f"(& {text.replace(instead, value)})"))


@pytest.mark.parametrize(
    ("tag", "value", "instead"),
    [
        ("color-space", "(color-space=Device-RGB)", "(color-space=CIELAB)"),
        ("color-levels", "(color-levels=68719476737)", "(color-levels=16777216)"),
        ("color-levels", "(color-levels=1)", "(color-levels=16777216)"),
        ("color-subsampling", '(color-subsampling="4:2:0")', '(color-subsampling="4:1:1")'),
        ("color-illuminant", "(color-illuminant=50)", "(color-illuminant=D50)"),
        (
            "image-coding-constraint",
            "(image-coding-constraint=JBIG-T43)",
            "(image-coding-constraint=JPEG-T4E)",
        ),
        ("image-coding", "(image-coding=MMR)", "(image-coding=JPEG)"),
        ("image-coding", "(color=mapped)", "(color=Full)"),
        ("dpi", "(dpi=204)", "(dpi=200)"),
        ("dpi-xyratio", "(dpi-xyratio=2)", "(dpi-xyratio=1)"),
        ("CIELAB-a-min", "(CIELAB-a-min=low)", "(CIELAB-a-min=-85)"),
    ],
)
def test_what_a_frame_cannot_state_of_colour(tag: str, value: str, instead: str) -> None:
    assert instead in FULL
    with pytest.raises(FeatureError, match=rf"^{tag}\b"):
        write_command(collection(f"(& {FULL.replace(instead, value)})"))


@pytest.mark.parametrize(
    ("more", "bits"),
    [
        ("(size-x=1728/200)", {20, 44}),
        ("(size-x=1728/204)", {20, 44}),
        ("(size-x=2432/200)", {18, 20, 44}),
        ("(size-x=2550/254) (size-y=14)", {17, 19, 44}),
        ("(size-x=2150/254) (size-y=20)", {20, 44}),
        ("(size-x=2150/254) (size-y=11) (paper-size=letter)", {44, 76}),
        ("(size-x=2150/254) (size-y=14) (paper-size=legal)", {44, 77}),
        ("(paper-size=legal) (size-y=15)", {20, 44, 77}),
        ("(paper-size=B4)", {17, 19, 44}),
        ("(paper-size=A3)", {18, 20, 44}),
        ("(paper-size=A4)", {44}),
        ("(size-x=2150/254)", {20, 44}),
    ],
)
def test_sizes(more: str, bits: set[int]) -> None:
    """Scan lines within 2.1 % of a nominal one (digest, section 5, DECISION); lengths by size-y, or by paper."""
    text = f"(& (color=Binary) (image-coding=MH) (dpi=200) (dpi-xyratio=2) {more})"
    assert write_command(collection(text)).bits == bits


@pytest.mark.parametrize(
    ("gamut", "is_custom"),
    [
        ("(CIELAB-a-min=-256/3) (CIELAB-a-max=254/3)", False),
        ("(CIELAB-a-min=-10) (CIELAB-L-max=90)", False),
        ("(CIELAB-a-min=-86)", True),
        ("(CIELAB-b-max=126)", True),
        ("(CIELAB-L-min=-1)", True),
    ],
)
def test_gamut(gamut: str, is_custom: bool) -> None:
    """A gamut inside the default one, up to rounding (digest, section 6), needs no bit."""
    text = FULL
    for tag in (
        "CIELAB-a-min=-85",
        "CIELAB-a-max=85",
        "CIELAB-L-min=0",
        "CIELAB-L-max=100",
        "CIELAB-b-max=125",
    ):
        text = text.replace(f"({tag})", "")
    assert (75 in write_command(collection(f"(& {text} {gamut})")).bits) is is_custom


def test_stripes_and_illuminants() -> None:
    jbig = _fine(204, "204/98").replace("MH)", "JBIG) (JBIG-stripe-size=3508)")
    assert write_command(collection(f"(& {jbig})")).bits == {27, 78, 79}
    mrc = _fine(204, "204/98").replace("(MRC-mode=0)", "(MRC-mode=1) (MRC-max-stripe-size=257)")
    assert write_command(collection(f"(& {mrc})")).bits == {27, 92, 95}
    assert write_command(collection(f"(& {mrc})"), conventions=RFC2880).bits == {94, 95}
    assert 74 in write_command(collection(f"(& {GREY.replace('D50', 'CT7500')})")).bits


def test_other_bits() -> None:
    assert write_command(command(set()).collection, other_bits=(10, 13)).bits == {10, 13}
    for left, others in (((16,), ()), ((), (16,)), ((), (116,))):
        with pytest.raises(FeatureError, match=r"bit 1?16"):
            write_command(command(set()).collection, left, other_bits=others)


@pytest.mark.parametrize("vector", [name for name in DOCUMENTS if name not in ("D-3", "D-4")])
def test_published_documents(vector: str) -> None:
    """D-1 to D-13: each is stated and read back to what agrees with it, or the error says what T.30 lacks."""
    document = collection(DOCUMENTS[vector][0])
    if vector == "D-10":
        with pytest.raises(FeatureError, match=r"^color-levels=16"):
            write_command(document)
        return
    found = read_command(write_command(document)).collection
    assert not (found.as_feature_set() & _of_frames(document)).is_empty


def _of_frames(document) -> FeatureSet:
    """The document without what a frame does not carry, or carries only in part (digest, section 7)."""
    hidden = {"image-file-structure", "mrc-max-stripe-size"}
    if str(document["color"]).lower() in ("mapped", "limited"):
        hidden |= {"color", "color-levels", "color-space"}
    terms = " ".join(f"({tag}={value})" for tag, value in document.items() if tag not in hidden)
    return feature_set(f"(& {terms})")


def test_every_document_of_the_grid_is_stated_truly() -> None:
    """What a machine must be able to do for the frame is what it must be able to do for the document."""
    stated = 0
    for document in documents():
        try:
            frame = write_command(collection(" ".join(["(&", *_terms(document), ")"])))
        except FeatureError:
            continue
        stated += 1
        found = read_command(frame)
        assert mrc_mode(frame.bits, T30.mrc_order) == document.mode
        for tag in ("dpi", "dpi-xyratio", "image-coding", "size-x"):
            assert found.collection[tag] == document.values()[tag], (tag, document)
    assert stated > 300


def _terms(document) -> list[str]:
    return [f"({tag}={value})" for tag, value in document.values().items()]
