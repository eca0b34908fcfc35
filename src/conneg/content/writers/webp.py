"""WebP files, one a page: lossless for text and drawings, lossy for photographs. WebP states no resolution."""

from pathlib import Path

from PIL import Image

from conneg.content.errors import ConversionError
from conneg.content.page import Raster
from conneg.content.rendition import RenditionFile
from conneg.content.writers.images import ImageFiles
from conneg.content.writers.terms import (
    Shades,
    colour_pixels,
    grey_pixels,
    looks_like_photo,
    quality_of,
    shades_of,
)
from conneg.features import FeatureCollection

QUALITY = 82
"""On libwebp's scale: about what 85 is on libjpeg's."""

_EFFORT = 40
"""How hard libwebp tries where nothing may be lost; more takes twice the time for two octets in a hundred."""

_MOST_PIXELS = 16_383
"""A side of a WebP image has no more."""


class WebpWriter:
    """WebP files named `stem` in `out_dir`."""

    def __init__(self, target: FeatureCollection, out_dir: Path, stem: str, page_total: int) -> None:
        self._target = target
        self._files = ImageFiles(out_dir, stem, "webp", "image/webp", page_total)

    def add(self, raster: Raster) -> None:
        """Write one page."""
        if shades_of(self._target, raster) is Shades.BINARY:
            raise ConversionError("WebP holds no bi-level pages")
        if max(raster.width, raster.height) > _MOST_PIXELS:
            raise ConversionError(f"WebP holds no side of more than {_MOST_PIXELS} pixels")
        self._files.write(raster, self._save, None, full=True)

    def finish(self) -> list[RenditionFile]:
        """Return the files."""
        return self._files.finish()

    def abort(self) -> None:
        """Remove the files."""
        self._files.abort()

    def _save(self, raster: Raster, path: Path) -> Image.Image:
        full = shades_of(self._target, raster) is Shades.FULL
        page = Image.fromarray(colour_pixels(raster) if full else grey_pixels(raster))
        photo = looks_like_photo(raster.pixels)
        quality = quality_of(self._target, QUALITY) if photo else _EFFORT
        page.convert("RGB").save(path, "WEBP", quality=quality, lossless=not photo, method=2)
        return page
