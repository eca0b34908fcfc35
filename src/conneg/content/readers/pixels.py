"""From a decoded image to the pixels of a frame: scaled, upright, on white, in sRGB. Pillow only, no file."""

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from conneg.content.page import Frame, Pixels
from conneg.content.placement import Placement

LIBRARY_ERRORS = (
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


def draw(image: Image.Image, placement: Placement, frame: Frame, media_type: str) -> Pixels:
    """Return the frame's pixels with the image in its box."""
    colour = frame.colour
    orientation = orientation_of(image, media_type)
    width, height = placement.width, placement.height
    if placement.turned:
        width, height = height, width
    if orientation >= 5:
        width, height = height, width
    profile = _other_than_srgb(image)
    if profile is None and image.mode != "P":
        image.draft("RGB" if colour else "L", (width, height))
    image.load()
    # a page of facsimile is screened afterwards: there the sharper filter costs twice the time and shows nothing
    shrink = Image.Resampling.LANCZOS if frame.fill else Image.Resampling.HAMMING
    small = _resize(image, (width, height), colour or profile is not None, shrink)
    small = _in_srgb(small, profile)
    if small.mode != ("RGB" if colour else "L"):
        small = small.convert("RGB" if colour else "L")
    small = upright(small, orientation)
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


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the image as it is to be seen; `orientation` as in TIFF and EXIF, anything but 2 to 8 being upright."""
    turn = _TRANSPOSE.get(orientation)
    return image if turn is None else image.transpose(turn)


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
    plain = on_white(image, colour)
    if plain.size == size:
        return plain
    grows = size[0] > plain.width or size[1] > plain.height
    if bilevel:
        return plain.resize(size, Image.Resampling.NEAREST if grows else Image.Resampling.BOX)
    return plain.resize(size, Image.Resampling.BICUBIC if grows else shrink, reducing_gap=2.0)


def on_white(image: Image.Image, colour: bool) -> Image.Image:
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


def _other_than_srgb(image: Image.Image) -> bytes | None:
    """Return the image's colour profile; None where it has none or that of sRGB: a JPEG may then be decoded in grey."""
    profile: bytes | None = image.info.get("icc_profile")
    if not profile or image.mode != "RGB":
        return profile
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return None if "sRGB" in (given.profile.profile_description or "") else profile
    except (ImageCms.PyCMSError, *LIBRARY_ERRORS):
        return profile


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the image converted from its colour profile; a profile that is damaged or does not fit is left
    aside.
    """
    if not profile or image.mode not in {"RGB", "L", "CMYK"}:
        return image
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if given.profile.xcolor_space == "GRAY" and image.mode == "RGB":
            image = image.convert("L")
        if image.mode == "RGB" and "sRGB" in (given.profile.profile_description or ""):
            return image
        converted = ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, *LIBRARY_ERRORS):
        return image
    return converted or image


def orientation_of(image: Image.Image, media_type: str) -> int:
    """Return EXIF's orientation, 1 to 8; Pillow applies that of TIFF and pillow-heif that of HEIC by
    themselves, and says AVIF's own transformations in the words of EXIF.
    """
    if media_type not in {"image/jpeg", "image/png", "image/webp", "image/avif"}:
        return 1
    try:
        value = image.getexif().get(0x0112, 1)
    except LIBRARY_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
