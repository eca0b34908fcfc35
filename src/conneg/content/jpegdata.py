"""JPEG data as facsimile has it: ITU-T T.4 Annex E, in the strips of TIFF-FX profile C. Markers only; no pixels here.

The components are L*, a* and b* as they are: there is no JFIF header, which would call them YCbCr, and an APP1
marker `G3FAX` stands right after the start of the image.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

_SOI, _EOI, _SOS, _SOF0, _APP0, _APP1 = 0xD8, 0xD9, 0xDA, 0xC0, 0xE0, 0xE1
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_VERSION = 1994


@dataclass(frozen=True, slots=True)
class _Segment:
    """A marker with what it carries, and the place behind it."""

    marker: int
    body: bytes
    end: int


def as_facsimile(jpeg: bytes, dpi: int, gamut: tuple[tuple[int, int], ...] = ()) -> bytes:
    """Return `jpeg` without its JFIF header and with the markers of T.4 Annex E.

    `dpi` is the resolution; `gamut` gives offset and range of L*, a* and b* where they are not the default ones.
    """
    place = 2
    for segment in _segments(jpeg):
        if segment.marker not in {_APP0, _APP1}:
            break
        place = segment.end
    markers = _application(b"G3FAX\0" + struct.pack(">HH", _VERSION, dpi))
    if gamut:
        values = (value for pair in gamut for value in pair)
        markers += _application(b"G3FAX\1" + struct.pack(f">{2 * len(gamut)}h", *values))
    return jpeg[:2] + markers + jpeg[place:]


def jpeg_problems(
    jpeg: bytes, size: tuple[int, int], components: int, subsampling: tuple[int, int]
) -> tuple[str, ...]:
    """Return what is wrong with a strip: its markers, its size, its components, and whether it can be decoded."""
    try:
        problems = list(_marker_problems(jpeg, size, components, subsampling))
    except (ValueError, struct.error):
        return ("the JPEG data is damaged",)
    if not problems:
        try:
            with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
                image.load()
        except (OSError, SyntaxError, ValueError, TypeError, RuntimeError) as error:
            problems.append(f"the JPEG data cannot be decoded ({error})")
    return tuple(problems)


def _marker_problems(
    jpeg: bytes, size: tuple[int, int], components: int, subsampling: tuple[int, int]
) -> Iterator[str]:
    segments = list(_segments(jpeg))
    if not segments or not segments[0].body.startswith(b"G3FAX\0"):
        yield "the JPEG data does not begin with the marker G3FAX (T.4, Annex E)"
    if any(segment.marker == _APP0 and segment.body.startswith(b"JFIF\0") for segment in segments):
        yield "the JPEG data has a JFIF header, which means other colours (T.4, Annex E)"
    frames = [segment for segment in segments if segment.marker in _FRAMES]
    if len(frames) != 1 or frames[0].marker != _SOF0:
        yield "the JPEG data is not baseline (RFC 3949, 6.2.1)"
        return
    depth, height, width, count = struct.unpack(">BHHB", frames[0].body[:6])
    if depth != 8:
        yield f"the JPEG data has samples of {depth} bits (RFC 3949, 6.2.1)"
    if (width, height) != size:
        yield f"the JPEG data has {width} by {height} pixels, the fields say {size[0]} by {size[1]}"
    if count != components:
        yield f"the JPEG data has {count} components, the fields say {components}"
        return
    factors = [divmod(frames[0].body[7 + 3 * number], 16) for number in range(count)]
    if count == 3 and factors != [subsampling, (1, 1), (1, 1)]:
        yield "the JPEG data is not subsampled as ChromaSubSampling says (RFC 3949, 6.2.2)"
    if not jpeg.rstrip(b"\0").endswith(bytes((0xFF, _EOI))):
        yield "the JPEG data has no end"


def _segments(jpeg: bytes) -> Iterator[_Segment]:
    """Yield the marker segments up to the first scan; raises ValueError when they are damaged."""
    if jpeg[:2] != bytes((0xFF, _SOI)):
        raise ValueError("no JPEG data")
    place = 2
    while True:
        lead, marker, length = struct.unpack(">BBH", jpeg[place : place + 4])
        if lead != 0xFF or length < 2 or place + 2 + length > len(jpeg):
            raise ValueError("damaged markers")
        body = jpeg[place + 4 : place + 2 + length]
        place += 2 + length
        yield _Segment(marker, body, place)
        if marker == _SOS:
            return


def _application(body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, _APP1, len(body) + 2) + body
