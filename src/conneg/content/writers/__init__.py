"""Writers: each makes one form of file from page images. `open_writer` chooses by the target.

A writer takes rasters one by one (`add`) and keeps none of them; `finish` gives the files made, `abort` removes
what is there. The expression that comes with a file is read from the file itself where its form decides more than
its type.
"""

from pathlib import Path
from typing import Protocol

from conneg.content.errors import ConversionError
from conneg.content.page import Raster
from conneg.content.rendition import RenditionFile
from conneg.features import FeatureCollection

__all__ = ["Writer", "open_writer"]


class Writer(Protocol):
    """Files being made. After `finish` or `abort` nothing more may be called."""

    def add(self, raster: Raster) -> None:
        """Write one page; raises ConversionError when the form cannot hold it, OSError when the disk is full."""
        ...

    def finish(self) -> list[RenditionFile]:
        """Complete the files and return them in page order; raises ConversionError when there was no page."""
        ...

    def abort(self) -> None:
        """Remove whatever was written."""
        ...


def open_writer(
    target: FeatureCollection,
    out_dir: Path,
    stem: str,
    page_total: int,
    span: tuple[int, int] | None = None,
) -> Writer:
    """Return a writer of the form that `target` describes, for `page_total` pages.

    `span`: for these of them only, which a TIFF file can have (`conneg.content.conversion.can_be_divided`).

    Files are made in `out_dir`, named after `stem`, which must be safe as the beginning of a name. Raises
    ConversionError for a target that no writer makes.
    """
    from conneg.content.writers.terms import text_of

    media_type = text_of(target, "type")
    if media_type is None and "image-file-structure" in target:
        binary = text_of(target, "color") in {None, "binary"} and text_of(target, "image-coding") != "jbig"
        media_type = "image/tiff" if binary else "image/tiff-fx"
    match media_type:
        case "image/tiff" | "image/tiff-fx":
            from conneg.content.writers.tiff import TiffWriter

            path = out_dir / f"{stem}{_suffix(media_type)}"
            return TiffWriter(target, path, media_type, page_total, span)
        case "image/jpeg":
            from conneg.content.writers.jpeg import JpegWriter

            return JpegWriter(target, out_dir, stem, page_total)
        case "image/png":
            from conneg.content.writers.png import PngWriter

            return PngWriter(target, out_dir, stem, page_total)
        case "image/webp":
            from conneg.content.writers.webp import WebpWriter

            return WebpWriter(target, out_dir, stem, page_total)
        case "application/pdf":
            from conneg.content.writers.pdf import PdfWriter

            return PdfWriter(target, out_dir / f"{stem}.pdf")
        case None:
            raise ConversionError("the target names no type")
        case other:
            raise ConversionError(f"page images cannot become {other}")


def _suffix(media_type: str) -> str:
    return ".tif" if media_type == "image/tiff" else ".tfx"
