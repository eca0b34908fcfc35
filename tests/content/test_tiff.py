"""TIFF structure: what is written lies where RFC 3949, 3.5 wants it, and what is read is what lies there."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.content.errors import ConversionError
from conneg.content.tiff import (
    Field,
    FieldType,
    Tag,
    TiffContainer,
    TiffStructureError,
    read_structure,
    tag_name,
    writing,
)
from conneg.content.tiff.layout import layout_of, overlaps
from conneg.errors import BoundExceededError
from tests.fuzz import fuzz_tiff

FIELDS = [
    Field(Tag.PAGE_NUMBER, FieldType.SHORT, (0, 2)),
    Field(Tag.IMAGE_WIDTH, FieldType.LONG, (1728,)),
    Field(Tag.X_RESOLUTION, FieldType.RATIONAL, (Fraction(204),)),
    Field(Tag.Y_RESOLUTION, FieldType.RATIONAL, (Fraction(77, 2),)),
    Field(Tag.BITS_PER_SAMPLE, FieldType.SHORT, (8, 8, 8)),
    Field(Tag.FILL_ORDER, FieldType.SHORT, (2,)),
]


@pytest.fixture
def two_pages(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    container = TiffContainer(path)
    container.add_page(FIELDS, b"abc")
    container.add_page(FIELDS, b"defg")
    container.close()
    return path


def test_header_ifd_values_strip_in_that_order(two_pages: Path) -> None:
    octets = two_pages.read_bytes()
    assert octets[:8] == b"II*\0\x08\0\0\0"
    (count,) = struct.unpack_from("<H", octets, 8)
    assert count == len(FIELDS) + 2
    structure = read_structure(two_pages)
    first, second = structure.directories
    assert (structure.byte_order, structure.octets, first.offset) == ("II", len(octets), 8)
    place = first.end
    for entry in sorted((e for e in first.entries if not e.inline), key=lambda e: e.offset):
        assert entry.offset == place
        place += entry.octets + entry.octets % 2
    assert first.number(Tag.STRIP_OFFSETS, 0) == place
    assert octets[place : place + 3] == b"abc"
    assert second.offset == place + 4, "an even octet"
    assert octets[second.number(Tag.STRIP_OFFSETS, 0) :] == b"defg"
    assert (first.next_offset, second.next_offset) == (second.offset, 0)


def test_fields_are_in_ascending_order_with_their_values(two_pages: Path) -> None:
    page = read_structure(two_pages).directories[0]
    tags = [entry.tag for entry in page.entries]
    assert tags == sorted(tags)
    for field in FIELDS:
        entry = page.find(field.tag)
        assert entry is not None
        assert (entry.type, entry.count, entry.values) == (field.type, len(field.values), field.values)
    assert page.number(Tag.STRIP_BYTE_COUNTS, 0) == 3
    assert page.find(Tag.SOFTWARE) is None


def test_nothing_lies_over_anything(two_pages: Path) -> None:
    structure = read_structure(two_pages)
    assert overlaps(structure) == ()
    assert layout_of(structure).token == "TIFF-limited", (
        "three bits a sample are no field of profile S's size"
    )


def test_abort_leaves_no_file(tmp_path: Path) -> None:
    container = TiffContainer(tmp_path / "a.tif")
    container.add_page(FIELDS, b"abc")
    container.abort()
    assert not (tmp_path / "a.tif").exists()


def test_a_file_never_grows_beyond_its_offsets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_MOST_OCTETS", 300)
    container = TiffContainer(tmp_path / "a.tif")
    container.add_page(FIELDS, b"abc")
    with pytest.raises(ConversionError, match="4 GiB"):
        container.add_page(FIELDS, bytes(200))
    container.abort()


def test_big_endian_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    entry = struct.pack(">HHIHH", Tag.IMAGE_WIDTH, FieldType.SHORT, 1, 1728, 0)
    path.write_bytes(struct.pack(">2sHI", b"MM", 42, 8) + struct.pack(">H", 1) + entry + bytes(4))
    structure = read_structure(path)
    assert structure.byte_order == "MM"
    assert structure.directories[0].number(Tag.IMAGE_WIDTH, 0) == 1728


def damaged(two_pages: Path, change: Callable[[bytearray], None]) -> Path:
    octets = bytearray(two_pages.read_bytes())
    change(octets)
    two_pages.write_bytes(octets)
    return two_pages


def set_u32(place: int, value: int) -> Callable[[bytearray], None]:
    def change(octets: bytearray) -> None:
        octets[place : place + 4] = struct.pack("<I", value)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda octets: octets.__setitem__(slice(0, 2), b"XX"), "neither II nor MM"),
        (lambda octets: octets.__setitem__(slice(2, 3), b"\x2b"), "are 43, not 42"),
        (set_u32(4, 0), "no IFD"),
        (set_u32(4, 1 << 30), "outside the file"),
        (lambda octets: octets.__setitem__(slice(8, 10), b"\0\0"), "has no field"),
        (lambda octets: octets.__setitem__(slice(40, None), b""), "outside the file"),
    ],
)
def test_damage_is_one_clear_line(two_pages: Path, change: Callable[[bytearray], None], message: str) -> None:
    with pytest.raises(TiffStructureError, match=message) as caught:
        read_structure(damaged(two_pages, change))
    assert "\n" not in str(caught.value)


def test_a_chain_that_leads_back_is_not_followed_for_ever(two_pages: Path) -> None:
    second = read_structure(two_pages).directories[1]
    with pytest.raises(TiffStructureError, match="leads back to octet 8"):
        read_structure(damaged(two_pages, set_u32(second.end - 4, 8)))


def test_counts_are_bounded(two_pages: Path) -> None:
    with pytest.raises(BoundExceededError, match=r"content.tiff-entries"):
        read_structure(damaged(two_pages, lambda octets: octets.__setitem__(slice(8, 10), b"\xff\xff")))


def test_values_are_bounded(two_pages: Path) -> None:
    page = read_structure(two_pages).directories[0]
    place = page.offset + 2 + 12 * [entry.tag for entry in page.entries].index(Tag.X_RESOLUTION)
    with pytest.raises(BoundExceededError, match=r"content.tiff-values"):
        read_structure(damaged(two_pages, set_u32(place + 4, 1 << 31)))


def test_names_are_those_of_the_rfc() -> None:
    named = {
        254: "NewSubFileType",
        262: "PhotometricInterpretation",
        282: "XResolution",
        292: "T4Options",
        400: "GlobalParametersIFD",
        530: "ChromaSubSampling",
        65000: "field 65000",
    }
    assert {tag: tag_name(tag) for tag in named} == named


@given(st.lists(st.tuples(st.integers(1, 40), st.binary(min_size=1, max_size=9)), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_whatever_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, pages: list[tuple[int, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("tiff") / "a.tif"
    container = TiffContainer(path)
    for width, strip in pages:
        container.add_page([Field(Tag.IMAGE_WIDTH, FieldType.LONG, (width,)), *FIELDS[2:]], strip)
    container.close()
    structure = read_structure(path)
    octets = path.read_bytes()
    found = [
        (
            page.number(Tag.IMAGE_WIDTH, 0),
            octets[page.number(Tag.STRIP_OFFSETS, 0) :][: page.number(Tag.STRIP_BYTE_COUNTS, 0)],
        )
        for page in structure.directories
    ]
    assert found == pages
    assert overlaps(structure) == ()


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    fuzz_tiff.fuzz_one(data)
    fuzz_tiff.fuzz_one(b"II*\0\x08\0\0\0" + data)
