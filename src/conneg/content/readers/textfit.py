"""Text drawn for coarse lines: its small letters become a whole number of lines high, as hinting would make them.

At 98 lines an inch the small letters of ordinary type are three to seven lines high, and pdfium does not hint. A stroke
that ends between two lines is then lost or doubled; stretched to whole lines, letters are read with a quarter less
mistakes (docs/reference/content.md has the figures). pdfium sets the feet of letters on a line by itself.
"""

import ctypes
import math
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

POINTS_AN_INCH = 72
_MOST_LINES = 12
"""Small letters this high and higher lose nothing that anybody would miss."""

_FEWEST_LINES = 2
"""Lower letters cannot be read whatever is done."""

_PLAUSIBLE = (0.38, 0.60)
"""The height of an x in shares of the font's size; what is outside is not an x, or no font of letters."""

_OBJECTS = 5000
"""Pages with more objects than this are drawn as they are."""


class Fit(NamedTuple):
    """Whether any text was stretched, and whether most of the page's text is in fonts that do not tell their height."""

    is_changed: bool
    is_unknown: bool


def fit_text(page: Any, lines_an_inch: float) -> Fit:
    """Stretch the upright text of `page` (pdfium's handle) about its base lines.

    The page must be closed after it was drawn: its objects have been changed, its document has not. Text in forms, on
    pages that are turned, and text that is itself turned or slanted stay as they are.
    """
    count = pdfium.FPDFPage_CountObjects(page)
    if count > _OBJECTS or pdfium.FPDFPage_GetRotation(page):
        return Fit(is_changed=False, is_unknown=True)
    heights: dict[int, float | None] = {}
    matrix, changed, known, unknown = pdfium.FS_MATRIX(), False, 0, 0
    for number in range(count):
        handle = pdfium.FPDFPage_GetObject(page, number)
        if pdfium.FPDFPageObj_GetType(handle) != pdfium.FPDF_PAGEOBJ_TEXT:
            continue
        if not pdfium.FPDFPageObj_GetMatrix(handle, matrix) or matrix.b or matrix.c or matrix.d <= 0:
            continue
        height = _x_height(handle, heights)
        known, unknown = known + (height > 0), unknown + (height == 0)
        factor = _factor(height * matrix.d * lines_an_inch / POINTS_AN_INCH)
        if factor != 1:
            pdfium.FPDFPageObj_Transform(handle, 1, 0, 0, factor, 0, matrix.f * (1 - factor))
            changed = True
    return Fit(changed, unknown > known)


def _factor(lines: float) -> float:
    """Return by how much letters that are so many lines high are stretched, never shrunk: that is harder to read."""
    if not _FEWEST_LINES <= lines < _MOST_LINES:
        return 1
    return math.ceil(lines) / lines


def _x_height(handle: Any, known: dict[int, float | None]) -> float:
    """Return the height of an x in a text object, in its own units; 0 where the font does not tell."""
    size = ctypes.c_float()
    font = pdfium.FPDFTextObj_GetFont(handle)
    if not font or not pdfium.FPDFTextObj_GetFontSize(handle, size):
        return 0
    key = ctypes.cast(font, ctypes.c_void_p).value or 0
    if key not in known:
        known[key] = _share_of_x(font)
    return (known[key] or 0) * size.value


def _share_of_x(font: Any) -> float | None:
    """Return the height of the letter that has the code of x, in shares of the size; None where it looks like none.

    In fonts with codes of their own it may be another letter: one as high as an x, with its feet on the line, will do.
    """
    path = pdfium.FPDFFont_GetGlyphPath(font, ord("x"), 1.0)
    if not path:
        return None
    x, y = ctypes.c_float(), ctypes.c_float()
    heights = []
    for number in range(pdfium.FPDFGlyphPath_CountGlyphSegments(path)):
        segment = pdfium.FPDFGlyphPath_GetGlyphPathSegment(path, number)
        if segment and pdfium.FPDFPathSegment_GetPoint(segment, x, y):
            heights.append(y.value)
    if not heights or abs(min(heights)) > 0.02:
        return None
    low, high = _PLAUSIBLE
    return max(heights) if low < max(heights) < high else None
