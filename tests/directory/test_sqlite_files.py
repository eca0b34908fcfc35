"""A database that several connections make at the same moment is made once, and none of them fails."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from conneg.databases import DatabaseUnavailableError, SqliteFile, write_ahead

SCHEMA = "CREATE TABLE IF NOT EXISTS known (name TEXT PRIMARY KEY)"
ROUNDS, THREADS = 150, 4


def test_those_who_make_it_at_once_all_come_through(tmp_path: Path) -> None:
    """SQLite does not wait where two hold a shared lock and both want it alone: one is told that it is locked."""
    faults: list[Exception] = []

    def make(path: Path, start: threading.Barrier) -> None:
        start.wait()
        connection = sqlite3.connect(path)
        try:
            write_ahead(connection)
            connection.execute(SCHEMA)
        except sqlite3.Error as error:
            faults.append(error)
        finally:
            connection.close()

    for number in range(ROUNDS):
        start = threading.Barrier(THREADS)
        threads = [
            threading.Thread(target=make, args=(tmp_path / f"{number}.sqlite", start)) for _ in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert faults == []


class Contended(sqlite3.Connection):
    """A connection that is told so many times that somebody else has the database."""

    refusals = 3

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if self.refusals:
            self.refusals -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(sql, *values)


def test_it_is_tried_again(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "known.sqlite", factory=Contended)
    write_ahead(connection)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_it_is_not_tried_without_end(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "known.sqlite", factory=Contended)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        write_ahead(connection, 0)
    connection.close()


async def test_another_fault_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "known.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseUnavailableError, match="not a database"):
        await SqliteFile(tmp_path / "known.sqlite", SCHEMA).run(lambda connection: None)
