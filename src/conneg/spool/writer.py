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
from collections.abc import Callable, Iterable, Sequence
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
        connection.executescript(queries.PREPARE_WORK)
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
    accepts = [one for one in operations if isinstance(one, Accept)]
    runs = _settled_once([one for one in operations if isinstance(one, Settle)])
    first = _work(accepts, runs[0] if runs else [])
    if len(runs) < 2 and all(isinstance(one, Accept | Settle) for one in operations):
        connection.execute(queries.WORK, first)  # one statement is a transaction of its own
        return [None] * len(operations)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for work in [first, *(_work([], run) for run in runs[1:])]:
            connection.execute(queries.WORK, work)
        results = [None if isinstance(one, Accept | Settle) else _call(connection, one) for one in operations]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results


def _settled_once(settles: Sequence[Settle]) -> list[list[Settle]]:
    """Cut settlements into runs in which each message is settled once: one statement sees a row only once."""
    runs: list[list[Settle]] = []
    messages: set[int] = set()
    for settle in settles:
        if not runs or settle.message in messages:
            runs.append([])
            messages.clear()
        messages.add(settle.message)
        runs[-1].append(settle)
    return runs


def _call(connection: sqlite3.Connection, call: Call) -> Any:
    """Run one call; an error of ours is its own result and no concern of the others in the group."""
    try:
        return call(connection)
    except ConnegError as error:
        return error


def _work(accepts: Sequence[Accept], settles: Sequence[Settle]) -> dict[str, Any]:
    """Return the values of the columns of `queries.WORK`."""
    contents, bodies = _contents(accepts)
    recorded: list[Accept | Settle] = [*accepts, *settles]
    return {
        "messages": _rows(one.message for one in accepts),
        "contents": _rows(contents),
        "bodies": bodies,
        "recipients": _rows(row for one in accepts for row in one.recipients),
        "records": _rows(row for one in recorded for row in one.records),
        "outcomes": _rows(row for one in settles for row in one.outcomes),
        "settled": _rows(one.message for one in settles),
        "now": settles[-1].now if settles else None,
    }


def _rows(rows: Iterable[Row | int]) -> str | None:
    listed = list(rows)
    return json.dumps(listed) if listed else None


def _contents(accepts: Sequence[Accept]) -> tuple[list[Row], bytes]:
    """Return the rows of the contents, and those that are not in files in one piece."""
    rows: list[Row] = []
    bodies: list[bytes] = []
    position = 1  # substr counts from 1
    for accept in accepts:
        number = accept.message[0]
        if accept.content is None:
            rows.append([number])
        else:
            rows.append([number, position, len(accept.content)])
            bodies.append(accept.content)
            position += len(accept.content)
    return rows, b"".join(bodies)


def finish(connection: sqlite3.Connection, message: int, now: float) -> None:
    """Drop the content of that message if it has only final recipients."""
    connection.execute(
        queries.WORK, dict.fromkeys(queries.WORK_COLUMNS) | {"settled": f"[{message}]", "now": now}
    )
