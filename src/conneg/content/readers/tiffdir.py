"""The directories of a TIFF file: every IFD's fields and where things lie, read without decoding any image.

Lenient as RFC 3249 5.2 asks of readers (either byte order, SHORT for LONG, IFDs anywhere); bounded in the
number of IFDs and of values; a chain that loops ends where it would repeat.
"""

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from conneg.content.errors import ContentRefusedError
from conneg.content.tiff.reading import MAX_LAYERS, fractions_of

_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii"}
"""struct codes by field type (TIFF 6.0; RFC 3949 uses BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL)."""

_SIZES = {kind: struct.calcsize("=" + code) for kind, code in _TYPES.items()}

_COMPRESSION, _STRIP_OFFSETS, _SUB_IFDS = 259, 273, 330
_JBIG, _HEAD_OCTETS = 9, 20

_MAX_VALUES = 4096
_MAX_ENTRIES = 512

Number = int | Fraction


@dataclass(frozen=True, slots=True)
class Ifd:
    """One directory: its `offset`, the end of its entries, and `fields` by tag number (first values of long
    ones).

    `strip_head` are the first octets of the first strip of a page in JBIG, whose stripe size stands nowhere else.
    """

    offset: int
    end: int
    fields: dict[int, tuple[Number, ...]]
    strip_head: bytes = b""

    def number(self, tag: int, default: int) -> int:
        """Return the first value of `tag` as an integer, or `default`."""
        values = self.fields.get(tag)
        return int(values[0]) if values else default

    def fraction(self, tag: int) -> Fraction | None:
        """Return the first value of `tag`, or None when it is absent or not above zero."""
        values = self.fields.get(tag)
        return Fraction(values[0]) if values and values[0] > 0 else None


@dataclass(frozen=True, slots=True)
class TiffDirectory:
    """All primary IFDs in order, and the file's byte order: `II` or `MM`."""

    byte_order: str
    ifds: tuple[Ifd, ...]


def read_directory(path: Path, max_pages: int) -> TiffDirectory:
    """Return the chain of IFDs of the file; raises ContentRefusedError when there is none, or more than
    `max_pages`.
    """
    with path.open("rb") as file:
        head = file.read(8)
        order = "<" if head[:2] == b"II" else ">"
        if len(head) < 8 or struct.unpack(order + "H", head[2:4])[0] != 42:
            raise ContentRefusedError("the TIFF header is damaged")
        (offset,) = struct.unpack(order + "I", head[4:])
        ifds: list[Ifd] = []
        seen: set[int] = set()
        while offset and offset not in seen:
            if len(ifds) >= max_pages:
                raise ContentRefusedError(f"more than {max_pages} pages")
            seen.add(offset)
            ifd, offset = _read_ifd(file, order, offset)
            if ifd is None:
                break
            ifds.append(ifd)
    if not ifds:
        raise ContentRefusedError("the TIFF file has no page that can be read")
    return TiffDirectory("II" if order == "<" else "MM", tuple(ifds))


def read_children(path: Path, byte_order: str, ifd: Ifd) -> tuple[Ifd, ...]:
    """Return the child IFDs that SubIFDs of `ifd` leads to, list by list; those that cannot be read are left out.

    Raises ContentRefusedError when there are more than `MAX_LAYERS`.
    """
    order = "<" if byte_order == "II" else ">"
    children: list[Ifd] = []
    seen = {ifd.offset}
    with path.open("rb") as file:
        for start in ifd.fields.get(_SUB_IFDS, ()):
            offset = int(start)
            while offset and offset not in seen:
                seen.add(offset)
                child, offset = _read_ifd(file, order, offset)
                if child is None:
                    break
                if len(children) >= MAX_LAYERS.value:
                    raise ContentRefusedError(f"more than {MAX_LAYERS.value} layers on a page")
                children.append(child)
    return tuple(children)


def _read_ifd(file: BinaryIO, order: str, offset: int) -> tuple[Ifd | None, int]:
    """Return the IFD at `offset` (None where there is none) and the offset of the next."""
    file.seek(offset)
    head = file.read(2)
    if len(head) < 2:
        return None, 0
    (count,) = struct.unpack(order + "H", head)
    if not 0 < count <= _MAX_ENTRIES:
        return None, 0
    body = file.read(count * 12 + 4)
    if len(body) < count * 12:
        return None, 0
    end = offset + 2 + count * 12 + 4
    fields: dict[int, tuple[Number, ...]] = {}
    for number in range(count):
        tag, kind, amount, value = struct.unpack(order + "HHI4s", body[number * 12 : number * 12 + 12])
        fields.setdefault(tag, _values(file, order, kind, amount, value))
    tail = body[count * 12 :]
    ifd = Ifd(offset, end, fields, _strip_head(file, fields))
    return ifd, struct.unpack(order + "I", tail)[0] if len(tail) == 4 else 0


def _strip_head(file: BinaryIO, fields: dict[int, tuple[Number, ...]]) -> bytes:
    """Return the first octets of the first strip where the page is in JBIG."""
    offsets = fields.get(_STRIP_OFFSETS)
    if fields.get(_COMPRESSION, (1,))[:1] != (_JBIG,) or not offsets:
        return b""
    file.seek(int(offsets[0]))
    return file.read(_HEAD_OCTETS)


def _values(file: BinaryIO, order: str, kind: int, amount: int, value: bytes) -> tuple[Number, ...]:
    code = _TYPES.get(kind)
    if code is None:
        return ()
    size = _SIZES[kind]
    amount = min(amount, _MAX_VALUES)
    octets = value[: size * amount]
    if size * amount > 4:
        file.seek(struct.unpack(order + "I", value)[0])
        octets = file.read(size * amount)
    amount = len(octets) // size
    numbers = struct.unpack(order + code * amount, octets[: amount * size])
    if len(code) == 1:
        return numbers
    return fractions_of(numbers)
