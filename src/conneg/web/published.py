"""What devices have published, in a SQLite database: each address its capability, and until when it holds."""

import asyncio
import hashlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from conneg.errors import UnavailableError

T = TypeVar("T")

_CREATE = """
    CREATE TABLE IF NOT EXISTS published (
        address TEXT PRIMARY KEY,
        capability TEXT NOT NULL,
        changed_at REAL NOT NULL,
        expires_at REAL NOT NULL
    ) WITHOUT ROWID
"""
_FIND = "SELECT capability, changed_at, expires_at FROM published WHERE address = ? AND expires_at > ?"
_SET = "INSERT OR REPLACE INTO published (address, capability, changed_at, expires_at) VALUES (?, ?, ?, ?)"
_REMOVE = "DELETE FROM published WHERE address = ?"
_PURGE = "DELETE FROM published WHERE expires_at <= ?"


class PublishedUnavailableError(UnavailableError):
    """The database cannot be read or written; the message says why."""


@dataclass(frozen=True, slots=True)
class Published:
    """A capability, when it was last another one, and when it ends; Unix time."""

    capability: str
    changed_at: float
    expires_at: float

    @property
    def tag(self) -> str:
        """The entity-tag (RFC 9110, 8.8.3): another one whenever the capability is another."""
        return f'"{hashlib.sha256(self.capability.encode()).hexdigest()[:24]}"'


class PublishedCapabilities:
    """The database at `path`, made if it is not there. Each call raises `PublishedUnavailableError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def find(self, address: str, now: float) -> Published | None:
        """Return what holds for `address` at `now`."""
        return await self._run(lambda connection: _find(connection, address, now))

    async def publish(self, address: str, capability: str, now: float, seconds: float) -> bool:
        """Let `capability` hold for `address` for so many seconds from `now`; say whether there was none before.

        The same capability again is a renewal: it is as old as before.
        """

        def write(connection: sqlite3.Connection) -> bool:
            with connection:
                connection.execute(_PURGE, (now,))
                before = _find(connection, address, now)
                is_same = before is not None and before.capability == capability
                changed_at = before.changed_at if before is not None and is_same else now
                connection.execute(_SET, (address, capability, changed_at, now + seconds))
                return before is None

        return await self._run(write)

    async def withdraw(self, address: str) -> bool:
        """Forget what `address` has published; False if that was nothing."""

        def delete(connection: sqlite3.Connection) -> bool:
            with connection:
                return connection.execute(_REMOVE, (address,)).rowcount > 0

        return await self._run(delete)

    async def close(self) -> None:
        """Close the database."""

        def close() -> None:
            with self._lock:
                connection, self._connection = self._connection, None
                if connection is not None:
                    connection.close()

        await asyncio.to_thread(close)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def guarded() -> T:
            with self._lock:
                try:
                    if self._connection is None:
                        self._connection = self._open()
                    return work(self._connection)
                except sqlite3.Error as error:
                    raise PublishedUnavailableError(f"{self._path}: {error}") from error

        return await asyncio.to_thread(guarded)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_CREATE)
        except BaseException:
            connection.close()
            raise
        return connection


def _find(connection: sqlite3.Connection, address: str, now: float) -> Published | None:
    row = connection.execute(_FIND, (address, now)).fetchone()
    return None if row is None else Published(*row)
