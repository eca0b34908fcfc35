"""Readers: each opens one kind of document and gives its pages, to be drawn one by one.

`open_document` chooses by content. Readers run in a worker process only (`conneg.content.workers`): they
decode hostile octets with foreign code. Each turns its library's exceptions into `ContentRefusedError`.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from conneg.content.errors import ContentRefusedError, OfficeDocumentError
from conneg.content.formats import can_read, html_is_laid_out
from conneg.content.officetypes import OFFICE_FORMATS, recognise_source
from conneg.content.page import PageReader
from conneg.content.source import ReadLimits, Source

__all__ = ["DocumentReader", "open_document"]


class DocumentReader(Protocol):
    """An open document; a context manager that closes it."""

    media_type: str
    pages: Sequence[PageReader]
    lossless: bool

    @property
    def notes(self) -> Sequence[str]:
        """What people should know of the document, one line each."""
        ...

    @property
    def shows(self) -> Sequence[str]:
        """The Content-IDs of the parts of its message that it shows in place (RFC 2392)."""
        ...

    def text(self) -> str | None:
        """Return the text to be read in the document; None where there is none to take out of it."""
        ...

    def features(self, index: int) -> str | None:
        """Return the expression that describes page `index` as it is, without its type; None where only type
        is known.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_document(source: Source, limits: ReadLimits) -> DocumentReader:
    """Open `source` with the reader for what its octets show.

    Raises `ContentRefusedError` for what no reader knows, and for what a reader refuses: damage, encryption,
    too many pages; `OfficeDocumentError` for what has to be made readable first.
    """
    media_type = recognise_source(source, source.declared_type)
    if media_type in OFFICE_FORMATS:
        raise OfficeDocumentError(
            f"{source.label}: an office document, which LibreOffice would have to make readable"
        )
    if media_type == "application/pdf":
        from conneg.content.readers.pdf import PdfReader

        return PdfReader(source, limits)
    if media_type == "image/svg+xml" and can_read(media_type):
        from conneg.content.readers.svg import SvgReader

        return SvgReader(source, limits)
    if media_type.startswith("image/") and media_type != "image/svg+xml" and can_read(media_type):
        from conneg.content.readers.image import ImageReader

        return ImageReader(source, limits, media_type)
    if media_type == "text/html" and html_is_laid_out():
        from conneg.content.readers.html import open_html

        return open_html(source, limits)
    if media_type.startswith("text/"):
        from conneg.content.readers.text import TextReader

        return TextReader(source, limits)
    raise ContentRefusedError(
        f"{source.label}: no reader for {_name_of(media_type, source.declared_type)}",
        hint="PDF, TIFF, JPEG, JPEG 2000, PNG, WebP, HEIC, AVIF, GIF, BMP, SVG, plain text, HTML and office documents"
        " can be read, where what each needs is installed",
    )


def _name_of(media_type: str, declared_type: str) -> str:
    if media_type == declared_type:
        return media_type
    if media_type == "application/octet-stream":
        return f"its content (declared as {declared_type})"
    return f"{media_type} (declared as {declared_type})"
