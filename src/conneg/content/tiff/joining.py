"""Files of some pages each put together into one of all of them, octet for octet as if it had been written at once.

For files of `conneg.content.tiff.writing` whose pages have one strip and no child IFDs: each page is its IFD, the
values that do not fit into it, and its strip, in that order. What differs in another place are offsets.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from conneg.content.errors import ConversionError
from conneg.content.tiff.tags import FieldType, Tag
from conneg.content.tiff.writing import TiffContainer

_ENTRY = struct.Struct("<HHII")
_SIZES = {kind.value: kind.octets for kind in FieldType}


def join(parts: Sequence[Path], path: Path) -> int:
    """Write the pages of `parts`, in order, to `path`; returns how many there are.

    Raises ConversionError for a part that is no such file, and OSError.
    """
    container = TiffContainer(path)
    try:
        for part in parts:
            octets = part.read_bytes()
            for start, end in _pages(octets):
                page = octets[start:end]
                container.add_octets(lambda offset, page=page, start=start: _moved(page, start, offset))  # type: ignore[misc]
    except (struct.error, KeyError, IndexError) as error:
        container.abort()
        raise ConversionError("a part of the document is no TIFF file that was made here") from error
    except BaseException:
        container.abort()
        raise
    container.close()
    return container.pages


def _pages(octets: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each page begins, and where its strip ends."""
    if octets[:4] != b"II*\0":
        raise struct.error("no TIFF file")
    (at,) = struct.unpack_from("<I", octets, 4)
    last = 7
    while at:
        if at <= last:
            raise struct.error("an IFD before the one in front of it")
        (count,) = struct.unpack_from("<H", octets, at)
        fields = dict(_fields(octets, at, count))
        end = fields[Tag.STRIP_OFFSETS] + fields[Tag.STRIP_BYTE_COUNTS]
        if not at < fields[Tag.STRIP_OFFSETS] <= end <= len(octets):
            raise struct.error("a strip that is not behind its IFD")
        yield at, end
        last = at
        (at,) = struct.unpack_from("<I", octets, at + 2 + 12 * count)


def _fields(octets: bytes, at: int, count: int) -> Iterator[tuple[int, int]]:
    for place in range(at + 2, at + 2 + 12 * count, 12):
        tag, _, _, value = _ENTRY.unpack_from(octets, place)
        yield tag, value


def _moved(page: bytes, start: int, offset: int) -> tuple[bytes, int]:
    """Return a page that began at `start` as it is at `offset`, and the place of its next-IFD offset."""
    moved = bytearray(page)
    (count,) = struct.unpack_from("<H", page, 0)
    for place in range(2, 2 + 12 * count, 12):
        tag, kind, number, value = _ENTRY.unpack_from(page, place)
        if tag == Tag.STRIP_OFFSETS or _SIZES[kind] * number > 4:
            struct.pack_into("<I", moved, place + 8, value - start + offset)
    struct.pack_into("<I", moved, 2 + 12 * count, 0)
    return bytes(moved), 2 + 12 * count
