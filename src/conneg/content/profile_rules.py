"""The rules of TIFF-FX profiles S, F and C, each with its section of RFC 3949, applied to a file on disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from PIL import Image

from conneg.content.codings import REVERSED_BITS, Coding, decode_bits
from conneg.content.paper import (
    BILEVEL_RESOLUTIONS,
    COLOUR_RESOLUTIONS,
    LINE_A3,
    LINE_A4,
    LINE_B4,
    line_pixels,
)
from conneg.content.readers import itulab
from conneg.content.readers.tiffdir import Ifd, TiffDirectory, read_directory

_MAX_PAGES = 2000
_NEW_SUBFILE_TYPE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_FILL_ORDER, _STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_COUNTS = 266, 273, 277, 278, 279
_X_RESOLUTION, _Y_RESOLUTION, _T4_OPTIONS, _T6_OPTIONS, _UNIT, _PAGE_NUMBER = 282, 283, 292, 293, 296, 297
_SUBSAMPLING, _POSITIONING = 530, 531

_NAMES = {
    _NEW_SUBFILE_TYPE: "NewSubfileType",
    _WIDTH: "ImageWidth",
    _LENGTH: "ImageLength",
    _COMPRESSION: "Compression",
    _PHOTOMETRIC: "PhotometricInterpretation",
    _STRIP_OFFSETS: "StripOffsets",
    _STRIP_COUNTS: "StripByteCounts",
    _X_RESOLUTION: "XResolution",
    _Y_RESOLUTION: "YResolution",
    _PAGE_NUMBER: "PageNumber",
}
_PROFILE_S_TAGS = frozenset({254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 282, 283, 292, 296, 297})
_EOL_BITS = 12


@dataclass(frozen=True, slots=True)
class _Page:
    """One page and what the rules need beside its IFD."""

    number: int
    total: int
    ifd: Ifd
    strip: bytes


def check_tiff(path: Path, media_type: str) -> list[str]:
    """Return the broken rules of a file of profile S, F or C, a line each with its page.

    Raises ContentRefusedError when the file is no TIFF at all, OSError when it cannot be read.
    """
    directory = read_directory(path, _MAX_PAGES)
    problems = list(_check_structure(directory))
    octets = path.stat().st_size
    total = len(directory.ifds)
    with path.open("rb") as file:
        for number, ifd in enumerate(directory.ifds):
            where = f"page {number + 1}: "
            offset, count = ifd.number(_STRIP_OFFSETS, 0), ifd.number(_STRIP_COUNTS, 0)
            if not 8 <= offset < offset + count <= octets:
                problems.append(f"{where}the strip lies outside the file (RFC 3249 5.2)")
                continue
            file.seek(offset)
            page = _Page(number, total, ifd, file.read(count))
            problems += [where + problem for problem in _check_page(page, path, media_type)]
    return problems


def _check_structure(directory: TiffDirectory) -> Iterator[str]:
    """RFC 3949 3.5 and 4.4.6: the placement that makes TIFF-minimal and TIFF-limited."""
    if directory.byte_order != "II":
        yield "the byte order is MM; profile S demands II (3.5)"
    if directory.ifds[0].offset != 8:
        yield f"the first IFD is at {directory.ifds[0].offset}, not at 8 (3.5)"
    end = 8
    for number, ifd in enumerate(directory.ifds, start=1):
        strips = ifd.fields.get(_STRIP_OFFSETS, ())
        if ifd.offset % 2:
            yield f"page {number}: the IFD is not on a word boundary (3249 5.1)"
        if ifd.offset < end:
            yield f"page {number}: the IFD lies before the data of the page before it (3.5)"
        if len(strips) != 1:
            yield f"page {number}: {len(strips)} strips; the profiles have one (3.5, 4.4.6)"
        elif strips[0] < ifd.end:
            yield f"page {number}: the strip lies before its IFD (3.5, 4.4.6)"
        end = max(end, ifd.end, ifd.number(_STRIP_OFFSETS, 0) + ifd.number(_STRIP_COUNTS, 0))


def _check_page(page: _Page, path: Path, media_type: str) -> Iterator[str]:
    yield from _check_common(page)
    compression = page.ifd.number(_COMPRESSION, 0)
    if compression in (3, 4):
        if media_type != "image/tiff":
            yield f"profiles S and F are image/tiff, not {media_type} (3950 3)"
        yield from _check_bilevel(page)
    elif compression == 7:
        if media_type != "image/tiff-fx":
            yield f"profile C is image/tiff-fx, not {media_type} (3950 3)"
        yield from _check_colour(page, path)
    else:
        yield f"Compression is {compression}; profiles S, F and C have 3, 4 or 7 (1.3)"


def _expect(
    ifd: Ifd, tag: int, name: str, wanted: tuple[int, ...], section: str, default: int | None = None
) -> Iterator[str]:
    value = ifd.fields.get(tag)
    found = int(value[0]) if value else default
    if found not in wanted:
        listed = " or ".join(map(str, wanted))
        yield f"{name} is {'absent' if found is None else found}, not {listed} ({section})"


def _check_common(page: _Page) -> Iterator[str]:
    """RFC 3949 2.2.1 and 2.2.2: what every profile demands."""
    ifd = page.ifd
    missing = [name for tag, name in _NAMES.items() if tag not in ifd.fields]
    for name in missing:
        yield f"{name} is missing (2.2)"
    if missing:
        return
    yield from _expect(ifd, _NEW_SUBFILE_TYPE, "NewSubfileType", (2,), "2.2.1")
    yield from _expect(ifd, _ROWS_PER_STRIP, "RowsPerStrip", (ifd.number(_LENGTH, 0),), "2.2.1")
    number = ifd.fields[_PAGE_NUMBER]
    if tuple(number) not in ((page.number, page.total), (page.number, 0)):
        yield f"PageNumber is {list(map(int, number))}, not [{page.number}, {page.total}] (2.2.2)"
    x, y = ifd.fraction(_X_RESOLUTION), ifd.fraction(_Y_RESOLUTION)
    unit = ifd.number(_UNIT, 2)
    if x is None or y is None or unit != 2:
        yield "the resolution is not stated in pixels an inch (2.2.2)"
        return
    multilevel = ifd.number(_COMPRESSION, 0) == 7
    legal = (
        [(dpi, dpi) for dpi in COLOUR_RESOLUTIONS]
        if multilevel
        else [(resolution.dpi_x, resolution.dpi_y) for resolution in BILEVEL_RESOLUTIONS]
    )
    if (x, y) not in [(Fraction(a), Fraction(b)) for a, b in legal]:
        yield f"{x}x{y} dpi is no resolution of this profile (4.2.1, 6.2.1)"
        return
    widths = [line_pixels(line, x) for line in (LINE_A4, LINE_B4, LINE_A3)]
    if ifd.number(_WIDTH, 0) not in widths:
        yield f"ImageWidth {ifd.number(_WIDTH, 0)} is none of {widths} at {x} dpi (4.2.1, 6.2.1)"


def _check_bilevel(page: _Page) -> Iterator[str]:
    """RFC 3949 3 and 4."""
    ifd = page.ifd
    options = ifd.number(_T4_OPTIONS, -1)
    is_minimal = ifd.number(_COMPRESSION, 0) == 3 and options in (0, 4)
    yield from _expect(ifd, _BITS, "BitsPerSample", (1,), "2.2.1", 1)
    yield from _expect(ifd, _SAMPLES, "SamplesPerPixel", (1,), "2.2.1", 1)
    yield from _expect(
        ifd, _PHOTOMETRIC, "PhotometricInterpretation", (0,) if is_minimal else (0, 1), "3.5, 4.2.2"
    )
    yield from _expect(ifd, _FILL_ORDER, "FillOrder", (2,) if is_minimal else (1, 2), "3.5", 1)
    if ifd.number(_COMPRESSION, 0) == 3:
        yield from _expect(ifd, _T4_OPTIONS, "T4Options", (0, 1, 4, 5), "3.3, 4.2.2")
        coding = Coding.MR if options & 1 else Coding.MH
    else:
        yield from _expect(ifd, _T6_OPTIONS, "T6Options", (0,), "4.2.2")
        coding = Coding.MMR
    if is_minimal and (extra := set(ifd.fields) - _PROFILE_S_TAGS):
        yield f"the fields {sorted(extra)} do not belong to profile S (3.2)"
    strip = page.strip.translate(REVERSED_BITS) if ifd.number(_FILL_ORDER, 1) == 2 else page.strip
    yield from _check_strip(page, strip, coding)


def _check_strip(page: _Page, strip: bytes, coding: Coding) -> Iterator[str]:
    """RFC 3949 3.4 and 4.5: ends of line and of page, and whether it decodes to all its lines."""
    ends = strip.rstrip(b"\0")
    if coding is Coding.MMR:
        tail = int.from_bytes(strip[-5:], "big")
        if not any((tail >> shift) & 0xFFFFFF == 0x001001 for shift in range(8)):
            yield "the strip does not end with EOFB (4.5.6)"
    else:
        head = int.from_bytes(strip[:4].ljust(4, b"\0"), "big")
        zeros = 32 - head.bit_length()
        if zeros < _EOL_BITS - 1 or not head:
            yield "the strip does not begin with EOL (3.4, 4.5.4)"
        six = _count_final_eols(ends, coding)
        if six > 0:
            yield f"{six} EOL at the end: there is none after the last line, and no RTC (3.4)"
    width, length = page.ifd.number(_WIDTH, 0), page.ifd.number(_LENGTH, 0)
    try:
        decoded = decode_bits(strip, width, length, coding)
    except (OSError, SyntaxError, ValueError) as error:
        yield f"the strip cannot be decoded: {error}"
        return
    if len(decoded) != (width + 7) // 8 * length:
        yield f"the strip has {len(decoded) // ((width + 7) // 8)} lines, not {length}"


def _count_final_eols(ends: bytes, coding: Coding) -> int:
    """Return how many EOL stand at the very end of a strip whose fill bits are taken away."""
    tail = int.from_bytes(ends[-16:], "big")
    if not tail:
        return 0
    while not tail & 1:
        tail >>= 1
    step = _EOL_BITS + (1 if coding is Coding.MR else 0)
    eol = 0b11 if coding is Coding.MR else 1
    count = 0
    while tail & ((1 << step) - 1) == eol:
        count += 1
        tail >>= step
    return count


def _check_colour(page: _Page, path: Path) -> Iterator[str]:
    """RFC 3949 6."""
    ifd = page.ifd
    samples = ifd.number(_SAMPLES, 1)
    yield from _expect(ifd, _PHOTOMETRIC, "PhotometricInterpretation", (10,), "6.2.2")
    yield from _expect(ifd, _SAMPLES, "SamplesPerPixel", (1, 3), "6.2.2")
    if ifd.fields.get(_BITS, ()) != (8,) * samples:
        yield f"BitsPerSample is {list(ifd.fields.get(_BITS, ()))}, not {[8] * samples} (6.2.2)"
    if samples == 3:
        chroma = tuple(ifd.fields.get(_SUBSAMPLING, (2, 2)))
        if chroma not in ((1, 1), (2, 2)):
            yield f"ChromaSubSampling is {list(chroma)}, not [1, 1] or [2, 2] (6.2.3)"
        yield from _expect(ifd, _POSITIONING, "ChromaPositioning", (1,), "6.2.3", 1)
    yield from _check_jpeg(page.strip)
    try:
        image: Image.Image = itulab.decode(path, ifd)
    except (OSError, ValueError, SyntaxError) as error:
        yield f"the JPEG data cannot be decoded: {error}"
        return
    wanted = (ifd.number(_WIDTH, 0), ifd.number(_LENGTH, 0))
    if image.size != wanted:
        yield f"the JPEG data is {image.width}x{image.height}, the fields say {wanted[0]}x{wanted[1]} (2.1.2)"


def _check_jpeg(strip: bytes) -> Iterator[str]:
    """Baseline JPEG without JFIF, whose colours are another space's (RFC 3949 6.2.2; T.4 Annex E)."""
    if strip[:2] != b"\xff\xd8":
        yield "the strip is no JPEG data"
        return
    position = 2
    while strip[position : position + 1] == b"\xff" and position + 4 <= len(strip):
        marker = strip[position + 1]
        if marker == 0xE0 and strip[position + 4 : position + 8] == b"JFIF":
            yield "the JPEG data is JFIF, whose colours are YCbCr"
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if marker != 0xC0:
                yield "the JPEG data is not baseline (6.1)"
            return
        position += 2 + int.from_bytes(strip[position + 2 : position + 4], "big")
    yield "the JPEG data has no frame"
