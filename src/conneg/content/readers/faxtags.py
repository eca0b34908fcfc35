"""What the fields of a TIFF page say as media features: fax-schema section 6 (from RFC 3949 and RFC 2879).

A coding that no facsimile knows is stated under its own name, so that the page fits no receiver by silence.
"""

from fractions import Fraction

from conneg.content import jbig
from conneg.content.paper import LINE_A3, LINE_A4, LINE_B4, MILLIMETRE, PAPERS, nominal_line
from conneg.content.readers.tiffdir import Ifd, TiffDirectory

NEW_SUBFILE_TYPE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS = 266, 273, 274, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, T4_OPTIONS, T6_OPTIONS, RESOLUTION_UNIT = 282, 283, 292, 293, 296
INDEXED, DECODE, SUBSAMPLING, STRIP_ROW_COUNTS, IMAGE_LAYER, SUB_IFDS = 346, 433, 530, 559, 34732, 330

_NOMINAL_X = (100, 200, 204, 300, 400, 408)
_NOMINAL_PAIRS = {(204, 98): "204/98", (204, 196): "204/196", (204, 391): "204/391", (408, 391): "408/391"}
_NOMINAL_PAIRS[(200, 100)] = "200/100"
_CODINGS = {1: "none", 5: "LZW", 6: "JPEG-old", 8: "Deflate", 32773: "PackBits", 32946: "Deflate"}


def resolution(ifd: Ifd) -> tuple[Fraction, Fraction] | None:
    """Return pixels per inch both ways, nominal where it is a facsimile's; None when the file does not say."""
    x, y = ifd.fraction(X_RESOLUTION), ifd.fraction(Y_RESOLUTION)
    unit = ifd.number(RESOLUTION_UNIT, 2)
    if x is None or y is None or unit not in {2, 3}:
        return None
    if unit == 3:
        x, y = x * Fraction(254, 100), y * Fraction(254, 100)
    return _nominal(x, _NOMINAL_X), _nominal(y, (98, 100, 196, 200, 300, 391, 400))


def _nominal(dpi: Fraction, known: tuple[int, ...]) -> Fraction:
    """Return the facsimile resolution that `dpi` is meant to be: 80 a centimetre is 204, 38.5 is 98 (RFC 3949
    2.2.2).
    """
    for value in known:
        if abs(dpi - value) <= Fraction(value, 200):
            return Fraction(value)
    return dpi


def is_fax(ifd: Ifd) -> bool:
    """Whether the page is one of a facsimile: bi-level, in a facsimile coding or of a facsimile's width."""
    if ifd.number(BITS, 1) != 1 or ifd.number(SAMPLES, 1) != 1:
        return False
    return ifd.number(COMPRESSION, 1) in {2, 3, 4, 9} or nominal_line(ifd.number(WIDTH, 0)) is not None


def describe(directory: TiffDirectory, index: int, colour: str) -> str:
    """Return the terms, without type, that describe page `index` as it is; `colour` is what the decoder
    found.
    """
    ifd = directory.ifds[index]
    layered = IMAGE_LAYER in ifd.fields
    if layered and colour != "Binary" and ifd.number(BITS, 1) == 1:  # the page, of which this is the mask
        kind = ["(image-coding=JPEG)", "(image-coding-constraint=JPEG-T4E)", *_of_itulab(ifd, 3, 8)]
    else:
        kind = [*_coding(ifd), *_colour(ifd, colour)]
    terms = [_structure(directory), *_size(ifd), *kind]
    if layered:
        longest = max(ifd.fields.get(STRIP_ROW_COUNTS) or ifd.fields.get(ROWS_PER_STRIP) or (1,))
        return " ".join([*terms, f"(MRC-mode=1) (MRC-max-stripe-size={longest})"])
    return " ".join([*terms, "(MRC-mode=0)"])


def _size(ifd: Ifd) -> list[str]:
    width, length = ifd.number(WIDTH, 0), ifd.number(LENGTH, 0)
    dpi = resolution(ifd)
    terms = [f"(pix-x={width})", f"(pix-y={length})"]
    if dpi is None or not width or not length:
        return terms
    x, y = dpi
    pair = (int(x), int(y)) if x.denominator == y.denominator == 1 else None
    ratio = _NOMINAL_PAIRS.get(pair) if pair else None
    terms += [f"(dpi={x})", f"(dpi-xyratio={ratio or x / y})"]
    line = nominal_line(width) if pair and pair[0] in _NOMINAL_X else None
    terms.append(f"(size-x={_rational(line, width / x)})")
    size_y = _nominal_length(length, y)
    terms.append(f"(size-y={size_y})")
    paper = _paper(line, size_y)
    return [*terms, f"(paper-size={paper})"] if paper else terms


def _nominal_length(lines: int, dpi_y: Fraction) -> Fraction:
    """Return the length in inches; as many lines as a paper takes are that paper's length exactly."""
    for paper in PAPERS.values():
        if lines == round(paper.length_inches * dpi_y):
            return paper.length_inches
    return lines / dpi_y


def _rational(line: Fraction | None, otherwise: Fraction) -> str:
    """Return a nominal line as the schema writes it, in 254ths."""
    if line is None:
        return str(otherwise)
    return f"{line * 254}/254"


def _paper(line: Fraction | None, length: Fraction) -> str | None:
    if line == LINE_B4:
        return "B4"
    if line == LINE_A3:
        return "A3"
    if line != LINE_A4:
        return None
    if length <= 298 * MILLIMETRE:  # 2339 or 2292 lines round the paper's length up by up to a line
        return "A4"
    return "legal" if length <= PAPERS["legal"].length_inches + MILLIMETRE else None


def _coding(ifd: Ifd) -> list[str]:
    match ifd.number(COMPRESSION, 1):
        case 3:
            return ["(image-coding=MR)" if ifd.number(T4_OPTIONS, 0) & 1 else "(image-coding=MH)"]
        case 4:
            return ["(image-coding=MMR)"]
        case 7 if ifd.number(PHOTOMETRIC, 0) == 10:
            return ["(image-coding=JPEG)", "(image-coding-constraint=JPEG-T4E)", *_subsampling(ifd)]
        case 9:
            return ["(image-coding=JBIG)", "(image-coding-constraint=JBIG-T85)", *_stripe_size(ifd)]
        case 10:
            return ["(image-coding=JBIG)", "(image-coding-constraint=JBIG-T43)"]
        case 7:
            return ["(image-coding=JPEG)"]
        case other:
            return [f"(image-coding={_CODINGS.get(other, f'TIFF-{other}')})"]


def _stripe_size(ifd: Ifd) -> list[str]:
    """Return the lines of a stripe, from the JBIG data itself."""
    head = ifd.strip_head
    if ifd.number(FILL_ORDER, 1) == 2:
        head = bytes(int(f"{octet:08b}"[::-1], 2) for octet in head)
    try:
        return [f"(JBIG-stripe-size={jbig.read_header(head).stripe_lines})"]
    except jbig.JbigError:
        return []


def _subsampling(ifd: Ifd) -> list[str]:
    if ifd.number(SAMPLES, 1) != 3:
        return []
    plain = ifd.fields.get(SUBSAMPLING, (2, 2)) == (1, 1)
    return ['(color-subsampling="1:1:1")' if plain else '(color-subsampling="4:1:1")']


def _colour(ifd: Ifd, colour: str) -> list[str]:
    bits, samples = ifd.number(BITS, 1), ifd.number(SAMPLES, 1)
    if bits == 1 and samples == 1:
        return ["(color=Binary)"]
    if ifd.number(PHOTOMETRIC, 0) != 10:
        space = {2: "Device-RGB", 5: "Device-CMYK"}.get(ifd.number(PHOTOMETRIC, 0))
        levels = 2 ** (bits * (1 if samples < 3 else 3))
        terms = [f"(color={colour})", *([] if colour == "Binary" else [f"(color-levels={levels})"])]
        return [*terms, f"(color-space={space})"] if space else terms
    return _of_itulab(ifd, samples, bits)


def _of_itulab(ifd: Ifd, samples: int, bits: int) -> list[str]:
    gamut = _gamut(ifd, samples)
    if ifd.number(INDEXED, 0):
        return ["(color=Mapped)", f"(color-levels={2**bits})", *gamut]
    if samples == 1:
        return ["(color=Grey)", f"(color-levels={2**bits})", *gamut]
    return ["(color=Full)", f"(color-levels={2 ** (3 * bits)})", *gamut]


def _gamut(ifd: Ifd, samples: int) -> list[str]:
    """Return the CIELAB terms; the default Decode counts as the rounded default gamut (fax-schema 6, rounding
    note).
    """
    decode = tuple(Fraction(value) for value in ifd.fields.get(DECODE, ()))
    names = ("L", "a", "b")[: 3 if samples == 3 else 1]
    terms = ["(color-space=CIELAB)", "(color-illuminant=D50)"]
    for number, (name, low, high) in enumerate(zip(names, (0, -85, -75), (100, 85, 125), strict=False)):
        pair = decode[2 * number : 2 * number + 2] if len(decode) >= 2 * len(names) else ()
        minimum, maximum = pair if len(pair) == 2 else (Fraction(low), Fraction(high))
        if abs(minimum - low) < 1 and abs(maximum - high) < 1:
            minimum, maximum = Fraction(low), Fraction(high)
        terms += [f"(CIELAB-{name}-min={minimum})", f"(CIELAB-{name}-max={maximum})"]
    return terms


def _structure(directory: TiffDirectory) -> str:
    """Return the `image-file-structure` term that the whole file's layout allows."""
    if any(SUB_IFDS in ifd.fields and IMAGE_LAYER in ifd.fields for ifd in directory.ifds):
        return "(image-file-structure=TIFF-MRC)"
    if _is_minimal(directory):
        return "(image-file-structure=TIFF-minimal)"
    return f"(image-file-structure={'TIFF-limited' if _is_limited(directory) else 'TIFF'})"


def _strips(ifd: Ifd) -> tuple[int, ...]:
    return tuple(int(offset) for offset in ifd.fields.get(STRIP_OFFSETS, ()))


def _is_limited(directory: TiffDirectory) -> bool:
    """RFC 3949 4.4.6: IFDs in page order, each before its data, one strip a page, data in page order."""
    previous_ifd = previous_strip = 0
    for ifd in directory.ifds:
        strips = _strips(ifd)
        if len(strips) != 1 or not ifd.offset < strips[0]:
            return False
        if ifd.offset <= previous_ifd or strips[0] <= previous_strip:
            return False
        previous_ifd, previous_strip = ifd.offset, strips[0]
    return True


def _is_minimal(directory: TiffDirectory) -> bool:
    """RFC 3949 3.5: little-endian, first IFD at 8, and everything of a page before the next page's IFD."""
    if directory.byte_order != "II" or directory.ifds[0].offset != 8 or not _is_limited(directory):
        return False
    if any(ifd.number(FILL_ORDER, 1) != 2 for ifd in directory.ifds):
        return False
    following = directory.ifds[1:]
    ends = [_strips(ifd)[0] + ifd.number(STRIP_COUNTS, 0) for ifd in directory.ifds]
    return all(end <= after.offset for end, after in zip(ends, following, strict=False))
