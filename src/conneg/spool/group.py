"""A group of operations as one transaction of the database, which one sync makes durable."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from conneg.errors import ConnegError
from conneg.spool import queries
from conneg.spool.operations import Accept, Call, Operation, Row, Settle

_dump = json.JSONEncoder(separators=(",", ":")).encode


def transact(
    connection: sqlite3.Connection,
    operations: Sequence[Operation],
    *,
    logged: Sequence[Accept] = (),
    log: int | None = None,
    generation: int | None = None,
) -> list[Any]:
    """Run all operations in one transaction, or none; return their results in order.

    Nobody has been answered yet, so operations of one kind may be put together: accepts, then settlements, then calls.
    `logged` are the messages of that `generation` of the accept log of that number, whose senders have been answered.
    """
    accepts = [*logged, *(one for one in operations if isinstance(one, Accept))]
    runs = _settled_once([one for one in operations if isinstance(one, Settle)])
    first = {**_work(accepts, runs[0] if runs else []), "log": log, "generation": generation}
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
    return {
        "messages": _listed(one.message for one in accepts),
        "contents": _rows(contents),
        "bodies": bodies,
        "recipients": _listed(one.recipients for one in accepts),
        "records": _listed(
            [one.records for one in accepts] + [_dump(row) for one in settles for row in one.records]
        ),
        "outcomes": _rows(row for one in settles for row in one.outcomes),
        "settled": _rows(one.message for one in settles),
        "now": settles[-1].now if settles else None,
        "log": None,
        "generation": None,
    }


def _listed(rows: Iterable[str]) -> str | None:
    """Return rows that are texts of JSON as one array, None if there are none; an empty text is no row."""
    text = ",".join(filter(None, rows))
    return f"[{text}]" if text else None


def _rows(rows: Iterable[Row | int]) -> str | None:
    return _listed(map(_dump, rows))


def _contents(accepts: Sequence[Accept]) -> tuple[list[Row], bytes]:
    """Return the rows of the contents, and those that are not in files in one piece."""
    rows: list[Row] = []
    bodies: list[bytes] = []
    position = 1  # substr counts from 1
    for accept in accepts:
        if accept.content is None:
            rows.append([accept.number])
        else:
            rows.append([accept.number, position, len(accept.content)])
            bodies.append(accept.content)
            position += len(accept.content)
    return rows, b"".join(bodies)


def finish(connection: sqlite3.Connection, message: int, now: float) -> None:
    """Drop the content of that message if it has only final recipients."""
    connection.execute(
        queries.WORK, dict.fromkeys(queries.WORK_COLUMNS) | {"settled": f"[{message}]", "now": now}
    )
