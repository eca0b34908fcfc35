"""MH, MR and MMR: one page, one strip (ITU-T T.4 and T.6 as RFC 3949, 3.4 and 4.5, uses them).

Packed pixels (`conneg.content.halftone.Packed`: 1 is black) in, a strip out, and back. MH and MR have an EOL before
every line, none after the last, no RTC; MMR ends with EOFB. Our own coder does it where its C module was built
(`conneg.content.native`), else Pillow's libtiff: the octets are the same.
"""

import numpy as np

from conneg.content import libtiff, native
from conneg.content.halftone import Packed
from conneg.content.stripform import Coding, CodingError, StripForm

__all__ = ["Coding", "CodingError", "StripForm", "decode", "decode_strictly", "encode", "reversed_bits"]

_NUMBERS = {Coding.MH: 0, Coding.MR: 1, Coding.MMR: 2}
"""What the C module calls them."""


def encode(packed: Packed, form: StripForm) -> bytes:
    """Return `packed` as a strip. Raises CodingError when it has not the form's size."""
    if packed.shape != (form.height, form.octets_a_line) or not packed.size:
        raise CodingError(f"{packed.shape} octets are no page of {form.width} by {form.height} pixels")
    if native.bilevel is None:
        return _in_order(libtiff.encode(packed, form), form)
    return native.bilevel.encode(
        np.ascontiguousarray(packed),
        form.width,
        form.height,
        _NUMBERS[form.coding],
        form.lines_by_reference + 1,
        form.aligned_eols,
        form.fill_order == 2,
    )


def decode(strip: bytes, form: StripForm) -> Packed:
    """Return the pixels in `strip`; what our own coder takes for damage is left to libtiff, which passes over some.

    Raises CodingError when nothing is found. The caller bounds the form's size.
    """
    try:
        return decode_strictly(strip, form)
    except CodingError:
        return libtiff.decode(_in_order(strip, form), form)


def decode_strictly(strip: bytes, form: StripForm) -> Packed:
    """Return the pixels in `strip`, what follows the last line aside.

    Raises CodingError, with line and bit, at the first code word that is none, and always where there is no C module.
    """
    if native.bilevel is None:
        raise CodingError("there is no C module to decode it")
    try:
        octets = native.bilevel.decode(
            strip, form.width, form.height, _NUMBERS[form.coding], form.fill_order == 2
        )
    except ValueError as error:
        raise CodingError(str(error)) from error
    return np.frombuffer(octets, dtype=np.uint8).reshape(form.height, form.octets_a_line)


def _in_order(strip: bytes, form: StripForm) -> bytes:
    """Return a strip of FillOrder 1 in the form's, or the other way round."""
    return reversed_bits(strip) if form.fill_order == 2 else strip


def reversed_bits(octets: bytes) -> bytes:
    """Return every octet with its first bit last, as FillOrder 2 has them (RFC 3949, 3.2.1)."""
    return octets.translate(_REVERSED)


_REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
