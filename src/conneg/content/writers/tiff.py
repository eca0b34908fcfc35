"""TIFF-FX: profiles S and F (bi-level, MH, MR, MMR) and C (JPEG in CIELAB), each page written as it comes.

RFC 3949: section 3 (S), 4 (F), 6 (C); which fields a profile demands stands in its sections 2.2 and 4.2.
"""

import io
from fractions import Fraction
from pathlib import Path

from PIL import Image

from conneg.content.codings import REVERSED_BITS, Coding, encode_bits
from conneg.content.colour import to_itulab
from conneg.content.errors import ConversionError
from conneg.content.halftone import in_grey, to_bits
from conneg.content.page import Raster
from conneg.content.readers.faxtags import describe
from conneg.content.readers.tiffdir import read_directory
from conneg.content.rendition import RenditionFile
from conneg.content.tiff import TiffField, TiffFile, long, rational, short
from conneg.content.writers import word
from conneg.features import FeatureCollection, feature_set

_QUALITY = 80
_G3FAX = b"\xff\xe1\x00\x0cG3FAX\x00\x07\xca"
"""The APP1 marker of colour facsimile (T.4 Annex E): its name, version 1994; the resolution follows."""


class TiffFxWriter:
    """One TIFF-FX file of all pages, in the profile that the target's coding and colour make."""

    def __init__(self, target: FeatureCollection, out_dir: Path, stem: str, page_total: int) -> None:
        coding = (word(target, "image-coding") or "mh").upper()
        self._jpeg = coding == "JPEG"
        if not self._jpeg and coding not in Coding.__members__:
            raise ConversionError(f"no writer makes TIFF in {coding}")
        self._coding = None if self._jpeg else Coding[coding]
        self._grey = word(target, "color") == "grey"
        self._subsampled = word(target, "color-subsampling") != "1:1:1"
        self._media_type = "image/tiff-fx" if self._jpeg else "image/tiff"
        self._path = out_dir / f"{stem}.{'tfx' if self._jpeg else 'tif'}"
        self._file = TiffFile(self._path)
        self._total = page_total
        self._pages = 0

    def add(self, raster: Raster) -> None:
        """Write one page."""
        fields, strip = (
            self._jpeg_page(raster) if self._coding is None else self._bilevel_page(raster, self._coding)
        )
        self._file.add_page([*self._common(raster), *fields], strip)
        self._pages += 1

    def finish(self) -> list[RenditionFile]:
        """Close the file and describe it by reading it back."""
        self._file.close()
        directory = read_directory(self._path, self._pages)
        colour = "Binary" if self._coding else ("Grey" if self._grey else "Full")
        kinds = dict.fromkeys(describe(directory, index, colour) for index in range(self._pages))
        pages = [f'(& (type="{self._media_type}") {terms})' for terms in kinds]
        expression = pages[0] if len(pages) == 1 else f"(| {' '.join(pages)})"
        return [
            RenditionFile(
                self._path,
                self._media_type,
                self._path.name,
                str(feature_set(expression)),
                pages=self._pages,
                octets=self._path.stat().st_size,
            )
        ]

    def _common(self, raster: Raster) -> list[TiffField]:
        """The fields of every profile (RFC 3949 2.2.1, 2.2.2) that do not depend on the coding."""
        return [
            long(254, 2),  # NewSubfileType: a page of several, also when it is the only one
            long(256, raster.width),
            long(257, raster.height),
            long(278, raster.height),  # RowsPerStrip: one strip
            rational(282, _resolution(raster.dpi_x)),
            rational(283, _resolution(raster.dpi_y)),
            short(296, 2),  # ResolutionUnit: inch
            short(297, self._pages, self._total),
        ]

    def _bilevel_page(self, raster: Raster, coding: Coding) -> tuple[list[TiffField], bytes]:
        bits = to_bits(in_grey(raster), float(raster.dpi_x), float(raster.dpi_y))
        strip = encode_bits(bits, raster.width, raster.height, coding).translate(REVERSED_BITS)
        options = long(293, 0) if coding.t4_options is None else long(292, coding.t4_options)
        fields = [
            short(258, 1),
            short(259, coding.compression),
            short(262, 0),  # Photometric: 0 is white
            short(266, 2),  # FillOrder: least significant bit first, as the line sends it
            short(277, 1),
            options,
        ]
        return fields, strip

    def _jpeg_page(self, raster: Raster) -> tuple[list[TiffField], bytes]:
        picture = Image.fromarray(raster.pixels)
        if self._grey and picture.mode != "L":
            picture = picture.convert("L")
        samples = to_itulab(picture)
        count = 1 if samples.mode == "L" else 3
        factor = 2 if self._subsampled else 1
        fields = [
            short(258, *[8] * count),
            short(259, 7),
            short(262, 10),  # Photometric: ITULAB
            short(266, 1),
            short(277, count),
        ]
        if count == 3:
            fields += [short(530, factor, factor), short(531, 1)]
        return fields, _encode_jpeg(samples, factor, raster.dpi_x)


def _encode_jpeg(samples: Image.Image, factor: int, dpi: Fraction) -> bytes:
    """Return baseline JPEG of the samples as they are, with facsimile's marker in the place of JFIF's."""
    file = io.BytesIO()
    subsampling = "4:2:0" if factor == 2 else "4:4:4"
    if samples.mode == "L":
        samples.save(file, "JPEG", quality=_QUALITY, optimize=True)
    else:
        samples.save(file, "JPEG", quality=_QUALITY, optimize=True, subsampling=subsampling)
    octets = file.getvalue()
    assert octets[:4] == b"\xff\xd8\xff\xe0", "libjpeg begins with SOI and APP0"
    end_of_app0 = 4 + int.from_bytes(octets[4:6], "big")
    return octets[:2] + _G3FAX + int(dpi).to_bytes(2, "big") + octets[end_of_app0:]


def _resolution(dpi: Fraction) -> Fraction:
    """Return the nominal resolution: 98, 196, 204 and so on are whole numbers of the inch."""
    return Fraction(round(dpi)) if abs(dpi - round(dpi)) < Fraction(1, 2) else dpi
