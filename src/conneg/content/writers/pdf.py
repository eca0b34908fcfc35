"""PDF files whose pages are page images: MMR for bi-level pages, JPEG for photographs, Flate for what has few colours.

Every file is PDF/A-2b, for archives (`conneg.content.writers.pdfa`). Each page is as large as its raster is at its
resolution. Written object by object as pages come; only the places of the objects are kept (PDF 1.5, ISO 32000-1: 7.3
to 7.5, 8.9).
"""

import hashlib
import io
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from conneg.content.codings import Coding, StripForm, encode
from conneg.content.errors import ConversionError
from conneg.content.halftone import bilevel, is_bilevel, pack
from conneg.content.page import Raster
from conneg.content.rendition import RenditionFile
from conneg.content.source import NO_TIFF
from conneg.content.writers.pdfa import (
    INTENT,
    METADATA,
    METADATA_ENTRIES,
    PROFILE_ENTRIES,
    fitting,
    profile_stream,
)
from conneg.content.writers.png import png_image
from conneg.content.writers.terms import (
    Shades,
    colour_pixels,
    grey_pixels,
    looks_like_photo,
    quality_of,
    shades_of,
)
from conneg.features import FeatureCollection

QUALITY = 85

_CATALOGUE, _TREE, _METADATA, _PROFILE, _INTENT = range(1, 6)
_FIRST = 6
"""The number of the first page's first object; each page has three."""

_LEVELS = {
    Shades.BINARY: "(color=Binary)",
    Shades.GREY: "(color=Grey) (color-levels=256)",
    Shades.FULL: "(color=Full) (color-levels=16777216)",
}


def pdf_features(shades: Shades) -> str:
    """Return the expression that describes a PDF whose richest page is in `shades`."""
    return f'(& (type="application/pdf") {NO_TIFF} {_LEVELS[shades]})'


class PdfWriter:
    """One PDF file of all pages, at `path`."""

    def __init__(self, target: FeatureCollection, path: Path) -> None:
        self._target = target
        self._path = path
        self._file = path.open("wb")
        self._places = {0: 0}
        self._pages: list[int] = []
        self._shades = Shades.BINARY
        self._digest = hashlib.sha256()
        self._file.write(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")

    def add(self, raster: Raster) -> None:
        """Write one page."""
        shades = shades_of(self._target, raster)
        if list(Shades).index(shades) > list(Shades).index(self._shades):
            self._shades = shades
        image, content, page = (_FIRST + 3 * len(self._pages) + number for number in range(3))
        width, height = map(_points, fitting(*_sides(raster)))
        self._write_stream(image, *_image(raster, shades, quality_of(self._target, QUALITY)))
        self._write_stream(content, b"", b"q %s 0 0 %s 0 0 cm /I Do Q" % (width, height))
        self._write(
            page,
            b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 %s %s]/Contents %d 0 R/Resources<</XObject<</I %d 0 R>>>>>>"
            % (_TREE, width, height, content, image),
        )
        self._pages.append(page)

    def finish(self) -> list[RenditionFile]:
        """Complete the file: catalogue, page tree, cross-reference table."""
        if not self._pages:
            self.abort()
            raise ConversionError("there was no page to write")
        kids = b" ".join(b"%d 0 R" % page for page in self._pages)
        self._write(
            _CATALOGUE,
            b"<</Type/Catalog/Pages %d 0 R/Metadata %d 0 R/OutputIntents[%d 0 R]>>"
            % (_TREE, _METADATA, _INTENT),
        )
        self._write_stream(_METADATA, METADATA_ENTRIES, METADATA)
        self._write_stream(_PROFILE, PROFILE_ENTRIES, profile_stream())
        self._write(_INTENT, INTENT % _PROFILE)
        self._write(_TREE, b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(self._pages), kids))
        start, size = self._file.tell(), len(self._places)
        self._file.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
        self._file.writelines(b"%010d 00000 n \n" % self._places[number] for number in range(1, size))
        name = self._digest.hexdigest()[:32].encode()
        self._file.write(b"trailer\n<</Size %d/Root %d 0 R/ID[<%s><%s>]>>\n" % (size, _CATALOGUE, name, name))
        self._file.write(b"startxref\n%d\n%%%%EOF\n" % start)
        self._file.close()
        features = pdf_features(self._shades)
        octets = self._path.stat().st_size
        return [
            RenditionFile(self._path, "application/pdf", self._path.name, features, len(self._pages), octets)
        ]

    def abort(self) -> None:
        """Remove the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _write(self, number: int, body: bytes) -> None:
        self._places[number] = self._file.tell()
        self._digest.update(body)
        self._file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))

    def _write_stream(self, number: int, entries: bytes, octets: bytes) -> None:
        self._write(number, b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(octets), octets))


def _sides(raster: Raster) -> tuple[float, float]:
    """Return width and height in PDF's unit, a 72nd of an inch."""
    return float(72 * raster.width / raster.dpi_x), float(72 * raster.height / raster.dpi_y)


def _points(length: float) -> bytes:
    """Return a length as PDF writes it, to a ten-thousandth."""
    return f"{length:.4f}".rstrip("0").rstrip(".").encode()


def _image(raster: Raster, shades: Shades, quality: int) -> tuple[bytes, bytes]:
    """Return the dictionary entries and the octets of the page's image."""
    size = b"/Type/XObject/Subtype/Image/Width %d/Height %d" % (raster.width, raster.height)
    if shades is Shades.BINARY or (not raster.is_colour and is_bilevel(raster.pixels)):
        entries, octets = _bilevel_image(raster)
    elif looks_like_photo(raster.pixels):
        entries, octets = _jpeg_image(raster, shades, quality)
    else:
        entries, octets = _flate_image(png_image(raster, shades))
    return size + entries, octets


def _bilevel_image(raster: Raster) -> tuple[bytes, bytes]:
    grey = grey_pixels(raster)
    resolution = float(raster.dpi_x), float(raster.dpi_y)
    packed = pack(grey > 0) if is_bilevel(grey) else bilevel(grey, *resolution)
    strip = encode(packed, StripForm(raster.width, raster.height, Coding.MMR))
    parameters = b"<</K -1/Columns %d/Rows %d>>" % (raster.width, raster.height)
    return b"/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms" + parameters, strip


def _jpeg_image(raster: Raster, shades: Shades, quality: int) -> tuple[bytes, bytes]:
    full = shades is Shades.FULL and raster.is_colour
    out = io.BytesIO()
    image = Image.fromarray(colour_pixels(raster) if full else grey_pixels(raster))
    image.save(out, "JPEG", quality=quality, subsampling=2, optimize=True)
    space = b"/ColorSpace/DeviceRGB" if full else b"/ColorSpace/DeviceGray"
    return space + b"/BitsPerComponent 8/Filter/DCTDecode", out.getvalue()


def _flate_image(image: Image.Image) -> tuple[bytes, bytes]:
    if image.mode == "P":
        palette = bytes(image.getpalette("RGB") or b"")
        colours = len(palette) // 3
        space = b"[/Indexed/DeviceRGB %d<%s>]" % (colours - 1, palette.hex().encode())
    else:
        space = b"/DeviceRGB" if image.mode == "RGB" else b"/DeviceGray"
    octets = zlib.compress(np.ascontiguousarray(np.asarray(image)).tobytes(), 6)
    return b"/ColorSpace%s/BitsPerComponent 8/Filter/FlateDecode" % space, octets
