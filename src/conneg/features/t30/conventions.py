"""What T.30 leaves open or does not say, as the caller wants it: the parameters of both directions."""

from enum import StrEnum
from typing import Final, NamedTuple

from conneg.features.t30.bits import MRC_MODE


class MrcOrder(StrEnum):
    """Which of bits 92 to 94 is the lowest of the MRC mode's number."""

    T30 = "T.30"
    """Bit 92, as T.30 has it by the account of spandsp."""
    RFC2880 = "RFC 2880"
    """Bit 94, as the example of RFC 2880 6.2 has it."""


class Conventions(NamedTuple):
    """How frames are read and made.

    `is_media_only` reads and makes frames as RFC 2880 prints them: bits 27 (error correction), 44 and 45 (units) are
    neither wanted nor set. `has_large_paper` lets bits 17 and 18 stand for B4, and 18 with 20 for A3 paper, which RFC
    2880 does not say. `structures` and `media` are values of `image-file-structure` and `ua-media`, which no frame has:
    they are added to a capability, and to a command if there is one value.
    """

    mrc_order: MrcOrder = MrcOrder.T30
    is_media_only: bool = False
    has_large_paper: bool = False
    structures: tuple[str, ...] = ()
    media: tuple[str, ...] = ()


T30: Final = Conventions()
"""What machines send."""
RFC2880: Final = Conventions(MrcOrder.RFC2880, is_media_only=True)
"""What the examples of RFC 2880 section 6 print."""


def mrc_mode(bits: frozenset[int], order: MrcOrder) -> int:
    """Return the MRC mode that is set in `bits`, 0 to 7."""
    return sum(1 << place for place, number in enumerate(_from_lowest(order)) if number in bits)


def mrc_bits(mode: int, order: MrcOrder) -> frozenset[int]:
    """Return the bits that are 1 for an MRC mode from 0 to 7."""
    return frozenset(number for place, number in enumerate(_from_lowest(order)) if mode >> place & 1)


def _from_lowest(order: MrcOrder) -> tuple[int, ...]:
    return MRC_MODE if order is MrcOrder.T30 else MRC_MODE[::-1]
