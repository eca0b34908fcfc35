"""What keeps staged content. `FileStore` is the one for one machine; nothing here asks for what a replicated object
store could not do: whole objects put and removed, ranges read, and small values changed by compare and set.

All methods block; those who must not call them in a thread.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from conneg.staging.item import Item, Usage

T = TypeVar("T")


class Store(Protocol):
    """Items with their contents. Any method may raise `StagingError`."""

    def put(self, item: Item, source: Path) -> Item:
        """Keep the octets of the file `source` as `item`: when this returns they survive the death of the machine.

        An item of that id that is there already is kept, its life prolonged. Returns what is kept now. Raises
        `StagingFullError` when there is no room.
        """

    def cite(self, item_id: str, now: float) -> None:
        """Note, durably, that a citation is about to name the item. Raises `NoSuchItemError`."""

    def stat(self, item_id: str) -> Item:
        """Return what is known of an item. Raises `NoSuchItemError`."""

    def read(self, item_id: str, start: int, end: int) -> Iterator[bytes]:
        """Return the octets from `start` up to, not including, `end`, in chunks. Raises `NoSuchItemError` at once.

        What was begun can be read to its end, even when the item is removed meanwhile.
        """

    def local(self, item_id: str) -> AbstractContextManager[Path]:
        """Return the content as a file of this machine, never to be changed. Raises `NoSuchItemError`."""

    def usage(self, item_id: str) -> Usage:
        """Return what has been used of an item. Raises `NoSuchItemError`."""

    def amend(self, item_id: str, change: Callable[[Usage], tuple[Usage, T]]) -> T:
        """Replace an item's usage by what `change` makes of it, which no other process comes between.

        Returns the second value of `change`. Raises `NoSuchItemError`.
        """

    def remove(self, item_id: str) -> None:
        """Remove an item: from then on it is not there. Raises `NoSuchItemError`."""

    def items(self) -> Iterator[Item]:
        """Return every item, in no order."""

    def sweep(self, now: float) -> list[Item]:
        """Remove what has expired and what no citation ever named; returns it."""
