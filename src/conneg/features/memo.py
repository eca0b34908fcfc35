"""What was worked out lately, kept so that it need not be worked out again."""

from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Memo(Generic[_Key, _Value]):
    """Results by what they were made from: up to `size` of them; when it is full it forgets them all.

    Safe to use from several threads.
    """

    __slots__ = ("_known", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: dict[_Key, _Value] = {}

    def get(self, key: _Key) -> _Value | None:
        """Return what is known for `key`; None if nothing is."""
        return self._known.get(key)

    def keep(self, key: _Key, value: _Value) -> _Value:
        """Remember `value` for `key`, and return it."""
        if len(self._known) >= self._size:
            self._known = {}
        self._known[key] = value
        return value

    def forget(self) -> None:
        """Forget everything."""
        self._known = {}
