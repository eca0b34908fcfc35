"""Whether pixels show colour, shades of grey, or black and white only."""

import numpy as np

from conneg.content.page import Pixels

CHROMA = 24
"""By how much the samples of a pixel must differ to count as colour: less is rounding and compression."""


def has_colour(pixels: Pixels) -> bool:
    """Whether any pixel of an RGB image is coloured."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    most = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    return bool((most - least > CHROMA).any())


def has_shades(grey: Pixels) -> bool:
    """Whether any pixel of a grey image is neither black nor white."""
    return bool(((grey > CHROMA) & (grey < 255 - CHROMA)).any())
