"""The type sizes of a PDF's page, through pdfium: what each run of text is high and long."""

import ctypes
import math
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


def type_runs(page: Any) -> list[tuple[float, float]]:
    """Return size in points and length in ems of the runs of text on `page` (pdfium's handle)."""
    count = pdfium.FPDFPage_CountObjects(page)
    measure = _Measure()
    for number in range(0, count, max(1, -(-count // MOST_RUNS))):
        measure.take(pdfium.FPDFPage_GetObject(page, number), 1.0, _DEEPEST)
    return measure.runs


class _Measure:
    """The runs of a page, and what pdfium writes its answers into: new ones each time would cost more than asking."""

    def __init__(self) -> None:
        self.runs: list[tuple[float, float]] = []
        self._size = ctypes.c_float()
        self._bounds = (ctypes.c_float * 4)()
        self._edges = [ctypes.c_float.from_buffer(self._bounds, 4 * number) for number in range(4)]
        self._matrix = pdfium.FS_MATRIX()
        self._looked_at = 0

    def take(self, handle: Any, scale: float, depth: int) -> None:
        """Take the runs of one object, a text or a form with texts in it, drawn `scale` times as large as it says."""
        self._looked_at += 1
        if self._looked_at > _MOST_LOOKED_AT:
            return
        kind = pdfium.FPDFPageObj_GetType(handle)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            self._take_text(handle, scale)
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth:
            inner = scale * self._stretch(handle)
            count = min(_MOST_LOOKED_AT - self._looked_at, pdfium.FPDFFormObj_CountObjects(handle))
            for number in range(count):
                self.take(pdfium.FPDFFormObj_GetObject(handle, number), inner, depth - 1)

    def _take_text(self, handle: Any, scale: float) -> None:
        if not pdfium.FPDFTextObj_GetFontSize(handle, self._size):
            return
        if not pdfium.FPDFPageObj_GetBounds(handle, *self._edges):
            return
        left, bottom, right, top = self._bounds
        height, length = top - bottom, right - left
        if height > length:
            height, length = length, height
        points = abs(self._size.value) * self._stretch(handle)
        low, high = _PLAUSIBLE
        if not low * points <= height <= high * points:
            points = height / _LETTERS_SHARE
        if 0 < points < math.inf and length < math.inf:
            self.runs.append((points * scale, length / points))

    def _stretch(self, handle: Any) -> float:
        """Return by how much an object's matrix stretches what is upright in it."""
        if not pdfium.FPDFPageObj_GetMatrix(handle, self._matrix):
            return 1.0
        return math.hypot(self._matrix.c, self._matrix.d)
