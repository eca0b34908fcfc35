"""The one thread that writes: everything that waits becomes one transaction, and one sync makes all of it
durable.

Callers on an event loop hand in operations and wait for futures; while the disk syncs one group the next one
gathers. A group in which there are only messages to accept goes to the accept log, if there is one, and on to the
database with the next group of another kind, when the log is full, or when nothing else has come for a moment.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conneg.spool import queries
from conneg.spool.accept_log import AcceptLog
from conneg.spool.errors import SpoolError, as_spool_error
from conneg.spool.group import transact
from conneg.spool.operations import Accept, Operation

_GROUP_OPERATIONS = 1000
_GROUP_OCTETS = 16 * 1024 * 1024
_LOGGED_SECONDS = 0.05
"""How long the accept log waits for other work before it is brought over."""

_LOGGED_SECONDS_AT_MOST = 0.1
"""How long it may grow while messages come without a pause; so long another process may not see them."""

_RETRY_SECONDS = 1.0
"""How often the log is tried to be emptied while the database cannot be written."""


@dataclass(slots=True)
class _Waiting:
    operation: Operation
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    octets: int


class Writer:
    """Runs operations in groups as they are handed in, in a thread that has `connection` and `log` to itself.

    `folder` is the spool's. `on_stored` is called in that thread whenever accepted messages have come into the
    database, where others see them.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        folder: Path,
        log: AcceptLog | None = None,
        *,
        on_stored: Callable[[], object] | None = None,
    ) -> None:
        connection.executescript(queries.PREPARE_WORK)
        self._connection = connection
        self._folder = folder
        self._log = log
        self._on_stored = on_stored
        self._logged: list[Accept] = []
        self._logged_since = 0.0
        self._patience = _LOGGED_SECONDS
        self._waiting: deque[_Waiting] = deque()
        self._signals: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._waking: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="conneg-spool", daemon=True)
        self._closed = False

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, operation: Operation, octets: int = 0) -> asyncio.Future[Any]:
        """Hand in an operation from the running event loop; the future has its result once it is durable.

        Cancelling the future does not take the operation back. The thread is woken when the loop has done what it has
        in hand: all that is handed in until then is one group, and costs one change between the threads.
        """
        if self._closed:
            raise SpoolError("the spool is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(_Waiting(operation, loop, future, octets))
        if self._waking is not loop:
            self._waking = loop
            loop.call_soon(self._wake)
        return future

    def _wake(self) -> None:
        self._waking = None
        self._signals.put(None)

    def stop(self) -> None:
        """Finish what was handed in and end the thread; blocks until then."""
        if not self._closed:
            self._closed = True
            self._signals.put(None)
            self._thread.join()

    @property
    def is_behind(self) -> bool:
        """Whether there are messages that only the accept log holds; any operation but `Accept` brings them over."""
        return bool(self._logged)

    def _run(self) -> None:
        try:
            while not self._closed or self._waiting:
                self._wait()
                while group := self._gather():
                    self._work_off(group)
            self._bring_over()
        finally:
            self._connection.close()
            if self._log is not None:
                self._log.close()

    def _wait(self) -> None:
        """Wait for a signal; what the log holds goes to the database when none comes."""
        while self._log is not None and not self._log.is_empty:
            try:
                return self._signals.get(timeout=self._patience)
            except queue.Empty:
                self._patience = _LOGGED_SECONDS if self._bring_over() else _RETRY_SECONDS
        return self._signals.get()

    def _gather(self) -> list[_Waiting]:
        """Take the operations that are there, up to the bounds of a group."""
        group: list[_Waiting] = []
        octets = 0
        while self._waiting and len(group) < _GROUP_OPERATIONS and octets < _GROUP_OCTETS:
            one = self._waiting.popleft()
            group.append(one)
            octets += one.octets
        return group

    def _work_off(self, group: Sequence[_Waiting]) -> None:
        operations = [one.operation for one in group]
        try:
            results = [None] * len(group) if self._takes_to_log(operations) else self._transact(operations)
        except Exception as error:
            doing = f"the spool {self._folder} cannot be written"
            results = [as_spool_error(error, doing, self._folder)] * len(group)
        _answer(group, results)

    def _takes_to_log(self, operations: Sequence[Operation]) -> bool:
        """Write a group of accepts to the log and return True; False if it is another group, or has no place there."""
        if self._log is None:
            return False
        now = time.monotonic()
        if self._logged and now - self._logged_since > _LOGGED_SECONDS_AT_MOST:
            return False
        accepts = [one for one in operations if isinstance(one, Accept)]
        if len(accepts) < len(operations) or not self._log.append(accepts):
            return False
        self._logged_since = self._logged_since if self._logged else now
        self._logged += accepts
        return True

    def _transact(self, operations: Sequence[Operation]) -> list[Any]:
        """Write a group to the database, and with it what the log holds; the log is empty then."""
        log, logged = self._log, self._logged
        if log is None or log.is_empty:
            results = transact(self._connection, operations)
        else:
            results = transact(
                self._connection, operations, logged=logged, log=log.number, generation=log.generation
            )
            log.begin_again()
            self._logged = []
        if self._on_stored is not None and (logged or any(isinstance(one, Accept) for one in operations)):
            self._on_stored()
        return results

    def _bring_over(self) -> bool:
        """Write to the database what only the log holds; False if that cannot be done now, and nothing is lost."""
        try:
            self._transact([])
        except sqlite3.Error:
            return False
        return True


def _answer(waiting: Sequence[_Waiting], results: Sequence[Any]) -> None:
    """Give the results to their event loops, one wake-up for each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for one, result in zip(waiting, results, strict=True):
        by_loop.setdefault(one.loop, []).append((one.future, result))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:  # that loop is closed: nobody waits any more, and what was done stays done
            continue


def _resolve(answers: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in answers:
        if future.cancelled():
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
