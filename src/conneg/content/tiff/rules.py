"""The rules of TIFF-FX profiles S, F, J and C for one page's fields, as RFC 3949 states them: sections 2.2 and 3 to 6.

What lies where is `conneg.content.tiff.layout`; what the strips hold is checked in `conneg.content.conformance`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from conneg.content.tiff.layout import strips_of
from conneg.content.tiff.reading import Directory, Number
from conneg.content.tiff.tags import FieldType, Tag, tag_name

MH_OR_MR, MMR, JPEG, JBIG, JBIG_COLOUR = 3, 4, 7, 9, 10
"""Values of Compression."""

COARSEST_MASK_DPI = 100
"""Masks are finer than that: 100 pixels an inch are for layers in colour (RFC 3949, 8.2.1; RFC 2879, 3.2)."""

_SHORT, _LONG = FieldType.SHORT, FieldType.LONG
_FORMS: dict[int, tuple[tuple[FieldType, ...], int | None]] = {
    Tag.NEW_SUBFILE_TYPE: ((_LONG,), 1),
    Tag.IMAGE_WIDTH: ((_SHORT, _LONG), 1),
    Tag.IMAGE_LENGTH: ((_SHORT, _LONG), 1),
    Tag.BITS_PER_SAMPLE: ((_SHORT,), None),
    Tag.COMPRESSION: ((_SHORT,), 1),
    Tag.PHOTOMETRIC_INTERPRETATION: ((_SHORT,), 1),
    Tag.FILL_ORDER: ((_SHORT,), 1),
    Tag.STRIP_OFFSETS: ((_SHORT, _LONG), None),
    Tag.ORIENTATION: ((_SHORT,), 1),
    Tag.SAMPLES_PER_PIXEL: ((_SHORT,), 1),
    Tag.ROWS_PER_STRIP: ((_SHORT, _LONG), 1),
    Tag.STRIP_BYTE_COUNTS: ((_SHORT, _LONG), None),
    Tag.X_RESOLUTION: ((FieldType.RATIONAL,), 1),
    Tag.Y_RESOLUTION: ((FieldType.RATIONAL,), 1),
    Tag.T4_OPTIONS: ((_LONG,), 1),
    Tag.T6_OPTIONS: ((_LONG,), 1),
    Tag.T82_OPTIONS: ((_LONG,), 1),
    Tag.RESOLUTION_UNIT: ((_SHORT,), 1),
    Tag.PAGE_NUMBER: ((_SHORT,), 2),
    Tag.DECODE: ((FieldType.SRATIONAL,), None),
    Tag.CHROMA_SUBSAMPLING: ((_SHORT,), 2),
    Tag.CHROMA_POSITIONING: ((_SHORT,), 1),
    Tag.X_POSITION: ((FieldType.RATIONAL,), 1),
    Tag.Y_POSITION: ((FieldType.RATIONAL,), 1),
    Tag.SUB_IFDS: ((_LONG,), None),
    Tag.IMAGE_BASE_COLOR: ((_SHORT,), 3),
    Tag.STRIP_ROW_COUNTS: ((_LONG,), None),
    Tag.IMAGE_LAYER: ((_LONG,), 2),
}
"""Types and count of the fields that have a rule (RFC 3949, 2.2 and its profiles' tables)."""

_REQUIRED = (
    Tag.NEW_SUBFILE_TYPE,
    Tag.IMAGE_WIDTH,
    Tag.IMAGE_LENGTH,
    Tag.COMPRESSION,
    Tag.PHOTOMETRIC_INTERPRETATION,
    Tag.STRIP_OFFSETS,
    Tag.STRIP_BYTE_COUNTS,
    Tag.X_RESOLUTION,
    Tag.Y_RESOLUTION,
    Tag.PAGE_NUMBER,
)
"""Fields of every page that have no default, or one that is not right for facsimile (RFC 3949, 2.2)."""

_LINES_200, _LINES_300, _LINES_400 = (1728, 2048, 2432), (2592, 3072, 3648), (3456, 4096, 4864)
_BILEVEL_LINES: dict[tuple[int, Fraction, Fraction], tuple[int, ...]] = {
    (2, Fraction(200), Fraction(100)): _LINES_200,
    (2, Fraction(204), Fraction(98)): _LINES_200,
    (2, Fraction(200), Fraction(200)): _LINES_200,
    (2, Fraction(204), Fraction(196)): _LINES_200,
    (2, Fraction(204), Fraction(391)): _LINES_200,
    (2, Fraction(300), Fraction(300)): _LINES_300,
    (2, Fraction(400), Fraction(400)): _LINES_400,
    (2, Fraction(408), Fraction(391)): _LINES_400,
    (3, Fraction(80), Fraction(77, 2)): _LINES_200,
    (3, Fraction(80), Fraction(77)): _LINES_200,
    (3, Fraction(80), Fraction(154)): _LINES_200,
    (3, Fraction(160), Fraction(154)): _LINES_400,
}
"""ImageWidth by ResolutionUnit, XResolution, YResolution for profiles S, F and J (RFC 3949, 2.2.2 and 4.2.1)."""

_COLOUR_LINES = {100: (864, 1024, 1216), 200: _LINES_200, 300: _LINES_300, 400: _LINES_400}
"""ImageWidth by resolution for profile C (RFC 3949, 6.2.1)."""


def bilevel_widths(dpi_x: Fraction, dpi_y: Fraction) -> tuple[int, ...]:
    """Return the widths that profiles S, F and J have at these pixels per inch; () when they have none."""
    return _BILEVEL_LINES.get((2, dpi_x, dpi_y), ())


def colour_widths(dpi_x: Fraction, dpi_y: Fraction) -> tuple[int, ...]:
    """Return the widths that profile C has at these pixels per inch; () when it has none."""
    return _COLOUR_LINES.get(int(dpi_x), ()) if dpi_x == dpi_y and dpi_x.denominator == 1 else ()


@dataclass(frozen=True, slots=True)
class Checked:
    """One page while it is checked; `say` takes a problem."""

    ifd: Directory
    say: Callable[[str], None]

    def must_be(self, tag: Tag, allowed: tuple[int, ...], default: int | None, source: str) -> None:
        """The first value of `tag` must be one of `allowed`; without a default it must be there."""
        values = self.ifd.values(tag)
        if not values and default is None:
            self.say(f"{tag_name(tag)} is missing ({source})")
        elif (int(values[0]) if values else default) not in allowed:
            stated = f"is {int(values[0])}" if values else f"is left at its default {default}"
            self.say(f"{tag_name(tag)} {stated}, not {' or '.join(map(str, allowed))} ({source})")


def check_fields(ifd: Directory, number: int, pages: int, octets: int) -> tuple[str, ...]:
    """Return what is wrong with the fields of page `number` (from 1) of `pages`, in a file of `octets` octets."""
    problems: list[str] = []
    page = Checked(ifd, problems.append)
    check_directory(page)
    check_forms(page)
    if problems:
        return tuple(problems)
    if ifd.find(Tag.IMAGE_LAYER) is not None:
        return (
            "ImageLayer is a field of profile M, whose pages are checked with their layers (RFC 3949, 8.2)",
        )
    _check_common(page, number, pages)
    _check_strips(page, octets)
    match ifd.number(Tag.COMPRESSION, 1):
        case 3 | 4 | 9:
            check_bilevel(page)
        case 7:
            check_colour(page)
        case 10:
            page.say("Compression 10 is JBIG by T.43, which is not known here (profile L; RFC 3949, 7)")
        case other:
            page.say(f"Compression {other} belongs to no profile of TIFF-FX (RFC 3949, 1.3)")
    return tuple(problems)


def check_directory(page: Checked) -> None:
    """An IFD lies on an even octet, its entries in ascending order, none twice (TIFF 6.0; RFC 3249, 5.1)."""
    tags = [entry.tag for entry in page.ifd.entries]
    if page.ifd.offset % 2:
        page.say(f"its IFD is at the odd octet {page.ifd.offset} (RFC 3249, 5.1)")
    if tags != sorted(tags):
        page.say("its fields are not in ascending order")
    for tag in sorted({tag for tag in tags if tags.count(tag) > 1}):
        page.say(f"{tag_name(tag)} is there twice")


def check_forms(page: Checked) -> None:
    """Required fields are there, and every field has its type and count (RFC 3949, 2.2)."""
    for tag in _REQUIRED:
        if page.ifd.find(tag) is None:
            page.say(f"{tag_name(tag)} is missing (RFC 3949, 2.2)")
    for entry in page.ifd.entries:
        if entry.type is None:
            page.say(f"{tag_name(entry.tag)} has an unknown type")
        if entry.count == 0:
            page.say(f"{tag_name(entry.tag)} has no value")
        form = _FORMS.get(entry.tag)
        if form is None or entry.type is None:
            continue
        types, count = form
        if entry.type not in types:
            wanted = " or ".join(kind.name for kind in types)
            page.say(f"{tag_name(entry.tag)} has type {entry.type.name}, not {wanted}")
        if count is not None and entry.count != count:
            page.say(f"{tag_name(entry.tag)} has {entry.count} values, not {count}")


def _check_common(page: Checked, number: int, pages: int) -> None:
    ifd = page.ifd
    if ifd.number(Tag.NEW_SUBFILE_TYPE, 0) != 2:
        page.say(f"NewSubFileType is {ifd.number(Tag.NEW_SUBFILE_TYPE, 0)}, not 2 (RFC 3949, 2.2.1)")
    own, total = ifd.values(Tag.PAGE_NUMBER)
    if own != number - 1:
        page.say(f"PageNumber says {own}, not {number - 1} (RFC 3949, 2.2.1)")
    if total not in {0, pages}:
        page.say(f"PageNumber says {total} pages, there are {pages} (RFC 3949, 2.2.1)")
    for tag in (Tag.IMAGE_WIDTH, Tag.IMAGE_LENGTH):
        if ifd.number(tag, 0) < 1:
            page.say(f"{tag_name(tag)} is 0")


def _check_strips(page: Checked, octets: int) -> None:
    """As many strips as lines need, each within the file (RFC 3249, 5.2)."""
    ifd = page.ifd
    strips = strips_of(ifd)
    if len(ifd.values(Tag.STRIP_OFFSETS)) != len(ifd.values(Tag.STRIP_BYTE_COUNTS)):
        page.say("StripOffsets and StripByteCounts differ in number")
    length = max(1, ifd.number(Tag.IMAGE_LENGTH, 1))
    rows = ifd.number(Tag.ROWS_PER_STRIP, length)
    if rows < 1 or -(-length // max(rows, 1)) != len(strips):
        page.say(f"{len(strips)} strips of {rows} lines are no page of {length} lines")
    for offset, count in strips:
        if offset + count > octets or not count:
            page.say(f"a strip of {count} octets at octet {offset} lies outside the file of {octets} octets")


def check_bilevel(page: Checked) -> None:
    """Profiles S, F and J: RFC 3949, 3.2, 4.2 and 5.2."""
    ifd = page.ifd
    page.must_be(Tag.BITS_PER_SAMPLE, (1,), 1, "RFC 3949, 4.2.1")
    page.must_be(Tag.SAMPLES_PER_PIXEL, (1,), 1, "RFC 3949, 4.2.1")
    page.must_be(Tag.PHOTOMETRIC_INTERPRETATION, (0, 1), None, "RFC 3949, 4.2.1")
    page.must_be(Tag.FILL_ORDER, (1, 2), 1, "RFC 3949, 4.2.1")
    page.must_be(Tag.RESOLUTION_UNIT, (2, 3), 2, "RFC 3949, 4.2.1")
    match ifd.number(Tag.COMPRESSION, 0):
        case 3:
            page.must_be(Tag.T4_OPTIONS, (0, 1, 4, 5), None, "RFC 3949, 4.2.2")
        case 4:
            page.must_be(Tag.T6_OPTIONS, (0,), None, "RFC 3949, 4.2.2")
        case _:
            page.must_be(Tag.T82_OPTIONS, (0,), 0, "RFC 3949, 5.2.2")
    unit = ifd.number(Tag.RESOLUTION_UNIT, 2)
    x, y = resolution_of(ifd)
    widths = _BILEVEL_LINES.get((unit, x, y), ())
    _check_width(page, widths, f"{plain(x)} by {plain(y)} a{' cm' if unit == 3 else 'n inch'}", "4.2.1")


def check_colour(page: Checked) -> None:
    """Profile C: RFC 3949, 6.2."""
    ifd = page.ifd
    page.must_be(Tag.PHOTOMETRIC_INTERPRETATION, (10,), None, "RFC 3949, 6.2.1")
    page.must_be(Tag.SAMPLES_PER_PIXEL, (1, 3), 1, "RFC 3949, 6.2.1")
    page.must_be(Tag.FILL_ORDER, (1, 2), 1, "RFC 3949, 6.2.1")
    page.must_be(Tag.RESOLUTION_UNIT, (2,), 2, "RFC 3949, 6.2.1")
    samples = ifd.number(Tag.SAMPLES_PER_PIXEL, 1)
    bits = ifd.values(Tag.BITS_PER_SAMPLE)
    if bits != (8,) * samples:
        page.say(f"BitsPerSample is not {', '.join(['8'] * samples)} (RFC 3949, 6.2.1)")
    if samples == 3 and ifd.values(Tag.CHROMA_SUBSAMPLING) not in {(), (1, 1), (2, 2)}:
        page.say("ChromaSubSampling is neither 1, 1 nor 2, 2 (RFC 3949, 6.2.2)")
    page.must_be(Tag.CHROMA_POSITIONING, (1,), 1, "RFC 3949, 6.2.2")
    decode = ifd.values(Tag.DECODE)
    if decode and len(decode) != 2 * samples:
        page.say(f"Decode has {len(decode)} values, not {2 * samples} (RFC 3949, 6.2.3)")
    elif any(low >= high for low, high in zip(decode[::2], decode[1::2], strict=True)):
        page.say("Decode has a minimum that is not below its maximum (RFC 3949, 6.2.3)")
    x, y = resolution_of(ifd)
    _check_width(page, colour_widths(x, y), f"{plain(x)} by {plain(y)} an inch", "6.2.1")


def _check_width(page: Checked, widths: tuple[int, ...], resolution: str, section: str) -> None:
    if not widths:
        page.say(f"a resolution of {resolution} is none of its profile (RFC 3949, {section})")
        return
    width = page.ifd.number(Tag.IMAGE_WIDTH, 0)
    if width not in widths and page.ifd.find(Tag.X_POSITION) is None:
        page.say(f"ImageWidth {width} does not go with {resolution} (RFC 3949, {section})")


def resolution_of(ifd: Directory) -> tuple[Fraction, Fraction]:
    """Return XResolution and YResolution, which must be there."""
    x: Number = ifd.values(Tag.X_RESOLUTION)[0]
    y: Number = ifd.values(Tag.Y_RESOLUTION)[0]
    return Fraction(x).limit_denominator(1000), Fraction(y).limit_denominator(1000)


def plain(value: Fraction) -> str:
    """Return a resolution as people write it."""
    return f"{float(value):g}"
