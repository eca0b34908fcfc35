"""MH, MR and MMR: bits to strips through libtiff, as the wheels of Pillow bring it.

Bits are packed eight to an octet, most significant first, 1 for black. What comes out is one strip: with MH and MR an
EOL before every line and no RTC (RFC 3949 3.4, 4.5.4), with MMR the EOFB at the end (4.5.6).
"""

import io
import struct
from enum import Enum

from PIL import Image

_WIDTH, _LENGTH, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 259, 262, 266
_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_COUNTS, _T4_OPTIONS = 273, 278, 279, 292

REVERSED_BITS = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
"""For `bytes.translate`: every octet with its bits in the other order (FillOrder 2)."""


class Coding(Enum):
    """A bi-level coding by the name that `image-coding` has for it."""

    MH = "MH"
    MR = "MR"
    MMR = "MMR"

    @property
    def compression(self) -> int:
        """The value of the field Compression."""
        return 4 if self is Coding.MMR else 3

    @property
    def t4_options(self) -> int | None:
        """The value of the field T4Options; None for a coding that is not of T.4."""
        return {Coding.MH: 0, Coding.MR: 1, Coding.MMR: None}[self]


def encode_bits(bits: bytes, width: int, height: int, coding: Coding) -> bytes:
    """Return the strip that codes `height` lines of `width` pixels; the octets are most significant bit first."""
    image = Image.frombytes("1", (width, height), bits)
    options = {
        _ROWS_PER_STRIP: height,
        _FILL_ORDER: 1,
        _PHOTOMETRIC: 1,
    }  # 1: Pillow leaves the bits as they are
    if coding.t4_options is not None:
        options[_T4_OPTIONS] = coding.t4_options
    file = io.BytesIO()
    image.save(file, "TIFF", compression="group3" if coding.compression == 3 else "group4", tiffinfo=options)
    return _only_strip(file.getvalue())


def decode_bits(strip: bytes, width: int, height: int, coding: Coding, *, fill_order: int = 1) -> bytes:
    """Return the bits of a strip; raises OSError when it is damaged."""
    octets = strip.translate(REVERSED_BITS) if fill_order == 2 else strip
    fields = [
        (_WIDTH, 4, width),
        (_LENGTH, 4, height),
        (258, 3, 1),
        (_COMPRESSION, 3, coding.compression),
        (_PHOTOMETRIC, 3, 1),
        (_FILL_ORDER, 3, 1),
        (_STRIP_OFFSETS, 4, 8),
        (277, 3, 1),
        (_ROWS_PER_STRIP, 4, height),
        (_STRIP_COUNTS, 4, len(octets)),
    ]
    if coding.t4_options is not None:
        fields.append((_T4_OPTIONS, 4, coding.t4_options))
    padded = octets + b"\0" * (len(octets) % 2)
    ifd = struct.pack("<H", len(fields))
    for tag, kind, value in fields:
        ifd += struct.pack("<HHI", tag, kind, 1) + struct.pack(
            "<I" if kind == 4 else "<HH", *_padded(kind, value)
        )
    file = struct.pack("<2sHI", b"II", 42, 8 + len(padded)) + padded + ifd + b"\0\0\0\0"
    with Image.open(io.BytesIO(file), formats=("TIFF",)) as image:
        return image.convert("1").tobytes()


def _padded(kind: int, value: int) -> tuple[int, ...]:
    return (value,) if kind == 4 else (value, 0)


def _only_strip(file: bytes) -> bytes:
    """Return the strip of a one-strip TIFF file that libtiff has just written."""
    order = "<" if file[:2] == b"II" else ">"
    (position,) = struct.unpack_from(order + "I", file, 4)
    (count,) = struct.unpack_from(order + "H", file, position)
    offset = length = 0
    for number in range(count):
        tag, kind, amount = struct.unpack_from(order + "HHI", file, position + 2 + 12 * number)
        if tag in (_STRIP_OFFSETS, _STRIP_COUNTS):
            assert amount == 1, "RowsPerStrip is the page's length"
            (value,) = struct.unpack_from(
                order + ("I" if kind == 4 else "H"), file, position + 10 + 12 * number
            )
            offset, length = (value, length) if tag == _STRIP_OFFSETS else (offset, value)
    return file[offset : offset + length]
