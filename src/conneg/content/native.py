"""Whether the C module for bi-level pages is there: the one place that imports it.

It is optional: `hatch_build.py` builds it where there is a compiler. Whatever uses it has another way, through Pillow's
libtiff and numpy, which gives the same octets in more time.
"""

import importlib
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Octets = bytes | bytearray | memoryview | npt.NDArray[np.uint8]


class Bilevel(Protocol):
    """The functions of the C module. A coding is 0 for MH, 1 for MR, 2 for MMR; `reversed_` means FillOrder 2.

    Arrays lie in one piece. Each raises ValueError for sizes that do not fit together, and lets other threads run.
    """

    def encode(
        self, page: "Octets", width: int, height: int, coding: int, k: int, aligned: bool, reversed_: bool, /
    ) -> bytes:
        """Return the strip of `page`; of `k` lines of MR the first is coded by itself."""
        ...

    def decode(self, strip: "Octets", width: int, height: int, coding: int, reversed_: bool, /) -> bytearray:
        """Return the page in `strip`; ValueError says in which line, and at which bit, it is damaged."""
        ...

    def bilevel(
        self,
        grey: "Octets",
        width: int,
        height: int,
        black_below: int,
        block_high: int,
        radius: int,
        ridges: bool,
        screen: "Octets",
        side: int,
        /,
    ) -> bytearray:
        """Return the grey page in black and white; `conneg.content.halftone` says how, and what the numbers mean."""
        ...

    def squares(
        self,
        grey: "Octets",
        width: int,
        height: int,
        tile_width: int,
        tile_height: int,
        side: int,
        darkest: int,
        lighter_than: int,
        range_: int,
        /,
    ) -> tuple[int, int, int, int, int]:
        """Return how many squares of a kind the page has (`conneg.content.squares`), and the first and last row and
        column of tiles in which one begins.
        """
        ...


def _load() -> Any:
    try:
        return importlib.import_module("conneg.content._bilevel")
    except ImportError:
        return None


bilevel = cast("Bilevel | None", _load())
"""The C module, or None."""


def way() -> str:
    """Return in words how bi-level pages are made here."""
    return "by the C module" if bilevel is not None else "through Pillow and numpy (no C module was built)"
