"""Raster images: geometry, orientation, transparency, profiles, scaling; TIFF with its pages and fields."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from conneg.content.errors import ContentRefusedError
from conneg.content.page import Frame, PageGeometry, Pixels
from conneg.content.paper import A4
from conneg.content.readers import open_document
from conneg.content.source import ReadLimits
from tests.content import samples

LIMITS = ReadLimits(pages=20, pixels=5_000_000)
SAVERS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tif": "TIFF", "gif": "GIF", "avif": "AVIF"}


def draw(path: Path, frame: Frame, index: int = 0) -> Pixels:
    with open_document(samples.source(path), LIMITS) as document:
        return document.pages[index].render(frame).pixels


def look(path: Path, index: int = 0) -> PageGeometry:
    with open_document(samples.source(path), LIMITS) as document:
        return document.pages[index].geometry


def filled(width: int, height: int, *, colour: bool = True) -> Frame:
    return Frame(width, height, Fraction(96), Fraction(96), colour=colour, fill=True)


@pytest.mark.parametrize("suffix", sorted(SAVERS))
def test_every_format_is_read_whatever_it_is_called(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "attachment.bin"
    samples.photo(160, 120).save(path, format=SAVERS[suffix])
    geometry = look(path)
    assert (geometry.pixel_width, geometry.pixel_height, geometry.colour) == (160, 120, "Full")
    pixels = draw(path, filled(160, 120))
    assert pixels.shape == (120, 160, 3)
    assert abs(int(pixels[60, 150, 0]) - 239) < 24  # red grows to the right
    assert pixels[60, 10, 0] < 40


def test_heic_is_read(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "photo.heic"
    pillow_heif.from_pillow(samples.photo(160, 120)).save(path, quality=90)
    assert (look(path).pixel_width, look(path).colour) == (160, "Full")
    assert draw(path, filled(80, 60)).shape == (60, 80, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    """The stored image is such that, oriented, its top left quarter is black: EXIF 2.3, 4.6.4, tag 274."""
    upright = np.full((80, 120), 255, dtype=np.uint8)
    upright[:40, :60] = 0
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = Image.fromarray(upright)
    stored = stored if undo is None else stored.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    stored.save(path, exif=exif, quality=95)
    geometry = look(path)
    assert (geometry.pixel_width, geometry.pixel_height) == (120, 80)
    pixels = draw(path, filled(60, 40, colour=False))
    assert pixels.shape == (40, 60)
    assert pixels[:15, :25].max() < 60
    assert pixels[25:, :].min() > 200
    assert pixels[:, 35:].min() > 200


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 20, 40))
    path = tmp_path / "logo.png"
    if mode == "P":
        palette = Image.new("P", (40, 40), 1)
        palette.putpalette([0, 0, 0, 10, 10, 10])
        palette.paste(0, (0, 0, 20, 40))
        palette.save(path, transparency=1)
    else:
        image.convert(mode).save(path)
    pixels = draw(path, filled(40, 40, colour=False))
    assert pixels[:, :20].max() == 0
    assert pixels[:, 20:].min() == 255


def test_sixteen_bits_are_brought_to_eight_not_clipped(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    Image.fromarray(np.full((10, 10), 0x8000, dtype=np.uint16)).save(path)
    assert (draw(path, filled(10, 10, colour=False)) == 128).all()


def test_cmyk_comes_out_in_rgb(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("RGB", (64, 64), (255, 0, 0)).convert("CMYK").save(path, quality=95)
    assert look(path).colour == "Full"
    red, green, blue = draw(path, filled(32, 32))[16, 16].astype(int)
    assert red > 200 > 60 > max(green, blue)


def test_a_colour_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    path = tmp_path / "lab.tif"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    Image.new("RGB", (16, 16), (120, 120, 120)).save(path, icc_profile=profile.tobytes())
    assert draw(path, filled(16, 16)).shape == (16, 16, 3)
    damaged = tmp_path / "damaged.png"
    Image.new("RGB", (16, 16), (120, 60, 10)).save(damaged, icc_profile=b"nonsense" * 20)
    assert tuple(draw(damaged, filled(16, 16))[8, 8]) == (120, 60, 10)


def test_a_profile_of_srgb_changes_nothing(tmp_path: Path) -> None:
    """A JPEG in sRGB may be decoded in grey at once, as one without a profile is."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain, stated = tmp_path / "plain.jpg", tmp_path / "stated.jpg"
    samples.photo(400, 300).save(plain, quality=95)
    samples.photo(400, 300).save(stated, quality=95, icc_profile=profile)
    for colour in (False, True):
        frame = filled(200, 150, colour=colour)
        assert (draw(stated, frame) == draw(plain, frame)).all()


def test_an_image_that_shows_no_colour_is_grey_whatever_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "grey.jpg"
    samples.photo().convert("L").convert("RGB").save(path)
    assert look(path).colour == "Grey"


def test_stated_resolution_gives_the_size_and_an_unstated_one_a_natural_size(tmp_path: Path) -> None:
    stated, unstated, small = tmp_path / "a.png", tmp_path / "b.jpg", tmp_path / "c.png"
    samples.photo(600, 300).save(stated, dpi=(300, 300))
    samples.photo(1200, 1600).save(unstated, dpi=(72, 72))
    samples.photo(96, 48).save(small)
    assert (look(stated).width_inches, look(stated).dpi) == (2, 300)
    assert look(unstated).width_inches <= A4.width_inches
    assert look(unstated).height_inches <= A4.length_inches
    assert look(unstated).width_inches == A4.width_inches or look(unstated).height_inches == A4.length_inches
    assert (look(small).width_inches, look(small).height_inches) == (1, Fraction(1, 2))


def test_a_photo_is_averaged_down_not_sampled(tmp_path: Path) -> None:
    stripes = np.zeros((400, 400), dtype=np.uint8)
    stripes[:, ::2] = 255
    path = tmp_path / "stripes.png"
    Image.fromarray(stripes).save(path)
    inner = draw(path, filled(100, 100, colour=False))[10:-10, 10:-10]
    assert abs(inner.astype(int) - 128).max() < 8


def test_a_fax_page_passes_through_pixel_for_pixel(tmp_path: Path) -> None:
    path = samples.fax_tiff(tmp_path / "fax.tif", pages=3)
    page = np.asarray(samples.fax_page().convert("L"))
    frame = Frame(1728, None, Fraction(204), Fraction(98), colour=False, turn=True)
    for index in range(3):
        assert (draw(path, frame, index) == page).all()
    twin = Frame(1728, None, Fraction(200), Fraction(100), colour=False, turn=True)
    assert (draw(path, twin) == page).all()


def test_a_fine_fax_is_brought_to_standard_by_averaging_lines(tmp_path: Path) -> None:
    path = samples.fax_tiff(tmp_path / "fax.tif", dpi=(204, 196), height=2292)
    frame = Frame(1728, None, Fraction(204), Fraction(98), colour=False, turn=True)
    pixels = draw(path, frame)
    assert pixels.shape == (1146, 1728)
    assert pixels[60, 500] == 0  # inside the bar
    assert 100 < pixels[150, 500] < 160  # one black line and one white one


def test_metric_resolutions_are_read_as_their_inch_twins(tmp_path: Path) -> None:
    """RFC 3949 2.2.2: 80 and 38.5 a centimetre are 204 and 98 an inch."""
    path = tmp_path / "metric.tif"
    samples.fax_page().save(path, compression="group3", tiffinfo={282: 80.0, 283: 38.5, 296: 3})
    geometry = look(path)
    assert (geometry.dpi, geometry.dpi_y, geometry.kind) == (204, 98, "scan")


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "bomb.png", samples.png_header_bomb())
    with (
        open_document(samples.source(path), LIMITS) as document,
        pytest.raises(ContentRefusedError, match="30000 by 30000 pixels, more than 5000000"),
    ):
        _ = document.pages[0].geometry


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    path = samples.fax_tiff(tmp_path / "long.tif", pages=21, height=8)
    with pytest.raises(ContentRefusedError, match="more than 20 pages"):
        open_document(samples.source(path), LIMITS)


def test_a_chain_of_pages_that_loops_ends(tmp_path: Path) -> None:
    octets = bytearray(samples.fax_tiff(tmp_path / "a.tif").read_bytes())
    first = int.from_bytes(octets[4:8], "little")
    count = int.from_bytes(octets[first : first + 2], "little")
    following = first + 2 + 12 * count
    octets[following : following + 4] = octets[4:8]
    path = samples.save(tmp_path / "loop.tif", bytes(octets))
    with open_document(samples.source(path), LIMITS) as document:
        assert len(document.pages) == 1


@pytest.mark.parametrize("suffix", sorted(SAVERS))
def test_a_truncated_image_is_refused_in_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "photo"
    noise = np.random.default_rng(7).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, format=SAVERS[suffix])
    octets = path.read_bytes()
    refusals = []
    for part in (0.3, 0.7):
        samples.save(path, octets[: int(len(octets) * part)])
        try:
            with open_document(samples.source(path), LIMITS) as document:
                _ = document.pages[0].geometry
                draw(path, filled(100, 100))
        except ContentRefusedError as error:
            refusals.append(str(error))
    assert not any("\n" in refusal for refusal in refusals)
    assert refusals or suffix in {"webp", "avif"}  # whose libraries may still show something


def profile_c(path: Path, pages: list[tuple[int, int, int]], *, decode: bool = False) -> Path:
    """Save a TIFF-FX profile C file by hand: one JPEG a page, every sample of a page the given (L, a, b) octets."""
    octets = bytearray(b"II*\x00\x08\x00\x00\x00")
    for number, samples_of_page in enumerate(pages):
        image = Image.merge("YCbCr", [Image.new("L", (864, 100), value) for value in samples_of_page])
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=95)
        start, count = len(octets), 14 + decode
        data = start + 2 + 12 * count + 4
        extra = struct.pack("<4I", 100, 1, 100, 1)
        strip = data + len(extra) + (48 if decode else 0)
        fields = [
            (254, 4, 1, 2), (256, 4, 1, 864), (257, 4, 1, 100), (258, 3, 1, 8), (259, 3, 1, 7), (262, 3, 1, 10),
            (266, 3, 1, 1), (273, 4, 1, strip), (277, 3, 1, 3), (278, 4, 1, 100), (279, 4, 1, buffer.tell()),
            (282, 5, 1, data), (283, 5, 1, data + 8), (296, 3, 1, 2),
        ]  # fmt: skip
        if decode:
            fields.append((433, 10, 6, data + 16))
            extra += struct.pack("<12i", 0, 1, 100, 1, -22440, 255, 25245, 255, -27744, 255, 24276, 255)
        octets += struct.pack("<H", count) + b"".join(struct.pack("<HHII", *field) for field in fields)
        following = strip + buffer.tell() + (strip + buffer.tell()) % 2 if number + 1 < len(pages) else 0
        octets += struct.pack("<I", following) + extra + buffer.getvalue()
        octets += b"\x00" * (len(octets) % 2)
    path.write_bytes(octets)
    return path


def test_profile_c_is_shown_in_its_colours(tmp_path: Path) -> None:
    """RFC 3949 6.2.3: component = min + sample * (max - min) / 255, with the default Decode of 4.2.2."""
    red = (round(54.29 * 2.55), round((80.8 + 21760 / 255) * 1.5), round((69.9 + 19200 / 255) / 200 * 255))
    path = profile_c(tmp_path / "a.tfx", [red, (255, 128, 96), (0, 128, 96)])
    assert look(path).colour == "Full"
    assert (look(path).pixel_width, look(path).dpi) == (864, 100)
    frame = filled(86, 10)
    for index, expected in enumerate([(255, 0, 0), (255, 255, 255), (0, 0, 0)]):
        pixels = draw(path, frame, index)
        assert pixels.shape == (10, 86, 3)
        assert abs(pixels[5, 40].astype(int) - expected).max() < 12


def test_profile_c_with_a_decode_field_of_its_own(tmp_path: Path) -> None:
    """The range that RFC 3249 5.2.2 recommends for sRGB has its zero elsewhere: at 120 and 136."""
    path = profile_c(tmp_path / "a.tfx", [(128, 120, 136)], decode=True)
    red, green, blue = draw(path, filled(86, 10))[5, 40].astype(int)
    assert max(red, green, blue) - min(red, green, blue) < 6
    assert 110 < green < 130
