"""Questions to one source on their way: each asked once, and together with those that wait beside it.

A question that is already on its way is not asked again: whoever asks it too gets the same answer. Few lookups are
under way at a time; what is asked meanwhile waits and leaves as one batch, so that batches grow with the load.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from conneg.bounds import Bound
from conneg.directory.asking import unavailable
from conneg.directory.model import Answer, Directory, Unavailable

MAX_QUESTIONS = Bound(
    name="directory.questions",
    value=20_000,
    unit="recipients that wait for one source of the directory",
    reason="each is a few hundred octets; twenty full transactions of a thousand recipients",
    answer="the source cannot say now (404 to REQUIRED)",
)
MAX_BATCH = Bound(
    name="directory.batch",
    value=500,
    unit="recipients in one question to a source",
    reason="databases and LDAP servers limit the length of one question",
    answer="the rest is asked next",
)

Landed = Callable[[str, Answer], None]


class Flights:
    """Asks `source` and tells `landed` every answer; a lookup takes at most `seconds`, to which the source must keep.

    No other clock runs beside the source's own (`conneg.directory.guard`): it has to see that the time was over.
    """

    def __init__(self, source: Directory, landed: Landed, *, seconds: float, at_once: int = 4) -> None:
        self._source = source
        self._landed = landed
        self._seconds = seconds
        self._at_once = at_once
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self._waiting: deque[str] = deque()
        self._lookups: set[asyncio.Task[None]] = set()

    def join(self, recipient: str) -> "asyncio.Future[Answer]":
        """Return the answer to come for `recipient`; the question leaves with those that are put in the same turn."""
        answer = self._answers.get(recipient)
        if answer is not None:
            return answer
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        if len(self._answers) >= MAX_QUESTIONS.value:
            answer.set_result(Unavailable(f"{self._source.name}: {MAX_QUESTIONS.exceeded()}"))
            return answer
        self._answers[recipient] = answer
        if not self._waiting:
            loop.call_soon(self._depart)
        self._waiting.append(recipient)
        return answer

    async def close(self) -> None:
        """Give up what is under way."""
        while self._waiting:
            self._answers.pop(self._waiting.popleft()).cancel()
        for lookup in tuple(self._lookups):
            lookup.cancel()
        await asyncio.gather(*self._lookups, return_exceptions=True)

    def _depart(self) -> None:
        while self._waiting and len(self._lookups) < self._at_once:
            count = min(len(self._waiting), MAX_BATCH.value)
            batch = [self._waiting.popleft() for _ in range(count)]
            lookup = asyncio.get_running_loop().create_task(self._look_up(batch))
            self._lookups.add(lookup)
            lookup.add_done_callback(self._arrive)

    def _arrive(self, lookup: "asyncio.Task[None]") -> None:
        self._lookups.discard(lookup)
        self._depart()

    async def _look_up(self, batch: list[str]) -> None:
        answers: Mapping[str, Answer] = {}
        try:
            answers = await self._source.lookup(batch, self._seconds)
        except Exception as error:
            answers = unavailable(batch, f"{self._source.name}: {str(error) or type(error).__name__}")
        finally:
            for recipient in batch:
                answer = answers.get(recipient) or Unavailable(f"{self._source.name}: no answer")
                self._landed(recipient, answer)
                self._answers.pop(recipient).set_result(answer)
