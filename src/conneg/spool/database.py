"""The database file: opened, prepared for a new start, and the few steps in it that are more than a statement."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from conneg.durable import sync_directory
from conneg.errors import UnavailableError
from conneg.spool import queries
from conneg.spool.accept_log import AcceptLog, log_numbers, log_path, recover
from conneg.spool.errors import SpoolError
from conneg.spool.group import transact
from conneg.spool.ids import Share, read_id, write_id
from conneg.spool.operations import Row

PURGE_AT_ONCE = 500
"""How many messages one transaction forgets."""

_BUSY_SECONDS = 30.0
_CHECKPOINT_PAGES = 4000
_CACHE_KIB = 16 * 1024
_RECIPIENTS_A_MESSAGE = 8
_OLDEST_SQLITE = (3, 38, 0)  # the operator ->> and UPDATE ... FROM


def connect(path: Path) -> sqlite3.Connection:
    """Open the database of the spool in `path`, synced at every commit. Raises `sqlite3.Error`, `UnavailableError`."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise UnavailableError(f"the spool needs SQLite 3.38 or later; this is {sqlite3.sqlite_version}")
    connection = sqlite3.connect(
        path / "queue.sqlite3", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def prepare(path: Path) -> None:
    """Make the database if it is new, end the claims of the dead, sweep away files that no row names."""
    connection = connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(f"BEGIN;{queries.SCHEMA}COMMIT;")
            sync_directory(path)
        elif version in queries.UPGRADES:
            connection.executescript(f"BEGIN;{queries.UPGRADES[version]}COMMIT;")
        elif version != queries.VERSION:
            raise SpoolError(
                f"the spool {path} has form {version}, this is conneg for form {queries.VERSION}",
                hint="use the version of conneg that wrote it until the spool is empty",
            )
        _recover(connection, path, log_numbers(path))
        connection.execute(queries.VOID_ALL_CLAIMS)
        _sweep(connection, path, Share())
    finally:
        connection.close()


def prepare_beside(path: Path, share: Share) -> None:
    """Bring over and sweep away what an earlier process with the log and the numbers of `share` left; no other's."""
    connection = connect(path)
    try:
        _recover(connection, path, [share.place])
        _sweep(connection, path, share)
    finally:
        connection.close()


def open_log(connection: sqlite3.Connection, path: Path, number: int) -> AcceptLog:
    """Return the accept log of that number, to be written from now on. Raises `OSError`, `sqlite3.Error`."""
    return AcceptLog(log_path(path, number), _generation(connection, number), number=number)


def _generation(connection: sqlite3.Connection, log: int) -> int:
    (generation,) = connection.execute(queries.GENERATION, {"log": log}).fetchone()
    return int(generation)


def _recover(connection: sqlite3.Connection, path: Path, logs: Sequence[int]) -> None:
    """Bring over what earlier processes accepted and only these logs hold."""
    connection.executescript(queries.PREPARE_WORK)
    for log in logs:
        generation = _generation(connection, log)
        accepted = recover(log_path(path, log), generation)
        if accepted:
            transact(connection, [], logged=accepted, log=log, generation=generation + 1)


def _sweep(connection: sqlite3.Connection, path: Path, share: Share) -> None:
    """Remove the files of `share` that no row names, and those that were still coming in."""
    named = {write_id(number) for (number,) in connection.execute(queries.FILES)}
    for file in (*path.joinpath("incoming").iterdir(), *path.joinpath("blobs").iterdir()):
        number = read_id(file.name)
        is_ours = number is None or share.holds(number)
        if is_ours and (file.parent.name == "incoming" or file.name not in named):
            file.unlink(missing_ok=True)


def last_id(connection: sqlite3.Connection) -> int:
    """Return the highest id that was given to a message that is still known; 0 if there is none."""
    (last,) = connection.execute(queries.LAST_ID).fetchone()
    return int(last)


def read_ids(connection: sqlite3.Connection, query: str, values: dict[str, Any]) -> list[int]:
    """Return the ids that a query gives as one JSON array."""
    (text,) = connection.execute(query, values).fetchone()
    ids: list[int] = json.loads(text)
    return ids


def read_messages(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Row]:
    """Return those messages in that order: [id, envelope, octets, received_at, rows of recipients]."""
    (text,) = connection.execute(queries.MESSAGES, {"ids": json.dumps(ids)}).fetchone()
    rows: list[Row] = json.loads(text)
    return rows


def claim(connection: sqlite3.Connection, now: float, limit: int) -> tuple[list[Row], dict[int, set[int]]]:
    """Claim; return the rows of the messages, and which recipients of each are claimed now."""
    values = {"now": now, "limit": limit * _RECIPIENTS_A_MESSAGE}
    ids = list(dict.fromkeys(read_ids(connection, queries.DUE_MESSAGES, values)))[:limit]
    if not ids:
        return [], {}
    chosen = {"ids": json.dumps(ids), "now": now}
    claimed: dict[int, set[int]] = {}
    (text,) = connection.execute(queries.DUE_RECIPIENTS, chosen).fetchone()
    for message, recipient in json.loads(text):
        claimed.setdefault(message, set()).add(recipient)
    connection.execute(queries.CLAIM, chosen)
    return read_messages(connection, ids), claimed


def release(number: int) -> Callable[[sqlite3.Connection], Any]:
    """Return the step that ends all claims of a message."""
    return lambda connection: connection.execute(queries.RELEASE, {"id": number})


def purge(connection: sqlite3.Connection, before: float) -> int:
    """Forget messages that were finished before that time; return how many: `PURGE_AT_ONCE` if there may be more."""
    # Ids are times of arrival, so what was finished before then has a lower one: no index is needed.
    values = {"below": int(before * 1_000_000), "before": before, "limit": PURGE_AT_ONCE}
    ids = read_ids(connection, queries.FINISHED_BEFORE, values)
    for statement in queries.FORGET if ids else ():
        connection.execute(statement, {"ids": json.dumps(ids)})
    return len(ids)
