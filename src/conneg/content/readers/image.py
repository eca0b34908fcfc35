"""Raster images, through Pillow (and pillow-heif): TIFF with all its pages, JPEG, JPEG 2000, PNG, WebP, HEIC, AVIF,
GIF, BMP.

Of an animation or an image collection the first image is read. Stated orientation is applied, transparency
lies on white, a colour profile is converted to sRGB after the image was made small.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from conneg.content.errors import ContentRefusedError
from conneg.content.halftone import Packed
from conneg.content.page import Frame, PageGeometry, PageReader, Raster
from conneg.content.paper import A4
from conneg.content.placement import Placement, place
from conneg.content.readers import faxbits, faxpages, faxtags
from conneg.content.readers.chroma import has_colour
from conneg.content.readers.jpeg2000 import check_samples
from conneg.content.readers.pixels import LIBRARY_ERRORS, draw, on_white, orientation_of
from conneg.content.readers.tiffdir import Ifd, TiffDirectory, read_directory
from conneg.content.source import NO_TIFF, ReadLimits, Source

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
    "image/bmp": ("BMP",),
    "image/jp2": ("JPEG2000",),
}
_LOSSY = {"image/jpeg", "image/webp", "image/heic", "image/avif", "image/jp2"}
_MAY_HAVE_MORE = {"image/gif", "image/webp", "image/png", "image/heic", "image/avif"}


class ImageReader:
    """An open image file."""

    shows: Sequence[str] = ()

    def __init__(self, source: Source, limits: ReadLimits, media_type: str) -> None:
        self.media_type = media_type
        self.lossless = media_type not in _LOSSY
        self.notes: list[str] = []
        self._source = source
        if media_type == "image/heic":
            import pillow_heif

            pillow_heif.register_heif_opener()
        if media_type == "image/jp2":
            check_samples(source.path, source.label)
        self._directory = _tiff_directory(source, limits) if media_type == "image/tiff" else None
        total = len(self._directory.ifds) if self._directory else 1
        self._opened = _Opened(source, media_type, limits, self._directory)
        if media_type in _MAY_HAVE_MORE:
            self.notes = _others(self._opened)
        self.pages: Sequence[PageReader] = [_ImagePage(self._opened, index) for index in range(total)]

    def text(self) -> None:
        """Return None: letters in a picture are not read."""
        return

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
        coding = self.media_type.removeprefix("image/").upper()
        return " ".join([*terms, f"(color={geometry.colour})", f"(image-coding={coding})", NO_TIFF])

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


def _others(opened: "_Opened") -> list[str]:
    """Return the note on an animation or a collection of images; damage shows itself elsewhere."""
    try:
        with opened.image(0) as image:
            total = getattr(image, "n_frames", 1)
    except ContentRefusedError:
        return []
    return [f"{total} images in one file: the first is read"] if total > 1 else []


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
        self._byte_order = directory.byte_order if directory else "II"
        self.path = source.path
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
        except LIBRARY_ERRORS as error:
            self.close()
            kind = faxpages.unreadable_kind(self.directory.ifds[index]) if self.directory else None
            fault = kind or f"the {self.media_type} file is damaged ({_brief(error)})"
            raise ContentRefusedError(f"{place}: {fault}") from error

    def _at(self, index: int, place: str) -> Image.Image:
        """Return the file's image `index`, its size checked; not decoded, unless Pillow could not."""
        ifds = self.directory.ifds if self.directory else ()
        if ifds and faxpages.is_ours(ifds[index]):
            self._check(faxpages.size(ifds[index]), place)
            return faxpages.decode(self.path, self._byte_order, ifds[index], place)
        if ifds and faxpages.is_ours(ifds[0]):
            image = self._opened_at(ifds[index].offset)
        else:
            image = self._opened_in_order(index)
        self._check(image.size, place)
        return faxpages.of_sixteen_bits(image, ifds[index]) if ifds else image

    def _opened_in_order(self, index: int) -> Image.Image:
        """Return image `index`; a TIFF stays open, because it knows where its pages are."""
        if self._kept is None or self.directory is None:
            self.close()
            self._kept = Image.open(self.path, formats=_FORMATS[self.media_type])
        if self._kept.tell() != index:
            self._kept.seek(index)
        return self._kept

    def _opened_at(self, offset: int) -> Image.Image:
        """Return the TIFF page whose IFD is at `offset`, where Pillow cannot pass the pages before it."""
        octets = bytearray(self.path.read_bytes())
        octets[4:8] = offset.to_bytes(4, "little" if octets[:2] == b"II" else "big")
        return Image.open(io.BytesIO(octets), formats=_FORMATS[self.media_type])

    def close(self) -> None:
        """Close the file and let go of its pixels."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def checked(self, size: tuple[int, int], index: int) -> tuple[int, int]:
        """Return the size of image `index`; raises ContentRefusedError for one that is not to be decoded."""
        self._check(size, f"{self.label}, page {index + 1}" if index else self.label)
        return size

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
            return replace(self._outline_of(image), colour=_colour(image))

    @cached_property
    def outline(self) -> PageGeometry:
        """Size and resolution, from the file's header."""
        ifd = self._bits_ifd
        if ifd is not None:
            return self._outline(
                self._opened.checked(faxbits.size(ifd), self._index), "1", self._resolution()
            )
        with self._opened.image(self._index) as image:
            return self._outline_of(image)

    @property
    def _bits_ifd(self) -> Ifd | None:
        """The directory of a TIFF page that is bi-level and upright, None for any other page."""
        ifd = self._opened.directory.ifds[self._index] if self._opened.directory else None
        return ifd if ifd is not None and faxbits.is_bits(ifd) else None

    def _outline_of(self, image: Image.Image) -> PageGeometry:
        stated, size = self._resolution(image), image.size
        if orientation_of(image, self._opened.media_type) >= 5:
            size = size[1], size[0]
            stated = stated and (stated[1], stated[0])
        return self._outline(size, image.mode, stated)

    def _outline(
        self, size: tuple[int, int], mode: str, stated: tuple[Fraction, Fraction] | None
    ) -> PageGeometry:
        width, height = size
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
            colour="Binary" if mode == "1" else "Full",
            kind="scan" if fax or (mode == "1" and stated is not None) else "photo",
        )

    def _resolution(self, image: Image.Image | None = None) -> tuple[Fraction, Fraction] | None:
        """Return what the file states and somebody may have measured; a TIFF page needs no image for that."""
        if self._opened.directory is not None:
            found = faxtags.resolution(self._opened.directory.ifds[self._index])
            return found if found is None or min(found) > UNSTATED_DPI else None
        stated = image.info.get("dpi") if image else None
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
        bits = self._bits(placement) if frame.bilevel else None
        if bits is not None:
            return Raster.of_bits(bits, placement.frame_width, frame.dpi_x, frame.dpi_y)
        with self._opened.image(self._index) as image:
            pixels = draw(image, placement, frame, self._opened.media_type)
        return Raster(pixels, frame.dpi_x, frame.dpi_y)

    def _bits(self, placement: Placement) -> Packed | None:
        """Return the frame's pixels when the page has them already; None where it must be scaled or turned."""
        ifd = self._bits_ifd
        if ifd is None or placement.turned or (placement.width, placement.height) != faxbits.size(ifd):
            return None
        packed = faxbits.decode(self._opened.path, ifd)
        if packed is None:
            with self._opened.image(self._index) as image:
                image.load()
                if image.mode != "1" or image.size != (placement.width, placement.height):
                    return None
                packed = faxbits.from_pillow(image)
        return faxbits.lay(packed, placement.width, placement)


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
    pixels = np.asarray(on_white(image, colour=True))
    return "Full" if has_colour(pixels) else "Grey"
