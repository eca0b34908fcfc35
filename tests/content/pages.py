"""Page images for the tests of writers: text, photographs, and targets in all forms."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from conneg.content.page import Pixels, Raster
from conneg.features import FeatureCollection, collection

LINES_A4 = {98: 1146, 100: 1169, 196: 2292, 200: 2339, 300: 3508, 391: 4572, 400: 4677}


def text(width: int = 1728, height: int = 500, shade: int = 0) -> Pixels:
    """Return a grey page with lines of type of one shade."""
    page = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(24)
    for top in range(40, height - 40, 36):
        draw.text((60, top), "The quick brown fox jumps over the lazy dog 0123456789", font=font, fill=shade)
    return np.asarray(page)


def photo(width: int = 1728, height: int = 800) -> Pixels:
    """Return a grey picture: soft shapes, with grain."""
    down, across = np.mgrid[0:height, 0:width]
    shapes = (np.sin(across / 90) + np.cos(down / 130) + 2) * 55 + 15
    grain = np.random.default_rng(7).normal(0, 4, shapes.shape)
    return np.clip(shapes + grain, 0, 255).astype(np.uint8)


def colourful(width: int = 1728, height: int = 800) -> Pixels:
    """Return a picture in sRGB."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[..., 0] = photo(width, height)
    pixels[..., 1] = np.linspace(0, 255, width, dtype=np.uint8)
    pixels[..., 2] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    return pixels


def drawing(width: int = 400, height: int = 300) -> Pixels:
    """Return a page of few colours in sRGB."""
    pixels = np.full((height, width, 3), 255, dtype=np.uint8)
    pixels[20:80, 30:200] = (200, 0, 0)
    pixels[100:160, 30:300] = (0, 0, 160)
    return pixels


def bars(width: int, height: int) -> npt.NDArray[np.bool_]:
    """Return truth for white: bars of all widths."""
    return (np.arange(width)[None, :] // (1 + np.arange(height)[:, None] % 37)) % 2 == 0


def raster(pixels: Pixels, dpi_x: int = 204, dpi_y: int = 196) -> Raster:
    return Raster(pixels, Fraction(dpi_x), Fraction(dpi_y))


def fax_target(
    coding: str = "MH", dpi_x: int = 204, dpi_y: int = 196, structure: str = "TIFF-minimal", paper: str = "A4"
) -> FeatureCollection:
    return collection(
        f'(& (type="image/tiff") (image-file-structure={structure}) (MRC-mode=0) (color=Binary)'
        f" (image-coding={coding}) (dpi={dpi_x}) (dpi-xyratio={dpi_x}/{dpi_y})"
        f" (size-x=2150/254) (paper-size={paper}))"
    )


def colour_target(colour: str = "Full", dpi: int = 200, more: str = "") -> FeatureCollection:
    levels = 256 if colour == "Grey" else 16777216
    return collection(
        '(& (type="image/tiff-fx") (image-file-structure=TIFF-limited) (MRC-mode=0) (image-coding=JPEG)'
        " (image-coding-constraint=JPEG-T4E) (color-space=CIELAB) (color-illuminant=D50)"
        f" (CIELAB-L-min=0) (CIELAB-L-max=100) (color={colour}) (color-levels={levels})"
        f" (dpi={dpi}) (dpi-xyratio=1) (size-x=2150/254) (paper-size=A4) {more})"
    )
