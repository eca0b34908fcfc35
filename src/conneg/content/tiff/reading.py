"""The structure of a TIFF file, octet for octet: where each IFD, value and strip lies, and what the fields say.

For checking, so nothing is repaired or passed over: entries stand in the file's own order with their own types,
and where something lies is part of the value. No image is decoded. Pages are read one by one; the work is
bounded by the number of pages, entries and values.
"""

import functools
import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

from conneg.bounds import Bound
from conneg.content.tiff.tags import FieldType, Tag, tag_name
from conneg.errors import ConnegError

MAX_PAGES = Bound(
    name="content.tiff-pages",
    value=10_000,
    unit="pages in a TIFF file",
    reason="each IFD is kept in memory; a facsimile of more pages is no document",
    answer="the file does not conform",
)
MAX_ENTRIES = Bound(
    name="content.tiff-entries",
    value=256,
    unit="fields in an IFD",
    reason="TIFF-FX defines fewer than fifty",
    answer="the file does not conform",
)
MAX_VALUES = Bound(
    name="content.tiff-values",
    value=16_384,
    unit="values in a TIFF field",
    reason="the longest lists are strips, and a page of TIFF-FX should have one",
    answer="the file does not conform",
)

MAX_LAYERS = Bound(
    name="content.tiff-layers",
    value=64,
    unit="child IFDs of a page",
    reason="each is a layer that is decoded at the size of the page; three make a page of mixed raster content",
    answer="the file does not conform, and is not read",
)

Number = int | Fraction


class TiffStructureError(ConnegError):
    """The octets are no TIFF file that can be followed to its end."""


class Entry(NamedTuple):
    """One field: `tag`, `type` number (None: unknown to TIFF 6.0), `count`, `values`, and where they lie.

    `offset` is the place of the values in the file, `octets` their length, `inline` whether that is in the entry
    itself. A fraction with denominator 0 is read as 0; FLOAT and DOUBLE are not read.
    """

    tag: int
    type: FieldType | None
    count: int  # type: ignore[assignment]  # the field's count, for which tuples have a method that nobody asks for
    values: tuple[Number, ...]
    offset: int
    octets: int
    inline: bool


@dataclass(frozen=True, slots=True)
class Directory:
    """One IFD: it lies at `offset` up to `end` (behind the next-IFD offset); `entries` in the file's order.

    `children` are the IFDs that SubIFDs of a primary one leads to, list by list.
    """

    offset: int
    end: int
    entries: tuple[Entry, ...]
    next_offset: int
    children: tuple["Directory", ...] = ()

    def find(self, tag: int) -> Entry | None:
        """Return the first entry of `tag`, or None."""
        return next((entry for entry in self.entries if entry.tag == tag), None)

    def values(self, tag: int) -> tuple[Number, ...]:
        """Return the values of `tag`; () when it is absent."""
        entry = self.find(tag)
        return entry.values if entry else ()

    def number(self, tag: int, default: int) -> int:
        """Return the first value of `tag` as an integer, or `default`."""
        values = self.values(tag)
        return int(values[0]) if values else default


@dataclass(frozen=True, slots=True)
class Structure:
    """A whole file: `byte_order` "II" or "MM", its `octets`, and the primary IFDs in their order."""

    byte_order: str
    octets: int
    directories: tuple[Directory, ...]


def read_structure(path: Path) -> Structure:
    """Return the structure of the file at `path`.

    Raises TiffStructureError when an offset leads out of the file or back, and BoundExceededError.
    """
    octets = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 8:
            raise TiffStructureError("no TIFF file: it begins with neither II nor MM")
        magic, offset = struct.unpack(order + "HI", head[2:])
        if magic != 42:
            raise TiffStructureError(f"no TIFF file: its third and fourth octets are {magic}, not 42")
        reader = _Reader(file, order, octets)
        directories = reader.chain(offset)
    return Structure("II" if order == "<" else "MM", octets, directories)


class _Reader:
    """Reads IFDs from an open file of `octets` octets."""

    def __init__(self, file: BinaryIO, order: str, octets: int) -> None:
        self._file = file
        self._order = order
        self._octets = octets

    def chain(self, offset: int) -> tuple[Directory, ...]:
        """Follow the next-IFD offsets from the first to 0."""
        found: list[Directory] = []
        seen: set[int] = set()
        while offset:
            if offset in seen:
                raise TiffStructureError(
                    f"page {len(found)}: the next-IFD offset leads back to octet {offset}"
                )
            seen.add(offset)
            MAX_PAGES.check(len(found) + 1)
            directory = self._directory(offset, len(found) + 1)
            found.append(replace(directory, children=self._children(directory, seen, len(found) + 1)))
            offset = directory.next_offset
        if not found:
            raise TiffStructureError("the file has no IFD")
        return tuple(found)

    def _children(self, primary: Directory, seen: set[int], page: int) -> tuple[Directory, ...]:
        """Follow the lists of child IFDs; `seen` are the offsets of all IFDs so far."""
        found: list[Directory] = []
        for start in primary.values(Tag.SUB_IFDS):
            offset = int(start)
            while offset:
                if offset in seen:
                    raise TiffStructureError(f"page {page}: a child IFD leads back to octet {offset}")
                seen.add(offset)
                MAX_LAYERS.check(len(found) + 1, f"page {page}")
                found.append(self._directory(offset, page))
                offset = found[-1].next_offset
        return tuple(found)

    def _take(self, offset: int, amount: int, what: str) -> bytes:
        if offset + amount > self._octets:
            raise TiffStructureError(
                f"{what} at octet {offset} lies outside the file of {self._octets} octets"
            )
        self._file.seek(offset)
        octets = self._file.read(amount)
        if len(octets) != amount:
            raise TiffStructureError(f"{what} at octet {offset} is cut off")
        return octets

    def _directory(self, offset: int, page: int) -> Directory:
        where = f"page {page}: the IFD"
        (count,) = struct.unpack(self._order + "H", self._take(offset, 2, where))
        if not count:
            raise TiffStructureError(f"{where} has no field")
        MAX_ENTRIES.check(count, f"page {page}")
        start = offset + 2
        octets = self._take(start, 12 * count + 4, where)
        entries = tuple(
            self._entry(octets[12 * number : 12 * number + 12], start + 12 * number, page)
            for number in range(count)
        )
        (following,) = struct.unpack(self._order + "I", octets[-4:])
        return Directory(offset, start + 12 * count + 4, entries, following)

    def _entry(self, octets: bytes, offset: int, page: int) -> Entry:
        tag, kind, count, place = struct.unpack(self._order + "HHII", octets)
        field_type = _FIELD_TYPES.get(kind)
        if field_type is None:
            return Entry(tag, None, count, (), offset + 8, 4, inline=True)
        size = field_type.octets * count
        if size <= 4:
            values = self._numbers(field_type, octets[8 : 8 + size])
            return Entry(tag, field_type, count, values, offset + 8, size, inline=True)
        where = f"page {page}: the value of {tag_name(tag)}"
        MAX_VALUES.check(count, where)
        values = self._numbers(field_type, self._take(place, size, where))
        return Entry(tag, field_type, count, values, place, size, inline=False)

    def _numbers(self, field_type: FieldType, octets: bytes) -> tuple[Number, ...]:
        if field_type in {FieldType.FLOAT, FieldType.DOUBLE}:
            return ()  # no field of TIFF-FX has them, and what is no number could not be compared
        code = field_type.code
        numbers = struct.unpack(self._order + code * (len(octets) // field_type.octets), octets)
        if len(code) == 1:
            return numbers
        return fractions_of(numbers)


_FIELD_TYPES = {int(field_type): field_type for field_type in FieldType}


@functools.lru_cache(maxsize=64)  # each page of a facsimile has the resolution of the one before
def fractions_of(numbers: tuple[int, ...]) -> tuple[Fraction, ...]:
    """Return numerators and denominators, in turn, as fractions; one with denominator 0 as 0."""
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return tuple(Fraction(above, below) if below else Fraction(0) for above, below in pairs)
