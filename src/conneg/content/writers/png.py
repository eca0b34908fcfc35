"""PNG files, one a page: bi-level, grey or colour, with a palette where the page has few colours."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from conneg.content.halftone import bilevel, unpack
from conneg.content.page import Pixels, Raster
from conneg.content.rendition import RenditionFile
from conneg.content.writers.images import ImageFiles, whole_dpi
from conneg.content.writers.terms import Shades, colour_pixels, grey_pixels, looks_like_photo, shades_of
from conneg.features import FeatureCollection

_PALETTE = 256
_QUICK, _THOROUGH = 3, 6
"""zlib's levels: on a photograph more than the third costs five times the time for a few octets in a hundred."""

_FEW_GREYS = 16
"""So many shades or fewer fit into half an octet a pixel or less, as a palette."""


class PngWriter:
    """PNG files named `stem` in `out_dir`."""

    def __init__(self, target: FeatureCollection, out_dir: Path, stem: str, page_total: int) -> None:
        self._target = target
        self._files = ImageFiles(out_dir, stem, "png", "image/png", page_total)

    def add(self, raster: Raster) -> None:
        """Write one page."""
        across, down = whole_dpi(raster)
        full = shades_of(self._target, raster) is Shades.FULL
        self._files.write(raster, self._save, (Fraction(across), Fraction(down)), full)

    def finish(self) -> list[RenditionFile]:
        """Return the files."""
        return self._files.finish()

    def abort(self) -> None:
        """Remove the files."""
        self._files.abort()

    def _save(self, raster: Raster, path: Path) -> Image.Image:
        image = png_image(raster, shades_of(self._target, raster))
        level = _QUICK if looks_like_photo(raster.pixels) else _THOROUGH
        image.save(path, "PNG", dpi=whole_dpi(raster), compress_level=level)
        return image


def png_image(raster: Raster, shades: Shades) -> Image.Image:
    """Return the smallest image that holds the raster in `shades` without loss."""
    if shades is Shades.BINARY:
        packed = bilevel(grey_pixels(raster), float(raster.dpi_x), float(raster.dpi_y))
        return Image.fromarray(unpack(packed, raster.width))
    if shades is Shades.GREY:
        return _grey_image(grey_pixels(raster))
    return _colour_image(colour_pixels(raster))


def _grey_image(grey: Pixels) -> Image.Image:
    shades = np.flatnonzero(np.bincount(grey.ravel(), minlength=256))
    if len(shades) > _FEW_GREYS:
        return Image.fromarray(grey)
    places = np.zeros(256, dtype=np.uint8)
    places[shades] = np.arange(len(shades))
    return _with_palette(places[grey], np.repeat(shades, 3).astype(np.uint8))


def _colour_image(pixels: Pixels) -> Image.Image:
    image = Image.fromarray(pixels)
    counted = image.getcolors(_PALETTE)
    if counted is None:
        return image
    colours = np.array([colour for _, colour in counted], dtype=np.uint32)
    table = np.zeros(1 << 24, dtype=np.uint8)  # pages of memory that no colour falls into are never touched
    table[(colours[:, 0] << 16) | (colours[:, 1] << 8) | colours[:, 2]] = np.arange(len(colours))
    wide = pixels.astype(np.uint32)
    return _with_palette(
        table[(wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]], colours.astype(np.uint8)
    )


def _with_palette(places: Pixels, palette: Pixels) -> Image.Image:
    image = Image.frombytes("P", (places.shape[1], places.shape[0]), places.tobytes())
    image.putpalette(palette.tobytes())
    return image
