"""Octets and numbered bits: fax schema digest, section 7 (head, and vectors B-1 and B-2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.errors import BoundExceededError
from conneg.features import FeatureError
from conneg.features.t30 import BitOrder, Frame, FrameKind, make_frame, read_frame, write_frame

MSB, LSB = BitOrder.MSB_FIRST, BitOrder.LSB_FIRST
B_1 = {15, 16, 20, 31, 42, 76}
B_2 = {15, 16, 20, 31, 41, 43, 68, 69, 73, 76, 95, 97, 98}
VECTORS = [
    (B_1, MSB, "00 03 11 03 01 41 01 01 01 10"),
    (B_1, LSB, "00 C0 88 C0 80 82 80 80 80 08"),
    (B_2 | {94}, LSB, "00 C0 88 C0 80 85 80 80 98 89 80 E0 03"),
    (B_2 | {92}, LSB, "00 C0 88 C0 80 85 80 80 98 89 80 C8 03"),
]


@pytest.mark.parametrize(("bits", "order", "octets"), VECTORS)
def test_vectors(bits: set[int], order: BitOrder, octets: str) -> None:
    field = bytes.fromhex(octets)
    assert read_frame(field, order) == make_frame(FrameKind.DIS, bits)
    assert write_frame(make_frame(FrameKind.DIS, bits), order) == field


@pytest.mark.parametrize(
    ("front", "order", "kind", "has_x_bit"),
    [
        ("FF C8 01", MSB, FrameKind.DIS, False),
        ("FF C0 01", MSB, FrameKind.DIS, False),
        ("FF C8 81", MSB, FrameKind.DTC, False),
        ("FF C8 41", MSB, FrameKind.DCS, False),
        ("FF C8 C1", MSB, FrameKind.DCS, True),
        ("FF 13 80", LSB, FrameKind.DIS, False),
        ("FF 03 80", LSB, FrameKind.DIS, False),
        ("FF 13 81", LSB, FrameKind.DTC, False),
        ("FF 13 82", LSB, FrameKind.DCS, False),
        ("FF 13 83", LSB, FrameKind.DCS, True),
    ],
)
def test_a_whole_frame_shows_its_kind_and_order(
    front: str, order: BitOrder, kind: FrameKind, has_x_bit: bool
) -> None:
    """T.30 5.3.6.1: DIS 0000 0001, DTC 1000 0001, DCS X100 0001, the first transmitted bit first."""
    field = write_frame(make_frame(FrameKind.DIS, B_1), order)
    octets = bytes.fromhex(front) + field
    found = read_frame(octets)
    assert (found.kind, found.has_x_bit, found.bits) == (kind, has_x_bit, B_1)
    assert read_frame(octets, order, kind=kind, whole=True) == found
    is_final = octets[1] in (0xC8, 0x13)
    assert write_frame(found, order, whole=True, is_final=is_final) == octets
    other = LSB if order is MSB else MSB
    with pytest.raises(FeatureError, match=str(order)):
        read_frame(octets, other)
    with pytest.raises(FeatureError, match="not"):
        read_frame(octets, kind=FrameKind.DTC if kind is not FrameKind.DTC else FrameKind.DIS)


@pytest.mark.parametrize("octets", ["", "FF", "FF C8", "FF C8 00", "FF C4 01", "00 C8 01 00 00 00"])
def test_what_is_no_whole_frame(octets: str) -> None:
    with pytest.raises(FeatureError, match="no whole frame"):
        read_frame(bytes.fromhex(octets), MSB, whole=True)
    assert read_frame(bytes.fromhex(octets), MSB).kind is FrameKind.DIS


def test_a_field_that_looks_like_a_whole_frame_is_read_as_a_field_when_told() -> None:
    octets = bytes.fromhex("FF C8 01 00")
    assert read_frame(octets, MSB, whole=False).bits == {*range(1, 9), 9, 10, 13}


def test_a_field_alone_needs_its_order() -> None:
    with pytest.raises(FeatureError, match="msb-first or lsb-first"):
        read_frame(bytes(3))


@pytest.mark.parametrize(
    ("octets", "bits", "ignored", "noted"),
    [
        ("", set(), "", "0 octets where there must be 3"),
        ("00 03", {15, 16}, "", "2 octets where there must be 3"),
        ("00 03 10", {15, 16, 20}, "", ""),
        ("00 03 11", {15, 16, 20}, "", "bit 24 is 1, and no octet follows"),
        ("00 03 11 02", {15, 16, 20, 31}, "", ""),
        ("00 03 11 03", {15, 16, 20, 31}, "", "bit 32 is 1, and no octet follows"),
        ("00 03 10 03 41", {15, 16, 20}, "03 41", "bit 24 is 0: 2 more octets not looked at"),
        ("00 03 11 02 41", {15, 16, 20, 31}, "41", "bit 32 is 0: 1 more octet not looked at"),
        ("01 01 00", {8, 16}, "", ""),
    ],
)
def test_extension_bits(octets: str, bits: set[int], ignored: str, noted: str) -> None:
    """Missing octets read as zero; what is behind a zero extension bit is not looked at. Bits 8 and 16 are none."""
    found = read_frame(bytes.fromhex(octets), MSB)
    assert found.bits == bits
    assert found.ignored == bytes.fromhex(ignored)
    assert "".join(map(str, found.notes)).startswith(noted)
    assert bool(found.notes) is bool(noted)


def test_bounds() -> None:
    assert read_frame(b"\xff" * 128, MSB, whole=False).bits >= {1, 1023}
    with pytest.raises(BoundExceededError, match=r"features\.t30-octets"):
        read_frame(b"\xff" * 129, MSB)
    assert make_frame(FrameKind.DIS, [1024, 1023]).bits == {1023}
    with pytest.raises(BoundExceededError):
        make_frame(FrameKind.DIS, [1025])
    with pytest.raises(FeatureError, match="bit 0"):
        make_frame(FrameKind.DIS, [0])


@given(
    st.frozensets(st.integers(1, 1023)),
    st.sampled_from(list(BitOrder)),
    st.sampled_from(list(FrameKind)),
    st.booleans(),
)
def test_octets_give_the_frame_back(
    bits: frozenset[int], order: BitOrder, kind: FrameKind, has_x_bit: bool
) -> None:
    plain = make_frame(kind, bits)
    made = Frame(kind, plain.bits, has_x_bit and kind is FrameKind.DCS)
    field = write_frame(made, order)
    assert len(field) >= 3
    assert read_frame(field, order, kind=kind, whole=False) == plain
    if len(field) <= 125:
        assert read_frame(write_frame(made, order, whole=True)) == made


@given(st.binary(max_size=20))
def test_the_bit_formula(field: bytes) -> None:
    """Bit n is 0x80 >> ((n-1) % 8) of octet ceil(n/8) in the one order, 1 << ((n-1) % 8) in the other."""
    for order, mask in ((MSB, lambda n: 0x80 >> ((n - 1) % 8)), (LSB, lambda n: 1 << ((n - 1) % 8))):
        found = read_frame(field, order, whole=False)
        end = 8 * (len(field) - len(found.ignored))
        for n in range(1, end + 1):
            if n < 24 or n % 8:
                assert (n in found.bits) is bool(field[(n - 1) // 8] & mask(n))
