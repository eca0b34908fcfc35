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

_MOST_LOOKED_AT = 2000
"""So many objects of a page are looked at in all, forms that hold each other a hundred times over included."""

_PLAUSIBLE = (0.15, 1.7)
"""How high the letters of a run are in shares of its size; fonts of type 3 may have any size."""

_LETTERS_SHARE = 0.75
"""How high the letters of a run mostly are, where its size is not to be believed."""


def type_runs(page: Any) -> Iterator[tuple[float, float]]:
    """Yield size in points and length in ems of the runs of text on `page` (pdfium's handle)."""
    count = pdfium.FPDFPage_CountObjects(page)
    step = max(1, -(-count // MOST_RUNS))
    measure = _Measure()
    for number in range(0, count, step):
        yield from measure.runs(pdfium.FPDFPage_GetObject(page, number), 1.0, _DEEPEST)


class _Measure:
    """What pdfium writes its answers into, the same for all objects of a page: new ones would cost more than asking."""

    def __init__(self) -> None:
        self._size = ctypes.c_float()
        self._edges = [ctypes.c_float() for _ in range(4)]
        self._matrix = pdfium.FS_MATRIX()
        self._into_size, self._into_matrix = ctypes.byref(self._size), ctypes.byref(self._matrix)
        self._into_edges = [ctypes.byref(edge) for edge in self._edges]
        self._looked_at = 0

    def runs(self, handle: Any, scale: float, depth: int) -> Iterator[tuple[float, float]]:
        """Yield the runs of one object, a text or a form with texts in it, drawn `scale` times as large as it says."""
        self._looked_at += 1
        if self._looked_at > _MOST_LOOKED_AT:
            return
        kind = pdfium.FPDFPageObj_GetType(handle)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            run = self._run(handle, scale)
            if run is not None:
                yield run
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth:
            inner = scale * self._stretch(handle)
            for number in range(
                min(_MOST_LOOKED_AT - self._looked_at, pdfium.FPDFFormObj_CountObjects(handle))
            ):
                yield from self.runs(pdfium.FPDFFormObj_GetObject(handle, number), inner, depth - 1)

    def _run(self, handle: Any, scale: float) -> tuple[float, float] | None:
        if not pdfium.FPDFTextObj_GetFontSize(handle, self._into_size):
            return None
        if not pdfium.FPDFPageObj_GetBounds(handle, *self._into_edges):
            return None
        left, bottom, right, top = (edge.value for edge in self._edges)
        height, length = sorted((abs(top - bottom), abs(right - left)))
        points = abs(self._size.value) * self._stretch(handle)
        low, high = _PLAUSIBLE
        if not low * points <= height <= high * points:
            points = height / _LETTERS_SHARE
        if not (math.isfinite(points) and math.isfinite(length) and points > 0):
            return None
        return points * scale, length / points

    def _stretch(self, handle: Any) -> float:
        """Return by how much an object's matrix stretches what is upright in it."""
        if not pdfium.FPDFPageObj_GetMatrix(handle, self._into_matrix):
            return 1.0
        return math.hypot(self._matrix.c, self._matrix.d)
