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
        lines = max(division.lines, end - start) if last and division.fill else end - start
        yield _sheet(raster, start, end, lines)
        start = end


def _sheet(raster: Raster, start: int, end: int, lines: int) -> Raster:
    """Return a part of the page, filled up with white to so many `lines`; in bits where the page is."""
    if raster.bits is not None:
        bits = _filled(raster.bits[start:end], lines, 0)
        return Raster.of_bits(bits, raster.width, raster.dpi_x, raster.dpi_y)
    return Raster(_filled(raster.pixels[start:end], lines, 255), raster.dpi_x, raster.dpi_y)


def _cut(pixels: Pixels, start: int, sheet: int, division: Division) -> int:
    """Return where the next sheet begins: after the last blank line that leaves no more than fits on those to come."""
    latest = min(start + division.lines, len(pixels) - (division.sheets - sheet))
    rest = (division.sheets - sheet) * division.lines
    earliest = max(len(pixels) - rest, latest - division.lines // _LOOKED_AT, start + 1)
    blank = np.flatnonzero(
        pixels[earliest - 1 : latest].reshape(latest - earliest + 1, -1).min(axis=1) >= _WHITE
    )
    return earliest + int(blank[-1]) if len(blank) else latest


def _filled(pixels: Pixels, lines: int, white: int) -> Pixels:
    if len(pixels) == lines:
        return np.ascontiguousarray(pixels)
    sheet = np.full((lines, *pixels.shape[1:]), white, dtype=np.uint8)
    sheet[: len(pixels)] = pixels
    return sheet
