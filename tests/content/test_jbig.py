"""JBIG: what is written is T.85, judged by JBIG-KIT's programs; what is read is bounded and comes back as it was."""

import contextlib
import ctypes
import re
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.content import jbig
from conneg.content.halftone import pack
from tests.content import pages
from tests.system import lacking, require


@pytest.fixture(autouse=True)
def library() -> None:
    if not jbig.is_available():
        lacking("needs the JBIG library: apt-get install libjbig0")


def text_page(width: int = 1728, height: int = 300) -> bytes:
    return pack(pages.text(width, height) > 127).tobytes()


def pbm(lines: bytes, width: int, height: int) -> bytes:
    """Return the page as a raw PBM file, in which 1 is black too."""
    return b"P4\n%d %d\n" % (width, height) + lines


def read_pbm(octets: bytes) -> tuple[int, int, bytes]:
    head = re.match(rb"P4\s+(\d+)\s+(\d+)\s", octets)
    assert head is not None
    return int(head[1]), int(head[2]), octets[head.end() :]


@pytest.mark.judged("JBIG, written", "jbgtopbm")
@pytest.mark.judged("JBIG, written", "jbgtopbm85")
@pytest.mark.parametrize("program", ["jbgtopbm", "jbgtopbm85"])
@pytest.mark.parametrize("stripe_lines", [2, 100, 128, 5000])
def test_what_is_written_jbigkit_reads(tmp_path: Path, program: str, stripe_lines: int) -> None:
    """jbgtopbm85 decodes nothing but T.85."""
    lines = text_page(1731)
    (tmp_path / "a.jbg").write_bytes(jbig.encode(lines, 1731, 300, stripe_lines))
    command = [require(program, "jbigkit-bin"), tmp_path / "a.jbg", tmp_path / "a.pbm"]
    subprocess.run(command, check=True, capture_output=True)
    assert read_pbm((tmp_path / "a.pbm").read_bytes()) == (1731, 300, lines)


@pytest.mark.judged("JBIG, read", "pbmtojbg85")
@pytest.mark.judged("JBIG, read", "pbmtojbg")
@pytest.mark.parametrize(
    "command",
    [
        ["pbmtojbg85"],
        ["pbmtojbg85", "-s", "17", "-m", "0"],
        ["pbmtojbg85", "-p", "104"],  # two-line template, length told at the end, typical prediction
        ["pbmtojbg", "-q"],
        ["pbmtojbg", "-q", "-o", "0", "-p", "8", "-s", "128"],
    ],
    ids=" ".join,
)
def test_what_jbigkit_writes_is_read(tmp_path: Path, command: list[str]) -> None:
    lines = text_page(1731)
    (tmp_path / "a.pbm").write_bytes(pbm(lines, 1731, 300))
    program = [require(command[0], "jbigkit-bin"), *command[1:], tmp_path / "a.pbm", tmp_path / "a.jbg"]
    subprocess.run(program, check=True, capture_output=True)
    bie = (tmp_path / "a.jbg").read_bytes()
    assert jbig.decode(bie, 1731, 300) == jbig.BilevelPage(1731, 300, lines, len(bie))


def test_the_header_is_that_of_t85() -> None:
    """One plane, one layer, no order flags, typical prediction, stripes of 128 lines unless asked otherwise."""
    bie = jbig.encode(text_page(), 1728, 300)
    assert bie[:20] == struct.pack(">BBBBIIIBBBB", 0, 0, 1, 0, 1728, 300, 128, 127, 0, 0, 8)
    assert jbig.t85_problems(bie) == ()
    assert jbig.read_header(jbig.encode(text_page(), 1728, 300, 2000)).stripe_lines == 2000


@given(
    st.integers(1, 200), st.integers(1, 40), st.integers(2, 60), st.integers(0, 2**32 - 1), st.floats(0, 1)
)
@settings(max_examples=60, deadline=None)
def test_every_page_comes_back(width: int, height: int, stripe_lines: int, seed: int, black: float) -> None:
    lines = pack(np.random.default_rng(seed).random((height, width)) >= black).tobytes()
    bie = jbig.encode(lines, width, height, stripe_lines)
    assert jbig.decode(bie, width, height).lines == lines


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, 1, "resolution layer"),
        (1, 2, "resolution layer"),
        (2, 2, "2 planes"),
        (16, 128, "template pixel"),
        (17, 1, "template pixel"),
        (18, 4, "order flags"),
        (19, 0x1C, "option flags"),
        (3, 1, "no header"),
    ],
)
def test_what_t85_forbids_is_named(place: int, value: int, message: str) -> None:
    bie = bytearray(jbig.encode(text_page(), 1728, 300))
    bie[place] = value
    (problem,) = jbig.t85_problems(bytes(bie))
    assert message in problem


def test_another_size_than_the_fields_say_is_refused_before_decoding() -> None:
    bie = bytearray(jbig.encode(text_page(), 1728, 300))
    struct.pack_into(">II", bie, 4, 0xFFFF_FFF0, 0xFFFF_FFFF)
    with pytest.raises(jbig.JbigError, match="4294967280 by 4294967295 pixels, the fields say 1728 by 300"):
        jbig.decode(bytes(bie), 1728, 300)


def test_more_pixels_than_the_bound_are_refused() -> None:
    bie = bytearray(jbig.encode(text_page(), 1728, 300))
    struct.pack_into(">II", bie, 4, 60_000, 60_000)
    with pytest.raises(jbig.JbigError, match="more than 200000000"):
        jbig.decode(bytes(bie), 60_000, 60_000)


@pytest.mark.parametrize("kept", [0, 19, 20, 21, 500])
def test_data_that_ends_early_is_refused(kept: int) -> None:
    with pytest.raises(jbig.JbigError, match="ends"):
        jbig.decode(jbig.encode(text_page(), 1728, 300)[:kept], 1728, 300)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_octets_are_decoded_or_refused(octets: bytes) -> None:
    head = struct.pack(">BBBBIIIBBBB", 0, 0, 1, 0, 100, 40, 16, 127, 0, 0, 8)
    for bie in (octets, head + octets):
        with contextlib.suppress(jbig.JbigError):
            assert len(jbig.decode(bie, 100, 40).lines) == 13 * 40


def test_pixels_of_another_size_are_refused() -> None:
    with pytest.raises(jbig.JbigError, match="no page of 1728 by 3 pixels"):
        jbig.encode(bytes(216), 1728, 3)
    for stripe_lines in (0, 1, 1 << 32):
        with pytest.raises(jbig.JbigError, match=f"stripes of {stripe_lines} lines"):
            jbig.encode(bytes(216), 1728, 1, stripe_lines)


def test_without_the_library_nothing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    jbig._library.cache_clear()
    jbig._tried.cache_clear()

    def nothing(name: str) -> ctypes.CDLL:
        raise OSError(name)

    with monkeypatch.context() as patched:
        patched.setattr(ctypes, "CDLL", nothing)
        assert not jbig.is_available()
        with pytest.raises(jbig.JbigError, match="libjbig0"):
            jbig.encode(bytes(1), 8, 1)
    jbig._library.cache_clear()
    jbig._tried.cache_clear()
    assert jbig.is_available()
