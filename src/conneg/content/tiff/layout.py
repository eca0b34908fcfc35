"""Where things lie in a TIFF file, and which `image-file-structure` that is (RFC 3949, 3.5 and 4.4.6).

TIFF-minimal is what profile S demands, TIFF-limited what profile F should have, TIFF everything else.
"""

from dataclasses import dataclass

from conneg.content.tiff.reading import Directory, Structure
from conneg.content.tiff.tags import FieldType, Tag, tag_name

MINIMAL, LIMITED, ANY, MRC = "TIFF-minimal", "TIFF-limited", "TIFF", "TIFF-MRC"

_MINIMAL_TAGS = frozenset(
    {
        Tag.NEW_SUBFILE_TYPE,
        Tag.IMAGE_WIDTH,
        Tag.IMAGE_LENGTH,
        Tag.BITS_PER_SAMPLE,
        Tag.COMPRESSION,
        Tag.PHOTOMETRIC_INTERPRETATION,
        Tag.FILL_ORDER,
        Tag.STRIP_OFFSETS,
        Tag.SAMPLES_PER_PIXEL,
        Tag.ROWS_PER_STRIP,
        Tag.STRIP_BYTE_COUNTS,
        Tag.X_RESOLUTION,
        Tag.Y_RESOLUTION,
        Tag.T4_OPTIONS,
        Tag.T6_OPTIONS,
        Tag.T82_OPTIONS,
        Tag.RESOLUTION_UNIT,
        Tag.PAGE_NUMBER,
    }
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The `image-file-structure` token, and why it is no narrower one: reasons per token, each one line."""

    token: str
    not_minimal: tuple[str, ...]
    not_limited: tuple[str, ...]


def layout_of(structure: Structure) -> Layout:
    """Return the narrowest token that the file satisfies."""
    if any(page.find(Tag.IMAGE_LAYER) or page.find(Tag.STRIP_ROW_COUNTS) for page in structure.directories):
        return Layout(MRC, ("the pages have layers",), ("the pages have layers",))
    not_limited = tuple(_against_limited(structure))
    not_minimal = (*not_limited, *_against_minimal(structure))
    token = ANY if not_limited else LIMITED if not_minimal else MINIMAL
    return Layout(token, not_minimal, not_limited)


def strips_of(page: Directory) -> tuple[tuple[int, int], ...]:
    """Return offset and octets of each strip of the page, as far as both are stated."""
    offsets, counts = page.values(Tag.STRIP_OFFSETS), page.values(Tag.STRIP_BYTE_COUNTS)
    return tuple((int(offset), int(count)) for offset, count in zip(offsets, counts, strict=False))


def overlaps(structure: Structure) -> tuple[str, ...]:
    """Return what lies over something else: no two IFDs, values or strips may share an octet (RFC 3249, 5.2)."""
    places: list[tuple[int, int, str]] = [(0, 8, "the header")]
    for number, primary in enumerate(structure.directories, start=1):
        for page in (primary, *primary.children):
            places.append((page.offset, page.end, f"the IFD of page {number}"))
            places += [
                (entry.offset, entry.offset + entry.octets, f"{tag_name(entry.tag)} of page {number}")
                for entry in page.entries
                if not entry.inline
            ]
            places += [
                (start, start + count, f"a strip of page {number}") for start, count in strips_of(page)
            ]
    places.sort()
    found: list[str] = []
    reach, what = 0, ""
    for start, end, name in places:
        if start < reach and end > start:
            found.append(f"{name} lies over {what}")
        if end > reach:
            reach, what = end, name
    return tuple(found)


def _against_limited(structure: Structure) -> list[str]:
    """RFC 3949, 4.4.6: IFDs in page order, each before its data, one strip a page, data in page order."""
    reasons: list[str] = []
    last_ifd = last_strip = 0
    for number, page in enumerate(structure.directories, start=1):
        strips = strips_of(page)
        first = min((offset for offset, _ in strips), default=0)
        if page.offset < last_ifd:
            reasons.append(f"page {number}: its IFD does not follow that of the page before")
        if len(strips) != 1:
            reasons.append(f"page {number}: it has {len(strips)} strips, not one")
        if first < page.offset:
            reasons.append(f"page {number}: its image data does not follow its IFD")
        if first < last_strip:
            reasons.append(f"page {number}: its image data does not follow that of the page before")
        last_ifd, last_strip = page.offset, first
    return reasons


def _against_minimal(structure: Structure) -> list[str]:
    """RFC 3949, 3.5: II, the first IFD at 8, everything of a page before the next; and the fields of profile S."""
    reasons: list[str] = []
    if structure.byte_order != "II":
        reasons.append("the byte order is MM, not II (RFC 3949, 3.5)")
    if structure.directories[0].offset != 8:
        reasons.append(f"the first IFD is at octet {structure.directories[0].offset}, not 8 (RFC 3949, 3.5)")
    pages = structure.directories
    for number, (page, after) in enumerate(zip(pages, (*pages[1:], None), strict=True), start=1):
        reasons += [f"page {number}: {reason}" for reason in _page_against_minimal(page, after)]
    return reasons


def _page_against_minimal(page: Directory, after: Directory | None) -> list[str]:
    reasons: list[str] = []
    long_values = [entry for entry in page.entries if not entry.inline]
    strips = strips_of(page)
    start = min((offset for offset, _ in strips), default=0)
    end = max((offset + count for offset, count in strips), default=0)
    if sum(entry.octets for entry in long_values) > start - page.end or any(
        not page.end <= entry.offset < start for entry in long_values
    ):
        reasons.append("its values do not lie between its IFD and its image data (RFC 3949, 3.5)")
    elif long_values and min(entry.offset for entry in long_values) > page.end + 1:
        reasons.append("its values do not follow its IFD immediately (RFC 3949, 3.5)")
    if after is not None and end > after.offset:
        reasons.append("its image data does not precede the next IFD (RFC 3949, 3.5)")
    if page.number(Tag.FILL_ORDER, 1) != 2:
        reasons.append("FillOrder is not 2 (RFC 3949, 3.2.1)")
    if page.number(Tag.PHOTOMETRIC_INTERPRETATION, 0) != 0:
        reasons.append("PhotometricInterpretation is not 0 (RFC 3949, 3.2.1)")
    if page.number(Tag.RESOLUTION_UNIT, 2) != 2:
        reasons.append("ResolutionUnit is not 2, the inch (RFC 3949, 3.2.1)")
    others = [entry for entry in page.entries if entry.tag not in _MINIMAL_TAGS]
    reasons += [f"{tag_name(entry.tag)} is no field of profile S (RFC 3949, 3.3)" for entry in others]
    reasons += [
        f"{tag_name(entry.tag)} is longer than its entry"
        for entry in long_values
        if entry.type is not FieldType.RATIONAL and entry.tag in _MINIMAL_TAGS
    ]
    return reasons
