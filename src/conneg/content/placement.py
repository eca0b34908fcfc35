"""Where a page lies in a frame: pure arithmetic that every reader shares."""

import functools
from dataclasses import dataclass
from fractions import Fraction

from conneg.bounds import Bound
from conneg.content.page import Frame, PageGeometry
from conneg.content.paper import twin_x, twin_y

MAX_FRAME_PIXELS = Bound(
    name="content.frame-pixels",
    value=48_000_000,
    unit="pixels in a page image",
    reason="A3 at 408 x 391 has 32 million; a page that is longer than that is drawn smaller, never cut",
    answer="the page is drawn smaller",
)


@dataclass(frozen=True, slots=True)
class Placement:
    """The frame's size and the box in it that the page fills, in pixels; `turned` by 90 degrees clockwise."""

    frame_width: int
    frame_height: int
    left: int
    top: int
    width: int
    height: int
    turned: bool

    @property
    def fills_frame(self) -> bool:
        """Whether no white is left around the page."""
        return (self.left, self.top, self.width, self.height) == (0, 0, self.frame_width, self.frame_height)


@functools.lru_cache(maxsize=64)  # pages of a document are mostly alike
def place(page: PageGeometry, frame: Frame) -> Placement:
    """Return where `page` lies in `frame`: its own size or smaller, at the top, centred between the sides."""
    if frame.fill:
        return _fill(page, frame)
    width, height = _natural_pixels(page, frame, turned=False)
    scale = _scale(width, height, frame)
    turned = False
    if frame.turn and page.width_inches > page.height_inches:
        other_width, other_height = _natural_pixels(page, frame, turned=True)
        other_scale = _scale(other_width, other_height, frame)
        if other_scale > scale * Fraction(51, 50):
            width, height, scale, turned = other_width, other_height, other_scale, True
    box_width = max(1, min(frame.pixel_width, round(width * scale)))
    box_height = max(1, round(height * scale))
    frame_height = box_height if frame.pixel_height is None else frame.pixel_height
    return Placement(
        frame_width=frame.pixel_width,
        frame_height=frame_height,
        left=(frame.pixel_width - box_width) // 2,
        top=0,
        width=box_width,
        height=min(box_height, frame_height),
        turned=turned,
    )


def _fill(page: PageGeometry, frame: Frame) -> Placement:
    height = frame.pixel_height
    if height is None:
        height = max(1, round(frame.pixel_width * page.height_inches / page.width_inches))
    return Placement(frame.pixel_width, height, 0, 0, frame.pixel_width, height, turned=False)


def _natural_pixels(page: PageGeometry, frame: Frame, *, turned: bool) -> tuple[Fraction, Fraction]:
    """Return the page's size in pixels of the frame's resolution.

    A scan keeps its pixels where T.4 takes both resolutions as equal: resampling bi-level lines by two in a
    hundred would only spoil them.
    """
    dpi_x, dpi_y = frame.dpi_x, frame.dpi_y
    if page.kind == "scan" and page.dpi and page.pixel_width and page.pixel_height and not turned:
        own_y = page.dpi_y or page.dpi
        return (
            page.pixel_width * twin_x(dpi_x) / twin_x(page.dpi),
            page.pixel_height * twin_y(dpi_y) / twin_y(own_y),
        )
    if turned:
        return page.height_inches * dpi_x, page.width_inches * dpi_y
    return page.width_inches * dpi_x, page.height_inches * dpi_y


def _scale(width: Fraction, height: Fraction, frame: Frame) -> Fraction:
    """Return by how much the page must shrink, at most 1."""
    longest = frame.pixel_height
    if longest is None:
        longest = max(1, MAX_FRAME_PIXELS.value // frame.pixel_width)
    return min(Fraction(1), frame.pixel_width / width, longest / height)
