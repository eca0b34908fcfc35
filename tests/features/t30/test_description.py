"""The account of a frame for people, and the table of bits behind it."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.features import parse
from conneg.features.t30 import BITS, MEDIA_BITS, RFC2880, FrameKind, describe_frame, make_frame
from conneg.features.t30.bits import NEEDS_ERROR_CORRECTION
from conneg.features.t30.choices import LENGTHS, LEVELS, WIDTHS

RFC_BITS = {15, 16, 17, 18, 19, 20, 31, 36, 37, 41, 42, 43, 68, 69, 71, 73, 74, 75, 76, 77, 78, 79}
RFC_BITS |= {92, 93, 94, 95, 97, 98}


def rows(kind: FrameKind, some: set[int]) -> dict[int, tuple[str, str]]:
    return {row.bit: (row.meaning, row.contributes) for row in describe_frame(make_frame(kind, some))}


def test_the_table_has_every_bit_of_rfc_2880() -> None:
    """RFC 2880 section 3, but 44 and 45, which are not mapped; 105 to 111 are of later editions."""
    assert {bit for bit in MEDIA_BITS if BITS[bit].source == "RFC 2880"} == RFC_BITS
    assert set(range(105, 112)) == MEDIA_BITS - RFC_BITS
    assert {31, 36, 68, 78, 79, 92, 93, 94} == NEEDS_ERROR_CORRECTION
    assert all(bit.meaning and bit.source for bit in BITS.values())
    assert all(need in BITS for bit in BITS.values() for group in (*bit.needs, bit.serves) for need in group)
    assert not any(bit >= 24 and bit % 8 == 0 for bit in BITS)


@pytest.mark.parametrize("bit", sorted(MEDIA_BITS - {74, 75, 92, 93, 94}))
def test_features_are_expressions(bit: int) -> None:
    parse(BITS[bit].feature)


def test_sizes_and_levels() -> None:
    """RFC 2880 5.4 and 3.12: millimetres in inches; 12 bits for each of three components."""
    assert [inches * Fraction(254, 10) for _, inches in WIDTHS] == [215, 255, 303]
    assert [inches * Fraction(254, 10) for _, inches in LENGTHS] == [297, 364]
    assert LEVELS["full"] == (256**3, 4096**3)


def test_a_dis() -> None:
    found = rows(FrameKind.DIS, {10, 16, 27, 31, 44, 92})
    assert found[10] == ("can receive documents", "")
    assert found[16] == ("MR coding", "(image-coding=MR)")
    assert found[27] == ("error correction (ECM)", "")
    assert found[31] == ("MMR coding", "(image-coding=MMR)")
    assert found[44][0] == "prefers resolutions in inches"
    assert found[92][1].startswith("nothing: bit 92")


def test_what_does_not_count_says_why() -> None:
    found = rows(FrameKind.DIS, {2, 17, 18, 68, 71})
    assert found[2] == ("reserved or unknown", "")
    assert found[17][1].startswith("nothing: bits 17 and 18")
    assert found[18][1] == "(size-x<=3030/254)"
    assert "needs bit 15" in found[68][1]
    assert found[71][1] == "nothing: it is of use only beside other bits"


def test_mrc_modes() -> None:
    frame = make_frame(FrameKind.DIS, {15, 94})
    assert describe_frame(frame, RFC2880)[1][1:] == ("mixed raster content (T.44), mode 1", "(MRC-mode<=1)")


def test_a_dcs() -> None:
    found = rows(FrameKind.DCS, {15, 20, 27, 31, 44, 76})
    assert found[15] == ("200x200 dpi or 8x7.7 lines/mm", "(dpi=200) (dpi-xyratio=1)")
    assert found[20][1] == "left to the image data"
    assert found[31][1] == "(image-coding=MMR)"
    assert found[44] == ("resolution in inches", "")
    assert found[76][1] == "(paper-size=letter)"
    assert rows(FrameKind.DCS, {31, 78})[31] == ("MMR coding", "")


@given(st.frozensets(st.integers(1, 1023)), st.sampled_from(list(FrameKind)))
def test_a_row_for_each_set_bit(some: frozenset[int], kind: FrameKind) -> None:
    frame = make_frame(kind, some)
    assert [row.bit for row in describe_frame(frame)] == sorted(frame.bits)
