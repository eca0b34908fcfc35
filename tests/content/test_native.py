"""The C module: its strips are libtiff's, octet for octet, and it decodes what libtiff and our strict reader decode."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.content import codings, libtiff, native, strips
from conneg.content.codings import Coding, CodingError, StripForm, encode, reversed_bits
from conneg.content.halftone import Packed
from tests.content import pages
from tests.content.test_codings import bitmaps
from tests.system import lacking, require

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "bilevel"


@pytest.fixture(autouse=True)
def _needs_the_module() -> None:
    if native.bilevel is None:
        lacking("needs the C module: apt-get install gcc libc6-dev python3-dev, and install conneg again")


def module() -> native.Bilevel:
    assert native.bilevel is not None
    return native.bilevel


@given(
    bitmaps(), st.sampled_from(Coding), st.booleans(), st.sampled_from([98.0, 196.0]), st.sampled_from([1, 2])
)
@settings(max_examples=300, deadline=None)
def test_its_strips_are_libtiffs_octet_for_octet(
    bitmap: tuple[Packed, int], coding: Coding, aligned: bool, dpi_y: float, fill_order: int
) -> None:
    packed, width = bitmap
    form = StripForm(width, len(packed), coding, aligned and coding is not Coding.MMR, dpi_y, fill_order)
    strip = encode(packed, form)
    expected = libtiff.encode(packed, form)
    assert strip == (reversed_bits(expected) if fill_order == 2 else expected)
    assert (codings.decode(strip, form) == packed).all()
    found = module().decode(strip, width, len(packed), list(Coding).index(coding), fill_order == 2)
    assert found == packed.tobytes()
    assert (libtiff.decode(expected, form) == packed).all()


@pytest.mark.parametrize("coding", Coding)
@pytest.mark.parametrize(
    "page", [pages.text(1728, 300) < 176, pages.photo(2432, 200) < 128], ids=["text", "photo"]
)
def test_whole_pages_too(coding: Coding, page: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> None:
    packed = np.packbits(page, axis=1)
    form = StripForm(page.shape[1], len(packed), coding)
    assert encode(packed, form) == libtiff.encode(packed, form)


def test_pixels_beyond_the_width_are_not_looked_at() -> None:
    form = StripForm(13, 4, Coding.MMR)
    page = np.full((4, 2), 0xFF, dtype=np.uint8)
    clean = page.copy()
    clean[:, 1] &= 0xF8
    assert encode(page, form) == encode(clean, form)


def test_without_it_pages_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = np.packbits(pages.text(1728, 200) < 176, axis=1)
    form = StripForm(1728, 200, Coding.MR, aligned_eols=True, fill_order=2)
    strip = encode(packed, form)
    assert "C module" in native.way()
    monkeypatch.setattr(native, "bilevel", None)
    assert "Pillow" in native.way()
    assert encode(packed, form) == strip
    assert (codings.decode(strip, form) == packed).all()


def strictly(strip: bytes, form: StripForm) -> Packed | None:
    """What `strips` reads, as pixels; None where it finds a damaged line. Slow, obvious, and another program's work."""
    reader = strips._LineReader(bin(int.from_bytes(b"\x01" + strip))[3:], form.width)
    black = np.zeros((form.height, form.width), dtype=np.bool_)
    reference: list[int] = []
    try:
        for line in range(form.height):
            by_itself = form.coding is Coding.MH
            if form.coding is not Coding.MMR:
                reader.end_of_line(aligned=False)
            if form.coding is Coding.MR:
                by_itself = reader.tag_bit()
                if not (line or by_itself):
                    return None
            reference = reader.by_itself() if by_itself else reader.by_reference(reference)
            for start, end in zip(reference[::2], [*reference[1::2], form.width], strict=False):
                black[line, start:end] = True
    except CodingError:
        return None
    return np.packbits(black, axis=1)


@given(
    bitmaps(),
    st.sampled_from(Coding),
    st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 255)), max_size=3),
    st.integers(0, 40),
)
@settings(max_examples=400, deadline=None)
def test_damaged_strips_are_told_from_whole_ones_as_the_strict_reader_does(
    bitmap: tuple[Packed, int], coding: Coding, changes: list[tuple[int, int]], cut: int
) -> None:
    packed, width = bitmap
    form = StripForm(width, len(packed), coding)
    strip = bytearray(encode(packed, form))
    for at, octet in changes:
        strip[at % len(strip)] = octet
    damaged = bytes(strip[: max(1, len(strip) - cut)])
    expected = strictly(damaged, form)
    try:
        number = list(Coding).index(coding)
        found = np.frombuffer(module().decode(damaged, width, form.height, number, False), dtype=np.uint8)
    except ValueError:
        assert expected is None
    else:
        assert expected is not None
        assert (found.reshape(packed.shape) == expected).all()


@given(
    st.binary(max_size=400), st.sampled_from(Coding), st.integers(1, 3000), st.integers(1, 20), st.booleans()
)
@settings(max_examples=300, deadline=None)
def test_any_octets_are_answered(
    octets: bytes, coding: Coding, width: int, height: int, reversed_: bool
) -> None:
    problem = ""
    try:
        page = module().decode(octets, width, height, list(Coding).index(coding), reversed_)
        assert len(page) == height * ((width + 7) // 8)
    except ValueError as error:
        problem = str(error)
    assert not problem or problem.startswith("line ")


def test_the_first_damaged_line_is_named() -> None:
    form = StripForm(1728, 3, Coding.MMR)
    strip = encode(np.zeros((3, 216), dtype=np.uint8), form)
    assert strip[0] >> 5 == 0b111
    with pytest.raises(ValueError, match=r"line 3: no code word of a mode at bit 2"):
        module().decode(b"\xc0\x00\x00\x00", 1728, 3, 2, False)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        module().encode(b"\0" * 9, 8, 10, 2, 1, False, False)
    for width, height, coding, k in [
        (0, 1, 0, 1),
        (8, 0, 0, 1),
        (8, 1, 3, 1),
        (8, 1, 1, 0),
        (1 << 21, 1, 0, 1),
    ]:
        with pytest.raises(ValueError, match="form"):
            module().encode(b"\0", width, height, coding, k, False, False)


def test_its_code_words_are_those_of_t4codes() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "import t4_tables; print(t4_tables.header(), end='')"],
        cwd=ROOT / "tools", text=True, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert (SOURCES / "t4codes.h").read_text() == made.stdout, "run python tools/t4_tables.py"


def test_random_and_damaged_strips_under_the_sanitizers(tmp_path: Path) -> None:
    """AddressSanitizer and UBSan see every octet that is read or written outside of its buffer."""
    compiler, program = require("gcc", "gcc"), tmp_path / "fuzz"
    sources = [path for path in SOURCES.glob("*.c") if path.name != "module.c"]
    flags = ["-std=c11", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(
        [compiler, *flags, ROOT / "tests/fuzz/bilevel.c", *sources, "-o", program], timeout=100, check=True
    )
    done = subprocess.run([program, "4141", "20000"], text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no finding" in done.stdout


def wheel(tmp_path: Path, compiler: str) -> tuple[Path, str]:
    """Build a wheel of a copy of the project; return it and what was said."""
    copy = tmp_path / "project"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"],
        cwd=copy, env={"PATH": "/usr/bin:/bin", "CC": compiler},
        text=True, capture_output=True, timeout=100, check=True,
    )  # fmt: skip
    (made,) = (tmp_path / "dist").glob("*.whl")
    return made, done.stdout + done.stderr


def test_a_wheel_has_it_and_says_for_which_platform(tmp_path: Path) -> None:
    made, _ = wheel(tmp_path, require("gcc", "gcc"))
    assert "-cp311-abi3-" in made.name
    assert "conneg/content/_bilevel.abi3.so" in zipfile.ZipFile(made).namelist()


def test_without_a_compiler_one_line_says_so_and_the_wheel_is_for_any_platform(tmp_path: Path) -> None:
    made, said = wheel(tmp_path, "/nowhere/cc")
    assert made.name.endswith("-py3-none-any.whl")
    lines = [line for line in said.splitlines() if "C module" in line]
    assert len(lines) == 1
    assert "no C compiler" in lines[0]
