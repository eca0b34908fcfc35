"""What writers read from a target collection, and how they bring pixels to the colour it asks for."""

from enum import Enum
from fractions import Fraction

import numpy as np
from PIL import Image

from conneg.content.page import Pixels, Raster
from conneg.features import FeatureCollection
from conneg.features.private import QUALITY_TAG


class Shades(Enum):
    """What a page is to be written in: the tokens of `color` that writers know."""

    BINARY = "binary"
    GREY = "grey"
    FULL = "full"


def text_of(target: FeatureCollection, tag: str) -> str | None:
    """Return the target's token or string for `tag`, in lower case."""
    value = target.get(tag)
    return None if value is None else str(value).strip('"').lower()


def number_of(target: FeatureCollection, tag: str) -> Fraction | None:
    """Return the target's number for `tag`."""
    value = target.get(tag)
    return value if isinstance(value, Fraction) else None


def quality_of(target: FeatureCollection, usual: int) -> int:
    """Return the quality of a lossy coding: the usual one, or a lower one that the target asks for."""
    wanted = number_of(target, QUALITY_TAG)
    return usual if wanted is None else max(1, min(usual, int(wanted)))


def shades_of(target: FeatureCollection, raster: Raster) -> Shades:
    """Return what the target asks for; without a word from it, what the raster has."""
    match text_of(target, "color"):
        case "binary":
            return Shades.BINARY
        case "grey":
            return Shades.GREY
        case None:
            return Shades.FULL if raster.is_colour else Shades.GREY
        case _:
            return Shades.FULL


def grey_pixels(raster: Raster) -> Pixels:
    """Return the raster in grey."""
    if not raster.is_colour:
        return raster.pixels
    return np.asarray(Image.fromarray(raster.pixels).convert("L"))


def colour_pixels(raster: Raster) -> Pixels:
    """Return the raster in sRGB."""
    if raster.is_colour:
        return raster.pixels
    return np.repeat(raster.pixels[:, :, None], 3, axis=2)


def looks_like_photo(pixels: Pixels) -> bool:
    """Whether neighbours mostly differ, as they do in photographs and scans, not in text and drawings."""
    lines = pixels[::8]
    if lines.shape[1] < 2:
        return False
    same = lines[:, 1:] == lines[:, :-1]
    if same.ndim == 3:
        same = same.all(axis=2)
    return bool(same.mean() < _DRAWN)


_DRAWN = 0.6
"""The share of equal neighbours from which a page counts as drawn; letters have over 0.8, photographs under 0.4."""
