"""SVG through resvg: static pictures, drawn at the resolution of the frame. Nothing is fetched and nothing runs.

resvg gets markup only, never a path (`conneg.content.readers.svgsource`), and of the system the few fonts named here.
"""

import io
from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from conneg.content.errors import ContentRefusedError
from conneg.content.page import Frame, PageGeometry, PageReader, Raster
from conneg.content.placement import place
from conneg.content.readers.chroma import has_colour, has_shades
from conneg.content.readers.pixels import draw, on_white
from conneg.content.readers.svgsource import PIXELS_AN_INCH, CleanSvg, SvgProblemError, clean_svg
from conneg.content.readers.systemfonts import fonts_for_pictures
from conneg.content.source import NO_TIFF, ReadLimits, Source
from conneg.errors import BoundExceededError

_LOOK_PIXELS = 700
_MOST_INCHES = 2000


class SvgReader:
    """An SVG as a document of one page."""

    media_type = "image/svg+xml"
    lossless = True
    shows: Sequence[str] = ()

    def __init__(self, source: Source, limits: ReadLimits) -> None:
        try:
            svg = clean_svg(source.path.read_bytes())
        except (SvgProblemError, BoundExceededError) as error:
            raise ContentRefusedError(f"{source.label}: {error}") from error
        if svg.has_text and not fonts_for_pictures():
            raise ContentRefusedError(
                f"{source.label}: the SVG has text, and no font is installed to draw it with"
            )
        if max(svg.width, svg.height) > _MOST_INCHES * PIXELS_AN_INCH:
            raise ContentRefusedError(f"{source.label}: an SVG of more than {_MOST_INCHES} inches")
        left_out = svg.references
        self.notes = (
            [f"what {left_out} references outside of the SVG lead to is left out"] if left_out else []
        )
        self._page = _SvgPage(svg, source.label)
        self.pages: Sequence[PageReader] = [self._page]

    def text(self) -> None:
        """Return None: letters in a picture are not read."""
        return

    def features(self, index: int) -> str | None:
        """Return the colours of receivers that show it as it is."""
        colours = {"Full": "(color=Full) ", "Grey": "(color=[Grey,Full]) "}
        return f"{colours.get(self._page.geometry.colour, '')}{NO_TIFF}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class _SvgPage:
    def __init__(self, svg: CleanSvg, label: str) -> None:
        self._svg = svg
        self._label = label
        self.outline = PageGeometry(
            width_inches=svg.width / PIXELS_AN_INCH,
            height_inches=svg.height / PIXELS_AN_INCH,
            pixel_width=None,
            pixel_height=None,
            dpi=None,
            colour="Full",
            kind="vector",
        )

    @cached_property
    def geometry(self) -> PageGeometry:
        """Its size, and whether it shows colour, from a small drawing."""
        factor = min(1.0, _LOOK_PIXELS / float(max(self._svg.width, self._svg.height)))
        size = (max(1, round(self._svg.width * factor)), max(1, round(self._svg.height * factor)))
        pixels = np.asarray(on_white(self._draw(*size), colour=True))
        colour = "Full" if has_colour(pixels) else "Grey" if has_shades(pixels[..., 1]) else "Binary"
        old = self.outline
        return PageGeometry(old.width_inches, old.height_inches, None, None, None, colour, old.kind)

    def render(self, frame: Frame) -> Raster:
        """Return the picture drawn into `frame`."""
        placement = place(self.outline, frame)
        size = (placement.width, placement.height)
        image = self._draw(*(reversed(size) if placement.turned else size))
        return Raster(draw(image, placement, frame, "image/svg+xml"), frame.dpi_x, frame.dpi_y)

    def _draw(self, width: int, height: int) -> Image.Image:
        import resvg_py

        try:
            octets = resvg_py.svg_to_bytes(
                svg_string=self._svg.sized(width, height),
                skip_system_fonts=True,
                font_files=list(fonts_for_pictures()),
                font_family="DejaVu Sans",
                serif_family="DejaVu Serif",
                sans_serif_family="DejaVu Sans",
                cursive_family="DejaVu Serif",
                fantasy_family="DejaVu Sans",
                monospace_family="DejaVu Sans Mono",
            )
            image: Image.Image = Image.open(io.BytesIO(octets), formats=("PNG",))
            image.load()
        except (ValueError, OSError) as error:
            raise ContentRefusedError(f"{self._label}: the SVG cannot be drawn ({error})") from error
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BICUBIC)
        return image
