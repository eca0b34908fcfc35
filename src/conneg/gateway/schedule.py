"""Which message is delivered when: those just accepted at once while there is room, the others as they fall due.

The schedule holds no state that matters: everything it knows is in the spool, and a message it has in hand when the
process dies is due again when the next one starts.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

from conneg.errors import ConnegError
from conneg.gateway.routing import NextHop, Routes
from conneg.spool import Spool, SpooledMessage, SpooledRecipient

_POLL_SECONDS = 1.0
"""How often the spool is asked for due messages; `conneg queue retry` is noticed within this time."""

Deliver = Callable[
    [SpooledMessage, bytes, dict[NextHop, list[SpooledRecipient]]], Coroutine[None, None, None]
]
Report = Callable[[str, BaseException], None]


class Schedule:
    """Hands messages to `deliver`, at most `at_once` at a time."""

    def __init__(
        self,
        spool: Spool,
        routes: Routes,
        deliver: Deliver,
        *,
        at_once: int,
        clock: Callable[[], float],
        report: Report,
    ) -> None:
        self._spool = spool
        self._routes = routes
        self._deliver = deliver
        self._at_once = at_once
        self._clock = clock
        self._report = report
        self._in_hand: set[asyncio.Task[None]] = set()
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._keeps_up = True

    @property
    def has_room(self) -> bool:
        """Whether a message accepted now would be delivered at once."""
        return not self._stopping and len(self._in_hand) < self._at_once

    @property
    def keeps_up(self) -> bool:
        """Whether the last look into the spool found fewer due messages than there was room for."""
        return self._keeps_up and not self._stopping

    async def wait_for_room(self, seconds: float) -> bool:
        """Wait until there is room, first come, first served, at most `seconds`; say whether there is."""
        if not self.has_room and seconds > 0 and not self._stopping:
            place = asyncio.get_running_loop().create_future()
            self._waiting[place] = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await place
            self._waiting.pop(place, None)
        return self.has_room

    def submit(self, message: SpooledMessage, content: bytes | None) -> None:
        """Take a message that is claimed for us, with its content if that is still in memory."""
        self._start(message, content)

    def wake(self) -> None:
        """Look into the spool now."""
        self._wake.set()

    async def run(self) -> None:
        """Claim and start due messages until cancelled."""
        while True:
            room = 0 if self._stopping else self._at_once - len(self._in_hand)
            try:
                messages = await self._spool.claim(self._clock(), room) if room > 0 else []
            except ConnegError as error:
                self._report("the spool cannot be used", error)
                messages = []
            self._keeps_up = len(messages) < room
            for message in messages:
                self._start(message, None)
            if not messages:
                await self._pause()

    async def _pause(self) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_SECONDS):
                await self._wake.wait()

    def _start(self, message: SpooledMessage, content: bytes | None) -> None:
        task = asyncio.create_task(self._process(message, content))
        self._in_hand.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._wake.set()
        for place in self._waiting:
            if not place.done():
                place.set_result(None)
                break

    async def _process(self, message: SpooledMessage, content: bytes | None) -> None:
        try:
            if content is None:
                content = await self._spool.content(message.id)
            await self._deliver(message, content, self._routes.by_next_hop(message.recipients))
        except asyncio.CancelledError:
            raise
        except (
            Exception
        ) as error:  # a fault of ours must cost no message: it stays in the spool and is tried again
            self._report(f"message {message.id}", error)
            await asyncio.sleep(_POLL_SECONDS)
        finally:
            await asyncio.shield(self._give_back(message.id))

    async def _give_back(self, message_id: str) -> None:
        """End the claims of a message; while the disk cannot be written, try again, or it would never be due."""
        while True:
            try:
                return await self._spool.release(message_id)
            except ConnegError as error:
                self._report(f"message {message_id} is still claimed", error)
                if self._stopping:  # the next start voids all claims
                    return None
                await asyncio.sleep(_POLL_SECONDS)

    async def stop(self, within: float) -> int:
        """Finish what is in hand within `within` seconds, give back the rest, and return how many were given back."""
        self._stopping = True
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=within)
        unfinished = list(self._in_hand)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        return len(unfinished)
