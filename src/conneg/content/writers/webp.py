"""WebP, one file a page."""

from pathlib import Path

from PIL import Image

from conneg.content.writers.images import ImageWriter

_QUALITY = 82


class WebpWriter(ImageWriter):
    """Lossy WebP."""

    media_type = "image/webp"
    suffix = "webp"

    def save(self, image: Image.Image, path: Path, dpi: tuple[float, float]) -> None:
        """Save; the format has no place for a resolution."""
        image.save(path, "WEBP", quality=_QUALITY, method=4)
