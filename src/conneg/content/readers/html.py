"""HTML bodies laid out as HTML on A4 pages: WeasyPrint (with Pango) makes a PDF in memory, pdfium draws it.

Nothing is fetched: what is shown are the parts of the message that the body names by Content-ID, and data written out
in it. Scripts are not known to WeasyPrint. Where it cannot lay a body out, the text in it is shown instead.
"""

import base64
import binascii
import contextlib
import io
import logging
import signal
import threading
import urllib.parse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from conneg.bounds import Bound
from conneg.content.errors import ContentRefusedError
from conneg.content.readers import weasyprints
from conneg.content.readers.charsets import decode_html
from conneg.content.readers.markup import text_of_html
from conneg.content.readers.pangofonts import without_glyph
from conneg.content.readers.pdf import PdfReader
from conneg.content.readers.pixels import LIBRARY_ERRORS
from conneg.content.readers.text import TextReader, read_octets
from conneg.content.source import HEAD_OCTETS, ReadLimits, Source, recognise

if TYPE_CHECKING:
    from conneg.content.readers import DocumentReader

MAX_HTML_OCTETS = Bound(
    name="content.html-octets",
    value=256 << 10,
    unit="octets of HTML laid out as such",
    reason="layout takes 25 seconds for a megabyte of paragraphs, 115 for one of table cells",
    answer="the text in it is laid out instead",
)
MAX_HTML_SECONDS = Bound(
    name="content.html-seconds",
    value=10,
    unit="seconds of processor time for the layout of HTML",
    reason="a job has 120 in all; tables in tables can take any time",
    answer="the text in it is laid out instead",
)

_SHEET = """
@page { size: A4; margin: 17mm 18mm }
html { font-family: "DejaVu Sans", sans-serif; font-size: 10.5pt; line-height: 1.35 }
img, table, pre { max-width: 100% }
pre { white-space: pre-wrap }
body { overflow-wrap: anywhere; margin: 0 }
"""
"""Comes after the defaults and before the styles of the body itself."""

_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


def open_html(source: Source, limits: ReadLimits) -> "DocumentReader":
    """Return the body laid out, or where that cannot be done the text in it."""
    octets = read_octets(source)
    if len(octets) > MAX_HTML_OCTETS.value:
        return _AsText(
            source, limits, f"shown as bare text: more than {MAX_HTML_OCTETS.value} octets of HTML"
        )
    try:
        return HtmlReader(source, limits, octets)
    except _TooLongError:
        seconds = MAX_HTML_SECONDS.value
        return _AsText(source, limits, f"shown as bare text: its layout takes more than {seconds} seconds")
    except (ContentRefusedError, MemoryError):
        raise
    except Exception as error:  # whatever the layout of hostile markup may run into
        return _AsText(source, limits, f"shown as bare text: cannot be laid out ({type(error).__name__})")


class _AsText(TextReader):
    """The text in an HTML body, and why it is not laid out."""

    def __init__(self, source: Source, limits: ReadLimits, note: str) -> None:
        super().__init__(source, limits)
        self.notes = (*self.notes, note)


class HtmlReader(PdfReader):
    """An HTML body as the PDF that was made of it."""

    media_type = "text/html"

    def __init__(self, source: Source, limits: ReadLimits, octets: bytes) -> None:
        decoded = decode_html(octets, source.charset)
        self._text = text_of_html(decoded.text)
        parts = _Parts(source, limits)
        with _no_longer_than(MAX_HTML_SECONDS.value):
            made = _lay_out(decoded.text, parts, source.label, limits)
        super().__init__(source, limits, made)
        self.notes = [*decoded.notes(source.charset), *parts.notes, *_notes_on_glyphs(self._text)]
        self.shows = tuple(parts.shown_parts)
        if not self._text.strip() and not parts.shown:
            self.pages = []

    def text(self) -> str:
        """Return the text of the body."""
        return self._text

    def features(self, index: int) -> None:
        """Return None: HTML fits every receiver that takes its type."""
        return


def _notes_on_glyphs(text: str) -> list[str]:
    missing = without_glyph(text)
    return [f"no font has {missing} of its characters, shown as boxes"] if missing else []


_AGAIN_SECONDS = 0.25


class _TooLongError(BaseException):
    """Layout took too long; no Exception, because WeasyPrint passes over some of those."""


@contextlib.contextmanager
def _no_longer_than(seconds: int) -> Iterator[None]:
    """Raise _TooLongError in here after so much processor time; only in the main thread, where workers do all."""

    over = False

    def expire(number: int, frame: object) -> None:
        if not over:
            raise _TooLongError

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, expire)
    # again and again: what is raised while a callback or a finaliser runs goes nowhere
    signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN_SECONDS)
    try:
        yield
    finally:
        over = True
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _lay_out(markup: str, parts: "_Parts", label: str, limits: ReadLimits) -> bytes:
    """Return the PDF; raises ContentRefusedError for too many pages."""
    library = weasyprints.load()
    if library is None:
        raise RuntimeError("WeasyPrint is not there")
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)  # what is left out is noted by ourselves
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fetcher = _fetcher(parts)
        sheet = library.CSS(string=_SHEET, url_fetcher=fetcher)
        html = library.HTML(string=markup or " ", url_fetcher=fetcher, media_type="print")
        document = html.render(stylesheets=[sheet], presentational_hints=True)
        if len(document.pages) > limits.pages:
            raise ContentRefusedError(f"{label}: the HTML fills more than {limits.pages} pages")
        made: bytes = document.write_pdf()
    return made


def _fetcher(parts: "_Parts") -> Any:
    """Return what WeasyPrint asks for everything that a body refers to: it gives the pictures of `parts` only."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    class Fetcher(URLFetcher):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(allowed_protocols=())

        def fetch(self, url: str, headers: Any = None) -> Any:
            octets, media_type = parts.picture(url)
            return URLFetcherResponse("cid:part", body=octets, headers={"Content-Type": media_type})

    return Fetcher()


class _Parts:
    """What a body may show: parts of its own message and data in it, pictures of bounded size only."""

    def __init__(self, source: Source, limits: ReadLimits) -> None:
        self._parts = {content_id.strip("<> "): path for content_id, path in source.inline}
        self._limits = limits
        self._refused: set[str] = set()
        self.shown = 0
        self.shown_parts: dict[str, None] = {}

    @property
    def notes(self) -> list[str]:
        """Return what was left out."""
        total = len(self._refused)
        return [f"what {total} references in the HTML lead to is left out"] if total else []

    def picture(self, url: str) -> tuple[bytes, str]:
        """Return a picture and its type; raises ValueError for anything else, which WeasyPrint then leaves out."""
        octets = self._octets(url)
        media_type = None if octets is None else recognise(octets[:HEAD_OCTETS])
        if octets is None or media_type not in _PICTURES or not self._is_small(octets):
            self._refused.add(url[:200])
            raise ValueError("left out")
        self.shown += 1
        if url.lower().startswith("cid:"):
            self.shown_parts[_content_id(url)] = None
        return octets, media_type

    def _octets(self, url: str) -> bytes | None:
        scheme, _, rest = url.partition(":")
        if scheme.lower() == "cid":
            path: Path | None = self._parts.get(_content_id(url))
            return None if path is None else path.read_bytes()
        if scheme.lower() == "data":
            return _data(rest)
        return None

    def _is_small(self, octets: bytes) -> bool:
        try:
            with Image.open(io.BytesIO(octets)) as image:
                return image.width * image.height <= self._limits.pixels
        except LIBRARY_ERRORS:
            return False


def _content_id(url: str) -> str:
    """Return the Content-ID that a `cid:` URL names (RFC 2392, 2)."""
    return urllib.parse.unquote(url.partition(":")[2])


def _data(rest: str) -> bytes | None:
    """Return the octets of a data URL (RFC 2397) without its scheme."""
    described, comma, data = rest.partition(",")
    if not comma:
        return None
    octets = urllib.parse.unquote_to_bytes(data)
    if not described.lower().endswith(";base64"):
        return octets
    try:
        return base64.b64decode(octets)
    except (binascii.Error, ValueError):
        return None
