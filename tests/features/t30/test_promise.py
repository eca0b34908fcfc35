"""Feature sets to DIS: RFC 2880 section 5, the reverse transformation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.features import FeatureError, FeatureSet, feature_set
from conneg.features.t30 import (
    RFC2880,
    T30,
    BitOrder,
    Conventions,
    FrameKind,
    MrcOrder,
    capability_of,
    frame_of,
    make_frame,
    write_frame,
)
from tests.features.schema import K1, RECEIVERS

from .strategies import bits, conventions, normalised
from .test_capability import B_1, B_1_OCTETS, B_2, B_2_RFC, B_2_T30, SIMPLE

LSB = BitOrder.LSB_FIRST


@pytest.mark.parametrize(
    ("text", "octets", "given"),
    [
        (B_1, B_1_OCTETS, RFC2880),
        (B_2, B_2_RFC, RFC2880),
        (B_2, B_2_T30, RFC2880._replace(mrc_order=MrcOrder.T30)),
    ],
)
def test_the_vectors_backwards(text: str, octets: str, given: Conventions) -> None:
    made = frame_of(feature_set(text), given)
    assert write_frame(made.frame, LSB) == bytes.fromhex(octets)
    assert made.unsaid == ()
    assert made.missing.is_empty


@settings(max_examples=60, deadline=None)
@given(bits, conventions)
def test_dis_to_set_to_dis(some: frozenset[int], given: Conventions) -> None:
    """The identity on frames that say all they mean and nothing else."""
    frame = make_frame(FrameKind.DIS, normalised(some, given))
    found = capability_of(frame, given)
    assert found.notes == ()
    made = frame_of(found.features, given)
    assert made.frame == frame
    assert made.features.equivalent(found.features)
    assert made.unsaid == ()


@settings(max_examples=40, deadline=None)
@given(bits, bits, bits, conventions)
def test_never_more_than_the_capability(
    one: frozenset[int], other: frozenset[int], less: frozenset[int], given: Conventions
) -> None:
    """Of a capability that no DIS can say: what either of two machines takes, without some of a third."""
    base = feature_set(SIMPLE)
    sets = [capability_of(make_frame(FrameKind.DIS, some), given).features for some in (one, other, less)]
    capability = (
        ((sets[0] | sets[1]) - sets[2]) | base | capability_of(make_frame(FrameKind.DIS, ()), given).features
    )
    made = frame_of(capability, given)
    assert capability.contains(made.features)
    assert capability_of(made.frame, given).features.equivalent(made.features)
    assert capability_of(made.frame, given).notes == ()
    assert bool(made.unsaid) is not made.missing.is_empty
    assert (made.missing | made.features).equivalent(capability)


@settings(max_examples=30, deadline=None)
@given(bits, bits, st.data())
def test_no_further_bit_is_true(one: frozenset[int], other: frozenset[int], data: st.DataObject) -> None:
    """The frame is a largest one: another bit that counts beside its bits would promise too much."""
    sets = [capability_of(make_frame(FrameKind.DIS, some), RFC2880).features for some in (one, other)]
    capability = sets[0] | sets[1] | feature_set(SIMPLE)
    had = frame_of(capability, RFC2880).frame.bits
    bit = (
        data.draw(st.sampled_from(sorted((one | other) - had - {27, 44, 45, 92, 93, 94})), label="bit")
        if (one | other) - had - {27, 44, 45, 92, 93, 94}
        else 0
    )
    more = normalised(had | {bit}, RFC2880)
    if bit in more and more > had:
        assert not capability.contains(capability_of(make_frame(FrameKind.DIS, more), RFC2880).features)


@pytest.mark.parametrize(
    ("receiver", "bits", "unsaid"),
    [
        (0, {15, 20}, ["image-file-structure", "ua-media"]),
        (1, {15, 16, 20, 31, 42, 76, 78}, ["image-file-structure", "ua-media", "paper-size: B4"]),
        (
            3,
            {15, 16, 20, 31, 42, 68, 69, 73, 76, 97, 98},
            ["image-file-structure", "ua-media", "paper-size: B4"],
        ),
        # 400 dpi square alone is not bit 43, which promises 408x391 too.
        (6, {15, 16, 18, 20, 31, 76, 78}, ["image-file-structure", "ua-media", "paper-size: B4", "dpi: 400"]),
    ],
)
def test_published_capabilities(receiver: int, bits: set[int], unsaid: list[str]) -> None:
    """K-1, K-2, K-4 and K-7 of the digest: without size-y any length is accepted, without size-x any width."""
    made = frame_of(feature_set(RECEIVERS[receiver]), RFC2880)
    assert made.frame.bits == bits
    assert {line.split(": no")[0] for line in made.unsaid} >= set(unsaid)
    assert frame_of(feature_set(RECEIVERS[receiver])).frame.bits - {27, 44, 45} == bits


def test_structures_and_media_choose_among_conditions() -> None:
    """A capability whose colour is for one medium only: what the caller states decides whether the frame has it."""
    text = f"(| {SIMPLE[:-1]} (ua-media=stationery)) {SIMPLE[:-1].replace('MH', '[MH,MR]')} (ua-media=continuous)))"
    assert 16 in frame_of(feature_set(text)).frame.bits
    assert 16 in frame_of(feature_set(text), T30._replace(media=("continuous",))).frame.bits
    assert 16 not in frame_of(feature_set(text), T30._replace(media=("stationery",))).frame.bits


def test_an_mrc_mode_lets_more_be_said() -> None:
    """Without MRC, MR would be promised with stripes of any size; the mode limits them to 256 (RFC 2880 3.20)."""
    fine = SIMPLE.replace("204/98", "[204/98,204/196]").replace("200/100", "[200/100,1]")
    layered = fine.replace("=MH", "=[MH,MR]").replace(
        "(MRC-mode=0)", "(MRC-mode<=4) (MRC-max-stripe-size=[0..256])"
    )
    assert frame_of(feature_set(f"(| {fine} {layered})"), RFC2880).frame.bits == {15, 16, 92}


def test_combinations_that_are_left_out_are_told() -> None:
    """Wide pages in MH only, MR on narrow ones only: both bits together would promise wide pages in MR."""
    wide = SIMPLE.replace("2150", "3030")
    made = frame_of(feature_set(f"(| {wide} {SIMPLE.replace('MH', '[MH,MR]')})"))
    assert made.frame.bits == {16}
    assert made.unsaid == ("size-x: more than 1075/127 and at most 1515/127",)
    both = frame_of(
        feature_set(f"(| {wide} {SIMPLE.replace('=MH', '=[MH,MR]')} {wide.replace('A4', 'legal')})")
    )
    assert both.unsaid


def test_combinations_of_values_that_each_can_be_said() -> None:
    fine = SIMPLE.replace("200/100", "[200/100,1]").replace("204/98", "[204/98,204/196]")
    some = feature_set(
        f"(| {fine} {SIMPLE.replace('=MH', '=[MH,MR]').replace('204/98', '[204/98,204/196]')})"
    )
    made = frame_of(some)
    assert made.frame.bits == {15, 44, 45}
    assert made.unsaid == ("image-coding: MR",)
    partly = feature_set(f"(| {SIMPLE.replace('=MH', '=[MH,MR]')} (& {fine} (dpi=200)) {SIMPLE})")
    assert frame_of(partly).frame.bits == {16}
    assert frame_of(partly).unsaid == ("dpi-xyratio: 1",)


@pytest.mark.parametrize(
    "text",
    [
        "(& (color=Full) (image-coding=JPEG))",
        SIMPLE.replace("2970/254", "11"),
        SIMPLE.replace("204/98", "1"),
        SIMPLE.replace("(image-coding=MH)", "(image-coding=MH) (h.0D5RPQ1C3NKRUL4TADQSAQBT4G)"),
        "(& (dpi=200) (dpi=300))",
    ],
)
def test_what_every_machine_takes_must_be_there(text: str) -> None:
    """RFC 2880 3.1, 3.2, 3.16: MH, the base resolution in both units and A4 are required of all."""
    with pytest.raises(FeatureError, match="every fax machine"):
        frame_of(feature_set(text))


def test_other_bits() -> None:
    made = frame_of(feature_set(K1), other_bits=(10, 11, 13), kind=FrameKind.DTC)
    assert made.frame == make_frame(FrameKind.DTC, {10, 11, 13, 15, 20, 44, 45})
    for bit in (16, 116):
        with pytest.raises(FeatureError, match=f"bit {bit}"):
            frame_of(feature_set(K1), other_bits=(bit,))
    with pytest.raises(FeatureError, match="write_command"):
        frame_of(feature_set(K1), kind=FrameKind.DCS)


def test_everything_is_said_as_far_as_it_goes() -> None:
    made = frame_of(FeatureSet.everything())
    assert made.frame.bits >= {15, 16, 18, 20, 27, 31, 36, 68, 69, 78, 92, 93, 94, 95, 111}
    assert "size-x: anything but at most 1515/127" in made.unsaid
    assert "paper-size: anything but A4, legal or letter" in made.unsaid
