"""A source that fails is left alone for a while, and comes back by itself.

While a source works, every lookup goes to it. A lookup that fails as a whole (every answer is "cannot say now") begins
a rest, in which all lookups get that answer at once: nobody waits for a source that is known to be down, and it is not
flooded while it comes up again. After the rest one lookup is let through; if it fails, the next rest is twice as long,
up to a longest one. So a source that works again is found out by the first lookup after at most the longest rest.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from conneg.directory.asking import ask, unavailable
from conneg.directory.model import Answer, Closable, Directory, Faulty, Unavailable

REST_SECONDS = 0.5
"""The first rest."""

LONGEST_REST_SECONDS = 10.0
"""No rest is longer: a source that works again is noticed by the first lookup after so long."""

Report = Callable[[str], None]


class GuardedDirectory:
    """Asks `source`, for at most `seconds` a lookup, unless it is resting.

    `report` is told in one line when the source begins to fail and when it works again. `clock` counts seconds.
    """

    def __init__(
        self,
        source: Directory,
        *,
        seconds: float,
        rest_seconds: float = REST_SECONDS,
        longest_rest_seconds: float = LONGEST_REST_SECONDS,
        report: Report = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._seconds = seconds
        self._first_rest = rest_seconds
        self._longest_rest = longest_rest_seconds
        self._report = report
        self._clock = clock
        self._trouble: str | None = None
        self._rest = rest_seconds
        self._rests_since = 0.0
        self._is_probed = False

    @property
    def name(self) -> str:
        """What an operator calls the source."""
        return self._source.name

    @property
    def trouble(self) -> str | None:
        """Why the last lookup failed; None while the source works."""
        return self._trouble

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return what the source answers, or `Unavailable` for all while it rests."""
        began = self._clock()
        if self._trouble is not None:
            if self._is_probed or began < self._rests_since + self._rest:
                return unavailable(recipients, self._trouble)
            self._is_probed = True
            try:
                answers = await ask(self._source, recipients, min(deadline, self._seconds))
            finally:
                self._is_probed = False
        else:
            answers = await ask(self._source, recipients, min(deadline, self._seconds))
        self._judge(answers, began)
        return answers

    async def close(self) -> None:
        """Close the source."""
        if isinstance(self._source, Closable):
            await self._source.close()

    def _judge(self, answers: Mapping[str, Answer], began: float) -> None:
        """Begin or end a rest; a failure that began before the present rest says nothing new."""
        trouble = _whole_failure(answers)
        if trouble is None:
            if self._trouble is not None:
                self._report(f"{self.name}: works again")
            self._trouble, self._rest = None, self._first_rest
        elif self._trouble is None:
            self._report(f"{trouble}; it is left alone for a while")
            self._trouble, self._rests_since = trouble, self._clock()
        elif began >= self._rests_since + self._rest:
            self._trouble, self._rests_since = trouble, self._clock()
            self._rest = min(2 * self._rest, self._longest_rest)


def _whole_failure(answers: Mapping[str, Answer]) -> str | None:
    """Return the reason if nobody was answered; a single entry that cannot be used is not the source's failure."""
    reason: str | None = None
    for answer in answers.values():
        if not isinstance(answer, Unavailable) or isinstance(answer, Faulty):
            return None
        reason = answer.reason
    return reason
