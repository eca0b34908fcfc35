"""JPEG, one file a page."""

from pathlib import Path

from PIL import Image

from conneg.content.writers.images import ImageWriter

_QUALITY = 85


class JpegWriter(ImageWriter):
    """Baseline JPEG with optimised tables; chroma at half resolution, as cameras write it."""

    media_type = "image/jpeg"
    suffix = "jpg"

    def save(self, image: Image.Image, path: Path, dpi: tuple[float, float]) -> None:
        """Save at a quality at which a photo shows no loss on a screen."""
        image.save(path, "JPEG", quality=_QUALITY, optimize=True, dpi=dpi, subsampling="4:2:0")
