"""MH, MR and MMR through Pillow's libtiff: what there is everywhere, and what our own coder is judged by.

Packed pixels (`conneg.content.halftone.Packed`: 1 is black) in, a strip out, and back; always FillOrder 1.
"""

import functools
import io
import struct
from typing import Any

import numpy as np
from PIL import Image

from conneg.content.halftone import Packed
from conneg.content.stripform import Coding, CodingError, StripForm


def encode(packed: Packed, form: StripForm) -> bytes:
    """Return `packed`, which has the form's size, as a strip. Raises CodingError when libtiff cannot."""
    if _takes_packed_lines():
        return _encode_packed(packed, form)
    return _encode_publicly(packed, form)


def decode(strip: bytes, form: StripForm) -> Packed:
    """Return the pixels that libtiff finds in `strip`; it passes over some damage, and so does this.

    Raises CodingError when it finds nothing. The caller bounds the form's size.
    """
    try:
        with Image.open(io.BytesIO(_as_tiff(strip, form)), formats=("TIFF",)) as image:
            white = np.asarray(image)
    except (OSError, SyntaxError, ValueError, TypeError, RuntimeError, EOFError) as error:
        raise CodingError(f"the strip cannot be decoded ({error})") from error
    if white.shape != (form.height, form.width):
        raise CodingError("the strip cannot be decoded")
    return np.packbits(~white, axis=1)


def _tags(form: StripForm) -> list[tuple[int, int | float]]:
    tags: list[tuple[int, int | float]] = [
        (256, form.width),
        (257, form.height),
        (258, 1),
        (259, form.compression),
        (262, 0),
        (266, 1),
        (277, 1),
        (278, form.height),
        (283, float(form.dpi_y)),
    ]
    if form.compression == 3:
        tags.append((292, form.t4_options))
    return [*tags, (296, 2)]


def _encode_packed(packed: Packed, form: StripForm) -> bytes:
    """Encode without the detour over an octet a pixel.

    libtiff takes lines of packed bits. Handing Pillow's encoder the octets as an image of mode L, and libtiff the true
    width in its tags, saves two thirds of the time.
    """
    lines, octets = packed.shape
    image = Image.frombuffer("L", (octets, lines), np.ascontiguousarray(packed), "raw", "L", 0, 1)
    encoder = Image.core.libtiff_encoder("L", "L", 0, "", _tags(form), {})  # type: ignore[attr-defined]
    try:
        encoder.setimage(image.im, (0, 0, octets, lines))
        written: list[bytes] = []
        status = 0
        while not status:
            _, status, data = encoder.encode(1 << 20)
            written.append(data)
    finally:
        encoder.cleanup()
    if status < 0:
        raise CodingError(f"libtiff cannot encode the page (error {status})")
    return _only_strip(b"".join(written))


def _encode_publicly(packed: Packed, form: StripForm) -> bytes:
    """Encode through `Image.save`: slower, and sure to be there in every version."""
    image = Image.frombytes("1", (form.width, form.height), packed.tobytes())
    info: dict[int, Any] = {278: form.height, 266: 1, 283: float(form.dpi_y), 296: 2}
    if form.compression == 3:
        info[292] = form.t4_options
    out = io.BytesIO()
    image.save(out, "TIFF", compression="group4" if form.compression == 4 else "group3", tiffinfo=info)
    return _only_strip(out.getvalue())


@functools.cache
def _takes_packed_lines() -> bool:
    """Whether this Pillow's encoder does with packed lines what its `save` does: tried once, on a small page."""
    page = np.packbits(np.indices((23, 45)).sum(axis=0) % 7 < 3, axis=1)
    form = StripForm(45, 23, Coding.MMR)
    try:
        return _encode_packed(page, form) == _encode_publicly(page, form)
    except (AttributeError, TypeError, ValueError, OSError, RuntimeError, CodingError):
        return False


def _only_strip(tiff: bytes) -> bytes:
    """Return the strip of the file of one page that libtiff made."""
    order = "<" if tiff[:2] == b"II" else ">"
    (ifd,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, ifd)
    fields = {}
    for number in range(count):
        tag, kind, amount = struct.unpack_from(order + "HHI", tiff, ifd + 2 + 12 * number)
        (value,) = struct.unpack_from(order + ("H" if kind == 3 else "I"), tiff, ifd + 10 + 12 * number)
        fields[tag] = (amount, value)
    if fields[273][0] != 1:
        raise CodingError("libtiff wrote more than one strip")
    offset, octets = fields[273][1], fields[279][1]
    return tiff[offset : offset + octets]


def _as_tiff(strip: bytes, form: StripForm) -> bytes:
    """Return a TIFF file, for Pillow to decode, with `strip` as its page."""
    values = {tag: int(value) for tag, value in _tags(form) if tag != 283}
    count = len(values) + 2
    values |= {273: 8 + 2 + 12 * count + 4, 279: len(strip)}
    ifd = struct.pack("<H", count)
    ifd += b"".join(struct.pack("<HHII", tag, 4, 1, values[tag]) for tag in sorted(values))
    return struct.pack("<2sHI", b"II", 42, 8) + ifd + b"\0\0\0\0" + strip
