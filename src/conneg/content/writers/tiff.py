"""TIFF-FX files: profiles S, F (MH, MR, MMR), J (JBIG) and C (JPEG in ITULAB), exactly to the tag (RFC 3949, 3 to 6).

Every file has the layout of profile S, which satisfies all three values of `image-file-structure`; the bi-level ones
have its fields and its bit order too, whatever their coding.
"""

import functools
import io
from fractions import Fraction
from pathlib import Path

from PIL import Image

from conneg.content.codings import Coding
from conneg.content.colour import DEFAULT_DECODE, Decode, itulab_page, lightness_page
from conneg.content.errors import ConversionError
from conneg.content.fidelity import unlike
from conneg.content.halftone import bilevel
from conneg.content.jpegdata import as_facsimile
from conneg.content.page import Raster
from conneg.content.rendition import RenditionFile
from conneg.content.tiff import Field, FieldType, Tag, TiffContainer
from conneg.content.tiff.rules import COARSEST_MASK_DPI, JPEG, bilevel_widths, colour_widths
from conneg.content.tiff.tree import tree_octets
from conneg.content.tiff_features import expression_of_tiff
from conneg.content.writers.bilevel import FILL_ORDER, BilevelCoding, bilevel_coding, bilevel_strip
from conneg.content.writers.mrc import STRIPE_LINES, mrc_page
from conneg.content.writers.terms import (
    Shades,
    colour_pixels,
    grey_pixels,
    number_of,
    quality_of,
    shades_of,
    text_of,
)
from conneg.features import FeatureCollection

QUALITY = 85
"""Of JPEG, on libjpeg's scale: letters on a photograph stay clear, and twice the octets show nothing more."""

_BYTES_FIRST = 1
_ITULAB, _MIN_IS_WHITE = 10, 0


class TiffWriter:
    """One TIFF file of all pages, or of a span of them, at `path`."""

    def __init__(
        self,
        target: FeatureCollection,
        path: Path,
        media_type: str,
        page_total: int,
        span: tuple[int, int] | None = None,
    ) -> None:
        self._first, self._end = span or (0, page_total)
        self._target = target
        self._media_type = media_type
        self._total = page_total
        self._coding = _coding(target, media_type)
        self._layered = (number_of(target, "MRC-mode") or 0) >= 1
        self._container = TiffContainer(path)

    def add(self, raster: Raster) -> None:
        """Write one page."""
        if self._layered:
            self._add_layers(raster)
        elif self._coding is None:
            self._add_colour(raster)
        else:
            self._add_bilevel(raster, self._coding)

    def finish(self) -> list[RenditionFile]:
        """Complete the file."""
        pages, path = self._container.pages, self._container.path
        if pages != self._end - self._first:
            self.abort()
            raise ConversionError(f"{pages} pages were drawn of {self._end - self._first}")
        self._container.close()
        return [file_of(path, self._target, self._media_type, pages)]

    def abort(self) -> None:
        """Remove the file."""
        self._container.abort()

    @property
    def _number(self) -> int:
        """The page that comes next, counted from 0 through the whole document."""
        return self._first + self._container.pages

    def _add_bilevel(self, raster: Raster, coding: BilevelCoding) -> None:
        _check_width(raster, bilevel_widths(raster.dpi_x, raster.dpi_y))
        packed = raster.bits
        if packed is None:
            grey, dpi = grey_pixels(raster), (float(raster.dpi_x), float(raster.dpi_y))
            packed = bilevel(grey, *dpi)
            raster.unlike = unlike(grey, packed, *dpi)
        strip = bilevel_strip(packed, raster.width, raster.dpi_y, coding)
        fields = [
            *self._fields(raster, strip.compression, _MIN_IS_WHITE, FILL_ORDER),
            _short(Tag.BITS_PER_SAMPLE, 1),
            _short(Tag.SAMPLES_PER_PIXEL, 1),
            strip.options,
        ]
        self._container.add_page(fields, strip.octets)

    def _add_colour(self, raster: Raster) -> None:
        _check_width(raster, colour_widths(raster.dpi_x, raster.dpi_y))
        decode = _decode_for(self._target)
        full = shades_of(self._target, raster) is Shades.FULL
        samples = 3 if full else 1
        whole = text_of(self._target, "color-subsampling") == "1:1:1"
        fields = [
            *self._fields(raster, JPEG, _ITULAB, _BYTES_FIRST),
            _short(Tag.BITS_PER_SAMPLE, *[8] * samples),
            _short(Tag.SAMPLES_PER_PIXEL, samples),
        ]
        if full:
            page = itulab_page(colour_pixels(raster), decode)
            fields.append(_short(Tag.CHROMA_SUBSAMPLING, *((1, 1) if whole else (2, 2))))
            fields.append(_short(Tag.CHROMA_POSITIONING, 1))
        else:
            page = lightness_page(grey_pixels(raster), decode)
        if decode != DEFAULT_DECODE:
            fields.append(Field(Tag.DECODE, FieldType.SRATIONAL, decode[: 2 * samples]))
        jpeg = _jpeg(page, quality_of(self._target, QUALITY), 0 if whole or not full else 2)
        gamut = () if decode == DEFAULT_DECODE else _gamut(decode)[:samples]
        self._container.add_page(fields, as_facsimile(jpeg, int(raster.dpi_x), gamut))

    def _add_layers(self, raster: Raster) -> None:
        """Write a page of profile M; the mask in the target's coding if that is a bi-level one, else in MH."""
        widths = colour_widths(raster.dpi_x, raster.dpi_y) if raster.dpi_x > COARSEST_MASK_DPI else ()
        _check_width(raster, widths)
        stripe_lines = number_of(self._target, "MRC-max-stripe-size")
        mask, children = mrc_page(
            raster,
            self._coding or BilevelCoding(Coding.MH),
            int(stripe_lines) if stripe_lines else STRIPE_LINES,
            (self._number, self._total),
        )
        self._container.add_octets(functools.partial(tree_octets, mask, children))

    def _fields(self, raster: Raster, compression: int, photometric: int, fill_order: int) -> list[Field]:
        """Return the fields that all profiles have (RFC 3949, 2.2.1 and 2.2.2)."""
        return [
            _long(Tag.NEW_SUBFILE_TYPE, 2),
            _long(Tag.IMAGE_WIDTH, raster.width),
            _long(Tag.IMAGE_LENGTH, raster.height),
            _short(Tag.COMPRESSION, compression),
            _short(Tag.PHOTOMETRIC_INTERPRETATION, photometric),
            _short(Tag.FILL_ORDER, fill_order),
            _long(Tag.ROWS_PER_STRIP, raster.height),
            Field(Tag.X_RESOLUTION, FieldType.RATIONAL, (raster.dpi_x,)),
            Field(Tag.Y_RESOLUTION, FieldType.RATIONAL, (raster.dpi_y,)),
            _short(Tag.RESOLUTION_UNIT, 2),
            _short(Tag.PAGE_NUMBER, self._number, self._total),
        ]


def file_of(path: Path, target: FeatureCollection, media_type: str, pages: int) -> RenditionFile:
    """Describe a TIFF file that was made for `target`."""
    paper, structure = text_of(target, "paper-size"), text_of(target, "image-file-structure")
    features = expression_of_tiff(path, media_type, paper, structure)
    return RenditionFile(path, media_type, path.name, features, pages, path.stat().st_size)


def _coding(target: FeatureCollection, media_type: str) -> BilevelCoding | None:
    """Return the bi-level coding, or None for JPEG."""
    stated = text_of(target, "image-coding")
    if stated == "jpeg" or (stated is None and media_type == "image/tiff-fx"):
        return None
    coding = bilevel_coding(target)
    if coding is None:
        raise ConversionError(f"no page of TIFF is written in {stated}")
    return coding


def _check_width(raster: Raster, widths: tuple[int, ...]) -> None:
    """Raise ConversionError for a page that no profile allows (RFC 3949, 4.2.1 and 6.2.1)."""
    if raster.width not in widths:
        resolution = f"{float(raster.dpi_x):g} by {float(raster.dpi_y):g} an inch"
        raise ConversionError(f"no profile of TIFF-FX has {raster.width} pixels a line at {resolution}")


def _decode_for(target: FeatureCollection) -> Decode:
    """Return the Decode values for the target's gamut; the default ones where that is, rounded, the default."""
    names = ("CIELAB-a-min", "CIELAB-a-max", "CIELAB-b-min", "CIELAB-b-max")
    stated = [number_of(target, name) for name in names]
    usual = DEFAULT_DECODE[2:]
    values = [default if value is None else value for value, default in zip(stated, usual, strict=True)]
    if all(abs(value - default) < 1 for value, default in zip(values, usual, strict=True)):
        return DEFAULT_DECODE
    a_low, a_high, b_low, b_high = values
    if a_low >= 0 or b_low >= 0 or a_high - a_low < 1 or b_high - b_low < 1:
        raise ConversionError("the target's gamut leaves no colours")
    return (Fraction(0), Fraction(100), *_with_neutral(a_low, a_high), *_with_neutral(b_low, b_high))


def _with_neutral(low: Fraction, high: Fraction) -> tuple[Fraction, Fraction]:
    """Return a range within `low` to `high`, as wide as a whole number, in which a sample means exactly 0: grey."""
    span = Fraction(int(high - low))
    offset = int(-low * 255 / span)
    lowest = -offset * span / 255
    if lowest + span > high:
        return _with_neutral(low, high - 1)
    return lowest, lowest + span


def _gamut(decode: Decode) -> tuple[tuple[int, int], ...]:
    """Return offset and range of each component, as T.42 has them (RFC 3949, 6.2.3)."""
    spans = [high - low for low, high in zip(decode[::2], decode[1::2], strict=True)]
    return tuple(
        (round(-low * 255 / span), round(span)) for low, span in zip(decode[::2], spans, strict=True)
    )


def _jpeg(page: Image.Image, quality: int, subsampling: int) -> bytes:
    out = io.BytesIO()
    page.save(out, "JPEG", quality=quality, subsampling=subsampling, optimize=True)
    return out.getvalue()


def _short(tag: Tag, *values: int) -> Field:
    return Field(tag, FieldType.SHORT, values)


def _long(tag: Tag, value: int) -> Field:
    return Field(tag, FieldType.LONG, (value,))
