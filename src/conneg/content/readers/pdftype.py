"""The type sizes of a PDF's page, through pdfium: what each run of text is high and long."""

import ctypes
import math
from collections.abc import Iterator
from typing import Any

import pypdfium2.raw as pdfium

MOST_RUNS = 400
"""Of a page with more objects every second, third ... is looked at: enough to know its running type."""

_DEEPEST = 4
"""Forms in forms are followed so far."""

_PLAUSIBLE = (0.15, 1.7)
"""How high the letters of a run are in shares of its size; fonts of type 3 may have any size."""

_LETTERS_SHARE = 0.75
"""How high the letters of a run mostly are, where its size is not to be believed."""


def type_runs(page: Any) -> Iterator[tuple[float, float]]:
    """Yield size in points and length in ems of the runs of text on `page` (pdfium's handle)."""
    count = pdfium.FPDFPage_CountObjects(page)
    step = max(1, -(-count // MOST_RUNS))
    for number in range(0, count, step):
        yield from _runs(pdfium.FPDFPage_GetObject(page, number), 1.0, _DEEPEST)


def _runs(handle: Any, scale: float, depth: int) -> Iterator[tuple[float, float]]:
    """Yield the runs of one object, a text or a form with texts in it, drawn `scale` times as large as it says."""
    kind = pdfium.FPDFPageObj_GetType(handle)
    if kind == pdfium.FPDF_PAGEOBJ_TEXT:
        run = _run(handle, scale)
        if run is not None:
            yield run
    elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth:
        inner = scale * _stretch(handle)
        for number in range(min(MOST_RUNS, pdfium.FPDFFormObj_CountObjects(handle))):
            yield from _runs(pdfium.FPDFFormObj_GetObject(handle, number), inner, depth - 1)


def _run(handle: Any, scale: float) -> tuple[float, float] | None:
    size, edges = ctypes.c_float(), [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFTextObj_GetFontSize(handle, size) or not pdfium.FPDFPageObj_GetBounds(handle, *edges):
        return None
    left, bottom, right, top = (edge.value for edge in edges)
    height, length = sorted((abs(top - bottom), abs(right - left)))
    points = abs(size.value) * _stretch(handle)
    low, high = _PLAUSIBLE
    if not low * points <= height <= high * points:
        points = height / _LETTERS_SHARE
    if not (math.isfinite(points) and math.isfinite(length) and points > 0):
        return None
    return points * scale, length / points


def _stretch(handle: Any) -> float:
    """Return by how much an object's matrix stretches what is upright in it."""
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(handle, matrix):
        return 1.0
    return math.hypot(matrix.c, matrix.d)
