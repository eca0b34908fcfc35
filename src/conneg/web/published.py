"""What devices have published, in a SQLite database: each address its capability, and until when it holds."""

import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from conneg.databases import SqliteFile

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
    """The database at `path`, made if it is not there. Calls raise `conneg.databases.DatabaseUnavailableError`."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _CREATE)

    async def find(self, address: str, now: float) -> Published | None:
        """Return what holds for `address` at `now`."""
        return await self._file.run(lambda connection: _find(connection, address, now))

    async def publish(self, address: str, capability: str, now: float, seconds: float) -> bool:
        """Let `capability` hold for `address` for so many seconds from `now`; say whether there was none before.

        The same capability again is a renewal: it is as old as before.
        """

        def write(connection: sqlite3.Connection) -> bool:
            connection.execute(_PURGE, (now,))
            before = _find(connection, address, now)
            is_same = before is not None and before.capability == capability
            changed_at = before.changed_at if before is not None and is_same else now
            connection.execute(_SET, (address, capability, changed_at, now + seconds))
            return before is None

        return await self._file.run(write)

    async def withdraw(self, address: str) -> bool:
        """Forget what `address` has published; False if that was nothing."""
        return await self._file.run(lambda connection: connection.execute(_REMOVE, (address,)).rowcount > 0)

    async def close(self) -> None:
        """Close the database."""
        await self._file.close()


def _find(connection: sqlite3.Connection, address: str, now: float) -> Published | None:
    row = connection.execute(_FIND, (address, now)).fetchone()
    return None if row is None else Published(*row)
