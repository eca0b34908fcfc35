"""Every kind of TIFF that occurs in fax and scanning: files of other programs, seen as those programs see them."""

import io
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content.colour import decode_itulab, srgb_from_lab
from conneg.content.errors import ContentRefusedError
from conneg.content.page import Frame, PageGeometry, Pixels
from conneg.content.readers import open_document
from conneg.content.source import ReadLimits
from conneg.content.tiff import read_structure
from conneg.content.tiff.layout import strips_of
from conneg.content.writers import open_writer
from tests.content import pages, programs, samples, tiffmaker
from tests.system import require

LIMITS = ReadLimits(pages=20, pixels=5_000_000)


def run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def look(path: Path, index: int = 0) -> PageGeometry:
    with open_document(samples.source(path), LIMITS) as document:
        return document.pages[index].geometry


def shown(path: Path, index: int = 0) -> Pixels:
    """Return the page's own pixels in sRGB, as our reader gives them."""
    with open_document(samples.source(path), LIMITS) as document:
        outline = document.pages[index].outline
        assert outline.pixel_width is not None
        frame = Frame(
            outline.pixel_width, outline.pixel_height, Fraction(96), Fraction(96), colour=True, fill=True
        )
        assert document.features(index)
        return document.pages[index].render(frame).pixels


def by_imagemagick(path: Path, index: int = 0) -> Pixels:
    """Return the page's pixels as ImageMagick (libtiff) decodes them, upright."""
    out = path.with_suffix(".ppm")
    run(require("convert", "imagemagick"), f"{path}[{index}]", "-auto-orient", "-depth", "8", out)
    with Image.open(out) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.tif"
    samples.photo(150, 110).save(path)
    return path


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    path = tmp_path / "grey.tif"
    Image.fromarray(pages.text(400, 200)).save(path)
    return path


@pytest.fixture
def fax(tmp_path: Path) -> Path:
    path = tmp_path / "fax.tif"
    Image.fromarray(pages.text(1728, 200)).convert("1").save(path, compression="group4", dpi=(204, 196))
    return path


TIFFCP = [
    "-t -w 64 -l 48",
    "-t -c lzw",
    "-p separate",
    "-p separate -c zip -r 17",
    "-t -p separate",
    "-B",
    "-B -c packbits",
    "-f lsb2msb -c lzw",
    "-c jpeg:r -r 16",
    "-c jpeg -r 16",
    "-c jpeg -t -w 64 -l 64",
    "-c lzma",
    "-c zstd",
]


@pytest.mark.judged("other TIFF, read", "tiffcp")
@pytest.mark.judged("other TIFF, read", "ImageMagick")
@pytest.mark.parametrize("options", TIFFCP)
def test_pictures_in_strips_tiles_planes_and_codings(tmp_path: Path, picture: Path, options: str) -> None:
    path = tmp_path / "made.tif"
    run(require("tiffcp", "libtiff-tools"), *options.split(), picture, path)
    assert (shown(path) == by_imagemagick(path)).all()


@pytest.mark.judged("profiles S and F, read", "tiffcp")
@pytest.mark.parametrize("coding", ["g3", "g3:1d", "g3:2d", "g3:fill", "g3:2d:fill", "g4", "none", "lzw"])
@pytest.mark.parametrize("order", ["lsb2msb", "msb2lsb"])
@pytest.mark.parametrize("shape", ["-r 7", "-r 1000", "-t -w 128 -l 128"])
def test_fax_codings_in_odd_strips_tiles_and_either_bit_order(
    tmp_path: Path, fax: Path, coding: str, order: str, shape: str
) -> None:
    path = tmp_path / "made.tif"
    run(require("tiffcp", "libtiff-tools"), "-c", coding, "-f", order, *shape.split(), fax, path)
    assert (shown(path) == shown(fax)).all()
    assert look(path).colour == "Binary"


def test_the_facsimile_itself_is_seen_alike(fax: Path) -> None:
    assert (shown(fax) == by_imagemagick(fax)).all()


IMAGEMAGICK: list[tuple[str, str, int]] = [
    ("16 bits of colour", "picture -depth 16", 0),
    ("16 bits of grey", "grey -depth 16", 0),
    ("12 bits of grey", "grey -type Grayscale -depth 12", 1),
    ("4 bits of grey", "grey -type Grayscale -depth 4", 0),
    ("2 bits of grey", "grey -type Grayscale -depth 2", 0),
    ("CMYK", "picture -colorspace CMYK", 1),
    ("a palette", "picture -type Palette -colors 64", 1),
    ("0 is white", "grey -define quantum:polarity=min-is-white", 0),
    ("0 is black, bi-level", "fax -define quantum:polarity=min-is-black -compress Group4", 0),
    ("YCbCr, not compressed", "picture -colorspace YCbCr -compress none", 3),
]


@pytest.mark.judged("other TIFF, read", "ImageMagick")
@pytest.mark.parametrize(
    ("options", "tolerance"), [row[1:] for row in IMAGEMAGICK], ids=[r[0] for r in IMAGEMAGICK]
)
def test_samples_of_all_depths_and_senses(
    tmp_path: Path, picture: Path, grey: Path, fax: Path, options: str, tolerance: int
) -> None:
    path = tmp_path / "made.tif"
    source, *words = options.split()
    run(
        require("convert", "imagemagick"),
        {"picture": picture, "grey": grey, "fax": fax}[source],
        *words,
        path,
    )
    assert np.abs(shown(path).astype(int) - by_imagemagick(path)).max() <= tolerance


@pytest.mark.judged("other TIFF, read", "ImageMagick")
@pytest.mark.parametrize("source", ["picture", "fax"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_field_orientation_is_applied(
    tmp_path: Path, picture: Path, fax: Path, source: str, orientation: int
) -> None:
    require("convert", "imagemagick")
    path = tmp_path / "made.tif"
    run(require("tiffcp", "libtiff-tools"), picture if source == "picture" else fax, path)
    run("tiffset", "-s", "274", orientation, path)
    assert (shown(path) == by_imagemagick(path)).all()


@pytest.mark.judged("profile C, read", "tiffcp")
def test_profile_c_is_seen_as_libtiff_decodes_it(tmp_path: Path) -> None:
    """libtiff's samples, L*a*b* by the Decode field, sRGB by the formulas of CIE and IEC in double precision."""
    path, plain = tmp_path / "made.tfx", tmp_path / "plain.tif"
    wanted = pages.colour_target(more='(color-subsampling="1:1:1")')
    writer = open_writer(wanted, tmp_path, "made", 1)
    writer.add(pages.raster(pages.colourful(1728, 200), 200, 200))
    writer.finish()
    run(require("tiffcp", "libtiff-tools"), "-c", "none", path, plain)
    octets = plain.read_bytes()
    page = read_structure(plain).directories[0]
    samples_of = b"".join(octets[start : start + count] for start, count in strips_of(page))
    itulab = np.frombuffer(samples_of, dtype=np.uint8).reshape(200, 1728, 3)
    expected = srgb_from_lab(decode_itulab(itulab))
    difference = np.abs(shown(path) - expected)
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) < 8


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("form", ["whole", "split", "tables"])
def test_old_style_jpeg(tmp_path: Path, form: str, order: str) -> None:
    """Compression 6 in its three shapes: one JPEG file, headers apart from the scan, bare tables."""
    jpeg = tiffmaker.jpeg_of(samples.photo(320, 240))
    path = tmp_path / "old.tif"
    path.write_bytes(tiffmaker.old_jpeg(jpeg, (320, 240), form, order))
    with Image.open(io.BytesIO(jpeg)) as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(shown(path) - expected).max() <= 3
    assert (look(path).dpi, look(path).colour) == (200, "Full")


@pytest.mark.judged("profiles S and F, read", "Ghostscript")
@pytest.mark.judged("other TIFF, read", "Ghostscript")
@pytest.mark.parametrize(
    "device", ["tiffg3", "tiffg32d", "tiffg4", "tiffcrle", "tifflzw", "tiffgray", "tiff48nc"]
)
def test_pages_of_ghostscript(tmp_path: Path, device: str) -> None:
    """tiffcrle is Compression 2: MH without EOLs."""
    program = tmp_path / "a.ps"
    program.write_text(
        "%!PS\n/Helvetica findfont 40 scalefont setfont 72 600 moveto (Hello) show showpage showpage"
    )
    path = tmp_path / "made.tif"
    run(
        require("gs", "ghostscript"),
        "-q",
        "-dNOPAUSE",
        "-dBATCH",
        "-r100",
        f"-sDEVICE={device}",
        f"-o{path}",
        program,
    )
    assert (shown(path) == by_imagemagick(path)).all()
    assert shown(path).min() == 0
    assert (shown(path, 1) == 255).all()


@pytest.mark.judged("profiles S and F, read", "fax2tiff")
@pytest.mark.parametrize("options", [(), ("-8",), ("-4",), ("-z",)], ids=" ".join)
def test_pages_of_fax2tiff(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Raw T.4 as a fax machine sends it, EOL before every line and RTC after the last, wrapped by fax2tiff."""
    program = tmp_path / "a.ps"
    program.write_text("%!PS\n/Helvetica findfont 90 scalefont setfont 72 600 moveto (Hello) show showpage")
    raw, path = tmp_path / "page.g3", tmp_path / "made.tif"
    run(
        require("gs", "ghostscript"),
        "-q",
        "-dNOPAUSE",
        "-dBATCH",
        "-r204x98",
        "-sDEVICE=faxg3",
        f"-o{raw}",
        program,
    )
    run(require("fax2tiff", "libtiff-tools"), *options, "-o", path, raw)
    assert (shown(path) == by_imagemagick(path)).all()
    assert look(path).kind == "scan"


@pytest.mark.judged("profiles S and F, read", "HylaFAX's ps2fax")
@pytest.mark.parametrize(("coding", "lines"), [("-1", "98"), ("-1", "196"), ("-2", "196"), ("-3", "196")])
def test_pages_of_ps2fax(tmp_path: Path, coding: str, lines: str) -> None:
    """What HylaFAX makes of a document before it dials: MH, MR and MMR."""
    script = programs.hylafax("var/spool/hylafax/bin/ps2fax.gs")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "setup.cache").write_text(f"GSRIP={require('gs', 'ghostscript')}\nCAT=cat\n")
    program, path = tmp_path / "a.ps", tmp_path / "made.tif"
    program.write_text(
        "%!PS\n/Helvetica findfont 40 scalefont setfont 72 600 moveto (Hello) show showpage showpage"
    )
    subprocess.run(
        ["sh", script, coding, "-r", lines, "-o", path, program], cwd=tmp_path, check=True, timeout=60
    )
    assert (shown(path) == by_imagemagick(path)).all()
    assert shown(path).min() == 0
    assert (shown(path, 1) == 255).all()
    page = look(path)
    assert (page.kind, page.pixel_width, round(page.dpi_y or 0)) == ("scan", 1728, int(lines))


@pytest.mark.judged("other TIFF, read", "tiffcp")
def test_pages_of_different_size_resolution_and_coding(tmp_path: Path, fax: Path, picture: Path) -> None:
    small, path = tmp_path / "small.tif", tmp_path / "made.tif"
    Image.fromarray(pages.text(2592, 150)).convert("1").save(small, compression="group3", dpi=(300, 300))
    run(require("tiffcp", "libtiff-tools"), fax, picture, small, path)
    assert [(look(path, page).pixel_width, look(path, page).dpi) for page in (0, 2)] == [
        (1728, 204),
        (2592, 300),
    ]
    for index in range(3):
        assert (shown(path, index) == by_imagemagick(path, index)).all()


def test_a_page_that_says_little_is_read_by_the_defaults(tmp_path: Path) -> None:
    """No resolution, no strip length, one strip; TIFF 6.0's defaults for the rest."""
    grey = pages.text(400, 60)
    path = tmp_path / "made.tif"
    fields: list[tiffmaker.Field] = [
        (256, 3, (400,)), (257, 3, (60,)), (258, 3, (8,)), (262, 3, (1,)), (273, 4, (-1,)),
    ]  # fmt: skip
    path.write_bytes(tiffmaker.tiff(fields, grey.tobytes()))
    assert (shown(path)[..., 0] == grey).all()


def test_resolutions_in_centimetres_are_those_in_inches(tmp_path: Path, fax: Path) -> None:
    path = tmp_path / "made.tif"
    run(require("tiffcp", "libtiff-tools"), fax, path)
    for tag, value in ((282, 80), (283, 77), (296, 3)):
        run("tiffset", "-s", tag, value, path)
    assert (look(path).dpi, look(path).dpi_y) == (204, 196)


@pytest.mark.parametrize(
    ("bits", "compression", "message"),
    [
        (12, 1, "3 samples of 12 bits, Compression 1"),
        (5, 1, "3 samples of 5 bits"),
        (8, 34712, "Compression 34712"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    tmp_path: Path, bits: int, compression: int, message: str
) -> None:
    path = tmp_path / "made.tif"
    fields: list[tiffmaker.Field] = [
        (256, 3, (40,)), (257, 3, (10,)), (258, 3, (bits,) * 3), (259, 3, (compression,)), (262, 3, (2,)),
        (273, 4, (-1,)), (277, 3, (3,)), (278, 3, (10,)), (279, 4, (1800,)),
    ]  # fmt: skip
    path.write_bytes(tiffmaker.tiff(fields, bytes(1800)))
    with pytest.raises(ContentRefusedError, match=message) as caught:
        shown(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("made.tif: ")
