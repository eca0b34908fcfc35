"""sRGB to the CIELAB samples of TIFF-FX (ITULAB): L*, a*, b* under D50, eight bits each, in the default Decode range.

littleCMS computes the colours; RFC 3949 6.2.3 and the default of the field Decode (4.2.2) say how they become samples.
"""

import functools
from fractions import Fraction

from PIL import Image, ImageCms

DEFAULT_DECODE = (
    (Fraction(0), Fraction(100)),
    (Fraction(-21760, 255), Fraction(21590, 255)),
    (Fraction(-19200, 255), Fraction(31800, 255)),
)
"""(minimum, maximum) of L*, a* and b*."""


def to_itulab(image: Image.Image) -> Image.Image:
    """Return an sRGB or grey page as its samples: mode L for lightness alone, mode YCbCr standing for L*, a*, b*."""
    lab = ImageCms.applyTransform(image.convert("RGB") if image.mode != "RGB" else image, _to_lab())
    assert lab is not None, "not in place, so there is a result"
    bands = [band.point(list(table)) for band, table in zip(lab.split(), _tables(), strict=True)]
    return bands[0] if image.mode == "L" else Image.merge("YCbCr", bands)


@functools.cache
def _tables() -> tuple[tuple[int, ...], ...]:
    """For each component: from littleCMS's octet (L* in 255ths of 100, a* and b* plus 128) to the sample."""
    values = (
        [Fraction(octet * 100, 255) for octet in range(256)],
        [Fraction(octet - 128) for octet in range(256)],
        [Fraction(octet - 128) for octet in range(256)],
    )
    return tuple(
        tuple(max(0, min(255, round((value - low) * 255 / (high - low)))) for value in listed)
        for listed, (low, high) in zip(values, DEFAULT_DECODE, strict=True)
    )


@functools.cache
def _to_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        "RGB",
        "LAB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
