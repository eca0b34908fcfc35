"""DIS and DTC to feature sets: RFC 2880 sections 3 to 6, and section 7.1 and 7.2 of the fax schema digest."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conneg.features import FeatureError, collection, feature_set
from conneg.features.t30 import (
    RFC2880,
    T30,
    BitOrder,
    Conventions,
    FrameKind,
    MrcOrder,
    capability_of,
    make_frame,
    read_frame,
)
from tests.features.test_vectors_match import expanded

from .oracle import DOCUMENTS, Document, takes
from .strategies import ALL, bits, conventions, normalised

LSB = BitOrder.LSB_FIRST
B_1 = """(& (color=binary) (image-coding=[MH,MR,MMR]) (MRC-mode=0) (| (& (dpi=204) (dpi-xyratio=204/98)) (& (dpi=204)
(dpi-xyratio=204/196)) (& (dpi=200) (dpi-xyratio=200/100)) (& (dpi=200) (dpi-xyratio=1)) (& (dpi=300)
(dpi-xyratio=1))) (size-x<=2150/254) (paper-size=[A4,Letter]))"""
B_1_OCTETS = "00 C0 88 C0 80 82 80 80 80 08"
_LAB = """(MRC-mode<=1) (MRC-max-stripe-size>=0) (dpi=[100,200,400]) (dpi-xyratio=1) (color-space=CIELAB)
(color-illuminant=D50) (CIELAB-L-min>=0) (CIELAB-L-max<=100) (image-coding=JPEG) (image-coding-constraint=JPEG-T4E)
(size-x<=2150/254) (paper-size=[A4,Letter])"""
B_2 = f"""(|
 (& (color=binary) (image-coding=[MH,MR,MMR]) (MRC-mode<=1) (MRC-max-stripe-size>=0)
  (| (& (dpi=204) (dpi-xyratio=204/98)) (& (dpi=204) (dpi-xyratio=204/196)) (& (dpi=204) (dpi-xyratio=204/391))
     (& (dpi=408) (dpi-xyratio=408/391)) (& (dpi=200) (dpi-xyratio=200/100)) (& (dpi=200) (dpi-xyratio=1))
     (& (dpi=400) (dpi-xyratio=1))) (size-x<=2150/254) (paper-size=[A4,Letter]))
 (& (color=grey) (color-levels<=256) {_LAB})
 (& (color=full) (color-subsampling=["1:1:1","4:1:1"]) (color-levels<=16777216) (CIELAB-a-min>=-85)
  (CIELAB-a-max<=85) (CIELAB-b-min>=-75) (CIELAB-b-max<=125) {_LAB}))"""
B_2_RFC = "00 C0 88 C0 80 85 80 80 98 89 80 E0 03"
B_2_T30 = "00 C0 88 C0 80 85 80 80 98 89 80 C8 03"
SIMPLE = """(& (color=Binary) (image-coding=MH) (MRC-mode=0) (| (& (dpi=204) (dpi-xyratio=204/98)) (& (dpi=200)
(dpi-xyratio=200/100))) (size-x<=2150/254) (size-y<=2970/254) (paper-size=A4))"""


def capability(some: set[int], given: Conventions = T30):
    return capability_of(make_frame(FrameKind.DIS, some), given)


def test_b_1() -> None:
    """RFC 2880 6.1."""
    found = capability_of(read_frame(bytes.fromhex(B_1_OCTETS), LSB), RFC2880)
    assert found.features.equivalent(feature_set(B_1))
    assert feature_set(found.expression) == found.features
    assert expanded(found.features) == 30
    assert found.notes == ()


@pytest.mark.parametrize(
    ("octets", "given"),
    [(B_2_RFC, RFC2880), (B_2_T30, RFC2880._replace(mrc_order=MrcOrder.T30))],
    ids=["the RFC's MRC order", "T.30's"],
)
def test_b_2(octets: str, given: Conventions) -> None:
    """RFC 2880 6.2, its simplified form; its unsimplified one is not equivalent to it."""
    found = capability_of(read_frame(bytes.fromhex(octets), LSB), given)
    assert found.features.equivalent(feature_set(B_2))
    assert expanded(found.features) == expanded(feature_set(B_2)) == (7 * 3 + 3 + 3 * 2) * 2
    assert found.notes == ()


def test_b_2_does_what_the_tables_of_the_rfc_get_wrong() -> None:
    """Digest, section 7.2: grey JPEG at 200 dpi must match, bi-level at 1200 dpi must not."""
    features = capability_of(read_frame(bytes.fromhex(B_2_RFC), LSB), RFC2880).features
    grey = "(& (color=Grey) (image-coding=JPEG) (image-coding-constraint=JPEG-T4E) (dpi=200) (dpi-xyratio=1))"
    assert features.accepts(collection(grey))
    assert not features.accepts(collection("(& (color=Binary) (image-coding=MH) (dpi=1200) (dpi-xyratio=1))"))
    assert not features.accepts(collection(grey.replace("200", "300")))


def test_the_mrc_orders_differ() -> None:
    """Digest, section 7, TRAP: 92, 93, 94 = 0, 0, 1 is mode 1 in RFC 2880, and mode 4 in T.30."""
    frame = read_frame(bytes.fromhex(B_2_RFC), LSB)
    four = capability_of(frame, RFC2880._replace(mrc_order=MrcOrder.T30)).features
    assert four.equivalent(feature_set(B_2.replace("MRC-mode<=1", "MRC-mode<=4")))


def test_every_machine() -> None:
    assert capability(set()).features.equivalent(feature_set(SIMPLE))


def test_dtc_is_read_as_dis_and_dcs_is_not() -> None:
    assert capability_of(make_frame(FrameKind.DTC, {16})).features == capability({16}).features
    with pytest.raises(FeatureError, match="read_command"):
        capability_of(make_frame(FrameKind.DCS, {16}))


def test_structures_and_media_are_added() -> None:
    """RFC 2880 6.1.1."""
    given = RFC2880._replace(structures=("TIFF-limited", "TIFF-minimal"), media=("stationery",))
    found = capability_of(read_frame(bytes.fromhex(B_1_OCTETS), LSB), given).features
    more = "(image-file-structure=[TIFF-limited,TIFF-minimal]) (ua-media=stationery)"
    assert found.equivalent(feature_set(f"(& {more} {B_1})"))
    with pytest.raises(FeatureError, match="no token"):
        capability(set(), T30._replace(structures=("a)(b",)))


@pytest.mark.parametrize(
    ("some", "papers"),
    [
        (set(), "A4"),
        ({17}, "A4,B4"),
        ({18}, "A4,B4"),
        ({18, 20}, "A4,B4,A3"),
        ({18, 19}, "A4,B4"),
        ({17, 20, 76, 77}, "A4,letter,legal,B4"),
    ],
)
def test_large_paper_only_if_asked(some: set[int], papers: str) -> None:
    """Digest, section 7.1, DECISION on paper."""
    asked = capability(some, T30._replace(has_large_paper=True)).features
    not_asked = capability(some).features
    for paper in ("A4", "letter", "legal", "B4", "A3"):
        document = collection(f"(& (paper-size={paper}))")
        assert asked.accepts(document) is (paper in papers.split(","))
        assert not_asked.accepts(document) is (paper in papers.split(",") and paper not in ("B4", "A3"))


@pytest.mark.parametrize(
    ("some", "same_as", "noted"),
    [
        ({17, 18}, {18}, [(17, 18)]),
        ({19, 20}, {19}, [(19, 20)]),
        ({31}, set(), [(31, 27)]),
        ({78}, set(), [(78, 27)]),
        ({27, 79}, {27}, [(79, 78)]),
        ({27, 68}, {27}, [(68, 15)]),
        ({15, 44, 68}, {15, 44}, [(68, 27)]),
        ({15, 27, 44, 36}, {15, 27, 44}, [(36, 68)]),
        ({15, 27, 44, 68, 97}, {15, 27, 44, 68}, [(97, 42, 43)]),
        ({15, 27, 42, 44, 97}, {15, 27, 42, 44}, [(97, 68)]),
        ({98}, set(), [(98, 68)]),
        ({15, 27, 44, 68, 110}, {15, 27, 44, 68}, [(110, 105)]),
        ({27, 92}, {27}, [(92, 15)]),
        ({15, 45, 92, 94}, {15, 45}, [(92, 27), (94, 27)]),
        ({15}, {15, 44}, [(44, 45)]),
        ({43}, {43, 45}, [(44, 45)]),
        ({116}, set(), [(116,)]),
        ({2}, set(), [(2,)]),
        ({37, 69, 71, 73, 74, 75, 95}, set(), []),
        ({9, 10, 11, 13, 21, 27, 46}, set(), []),
    ],
)
def test_contradictions_are_read_safely_and_noted(
    some: set[int], same_as: set[int], noted: list[tuple[int, ...]]
) -> None:
    """RFC 2880 4.1 to 4.4: what is marked * there, and invalid; error correction as the digest's table has it."""
    found = capability(some)
    assert found.features == capability(same_as).features
    assert [note.bits for note in found.notes] == noted
    for note in found.notes:
        assert all(str(bit) in str(note) for bit in note.bits)


def test_notes_about_octets_stay() -> None:
    found = capability_of(read_frame(bytes.fromhex("00 02 10 FF"), BitOrder.MSB_FIRST))
    assert "more octet" in str(found.notes[0])


def test_the_grid_decides_every_bit() -> None:
    """The oracle itself: each bit changes the verdict on some document beside the bits that it needs."""
    everything = normalised(frozenset({*range(15, 112)} - {17, 19}), T30)
    for bit in everything - {27, 44, 45, 92, 93, 94}:
        others = everything - {bit}
        assert any(takes(everything, 7, one, True) is not takes(others, 7, one, True) for one in DOCUMENTS), (
            bit
        )


@settings(max_examples=40, deadline=None)
@example(frozenset(ALL) - {17, 19}, T30)
@example(frozenset(ALL) - {17, 19, 71}, T30)
@given(bits, conventions)
def test_documents_one_by_one(some: frozenset[int], given: Conventions) -> None:
    """The set agrees with the oracle on every document of the grid."""
    features = capability_of(make_frame(FrameKind.DIS, some), given).features
    effective = normalised(some, given)
    order = (92, 93, 94) if given.mrc_order is MrcOrder.T30 else (94, 93, 92)
    mode = sum(1 << place for place, bit in enumerate(order) if bit in effective)
    for document in DOCUMENTS:
        wanted = takes(effective, mode, document, given.has_large_paper)
        assert features.accepts(document.values()) is wanted, document


@given(st.frozensets(st.integers(1, 1023)), conventions)
def test_any_bits_are_read(some: frozenset[int], given: Conventions) -> None:
    found = capability_of(make_frame(FrameKind.DIS, some), given)
    simple = Document("MH", "Binary", 204, 98)
    assert found.features.accepts(simple.values())
    assert all("\n" not in str(note) for note in found.notes)
