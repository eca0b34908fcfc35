"""TIFF files that no program here writes any more, made octet by octet: old-style JPEG, and pages that say little."""

import io
import struct

from PIL import Image

Field = tuple[int, int, tuple[int, ...]]
"""Tag, type and values; a negative value -1 - n of type LONG stands for the place of octet n of the data."""

_CODES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I"}


def tiff(fields: list[Field], data: bytes, order: str = "<") -> bytes:
    """Return a file of one IFD at octet 8, its long values, then `data`."""
    fields = sorted(fields)
    values_at = 8 + 2 + 12 * len(fields) + 4
    data_at = values_at + sum(len(_octets(field, 0, order)) for field in fields if _is_long(field))
    entries, values = [], b""
    for field in fields:
        tag, kind, numbers = field
        octets = _octets(field, data_at, order)
        if _is_long(field):
            octets, values = struct.pack(order + "I", values_at + len(values)), values + octets
        count = len(numbers) // (2 if kind == 5 else 1)
        entries.append(struct.pack(order + "HHI", tag, kind, count) + octets.ljust(4, b"\0"))
    head = struct.pack(order + "2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(fields))
    return head + b"".join(entries) + bytes(4) + values + data


def _octets(field: Field, data_at: int, order: str) -> bytes:
    numbers = [data_at - 1 - value if value < 0 else value for value in field[2]]
    return struct.pack(order + _CODES[field[1]] * len(numbers), *numbers)


def _is_long(field: Field) -> bool:
    return len(_octets(field, 1 << 16, "<")) > 4


def jpeg_of(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92, subsampling=2)
    return out.getvalue()


def old_jpeg(jpeg: bytes, size: tuple[int, int], form: str, order: str = "<") -> bytes:
    """Return a page in old-style JPEG (TIFF 6.0, 22): `form` whole, split or tables."""
    width, height = size
    scan = jpeg.index(b"\xff\xda")
    scan += 2 + int.from_bytes(jpeg[scan + 2 : scan + 4], "big")
    fields: list[Field] = [
        (256, 3, (width,)), (257, 3, (height,)), (258, 3, (8, 8, 8)), (259, 3, (6,)), (262, 3, (6,)),
        (277, 3, (3,)), (278, 3, (height,)), (282, 5, (200, 1)), (283, 5, (200, 1)), (296, 3, (2,)),
        (512, 3, (1,)), (530, 3, (2, 2)),
    ]  # fmt: skip
    if form == "whole":
        fields += [(273, 4, (-1,)), (279, 4, (len(jpeg),)), (513, 4, (-1,)), (514, 4, (len(jpeg),))]
        return tiff(fields, jpeg, order)
    if form == "split":
        fields += [(273, 4, (-1 - scan,)), (279, 4, (len(jpeg) - scan,)), (513, 4, (-1,)), (514, 4, (scan,))]
        return tiff(fields, jpeg, order)
    data = jpeg[scan:-2]
    tables = _tables(jpeg)
    fields += [(273, 4, (-1,)), (279, 4, (len(data),))]
    for tag, kind in ((519, "quantisation"), (520, "dc"), (521, "ac")):
        places = []
        for number in (0, 1):
            places.append(-1 - len(data))
            data += tables[kind, number]
        fields.append((tag, 4, (places[0], places[1], places[1])))
    return tiff(fields, data, order)


def _tables(jpeg: bytes) -> dict[tuple[str, int], bytes]:
    found: dict[tuple[str, int], bytes] = {}
    place = 2
    while jpeg[place + 1] != 0xDA:
        marker, length = jpeg[place + 1], int.from_bytes(jpeg[place + 2 : place + 4], "big")
        body = jpeg[place + 4 : place + 2 + length]
        while marker == 0xDB and body:
            found["quantisation", body[0] & 15] = body[1:65]
            body = body[65:]
        while marker == 0xC4 and body:
            octets = 17 + sum(body[1:17])
            found["ac" if body[0] >> 4 else "dc", body[0] & 15] = body[1:octets]
            body = body[octets:]
        place += 2 + length
    return found
