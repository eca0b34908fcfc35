"""The rules of TIFF-FX profile M for a page with its layers (RFC 3949, 8); each layer has those of profile F, J or C.

A page is its primary IFD with the children that SubIFDs leads to: layer 1 is the background, 2 the mask, 3 the
foreground. What the strips hold is checked in `conneg.content.conformance`.
"""

from collections.abc import Iterator
from fractions import Fraction

from conneg.content.tiff.layout import strips_of
from conneg.content.tiff.reading import Directory
from conneg.content.tiff.rules import (
    COARSEST_MASK_DPI,
    Checked,
    check_bilevel,
    check_colour,
    check_directory,
    check_forms,
    colour_widths,
    plain,
    resolution_of,
)
from conneg.content.tiff.tags import Tag

BACKGROUND, MASK, FOREGROUND = 1, 2, 3
_NAMES = {BACKGROUND: "background", MASK: "mask", FOREGROUND: "foreground"}
_PRIMARY, _CHILD = 18, 16
_NO_DATA, _JPEG, _JBIG_COLOUR = 1, 7, 10

STRIPE_LINES = 256
"""Lines of a stripe of more than one layer, unless more are agreed upon (RFC 3949, 8.1)."""


def is_layered(page: Directory) -> bool:
    """Whether the page is one of profile M."""
    return page.find(Tag.IMAGE_LAYER) is not None


def rows_of(ifd: Directory) -> tuple[int, ...]:
    """Return the lines of each strip, from StripRowCounts or RowsPerStrip."""
    counts = ifd.values(Tag.STRIP_ROW_COUNTS)
    if counts:
        return tuple(int(count) for count in counts)
    length = ifd.number(Tag.IMAGE_LENGTH, 0)
    rows = min(max(1, ifd.number(Tag.ROWS_PER_STRIP, length)), length)
    strips = len(ifd.values(Tag.STRIP_OFFSETS))
    return tuple(max(0, min(rows, length - number * rows)) for number in range(strips))


def check_layers(page: Directory, number: int, pages: int, octets: int) -> tuple[str, ...]:
    """Return what is wrong with the fields of page `number` (from 1) of `pages` and of its layers."""
    found: list[str] = []
    for ifd in (page, *page.children):
        name = _name(ifd)
        problems: list[str] = []
        checked = Checked(ifd, problems.append)
        check_directory(checked)
        check_forms(checked)
        if not problems:
            problems += _layer_problems(ifd, page, number, pages, octets)
            _check_kind(checked)
        found += [f"{name}: {problem}" for problem in problems]
    return tuple(found) or tuple(_together(page))


def _name(ifd: Directory) -> str:
    layer = ifd.number(Tag.IMAGE_LAYER, 0)
    return _NAMES.get(layer, f"layer {layer}")


def _layer_problems(ifd: Directory, page: Directory, number: int, pages: int, octets: int) -> Iterator[str]:
    """The fields that layers have in common (RFC 3949, 8.2)."""
    primary = ifd is page
    subfile = ifd.number(Tag.NEW_SUBFILE_TYPE, 0)
    if subfile != (_PRIMARY if primary else _CHILD):
        yield f"NewSubFileType is {subfile}, not {_PRIMARY if primary else _CHILD} (RFC 3949, 8.2.1)"
    layer = ifd.values(Tag.IMAGE_LAYER)
    if len(layer) != 2 or layer[0] not in _NAMES or layer[1] < 1:
        yield "ImageLayer names no layer from 1 to 3 with its order from 1 (RFC 3949, 8.2.3)"
    yield from _position(ifd, primary)
    own, total = ifd.values(Tag.PAGE_NUMBER)
    if own != number - 1 or total not in {0, pages}:
        yield f"PageNumber says {own} of {total}, not {number - 1} of {pages} (RFC 3949, 2.2.1)"
    if not primary and ifd.find(Tag.SUB_IFDS) is not None:
        yield "a child IFD has SubIFDs (RFC 3949, 8.1.2)"
    yield from _strip_problems(ifd, octets)


def _position(ifd: Directory, primary: bool) -> Iterator[str]:
    for tag, name in ((Tag.X_POSITION, "XPosition"), (Tag.Y_POSITION, "YPosition")):
        if primary and ifd.find(tag) is not None:
            yield f"{name} is there, though the IFD is primary (RFC 3949, 8.2.2)"
        if not primary and ifd.find(tag) is None:
            yield f"{name} is missing (RFC 3949, 8.2.2)"


def _strip_problems(ifd: Directory, octets: int) -> Iterator[str]:
    """Strips lie in the file and make up the length; exactly one field says how many lines they have."""
    length, width = ifd.number(Tag.IMAGE_LENGTH, 0), ifd.number(Tag.IMAGE_WIDTH, 0)
    if length < 1 or width < 1:
        yield "ImageWidth or ImageLength is 0"
    both = (ifd.find(Tag.ROWS_PER_STRIP) is None, ifd.find(Tag.STRIP_ROW_COUNTS) is None)
    if both[0] == both[1]:
        yield "there must be RowsPerStrip or StripRowCounts, and not both (RFC 3949, 8.2.1)"
    strips = strips_of(ifd)
    if len(ifd.values(Tag.STRIP_OFFSETS)) != len(ifd.values(Tag.STRIP_BYTE_COUNTS)):
        yield "StripOffsets and StripByteCounts differ in number"
    rows = rows_of(ifd)
    if len(rows) != len(strips) or sum(rows) != length or 0 in rows:
        yield f"{len(strips)} strips of {sum(rows)} lines in all are no layer of {length} lines"
    for offset, count in strips:
        if offset + count > octets:
            yield f"a strip of {count} octets at octet {offset} lies outside the file of {octets} octets"


def _check_kind(checked: Checked) -> None:
    """The mask is as profiles S, F and J have it, foreground and background as C has them, or one colour."""
    ifd = checked.ifd
    checked.must_be(Tag.RESOLUTION_UNIT, (2,), 2, "RFC 3949, 8.2.1")
    x, y = resolution_of(ifd)
    if x != y:
        checked.say(f"its resolution is {plain(x)} by {plain(y)}, not square (RFC 3949, 8.2.1)")
        return
    coding = ifd.number(Tag.COMPRESSION, 1)
    if ifd.number(Tag.IMAGE_LAYER, 0) == MASK:
        checked.must_be(Tag.PHOTOMETRIC_INTERPRETATION, (0,), None, "RFC 3949, 8.2.1")
        if coding not in {3, 4, 9}:
            checked.say(f"Compression {coding} is none of a mask (RFC 3949, 8.2.1)")
        else:
            check_bilevel(checked)
        if x <= COARSEST_MASK_DPI:
            checked.say(f"a mask has more than {COARSEST_MASK_DPI} pixels an inch (RFC 3949, 8.2.1)")
        return
    match coding:
        case 7:
            check_colour(checked)
        case 1:
            _check_base_colour(checked)
        case 10:
            checked.say("Compression 10 is JBIG by T.43, which is not known here (profile L; RFC 3949, 7)")
        case other:
            checked.say(f"Compression {other} is none of a foreground or background (RFC 3949, 8.2.1)")


def _check_base_colour(checked: Checked) -> None:
    """An IFD of one colour has no data and says the colour, in ITULAB of eight bits (RFC 3949, 8.2.1)."""
    ifd = checked.ifd
    colour = ifd.values(Tag.IMAGE_BASE_COLOR)
    if not colour:
        checked.say("Compression 1 without ImageBaseColor (RFC 3949, 8.2.1)")
    if any(value > 255 for value in colour):
        checked.say("ImageBaseColor has a value above 255 (RFC 3949, 8.2.2)")
    if any(ifd.values(Tag.STRIP_BYTE_COUNTS)):
        checked.say("ImageBaseColor with data: StripByteCounts is not 0 (RFC 3949, 8.2.1)")
    checked.must_be(Tag.PHOTOMETRIC_INTERPRETATION, (10,), None, "RFC 3949, 8.2.1")


def _together(page: Directory) -> Iterator[str]:
    """What holds between the layers of a page (RFC 3949, 8.1 and 8.2)."""
    layers = [(ifd.values(Tag.IMAGE_LAYER), ifd) for ifd in (page, *page.children)]
    if page.children and page.number(Tag.IMAGE_LAYER, 0) != MASK:
        yield "the primary IFD of more than one layer is not the mask (RFC 3949, 8.1.2)"
        return
    names = [values for values, _ in layers]
    for values in sorted({values for values in names if names.count(values) > 1}):
        yield f"there are two IFDs of layer {values[0]} with the order {values[1]} (RFC 3949, 8.2.3)"
    (own, _), mask_lines = resolution_of(page), page.number(Tag.IMAGE_LENGTH, 0)
    width = page.number(Tag.IMAGE_WIDTH, 0)
    for values, child in layers[1:]:
        name, (dpi, _) = _name(child), resolution_of(child)
        if dpi > own or (own / dpi).denominator != 1:
            yield f"{name}: {plain(dpi)} pixels an inch are no whole part of the mask's {plain(own)} (RFC 3949, 8.2.1)"
            continue
        if not colour_widths(dpi, dpi):
            yield f"{name}: a resolution of {plain(dpi)} is none of its profile (RFC 3949, 8.2.1)"
        part = own / dpi
        if _reach(child, Tag.X_POSITION, Tag.IMAGE_WIDTH) * own >= width + part or (
            _reach(child, Tag.Y_POSITION, Tag.IMAGE_LENGTH) * own >= mask_lines + part
        ):
            yield f"{name}: it reaches beyond the page (RFC 3949, 8.2.2)"
        orders = [order for (layer, order), _ in layers if layer == values[0]]
        if child.number(Tag.COMPRESSION, 0) == _NO_DATA and values[1] != min(orders):
            yield f"{name}: a colour must be the lowest of its layer (RFC 3949, 8.2.3)"


def _reach(child: Directory, position: Tag, size: Tag) -> Fraction:
    """Return how far the layer reaches, in inches."""
    (start,) = child.values(position)
    return Fraction(start) + Fraction(child.number(size, 0)) / resolution_of(child)[0]


def longest_stripe(page: Directory) -> int:
    """Return the lines of the page's longest stripe in lines of the mask; layers of one colour have none."""
    own = resolution_of(page)[0]
    longest = max(rows_of(page), default=0)
    for child in page.children:
        if child.number(Tag.COMPRESSION, 0) != _NO_DATA:
            part = own / resolution_of(child)[0]
            longest = max(longest, int(max(rows_of(child), default=0) * part))
    return longest
