"""TIFF-FX files written page by page, in the one layout that every profile allows (RFC 3949 3.5, 4.4.6).

Little-endian; the first IFD at offset 8; for each page its IFD, then the values that do not fit into it with the
resolutions first, then its one strip, then the next page's IFD. It is TIFF-minimal where the profile's fields are, and
TIFF-limited and TIFF in any case. Memory holds one page.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

SHORT, LONG, RATIONAL = 3, 4, 5
_SIZES = {SHORT: 2, LONG: 4, RATIONAL: 8}
_CODES = {SHORT: "H", LONG: "I"}
_RESOLUTIONS = (282, 283)


@dataclass(frozen=True, slots=True)
class TiffField:
    """One field: `values` are integers, or fractions for RATIONAL."""

    tag: int
    kind: int
    values: tuple[int | Fraction, ...]

    @property
    def octets(self) -> bytes:
        """The values as they stand in the file."""
        if self.kind == RATIONAL:
            pairs = [Fraction(value) for value in self.values]
            return b"".join(struct.pack("<II", pair.numerator, pair.denominator) for pair in pairs)
        return struct.pack(f"<{len(self.values)}{_CODES[self.kind]}", *(int(value) for value in self.values))


def short(tag: int, *values: int) -> TiffField:
    """Return a field of SHORT values."""
    return TiffField(tag, SHORT, values)


def long(tag: int, *values: int) -> TiffField:
    """Return a field of LONG values."""
    return TiffField(tag, LONG, values)


def rational(tag: int, value: Fraction) -> TiffField:
    """Return a field of one RATIONAL."""
    return TiffField(tag, RATIONAL, (value,))


_STRIP_OFFSETS, _STRIP_BYTE_COUNTS = 273, 279


class TiffFile:
    """A TIFF-FX file being written; use as a context manager, which closes it."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._file = path.open("wb")
        self._file.write(struct.pack("<2sHI", b"II", 42, 8))
        self._position = 8
        self._link = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_page(self, fields: Sequence[TiffField], strip: bytes) -> None:
        """Write a page: `fields` without those of the strip, and its one strip."""
        self._align()
        if self._link:
            self._patch(self._link, self._position)
        complete = [*fields, long(_STRIP_OFFSETS, 0), long(_STRIP_BYTE_COUNTS, len(strip))]
        complete.sort(key=lambda field: field.tag)
        entries_end = self._position + 2 + 12 * len(complete) + 4
        outside, values = self._place(complete, entries_end)
        strip_offset = entries_end + len(values)
        ifd = struct.pack("<H", len(complete))
        for field in complete:
            octets = struct.pack("<I", strip_offset) if field.tag == _STRIP_OFFSETS else field.octets
            inline = struct.pack("<I", outside[field.tag]) if field.tag in outside else octets.ljust(4, b"\0")
            ifd += struct.pack("<HHI", field.tag, field.kind, len(field.values)) + inline
        self._link = self._position + len(ifd)
        self._write(ifd + b"\0\0\0\0" + values)
        self._write(strip)

    def _place(self, fields: Sequence[TiffField], start: int) -> tuple[dict[int, int], bytes]:
        """Return where each value lies that does not fit into its entry, resolutions first, and all of them."""
        large = [field for field in fields if _SIZES[field.kind] * len(field.values) > 4]
        large.sort(key=lambda field: (field.tag not in _RESOLUTIONS, field.tag))
        places: dict[int, int] = {}
        values = b""
        for field in large:
            places[field.tag] = start + len(values)
            values += field.octets + b"\0" * (len(field.octets) % 2)
        return places, values

    def _align(self) -> None:
        """An IFD begins on a word boundary (RFC 3249 5.1)."""
        if self._position % 2:
            self._write(b"\0")

    def _write(self, octets: bytes) -> None:
        self._file.write(octets)
        self._position += len(octets)

    def _patch(self, offset: int, value: int) -> None:
        self._file.seek(offset)
        self._file.write(struct.pack("<I", value))
        self._file.seek(self._position)

    def close(self) -> None:
        """Write what is left; raises OSError."""
        self._file.close()
