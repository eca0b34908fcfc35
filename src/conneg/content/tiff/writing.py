"""Writing a TIFF file page by page, in the one order that every profile of TIFF-FX allows (RFC 3949, 3.5).

Header, then for each page its IFD, the values that do not fit into it, and its one strip; little-endian, the
first IFD at octet 8, every IFD on an even octet. A page is on disk when `add_page` returns; only the place of
the last next-IFD offset is remembered.
"""

import functools
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

from conneg.content.errors import ConversionError
from conneg.content.tiff.tags import FieldType, Tag

_MOST_OCTETS = 0xFFFF_FFFF


class Field(NamedTuple):
    """One field to be written: `tag`, `type`, and its `values` (fractions for the rational types)."""

    tag: int
    type: FieldType
    values: tuple[int | Fraction, ...]

    def as_octets(self) -> bytes:
        """Return the values in little-endian order."""
        return _octets(self.type, self.values)


@functools.lru_cache(maxsize=32)  # most fields of one page are those of the next
def _octets(kind: FieldType, values: tuple[int | Fraction, ...]) -> bytes:
    if kind in {FieldType.RATIONAL, FieldType.SRATIONAL}:
        pairs = [Fraction(value).as_integer_ratio() for value in values]
        return struct.pack("<" + kind.code * len(pairs), *(part for pair in pairs for part in pair))
    return struct.pack("<" + kind.code * len(values), *(int(value) for value in values))


class TiffContainer:
    """A TIFF file being written to `path`. Call `add_page` for each page, then `close`; `abort` removes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pages = 0
        self._file: BinaryIO = path.open("wb")
        self._file.write(struct.pack("<2sHI", b"II", 42, 8))
        self._position = 8
        self._next_place = 4

    def add_page(self, fields: Sequence[Field], strip: bytes) -> None:
        """Write one page: `fields` without StripOffsets and StripByteCounts, which are added, and its `strip`.

        Raises ConversionError when the file would be larger than TIFF can address, OSError when it cannot be
        written.
        """
        offset = self._position + self._position % 2
        placed = [*fields, _long(Tag.STRIP_OFFSETS, 0), _long(Tag.STRIP_BYTE_COUNTS, len(strip))]
        values_at = offset + 2 + 12 * len(placed) + 4
        written = sorted((field.tag, field, field.as_octets()) for field in placed)
        strip_at = values_at + sum(
            len(octets) + len(octets) % 2 for _, _, octets in written if len(octets) > 4
        )
        if strip_at + len(strip) > _MOST_OCTETS:
            raise ConversionError("the document is larger than the 4 GiB that a TIFF file can hold")
        self._file.write(b"\0" * (offset - self._position))
        self._file.write(_directory(written, values_at, strip_at))
        self._file.write(strip)
        self._position = strip_at + len(strip)
        if self._next_place != 4:
            self._file.seek(self._next_place)
            self._file.write(struct.pack("<I", offset))
            self._file.seek(self._position)
        self._next_place = values_at - 4
        self.pages += 1

    def add_octets(self, build: Callable[[int], tuple[bytes, int]]) -> None:
        """Write one page as `build` makes it, which gets its (even) offset and returns its octets, its IFD first, and
        the place in them of the next-IFD offset.

        Raises as `add_page` does.
        """
        offset = self._position + self._position % 2
        octets, next_place = build(offset)
        if offset + len(octets) > _MOST_OCTETS:
            raise ConversionError("the document is larger than the 4 GiB that a TIFF file can hold")
        self._file.write(b"\0" * (offset - self._position) + octets)
        self._position = offset + len(octets)
        if self._next_place != 4:
            self._file.seek(self._next_place)
            self._file.write(struct.pack("<I", offset))
            self._file.seek(self._position)
        self._next_place = offset + next_place
        self.pages += 1

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def abort(self) -> None:
        """Give up: the file is closed and removed."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def _long(tag: Tag, value: int) -> Field:
    return Field(tag, FieldType.LONG, (value,))


def _directory(fields: Sequence[tuple[int, Field, bytes]], values_at: int, strip_at: int) -> bytes:
    """Return an IFD of `fields`, sorted, with their octets; its next-IFD offset 0, and the values that follow it."""
    entries = [struct.pack("<H", len(fields))]
    values: list[bytes] = []
    place = values_at
    for tag, field, value in fields:
        octets = value if tag != Tag.STRIP_OFFSETS else struct.pack("<I", strip_at)
        entries.append(struct.pack("<HHI", tag, field.type, len(field.values)))
        if len(octets) <= 4:
            entries.append(octets.ljust(4, b"\0"))
            continue
        entries.append(struct.pack("<I", place))
        values.append(octets + b"\0" * (len(octets) % 2))
        place += len(values[-1])
    return b"".join([*entries, b"\0\0\0\0", *values])
