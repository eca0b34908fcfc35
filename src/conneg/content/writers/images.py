"""What the writers of one image a page have in common: names, the list of files, cleaning up."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from PIL import Image

from conneg.content.errors import ConversionError
from conneg.content.image_features import colour_term, image_expression
from conneg.content.page import Raster
from conneg.content.rendition import RenditionFile

Save = Callable[[Raster, Path], Image.Image]
"""Writes a raster to a file and returns the image as it was written."""


class ImageFiles:
    """Files of `media_type` named `stem` with a number where there is more than one page."""

    def __init__(self, out_dir: Path, stem: str, suffix: str, media_type: str, page_total: int) -> None:
        self._out_dir = out_dir
        self._stem = stem
        self._suffix = suffix
        self._media_type = media_type
        self._total = page_total
        self._paths: list[Path] = []
        self._made: list[RenditionFile] = []

    def write(self, raster: Raster, save: Save, dpi: tuple[Fraction, Fraction] | None, full: bool) -> None:
        """Write one page with `save`; `dpi` is what the file states; `full`: a palette stands for `color=Full`."""
        path = self._out_dir / self._name()
        self._paths.append(path)
        image = save(raster, path)
        mode = image.mode if image.mode != "P" or full else "L"
        features = image_expression(self._media_type, image.size, colour_term(mode), dpi)
        self._made.append(
            RenditionFile(path, self._media_type, path.name, features, pages=1, octets=path.stat().st_size)
        )

    def finish(self) -> list[RenditionFile]:
        """Return the files."""
        if not self._made:
            raise ConversionError("there was no page to write")
        return list(self._made)

    def abort(self) -> None:
        """Remove the files."""
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _name(self) -> str:
        if self._total <= 1 and not self._paths:
            return f"{self._stem}.{self._suffix}"
        digits = len(str(self._total))
        return f"{self._stem}-{len(self._paths) + 1:0{digits}}.{self._suffix}"


def whole_dpi(raster: Raster) -> tuple[int, int]:
    """Return the raster's resolution in whole pixels per inch, at least 1."""
    return max(1, round(raster.dpi_x)), max(1, round(raster.dpi_y))
