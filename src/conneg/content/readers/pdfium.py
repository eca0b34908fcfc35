"""The one boundary to pdfium: a page drawn straight into an array of octets.

pdfium is told the box in pixels, so a frame with different resolutions both ways costs no resampling; for
grey it draws in grey.
"""

import ctypes
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium

from conneg.content.page import Frame, Pixels, Raster
from conneg.content.placement import Placement

WHITE = 255
_TURN_CLOCKWISE = 1
_NO_SMOOTHING = (
    pdfium.FPDF_RENDER_NO_SMOOTHTEXT | pdfium.FPDF_RENDER_NO_SMOOTHIMAGE | pdfium.FPDF_RENDER_NO_SMOOTHPATH
)


def draw(page: Any, placement: Placement, frame: Frame, form: Any = None) -> Raster:
    """Return `page` (pdfium's handle) drawn where `placement` says; `form` is the document's form
    environment.
    """
    pixels = draw_pixels(page, placement, colour=frame.colour, form=form)
    return Raster(pixels, frame.dpi_x, frame.dpi_y)


def draw_pixels(
    page: Any, placement: Placement, *, colour: bool, form: Any = None, smooth: bool = True
) -> Pixels:
    """Return the octets of `page` on white; without `smooth` what is black and white stays black and white."""
    width, height = placement.frame_width, placement.frame_height
    flags = pdfium.FPDF_ANNOT | (0 if smooth else _NO_SMOOTHING)
    if colour:
        pixels = np.full((height, width, 3), WHITE, dtype=np.uint8)
        form_of_pixel = pdfium.FPDFBitmap_BGR
        flags |= pdfium.FPDF_REVERSE_BYTE_ORDER
    else:
        pixels = np.full((height, width), WHITE, dtype=np.uint8)
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
    return pixels
