"""A page image that is too long for its receiver, on several sheets: cut where nothing is, as far as that can be.

Every scan line arrives, once and in order.
"""

from collections.abc import Iterator

import numpy as np

from conneg.content.framing import Division
from conneg.content.page import Pixels, Raster

_WHITE = 250
_LOOKED_AT = 4
"""A cut may come up to one part in four of a sheet before its end, where a line without ink is found there."""


def divide(raster: Raster, division: Division) -> Iterator[Raster]:
    """Yield the sheets of a page image: as many as `division` says, none longer than it allows."""
    start = 0
    for sheet in range(1, division.sheets + 1):
        last = sheet == division.sheets
        end = raster.height if last else _cut(raster.pixels, start, sheet, division)
        pixels = raster.pixels[start:end]
        if last and division.fill and len(pixels) < division.lines:
            pixels = _filled(pixels, division.lines)
        yield Raster(np.ascontiguousarray(pixels), raster.dpi_x, raster.dpi_y)
        start = end


def _cut(pixels: Pixels, start: int, sheet: int, division: Division) -> int:
    """Return where the next sheet begins: after the last blank line that leaves no more than fits on those to come."""
    latest = min(start + division.lines, len(pixels) - (division.sheets - sheet))
    rest = (division.sheets - sheet) * division.lines
    earliest = max(len(pixels) - rest, latest - division.lines // _LOOKED_AT, start + 1)
    blank = np.flatnonzero(
        pixels[earliest - 1 : latest].reshape(latest - earliest + 1, -1).min(axis=1) >= _WHITE
    )
    return earliest + int(blank[-1]) if len(blank) else latest


def _filled(pixels: Pixels, lines: int) -> Pixels:
    sheet = np.full((lines, *pixels.shape[1:]), 255, dtype=np.uint8)
    sheet[: len(pixels)] = pixels
    return sheet
