"""Pages of TIFF-FX profile M put together: where the mask is 1 the foreground, elsewhere the background (RFC 3949, 8).

Layers lie where XPosition and YPosition say, later orders over earlier ones, coarser ones enlarged to the mask's
pixels; a foreground that is not there is black, a background white. Work and memory are bounded by the page's size and
the number of layers.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from conneg.content import jbig
from conneg.content.codings import Coding, CodingError, StripForm, decode, reversed_bits
from conneg.content.colour import decode_itulab, srgb_from_lab
from conneg.content.errors import ContentRefusedError
from conneg.content.readers import itulab
from conneg.content.readers.faxtags import (
    COMPRESSION,
    FILL_ORDER,
    IMAGE_LAYER,
    LENGTH,
    PHOTOMETRIC,
    STRIP_COUNTS,
    STRIP_OFFSETS,
    T4_OPTIONS,
    WIDTH,
    resolution,
)
from conneg.content.readers.tiffdir import Ifd, read_children

_ROWS_PER_STRIP, _X_POSITION, _Y_POSITION, _BASE_COLOUR, _ROW_COUNTS = 278, 286, 287, 434, 559
_BACKGROUND, _MASK, _FOREGROUND = 1, 2, 3
_COLOUR_ONLY, _JPEG, _JBIG, _JBIG_COLOUR = 1, 7, 9, 10
_ONE_REVERSED = b"\x80"


def is_layered(ifd: Ifd) -> bool:
    """Whether the page is one of profile M."""
    return IMAGE_LAYER in ifd.fields


def decode_page(path: Path, byte_order: str, ifd: Ifd, place: str) -> Image.Image:
    """Return the page in sRGB. Check its size before.

    Raises ContentRefusedError, which begins with `place`, ValueError or OSError on damage.
    """
    try:
        children = read_children(path, byte_order, ifd)
        layers = sorted((ifd, *children), key=lambda layer: layer.fields.get(IMAGE_LAYER, (0,)))
        canvas = _canvas(path, ifd, [layer for layer in layers if _layer(layer) == _BACKGROUND], "white")
        if _layer(ifd) != _MASK:
            return canvas
        front = _canvas(path, ifd, [layer for layer in layers if _layer(layer) == _FOREGROUND], "black")
        canvas.paste(front, (0, 0), _mask(path, ifd))
    except (jbig.JbigError, CodingError, ContentRefusedError) as error:
        raise ContentRefusedError(f"{place}: {error}") from error
    return canvas


def _layer(ifd: Ifd) -> int:
    return ifd.number(IMAGE_LAYER, 0)


def _canvas(path: Path, page: Ifd, layers: list[Ifd], colour: str) -> Image.Image:
    """Return the foreground or background of the page, in the page's pixels."""
    canvas = Image.new("RGB", (page.number(WIDTH, 0), page.number(LENGTH, 0)), colour)
    for layer in layers:
        if layer.number(COMPRESSION, 0) == _COLOUR_ONLY:
            canvas.paste(_base_colour(layer), _box(page, layer))
            continue
        if not itulab.is_itulab(layer):
            known = layer.number(COMPRESSION, 0) == _JBIG_COLOUR
            kind = "JBIG by T.43 (profile L)" if known else f"Compression {layer.number(COMPRESSION, 0)}"
            raise ContentRefusedError(f"a layer of TIFF-FX in {kind} cannot be read")
        left, top, right, bottom = _box(page, layer)
        for lines, at, strip in _colour_strips(path, layer):
            scale = Fraction(bottom - top, layer.number(LENGTH, 0))
            above, below = top + round(at * scale), top + round((at + lines) * scale)
            size = (right - left, below - above)
            shown = strip if strip.size == size else strip.resize(size, Image.Resampling.BILINEAR)
            canvas.paste(shown, (left, above))
    return canvas


def _box(page: Ifd, layer: Ifd) -> tuple[int, int, int, int]:
    """Return where the layer lies, in the page's pixels; it may not be larger than a page and a cell."""
    own, its = resolution(page), resolution(layer)
    if own is None or its is None:
        raise ValueError("a layer without its resolution")
    left = round((layer.fraction(_X_POSITION) or 0) * own[0])
    top = round((layer.fraction(_Y_POSITION) or 0) * own[1])
    width, height = (
        round(layer.number(WIDTH, 0) * own[0] / its[0]),
        round(layer.number(LENGTH, 0) * own[1] / its[1]),
    )
    room = max(own[0] / its[0], own[1] / its[1]) + 1
    if left + width > page.number(WIDTH, 0) + room or top + height > page.number(LENGTH, 0) + room:
        raise ValueError("a layer reaches beyond its page")
    if width < 1 or height < 1 or its[0] > own[0] or its[1] > own[1]:
        raise ValueError("a layer without pixels, or finer than its page")
    return left, top, left + width, top + height


def _base_colour(layer: Ifd) -> tuple[int, int, int]:
    """Return the colour of an IFD without data; ITULAB of eight bits (RFC 3949, 8.2.2)."""
    values = layer.fields.get(_BASE_COLOUR, ())
    if len(values) != 3:
        raise ValueError("a layer without data and without ImageBaseColor")
    red, green, blue = srgb_from_lab(decode_itulab([int(value) for value in values])).round().astype(int)
    return int(red), int(green), int(blue)


def _strips(ifd: Ifd) -> Iterator[tuple[int, int, int, int]]:
    """Yield the lines, first line, offset and octets of each strip that has data."""
    offsets, counts = ifd.fields.get(STRIP_OFFSETS, ()), ifd.fields.get(STRIP_COUNTS, ())
    length = ifd.number(LENGTH, 0)
    rows = ifd.fields.get(_ROW_COUNTS, ())
    if not rows:
        each = max(1, min(ifd.number(_ROWS_PER_STRIP, length), length))
        rows = tuple(min(each, length - top) for top in range(0, length, each))[: len(offsets)]
    if not offsets or len({len(offsets), len(counts), len(rows)}) != 1 or sum(rows) != length:
        raise ValueError("strips that do not make up their layer")
    at = 0
    for offset, count, lines in zip(offsets, counts, rows, strict=True):
        if count and lines:
            yield int(lines), at, int(offset), int(count)
        at += int(lines)


def _colour_strips(path: Path, layer: Ifd) -> Iterator[tuple[int, int, Image.Image]]:
    """Yield the lines, first line and pixels in sRGB of each strip."""
    for lines, at, offset, count in _strips(layer):
        fields = {**layer.fields, STRIP_OFFSETS: (offset,), STRIP_COUNTS: (count,), LENGTH: (lines,)}
        strip = itulab.decode(path, replace(layer, fields=fields))
        if strip.size != (layer.number(WIDTH, 0), lines):
            raise ValueError("a strip of another size than its layer")
        yield lines, at, strip.convert("RGB")


def _mask(path: Path, ifd: Ifd) -> Image.Image:
    """Return the mask: white where the foreground is to be seen."""
    width = ifd.number(WIDTH, 0)
    mask = np.zeros((ifd.number(LENGTH, 0), (width + 7) // 8), dtype=np.uint8)
    with path.open("rb") as file:
        for lines, at, offset, count in _strips(ifd):
            file.seek(offset)
            mask[at : at + lines] = _mask_strip(ifd, file.read(count), width, lines)
    if ifd.number(PHOTOMETRIC, 0) == 1:
        mask = ~mask
    return Image.frombytes("1", (width, len(mask)), mask.tobytes())


def _mask_strip(
    ifd: Ifd, strip: bytes, width: int, lines: int
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Return a strip of the mask, packed."""
    coding = ifd.number(COMPRESSION, 0)
    if coding == _JBIG:
        bie = reversed_bits(strip) if strip[2:3] == _ONE_REVERSED else strip
        page = jbig.decode(bie, width, lines)
        if page.height != lines:
            raise ValueError(f"a strip of {page.height} lines that should have {lines}")
        return np.frombuffer(page.lines, dtype=np.uint8).reshape(lines, -1)
    if coding not in {3, 4}:
        raise ContentRefusedError(f"a mask of TIFF-FX in Compression {coding} cannot be read")
    two_dimensional = ifd.number(T4_OPTIONS, 0) & 1
    form = StripForm(
        width,
        lines,
        Coding.MMR if coding == 4 else Coding.MR if two_dimensional else Coding.MH,
        bool(ifd.number(T4_OPTIONS, 0) & 4),
    )
    return decode(reversed_bits(strip) if ifd.number(FILL_ORDER, 1) == 2 else strip, form)
