"""TIFF-FX files: tag by tag what RFC 3949 wants, and readable by libtiff's own tools without a word of complaint."""

import io
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from conneg.content import colour
from conneg.content.codings import reversed_bits
from conneg.content.conformance import verify_file
from conneg.content.errors import ConversionError
from conneg.content.halftone import bilevel, unpack
from conneg.content.page import Raster
from conneg.content.rendition import RenditionFile
from conneg.content.tiff import Directory, FieldType, Tag, read_structure
from conneg.content.tiff.layout import layout_of
from conneg.content.writers import open_writer
from conneg.features import FeatureCollection, collection, feature_set, widen
from tests.content import pages, programs
from tests.system import require

K_1 = (
    "(& (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary) (image-coding=MH) (MRC-mode=0)"
    " (| (& (dpi=204) (dpi-xyratio=[204/98,204/196]) ) (& (dpi=200) (dpi-xyratio=[200/100,1]) ) )"
    " (size-x<=2150/254) (paper-size=A4) (ua-media=stationery) )"
)
"""A simple mode receiver: RFC 2879, 4.1."""
BILEVEL = [(204, 98), (204, 196), (200, 100), (200, 200), (204, 391), (300, 300), (400, 400), (408, 391)]
WIDTHS = {200: 1728, 204: 1728, 300: 2592, 400: 3456, 408: 3456}


def write(tmp_path: Path, target: FeatureCollection, *rasters: Raster) -> RenditionFile:
    writer = open_writer(target, tmp_path, "fax", len(rasters))
    for raster in rasters:
        writer.add(raster)
    (file,) = writer.finish()
    assert file.octets == file.path.stat().st_size
    assert file.pages == len(rasters)
    return file


def fields(page: Directory) -> dict[int, tuple[FieldType | None, tuple[object, ...]]]:
    return {entry.tag: (entry.type, entry.values) for entry in page.entries}


def fax_page(dpi_x: int = 204, dpi_y: int = 196, height: int = 300) -> Raster:
    return pages.raster(pages.text(WIDTHS[dpi_x], height), dpi_x, dpi_y)


def expected_white(raster: Raster) -> npt.NDArray[np.bool_]:
    packed = bilevel(raster.pixels, float(raster.dpi_x), float(raster.dpi_y))
    return unpack(packed, raster.width)


def shown_by_pillow(path: Path, page: int) -> npt.NDArray[np.bool_]:
    with Image.open(path) as image:
        image.seek(page)
        return np.asarray(image)


def test_profile_s_has_exactly_its_fields(tmp_path: Path) -> None:
    """RFC 3949, 3.2: sixteen fields, each with its type and value, and no other."""
    file = write(tmp_path, pages.fax_target(), fax_page(), fax_page())
    structure = read_structure(file.path)
    for number, page in enumerate(structure.directories):
        short, long = FieldType.SHORT, FieldType.LONG
        strip = page.number(Tag.STRIP_OFFSETS, 0)
        count = page.number(Tag.STRIP_BYTE_COUNTS, 0)
        assert fields(page) == {
            254: (long, (2,)),
            256: (long, (1728,)),
            257: (long, (300,)),
            258: (short, (1,)),
            259: (short, (3,)),
            262: (short, (0,)),
            266: (short, (2,)),
            273: (long, (strip,)),
            277: (short, (1,)),
            278: (long, (300,)),
            279: (long, (count,)),
            282: (FieldType.RATIONAL, (Fraction(204),)),
            283: (FieldType.RATIONAL, (Fraction(196),)),
            292: (long, (0,)),
            296: (short, (2,)),
            297: (short, (number, 2)),
        }
        # 3.5: the resolutions directly after the IFD, then the strip
        x, y = page.find(Tag.X_RESOLUTION), page.find(Tag.Y_RESOLUTION)
        assert x is not None
        assert y is not None
        assert (x.offset, y.offset, strip) == (page.end, page.end + 8, page.end + 16)
    assert structure.directories[0].offset == 8
    assert layout_of(structure).token == "TIFF-minimal"


def test_fill_order_2_is_true_of_the_bits(tmp_path: Path) -> None:
    """The first line begins with EOL: eleven zeros and a one, the first bit of the strip its octet's lowest."""
    file = write(tmp_path, pages.fax_target(), fax_page())
    page = read_structure(file.path).directories[0]
    strip = file.path.read_bytes()[page.number(Tag.STRIP_OFFSETS, 0) :]
    assert strip[0] == 0
    assert strip[1] & 0x0F == 0x08
    assert reversed_bits(strip[:2])[1] >> 4 == 1


@pytest.mark.parametrize("coding", ["MH", "MR", "MMR"])
def test_profile_f_states_its_coding(tmp_path: Path, coding: str) -> None:
    """RFC 3949, 4.2.2: T4Options for MH and MR, T6Options for MMR, all LONG."""
    file = write(tmp_path, pages.fax_target(coding), fax_page())
    page = read_structure(file.path).directories[0]
    assert page.number(Tag.COMPRESSION, 0) == (4 if coding == "MMR" else 3)
    options, absent = (
        (Tag.T6_OPTIONS, Tag.T4_OPTIONS) if coding == "MMR" else (Tag.T4_OPTIONS, Tag.T6_OPTIONS)
    )
    entry = page.find(options)
    assert entry is not None
    assert (entry.type, entry.values) == (FieldType.LONG, (1 if coding == "MR" else 0,))
    assert page.find(absent) is None
    assert layout_of(read_structure(file.path)).token == "TIFF-minimal"


@pytest.mark.parametrize("coding", ["MH", "MR", "MMR"])
@pytest.mark.parametrize("resolution", BILEVEL)
def test_every_resolution_conforms_and_shows_the_pixels_that_went_in(
    tmp_path: Path, coding: str, resolution: tuple[int, int]
) -> None:
    page = fax_page(*resolution)
    target = pages.fax_target(coding, *resolution, structure="TIFF-limited")
    file = write(tmp_path, target, page, pages.raster(pages.photo(page.width, 160), *resolution))
    assert (shown_by_pillow(file.path, 0) == expected_white(page)).all()
    assert verify_file(file.path, "image/tiff", target.as_feature_set()) == ()
    assert feature_set(file.features).accepts(target)


def test_a_simple_mode_receiver_takes_the_file_and_its_description(tmp_path: Path) -> None:
    for resolution in BILEVEL[:4]:
        file = write(tmp_path, pages.fax_target("MH", *resolution), fax_page(*resolution))
        assert verify_file(file.path, file.media_type, feature_set(K_1)) == ()
        assert not (feature_set(file.features) & feature_set(K_1)).is_empty, "and to the letter"


@pytest.mark.parametrize("structure", ["TIFF-minimal", "TIFF-limited", "TIFF"])
def test_the_description_names_the_structure_and_paper_asked_for(tmp_path: Path, structure: str) -> None:
    target = pages.fax_target(structure=structure, paper="letter")
    features = collection(write(tmp_path, target, fax_page()).features)
    assert str(features["image-file-structure"]) == structure
    assert str(features["paper-size"]) == "letter"
    assert (features["pix-x"], features["pix-y"]) == (1728, 300)


def test_pages_that_differ_are_joined_by_or(tmp_path: Path) -> None:
    file = write(
        tmp_path, pages.fax_target(), fax_page(height=300), fax_page(height=400), fax_page(height=300)
    )
    assert file.features.startswith("(|")
    assert len(feature_set(file.features).conjunctions) == 2


def test_a_width_that_no_profile_has_is_refused(tmp_path: Path) -> None:
    writer = open_writer(pages.fax_target(), tmp_path, "fax", 1)
    with pytest.raises(ConversionError, match="1700 pixels a line at 204 by 196"):
        writer.add(pages.raster(pages.text(1700)))
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_fewer_pages_than_promised_are_no_document(tmp_path: Path) -> None:
    writer = open_writer(pages.fax_target(), tmp_path, "fax", 2)
    writer.add(fax_page())
    with pytest.raises(ConversionError, match="1 pages were drawn of 2"):
        writer.finish()
    assert list(tmp_path.iterdir()) == []


def colour_page(height: int = 200, dpi: int = 200) -> Raster:
    return pages.raster(pages.colourful({100: 864, 200: 1728, 300: 2592, 400: 3456}[dpi], height), dpi, dpi)


def jpeg_of(path: Path) -> bytes:
    page = read_structure(path).directories[0]
    offset, count = page.number(Tag.STRIP_OFFSETS, 0), page.number(Tag.STRIP_BYTE_COUNTS, 0)
    return path.read_bytes()[offset : offset + count]


def test_profile_c_in_colour_has_exactly_its_fields(tmp_path: Path) -> None:
    """RFC 3949, 6.2; the default Decode is left out."""
    file = write(tmp_path, pages.colour_target(), colour_page())
    page = read_structure(file.path).directories[0]
    found = fields(page)
    assert found[258] == (FieldType.SHORT, (8, 8, 8))
    assert found[259] == (FieldType.SHORT, (7,))
    assert found[262] == (FieldType.SHORT, (10,))
    assert found[277] == (FieldType.SHORT, (3,))
    assert found[530] == (FieldType.SHORT, (2, 2))
    assert found[531] == (FieldType.SHORT, (1,))
    assert set(found) == {
        *(254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279),
        *(282, 283, 296, 297, 530, 531),
    }
    assert file.path.suffix == ".tfx"
    assert file.media_type == "image/tiff-fx"
    assert layout_of(read_structure(file.path)).token == "TIFF-limited"


def test_profile_c_in_grey_has_lightness_alone(tmp_path: Path) -> None:
    file = write(tmp_path, pages.colour_target("Grey"), pages.raster(pages.photo(1728, 200), 200, 200))
    found = fields(read_structure(file.path).directories[0])
    assert (found[258], found[277]) == ((FieldType.SHORT, (8,)), (FieldType.SHORT, (1,)))
    assert 530 not in found
    with Image.open(io.BytesIO(jpeg_of(file.path))) as image:
        assert image.mode == "L"
        expected = np.asarray(colour.lightness_page(pages.photo(1728, 200))).astype(int)
        assert np.abs(np.asarray(image) - expected).mean() < 3


def test_the_jpeg_data_is_that_of_t4_annex_e(tmp_path: Path) -> None:
    """SOI, APP1 G3FAX with 1994 and the resolution, no JFIF, baseline; components L*, a*, b* as they are."""
    file = write(tmp_path, pages.colour_target(dpi=300), colour_page(dpi=300))
    jpeg = jpeg_of(file.path)
    assert jpeg[:14] == b"\xff\xd8\xff\xe1\x00\x0cG3FAX\0\x07\xca"
    assert struct.unpack(">H", jpeg[14:16]) == (300,)
    assert b"JFIF" not in jpeg
    with Image.open(io.BytesIO(jpeg)) as image:
        image.draft("YCbCr", image.size)
        samples = np.asarray(image)
        assert image.mode == "YCbCr"
    page = colour_page(dpi=300)
    expected = colour.encode_itulab(colour.lab_from_srgb(page.pixels))
    assert np.abs(samples.astype(int) - expected).mean() < 4


@pytest.mark.parametrize(("subsampling", "factors"), [("4:1:1", (2, 2)), ("1:1:1", (1, 1))])
def test_subsampling_is_as_asked(tmp_path: Path, subsampling: str, factors: tuple[int, int]) -> None:
    target = pages.colour_target(more=f'(color-subsampling="{subsampling}")')
    file = write(tmp_path, target, colour_page())
    page = read_structure(file.path).directories[0]
    assert page.values(Tag.CHROMA_SUBSAMPLING) == factors
    assert verify_file(file.path, "image/tiff-fx", target.as_feature_set()) == ()
    assert feature_set(file.features).accepts(target)


def test_another_gamut_gets_a_decode_field_and_its_marker(tmp_path: Path) -> None:
    """RFC 3949, 6.2.3; T.42: offset and range."""
    more = "(CIELAB-a-min=-88) (CIELAB-a-max=99) (CIELAB-b-min=-108) (CIELAB-b-max=95)"
    file = write(tmp_path, pages.colour_target(more=more), colour_page())
    entry = read_structure(file.path).directories[0].find(Tag.DECODE)
    assert entry is not None
    assert entry.type is FieldType.SRATIONAL
    decode = [Fraction(value) for value in entry.values]
    assert decode[:2] == [0, 100]
    assert -88 <= decode[2] < decode[3] <= 99
    assert -108 <= decode[4] < decode[5] <= 95
    for low, high in (decode[2:4], decode[4:6]):
        assert (-low * 255 / (high - low)).denominator == 1, "a sample means no colour exactly"
    assert b"\xff\xe1\x00\x14G3FAX\1\x00\x00\x00\x64" in jpeg_of(file.path)
    accepted = feature_set(f"(& (color=Full) {more.replace('min=', 'min>=').replace('max=', 'max<=')})")
    assert verify_file(file.path, "image/tiff-fx", accepted) == ()


def test_the_default_gamut_is_recognised_by_its_rounded_numbers(tmp_path: Path) -> None:
    """Fax-schema section 6, rounding note."""
    more = "(CIELAB-a-min=-85) (CIELAB-a-max=85) (CIELAB-b-min=-75) (CIELAB-b-max=125)"
    target = pages.colour_target(more=more)
    file = write(tmp_path, target, colour_page())
    assert read_structure(file.path).directories[0].find(Tag.DECODE) is None
    assert verify_file(file.path, "image/tiff-fx", target.as_feature_set()) == ()


def test_colours_that_a_reader_sees_are_those_that_went_in(tmp_path: Path) -> None:
    """Through this package's own reader, which uses littleCMS."""
    from conneg.content.readers import itulab
    from conneg.content.readers.tiffdir import read_directory

    pixels = np.full((64, 864, 3), 255, dtype=np.uint8)
    for number, shade in enumerate([(200, 60, 60), (60, 160, 60), (90, 90, 200), (128, 128, 128)]):
        pixels[:, 200 * number : 200 * number + 200] = shade
    file = write(tmp_path, pages.colour_target(dpi=100), pages.raster(pixels, 100, 100))
    shown = np.asarray(itulab.decode(file.path, read_directory(file.path, 10).ifds[0])).astype(int)
    assert np.abs(shown - pixels)[:, 20:].mean() < 3


def test_memory_does_not_grow_with_pages(tmp_path: Path) -> None:
    import tracemalloc

    page = fax_page()
    writer = open_writer(pages.fax_target(), tmp_path, "fax", 60)
    for _ in range(10):
        writer.add(page)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(50):
        writer.add(page)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    (file,) = writer.finish()
    assert grown < 20_000
    assert len(read_structure(file.path).directories) == 60


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)


@pytest.mark.judged("profile S, written", "tiffinfo")
@pytest.mark.judged("profile S, written", "tiffcp")
@pytest.mark.judged("profile F, written", "tiffinfo")
@pytest.mark.judged("profile F, written", "tiffcp")
@pytest.mark.system
@pytest.mark.parametrize("coding", ["MH", "MR", "MMR"])
def test_libtiff_reads_every_bilevel_file_without_a_word(tmp_path: Path, coding: str) -> None:
    tiffinfo, tiffcp = require("tiffinfo", "libtiff-tools"), require("tiffcp", "libtiff-tools")
    rasters = [fax_page(), pages.raster(pages.photo(1728, 400)), fax_page(height=2292)]
    file = write(tmp_path, pages.fax_target(coding), *rasters)
    done = run(tiffinfo, "-D", file.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Image Width: 1728") == 3
    assert "FillOrder: lsb-to-msb" in done.stdout
    assert "Photometric Interpretation: min-is-white" in done.stdout
    assert "Page Number: 2-3" in done.stdout
    plain = tmp_path / "plain.tif"
    done = run(tiffcp, "-c", "none", file.path, plain)
    assert (done.returncode, done.stderr) == (0, "")
    for number, raster in enumerate(rasters):
        assert (shown_by_pillow(plain, number) == expected_white(raster)).all()


@pytest.mark.judged("profile F, written", "tiffinfo")
@pytest.mark.system
def test_libtiff_reads_every_resolution(tmp_path: Path) -> None:
    tiffinfo = require("tiffinfo", "libtiff-tools")
    for dpi_x, dpi_y in BILEVEL:
        file = write(tmp_path, pages.fax_target("MMR", dpi_x, dpi_y), fax_page(dpi_x, dpi_y))
        done = run(tiffinfo, "-D", file.path)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Resolution: {dpi_x}, {dpi_y} pixels/inch" in done.stdout


@pytest.mark.judged("profile C, written", "tiffinfo")
@pytest.mark.judged("profile C, written", "tiffdump")
@pytest.mark.system
@pytest.mark.parametrize("colour_token", ["Grey", "Full"])
def test_libtiff_reads_profile_c(tmp_path: Path, colour_token: str) -> None:
    """With whole chroma: libtiff 4.5 decodes subsampled components for YCbCr only."""
    tiffinfo, tiffdump = require("tiffinfo", "libtiff-tools"), require("tiffdump", "libtiff-tools")
    more = '(color-subsampling="1:1:1")' if colour_token == "Full" else ""
    file = write(tmp_path, pages.colour_target(colour_token, more=more), colour_page())
    done = run(tiffinfo, "-D", file.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Photometric Interpretation: ITU L*a*b*" in done.stdout
    done = run(tiffdump, file.path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.judged("profile C, written", "tiffdump")
@pytest.mark.system
def test_libtiff_dumps_every_field_of_subsampled_colour(tmp_path: Path) -> None:
    tiffinfo, tiffdump = require("tiffinfo", "libtiff-tools"), require("tiffdump", "libtiff-tools")
    more = "(CIELAB-a-min=-88) (CIELAB-a-max=99) (CIELAB-b-min=-108) (CIELAB-b-max=95)"
    file = write(tmp_path, pages.colour_target(more=more), colour_page())
    for tool in (tiffinfo, tiffdump):
        done = run(tool, file.path)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.system
@pytest.mark.judged("profile S, written", "HylaFAX's tiffcheck")
@pytest.mark.judged("profile F, written", "HylaFAX's tiffcheck")
@pytest.mark.parametrize(("coding", "option"), [("MH", "-1"), ("MR", "-2"), ("MMR", "-3")])
def test_hylafax_would_send_it_as_it_is(tmp_path: Path, coding: str, option: str) -> None:
    """tiffcheck says whether a facsimile has to be made anew for a receiver of MH, MR or MMR on paper of 298 mm."""
    tiffcheck = programs.hylafax("usr/lib/hylafax/bin/tiffcheck")
    file = write(tmp_path, pages.fax_target(coding), fax_page(height=2292), fax_page(height=2292))
    told = {}
    for wanted in (option, "-1" if option != "-1" else "-3"):
        done = subprocess.run(
            [tiffcheck, wanted, "-r", "196", "-l", "298", file.path],
            capture_output=True,
            text=True,
            env={"LD_LIBRARY_PATH": str(tiffcheck.parents[1])},
            check=False,
        )
        told[wanted] = done.stdout.splitlines()
    assert told.pop(option) == ["OK"]
    (other,) = told.values()
    assert other[0] == "REFORMAT"


def test_a_receiver_of_nothing_of_this_kind_is_told_why(tmp_path: Path) -> None:
    file = write(tmp_path, pages.fax_target("MMR"), fax_page())
    (problem,) = verify_file(file.path, "image/tiff", widen(feature_set(K_1)))
    assert "MH" in problem
    assert "MMR" in problem
