"""Profile J: written to the tag, judged by JBIG-KIT and libtiff, recompressed without loss; profile L is refused."""

import importlib
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content import jbig
from conneg.content.codings import reversed_bits
from conneg.content.conformance import verify_file
from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.halftone import bilevel, pack, unpack
from conneg.content.inspection import Inspection
from conneg.content.offer import document_offer, offer
from conneg.content.page import Frame, PageGeometry, Pixels
from conneg.content.paper import A4
from conneg.content.readers import open_document
from conneg.content.source import ReadLimits
from conneg.content.tiff import FieldType, Tag, read_structure
from conneg.content.tiff.layout import layout_of
from conneg.content.tiff_features import features_of_tiff
from conneg.content.writers import open_writer
from conneg.features import FeatureCollection, collection, feature_set
from tests.content import pages, samples
from tests.system import lacking, require

LIMITS = ReadLimits(pages=20, pixels=30_000_000)
ANY_TIFF = feature_set("(& (image-file-structure=TIFF) (MRC-mode=0))")
K_2 = feature_set(
    "(& (image-file-structure=TIFF) (MRC-mode=0) (color=Binary)"
    " (| (& (dpi=204) (dpi-xyratio=[204/98,204/196])) (& (dpi=200) (dpi-xyratio=[200/100,1])))"
    " (| (image-coding=[MH,MR,MMR]) (& (image-coding=JBIG) (image-coding-constraint=JBIG-T85) (JBIG-stripe-size=128)))"
    " (size-x<=2150/254) (paper-size=[letter,A4,B4]) (ua-media=stationery))"
)
"""A high-end receiver in black and white: RFC 2879, 4.2."""


@pytest.fixture(autouse=True)
def library() -> None:
    if not jbig.is_available():
        lacking("needs the JBIG library: apt-get install libjbig0")


def target(
    dpi_x: int = 204, dpi_y: int = 196, stripe_lines: int = 128, media_type: str = "image/tiff-fx"
) -> FeatureCollection:
    return collection(
        f'(& (type="{media_type}") (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary)'
        f" (image-coding=JBIG) (image-coding-constraint=JBIG-T85) (JBIG-stripe-size={stripe_lines})"
        f" (dpi={dpi_x}) (dpi-xyratio={dpi_x}/{dpi_y}) (size-x=2150/254) (paper-size=A4))"
    )


def write(
    tmp_path: Path, wanted: FeatureCollection, *drawn: Pixels, dpi: tuple[int, int] = (204, 196)
) -> Path:
    writer = open_writer(wanted, tmp_path, "fax", len(drawn))
    for pixels in drawn:
        writer.add(pages.raster(pixels, *dpi))
    return writer.finish()[0].path


def read(path: Path, index: int = 0, dpi: tuple[int, int] = (204, 196)) -> Pixels:
    frame = Frame(1728, None, Fraction(dpi[0]), Fraction(dpi[1]), colour=False, turn=True)
    with open_document(samples.source(path), LIMITS) as document:
        return document.pages[index].render(frame).pixels


def strip_of(path: Path, index: int = 0) -> bytes:
    page = read_structure(path).directories[index]
    offset, count = page.number(Tag.STRIP_OFFSETS, 0), page.number(Tag.STRIP_BYTE_COUNTS, 0)
    strip = path.read_bytes()[offset : offset + count]
    return reversed_bits(strip) if page.number(Tag.FILL_ORDER, 1) == 2 else strip


def in_black_and_white(pixels: Pixels) -> Pixels:
    return np.where(pixels > 127, 255, 0).astype(np.uint8)


def put(path: Path, tag: int, value: int, form: str = "H", index: int = 0) -> None:
    entry = read_structure(path).directories[index].find(tag)
    assert entry is not None
    octets = bytearray(path.read_bytes())
    struct.pack_into("<" + form, octets, entry.offset, value)
    path.write_bytes(octets)


def test_profile_j_has_exactly_its_fields(tmp_path: Path) -> None:
    """RFC 3949, 5.2: those of profile S, Compression 9, T82Options 0 instead of T4Options."""
    path = write(tmp_path, target(), pages.text(), pages.text())
    assert path.suffix == ".tfx"
    for number, page in enumerate(read_structure(path).directories):
        found = {entry.tag: (entry.type, entry.values) for entry in page.entries}
        assert sorted(found) == [
            *(254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 282, 283, 296, 297, 435),
        ]
        assert found[259] == (FieldType.SHORT, (9,))
        assert found[262] == (FieldType.SHORT, (0,))
        assert found[266] == (FieldType.SHORT, (2,))
        assert found[297] == (FieldType.SHORT, (number, 2))
        assert found[435] == (FieldType.LONG, (0,))
    assert layout_of(read_structure(path)).token == "TIFF-minimal"


@pytest.mark.parametrize("resolution", [(204, 98), (204, 196), (200, 100), (200, 200), (204, 391)])
def test_every_resolution_conforms_and_a_receiver_takes_it(
    tmp_path: Path, resolution: tuple[int, int]
) -> None:
    wanted = target(*resolution)
    path = write(tmp_path, wanted, pages.text(), pages.photo(1728, 160), dpi=resolution)
    assert verify_file(path, "image/tiff-fx", wanted.as_feature_set()) == ()
    if resolution != (204, 391):
        assert verify_file(path, "image/tiff-fx", K_2) == ()
    assert features_of_tiff(path, "image/tiff-fx").accepts(wanted)


@pytest.mark.judged("profile J, written", "jbgtopbm85")
@pytest.mark.parametrize("stripe_lines", [2, 128, 500, 4000])
def test_the_strip_is_what_jbigkit_decodes_to_the_page(tmp_path: Path, stripe_lines: int) -> None:
    program = require("jbgtopbm85", "jbigkit-bin")
    page = pages.text(1728, 400)
    path = write(tmp_path, target(stripe_lines=stripe_lines), page)
    (tmp_path / "a.jbg").write_bytes(strip_of(path))
    subprocess.run([program, tmp_path / "a.jbg", tmp_path / "a.pbm"], check=True, capture_output=True)
    with Image.open(tmp_path / "a.pbm") as shown:
        white = np.asarray(shown)
    assert (white == unpack(bilevel(page, 204, 196), 1728)).all()
    assert f"(JBIG-stripe-size={stripe_lines})" in str(features_of_tiff(path, None))
    other = feature_set(f"(JBIG-stripe-size={stripe_lines + 1})")
    assert "JBIG-stripe-size" in "\n".join(verify_file(path, "image/tiff-fx", other))


@pytest.mark.judged("profile J, written", "tiffcp")
def test_libtiff_decodes_the_same_pixels(tmp_path: Path) -> None:
    """libtiff knows JBIG under a number of its own, 34661, and takes FillOrder the other way round there."""
    require("tiffcp", "libtiff-tools")
    page = pages.text(1728, 400)
    path = write(tmp_path, target(), page)
    put(path, Tag.COMPRESSION, 34661)
    put(path, Tag.FILL_ORDER, 1)
    assert (read(path) == np.where(unpack(bilevel(page, 204, 196), 1728), 255, 0)).all()
    plain = tmp_path / "plain.tif"
    run = subprocess.run(["tiffcp", "-c", "none", path, plain], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    with Image.open(plain) as shown:
        assert (np.asarray(shown) == unpack(bilevel(page, 204, 196), 1728)).all()


@pytest.mark.judged("profile J, read", "pbmtojbg85")
@pytest.mark.judged("profile J, read", "pbmtojbg")
@pytest.mark.parametrize("compression", [9, 34661])
@pytest.mark.parametrize("options", [(), ("-o", "3", "-p", "28")], ids=["T.85", "T.82"])
def test_what_jbigkit_writes_is_read(tmp_path: Path, compression: int, options: tuple[str, ...]) -> None:
    """JBIG-KIT's data, under T.85's number and under that of libtiff, which writes T.82 of one layer."""
    program = (
        [require("pbmtojbg", "jbigkit-bin"), "-q", *options]
        if options
        else [require("pbmtojbg85", "jbigkit-bin")]
    )
    page = in_black_and_white(pages.text(1728, 100))
    (tmp_path / "a.pbm").write_bytes(b"P4\n1728 100\n" + pack(page > 127).tobytes())
    subprocess.run([*program, tmp_path / "a.pbm", tmp_path / "a.jbg"], check=True, capture_output=True)
    path = tmp_path / "a.tif"
    path.write_bytes(big_endian_tiff([(tmp_path / "a.jbg").read_bytes()], 1728, 100, compression))
    assert (read(path) == page).all()


def test_pages_are_read_in_either_order_of_bits_and_either_sense(tmp_path: Path) -> None:
    page = in_black_and_white(pages.text(1728, 300))
    path = write(tmp_path, target(), page, in_black_and_white(pages.text(1728, 200, shade=0)[::-1]))
    assert (read(path) == page).all()
    assert read(path, 1).shape == (200, 1728)
    ifd = read_structure(path).directories[0]
    octets = bytearray(path.read_bytes())
    start = ifd.number(Tag.STRIP_OFFSETS, 0)
    octets[start : start + len(strip_of(path))] = strip_of(path)
    path.write_bytes(octets)
    put(path, Tag.FILL_ORDER, 1)
    assert (read(path) == page).all()
    assert verify_file(path, "image/tiff-fx", feature_set("(image-file-structure=TIFF-limited)")) == ()
    put(path, Tag.PHOTOMETRIC_INTERPRETATION, 1)
    assert (read(path) == 255 - page).all()


def test_a_page_of_several_strips_is_read(tmp_path: Path) -> None:
    """A BIE for every hundred lines; big-endian, FillOrder 1."""
    page = in_black_and_white(pages.text(1728, 250))
    lines = pack(page > 127)
    strips = [
        jbig.encode(part.tobytes(), 1728, len(part)) for part in (lines[:100], lines[100:200], lines[200:])
    ]
    path = tmp_path / "strips.tif"
    path.write_bytes(big_endian_tiff(strips, 1728, 250))
    assert (read(path) == page).all()
    assert verify_file(path, "image/tiff-fx", ANY_TIFF) == ()
    assert layout_of(read_structure(path)).token == "TIFF"


def big_endian_tiff(strips: list[bytes], width: int, length: int, compression: int = 9) -> bytes:
    """Return a page of profile J in strips of a hundred lines, its data before its IFD."""
    out = bytearray(struct.pack(">2sHI", b"MM", 42, 0))
    offsets = []
    for strip in strips:
        offsets.append(len(out))
        out += strip
    out += bytes(len(out) % 2)
    counts_at = len(out)
    out += struct.pack(f">{len(strips)}I", *map(len, strips))
    offsets_at = len(out)
    out += struct.pack(f">{len(strips)}I", *offsets)
    if len(strips) == 1:
        counts_at, offsets_at = len(strips[0]), offsets[0]
    x_at, y_at = len(out), len(out) + 8
    out += struct.pack(">4I", 204, 1, 196, 1)
    struct.pack_into(">I", out, 4, len(out))
    fields = [
        (254, 4, 1, 2), (256, 4, 1, width), (257, 4, 1, length), (258, 3, 1, 1 << 16), (259, 3, 1, compression << 16),
        (262, 3, 1, 0), (273, 4, len(strips), offsets_at), (277, 3, 1, 1 << 16), (278, 4, 1, 100),
        (279, 4, len(strips), counts_at), (282, 5, 1, x_at), (283, 5, 1, y_at), (296, 3, 1, 2 << 16),
        (297, 3, 2, 1),
    ]  # fmt: skip
    out += (
        struct.pack(">H", len(fields)) + b"".join(struct.pack(">HHII", *field) for field in fields) + bytes(4)
    )
    return bytes(out)


def test_fax_codings_are_recompressed_without_loss(tmp_path: Path) -> None:
    """MH to MR to MMR to JBIG and back: the last file is the first one, octet for octet."""
    chain = [pages.fax_target(coding) for coding in ("MH", "MR", "MMR")]
    chain += [target(), *reversed(chain)]
    drawn = in_black_and_white(pages.text(1728, 700))
    noise = np.where(np.random.default_rng(3).random((300, 1728)) < 0.3, 0, 255).astype(np.uint8)
    files: list[Path] = []
    for number, wanted in enumerate(chain):
        folder = tmp_path / str(number)
        folder.mkdir()
        before = [drawn, noise] if not files else [read(files[-1], 0), read(files[-1], 1)]
        files.append(write(folder, wanted, *before))
    for path in files:
        assert (read(path, 0) == drawn).all()
        assert (read(path, 1) == read(files[0], 1)).all()
    assert files[0].read_bytes() == files[-1].read_bytes()
    assert files[1].read_bytes() == files[-2].read_bytes()
    assert files[2].read_bytes() == files[-3].read_bytes()


BROKEN: list[tuple[str, int, int, str, str]] = [
    ("bits", Tag.BITS_PER_SAMPLE, 8, "H", "BitsPerSample is 8, not 1"),
    ("samples", Tag.SAMPLES_PER_PIXEL, 3, "H", "SamplesPerPixel is 3, not 1"),
    ("photometric", Tag.PHOTOMETRIC_INTERPRETATION, 2, "H", "PhotometricInterpretation is 2, not 0 or 1"),
    ("fill order", Tag.FILL_ORDER, 3, "H", "FillOrder is 3, not 1 or 2"),
    ("bits the other way", Tag.FILL_ORDER, 1, "H", "the JBIG data"),
    ("unit", Tag.RESOLUTION_UNIT, 1, "H", "ResolutionUnit is 1, not 2 or 3"),
    ("options", Tag.T82_OPTIONS, 1, "I", "T82Options is 1, not 0"),
    ("width", Tag.IMAGE_WIDTH, 2048, "I", "1728 by 200 pixels, the fields say 2048 by 200"),
    ("no such width", Tag.IMAGE_WIDTH, 1720, "I", "ImageWidth 1720 does not go with"),
    ("length", Tag.IMAGE_LENGTH, 201, "I", "strips of 200 lines are no page of 201"),
    ("subfile", Tag.NEW_SUBFILE_TYPE, 0, "I", "NewSubFileType is 0, not 2"),
    ("page", Tag.PAGE_NUMBER, 3, "H", "PageNumber says 3, not 0"),
    ("strip length", Tag.STRIP_BYTE_COUNTS, 60, "I", "damaged or ends early"),
    ("profile L", Tag.COMPRESSION, 10, "H", "T.43"),
    ("MMR", Tag.COMPRESSION, 4, "H", "T6Options is missing"),
]


@pytest.mark.parametrize(
    ("tag", "value", "form", "message"), [case[1:] for case in BROKEN], ids=[c[0] for c in BROKEN]
)
def test_each_broken_rule_of_profile_j_is_reported(
    tmp_path: Path, tag: int, value: int, form: str, message: str
) -> None:
    path = write(tmp_path, target(), pages.text(1728, 200))
    assert verify_file(path, "image/tiff-fx", ANY_TIFF) == ()
    put(path, tag, value, form)
    assert message in "\n".join(verify_file(path, "image/tiff-fx", ANY_TIFF))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (1, 1, "resolution layer"),
        (2, 2, "planes"),
        (17, 1, "template"),
        (18, 3, "order"),
        (19, 0x10, "option"),
    ],
)
def test_data_that_is_not_t85_is_reported(tmp_path: Path, place: int, value: int, message: str) -> None:
    path = write(tmp_path, target(), pages.text(1728, 200))
    start = read_structure(path).directories[0].number(Tag.STRIP_OFFSETS, 0)
    octets = bytearray(path.read_bytes())
    octets[start + place] = reversed_bits(bytes([value]))[0]
    path.write_bytes(octets)
    assert message in "\n".join(verify_file(path, "image/tiff-fx", ANY_TIFF))


def test_octets_after_the_data_and_the_wrong_type_are_reported(tmp_path: Path) -> None:
    path = write(tmp_path, target(), pages.text(1728, 200))
    assert "image/tiff-fx, not image/tiff" in "\n".join(verify_file(path, "image/tiff", ANY_TIFF))
    put(path, Tag.STRIP_BYTE_COUNTS, len(strip_of(path)) + 7, "I")
    path.write_bytes(path.read_bytes() + bytes(7))
    assert verify_file(path, "image/tiff-fx", ANY_TIFF) == ("page 1: there are 7 octets after the JBIG data",)


def test_a_damaged_page_is_refused_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, target(), pages.text(1728, 200))
    put(path, Tag.STRIP_BYTE_COUNTS, 60, "I")
    with pytest.raises(
        ContentRefusedError, match=r"fax\.tfx: the JBIG data is damaged or ends early"
    ) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_profile_l_is_refused_by_name(tmp_path: Path) -> None:
    """Its coding, T.43, is in no source that can be cited here: it is recognised, never offered, refused."""
    path = write(tmp_path, target(), pages.text(1728, 200))
    put(path, Tag.COMPRESSION, 10)
    with pytest.raises(
        ContentRefusedError, match=r"fax\.tfx: profile L of TIFF-FX \(JBIG by T.43\) cannot be read"
    ):
        read(path)
    assert "image-coding-constraint=JBIG-T43" in str(features_of_tiff(path))
    wanted = collection(
        '(& (type="image/tiff-fx") (image-coding=JBIG) (image-coding-constraint=JBIG-T43) (color=Grey) (dpi=200))'
    )
    with pytest.raises(ConversionError, match="profile L"):
        open_writer(wanted, tmp_path, "l", 1)


BROCHURE = PageGeometry(A4.width_inches, A4.length_inches, None, None, None, "Full", "vector")


def test_jbig_is_offered_where_the_library_is_and_never_t43(monkeypatch: pytest.MonkeyPatch) -> None:
    document = Inspection("application/pdf", "application/pdf", (BROCHURE,), "", lossless=True, problem=None)
    accepted = feature_set(f"{target().as_feature_set()}")
    for offered in (offer(document), document_offer([document])):
        assert not (offered & accepted).is_empty
        assert not (offered & K_2).is_empty
        t43 = feature_set('(& (type="image/tiff-fx") (image-coding-constraint=JBIG-T43) (image-coding=JBIG))')
        assert (offered & t43).is_empty
    monkeypatch.setattr(importlib.import_module("conneg.content.offer"), "can_code_jbig", lambda: False)
    assert (offer(document) & accepted).is_empty


def test_a_page_in_jbig_is_smaller_than_in_mmr(tmp_path: Path) -> None:
    page = pages.text(1728, 900)
    packed = pack(page > 127)
    mmr = write(tmp_path, pages.fax_target("MMR"), page).stat().st_size
    assert len(jbig.encode(packed.tobytes(), 1728, 900)) < mmr
