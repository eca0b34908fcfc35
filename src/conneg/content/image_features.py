"""What a JPEG, PNG, WebP or GIF file is, as feature sets: type, coding, pixels, colour, resolution.

A file may be taken as more than one colour: a palette of colours satisfies a receiver of Full as well as one of Mapped.
"""

import struct
import warnings
import zlib
from fractions import Fraction
from pathlib import Path

from PIL import Image, ImageChops

from conneg.content.placement import MAX_FRAME_PIXELS
from conneg.content.source import NO_TIFF
from conneg.errors import ConnegError
from conneg.features import FeatureSet, feature_set

_COLOURS: dict[str, tuple[str, ...]] = {
    "1": ("(color=Binary)",),
    "L": ("(& (color=Grey) (color-levels=256))",),
    "P": ("(& (color=Full) (color-levels=16777216))", "(& (color=Mapped) (color-levels=256))"),
    "RGB": ("(& (color=Full) (color-levels=16777216))",),
}
"""Terms by Pillow's mode; the first is what a converter asked for colour states."""

_DECODING_ERRORS = (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, EOFError, RuntimeError)


class ImageProblemError(ConnegError):
    """The file is no whole image of its type."""


def features_of_image(path: Path, media_type: str, pillow_format: str) -> tuple[FeatureSet, ...]:
    """Return what the file is, once for each `color` that it can be taken as; the image is decoded.

    Raises ImageProblemError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=(pillow_format,)) as image:
                if image.width * image.height > MAX_FRAME_PIXELS.value:
                    raise ImageProblemError(f"more than {MAX_FRAME_PIXELS.value} pixels")
                image.load()
                return tuple(
                    feature_set(image_expression(media_type, image.size, colour, _dpi(image)))
                    for colour in _colours(image)
                )
    except (*_DECODING_ERRORS, struct.error, zlib.error) as error:
        raise ImageProblemError(f"the {media_type} file cannot be decoded ({error})") from error


def image_expression(
    media_type: str, size: tuple[int, int], colour: str, dpi: tuple[Fraction, Fraction] | None
) -> str:
    """Return the expression of an image file; `colour` is the term for its colour, `dpi` its resolution, if stated."""
    coding = media_type.removeprefix("image/").upper()
    resolution = f" (dpi={dpi[0]}) (dpi-xyratio={dpi[0] / dpi[1]})" if dpi else ""
    return (
        f'(& (type="{media_type}") {NO_TIFF} (image-coding={coding})'
        f" (pix-x={size[0]}) (pix-y={size[1]}){resolution} {colour})"
    )


def colour_term(mode: str) -> str:
    """Return the term for the colour of an image in Pillow's `mode`."""
    return _COLOURS[mode][0]


def _colours(image: Image.Image) -> tuple[str, ...]:
    if image.mode == "P" and _is_grey(image):
        return (*_COLOURS["L"], *_COLOURS["P"])
    if image.format == "WEBP" and image.mode == "RGB" and _is_grey_all_over(image):
        return (*_COLOURS["L"], *_COLOURS["RGB"])  # WebP has no images of one component
    return _COLOURS.get(image.mode, _COLOURS["RGB"])


def _is_grey(image: Image.Image) -> bool:
    palette = image.getpalette("RGB") or []
    return all(palette[at] == palette[at + 1] == palette[at + 2] for at in range(0, len(palette), 3))


def _is_grey_all_over(image: Image.Image) -> bool:
    red, green, blue = image.split()
    return all(
        ImageChops.difference(green, other).getextrema()[1] <= _ROUNDING  # type: ignore[operator]
        for other in (red, blue)
    )


_ROUNDING = 2


def _dpi(image: Image.Image) -> tuple[Fraction, Fraction] | None:
    """Return the stated resolution; PNG states pixels a metre, and what is almost whole is meant to be whole."""
    try:
        x, y = (Fraction(value).limit_denominator(100) for value in image.info.get("dpi", ()))
    except (TypeError, ValueError, OverflowError):
        return None
    if x <= 0 or y <= 0:
        return None
    return _whole(x), _whole(y)


def _whole(dpi: Fraction) -> Fraction:
    return Fraction(round(dpi)) if abs(dpi - round(dpi)) < Fraction(1, 20) else dpi
