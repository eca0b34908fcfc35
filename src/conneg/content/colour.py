"""Colours: sRGB to and from CIE L*a*b* under D50, and into the octets of ITULAB (T.42, RFC 3949 6.2.3).

The exact formulas stand in `lab_from_srgb` and `srgb_from_lab`, in double precision, an array at a time: the curve
and primaries of IEC 61966-2-1, the white of D50 reached by the Bradford transform, CIE's cube root. Whole pages go
through a table of them in Pillow (`itulab_page`), which is off by no more than one octet.
"""

import functools
from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from conneg.content.page import Pixels

Floats: TypeAlias = npt.NDArray[np.float64]
Decode: TypeAlias = tuple[Fraction, ...]
"""Minimum and maximum of each component in turn, as in the field Decode."""

DEFAULT_DECODE: Decode = (
    Fraction(0),
    Fraction(100),
    Fraction(-21760, 255),
    Fraction(21590, 255),
    Fraction(-19200, 255),
    Fraction(31800, 255),
)
"""What ITULAB of eight bits means where a file has no Decode field (RFC 3949, 6.2.3)."""

SRGB_DECODE: Decode = (
    Fraction(0),
    Fraction(100),
    Fraction(-22440, 255),
    Fraction(25245, 255),
    Fraction(-27744, 255),
    Fraction(24276, 255),
)
"""The ranges that hold all of sRGB (RFC 3249, 5.2.2), for receivers whose gamut is not the default one."""

_SRGB_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], dtype=np.float64
)  # IEC 61966-2-1
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]], dtype=np.float64
)
_D50 = np.array([0.9642, 1.0, 0.8249], dtype=np.float64)
_EPSILON = 216 / 24389
_KAPPA = 24389 / 27
_NODES = 33
"""Nodes of the page table along each of red, green and blue."""


def lab_from_srgb(rgb: npt.ArrayLike) -> Floats:
    """Return L*a*b* (last axis) of sRGB values from 0 to 255 (last axis)."""
    coded = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _to_pcs().T / _D50
    f = np.where(ratio > _EPSILON, np.cbrt(ratio), (_KAPPA * ratio + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


def srgb_from_lab(lab: npt.ArrayLike) -> Floats:
    """Return sRGB values from 0 to 255 (last axis) of L*a*b* (last axis); what lies outside is cut."""
    lightness, a, b = np.moveaxis(np.asarray(lab, dtype=np.float64), -1, 0)
    y = (lightness + 16) / 116
    f = np.stack((y + a / 500, y, y - b / 200), axis=-1)
    ratio = np.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA)
    linear = np.clip((ratio * _D50) @ np.linalg.inv(_to_pcs()).T, 0, 1)
    coded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return coded * 255


def encode_itulab(lab: npt.ArrayLike, decode: Decode = DEFAULT_DECODE) -> Pixels:
    """Return the samples for L*a*b* values under `decode`, each nearest; what lies outside is cut."""
    low, span = _ranges(decode)
    samples = (np.asarray(lab, dtype=np.float64) - low) / span * 255
    return np.clip(np.rint(samples), 0, 255).astype(np.uint8)


def decode_itulab(samples: npt.ArrayLike, decode: Decode = DEFAULT_DECODE) -> Floats:
    """Return the L*a*b* values of samples: minimum + sample * (maximum - minimum) / 255 (RFC 3949, 6.2.3)."""
    low, span = _ranges(decode)
    return low + np.asarray(samples, dtype=np.float64) * span / 255


def itulab_page(pixels: Pixels, decode: Decode = DEFAULT_DECODE) -> Image.Image:
    """Return a page of sRGB as ITULAB, in Pillow's mode YCbCr: three components that JPEG takes as they are."""
    return Image.fromarray(pixels).filter(_page_table(decode))


def lightness_page(grey: Pixels, decode: Decode = DEFAULT_DECODE) -> Image.Image:
    """Return a grey page as L* alone, mode L."""
    return Image.fromarray(_lightness(decode[:2])[grey])


@functools.lru_cache(maxsize=4)
def _page_table(decode: Decode) -> ImageFilter.Color3DLUT:
    steps = np.linspace(0, 255, _NODES)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # Pillow wants red to change first
    low, span = _ranges(decode)
    lab = lab_from_srgb(np.stack((red, green, blue), axis=-1).reshape(-1, 3))
    table = (
        lab - low
    ) / span  # beyond 0 and 1 too: cutting before interpolation would bend colours near the rim
    return ImageFilter.Color3DLUT(_NODES, table.ravel().tolist(), target_mode="YCbCr")


@functools.lru_cache(maxsize=4)
def _lightness(decode: Decode) -> Pixels:
    greys = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    return encode_itulab(lab_from_srgb(greys)[:, :1], decode).ravel()


def _ranges(decode: Sequence[Fraction]) -> tuple[Floats, Floats]:
    low = np.array([float(value) for value in decode[::2]])
    return low, np.array([float(value) for value in decode[1::2]]) - low


@functools.cache
def _to_pcs() -> Floats:
    """Return the matrix from linear sRGB to XYZ under D50; its rows sum to the white, so that grey has no colour."""
    d65 = _SRGB_TO_XYZ.sum(axis=1)
    cone = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ d65))
    matrix: Floats = np.linalg.inv(_BRADFORD) @ cone @ _BRADFORD @ _SRGB_TO_XYZ
    return matrix
