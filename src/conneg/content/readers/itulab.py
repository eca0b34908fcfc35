"""Pages of TIFF-FX profile C, which Pillow does not show: JPEG in the CIELAB encoding of T.42 (RFC 3949, 6).

The strips are decoded without any colour conversion, the Decode field turns samples into L*a*b* (D50), and
littleCMS turns those into sRGB.
"""

import functools
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from PIL import Image, ImageCms

from conneg.content.readers.faxtags import (
    COMPRESSION,
    DECODE,
    LENGTH,
    PHOTOMETRIC,
    STRIP_COUNTS,
    STRIP_OFFSETS,
    WIDTH,
)
from conneg.content.readers.tiffdir import Ifd

_JPEG, _ITULAB = 7, 10
_DEFAULT_DECODE = (
    (Fraction(0), Fraction(100)),
    (Fraction(-21760, 255), Fraction(21590, 255)),
    (Fraction(-19200, 255), Fraction(31800, 255)),
)
"""For eight bits: RFC 3949 4.2.2, field Decode."""


def is_itulab(ifd: Ifd) -> bool:
    """Whether the page is JPEG in ITULAB."""
    return ifd.number(COMPRESSION, 1) == _JPEG and ifd.number(PHOTOMETRIC, 0) == _ITULAB


def size(ifd: Ifd) -> tuple[int, int]:
    """Return width and height as the fields state them."""
    return ifd.number(WIDTH, 0), ifd.number(LENGTH, 0)


def decode(path: Path, ifd: Ifd) -> Image.Image:
    """Return the page in sRGB or grey; raises ValueError or OSError on damage. Check `size` before."""
    offsets = [int(offset) for offset in ifd.fields.get(STRIP_OFFSETS, ())]
    counts = [int(count) for count in ifd.fields.get(STRIP_COUNTS, ())]
    if not offsets or len(offsets) != len(counts):
        raise ValueError("strips without offsets or counts")
    width, height = size(ifd)
    page: Image.Image | None = None
    top = 0
    with path.open("rb") as file:
        for offset, count in zip(offsets, counts, strict=True):
            file.seek(offset)
            strip = _samples(file.read(count), width, height)
            page = page or Image.new(strip.mode, (width, height), "white")
            page.paste(strip, (0, top))
            top += strip.height
    assert page is not None, "there is at least one strip"
    return _in_srgb(page, _decode_ranges(ifd))


def _samples(octets: bytes, width: int, height: int) -> Image.Image:
    """Return a strip's samples as they are coded: mode L, or YCbCr standing for the three components."""
    image = Image.open(io.BytesIO(octets), formats=("JPEG",))
    if image.width != width or image.height > height:
        raise ValueError(
            f"a strip of {image.width} by {image.height} pixels on a page of {width} by {height}"
        )
    if image.mode == "RGB":
        image.draft("YCbCr", image.size)
    if image.mode not in {"L", "YCbCr"}:
        raise ValueError(f"JPEG with samples {image.mode}")
    image.load()
    return image


def _decode_ranges(ifd: Ifd) -> Sequence[tuple[Fraction, Fraction]]:
    values = [Fraction(value) for value in ifd.fields.get(DECODE, ())]
    pairs = list(zip(values[::2], values[1::2], strict=False))
    return pairs if len(pairs) in {1, 3} else _DEFAULT_DECODE


def _in_srgb(page: Image.Image, ranges: Sequence[tuple[Fraction, Fraction]]) -> Image.Image:
    """Return the page in RGB, or in L for lightness alone."""
    lightness = _table(*ranges[0], scale=Fraction(255, 100), zero=0)
    if page.mode == "L" or len(ranges) < 3:
        level = page if page.mode == "L" else page.getchannel(0)
        flat = Image.new("L", page.size, 128)
        lab = Image.merge("LAB", (level.point(lightness), flat, flat))
        return ImageCms.applyTransform(lab, _to_srgb()).getchannel("G")  # type: ignore[union-attr]
    tables = (lightness, *(_table(*pair, scale=Fraction(1), zero=128) for pair in ranges[1:3]))
    bands = [band.point(table) for band, table in zip(page.split(), tables, strict=True)]
    shown = ImageCms.applyTransform(Image.merge("LAB", bands), _to_srgb())
    assert shown is not None, "not in place, so there is a result"
    return shown


def _table(low: Fraction, high: Fraction, *, scale: Fraction, zero: int) -> list[int]:
    """Return for each sample the octet of littleCMS's Lab: value = low + sample * (high - low) / 255."""
    values = (low + sample * (high - low) / 255 for sample in range(256))
    return [max(0, min(255, round(value * scale) + zero)) for value in values]


@functools.lru_cache(maxsize=1)
def _to_srgb() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
