"""The formats we know, as rows: recognised and read by what, written by what, and what that needs.

Nothing is offered whose row does not hold here: a row asks for its modules and codecs once, and the answer is
kept.
"""

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from conneg.content.officetypes import OFFICE_FORMATS


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its media type and suffix, the modules that read and write it (None: we do not), and
    `probe`.

    `requirement` says to people what must be installed; `probe` says whether it is.
    """

    media_type: str
    suffix: str
    reader: str | None
    writer: str | None
    requirement: str
    probe: Callable[[], bool]

    @property
    def can_read(self) -> bool:
        """Whether documents of this format can be read here and now."""
        return self.reader is not None and _is_there(self.reader) and _holds(self.probe)

    @property
    def can_write(self) -> bool:
        """Whether renditions of this format can be made here and now."""
        return self.writer is not None and _is_there(self.writer) and _holds(self.probe)


def find_format(media_type: str) -> Format | None:
    """Return the row of `media_type`, or None."""
    return next((row for row in FORMATS if row.media_type == media_type), None)


def can_read(media_type: str) -> bool:
    """Whether documents of `media_type` can be read here and now."""
    row = find_format(media_type)
    return row is not None and row.can_read


def html_is_laid_out() -> bool:
    """Whether HTML can be laid out as such here and now; else it is read as the text in it."""
    return _holds(_has_weasyprint)


def can_write(media_type: str) -> bool:
    """Whether renditions of `media_type` can be made here and now."""
    row = find_format(media_type)
    return row is not None and row.can_write


def can_code_jbig() -> bool:
    """Whether bi-level pages can be written and read in JBIG: `libjbig0` of Debian, an extra."""
    from conneg.content import jbig

    return jbig.is_available()


@functools.cache
def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@functools.cache
def _holds(probe: Callable[[], bool]) -> bool:
    return probe()


def _pillow(*names: str) -> bool:
    """Whether Pillow is there with all these codecs, modules and features."""
    if not _is_there("PIL"):
        return False
    from PIL import features

    return all(features.check(name) for name in names)


def _has_jpeg() -> bool:
    return _pillow("jpg")


def _has_png() -> bool:
    return _pillow("zlib")


def _has_webp() -> bool:
    return _pillow("webp")


def _has_avif() -> bool:
    return _pillow("avif")


def _has_libtiff() -> bool:
    return _pillow("libtiff")


def _has_jpeg2000() -> bool:
    return _pillow("jpg_2000")


def _has_resvg() -> bool:
    return _is_there("resvg_py") and _pillow("zlib")


def _has_weasyprint() -> bool:
    """Whether WeasyPrint is there, and Pango, which it looks for when it is imported."""
    if not _is_there("weasyprint") or not _has_pdfium():
        return False
    from conneg.content.readers import weasyprints

    return weasyprints.load() is not None


def _has_heif() -> bool:
    return _is_there("pillow_heif") and _pillow()


def _has_office() -> bool:
    from conneg.content import office

    return office.binary() is not None and _has_pdfium()


def _has_pdfium() -> bool:
    return _is_there("pypdfium2") and _pillow()


_READERS = "conneg.content.readers"
_WRITERS = "conneg.content.writers"

FORMATS = (
    Format("text/plain", "txt", f"{_READERS}.text", "conneg.content.plaintext", "pypdfium2", _has_pdfium),
    Format("text/html", "html", f"{_READERS}.text", None, "pypdfium2", _has_pdfium),
    Format("application/pdf", "pdf", f"{_READERS}.pdf", f"{_WRITERS}.pdf", "pypdfium2, Pillow", _has_pdfium),
    Format("image/jpeg", "jpg", f"{_READERS}.image", f"{_WRITERS}.jpeg", "Pillow with libjpeg", _has_jpeg),
    Format("image/png", "png", f"{_READERS}.image", f"{_WRITERS}.png", "Pillow with zlib", _has_png),
    Format("image/webp", "webp", f"{_READERS}.image", f"{_WRITERS}.webp", "Pillow with libwebp", _has_webp),
    Format("image/tiff", "tif", f"{_READERS}.image", f"{_WRITERS}.tiff", "Pillow with libtiff", _has_libtiff),
    Format("image/tiff-fx", "tfx", f"{_READERS}.image", f"{_WRITERS}.tiff", "Pillow with libjpeg", _has_jpeg),
    Format("image/heic", "heic", f"{_READERS}.image", None, "pillow-heif", _has_heif),
    Format("image/avif", "avif", f"{_READERS}.image", None, "Pillow with libavif", _has_avif),
    Format("image/gif", "gif", f"{_READERS}.image", None, "Pillow", _pillow),
    Format("image/bmp", "bmp", f"{_READERS}.image", None, "Pillow", _pillow),
    Format("image/jp2", "jp2", f"{_READERS}.image", None, "Pillow with OpenJPEG", _has_jpeg2000),
    Format("image/svg+xml", "svg", f"{_READERS}.svg", None, "resvg-py", _has_resvg),
    *(
        Format(row.media_type, row.suffix, "conneg.content.office", None, "LibreOffice", _has_office)
        for row in OFFICE_FORMATS.values()
    ),
)
