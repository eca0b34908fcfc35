"""The one boundary to pdfium: a page drawn straight into an array of octets.

pdfium is told the box in pixels, so a frame with different resolutions both ways costs no resampling; for
grey it draws in grey.
"""

import ctypes
import functools
from contextlib import nullcontext
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium

from conneg.content.fidelity import unlike
from conneg.content.halftone import bilevel
from conneg.content.page import Frame, Pixels, Raster
from conneg.content.placement import Placement
from conneg.content.readers.typesetter import PageSetter

WHITE = 255
_TURN_CLOCKWISE = 1
_NO_SMOOTHING = (
    pdfium.FPDF_RENDER_NO_SMOOTHTEXT | pdfium.FPDF_RENDER_NO_SMOOTHIMAGE | pdfium.FPDF_RENDER_NO_SMOOTHPATH
)


def draw(
    page: Any,
    placement: Placement,
    frame: Frame,
    form: Any = None,
    *,
    dense: bool = False,
    setter: PageSetter | None = None,
) -> Raster:
    """Return `page` (pdfium's handle) drawn where `placement` says; `form` is the document's form environment.

    `dense`: its letters have many strokes (`conneg.content.readers.denseletters`). `setter` sets text on grey pages.
    """
    if not frame.bilevel:
        pixels = draw_pixels(page, placement, colour=frame.colour, form=form, setter=setter)
        return Raster(pixels, frame.dpi_x, frame.dpi_y)
    sheet = _sheet(placement.frame_height, placement.frame_width)
    sheet.fill(WHITE)
    _draw_grey(sheet, page, placement, form, setter)
    bits = bilevel(sheet, float(frame.dpi_x), float(frame.dpi_y), dense=dense)
    raster = Raster.of_bits(bits, placement.frame_width, frame.dpi_x, frame.dpi_y)
    raster.unlike = unlike(sheet, bits, float(frame.dpi_x), float(frame.dpi_y))
    return raster


@functools.lru_cache(maxsize=1)
def _sheet(height: int, width: int) -> Pixels:
    """Return octets to draw a grey page into, the same ones for all pages of a size: nobody keeps them.

    New ones each time would cost as much as a fifth of the drawing, spent in the kernel. Like pdfium as a whole, this
    is for one thread.
    """
    return np.empty((height, width), dtype=np.uint8)


def draw_pixels(
    page: Any,
    placement: Placement,
    *,
    colour: bool,
    form: Any = None,
    smooth: bool = True,
    setter: PageSetter | None = None,
) -> Pixels:
    """Return the octets of `page` on white; without `smooth` what is black and white stays black and white."""
    shape = (placement.frame_height, placement.frame_width) + ((3,) if colour else ())
    pixels = np.full(shape, WHITE, dtype=np.uint8)
    if colour or not smooth:
        _draw_into(pixels, page, placement, colour=colour, form=form, smooth=smooth)
    else:
        _draw_grey(pixels, page, placement, form, setter)
    return pixels


def _draw_grey(sheet: Pixels, page: Any, placement: Placement, form: Any, setter: PageSetter | None) -> None:
    with nullcontext() if setter is None else setter.setting(placement, sheet):
        _draw_into(sheet, page, placement, colour=False, form=form, smooth=True)


def _draw_into(
    pixels: Pixels, page: Any, placement: Placement, *, colour: bool, form: Any, smooth: bool
) -> None:
    width, height = placement.frame_width, placement.frame_height
    flags = pdfium.FPDF_ANNOT | (0 if smooth else _NO_SMOOTHING)
    if colour:
        form_of_pixel = pdfium.FPDFBitmap_BGR
        flags |= pdfium.FPDF_REVERSE_BYTE_ORDER
    else:
        form_of_pixel = pdfium.FPDFBitmap_Gray
        flags |= pdfium.FPDF_GRAYSCALE
    bitmap = pdfium.FPDFBitmap_CreateEx(
        width, height, form_of_pixel, pixels.ctypes.data_as(ctypes.c_void_p), pixels.strides[0]
    )
    if not bitmap:
        raise MemoryError(f"no bitmap of {width} by {height} pixels")
    box = (
        placement.left,
        placement.top,
        placement.width,
        placement.height,
        _TURN_CLOCKWISE if placement.turned else 0,
    )
    try:
        pdfium.FPDF_RenderPageBitmap(bitmap, page, *box, flags)
        if form is not None:
            pdfium.FPDF_FFLDraw(form, bitmap, page, *box, flags)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
