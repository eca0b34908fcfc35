"""PDF documents, through pdfium: pages are drawn straight into the frame asked for.

A page's size is that of its crop box after its own rotation, 72 points an inch. Scripts and XFA forms do not
run; filled form fields and annotations are drawn. Encrypted documents that ask for a password are refused.
"""

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, overload

import pypdfium2
import pypdfium2.raw as pdfium

from conneg.bounds import Bound
from conneg.content.errors import ContentRefusedError
from conneg.content.fidelity import smallest_type
from conneg.content.page import Frame, PageGeometry, PageReader, Raster
from conneg.content.placement import Placement, place
from conneg.content.readers import pdfium as boundary
from conneg.content.readers.chroma import has_colour, has_shades
from conneg.content.readers.denseletters import are_dense
from conneg.content.readers.pdfrepair import MAX_REPAIR_OCTETS, mended
from conneg.content.readers.pdftext import some_text
from conneg.content.readers.pdftype import type_runs
from conneg.content.readers.textfit import fit_text
from conneg.content.readers.typesetter import PageSetter, Typesetter
from conneg.content.source import NO_TIFF, ReadLimits, Source

POINTS_AN_INCH = 72
COARSE = Fraction(3, 2)
"""From this ratio of horizontal to vertical resolution on, text is fitted to the lines."""

LOOK_DPI = 36
"""The resolution at which a page is looked at for colour."""

MAX_LOOK_PIXELS = 700
MAX_PAGE_INCHES = Bound(
    name="content.pdf-page-inches",
    value=2000,
    unit="inches",
    reason="PDF's own limit is 200 inches a user unit; beyond that a page is damage or an attack",
    answer="ContentRefusedError",
)
_LOOKED_AT_OBJECTS = 200


class PdfReader:
    """An open PDF document; `octets` are given where it was made in memory and is no file."""

    media_type = "application/pdf"
    lossless = True
    shows: Sequence[str] = ()

    def __init__(self, source: Source, limits: ReadLimits, octets: bytes | None = None) -> None:
        self._label = source.label
        self._input: Path | bytes = source.path if octets is None else octets
        self.notes: list[str] = []
        try:
            self._document = pypdfium2.PdfDocument(self._input)
        except pypdfium2.PdfiumError as error:
            self._document = self._mended(limits, _refusal(self._label), error)
        page_total = len(self._document)
        try:
            if page_total == 0:
                raise ContentRefusedError(f"{self._label}: the PDF has no page that can be read")
            if page_total > limits.pages:
                raise ContentRefusedError(f"{self._label}: {page_total} pages, more than {limits.pages}")
            if self._document.get_formtype() in {pdfium.FORMTYPE_ACRO_FORM, pdfium.FORMTYPE_XFA_FOREGROUND}:
                self._document.init_forms()
        except BaseException:
            self._document.close()
            raise
        self._door = _Door(self._document, self._label, self._input)
        self.pages: Sequence[PageReader] = _Pages(self._door, page_total)

    def text(self) -> str | None:
        """Return the text of all pages, parted by form feeds; None where a page shows something and has no text."""
        from conneg.content.readers.pdftext import text_of_pdf

        return text_of_pdf(self._input, self._label)

    def _mended(self, limits: ReadLimits, refusal: ContentRefusedError, error: Exception) -> Any:
        """Return the document with its pages found again; raises `refusal` where that does not help."""
        damaged = pdfium.FPDF_GetLastError() == pdfium.FPDF_ERR_FORMAT
        if (
            not damaged
            or not isinstance(self._input, Path)
            or self._input.stat().st_size > MAX_REPAIR_OCTETS.value
        ):
            raise refusal from error
        octets = mended(self._input.read_bytes(), limits.pages)
        if octets is None:
            raise refusal from error
        try:
            document = pypdfium2.PdfDocument(octets)
        except pypdfium2.PdfiumError:
            raise refusal from error
        self._input = octets
        self.notes.append(f"the PDF is damaged: {len(document)} pages were found in what is left of it")
        return document

    def features(self, index: int) -> str | None:
        """Return the colours of receivers that show page `index` as it is, where not any does."""
        match self.pages[index].geometry.colour:
            case "Full":
                return f"(color=Full) {NO_TIFF}"
            case "Grey":
                return f"(color=[Grey,Full]) {NO_TIFF}"
            case _:
                return NO_TIFF

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._door.lock()
        self._document.close()


def _refusal(label: str) -> ContentRefusedError:
    """Return the error for what pdfium said last when it opened a document."""
    match pdfium.FPDF_GetLastError():
        case pdfium.FPDF_ERR_PASSWORD:
            return ContentRefusedError(f"{label}: the PDF is encrypted and asks for a password")
        case pdfium.FPDF_ERR_SECURITY:
            return ContentRefusedError(f"{label}: the PDF is encrypted in a way that cannot be read")
        case _:
            return ContentRefusedError(f"{label}: the PDF is damaged and cannot be opened")


class _Door:
    """Opens pages, one at a time: opening another closes the one before, so that memory does not grow.

    To open a page is to read all of its content, which takes a fifth of the time of drawing it.
    """

    def __init__(self, document: Any, label: str, source: Path | bytes) -> None:
        self.form = document.formenv
        self._typesetter = Typesetter(document, source)
        self._document = document
        self._label = label
        self._index = -1
        self._page: Any = None

    def label(self, index: int) -> str:
        """Return the name of page `index` in messages."""
        return f"{self._label}, page {index + 1}"

    def page(self, index: int) -> Any:
        """Return pdfium's page `index`; raises ContentRefusedError for a damaged one."""
        if index != self._index:
            self.close()
            try:
                self._page = self._document[index]
            except pypdfium2.PdfiumError as error:
                raise ContentRefusedError(f"{self.label(index)}: damaged, cannot be read") from error
            self._index = index
        return self._page

    def setter(self, index: int) -> PageSetter:
        """Return what sets text of page `index`."""
        return self._typesetter.page(self.page(index), index)

    def lock(self) -> None:
        """Close everything, before the document is closed."""
        self.close()
        self._typesetter.close()

    def close(self) -> None:
        """Close the page that is open."""
        if self._page is not None:
            self._page.close()
        self._page, self._index = None, -1


class _Pages(Sequence[PageReader]):
    """The pages of an open document."""

    def __init__(self, door: _Door, page_total: int) -> None:
        self._door = door
        self._total = page_total

    def __len__(self) -> int:
        return self._total

    @overload
    def __getitem__(self, index: int) -> PageReader: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PageReader]: ...
    def __getitem__(self, index: int | slice) -> PageReader | Sequence[PageReader]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._total))]
        if not 0 <= index < self._total:
            raise IndexError(index)
        page: PageReader = _PdfPage(self._door, index)
        return page


class _PdfPage:
    """One page; its geometry is worked out when first asked for."""

    def __init__(self, door: _Door, index: int) -> None:
        self._door = door
        self._index = index

    def render(self, frame: Frame) -> Raster:
        """Return the page drawn into `frame`."""
        page = self._door.page(self._index)
        placement = place(self._bare_geometry(page), frame)
        setter = self._door.setter(self._index)
        if not frame.bilevel or frame.dpi_x < COARSE * frame.dpi_y or placement.turned:
            return boundary.draw(page, placement, frame, self._door.form, setter=setter)
        fit = fit_text(page, placement.height / float(_inches(page.get_height())))
        dense = fit.is_unknown and are_dense(some_text(page))
        try:
            return boundary.draw(page, placement, frame, self._door.form, dense=dense, setter=setter)
        finally:
            if fit.is_changed:
                self._door.close()

    @cached_property
    def geometry(self) -> PageGeometry:
        """The page's size, what it consists of, and whether it shows colour."""
        page = self._door.page(self._index)
        return replace(self._outline(page), colour=_colour(page, self._bare_geometry(page)))

    @cached_property
    def outline(self) -> PageGeometry:
        """The page's size, what it consists of, and how small its type is."""
        return self._outline(self._door.page(self._index))

    def _outline(self, page: Any) -> PageGeometry:
        bare = self._bare_geometry(page)
        kind, pixels = _contents(page, bare)
        if pixels is None:
            return replace(bare, kind=kind, type_points=smallest_type(type_runs(page)))
        width, height = pixels
        return replace(
            bare,
            kind=kind,
            pixel_width=width,
            pixel_height=height,
            dpi=width / bare.width_inches,
            dpi_y=height / bare.height_inches,
        )

    def _bare_geometry(self, page: Any) -> PageGeometry:
        """Return size alone, which is all that drawing needs."""
        width, height = (_inches(points) for points in page.get_size())
        for length in (width, height):
            if not 0 < length <= MAX_PAGE_INCHES.value:
                label = self._door.label(self._index)
                raise ContentRefusedError(f"{label}: a page {float(length):g} inches wide or long")
        return PageGeometry(width, height, None, None, None, "Full", "vector")


@functools.lru_cache(maxsize=256)  # pages of a document are mostly alike
def _inches(points: float) -> Fraction:
    """Return points as inches, to a hundredth of a point; anything that is no size becomes 0."""
    if not 0 < points < float("inf"):
        return Fraction(0)
    return Fraction(round(points * 100), 100 * POINTS_AN_INCH)


def _colour(page: Any, size: PageGeometry) -> str:
    """Return the `color` token of what the page shows, from a small drawing without smoothing."""
    width = max(1, min(MAX_LOOK_PIXELS, round(size.width_inches * LOOK_DPI)))
    height = max(1, min(MAX_LOOK_PIXELS, round(size.height_inches * LOOK_DPI)))
    placement = Placement(width, height, 0, 0, width, height, turned=False)
    pixels = boundary.draw_pixels(page, placement, colour=True, smooth=False)
    if has_colour(pixels):
        return "Full"
    return "Grey" if has_shades(pixels[..., 1]) else "Binary"


def _contents(page: Any, size: PageGeometry) -> tuple[str, tuple[int, int] | None]:
    """Return the page's kind, and for a page that is one image its pixels as seen (rotation applied)."""
    count = pdfium.FPDFPage_CountObjects(page)
    handles = [pdfium.FPDFPage_GetObject(page, number) for number in range(min(count, _LOOKED_AT_OBJECTS))]
    kinds = [pdfium.FPDFPageObj_GetType(handle) for handle in handles]
    if count == 1 and kinds == [pdfium.FPDF_PAGEOBJ_IMAGE]:
        pixels = _image_pixels(page, handles[0], size)
        if pixels is not None:
            return "scan", pixels
    if pdfium.FPDF_PAGEOBJ_TEXT in kinds and pdfium.FPDF_PAGEOBJ_IMAGE not in kinds:
        return "text", None
    return "vector", None


def _image_pixels(page: Any, handle: Any, size: PageGeometry) -> tuple[int, int] | None:
    """Return width and height in pixels of the image that covers the page, or None where it does not."""
    edges = [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetBounds(handle, *edges):
        return None
    left, bottom, right, top = (edge.value for edge in edges)
    page_area = float(size.width_inches * size.height_inches) * POINTS_AN_INCH**2
    if (right - left) * (top - bottom) < 0.8 * page_area:
        return None
    width, height = ctypes.c_uint(), ctypes.c_uint()
    if not pdfium.FPDFImageObj_GetImagePixelSize(handle, width, height) or not (width.value and height.value):
        return None
    if pdfium.FPDFPage_GetRotation(page) % 2:
        return int(height.value), int(width.value)
    return int(width.value), int(height.value)
