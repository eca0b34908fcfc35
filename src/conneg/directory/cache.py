"""Answers of one source, kept for a while, so that most recipients cost a look into a dictionary.

An answer is fresh at first. Then it is stale: it is still given, but the source is asked again meanwhile, and what it
says counts from then on. Where the source cannot say now, the stale answer goes on until its time is over. "Nothing
known" is kept too, more shortly, and in a place of its own, so that questions about anybody do not push out what is
known. "Cannot say now" is never kept.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from conneg.directory.flights import Flights
from conneg.directory.model import Answer, Closable, Directory, Faulty, Known, Unavailable, Unknown

_ASK_AGAIN_SECONDS = 1.0
"""How soon a source is asked again for a stale answer, after it could not say."""


@dataclass(frozen=True, slots=True)
class CacheTimes:
    """How long answers are kept, in seconds.

    `fresh`: one that the source does not date itself. `negative`: that nothing is known. `stale`: how long either may
    be given after it was fresh.
    """

    fresh: float = 300.0
    negative: float = 60.0
    stale: float = 3600.0


@dataclass(slots=True)
class _Kept:
    """An answer, when the source is asked again for it, and when it is forgotten."""

    answer: Answer
    ask_again_at: float
    forget_at: float


class CachedDirectory:
    """Answers for `source` as it did a while ago; see `CacheTimes`.

    What is not in the cache is asked for in batches, the same question only once at a time, and a lookup of the source
    takes at most `seconds`; so many go on `at_once`. `size` answers are kept, and as many "nothing known"; the oldest
    go first.
    """

    def __init__(
        self,
        source: Directory,
        *,
        times: CacheTimes | None = None,
        size: int = 100_000,
        seconds: float = 5.0,
        at_once: int = 4,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._times = times or CacheTimes()
        self._size = size
        self._clock = clock
        self._known: dict[str, _Kept] = {}
        self._unknown: dict[str, _Kept] = {}
        self._flights = Flights(source, self._keep, seconds=seconds, at_once=at_once)

    @property
    def name(self) -> str:
        """What an operator calls the source."""
        return self._source.name

    @property
    def source(self) -> Directory:
        """Whose answers these are."""
        return self._source

    def __len__(self) -> int:
        return len(self._known) + len(self._unknown)

    def lookup_now(self, recipients: Sequence[str]) -> Mapping[str, Answer] | None:
        """Return the answers if all of them are here; see `conneg.directory.model.AtOnce`."""
        now = self._clock()
        answers: dict[str, Answer] = {}
        for recipient in recipients:
            answer = self._recall(recipient, now)
            if answer is None:
                return None
            answers[recipient] = answer
        return answers

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return what is here, and ask the source for the others; see `conneg.directory.model.Directory`.

        A lookup of the source that outlasts `deadline` goes on, for those who ask next.
        """
        now = self._clock()
        answers: dict[str, Answer] = {}
        coming: dict[str, asyncio.Future[Answer]] = {}
        for recipient in recipients:
            answer = self._recall(recipient, now)
            if answer is None:
                coming[recipient] = self._flights.join(recipient)
            else:
                answers[recipient] = answer
        if coming:
            await asyncio.wait(coming.values(), timeout=deadline)
        for recipient, future in coming.items():
            if future.done() and not future.cancelled():
                answers[recipient] = future.result()
            else:
                answers[recipient] = Unavailable(f"{self.name}: no answer within {deadline:.1f} s")
        return answers

    async def close(self) -> None:
        """Stop asking, and close the source."""
        await self._flights.close()
        if isinstance(self._source, Closable):
            await self._source.close()

    def _recall(self, recipient: str, now: float) -> Answer | None:
        kept = self._known.get(recipient) or self._unknown.get(recipient)
        if kept is None or now >= kept.forget_at:
            return None
        if now >= kept.ask_again_at:
            kept.ask_again_at = now + _ASK_AGAIN_SECONDS
            self._flights.join(recipient)
        return kept.answer

    def _keep(self, recipient: str, answer: Answer) -> None:
        """Take what the source said; where it could not say, what it said before stays."""
        if isinstance(answer, Unavailable) and not isinstance(answer, Faulty):
            return
        self._known.pop(recipient, None)
        self._unknown.pop(recipient, None)
        match answer:
            case Known():
                place, fresh = self._known, self._times.fresh
            case Unknown():
                place, fresh = self._unknown, self._times.negative
            case _:
                return
        if answer.fresh_seconds is not None:
            fresh = answer.fresh_seconds
        stale = self._times.stale if answer.stale_seconds is None else answer.stale_seconds
        if len(place) >= self._size:
            del place[next(iter(place))]
        now = self._clock()
        place[recipient] = _Kept(answer, now + fresh, now + fresh + stale)
