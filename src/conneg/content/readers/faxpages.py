"""Pages of TIFF that Pillow does not show: JBIG (profile J), JPEG in ITULAB (C), layers (M); L is refused by name."""

from pathlib import Path

import numpy as np
from PIL import Image

from conneg.content import jbig
from conneg.content.errors import ContentRefusedError
from conneg.content.readers import itulab, mrc
from conneg.content.readers.faxtags import (
    BITS,
    COMPRESSION,
    LENGTH,
    ORIENTATION,
    PHOTOMETRIC,
    SAMPLES,
    STRIP_COUNTS,
    STRIP_OFFSETS,
    WIDTH,
)
from conneg.content.readers.pixels import upright
from conneg.content.readers.tiffdir import Ifd

_JBIG, _JBIG_COLOUR, _JBIG_OF_LIBTIFF = 9, 10, 34661
"""T.85 and T.43 (RFC 3949, 2.2.1), and the number under which libtiff writes T.82."""


def is_ours(ifd: Ifd) -> bool:
    """Whether `decode` is to be asked for the page."""
    ours = {_JBIG, _JBIG_COLOUR, _JBIG_OF_LIBTIFF}
    return ifd.number(COMPRESSION, 1) in ours or itulab.is_itulab(ifd) or mrc.is_layered(ifd)


def size(ifd: Ifd) -> tuple[int, int]:
    """Return width and height of the page, upright, as the fields state them."""
    width, height = itulab.size(ifd)
    return (height, width) if ifd.number(ORIENTATION, 1) in {5, 6, 7, 8} else (width, height)


def decode(path: Path, byte_order: str, ifd: Ifd, place: str) -> Image.Image:
    """Return the page upright: bi-level, in grey or in sRGB. Check `size` before.

    Raises ContentRefusedError, which begins with `place`, ValueError or OSError on damage.
    """
    if ifd.number(COMPRESSION, 1) == _JBIG_COLOUR:
        raise ContentRefusedError(f"{place}: profile L of TIFF-FX (JBIG by T.43) cannot be read")
    if mrc.is_layered(ifd):
        page = mrc.decode_page(path, byte_order, ifd, place)
    elif itulab.is_itulab(ifd):
        page = itulab.decode(path, ifd)
    else:
        page = _jbig_page(path, ifd, place)
    return upright(page, ifd.number(ORIENTATION, 1))


def unreadable_kind(ifd: Ifd) -> str | None:
    """Return what to say of a page that could not be read because of what it is; None where that is no reason."""
    bits, samples, coding = ifd.number(BITS, 1), ifd.number(SAMPLES, 1), ifd.number(COMPRESSION, 1)
    if (bits in {8, 16, 32} or (samples == 1 and bits in {1, 2, 4, 6, 12})) and coding in _READ_CODINGS:
        return None
    return f"TIFF with {samples} samples of {bits} bits, Compression {coding}, cannot be read"


_READ_CODINGS = {1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, 34925, 50000}
"""Values of Compression that Pillow's libtiff decodes."""


def of_sixteen_bits(image: Image.Image, ifd: Ifd) -> Image.Image:
    """Return a grey page of 12 bits with the range of 16; any other as it is. Pillow leaves 4095 for white."""
    if not (image.mode.startswith("I;16") and ifd.number(BITS, 1) == _TWELVE_BITS):
        return image
    samples = np.asarray(image).astype(np.uint16)
    return Image.fromarray(samples << 4 | samples >> 8)


_TWELVE_BITS = 12


def _jbig_page(path: Path, ifd: Ifd, place: str) -> Image.Image:
    """Return the page of one or more strips, each a BIE."""
    width, height = ifd.number(WIDTH, 0), ifd.number(LENGTH, 0)
    lines: list[bytes] = []
    left = height
    try:
        for bie in _strips(path, ifd):
            strip = jbig.decode(bie, width, left)
            lines.append(strip.lines)
            left -= strip.height
    except jbig.JbigError as error:
        raise ContentRefusedError(f"{place}: {error}") from error
    if left:
        raise ContentRefusedError(
            f"{place}: the JBIG data has {height - left} lines, the fields say {height}"
        )
    min_is_white = ifd.number(PHOTOMETRIC, 0) == 0
    return Image.frombytes("1", (width, height), b"".join(lines), "raw", "1;I" if min_is_white else "1")


def _strips(path: Path, ifd: Ifd) -> list[bytes]:
    """Return the strips, the first bit of each octet the highest.

    The data itself says which bit is first, in its number of planes, 1: libtiff takes FillOrder the other way round.
    """
    offsets, counts = ifd.fields.get(STRIP_OFFSETS, ()), ifd.fields.get(STRIP_COUNTS, ())
    if not offsets or len(offsets) != len(counts):
        raise ValueError("strips without offsets or counts")
    found: list[bytes] = []
    with path.open("rb") as file:
        for offset, count in zip(offsets, counts, strict=True):
            file.seek(int(offset))
            strip = file.read(int(count))
            found.append(strip.translate(_REVERSED) if strip[2:3] == _ONE_REVERSED else strip)
    return found


_ONE_REVERSED = b"\x80"
_REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
