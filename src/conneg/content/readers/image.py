"""Raster images, through Pillow (and pillow-heif): TIFF with all its pages, JPEG, PNG, WebP, HEIC, AVIF, GIF.

Of an animation or an image collection the first image is read. Stated orientation is applied, transparency
lies on white, a colour profile is converted to sRGB after the image was made small.
"""

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from conneg.content.errors import ContentRefusedError
from conneg.content.page import Frame, PageGeometry, PageReader, Pixels, Raster
from conneg.content.paper import A4
from conneg.content.placement import Placement, place
from conneg.content.readers import faxtags, itulab
from conneg.content.readers.chroma import has_colour
from conneg.content.readers.tiffdir import TiffDirectory, read_directory
from conneg.content.source import ReadLimits, Source

Image.MAX_IMAGE_PIXELS = None  # our own budget is checked before any decoding, and answers with our own error

SCREEN_DPI = 96
"""The resolution at which an image that states none is placed, unless it would not fit on A4 then."""

UNSTATED_DPI = 72
"""EXIF's word for "unknown"; whatever is this coarse or coarser was not measured by anybody."""

_LOOK_PIXELS = 512
_FORMATS = {
    "image/tiff": ("TIFF",),
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/webp": ("WEBP",),
    "image/heic": ("HEIF",),
    "image/avif": ("AVIF",),
    "image/gif": ("GIF",),
}
_LOSSY = {"image/jpeg", "image/webp", "image/heic", "image/avif"}
_LIBRARY_ERRORS = (
    OSError,
    UnidentifiedImageError,
    SyntaxError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    OverflowError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)
"""What Pillow and its plugins raise on damaged files."""


class ImageReader:
    """An open image file."""

    def __init__(self, source: Source, limits: ReadLimits, media_type: str) -> None:
        self.media_type = media_type
        self.lossless = media_type not in _LOSSY
        self._source = source
        if media_type == "image/heic":
            import pillow_heif

            pillow_heif.register_heif_opener()
        self._directory = _tiff_directory(source, limits) if media_type == "image/tiff" else None
        total = len(self._directory.ifds) if self._directory else 1
        self._opened = _Opened(source, media_type, limits, self._directory)
        self.pages: Sequence[PageReader] = [_ImagePage(self._opened, index) for index in range(total)]

    def features(self, index: int) -> str | None:
        """Return the terms that describe page `index` as it is."""
        geometry = self.pages[index].geometry
        if self._directory is not None:
            return faxtags.describe(self._directory, index, geometry.colour)
        page = self.pages[index]
        assert isinstance(page, _ImagePage)
        terms = [f"(pix-x={geometry.pixel_width})", f"(pix-y={geometry.pixel_height})"]
        if page.stated_dpi is not None:
            terms += [
                f"(dpi={page.stated_dpi[0]})",
                f"(dpi-xyratio={page.stated_dpi[0] / page.stated_dpi[1]})",
            ]
        return " ".join([*terms, f"(color={geometry.colour})"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()


def _tiff_directory(source: Source, limits: ReadLimits) -> TiffDirectory:
    try:
        return read_directory(source.path, limits.pages)
    except ContentRefusedError as error:
        raise ContentRefusedError(f"{source.label}: {error}") from error


class _Opened:
    """The door to Pillow: opens one image of the file, checks its size before decoding, translates
    exceptions.
    """

    def __init__(
        self, source: Source, media_type: str, limits: ReadLimits, directory: TiffDirectory | None
    ) -> None:
        self.label = source.label
        self.media_type = media_type
        self.directory = directory
        self._path = source.path
        self._limits = limits
        self._kept: Image.Image | None = None

    @contextlib.contextmanager
    def image(self, index: int) -> Iterator[Image.Image]:
        """Give image `index`, not decoded yet."""
        place = f"{self.label}, page {index + 1}" if index else self.label
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield self._at(index, place)
        except _LIBRARY_ERRORS as error:
            self.close()
            raise ContentRefusedError(
                f"{place}: the {self.media_type} file is damaged ({_brief(error)})"
            ) from error

    def _at(self, index: int, place: str) -> Image.Image:
        """Return the file's image `index`, its size checked; not decoded, unless Pillow could not."""
        ifds = self.directory.ifds if self.directory else ()
        if ifds and itulab.is_itulab(ifds[index]):
            self._check(itulab.size(ifds[index]), place)
            return itulab.decode(self._path, ifds[index])
        if ifds and itulab.is_itulab(ifds[0]):
            image = self._opened_at(ifds[index].offset)
        else:
            image = self._opened_in_order(index)
        self._check(image.size, place)
        return image

    def _opened_in_order(self, index: int) -> Image.Image:
        """Return image `index`; a TIFF stays open, because it knows where its pages are."""
        if self._kept is None or self.directory is None:
            self.close()
            self._kept = Image.open(self._path, formats=_FORMATS[self.media_type])
        if self._kept.tell() != index:
            self._kept.seek(index)
        return self._kept

    def _opened_at(self, offset: int) -> Image.Image:
        """Return the TIFF page whose IFD is at `offset`, where Pillow cannot pass the pages before it."""
        octets = bytearray(self._path.read_bytes())
        octets[4:8] = offset.to_bytes(4, "little" if octets[:2] == b"II" else "big")
        return Image.open(io.BytesIO(octets), formats=_FORMATS[self.media_type])

    def close(self) -> None:
        """Close the file and let go of its pixels."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _check(self, size: tuple[int, int], place: str) -> None:
        width, height = size
        if width < 1 or height < 1:
            raise ContentRefusedError(f"{place}: an image without pixels")
        if width * height > self._limits.pixels:
            raise ContentRefusedError(
                f"{place}: {width} by {height} pixels, more than {self._limits.pixels} in all"
            )


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:120] or type(error).__name__


class _ImagePage:
    """One image of the file."""

    def __init__(self, opened: _Opened, index: int) -> None:
        self._opened = opened
        self._index = index
        self.stated_dpi: tuple[Fraction, Fraction] | None = None

    @cached_property
    def geometry(self) -> PageGeometry:
        """Size, resolution and colour; decodes the image."""
        with self._opened.image(self._index) as image:
            return replace(self._outline(image), colour=_colour(image))

    @cached_property
    def outline(self) -> PageGeometry:
        """Size and resolution, from the file's header."""
        with self._opened.image(self._index) as image:
            return self._outline(image)

    def _outline(self, image: Image.Image) -> PageGeometry:
        stated = self._resolution(image)
        width, height = image.size
        if _orientation(image, self._opened.media_type) >= 5:
            width, height = height, width
            stated = stated and (stated[1], stated[0])
        self.stated_dpi = stated
        fax = self._opened.directory is not None and faxtags.is_fax(self._opened.directory.ifds[self._index])
        width_inches, height_inches = _size_inches(width, height, stated)
        return PageGeometry(
            width_inches=width_inches,
            height_inches=height_inches,
            pixel_width=width,
            pixel_height=height,
            dpi=width / width_inches,
            dpi_y=height / height_inches,
            colour="Binary" if image.mode == "1" else "Full",
            kind="scan" if fax or (image.mode == "1" and stated is not None) else "photo",
        )

    def _resolution(self, image: Image.Image) -> tuple[Fraction, Fraction] | None:
        """Return what the file states and somebody may have measured."""
        if self._opened.directory is not None:
            found = faxtags.resolution(self._opened.directory.ifds[self._index])
            return found if found is None or min(found) > UNSTATED_DPI else None
        stated = image.info.get("dpi")
        try:
            x, y = (Fraction(value).limit_denominator(100) for value in stated or ())
        except (TypeError, ValueError, OverflowError, ZeroDivisionError):
            return None
        if min(x, y) <= UNSTATED_DPI or max(x, y) > 10_000:
            return None
        return _whole(x), _whole(y)

    def render(self, frame: Frame) -> Raster:
        """Return the image drawn into `frame`."""
        placement = place(self.outline, frame)
        with self._opened.image(self._index) as image:
            pixels = _draw(image, placement, frame, self._opened.media_type)
        return Raster(pixels, frame.dpi_x, frame.dpi_y)


def _whole(dpi: Fraction) -> Fraction:
    """Return the whole number that is meant: PNG states pixels a metre, and 300 comes back as 299.9994."""
    return Fraction(round(dpi)) if abs(dpi - round(dpi)) < Fraction(1, 20) else dpi


def _size_inches(
    width: int, height: int, stated: tuple[Fraction, Fraction] | None
) -> tuple[Fraction, Fraction]:
    """Return the stated physical size, else the natural one: `SCREEN_DPI`, or finer so that it fits on A4."""
    if stated is not None:
        return width / stated[0], height / stated[1]
    short, long = sorted((A4.width_inches, A4.length_inches))
    box = (short, long) if height >= width else (long, short)
    dpi = max(Fraction(SCREEN_DPI), width / box[0], height / box[1])
    return width / dpi, height / dpi


def _orientation(image: Image.Image, media_type: str) -> int:
    """Return EXIF's orientation, 1 to 8; Pillow applies that of TIFF and pillow-heif that of HEIC by
    themselves.
    """
    if media_type not in {"image/jpeg", "image/png", "image/webp"}:
        return 1
    try:
        value = image.getexif().get(0x0112, 1)
    except _LIBRARY_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _colour(image: Image.Image) -> str:
    """Return the `color` token of what the image shows; decodes it, JPEG at an eighth of its size."""
    if image.mode == "1":
        image.load()
        return "Binary"
    if image.mode in {"L", "LA", "La", "F", "I"} or image.mode.startswith("I;"):
        image.load()
        return "Grey"
    image.draft("RGB", (_LOOK_PIXELS, _LOOK_PIXELS))
    image.load()
    if max(image.size) > 2 * _LOOK_PIXELS and image.mode != "P":
        image = image.reduce(max(image.size) // _LOOK_PIXELS)
    pixels = np.asarray(_on_white(image, colour=True))
    return "Full" if has_colour(pixels) else "Grey"


def _draw(image: Image.Image, placement: Placement, frame: Frame, media_type: str) -> Pixels:
    """Return the frame's pixels with the image in its box."""
    colour = frame.colour
    orientation = _orientation(image, media_type)
    width, height = placement.width, placement.height
    if placement.turned:
        width, height = height, width
    if orientation >= 5:
        width, height = height, width
    profile = image.info.get("icc_profile")
    if profile is None and image.mode != "P":
        image.draft("RGB" if colour else "L", (width, height))
    image.load()
    # a page of facsimile is screened afterwards: there the sharper filter costs twice the time and shows nothing
    shrink = Image.Resampling.LANCZOS if frame.fill else Image.Resampling.HAMMING
    small = _resize(image, (width, height), colour or profile is not None, shrink)
    small = _in_srgb(small, profile)
    if small.mode != ("RGB" if colour else "L"):
        small = small.convert("RGB" if colour else "L")
    if orientation != 1:
        small = small.transpose(_TRANSPOSE[orientation])
    if placement.turned:
        small = small.transpose(Image.Transpose.ROTATE_270)
    pixels = np.asarray(small, dtype=np.uint8)
    if placement.fills_frame:
        return pixels
    shape = (placement.frame_height, placement.frame_width) + ((3,) if colour else ())
    page = np.full(shape, 255, dtype=np.uint8)
    bottom, right = placement.top + placement.height, placement.left + placement.width
    page[placement.top : bottom, placement.left : right] = pixels
    return page


_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _resize(image: Image.Image, size: tuple[int, int], colour: bool, shrink: Image.Resampling) -> Image.Image:
    """Return the image on white with exactly `size`: pixels kept where they fit, else averaged or
    interpolated.
    """
    bilevel = image.mode == "1"
    if image.mode == "CMYK" and "icc_profile" in image.info:
        return image if image.size == size else image.resize(size, Image.Resampling.BOX)
    plain = _on_white(image, colour)
    if plain.size == size:
        return plain
    grows = size[0] > plain.width or size[1] > plain.height
    if bilevel:
        return plain.resize(size, Image.Resampling.NEAREST if grows else Image.Resampling.BOX)
    return plain.resize(size, Image.Resampling.BICUBIC if grows else shrink, reducing_gap=2.0)


def _on_white(image: Image.Image, colour: bool) -> Image.Image:
    """Return the image in RGB or grey without transparency."""
    mode = "RGB" if colour else "L"
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)).convert(mode)
    if image.mode == "I":
        return Image.fromarray((np.clip(np.asarray(image), 0, 65535) >> 8).astype(np.uint8)).convert(mode)
    if image.mode == "F":
        return Image.fromarray(_stretched(np.asarray(image))).convert(mode)
    if image.mode in {"LA", "La", "RGBA", "RGBa", "PA"} or "transparency" in image.info:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, over).convert(mode)
    return image if image.mode == mode else image.convert(mode)


def _stretched(values: npt.NDArray[np.float32]) -> Pixels:
    """Return floating-point samples as octets; beyond 0 to 255 (or 0 to 1) they are clipped."""
    finite = np.nan_to_num(values, nan=0.0, posinf=255.0, neginf=0.0)
    factor = 255.0 if float(finite.max(initial=0.0)) <= 1.0 else 1.0
    octets: Pixels = np.clip(finite * factor, 0, 255).astype(np.uint8)
    return octets


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the image converted from its colour profile; a profile that is damaged or does not fit is left
    aside.
    """
    if not profile or image.mode not in {"RGB", "L", "CMYK"}:
        return image
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and "sRGB" in (given.profile.profile_description or ""):
            return image
        converted = ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, *_LIBRARY_ERRORS):
        return image
    return converted or image
