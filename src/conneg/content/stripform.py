"""How a strip of facsimile is coded: the one value that encoders, decoders and checks share."""

from dataclasses import dataclass
from enum import StrEnum

from conneg.errors import ConnegError


class Coding(StrEnum):
    """A bi-level coding, under its token in `image-coding`."""

    MH = "MH"
    MR = "MR"
    MMR = "MMR"


class CodingError(ConnegError):
    """A strip that cannot be decoded, or pixels that cannot be encoded."""


@dataclass(frozen=True, slots=True)
class StripForm:
    """How a strip is coded: `width` in pixels, `height` in lines, `coding`; `aligned_eols` on octets.

    `dpi_y` decides how often MR codes a line by itself. `fill_order` is the field of that name: 1 puts the first bit of
    the coded data into the highest of an octet, 2 into the lowest (RFC 3949, 3.2.1).
    """

    width: int
    height: int
    coding: Coding
    aligned_eols: bool = False
    dpi_y: float = 196.0
    fill_order: int = 1

    @property
    def compression(self) -> int:
        """The value of the field Compression."""
        return 4 if self.coding is Coding.MMR else 3

    @property
    def t4_options(self) -> int:
        """The value of the field T4Options (RFC 3949, 4.2.2): bit 0 MR, bit 2 EOLs on octets."""
        return (self.coding is Coding.MR) | (4 if self.aligned_eols else 0)

    @property
    def lines_by_reference(self) -> int:
        """The lines of MR between two that are coded by themselves: 1, above 150 lines an inch 3 (T.4, 4.2.2)."""
        return 3 if self.dpi_y > 150 else 1

    @property
    def octets_a_line(self) -> int:
        """The octets of a line of packed pixels."""
        return (self.width + 7) // 8
