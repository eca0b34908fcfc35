"""Every limit in one place: its name, its default, why it has that value, and what reaching it answers.

A package reads its own limits from here and raises `conneg.errors.BoundExceededError` (or answers with the reply
that the row names) when one is reached; none of them is ever silently exceeded.
"""

from typing import NamedTuple

from conneg.errors import BoundExceededError


class Bound(NamedTuple):
    """One limit: `value` in `unit`, the `reason` for it, and the `answer` that reaching it gives."""

    name: str
    value: int
    unit: str
    reason: str
    answer: str

    def check(self, amount: int, where: str = "") -> None:
        """Raise `BoundExceededError` when `amount` is above the limit; `where` names the place for the reader."""
        if amount > self.value:
            raise self.exceeded(where)

    def exceeded(self, where: str = "") -> BoundExceededError:
        """Return the error to raise when this limit is reached."""
        place = f" in {where}" if where else ""
        return BoundExceededError(f"more than {self.value} {self.unit}{place} (bound {self.name})")
