"""Writers: pages as rasters in, files out; one writer for each kind of file, chosen by the target's type.

A writer holds one page at a time. `open_writer` is the only door.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from conneg.content.errors import ConversionError
from conneg.content.page import Raster
from conneg.content.rendition import RenditionFile
from conneg.features import FeatureCollection, Text, Token

if TYPE_CHECKING:
    from collections.abc import Callable

    Opener = Callable[[FeatureCollection, Path, str, int], "Writer"]

__all__ = ["Writer", "open_writer", "word"]


class Writer(Protocol):
    """Takes the pages of one rendition in order."""

    def add(self, raster: Raster) -> None:
        """Write one page. Raises ConversionError, OSError."""

    def finish(self) -> list[RenditionFile]:
        """Close the files and say what they are."""


def open_writer(target: FeatureCollection, out_dir: Path, stem: str, page_total: int) -> Writer:
    """Return a writer for `page_total` pages of the form `target`, into files `stem`... in `out_dir`.

    Raises ConversionError when no writer makes that form.
    """
    media_type = word(target, "type")
    if media_type is None and "image-file-structure" in target:
        media_type = "image/tiff" if word(target, "color") in (None, "binary") else "image/tiff-fx"
    opener = _opener(media_type)
    if opener is None:
        raise ConversionError(f"no writer makes {media_type or 'a form without a type'}")
    return opener(target, out_dir, stem, page_total)


def word(target: FeatureCollection, tag: str) -> str | None:
    """Return a token's or string's text in lower case, None when the target does not say."""
    value = target.get(tag)
    if isinstance(value, Text | Token):
        return str(value).strip('"').lower()
    return None


def _opener(media_type: str | None) -> "Opener | None":
    """Import only the writer that is needed."""
    match media_type:
        case "image/tiff" | "image/tiff-fx":
            from conneg.content.writers.tiff import TiffFxWriter

            return TiffFxWriter
        case "image/jpeg":
            from conneg.content.writers.jpeg import JpegWriter

            return JpegWriter
        case "image/png":
            from conneg.content.writers.png import PngWriter

            return PngWriter
        case "image/webp":
            from conneg.content.writers.webp import WebpWriter

            return WebpWriter
        case "application/pdf":
            from conneg.content.writers.pdf import PdfWriter

            return PdfWriter
        case _:
            return None
