"""A page of TIFF-FX profile M: a mask over a background and a foreground (RFC 3949, 8; ITU-T T.44, mode 1).

The mask is the primary IFD, in any bi-level coding; the background is a child in the coding of profile C; the
foreground is one too, or a single colour. All have stripes of the same height.
"""

import io
from collections.abc import Sequence
from fractions import Fraction

from PIL import Image

from conneg.content.colour import encode_itulab, itulab_page, lab_from_srgb
from conneg.content.jpegdata import as_facsimile
from conneg.content.layers import take_apart
from conneg.content.page import Pixels, Raster
from conneg.content.tiff import Field, FieldType, Tag
from conneg.content.tiff.tree import Leaf
from conneg.content.writers.bilevel import FILL_ORDER, BilevelCoding, bilevel_strip
from conneg.content.writers.terms import colour_pixels

STRIPE_LINES = 256
"""Lines of a stripe of more than one layer, where no more are agreed upon (RFC 3949, 8.1; RFC 2879, A.15)."""

_LAYER_DPI = {200: 200, 300: 300, 400: 200}
"""Resolution of the coloured layers by the mask's: of whole-numbered parts, the finest that every receiver has."""

_QUALITY = 85
_BACKGROUND, _MASK, _FOREGROUND = 1, 2, 3
_JPEG, _NONE = 7, 1
_MIN_IS_WHITE, _ITULAB = 0, 10


def mrc_page(
    raster: Raster, coding: BilevelCoding, stripe_lines: int, page: tuple[int, int]
) -> tuple[Leaf, tuple[Leaf, ...]]:
    """Return mask and children of a page; `page` is its number from 0, and the number of pages.

    The raster has square pixels, 200, 300 or 400 an inch. Raises CodingError or JbigError as the coding does.
    """
    dpi = int(raster.dpi_x)
    divisor = dpi // _LAYER_DPI[dpi]
    lines = max(divisor, min(stripe_lines, STRIPE_LINES) // divisor * divisor)
    layers = take_apart(colour_pixels(raster), dpi, divisor)
    size, numbered = (raster.width, raster.height), _short(Tag.PAGE_NUMBER, *page)
    parts = [
        bilevel_strip(layers.mask[top : top + lines], raster.width, raster.dpi_y, coding)
        for top in range(0, raster.height, lines)
    ]
    mask = Leaf(
        (
            *_common(18, size, dpi, lines, (_MASK, 1)),
            *_samples(parts[0].compression, _MIN_IS_WHITE, FILL_ORDER, 1, 1),
            parts[0].options,
            numbered,
        ),
        tuple(part.octets for part in parts),
    )
    background = _image(layers.background, dpi // divisor, lines // divisor, _BACKGROUND, numbered)
    if isinstance(layers.foreground, tuple):
        return mask, (background, _colour(layers.foreground, size, dpi, numbered))
    return mask, (
        background,
        _image(layers.foreground, dpi // divisor, lines // divisor, _FOREGROUND, numbered),
    )


def _image(pixels: Pixels, dpi: int, lines: int, layer: int, numbered: Field) -> Leaf:
    """Return a layer as JPEG in ITULAB, a JPEG image for every stripe."""
    height, width = pixels.shape[:2]
    fields = (
        *_common(16, (width, height), dpi, lines, (layer, 1)),
        *_samples(_JPEG, _ITULAB, 1, 3, 8),
        *_at_the_corner(),
        _short(Tag.CHROMA_SUBSAMPLING, 2, 2),
        _short(Tag.CHROMA_POSITIONING, 1),
        numbered,
    )
    strips = [_jpeg(pixels[top : top + lines], dpi) for top in range(0, height, lines)]
    return Leaf(fields, tuple(strips))


def _colour(srgb: tuple[int, int, int], size: tuple[int, int], dpi: int, numbered: Field) -> Leaf:
    """Return a foreground of one colour: an IFD without data (RFC 3949, 8.2.1)."""
    itulab = encode_itulab(lab_from_srgb(srgb))
    fields = (
        *_common(16, size, dpi, size[1], (_FOREGROUND, 1)),
        *_samples(_NONE, _ITULAB, 1, 3, 8),
        *_at_the_corner(),
        _short(Tag.IMAGE_BASE_COLOR, *(int(value) for value in itulab)),
        numbered,
    )
    return Leaf(fields, (b"",))


def _jpeg(pixels: Pixels, dpi: int) -> bytes:
    out = io.BytesIO()
    page: Image.Image = itulab_page(pixels)
    page.save(out, "JPEG", quality=_QUALITY, subsampling=2, optimize=True)
    return as_facsimile(out.getvalue(), dpi)


def _common(
    subfile: int, size: tuple[int, int], dpi: int, lines: int, layer: tuple[int, int]
) -> Sequence[Field]:
    return (
        _long(Tag.NEW_SUBFILE_TYPE, subfile),
        _long(Tag.IMAGE_WIDTH, size[0]),
        _long(Tag.IMAGE_LENGTH, size[1]),
        _long(Tag.ROWS_PER_STRIP, lines),
        Field(Tag.X_RESOLUTION, FieldType.RATIONAL, (Fraction(dpi),)),
        Field(Tag.Y_RESOLUTION, FieldType.RATIONAL, (Fraction(dpi),)),
        _short(Tag.RESOLUTION_UNIT, 2),
        Field(Tag.IMAGE_LAYER, FieldType.LONG, layer),
    )


def _samples(compression: int, photometric: int, fill_order: int, samples: int, bits: int) -> Sequence[Field]:
    return (
        _short(Tag.COMPRESSION, compression),
        _short(Tag.PHOTOMETRIC_INTERPRETATION, photometric),
        _short(Tag.FILL_ORDER, fill_order),
        _short(Tag.SAMPLES_PER_PIXEL, samples),
        _short(Tag.BITS_PER_SAMPLE, *[bits] * samples),
    )


def _at_the_corner() -> Sequence[Field]:
    return tuple(Field(tag, FieldType.RATIONAL, (Fraction(0),)) for tag in (Tag.X_POSITION, Tag.Y_POSITION))


def _short(tag: Tag, *values: int) -> Field:
    return Field(tag, FieldType.SHORT, values)


def _long(tag: Tag, value: int) -> Field:
    return Field(tag, FieldType.LONG, (value,))
