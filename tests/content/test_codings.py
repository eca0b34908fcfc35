"""MH, MR and MMR strips: every bitmap goes there and back, and the bits are those of T.4, T.6 and RFC 3949."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.content import libtiff, strips
from conneg.content.codings import Coding, CodingError, StripForm, decode, encode, reversed_bits
from conneg.content.halftone import Packed, pack
from tests.content import pages

EOL = "000000000001"


def bits_of(strip: bytes) -> str:
    return "".join(f"{octet:08b}" for octet in strip)


@st.composite
def bitmaps(draw: st.DrawFn) -> tuple[Packed, int]:
    """A bitmap of runs, up to the longest line of any profile, with lines that repeat and lines that do not."""
    width = draw(st.integers(1, 200) | st.sampled_from([1728, 2048, 2432, 2592, 4864]))
    height = draw(st.integers(1, 12))
    seed = draw(st.integers(0, 2**32 - 1))
    run = draw(st.sampled_from([1, 2, 7, 64, 900]))
    black = draw(st.sampled_from([0.0, 0.05, 0.5, 1.0]))
    rng = np.random.default_rng(seed)
    marks = np.repeat(rng.random((height, width // run + 1)) < black, run, axis=1)[:, :width]
    if draw(st.booleans()):
        marks[1::2] = marks[: len(marks[1::2])]
    return pack(~marks), width


@given(bitmaps(), st.sampled_from(Coding), st.booleans(), st.sampled_from([98.0, 196.0]))
@settings(max_examples=150, deadline=None)
def test_every_bitmap_comes_back_and_its_strip_reads_strictly(
    bitmap: tuple[Packed, int], coding: Coding, aligned: bool, dpi_y: float
) -> None:
    packed, width = bitmap
    form = StripForm(width, len(packed), coding, aligned and coding is not Coding.MMR, dpi_y)
    strip = encode(packed, form)
    assert (decode(strip, form) == packed).all()
    strips._read(strip, form)  # our own reader of T.4 and T.6, code word by code word, finds nothing wrong


@pytest.mark.parametrize("coding", Coding)
@pytest.mark.parametrize("width", [1, 7, 8, 45, 1728, 2432, 4864])
def test_the_short_way_into_libtiff_gives_what_the_public_one_does(coding: Coding, width: int) -> None:
    assert libtiff._takes_packed_lines(), "Pillow's encoder has changed: pages take three times as long now"
    packed = pack(pages.bars(width, 40))
    form = StripForm(width, 40, coding)
    assert libtiff._encode_packed(packed, form) == libtiff._encode_publicly(packed, form)


@pytest.mark.parametrize("coding", Coding)
def test_without_the_short_way_the_public_one_is_taken(
    coding: Coding, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = StripForm(45, 40, coding)
    packed = pack(pages.bars(45, 40))
    expected = libtiff.encode(packed, form)
    monkeypatch.setattr(libtiff, "_takes_packed_lines", lambda: False)
    assert libtiff.encode(packed, form) == expected


def test_mh_has_an_eol_before_every_line_none_after_the_last_and_no_rtc() -> None:
    """RFC 3949, 3.4 and 4.5.4. A white line of 1728 pixels is 010011011 00110101 in T.4."""
    strip = encode(np.zeros((3, 216), dtype=np.uint8), StripForm(1728, 3, Coding.MH))
    line = EOL + "010011011" + "00110101"
    assert bits_of(strip) == (3 * line).ljust(-(-3 * len(line) // 8) * 8, "0")


def test_aligned_eols_end_on_an_octet() -> None:
    """RFC 3949, 3.2.2: T4Options bit 2."""
    form = StripForm(1728, 3, Coding.MH, aligned_eols=True)
    bits = bits_of(encode(np.zeros((3, 216), dtype=np.uint8), form))
    first = bits.index("1") + 1
    second = bits.index("00110101", first) + 8
    assert first % 8 == 0
    assert (bits.index("1", second) + 1) % 8 == 0
    assert form.t4_options == 4


def test_mr_codes_the_first_line_by_itself_and_marks_lines() -> None:
    """T.4: after EOL a tag bit, 1 for a line of MH; a line like the one above is V0, a single 1."""
    form = StripForm(1728, 2, Coding.MR)
    bits = bits_of(encode(np.zeros((2, 216), dtype=np.uint8), form))
    assert bits.startswith(EOL + "1" + "010011011" + "00110101" + EOL + "0" + "1")
    assert form.t4_options == 1


def test_mmr_ends_with_eofb_and_the_padding_of_an_octet() -> None:
    """RFC 3949, 4.5.6. Two white lines are V0 each."""
    strip = encode(np.zeros((2, 216), dtype=np.uint8), StripForm(1728, 2, Coding.MMR))
    assert bits_of(strip) == ("11" + EOL + EOL).ljust(32, "0")


def test_a_black_line_begins_with_a_white_run_of_nothing() -> None:
    strip = encode(np.full((1, 1), 0xFF, dtype=np.uint8), StripForm(8, 1, Coding.MH))
    assert bits_of(strip).startswith(EOL + "00110101" + "000101")


def test_reversed_bits_are_fill_order_2() -> None:
    assert reversed_bits(b"\x01\x80\xf0\x00") == b"\x80\x01\x0f\x00"
    everything = bytes(range(256))
    assert reversed_bits(reversed_bits(everything)) == everything


def test_pixels_of_another_size_are_refused() -> None:
    with pytest.raises(CodingError, match="no page of 1728 by 3 pixels"):
        encode(np.zeros((2, 216), dtype=np.uint8), StripForm(1728, 3, Coding.MH))


def test_a_strip_that_is_none_is_refused_or_gives_the_size_asked_for() -> None:
    form = StripForm(1728, 3, Coding.MH)
    for strip in (b"", b"\x00" * 10, b"\xff" * 10):
        with contextlib.suppress(CodingError):
            assert decode(strip, form).shape == (3, 216)


def form_and_strip(coding: Coding, aligned: bool = False) -> tuple[StripForm, bytes]:
    form = StripForm(1728, 160, coding, aligned)
    return form, encode(pack(pages.text(1728, 160) > 127), form)


@pytest.mark.parametrize("coding", Coding)
def test_a_whole_strip_has_no_problem(coding: Coding) -> None:
    form, strip = form_and_strip(coding)
    assert strips.check_strip(strip, form) == ()


@pytest.mark.parametrize("coding", Coding)
def test_a_strip_that_ends_early_is_named_with_its_line(coding: Coding) -> None:
    form, strip = form_and_strip(coding)
    (problem,) = strips.check_strip(strip[: len(strip) // 2], form)
    assert problem.startswith("line ")


@pytest.mark.parametrize("coding", Coding)
def test_a_line_too_few_is_found(coding: Coding) -> None:
    form, strip = form_and_strip(coding)
    taller = StripForm(form.width, form.height + 1, coding)
    assert strips.check_strip(strip, taller) != ()
    shorter = StripForm(form.width, form.height - 1, coding)
    assert strips.check_strip(strip, shorter) != ()


@pytest.mark.parametrize("coding", Coding)
def test_lines_of_another_width_are_found(coding: Coding) -> None:
    form, strip = form_and_strip(coding)
    assert strips.check_strip(strip, StripForm(200, form.height, coding)) != ()


def test_rtc_may_follow_unaligned_lines_only() -> None:
    """RFC 3949, 3.4.1."""
    for aligned in (False, True):
        form, strip = form_and_strip(Coding.MH, aligned)
        # the padding after the last line is fill of the first EOL of RTC
        number = int.from_bytes(strip) << 72 | int(6 * EOL, 2)
        with_rtc = number.to_bytes(len(strip) + 9)
        problems = strips.check_strip(with_rtc, form)
        assert bool(problems) == aligned, problems
        assert not aligned or "RTC" in problems[0]


def test_unaligned_eols_that_are_said_to_be_aligned_are_found() -> None:
    form, strip = form_and_strip(Coding.MH)
    (problem,) = strips.check_strip(strip, StripForm(form.width, form.height, Coding.MH, aligned_eols=True))
    assert "does not end on an octet" in problem


def test_mmr_without_eofb_is_found() -> None:
    form, strip = form_and_strip(Coding.MMR)
    bits = bits_of(strip).rstrip("0").removesuffix(EOL.rstrip("0"))
    bits = bits.rstrip("0").removesuffix("1")
    cut = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))
    (problem,) = strips.check_strip(cut, form)
    assert "EOFB" in problem


def test_two_dimensional_lines_of_another_encoder_are_fine() -> None:
    """What differs from our own octets and is right all the same is read, not refused: MR with every line by itself."""
    packed = np.zeros((3, 216), dtype=np.uint8)
    line = EOL + "1" + "010011011" + "00110101"
    bits = (3 * line).ljust(-(-3 * len(line) // 8) * 8, "0")
    strip = int(bits, 2).to_bytes(len(bits) // 8)
    form = StripForm(1728, 3, Coding.MR)
    assert strip != encode(packed, form)
    assert strips.check_strip(strip, form) == ()


@given(
    st.binary(max_size=300), st.sampled_from(Coding), st.booleans(), st.integers(1, 300), st.integers(1, 20)
)
@settings(max_examples=200, deadline=None)
def test_any_octets_are_answered(
    octets: bytes, coding: Coding, aligned: bool, width: int, height: int
) -> None:
    for problem in strips.check_strip(octets, StripForm(width, height, coding, aligned)):
        assert problem
