"""Runs of text set on grey pages from glyphs that pdfium drew once, by the C module `conneg.content._typeset`.

pdfium reads the page and draws what is not plain text, and each glyph once a document; the codes of the letters come
from the page's content stream, through qpdf. The page is the same as pdfium's own, but for a grey level or two where
letters overlap, and a pixel beside a letter that its font does not have. Whatever is not understood is left to pdfium,
and so is everything where the module or pikepdf is not installed.
"""

import ctypes
import functools
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2.raw as pdfium

from conneg.bounds import Bound
from conneg.content import native
from conneg.content.page import Pixels
from conneg.content.placement import Placement

MAX_CONTENT_OCTETS = Bound(
    name="content.pdf-set-octets",
    value=1 << 20,
    unit="octets of a page's content stream",
    reason="a page of text has some thousands; what is larger is drawings",
    answer="pdfium draws the page by itself",
)

PAGES_BEFORE = 20
"""To load pikepdf takes as long as to draw so many pages: a process that draws fewer, and has no long document, never
does."""

_MOST_LINKS = 200
_TEXT_CODINGS = (["/ASCII85Decode", "/FlateDecode"], ["/ASCIIHexDecode", "/FlateDecode"])
_MOST_TEXT = 1 << 16
"""Octets of a stream that is inflated without a bound: a thousandfold of it at most."""
_drawn = 0


class Typesetter:
    """For one open document; `document` is pypdfium2's, `source` what it was opened from."""

    def __init__(self, document: Any, source: Path | bytes) -> None:
        self._document = document
        self._source = source
        self._tried = False
        self._pages: Any = None
        self._setter: native.TypesetterType | None = None

    def page(self, page: Any, index: int) -> "PageSetter":
        """Return what sets the text of page `index`, which is pdfium's `page`."""
        return PageSetter(self, page, index)

    def take(self, page: Any, index: int, placement: Placement) -> "native.TypesetterType | None":
        """Take from the page what can be set; return what lays it, or None where nothing was taken. MemoryError."""
        if not self._is_ready() or placement.turned or not _has_only_links(page):
            return None
        content = self._content(index)
        if content is None or self._setter is None:
            return None
        box = (placement.left, placement.top, placement.width, placement.height)
        return self._setter if self._setter.take(_address(page), content, *box) else None

    def close(self) -> None:
        """Let go of the document, which must still be open."""
        if self._setter is not None:
            self._setter.close()
        self._setter = self._pages = None
        self._tried = True

    def _is_ready(self) -> bool:
        """Whether the document is open here as well; it is opened when it is first asked for a page."""
        global _drawn
        _drawn += 1
        if not self._tried and ("pikepdf" in sys.modules or _drawn > PAGES_BEFORE or self._is_long()):
            self._tried = True
            addresses = _addresses()
            if addresses is None or native.typesetter is None:
                return False
            self._pages = _open(self._source, len(self._document))
            if self._pages is not None:
                self._setter = native.typesetter(_address(self._document.raw), addresses)
        return self._setter is not None

    def _is_long(self) -> bool:
        """Whether the document pays by itself, its pages spread over two processes."""
        return len(self._document) > 2 * PAGES_BEFORE

    def _content(self, index: int) -> bytes | None:
        """Return the content streams of a page, joined; None where they are to be left to pdfium."""
        import pikepdf

        try:
            page = self._pages[index]
            streams = page.obj.get("/Contents")
            if streams is None or _has_transfer_function(page.resources):
                return None
            if not isinstance(streams, pikepdf.Array):
                return _octets(streams, MAX_CONTENT_OCTETS.value)
            parts, left = [], MAX_CONTENT_OCTETS.value
            for stream in streams:
                part = _octets(stream, left)
                if part is None:
                    return None
                parts.append(part)
                left -= len(part)
            return b"\n".join(parts)
        except (pikepdf.PdfError, AttributeError, KeyError, TypeError, ValueError, zlib.error):
            return None


@dataclass(frozen=True, slots=True)
class PageSetter:
    """A typesetter at one page."""

    typesetter: Typesetter
    page: Any
    index: int

    @contextmanager
    def setting(self, placement: Placement, sheet: Pixels) -> Iterator[None]:
        """While inside, pdfium draws on the grey `sheet` what is not set; at the end the rest is laid over it.

        Raises MemoryError.
        """
        setter = self.typesetter.take(self.page, self.index, placement)
        if setter is None:
            yield
            return
        try:
            yield
        finally:
            setter.give_back()
        height, width = sheet.shape
        setter.lay(sheet, width, height)


@functools.cache
def _addresses() -> tuple[int, ...] | None:
    """Return where pdfium's functions are; None where this pdfium, or the C module, is without them."""
    found = []
    for name in native.typesetter_functions:
        function = getattr(pdfium, name, None)
        if function is None:
            return None
        found.append(_address(function))
    return tuple(found) or None


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _open(source: Path | bytes, page_total: int) -> Any:
    """Return the document's pages as pikepdf has them; None where it finds damage, or other pages than pdfium."""
    try:
        import pikepdf
    except ImportError:
        return None
    try:
        file = source if isinstance(source, Path) else io.BytesIO(source)
        document = pikepdf.open(file, attempt_recovery=False, access_mode=pikepdf.AccessMode.stream)
        return document.pages if len(document.pages) == page_total else None
    except (pikepdf.PdfError, OSError, ValueError, RuntimeError):
        return None


def _octets(stream: Any, most: int) -> bytes | None:
    """Return what a stream says; None where it is coded in an unusual way or has more than `most` octets."""
    import pikepdf

    raw: bytes = stream.read_raw_bytes()
    coding = stream.get("/Filter")
    if len(raw) > most or "/DecodeParms" in stream:
        return None
    if coding is None:
        return raw
    names = [str(name) for name in coding] if isinstance(coding, pikepdf.Array) else [str(coding)]
    if names in _TEXT_CODINGS and len(raw) <= _MOST_TEXT:
        octets: bytes = stream.read_bytes()
        return octets if len(octets) <= most else None
    if names != ["/FlateDecode"]:
        return None
    decoder = zlib.decompressobj()
    octets = decoder.decompress(raw, most)
    return octets if decoder.eof else None


def _has_transfer_function(resources: Any) -> bool:
    """Whether a graphics state of the page changes colours on the way to the paper (ISO 32000-1, 10.5)."""
    states = resources.get("/ExtGState")
    return states is not None and any("/TR" in state or "/TR2" in state for state in states.values())


def _has_only_links(page: Any) -> bool:
    """Whether nothing lies over the page: annotations other than links may cover text."""
    count = pdfium.FPDFPage_GetAnnotCount(page)
    if count > _MOST_LINKS:
        return False
    for number in range(count):
        annotation = pdfium.FPDFPage_GetAnnot(page, number)
        kind = pdfium.FPDFAnnot_GetSubtype(annotation)
        pdfium.FPDFPage_CloseAnnot(annotation)
        if kind != pdfium.FPDF_ANNOT_LINK:
            return False
    return True
