"""A page of several IFDs for a TIFF file: a primary one with children, each with its values and strips (RFC 3949, 8.1).

Order in the file: the primary IFD, its values, its strips; then each child likewise. SubIFDs points at the children,
each the only one of its list.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from conneg.content.tiff.tags import FieldType, Tag
from conneg.content.tiff.writing import Field


@dataclass(frozen=True, slots=True)
class Leaf:
    """One IFD to be written: its `fields` without SubIFDs, StripOffsets and StripByteCounts, and its `strips`."""

    fields: tuple[Field, ...]
    strips: tuple[bytes, ...]


def tree_octets(primary: Leaf, children: Sequence[Leaf], offset: int) -> tuple[bytes, int]:
    """Return the page to lie at `offset` (even) of a file, and the place in it of its next-IFD offset."""
    places = [offset]
    sub_ifds = (0,) * len(children)
    for leaf in (primary, *children):
        size = len(_leaf(leaf, places[-1], sub_ifds if leaf is primary else ()))
        places.append(places[-1] + size + size % 2)
    octets = b""
    for number, leaf in enumerate((primary, *children)):
        octets += _leaf(leaf, places[number], tuple(places[1:-1]) if leaf is primary else ())
        octets += b"\0" * (len(octets) % 2)
    entries = len(primary.fields) + 2 + bool(children)
    return octets, 2 + 12 * entries


def _leaf(leaf: Leaf, offset: int, children: tuple[int, ...]) -> bytes:
    """Return an IFD, its values and its strips, as they are at `offset`."""
    fields = [*leaf.fields, _long(Tag.STRIP_BYTE_COUNTS, tuple(len(strip) for strip in leaf.strips))]
    if children:
        fields.append(_long(Tag.SUB_IFDS, children))
    values_at = offset + 2 + 12 * (len(fields) + 1) + 4
    strips = _long(Tag.STRIP_OFFSETS, (0,) * len(leaf.strips))
    strips_at = values_at + sum(_long_octets(field) for field in (*fields, strips))
    offsets: list[int] = []
    for strip in leaf.strips:
        offsets.append(strips_at if strip else 0)
        strips_at += len(strip)
    entries, values = [], b""
    for field in sorted((*fields, _long(Tag.STRIP_OFFSETS, tuple(offsets))), key=lambda field: field.tag):
        octets = field.as_octets()
        if len(octets) > 4:
            octets, values = (
                struct.pack("<I", values_at + len(values)),
                values + octets + bytes(len(octets) % 2),
            )
        entries.append(struct.pack("<HHI", field.tag, field.type, len(field.values)) + octets.ljust(4, b"\0"))
    return b"".join([struct.pack("<H", len(entries)), *entries, bytes(4), values, *leaf.strips])


def _long_octets(field: Field) -> int:
    size = len(field.as_octets())
    return size + size % 2 if size > 4 else 0


def _long(tag: Tag, values: tuple[int, ...]) -> Field:
    return Field(tag, FieldType.LONG, values)
