"""Message ids: the microsecond of arrival, made unique, written so that its first characters differ most.

Eleven characters of Crockford's base 32 with the lowest digit first: people may cut an id short, as with
commit ids.
"""

from collections.abc import Callable
from dataclasses import dataclass

ID_LENGTH = 11
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(low + high for high in _DIGITS for low in _DIGITS)
"""Two digits at a time: every message is given an id as it comes in."""

_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}


def write_id(number: int) -> str:
    """Return the text of an id.

    >>> write_id(33)
    '11000000000'
    """
    pairs = _PAIRS
    return (
        pairs[number & 1023]
        + pairs[number >> 10 & 1023]
        + pairs[number >> 20 & 1023]
        + pairs[number >> 30 & 1023]
        + pairs[number >> 40 & 1023]
        + _DIGITS[number >> 50 & 31]
    )


def read_id(text: str) -> int | None:
    """Return the number of an id, None if it is none.

    >>> read_id("11000000000"), read_id("?")
    (33, None)
    """
    split = read_prefix(text) if len(text) == ID_LENGTH else None
    return None if split is None else split[0]


def read_prefix(text: str) -> tuple[int, int] | None:
    """Return what an id that begins with `text` leaves when it is divided, and by what; None if there is
    none.
    """
    if not 0 < len(text) <= ID_LENGTH or any(digit not in _VALUES for digit in text.lower()):
        return None
    return sum(_VALUES[digit] << 5 * place for place, digit in enumerate(text.lower())), 32 ** len(text)


@dataclass(frozen=True, slots=True)
class Share:
    """The numbers that one of several processes gives: those that leave `place` when divided by `places`.

    The serving process has place 0, its receivers those from 1 on; so no two of them ever give the same number.
    """

    place: int = 0
    places: int = 1

    def holds(self, number: int) -> bool:
        """Say whether that process gave `number`, if all of them had such shares."""
        return number % self.places == self.place

    def from_on(self, number: int) -> int:
        """Return the first number of the share that is not below `number`."""
        return number + (self.place - number) % self.places


class Ticks:
    """Numbers that only grow: the microseconds of the clock, or the next above the last where that is not more; all
    of them of one share.
    """

    def __init__(self, clock: Callable[[], float], last: int, share: Share | None = None) -> None:
        self._clock = clock
        self._last = last
        self._share = share or Share()

    def next(self) -> int:
        """Return the next number."""
        self._last = self._share.from_on(max(self._last + 1, int(self._clock() * 1_000_000)))
        return self._last
