"""Conformance: files as they should be pass, and every single broken rule is named."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content.codings import Coding, StripForm, encode, reversed_bits
from conneg.content.conformance import verify_file
from conneg.content.halftone import bilevel
from conneg.content.tiff import Field, FieldType, Tag, TiffContainer, read_structure
from conneg.content.tiff_features import features_of_tiff
from conneg.content.writers import open_writer
from conneg.features import FeatureSet, feature_set
from tests.content import pages, samples

SIMPLE = feature_set(
    "(& (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary) (image-coding=MH)"
    " (| (& (dpi=204) (dpi-xyratio=[204/98,204/196])) (& (dpi=200) (dpi-xyratio=[200/100,1])))"
    " (size-x<=2150/254) (paper-size=A4) (ua-media=stationery))"
)
"""A receiver of profile S (RFC 2879, 4.1)."""
ANY_TIFF = feature_set("(& (image-file-structure=TIFF) (MRC-mode=0))")
EVERYTHING = FeatureSet.everything()

Change = Callable[[bytearray, "File"], None]


class File:
    """A valid file of two pages, and where its fields are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pages = read_structure(path).directories

    def entry(self, tag: int, page: int = 0) -> int:
        """Return the place of a field's entry in the IFD."""
        ifd = self.pages[page]
        return ifd.offset + 2 + 12 * [entry.tag for entry in ifd.entries].index(tag)

    def value(self, tag: int, page: int = 0) -> int:
        """Return the place of a field's value."""
        entry = self.pages[page].find(tag)
        assert entry is not None
        return entry.offset


@pytest.fixture
def fax(tmp_path: Path) -> File:
    writer = open_writer(pages.fax_target(), tmp_path, "fax", 2)
    for _ in range(2):
        writer.add(pages.raster(pages.text(1728, 200)))
    (made,) = writer.finish()
    return File(made.path)


@pytest.fixture
def mmr(tmp_path: Path) -> File:
    writer = open_writer(pages.fax_target("MMR"), tmp_path, "mmr", 1)
    writer.add(pages.raster(pages.text(1728, 200)))
    return File(writer.finish()[0].path)


@pytest.fixture
def colour(tmp_path: Path) -> File:
    writer = open_writer(pages.colour_target(), tmp_path, "colour", 1)
    writer.add(pages.raster(pages.colourful(1728, 100), 200, 200))
    return File(writer.finish()[0].path)


def put(place: int, form: str, *values: int) -> Callable[[bytearray], None]:
    def change(octets: bytearray) -> None:
        struct.pack_into("<" + form, octets, place, *values)

    return change


def set_value(tag: int, form: str, *values: int, page: int = 0) -> Change:
    return lambda octets, file: put(file.value(tag, page), form, *values)(octets)


def set_tag(tag: int, number: int, page: int = 0) -> Change:
    return lambda octets, file: put(file.entry(tag, page), "H", number)(octets)


def set_type(tag: int, kind: int) -> Change:
    return lambda octets, file: put(file.entry(tag) + 2, "H", kind)(octets)


def flip_strip(amount: float, mask: int) -> Change:
    def change(octets: bytearray, file: File) -> None:
        page = file.pages[0]
        offset, count = page.number(Tag.STRIP_OFFSETS, 0), page.number(Tag.STRIP_BYTE_COUNTS, 0)
        octets[offset + int(amount * (count - 1))] ^= mask

    return change


def problems(file: File, change: Change, accepted: FeatureSet, media_type: str = "image/tiff") -> str:
    octets = bytearray(file.path.read_bytes())
    change(octets, file)
    file.path.write_bytes(octets)
    return "\n".join(verify_file(file.path, media_type, accepted))


def test_what_we_write_conforms(fax: File, mmr: File, colour: File) -> None:
    assert verify_file(fax.path, "image/tiff", SIMPLE) == ()
    assert verify_file(mmr.path, "image/tiff", ANY_TIFF) == ()
    assert verify_file(colour.path, "image/tiff-fx", ANY_TIFF) == ()


BROKEN_FIELDS: list[tuple[str, Change, str]] = [
    ("subfile type", set_value(254, "I", 0), "NewSubFileType is 0, not 2"),
    ("width", set_value(256, "I", 1729), "ImageWidth 1729 does not go with"),
    ("length", set_value(257, "I", 201), "strips of 200 lines are no page of 201"),
    ("no length", set_value(257, "I", 0), "ImageLength is 0"),
    ("bits", set_value(258, "H", 8), "BitsPerSample is 8, not 1"),
    ("compression", set_value(259, "H", 5), "Compression 5 belongs to no profile"),
    ("compression none", set_value(259, "H", 1), "Compression 1 belongs to no profile"),
    ("jbig", set_value(259, "H", 9), "the JBIG data has no header"),
    ("profile L", set_value(259, "H", 10), "Compression 10 is JBIG by T.43"),
    ("photometric", set_value(262, "H", 2), "PhotometricInterpretation is 2, not 0 or 1"),
    ("black is 0", set_value(262, "H", 1), "PhotometricInterpretation is not 0"),
    ("fill order", set_value(266, "H", 3), "FillOrder is 3, not 1 or 2"),
    ("samples", set_value(277, "H", 3), "SamplesPerPixel is 3, not 1"),
    ("rows", set_value(278, "I", 100), "1 strips of 100 lines are no page of 200"),
    ("no rows", set_value(278, "I", 0), "1 strips of 0 lines"),
    ("count", set_value(279, "I", 10**6), "lies outside the file"),
    ("no count", set_value(279, "I", 0), "a strip of 0 octets"),
    ("offset", set_value(273, "I", 10**6), "lies outside the file"),
    ("resolution x", set_value(282, "II", 203, 1), "a resolution of 203 by 196 an inch is none"),
    ("resolution y", set_value(283, "II", 0, 1), "a resolution of 204 by 0 an inch is none"),
    ("resolution undefined", set_value(283, "II", 196, 0), "a resolution of 204 by 0 an inch is none"),
    ("pair", set_value(283, "II", 200, 1), "a resolution of 204 by 200 an inch is none"),
    ("unit", set_value(296, "H", 1), "ResolutionUnit is 1, not 2 or 3"),
    ("metric", set_value(296, "H", 3), "a resolution of 204 by 196 a cm is none"),
    ("options", set_value(292, "I", 2), "T4Options is 2, not 0 or 1 or 4 or 5"),
    ("options MR", set_value(292, "I", 1), "line 1"),
    ("options aligned", set_value(292, "I", 4), "does not end on an octet"),
    ("page", set_value(297, "HH", 1, 2), "PageNumber says 1, not 0"),
    ("total", set_value(297, "HH", 0, 3), "PageNumber says 3 pages, there are 2"),
    ("second page", set_value(297, "HH", 0, 2, page=1), "page 2: PageNumber says 0, not 1"),
    ("type of width", set_type(256, FieldType.RATIONAL), "ImageWidth has type RATIONAL, not SHORT or LONG"),
    ("type of options", set_type(292, FieldType.SHORT), "T4Options has type SHORT, not LONG"),
    ("type of subfile", set_type(254, FieldType.SHORT), "NewSubFileType has type SHORT, not LONG"),
    (
        "type of resolution",
        set_type(282, FieldType.SRATIONAL),
        "XResolution has type SRATIONAL, not RATIONAL",
    ),
    ("unknown type", set_type(266, 77), "FillOrder has an unknown type"),
    ("count of values", lambda o, f: put(f.entry(266) + 4, "I", 2)(o), "FillOrder has 2 values, not 1"),
    ("order", set_tag(256, 300), "not in ascending order"),
    ("twice", set_tag(257, 256), "ImageWidth is there twice"),
    *[
        (f"without {tag.name}", set_tag(tag, tag + 1 if tag != 282 else 281), f"{name} is missing")
        for tag, name in [
            (Tag.NEW_SUBFILE_TYPE, "NewSubFileType"),
            (Tag.COMPRESSION, "Compression"),
            (Tag.PHOTOMETRIC_INTERPRETATION, "PhotometricInterpretation"),
            (Tag.STRIP_OFFSETS, "StripOffsets"),
            (Tag.STRIP_BYTE_COUNTS, "StripByteCounts"),
            (Tag.X_RESOLUTION, "XResolution"),
            (Tag.T4_OPTIONS, "T4Options"),
            (Tag.PAGE_NUMBER, "PageNumber"),
        ]
    ],
    ("other bit order", set_value(266, "H", 1), "line 1"),
    ("a bit of an EOL", flip_strip(0.0, 0x01), "line 1"),
    ("an octet", flip_strip(0.5, 0xFF), "line "),
    ("the magic", lambda o, f: put(2, "H", 43)(o), "octets are 43, not 42"),
    ("the byte order", lambda o, f: put(0, "H", 0x4D4D)(o), "no TIFF file"),
    ("the chain", lambda o, f: put(f.pages[1].end - 4, "I", 8)(o), "leads back"),
    (
        "one page lost",
        lambda o, f: put(f.pages[0].end - 4, "I", 0)(o),
        "PageNumber says 2 pages, there are 1",
    ),
    (
        "a shared strip",
        lambda o, f: put(f.value(273, 1), "I", f.pages[0].number(Tag.STRIP_OFFSETS, 0))(o),
        "lies over a strip of page",
    ),
    ("cut off", lambda o, f: o.__delitem__(slice(-40, None)), "lies outside the file"),
]


@pytest.mark.parametrize(
    ("change", "said"), [row[1:] for row in BROKEN_FIELDS], ids=[r[0] for r in BROKEN_FIELDS]
)
def test_each_broken_rule_of_profile_s_is_reported(fax: File, change: Change, said: str) -> None:
    found = problems(fax, change, SIMPLE)
    assert said in found


BROKEN_MMR: list[tuple[str, Change, str]] = [
    ("options", set_value(293, "I", 2), "T6Options is 2, not 0"),
    ("without options", set_tag(293, 294), "T6Options is missing"),
    ("EOFB", flip_strip(1.0, 0x08), "EOFB"),
    ("an octet", flip_strip(0.4, 0xFF), "line "),
    ("as MH", set_value(259, "H", 3), "T4Options is missing"),
]


@pytest.mark.parametrize(
    ("change", "said"), [row[1:] for row in BROKEN_MMR], ids=[row[0] for row in BROKEN_MMR]
)
def test_each_broken_rule_of_mmr_is_reported(mmr: File, change: Change, said: str) -> None:
    assert said in problems(mmr, change, ANY_TIFF)


def jpeg_octet(find: bytes, at: int, octet: int) -> Change:
    def change(octets: bytearray, file: File) -> None:
        octets[octets.index(find) + at] = octet

    return change


BROKEN_COLOUR: list[tuple[str, Change, str]] = [
    ("bits", set_value(258, "HHH", 8, 8, 12), "BitsPerSample is not 8, 8, 8"),
    ("photometric", set_value(262, "H", 8), "PhotometricInterpretation is 8, not 10"),
    ("samples", set_value(277, "H", 1), "BitsPerSample is not 8"),
    ("unit", set_value(296, "H", 3), "ResolutionUnit is 3, not 2"),
    ("not square", set_value(283, "II", 100, 1), "a resolution of 200 by 100 an inch is none"),
    ("resolution", set_value(282, "II", 204, 1), "a resolution of 204 by 200 an inch is none"),
    ("width", set_value(256, "I", 1700), "ImageWidth 1700 does not go with"),
    ("subsampling", set_value(530, "HH", 2, 1), "ChromaSubSampling is neither"),
    ("other subsampling", set_value(530, "HH", 1, 1), "not subsampled as ChromaSubSampling says"),
    ("positioning", set_value(531, "H", 2), "ChromaPositioning is 2, not 1"),
    (
        "length",
        lambda o, f: (put(f.value(257), "I", 99)(o), put(f.value(278), "I", 99)(o), None)[2],
        "the fields say",
    ),
    ("no G3FAX", jpeg_octet(b"G3FAX\0", 0, ord("X")), "does not begin with the marker G3FAX"),
    ("progressive", jpeg_octet(b"\xff\xc0\x00\x11", 1, 0xC2), "not baseline"),
    ("samples of 12 bits", jpeg_octet(b"\xff\xc0\x00\x11", 4, 12), "samples of 12 bits"),
    ("no image", jpeg_octet(b"\xff\xd8\xff\xe1", 0, 0), "damaged"),
    ("end", lambda o, f: put(len(o) - 2, "H", 0)(o), "has no end"),
]


@pytest.mark.parametrize(
    ("change", "said"), [row[1:] for row in BROKEN_COLOUR], ids=[row[0] for row in BROKEN_COLOUR]
)
def test_each_broken_rule_of_profile_c_is_reported(colour: File, change: Change, said: str) -> None:
    assert said in problems(colour, change, ANY_TIFF, "image/tiff-fx")


def test_colour_is_no_image_tiff(colour: File) -> None:
    """RFC 3950, 3."""
    assert "image/tiff-fx, not image/tiff" in "\n".join(verify_file(colour.path, "image/tiff", EVERYTHING))


def test_a_jfif_header_is_reported(tmp_path: Path) -> None:
    import io

    out = io.BytesIO()
    Image.new("YCbCr", (864, 16)).save(out, "JPEG", subsampling=2)
    file = container(tmp_path, out.getvalue(), colour=True)
    found = "\n".join(verify_file(file, "image/tiff-fx", EVERYTHING))
    assert "JFIF" in found
    assert "G3FAX" in found


def container(tmp_path: Path, strip: bytes, *, colour: bool = False, more: tuple[Field, ...] = ()) -> Path:
    """A file of profile F or C, one page, 864 or 1728 pixels by 16 lines."""
    short, long, rational = FieldType.SHORT, FieldType.LONG, FieldType.RATIONAL
    bits = (8, 8, 8) if colour else (1,)
    file = TiffContainer(tmp_path / "x.tif")
    file.add_page(
        [
            Field(254, long, (2,)),
            Field(256, long, (864 if colour else 1728,)),
            Field(257, long, (16,)),
            Field(258, short, bits),
            Field(259, short, (7 if colour else 3,)),
            Field(262, short, (10 if colour else 0,)),
            Field(266, short, (2,)),
            Field(277, short, (len(bits),)),
            Field(278, long, (16,)),
            Field(282, rational, (100 if colour else 204,)),
            Field(283, rational, (100 if colour else 196,)),
            Field(296, short, (2,)),
            Field(297, short, (0, 1)),
            *([] if colour else [Field(292, long, (0,))]),
            *more,
        ],
        strip,
    )
    file.close()
    return file.path


def mh_strip() -> bytes:
    packed = bilevel(pages.text(1728, 160)[60:76])
    return reversed_bits(encode(packed, StripForm(1728, 16, Coding.MH)))


def test_fields_that_profile_s_does_not_have_make_a_file_no_tiff_minimal(tmp_path: Path) -> None:
    assert verify_file(container(tmp_path, mh_strip()), "image/tiff", SIMPLE) == ()
    orientation = Field(Tag.ORIENTATION, FieldType.SHORT, (1,))
    path = container(tmp_path, mh_strip(), more=(orientation,))
    assert "Orientation is no field of profile S" in "\n".join(verify_file(path, "image/tiff", SIMPLE))
    assert verify_file(path, "image/tiff", ANY_TIFF) == ()


def test_an_ifd_behind_its_data_is_no_tiff_minimal_and_the_reason_is_said(mmr: File) -> None:
    """RFC 3949, 3.5 (3): the IFD at the end of the file, where libtiff's own writers put it."""
    page = mmr.pages[0]
    octets = bytearray(mmr.path.read_bytes())
    octets += bytes(len(octets) % 2)
    put(4, "I", len(octets))(octets)
    octets += octets[page.offset : page.end]
    mmr.path.write_bytes(octets)
    assert verify_file(mmr.path, "image/tiff", ANY_TIFF) == ()
    minimal = feature_set("(image-file-structure=TIFF-minimal)")
    found = "\n".join(verify_file(mmr.path, "image/tiff", minimal))
    assert "its image data does not follow its IFD" in found
    assert "not 8 (RFC 3949, 3.5)" in found
    limited = feature_set("(image-file-structure=TIFF-limited)")
    assert "its image data does not follow its IFD" in "\n".join(verify_file(mmr.path, "image/tiff", limited))


def test_moving_the_first_ifd_is_reported(fax: File) -> None:
    """The same file with two octets between header and IFD: every offset grows by two."""
    octets = bytearray(fax.path.read_bytes())
    for number, page in enumerate(fax.pages):
        for tag in (Tag.STRIP_OFFSETS,):
            put(fax.value(tag, number), "I", page.number(tag, 0) + 2)(octets)
        for tag in (Tag.X_RESOLUTION, Tag.Y_RESOLUTION):
            entry = page.find(tag)
            assert entry is not None
            put(fax.entry(tag, number) + 8, "I", entry.offset + 2)(octets)
        if page.next_offset:
            put(page.end - 4, "I", page.next_offset + 2)(octets)
    put(4, "I", 10)(octets)
    octets[8:8] = b"\0\0"
    fax.path.write_bytes(octets)
    found = verify_file(fax.path, "image/tiff", SIMPLE)
    assert any("the first IFD is at octet 10, not 8" in line for line in found)
    assert verify_file(fax.path, "image/tiff", ANY_TIFF) == ()


def test_what_a_receiver_does_not_take_is_explained(fax: File) -> None:
    coarse = feature_set("(& (image-file-structure=TIFF) (dpi=204) (dpi-xyratio=204/98))")
    found = "\n".join(verify_file(fax.path, "image/tiff", coarse))
    assert "page 1" in found
    assert "dpi-xyratio" in found


def test_a_page_counts_as_every_paper_that_it_fits_on(fax: File) -> None:
    for paper in ("A4", "letter", "legal"):
        accepted = feature_set(f"(& (image-file-structure=TIFF-minimal) (paper-size={paper}))")
        assert verify_file(fax.path, "image/tiff", accepted) == ()
    accepted = feature_set("(& (image-file-structure=TIFF-minimal) (paper-size=A3))")
    assert "paper-size" in "\n".join(verify_file(fax.path, "image/tiff", accepted))


def test_features_of_a_tiff_are_those_of_section_6(fax: File) -> None:
    expected = feature_set(
        '(& (type="image/tiff") (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary) (image-coding=MH)'
        " (dpi=204) (dpi-xyratio=204/196) (size-x=2150/254) (size-y=200/196) (paper-size=[A4,letter,legal])"
        " (pix-x=1728) (pix-y=200))"
    )
    assert features_of_tiff(fax.path, "image/tiff").equivalent(expected)


def test_a_page_of_millions_of_lines_is_not_decoded(tmp_path: Path) -> None:
    path = container(tmp_path, mh_strip())
    file = File(path)
    octets = bytearray(path.read_bytes())
    put(file.value(257), "I", 50_000_000)(octets)
    put(file.value(278), "I", 50_000_000)(octets)
    path.write_bytes(octets)
    assert "pixels, more than" in "\n".join(verify_file(path, "image/tiff", EVERYTHING))


def test_files_of_another_type_are_told_apart(tmp_path: Path, fax: File) -> None:
    assert verify_file(fax.path, "image/png", EVERYTHING) == ("the file is image/tiff, not image/png",)
    path = tmp_path / "a.png"
    samples.photo(40, 30).save(path)
    assert verify_file(path, "image/jpeg", EVERYTHING) == ("the file is image/png, not image/jpeg",)


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
def test_images_are_decoded_and_held_against_what_is_accepted(tmp_path: Path, media_type: str) -> None:
    path = tmp_path / f"a.{media_type[6:]}"
    samples.photo(400, 300).save(path, dpi=(96, 96))
    full = feature_set(f'(& (type="{media_type}") (pix-x<=400) (pix-y<=300) (color=Full))')
    assert verify_file(path, media_type, full) == ()
    for narrow, tag in [("(pix-x<=399)", "pix-x"), ("(pix-y<=299)", "pix-y"), ("(color=Grey)", "color")]:
        accepted = feature_set(f'(& (type="{media_type}") {narrow})')
        assert tag in "\n".join(verify_file(path, media_type, accepted))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cannot be decoded" in "\n".join(verify_file(path, media_type, full))


def test_an_image_for_a_page_device_is_refused(tmp_path: Path) -> None:
    """A receiver of TIFF that states no type does not take a PNG by silence."""
    path = tmp_path / "a.png"
    samples.photo(40, 30).save(path)
    assert "image-file-structure" in "\n".join(verify_file(path, "image/png", ANY_TIFF))


def test_a_palette_counts_as_colour_or_as_grey(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16) // 64).convert("P")
    image.putpalette([0, 0, 0, 90, 90, 90, 180, 180, 180, 255, 255, 255])
    image.save(path)
    for token in ("Grey", "Full", "Mapped"):
        assert verify_file(path, "image/png", feature_set(f"(color={token})")) == (), token
    assert verify_file(path, "image/png", feature_set("(color=Binary)")) != ()


def test_pdf_and_text_are_looked_at(tmp_path: Path) -> None:
    pdf = samples.save(tmp_path / "a.pdf", samples.pdf([samples.TEXT_PAGE]))
    assert verify_file(pdf, "application/pdf", feature_set('(type="application/pdf")')) == ()
    assert "type" in "\n".join(verify_file(pdf, "application/pdf", feature_set('(type="image/png")')))
    locked = samples.save(tmp_path / "b.pdf", samples.encrypted_pdf())
    assert verify_file(locked, "application/pdf", EVERYTHING) != ()
    text = samples.save(tmp_path / "a.txt", b"caf\xc3\xa9\r\n")
    assert verify_file(text, "text/plain", feature_set('(type="text/plain")')) == ()
    latin = samples.save(tmp_path / "b.txt", b"caf\xe9\r\n")
    assert "not UTF-8" in "\n".join(verify_file(latin, "text/plain", EVERYTHING))
