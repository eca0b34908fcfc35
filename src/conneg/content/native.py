"""Whether the C modules, for bi-level pages and for setting text, are there: the one place that imports them.

They are optional: `hatch_build.py` builds them where there is a compiler. Whatever uses them has another way, through
pdfium, Pillow's libtiff and numpy, which gives the same in more time.
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


class TypesetterType(Protocol):
    """Sets runs of text on the pages of one document that pdfium has open; addresses are those of pdfium's handles."""

    def __init__(self, document: int, addresses: tuple[int, ...], /) -> None: ...

    def take(self, page: int, content: bytes, left: int, top: int, width: int, height: int, /) -> int:
        """Take what can be set from the page, drawn into that box of pixels; its objects become inactive.

        Returns how many runs were taken. Raises MemoryError.
        """
        ...

    def give_back(self) -> None:
        """Make the objects active again."""
        ...

    def lay(self, sheet: "Octets", width: int, height: int, /) -> None:
        """Lay the runs last taken on a grey sheet; raises ValueError for one of another size."""
        ...

    def close(self) -> None:
        """Let go of pdfium's objects, before the document is closed."""
        ...


def _load(name: str) -> Any:
    try:
        return importlib.import_module(f"conneg.content.{name}")
    except ImportError:
        return None


bilevel = cast("Bilevel | None", _load("_bilevel"))
"""The C module for bi-level pages, or None."""

_typeset = _load("_typeset")
typesetter = cast("type[TypesetterType] | None", _typeset and _typeset.Typesetter)
"""The C module's typesetter, or None."""

typesetter_functions: tuple[str, ...] = _typeset.FUNCTIONS if _typeset else ()
"""The functions of pdfium whose addresses it takes, in this order."""


def way() -> str:
    """Return in words how bi-level pages are made here."""
    return "by the C module" if bilevel is not None else "through Pillow and numpy (no C module was built)"
