"""JPEG files, one a page: colour or grey, baseline, resolution stated."""

from fractions import Fraction
from pathlib import Path

from PIL import Image

from conneg.content.errors import ConversionError
from conneg.content.page import Raster
from conneg.content.rendition import RenditionFile
from conneg.content.writers.images import ImageFiles, whole_dpi
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
"""On libjpeg's scale: beyond it the file grows and nothing shows."""

_HALVED, _WHOLE = 2, 0
"""Pillow's numbers for chroma of half the resolution both ways, and for as many samples as pixels."""


class JpegWriter:
    """JPEG files named `stem` in `out_dir`."""

    def __init__(self, target: FeatureCollection, out_dir: Path, stem: str, page_total: int) -> None:
        self._target = target
        self._files = ImageFiles(out_dir, stem, "jpg", "image/jpeg", page_total)

    def add(self, raster: Raster) -> None:
        """Write one page."""
        if shades_of(self._target, raster) is Shades.BINARY:
            raise ConversionError("JPEG holds no bi-level pages")
        across, down = whole_dpi(raster)
        self._files.write(raster, self._save, (Fraction(across), Fraction(down)), full=True)

    def finish(self) -> list[RenditionFile]:
        """Return the files."""
        return self._files.finish()

    def abort(self) -> None:
        """Remove the files."""
        self._files.abort()

    def _save(self, raster: Raster, path: Path) -> Image.Image:
        full = shades_of(self._target, raster) is Shades.FULL
        pixels = colour_pixels(raster) if full else grey_pixels(raster)
        image = Image.fromarray(pixels)
        subsampling = _HALVED if looks_like_photo(pixels) else _WHOLE
        quality = quality_of(self._target, QUALITY)
        image.save(
            path, "JPEG", quality=quality, subsampling=subsampling, optimize=True, dpi=whole_dpi(raster)
        )
        return image
