"""Bi-level TIFF pages as bits: decoded strip by strip, or taken from Pillow, and laid into a frame; never as octets.

A facsimile that is coded anew for another receiver keeps every pixel, and costs no more than decoding and coding it.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from conneg.content.codings import Coding, CodingError, StripForm, decode_strictly
from conneg.content.halftone import Packed, pack, unpack
from conneg.content.placement import Placement
from conneg.content.readers import faxtags
from conneg.content.readers.tiffdir import Ifd


def is_bits(ifd: Ifd) -> bool:
    """Whether the page is bi-level and upright, so that its pixels may be taken as they are; a mask is no page."""
    return (
        ifd.number(faxtags.BITS, 1) == ifd.number(faxtags.SAMPLES, 1) == 1
        and ifd.number(faxtags.PHOTOMETRIC, 0) in {0, 1}
        and ifd.number(faxtags.ORIENTATION, 1) == 1
        and faxtags.IMAGE_LAYER not in ifd.fields
    )


def size(ifd: Ifd) -> tuple[int, int]:
    """Return width and height in pixels, as the directory says."""
    return ifd.number(faxtags.WIDTH, 0), ifd.number(faxtags.LENGTH, 0)


def decode(path: Path, ifd: Ifd) -> Packed | None:
    """Return the pixels of a page (`is_bits`) in MH, MR or MMR, 1 for black; None for another coding, or damage.

    The caller has bounded the page's size. Whatever is not plain is left to Pillow, which passes over some damage.
    """
    width, height = size(ifd)
    options = ifd.number(faxtags.T4_OPTIONS, 0)
    match ifd.number(faxtags.COMPRESSION, 1):
        case 3 if not options & 2:
            coding = Coding.MR if options & 1 else Coding.MH
        case 4 if not ifd.number(faxtags.T6_OPTIONS, 0) & 2:
            coding = Coding.MMR
        case _:
            return None
    rows = min(ifd.number(faxtags.ROWS_PER_STRIP, height), height)
    places = ifd.fields.get(faxtags.STRIP_OFFSETS, ())
    counts = ifd.fields.get(faxtags.STRIP_COUNTS, ())
    if rows < 1 or not len(places) == len(counts) == -(-height // rows):
        return None
    if (
        sum(int(count) for count in counts) > path.stat().st_size
    ):  # else many strips could be the whole file each
        return None
    fill_order = 2 if ifd.number(faxtags.FILL_ORDER, 1) == 2 else 1
    strips: list[Packed] = []
    with path.open("rb") as file:
        for place, count in zip(places, counts, strict=True):
            lines = min(rows, height - rows * len(strips))
            file.seek(int(place))
            form = StripForm(width, lines, coding, fill_order=fill_order)
            try:
                strips.append(decode_strictly(file.read(int(count)), form))
            except CodingError:
                return None
    packed = strips[0] if len(strips) == 1 else np.concatenate(strips)
    return packed if ifd.number(faxtags.PHOTOMETRIC, 0) == 0 else _inverted(packed, width)


def from_pillow(image: Image.Image) -> Packed:
    """Return the pixels of a loaded image of mode "1", 1 for black."""
    octets = np.frombuffer(image.tobytes(), dtype=np.uint8)
    return _inverted(octets.reshape(image.height, -1), image.width)


def lay(packed: Packed, width: int, placement: Placement) -> Packed:
    """Return a page of `width` pixels at its place in the frame, which has room for it, on white."""
    if placement.fills_frame:
        return packed
    height, left = len(packed), placement.left
    page = np.zeros((placement.frame_height, (placement.frame_width + 7) // 8), dtype=np.uint8)
    if left % 8 == 0:
        page[placement.top : placement.top + height, left // 8 : left // 8 + packed.shape[1]] = packed
        return page
    white = np.ones((height, placement.frame_width), dtype=np.bool_)
    white[:, left : left + width] = unpack(packed, width)
    page[placement.top : placement.top + height] = pack(white)
    return page


def _inverted(packed: Packed, width: int) -> Packed:
    """Return black for white, the bits beyond the width 0."""
    inverted: Packed = ~packed
    if width % 8:
        inverted[:, -1] &= np.uint8(0xFF00 >> (width % 8) & 0xFF)
    return inverted
