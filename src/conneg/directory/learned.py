"""What reports have taught about recipients (RFC 2530): believed for a time, then less, then forgotten.

One database, two sources over it: `LearnedDirectory` with what is recent stands in its place among the sources; the one
with what is older stands behind all of them, and so speaks only where nobody else knows anything.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from conneg.bounds import Bound
from conneg.databases import SqliteFile
from conneg.directory.asking import unavailable
from conneg.directory.model import Answer, Faulty, Known, Unknown
from conneg.directory.names import EntryKind, address_key
from conneg.directory.sqlite import StoredEntry
from conneg.directory.table import Entry
from conneg.errors import ConnegError
from conneg.negotiation import Provenance, read_capability

MAX_LEARNED = Bound(
    name="directory.learned",
    value=100_000,
    unit="recipients of whom something was learned",
    reason="reports can be about anybody; a row has some hundred octets",
    answer="what was learned first is forgotten",
)

_CREATE = """
    CREATE TABLE IF NOT EXISTS learned (
        address TEXT PRIMARY KEY,
        expression TEXT NOT NULL,
        reporter TEXT NOT NULL,
        learned_at REAL NOT NULL
    ) WITHOUT ROWID
"""
_SET = "INSERT OR REPLACE INTO learned (address, expression, reporter, learned_at) VALUES (?, ?, ?, ?)"
_FIND = "SELECT expression, reporter, learned_at FROM learned WHERE address = ?"
_LIST = "SELECT address, expression, learned_at FROM learned ORDER BY address"
_REMOVE = "DELETE FROM learned WHERE address = ?"
_COUNT = "SELECT count(*) FROM learned"
_PURGE = "DELETE FROM learned WHERE address IN (SELECT address FROM learned ORDER BY learned_at LIMIT ?)"


class LearnedCapabilities:
    """The database at `path`, made if it is not there. Calls raise `conneg.databases.DatabaseUnavailableError`."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _CREATE)

    async def learn(self, reported: Iterable[tuple[str, str]], reporter: str, now: float) -> list[str]:
        """Keep the capability (an expression) that was reported of each address; return the keys of those kept.

        The last report counts. What is not a capability is left out.
        """
        rows = []
        for address, expression in reported:
            try:
                read_capability(expression, Provenance.LEARNED, reporter)
            except ConnegError:
                continue
            rows.append((address_key(address), expression.strip(), reporter, now))

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_SET, rows)
            too_many = connection.execute(_COUNT).fetchone()[0] - MAX_LEARNED.value
            if too_many > 0:
                connection.execute(_PURGE, (too_many,))

        if rows:
            await self._file.run(write)
        return [row[0] for row in rows]

    async def remove(self, address: str) -> bool:
        """Forget what was learned of `address`; False if that was nothing."""
        key = address_key(address)
        return await self._file.run(lambda connection: connection.execute(_REMOVE, (key,)).rowcount > 0)

    async def list(self) -> tuple[StoredEntry, ...]:
        """Return all that was learned, by address."""

        def read(connection: sqlite3.Connection) -> tuple[StoredEntry, ...]:
            rows = connection.execute(_LIST)
            return tuple(StoredEntry(Entry(EntryKind.ADDRESS, row[0], row[1]), row[2]) for row in rows)

        return await self._file.run(read)

    async def find(self, keys: Sequence[str]) -> dict[str, tuple[str, str, float]]:
        """Return for each address that something was learned of: the expression, who reported it, when."""

        def read(connection: sqlite3.Connection) -> dict[str, tuple[str, str, float]]:
            rows = ((key, connection.execute(_FIND, (key,)).fetchone()) for key in keys)
            return {key: row for key, row in rows if row is not None}

        return await self._file.run(read)

    async def close(self) -> None:
        """Close the database; it is opened again when it is needed."""
        await self._file.close()


class LearnedDirectory:
    """Answers from what was learned at least `from_seconds` and less than `until_seconds` ago."""

    def __init__(
        self,
        learned: LearnedCapabilities,
        *,
        until_seconds: float,
        from_seconds: float = 0.0,
        label: str = "learned",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._learned = learned
        self._from = from_seconds
        self._until = until_seconds
        self._label = label
        self._clock = clock

    @property
    def name(self) -> str:
        """What an operator calls it."""
        return self._label

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return an answer for each of `recipients`; see `conneg.directory.model.Directory`."""
        keys = {recipient: address_key(recipient) for recipient in recipients}
        try:
            async with asyncio.timeout(deadline):
                found = await self._learned.find(list(keys.values()))
        except TimeoutError:
            return unavailable(recipients, f"{self.name}: no answer within {deadline:.3g} s")
        except ConnegError as error:
            return unavailable(recipients, f"{self.name}: {error}")
        now = self._clock()
        return {recipient: self._answer(found.get(key), now) for recipient, key in keys.items()}

    async def close(self) -> None:
        """Close the database."""
        await self._learned.close()

    def _answer(self, found: tuple[str, str, float] | None, now: float) -> Answer:
        if found is None or not self._from <= now - found[2] < self._until:
            return Unknown()
        expression, reporter, learned_at = found
        day = datetime.fromtimestamp(learned_at, UTC)
        source = f"{self._label}: a report of {day:%Y-%m-%d} by way of {reporter}"
        try:
            return Known(read_capability(expression, Provenance.LEARNED, source, obtained_at=learned_at))
        except ConnegError as error:
            return Faulty(f"{source}: {error}")
