"""Plain text, and the text of HTML, on A4 pages drawn through pdfium: crisp at every resolution.

Eighty columns of a fixed-width face. What the built-in face lacks is taken from a font of the system where
one is installed (`conneg.content.readers.fonts`), else shown as a question mark. Scripts that run from right
to left are put into the order of display.
"""

from collections.abc import Sequence
from fractions import Fraction
from types import TracebackType
from typing import Any, NamedTuple, Self, overload

import pypdfium2.raw as pdfium

from conneg.bounds import Bound
from conneg.content.errors import ContentRefusedError
from conneg.content.page import Frame, PageGeometry, PageReader, Raster
from conneg.content.paper import A4
from conneg.content.placement import place
from conneg.content.readers import pdfium as boundary
from conneg.content.readers.charsets import decode_html, decode_text
from conneg.content.readers.denseletters import are_dense
from conneg.content.readers.flowed import unflow
from conneg.content.readers.fonts import FaceCache, pieces_of, without_face
from conneg.content.readers.layout import COLUMNS, LINES_A_PAGE, Run, lay_out
from conneg.content.readers.markup import text_of_html
from conneg.content.source import HEAD_OCTETS, ReadLimits, Source, recognise

POINT_SIZE = 10.5
LEADING = 12.4
COLUMN = POINT_SIZE * 0.6
"""The advance of Courier and of the fixed-width faces like it, in points."""

_PAGE_WIDTH = float(A4.width_inches) * 72
_PAGE_HEIGHT = float(A4.length_inches) * 72
_LEFT = (_PAGE_WIDTH - COLUMNS * COLUMN) / 2
_TOP = _PAGE_HEIGHT - 48

MAX_TEXT_OCTETS = Bound(
    name="content.text-octets",
    value=16 << 20,
    unit="octets of text",
    reason="five hundred pages of text have two million characters",
    answer="ContentRefusedError",
)


class ReadText(NamedTuple):
    """The text of a source, and what people should know of it."""

    text: str
    notes: tuple[str, ...]


def read_text(source: Source) -> ReadText:
    """Return the text of `source`, that of HTML without its markup; ContentRefusedError if it is too long."""
    octets = read_octets(source)
    if recognise(octets[:HEAD_OCTETS], source.declared_type) == "text/html":
        decoded = decode_html(octets, source.charset)
        return ReadText(text_of_html(decoded.text), decoded.notes(source.charset))
    decoded = decode_text(octets, source.charset)
    notes = decoded.notes(source.charset)
    if source.flowed:
        return ReadText(unflow(decoded.text, delsp=source.delsp), notes)
    return ReadText(decoded.text, notes)


def read_octets(source: Source) -> bytes:
    """Return the octets of a text; raises ContentRefusedError if there are too many."""
    with source.path.open("rb") as file:
        octets = file.read(MAX_TEXT_OCTETS.value + 1)
    if len(octets) > MAX_TEXT_OCTETS.value:
        raise ContentRefusedError(
            f"{source.label}: more than {MAX_TEXT_OCTETS.value} octets of text (bound {MAX_TEXT_OCTETS.name})"
        )
    return octets


class TextReader:
    """A text laid out; it has no page when nothing but white space is in it."""

    media_type = "text/plain"
    lossless = True
    shows: Sequence[str] = ()

    def __init__(self, source: Source, limits: ReadLimits) -> None:
        self._text, notes = read_text(source)
        lines = lay_out(self._text, limits.pages * LINES_A_PAGE)
        if lines is None:
            raise ContentRefusedError(f"{source.label}: the text fills more than {limits.pages} pages")
        missing = without_face(self._text)
        self.notes = (*notes, f"no font has {missing} of its characters, shown as ?") if missing else notes
        self._document = pdfium.FPDF_CreateNewDocument()
        self._faces = FaceCache(self._document, POINT_SIZE)
        self.pages: Sequence[PageReader] = _TextPages(self._document, self._faces, lines)

    def text(self) -> str:
        """Return the text."""
        return self._text

    def features(self, index: int) -> str | None:
        """Return None: text fits every receiver that takes its type."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._faces.close()
        pdfium.FPDF_CloseDocument(self._document)


class _TextPages(Sequence[PageReader]):
    def __init__(self, document: Any, faces: FaceCache, lines: list[tuple[Run, ...]]) -> None:
        self._document = document
        self._faces = faces
        self._lines = lines

    def __len__(self) -> int:
        return -(-len(self._lines) // LINES_A_PAGE)

    @overload
    def __getitem__(self, index: int) -> PageReader: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PageReader]: ...
    def __getitem__(self, index: int | slice) -> PageReader | Sequence[PageReader]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        start = index * LINES_A_PAGE
        return _TextPage(self._document, self._faces, self._lines[start : start + LINES_A_PAGE])


class _TextPage:
    """One page of lines; drawn on a page of a document in memory that is thrown away afterwards."""

    geometry = PageGeometry(
        width_inches=A4.width_inches,
        height_inches=A4.length_inches,
        pixel_width=None,
        pixel_height=None,
        dpi=None,
        colour="Binary",
        kind="text",
        type_points=Fraction(POINT_SIZE),
    )

    outline = geometry

    def __init__(self, document: Any, faces: FaceCache, lines: list[tuple[Run, ...]]) -> None:
        self._document = document
        self._faces = faces
        self._lines = lines

    def render(self, frame: Frame) -> Raster:
        """Return the page drawn into `frame`."""
        page = pdfium.FPDFPage_New(self._document, 0, _PAGE_WIDTH, _PAGE_HEIGHT)
        try:
            for row, runs in enumerate(self._lines):
                for run in runs:
                    self._insert(page, run, _TOP - row * LEADING)
            dense = are_dense("".join(run.text for runs in self._lines for run in runs))
            return boundary.draw(page, place(self.geometry, frame), frame, dense=dense)
        finally:
            pdfium.FPDF_ClosePage(page)
            pdfium.FPDFPage_Delete(self._document, 0)

    def _insert(self, page: Any, run: Run, baseline: float) -> None:
        for piece in pieces_of(run):
            left = _LEFT + piece.column * COLUMN
            self._faces.insert(page, piece, left, baseline, piece.columns * COLUMN)
