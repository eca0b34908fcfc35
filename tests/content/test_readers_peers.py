"""Images as other programs write and decode them: ImageMagick, exiftool, OpenJPEG, and librsvg for SVG.

`difference` is the mean over all samples of how far two decodings lie apart, of 255; the tolerance of each test is
stated with its reason.
"""

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content import formats
from conneg.content.errors import ContentRefusedError
from conneg.content.inspection import inspect
from conneg.content.page import Frame, Pixels
from conneg.content.readers import open_document
from conneg.content.readers.svgsource import MAX_SVG_DEPTH, MAX_SVG_OCTETS, SvgProblemError, clean_svg
from conneg.content.source import ReadLimits, recognise
from conneg.errors import BoundExceededError
from tests.content import programs, samples

LIMITS = ReadLimits()
WIDTH, HEIGHT = 160, 120


def magick(*arguments: str | Path) -> bytes:
    return programs.run("imagemagick", "convert", *arguments)


def picture(tmp_path: Path) -> Path:
    path = tmp_path / "original.png"
    samples.photo(WIDTH, HEIGHT).save(path)
    return path


def ours(path: Path, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    frame = Frame(width, height, Fraction(96), Fraction(96), colour=True, fill=True)
    with open_document(samples.source(path), LIMITS) as document:
        return document.pages[0].render(frame).pixels


def theirs(path: Path | str, *options: str | Path) -> Pixels:
    octets = magick(path, *options, "-depth", "8", "ppm:-")
    return np.asarray(Image.open(io.BytesIO(octets)).convert("RGB"))


def difference(one: Pixels, other: Pixels) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.judged("images, read", "ImageMagick")
@pytest.mark.system
@pytest.mark.parametrize(
    ("name", "options", "media_type", "tolerance"),
    [
        ("a.bmp", (), "image/bmp", 0),
        ("a.bmp", ("-colors", "16", "-compress", "RLE"), "image/bmp", 0),
        ("BMP2:a", (), "image/bmp", 0),
        ("a.bmp", ("-alpha", "set"), "image/bmp", 0),
        ("a.jp2", ("-quality", "95"), "image/jp2", 0.5),  # the same decoder, called with other rounding
        ("a.j2k", (), "image/jp2", 0.5),
        ("a.jp2", ("-colorspace", "gray", "-depth", "16"), "image/jp2", 0.7),
        ("a.png", ("-depth", "16"), "image/png", 0.5),  # 16 bits are cut by one, rounded by the other
        ("a.png", ("-colorspace", "gray", "-depth", "16"), "image/png", 0.7),
        ("a.png", ("-interlace", "PNG"), "image/png", 0),
        ("a.png", ("-colors", "16", "-type", "Palette"), "image/png", 0),
        ("a.png", ("-monochrome",), "image/png", 0),
        ("BMP3:a", ("-monochrome",), "image/bmp", 0),
        ("a.gif", (), "image/gif", 0),
        ("a.gif", ("-interlace", "GIF"), "image/gif", 0),
        ("a.webp", ("-quality", "90"), "image/webp", 0.5),
        ("a.jpg", ("-colorspace", "gray"), "image/jpeg", 0.5),
        ("a.jpg", ("-sampling-factor", "1x1"), "image/jpeg", 0.5),
        ("a.jpg", ("-sampling-factor", "4x1"), "image/jpeg", 1.5),  # chroma is spread each in its own way
        ("a.webp", ("-define", "webp:lossless=true"), "image/webp", 0),
        ("a.jpg", ("-quality", "90"), "image/jpeg", 0.5),
        ("a.jpg", ("-quality", "90", "-interlace", "JPEG"), "image/jpeg", 0.5),
        (
            "a.avif",
            ("-quality", "90"),
            "image/avif",
            2,
        ),  # two decoders turn YCbCr into RGB each in its own way
        ("a.heic", ("-quality", "90"), "image/heic", 2),
    ],
)
def test_what_imagemagick_writes_is_read_as_it_reads_it(
    tmp_path: Path, name: str, options: tuple[str, ...], media_type: str, tolerance: float
) -> None:
    coder, _, file = name.rpartition(":")
    path = tmp_path / file
    magick(picture(tmp_path), *options, f"{coder}:{path}" if coder else path)
    assert recognise(path.read_bytes()[:4096]) == media_type
    assert difference(ours(path), theirs(path)) <= tolerance


@pytest.mark.judged("images, read", "exiftool")
@pytest.mark.system
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_that_exiftool_states_turns_the_image(
    tmp_path: Path, name: str, orientation: int
) -> None:
    path = tmp_path / name
    magick(picture(tmp_path), "-quality", "95", path)
    programs.run("libimage-exiftool-perl", "exiftool", "-q", "-n", f"-Orientation={orientation}", path)
    size = (HEIGHT, WIDTH) if orientation >= 5 else (WIDTH, HEIGHT)
    page = inspect(samples.source(path), LIMITS).pages[0]
    assert (page.pixel_width, page.pixel_height) == size
    upright = theirs(path, "-auto-orient") if name == "a.jpg" else None
    if upright is None:  # this ImageMagick looks for EXIF in JPEG alone
        turned = tmp_path / "turned.png"
        magick(path, "-orient", _NAMES[orientation], "-auto-orient", turned)
        upright = theirs(turned)
    assert difference(ours(path, *size), upright) <= 0.7


@pytest.mark.system
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_an_avif_that_turns_itself_is_turned_once(tmp_path: Path, orientation: int) -> None:
    """AVIF turns by a property of its own (irot, ISO 23008-12, 6.5.10), which libheif applies."""
    path = tmp_path / "a.avif"
    exif = Image.Exif()
    exif[0x0112] = orientation
    samples.photo(WIDTH, HEIGHT).save(path, "AVIF", quality=90, exif=exif)
    other = theirs(path)
    size = (other.shape[1], other.shape[0])
    assert size == ((WIDTH, HEIGHT) if orientation == 3 else (HEIGHT, WIDTH))
    assert difference(ours(path, *size), other) <= 2


_NAMES = (
    "",
    "TopLeft",
    "TopRight",
    "BottomRight",
    "BottomLeft",
    "LeftTop",
    "RightTop",
    "RightBottom",
    "LeftBottom",
)


@pytest.mark.judged("images, read", "ImageMagick")
@pytest.mark.system
@pytest.mark.parametrize(
    ("profile", "name", "space"),
    [
        ("a98.icc", "a.jpg", "sRGB"),
        ("rommrgb.icc", "a.png", "sRGB"),
        ("default_cmyk.icc", "a.jpg", "CMYK"),
        ("sgray.icc", "a.png", "gray"),
    ],
)
def test_a_profile_is_converted_to_srgb_as_imagemagick_does(
    tmp_path: Path, profile: str, name: str, space: str
) -> None:
    """Two programs with Little CMS; intents and rounding may differ: within 3 of 255 in the mean."""
    icc, srgb = programs.profile(profile), programs.profile("srgb.icc")
    path = tmp_path / name
    to_profile: tuple[str | Path, ...] = ("-profile", icc)
    if space == "CMYK":  # from one profile to the other, so that the samples are real inks
        to_profile = ("-profile", srgb, "-profile", icc)
    elif space == "gray":
        to_profile = ("-colorspace", "gray", "-profile", icc)
    magick(picture(tmp_path), *to_profile, "-quality", "98", "-sampling-factor", "1x1", path)
    intent = ("-intent", "perceptual", "-black-point-compensation")
    converted = theirs(path, *intent, "-profile", srgb, "-colorspace", "sRGB")
    plain = theirs(path, "-strip", "-colorspace", "sRGB")
    assert difference(ours(path), converted) <= 3
    if profile in {"a98.icc", "rommrgb.icc", "default_cmyk.icc"}:
        assert difference(plain, converted) > 4  # else the test would pass without any conversion


@pytest.mark.system
@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_of_an_animation_the_first_image_is_read_and_that_is_noted(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    magick("-size", "40x30", "xc:red", "xc:blue", "xc:lime", "-define", "webp:lossless=true", path)
    assert (ours(path, 40, 30) == (255, 0, 0)).all()
    assert inspect(samples.source(path), LIMITS).notes == ("3 images in one file: the first is read",)


@pytest.mark.system
@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.jp2", "a.gif"])
def test_what_is_transparent_lies_on_white(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    shape = ("-fill", "blue", "-draw", "rectangle 20,10 60,50")
    drawn = tmp_path / "drawn.png"
    magick("-size", "80x60", "xc:none", *shape, "-depth", "8", drawn)
    if name == "a.jp2":
        programs.run("libopenjp2-tools", "opj_compress", "-i", drawn, "-o", path)
    else:
        magick(drawn, "-define", "webp:lossless=true", path)
    pixels = ours(path, 80, 60)
    assert (pixels[:8] == 255).all()
    assert np.abs(pixels[30, 40].astype(int) - (0, 0, 255)).max() <= 2


@pytest.mark.system
@pytest.mark.parametrize(("depth", "seen"), [("2", "2 bits"), ("16", "16 bits")])
def test_jpeg_2000_whose_samples_pillow_would_spoil_is_refused(tmp_path: Path, depth: str, seen: str) -> None:
    path = tmp_path / "a.jp2"
    magick("-size", "40x30", "gradient:white-red", "-depth", depth, path)
    problem = inspect(samples.source(path), LIMITS).problem
    assert problem is not None
    assert seen in problem


DRAWING = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [
  <!ENTITY ink "#c00000"> ]>
<!-- a comment -->
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
     width="50mm" height="30mm" viewBox="0 0 200 120">
  <defs>
  <linearGradient id="g"><stop offset="0" stop-color="blue"/><stop offset="1" stop-color="white"/></linearGradient>
  <circle id="c" r="20" style="fill:&ink;"/></defs>
  <rect x="10" y="10" width="90" height="50" fill="url(#g)" stroke="black" stroke-width="2"/>
  <use xlink:href="#c" x="150" y="40"/>
  <path d="M10 110 C 60 60, 140 60, 190 110" fill="none" stroke="green" stroke-width="4"/>
  <g transform="rotate(10 100 90)"><ellipse cx="100" cy="90" rx="30" ry="10" fill="#888" opacity=".5"/></g>
</svg>"""


@pytest.mark.judged("image/svg+xml, read", "librsvg")
@pytest.mark.system
@pytest.mark.skipif(not formats.can_read("image/svg+xml"), reason="needs resvg-py")
def test_an_svg_is_drawn_as_librsvg_draws_it(tmp_path: Path) -> None:
    """Two renderers smooth edges each in its own way: within 2 of 255 in the mean."""
    path = samples.save(tmp_path / "a.svg", DRAWING)
    octets = programs.run("librsvg2-bin", "rsvg-convert", "-w", "400", "-h", "240", "-b", "white", path)
    other = np.asarray(Image.open(io.BytesIO(octets)).convert("RGB"))
    assert difference(ours(path, 400, 240), other) <= 2
    page = inspect(samples.source(path), LIMITS).pages[0]
    assert float(page.width_inches) == pytest.approx(50 / 25.4, abs=1e-4)
    assert float(page.height_inches) == pytest.approx(30 / 25.4, abs=1e-4)
    assert (page.colour, page.kind, page.dpi) == ("Full", "vector", None)


def svg(inside: str, attributes: str = 'width="40" height="40"') -> bytes:
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {spaces} {attributes}>{inside}</svg>".encode()


def test_an_svg_reaches_nothing_outside_of_it(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    secret = tmp_path / "secret.png"
    Image.new("RGB", (40, 40), (255, 0, 0)).save(secret)
    inner = svg(f'<image href="{secret}" width="40" height="40"/>')
    ways = [
        f'<image href="{secret}" width="40" height="40"/>',
        f'<image xlink:href="file://{secret}" width="40" height="40"/>',
        f'<image xlink:href="{secret.name}" width="40" height="40"/>',
        f'<filter id="f"><feImage href="{secret}"/></filter><rect width="40" height="40" filter="url(#f)"/>',
        f'<image width="40" height="40" href="data:image/svg+xml;base64,{_base64(inner)}"/>',
        f"<style>@import url({secret}); rect {{ fill: url({secret}) }}</style><rect width='40' height='40'/>",
        f"<script href='{secret}'>document.write('x')</script>",
    ]
    for way in ways:
        path = samples.save(tmp_path / "a.svg", svg(way))
        red = (ours(path, 40, 40) == (255, 0, 0)).all(axis=2)
        assert not red.any(), way
    shown = samples.save(
        tmp_path / "b.svg",
        svg(f'<image width="40" height="40" href="data:image/png;base64,{_base64(secret.read_bytes())}"/>'),
    )
    assert (ours(shown, 40, 40) == (255, 0, 0)).all()  # data that the file brings itself is drawn
    left_out = samples.save(tmp_path / "c.svg", svg(ways[0]))
    assert inspect(samples.source(left_out), LIMITS).notes == (
        "what 1 references outside of the SVG lead to is left out",
    )


def _base64(octets: bytes) -> str:
    import base64

    return base64.b64encode(octets).decode()


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"<svg><g></svg>", SvgProblemError),
        (b"<html/>", SvgProblemError),
        (b"<svg>" + b"<g>" * MAX_SVG_DEPTH.value, BoundExceededError),
        (b" " * (MAX_SVG_OCTETS.value + 1), BoundExceededError),
    ],
)
def test_what_is_no_svg_or_too_much_of_it_is_refused(octets: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        clean_svg(octets)


def test_entities_that_multiply_are_refused_and_external_ones_are_nothing(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    bomb = f'<!DOCTYPE svg [<!ENTITY l0 "{"ha" * 50}">{laughs}]><svg><text>&l8;</text></svg>'.encode()
    with pytest.raises((SvgProblemError, BoundExceededError)):
        clean_svg(bomb)
    with pytest.raises(ContentRefusedError):
        open_document(samples.source(samples.save(tmp_path / "a.svg", bomb)), LIMITS)
    secret = samples.save(tmp_path / "secret", b"top secret")
    outside = f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{secret}">]><svg><desc>&x;</desc></svg>'.encode()
    assert "secret" not in clean_svg(outside).markup


@pytest.mark.parametrize(
    ("attributes", "inches"),
    [
        ('width="96" height="48"', (1, 0.5)),
        ('width="2.54cm" height="72pt"', (1, 1)),
        ('viewBox="0 0 192 96"', (2, 1)),
        ('viewBox="0,0,192,96" width="100%"', (2, 1)),
        ('viewBox="0 0 192 96" width="1in"', (1, 0.5)),
        ('viewBox="0 0 192 96" height="1in"', (2, 1)),
        ("", (300 / 96, 150 / 96)),
        ('width="-5" height="1e400"', (300 / 96, 150 / 96)),
        ('viewBox="0 0 0 0"', (300 / 96, 150 / 96)),
    ],
)
def test_the_size_of_an_svg(attributes: str, inches: tuple[float, float]) -> None:
    clean = clean_svg(svg("", attributes))
    assert (float(clean.width) / 96, float(clean.height) / 96) == pytest.approx(inches, abs=1e-3)


def test_letters_in_an_svg_are_drawn_or_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("resvg_py")
    from conneg.content.readers import svg as reader

    path = samples.save(
        tmp_path / "a.svg", svg('<text y="30" font-size="30" font-family="Nowhere">HH</text>')
    )
    if reader.fonts_for_pictures():
        assert (ours(path, 40, 40) < 100).sum() > 100
    monkeypatch.setattr(reader, "fonts_for_pictures", tuple)
    with pytest.raises(ContentRefusedError, match="no font is installed"):
        open_document(samples.source(path), LIMITS)


def test_an_svg_without_its_renderer_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from conneg.content import readers

    monkeypatch.setattr(readers, "can_read", lambda media_type: media_type != "image/svg+xml")
    problem = inspect(samples.source(samples.save(tmp_path / "a.svg", DRAWING)), LIMITS).problem
    assert problem is not None
    assert "no reader for image/svg+xml" in problem
