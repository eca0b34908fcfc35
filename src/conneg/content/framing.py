"""From a target and a page to the frame the page is drawn into: sizes and resolutions, pure arithmetic.

`offer` uses the same sizes as bounds, so that what is offered is what is then made.
"""

import functools
import math
from dataclasses import dataclass, field, replace
from fractions import Fraction

from conneg.content.page import Frame, PageGeometry
from conneg.content.paper import A4, LINE_A4, PAPERS, Paper, line_for, line_pixels
from conneg.content.placement import MAX_FRAME_PIXELS, place

FINEST_IMAGE_DPI = 400
"""The resolution up to which text and vectors are offered as an image: beyond it no screen or printer shows
more.
"""

PDF_TEXT_DPI = Fraction(300)
PDF_IMAGE_DPI = Fraction(200)
"""Resolution of page images in a PDF when the target states none: sharp letters, ordinary pictures."""

FITTED_OVERLENGTH = Fraction(108, 100)
"""A page longer than its paper by no more than this is made smaller (A4 on letter); a longer one keeps its
length.
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What of a target collection decides the frame; lengths in inches, resolutions in pixels an inch."""

    media_type: str
    colour: str | None
    dpi: Fraction | None = field(default=None, hash=False)
    dpi_ratio: Fraction | None = field(default=None, hash=False)
    size_x: Fraction | None = field(default=None, hash=False)
    size_y: Fraction | None = field(default=None, hash=False)
    pix_x: int | None = None
    pix_y: int | None = None
    paper: str | None = None

    @property
    def wants_colour(self) -> bool:
        """Whether pages are to be drawn in colour."""
        return self.colour is None or self.colour.lower() not in {"binary", "grey"}


@functools.lru_cache(maxsize=64)  # pages of a document are mostly alike
def frame_for(target: Target, page: PageGeometry) -> Frame:
    """Return the frame for `page` in a file of `target`."""
    if target.media_type in {"image/tiff", "image/tiff-fx"}:
        return _fax_frame(target, page)
    if target.media_type == "application/pdf":
        return _sheet_frame(target, page)
    return _image_frame(target, page)


def image_size(page: PageGeometry) -> tuple[int, int]:
    """Return the largest pixel size that `page` is offered in as an image with square pixels.

    A raster page has its own width; the height follows the page's proportions, which is its own height unless
    its pixels are not square. Text and vectors have `FINEST_IMAGE_DPI`, less where that would pass the bound
    on pixels.
    """
    if page.pixel_width is not None:
        width = page.pixel_width
        square = page.dpi is not None and page.dpi == (page.dpi_y or page.dpi)
        height = page.pixel_height if square else None
        return width, height or max(1, round(width * page.height_inches / page.width_inches))
    dpi = Fraction(FINEST_IMAGE_DPI)
    area = page.width_inches * page.height_inches * dpi * dpi
    if area > MAX_FRAME_PIXELS.value:
        dpi *= Fraction(math.sqrt(MAX_FRAME_PIXELS.value / area)).limit_denominator(1000)
    return max(1, int(page.width_inches * dpi)), max(1, int(page.height_inches * dpi))


def _image_frame(target: Target, page: PageGeometry) -> Frame:
    width, height = image_size(page)
    bound_x = min(width, target.pix_x or width)
    bound_y = min(height, target.pix_y or height)
    if target.dpi is not None and page.pixel_width is None:
        bound_x = min(bound_x, max(1, int(page.width_inches * target.dpi)))
    scale = min(Fraction(bound_x, width), Fraction(bound_y, height))
    own_dpi = Fraction(max(1, round(width * scale))) / page.width_inches
    return Frame(
        pixel_width=min(bound_x, max(1, round(width * scale))),
        pixel_height=min(bound_y, max(1, round(height * scale))),
        dpi_x=target.dpi or own_dpi,
        dpi_y=target.dpi or own_dpi,
        colour=target.wants_colour,
        fill=True,
    )


def _sheet_frame(target: Target, page: PageGeometry) -> Frame:
    """Return the frame of a page of a PDF: the page's own size at the target's resolution, or a sensible one."""
    usual = PDF_TEXT_DPI if page.kind == "text" else PDF_IMAGE_DPI
    dpi = target.dpi or (usual if page.dpi is None else min(page.dpi, PDF_TEXT_DPI))
    area = page.width_inches * page.height_inches * dpi * dpi
    if area > MAX_FRAME_PIXELS.value:
        dpi *= Fraction(math.sqrt(MAX_FRAME_PIXELS.value / area)).limit_denominator(1000)
    return Frame(
        pixel_width=max(1, round(page.width_inches * dpi)),
        pixel_height=max(1, round(page.height_inches * dpi)),
        dpi_x=dpi,
        dpi_y=dpi,
        colour=target.wants_colour,
        fill=True,
    )


def _fax_frame(target: Target, page: PageGeometry) -> Frame:
    """Return the frame of a page of facsimile: a nominal scan line wide, as long as paper and page make it."""
    dpi_x = target.dpi or Fraction(200)
    dpi_y = dpi_x / (target.dpi_ratio or 1)
    paper = PAPERS.get((target.paper or "").lower())
    line = line_for(target.size_x) if target.size_x is not None else None
    line = line or (paper.line_inches if paper else LINE_A4)
    frame = Frame(
        pixel_width=line_pixels(line, dpi_x) or round(line * dpi_x),
        pixel_height=None,
        dpi_x=dpi_x,
        dpi_y=dpi_y,
        colour=target.wants_colour,
        turn=True,
        bilevel=(target.colour or "").lower() == "binary",
    )
    return replace(frame, pixel_height=_fax_height(target, page, frame, paper or A4))


def _fax_height(target: Target, page: PageGeometry, frame: Frame, paper: Paper) -> int | None:
    """Return the scan lines of the page, or None for as many as it has by itself.

    A scan keeps its own length. Other pages are filled up with white to the paper's length (but not beyond A4
    for their own sake), made smaller where they are hardly longer, and keep their own length where they are
    much longer: nothing is cut, and no profile limits the length. A `size-y` in the target is a limit in any
    case; what is much longer than that is divided afterwards (`division_of`).
    """
    own = place(page, frame).frame_height
    sheet = round(paper.length_inches * frame.dpi_y)
    height: int | None
    if page.kind == "scan" or own > sheet * FITTED_OVERLENGTH:
        height = None
    else:
        height = min(sheet, max(own, round(A4.length_inches * frame.dpi_y)))
    limit = _most_lines(target, frame.dpi_y)
    if limit is None or (height or own) <= limit:
        return height
    return None if own > limit * FITTED_OVERLENGTH else limit


def _most_lines(target: Target, dpi_y: Fraction) -> int | None:
    """Return the scan lines that `size-y` allows."""
    return None if target.size_y is None else max(1, int(target.size_y * dpi_y))


@dataclass(frozen=True, slots=True)
class Division:
    """How a page image that is too long is divided: into `sheets` of at most `lines` scan lines each.

    With `fill` the last one is filled up with white, as every page is that is no scan.
    """

    lines: int
    sheets: int
    fill: bool


def division_of(target: Target, page: PageGeometry, frame: Frame) -> Division | None:
    """Return how the page drawn into `frame` is divided; None where it is one sheet.

    A page longer than the receiver's `size-y` by more than `FITTED_OVERLENGTH` goes onto as many sheets as it takes, at
    its own size, as a fax machine would put it.
    """
    if target.media_type not in {"image/tiff", "image/tiff-fx"}:
        return None
    lines = _most_lines(target, frame.dpi_y)
    if lines is None or frame.pixel_height is not None:
        return None
    length = place(page, frame).frame_height
    if length <= lines:
        return None
    return Division(lines, -(-length // lines), page.kind != "scan")
