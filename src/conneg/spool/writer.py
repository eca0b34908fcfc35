"""The one thread that writes: everything that waits becomes one transaction, and one sync makes all of it
durable.

Callers on an event loop hand in operations and wait for futures; while the disk syncs one group the next one
gathers.
"""

import asyncio
import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from conneg.errors import ConnegError
from conneg.spool import queries
from conneg.spool.errors import SpoolError, as_spool_error

_GROUP_OPERATIONS = 1000
_GROUP_OCTETS = 16 * 1024 * 1024

Row = list[Any]


@dataclass(slots=True)
class Accept:
    """A message to store: its row, the rows of its recipients and records, and its content unless that is in
    a file.
    """

    message: Row
    recipients: list[Row]
    records: list[Row]
    content: bytes | None


@dataclass(slots=True)
class Settle:
    """Outcomes of one message's recipients, and the rows of its records."""

    message: int
    outcomes: list[Row]
    records: list[Row]
    now: float


Call = Callable[[sqlite3.Connection], Any]
"""Anything else: run in the transaction in its turn. Its result is the operation's; it raises before it
writes.
"""

Operation = Accept | Settle | Call


@dataclass(slots=True)
class _Waiting:
    operation: Operation
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    octets: int


class Writer:
    """Runs operations in groups as they are handed in, in a thread that has `connection` to itself."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="conneg-spool", daemon=True)
        self._closed = False

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, operation: Operation, octets: int = 0) -> asyncio.Future[Any]:
        """Hand in an operation from the running event loop; the future has its result once it is durable."""
        if self._closed:
            raise SpoolError("the spool is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._queue.put(_Waiting(operation, loop, future, octets))
        return future

    def stop(self) -> None:
        """Finish what was handed in and end the thread; blocks until then."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        try:
            while group := self._gather():
                _work_off(self._connection, group)
        finally:
            self._connection.close()

    def _gather(self) -> list[_Waiting]:
        """Wait for one operation, then take what else is there; nothing is there when it is time to stop."""
        group: list[_Waiting] = []
        octets = 0
        waiting = self._queue.get()
        while waiting is not None:
            group.append(waiting)
            octets += waiting.octets
            if len(group) == _GROUP_OPERATIONS or octets >= _GROUP_OCTETS:
                return group
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return group
        if group:
            self._queue.put(None)  # work off what came before the end, then meet the end again
        return group


def _work_off(connection: sqlite3.Connection, group: Sequence[_Waiting]) -> None:
    try:
        results: Sequence[Any] = _transact(connection, [one.operation for one in group])
    except Exception as error:
        results = [as_spool_error(error, "the spool cannot be written")] * len(group)
    _answer(group, results)


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


def _transact(connection: sqlite3.Connection, operations: Sequence[Operation]) -> list[Any]:
    """Run all operations in one transaction, or none; return their results in order.

    Nobody has been answered yet, so operations of one kind may be put together: accepts, then settlements, then calls.
    """
    results: list[Any] = [None] * len(operations)
    accepts = [one for one in operations if isinstance(one, Accept)]
    settles = [(place, one) for place, one in enumerate(operations) if isinstance(one, Settle)]
    connection.execute("BEGIN IMMEDIATE")
    try:
        if accepts:
            _accept(connection, accepts)
        for rows in _settled_once(settles):
            files = _settle(connection, [one for _, one in rows])
            for number, (place, _) in enumerate(rows):
                results[place] = [] if number else files
        for place, one in enumerate(operations):
            if not isinstance(one, Accept | Settle):
                results[place] = _call(connection, one)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results


def _settled_once(settles: Sequence[tuple[int, Settle]]) -> list[list[tuple[int, Settle]]]:
    """Cut settlements into runs in which each message is settled once: one statement sees a row only once."""
    runs: list[list[tuple[int, Settle]]] = []
    messages: set[int] = set()
    for place, settle in settles:
        if not runs or settle.message in messages:
            runs.append([])
            messages.clear()
        messages.add(settle.message)
        runs[-1].append((place, settle))
    return runs


def _call(connection: sqlite3.Connection, call: Call) -> Any:
    """Run one call; an error of ours is its own result and no concern of the others in the group."""
    try:
        return call(connection)
    except ConnegError as error:
        return error


def _accept(connection: sqlite3.Connection, accepts: Sequence[Accept]) -> None:
    bodies: list[bytes] = []
    contents: list[Row] = []
    position = 1  # substr counts from 1
    for accept in accepts:
        number = accept.message[0]
        if accept.content is None:
            contents.append([number])
        else:
            contents.append([number, position, len(accept.content)])
            bodies.append(accept.content)
            position += len(accept.content)
    connection.execute(queries.ACCEPT_MESSAGES, {"rows": json.dumps([one.message for one in accepts])})
    connection.execute(queries.ACCEPT_CONTENTS, {"rows": json.dumps(contents), "bodies": b"".join(bodies)})
    recipients = [row for one in accepts for row in one.recipients]
    connection.execute(queries.ACCEPT_RECIPIENTS, {"rows": json.dumps(recipients)})
    _add_records(connection, [row for one in accepts for row in one.records])


def _settle(connection: sqlite3.Connection, settles: Sequence[Settle]) -> list[int]:
    """Settle, and return the messages whose files can go now."""
    outcomes = json.dumps([row for one in settles for row in one.outcomes])
    connection.execute(queries.SETTLE, {"rows": outcomes})
    connection.execute(queries.END_CLAIMS, {"rows": outcomes})
    _add_records(connection, [row for one in settles for row in one.records])
    return finish(connection, [one.message for one in settles], settles[-1].now)


def _add_records(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    if rows:
        connection.execute(queries.ADD_RECORDS, {"rows": json.dumps(rows)})


def finish(connection: sqlite3.Connection, messages: Sequence[int], now: float) -> list[int]:
    """Drop the content of those messages that have only final recipients; return those that had it in a file."""
    ids = json.dumps(list(messages))
    connection.execute(queries.FINISH_MESSAGES, {"ids": ids, "now": now})
    (files,) = connection.execute(queries.FINISHED_FILES, {"ids": ids}).fetchone()
    connection.execute(queries.DROP_CONTENTS, {"ids": ids})
    found: list[int] = json.loads(files)
    return found
