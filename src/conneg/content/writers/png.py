"""PNG, one file a page: as few bits as the page needs."""

from pathlib import Path

import numpy as np
from PIL import Image

from conneg.content.halftone import to_bits
from conneg.content.writers.images import ImageWriter

_MOST_COLOURS = 256
_SCREEN_DPI = 100.0
_INVERTED = bytes(octet ^ 0xFF for octet in range(256))


class PngWriter(ImageWriter):
    """Lossless: one bit a pixel where black and white are asked for, a palette where the page has few colours."""

    media_type = "image/png"
    suffix = "png"

    def prepare(self, image: Image.Image) -> Image.Image:
        """Return the smallest mode that holds the page without loss."""
        if self._bilevel:
            return _bilevel(image)
        if image.mode == "RGB" and image.getcolors(_MOST_COLOURS) is not None:
            reduced = image.quantize(
                _MOST_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
            )
            if reduced.convert("RGB").tobytes() == image.tobytes():
                return reduced
        return image

    def save(self, image: Image.Image, path: Path, dpi: tuple[float, float]) -> None:
        """Save compressed well, but not at any price."""
        image.save(path, "PNG", dpi=dpi, compress_level=7)


def _bilevel(image: Image.Image) -> Image.Image:
    """Return black and white in the screen of facsimile; PNG's 1 is white."""
    bits = to_bits(np.asarray(image.convert("L")), _SCREEN_DPI, _SCREEN_DPI)
    return Image.frombytes("1", image.size, bits.translate(_INVERTED))
