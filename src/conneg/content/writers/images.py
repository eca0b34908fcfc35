"""What the writers of single images share: one file a page, named by its number, described by its pixels."""

from abc import ABC, abstractmethod
from pathlib import Path

from PIL import Image

from conneg.content.page import Raster
from conneg.content.rendition import RenditionFile
from conneg.content.writers import word
from conneg.features import FeatureCollection


class ImageWriter(ABC):
    """Writes each page into a file of its own."""

    media_type: str
    suffix: str

    def __init__(self, target: FeatureCollection, out_dir: Path, stem: str, page_total: int) -> None:
        self._out_dir = out_dir
        self._stem = stem
        self._total = page_total
        self._bilevel = word(target, "color") == "binary"
        self._files: list[RenditionFile] = []

    def add(self, raster: Raster) -> None:
        """Write one page as a file."""
        number = len(self._files) + 1
        name = f"{self._stem}-{number}" if self._total > 1 else self._stem
        path = self._out_dir / f"{name}.{self.suffix}"
        image = self.prepare(Image.fromarray(raster.pixels))
        dpi = (round(float(raster.dpi_x), 3), round(float(raster.dpi_y), 3))
        self.save(image, path, dpi)
        self._files.append(
            RenditionFile(
                path, self.media_type, path.name, self._features(image), pages=1, octets=path.stat().st_size
            )
        )

    def finish(self) -> list[RenditionFile]:
        """Return the files."""
        return self._files

    def prepare(self, image: Image.Image) -> Image.Image:
        """Return the image as it is to be saved."""
        return image

    @abstractmethod
    def save(self, image: Image.Image, path: Path, dpi: tuple[float, float]) -> None:
        """Save `image` at `path`, `dpi` pixels an inch both ways."""

    def _features(self, image: Image.Image) -> str:
        colour = {"1": "Binary", "L": "Grey"}.get(image.mode, "Full")
        if image.mode == "P":
            colour = "Full" if any(r != g or g != b for r, g, b in _palette(image)) else "Grey"
        return f'(& (type="{self.media_type}") (pix-x={image.width}) (pix-y={image.height}) (color={colour}))'


def _palette(image: Image.Image) -> list[tuple[int, int, int]]:
    flat = image.getpalette() or []
    return [(flat[index], flat[index + 1], flat[index + 2]) for index in range(0, len(flat) - 2, 3)]
