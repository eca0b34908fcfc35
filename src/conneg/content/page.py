"""The one value between readers and writers: a page as pixels, and the frame that asked for it.

A reader draws a page into a `Frame` and gives back a `Raster` that has exactly the frame's size; a writer
takes rasters and knows nothing of where they came from. Nothing here reads or writes a file.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:  # the process that asks for conversions never loads numpy: its workers do
    import numpy as np
    import numpy.typing as npt

Pixels: TypeAlias = "npt.NDArray[np.uint8]"
"""Octets: (height, width) grey with 0 black and 255 white, or (height, width, 3) sRGB."""


class Raster:
    """A page image in memory: octets, or bits where the page is bi-level; and its resolution in pixels per inch."""

    __slots__ = ("_pixels", "_width", "bits", "dpi_x", "dpi_y", "unlike")

    def __init__(self, pixels: Pixels, dpi_x: Fraction, dpi_y: Fraction) -> None:
        self._pixels: Pixels | None = pixels
        self._width = int(pixels.shape[1])
        self.dpi_x = dpi_x
        self.dpi_y = dpi_y
        self.bits: Pixels | None = None
        """A bi-level page's pixels, eight an octet (`conneg.content.halftone.Packed`); None for any other page."""
        self.unlike: float | None = None
        """How unlike the original the pictures of a page in bits are (`conneg.content.fidelity.Fidelity`)."""

    @classmethod
    def of_bits(cls, bits: Pixels, width: int, dpi_x: Fraction, dpi_y: Fraction) -> "Raster":
        """Return a bi-level page, `width` pixels wide: it stays in bits unless somebody asks for `pixels`."""
        raster = cls.__new__(cls)
        raster._pixels = None
        raster._width = width
        raster.dpi_x = dpi_x
        raster.dpi_y = dpi_y
        raster.bits = bits
        raster.unlike = None
        return raster

    @property
    def pixels(self) -> Pixels:
        """The page as `Pixels` says."""
        if self._pixels is None:
            from conneg.content.halftone import unpack

            assert self.bits is not None
            octets: Pixels = unpack(self.bits, self._width).view("uint8") * 255
            self._pixels = octets
        return self._pixels

    @property
    def width(self) -> int:
        """The number of pixels in a scan line."""
        return self._width

    @property
    def height(self) -> int:
        """The number of scan lines."""
        return len(self.pixels if self.bits is None else self.bits)

    @property
    def is_colour(self) -> bool:
        """Whether there are three samples a pixel."""
        return self.bits is None and self.pixels.ndim == 3


@dataclass(frozen=True, slots=True)
class Frame:
    """What a page is to be drawn into.

    `pixel_height` None means: as long as the page is at this resolution. `colour` asks for sRGB, else grey.
    The page keeps its physical size (scaled down, never up, where it is larger than the frame) and lies at
    the top, centred between the sides, on white. `turn` lets a page that is wider than long be turned by 90
    degrees where that lets it be larger; `fill` makes the page exactly as large as the frame, whatever the
    resolution says. `bilevel` says that the page ends in black and white: a reader that has bits gives those.
    """

    pixel_width: int
    pixel_height: int | None
    dpi_x: Fraction = field(hash=False)
    dpi_y: Fraction = field(hash=False)
    colour: bool
    turn: bool = False
    fill: bool = False
    bilevel: bool = False


@dataclass(frozen=True, slots=True)
class PageGeometry:
    """What is known of a page before it is drawn.

    `width_inches` and `height_inches` are as it is read (after a stated orientation is applied), exact.
    `pixel_width`, `pixel_height` and `dpi` (the horizontal one) are those of a raster source and None for
    vectors and text, which have any resolution; `dpi_y` is the vertical one where it differs. `colour` is
    what the page really shows, as a `color` token of RFC 2534 2.5: Binary, Grey or Full. `kind` is text,
    vector, photo or scan. `type_points` is the size of its smallest running type
    (`conneg.content.fidelity.smallest_type`); None where it is not known, as in pictures.

    The hash leaves the fractions out: to hash one takes longer than to compare all of a page's.
    """

    width_inches: Fraction = field(hash=False)
    height_inches: Fraction = field(hash=False)
    pixel_width: int | None
    pixel_height: int | None
    dpi: Fraction | None = field(hash=False)
    colour: str
    kind: str
    dpi_y: Fraction | None = field(default=None, hash=False)
    type_points: Fraction | None = field(default=None, hash=False)

    def as_json(self) -> dict[str, Any]:
        """Return the geometry as values of JSON; fractions are text such as "1250/127"."""
        return {
            "width_inches": str(self.width_inches),
            "height_inches": str(self.height_inches),
            "pixel_width": self.pixel_width,
            "pixel_height": self.pixel_height,
            "dpi": None if self.dpi is None else str(self.dpi),
            "colour": self.colour,
            "kind": self.kind,
            "dpi_y": None if self.dpi_y is None else str(self.dpi_y),
            "type_points": None if self.type_points is None else str(self.type_points),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "PageGeometry":
        """Read what `as_json` gave."""
        return cls(
            width_inches=Fraction(value["width_inches"]),
            height_inches=Fraction(value["height_inches"]),
            pixel_width=value["pixel_width"],
            pixel_height=value["pixel_height"],
            dpi=None if value["dpi"] is None else Fraction(value["dpi"]),
            colour=value["colour"],
            kind=value["kind"],
            dpi_y=None if value.get("dpi_y") is None else Fraction(value["dpi_y"]),
            type_points=None if value.get("type_points") is None else Fraction(value["type_points"]),
        )


class PageReader(Protocol):
    """One page of a document, drawn on demand."""

    @property
    def geometry(self) -> PageGeometry:
        """All that can be said of the page; looks at its pixels, so that damage shows here."""
        ...

    @property
    def outline(self) -> PageGeometry:
        """The geometry as far as a frame needs it, without looking at any pixel: colour may be said to be Full."""
        ...

    def render(self, frame: Frame) -> Raster:
        """Return the page drawn into `frame`, exactly of its size (raises ContentRefusedError)."""
        ...
