"""A directory in a SQLite database, for a program or `conneg directory set` to write while the gateway reads.

Every statement runs in one thread of this directory's own, so the event loop never waits for the disk, and a lookup's
deadline is also the longest that SQLite waits for a lock. A database that is missing, locked or damaged cannot answer:
that is `Unavailable`, never "unknown".
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from conneg.databases import write_ahead
from conneg.directory.model import Answer, DirectoryError, Faulty, Known, Unavailable, Unknown
from conneg.directory.names import EntryKind, Patterns, address_key, domain_of, kind_of, name_key
from conneg.directory.table import Entry
from conneg.errors import ConnegError, ExitCode
from conneg.negotiation import Provenance, read_capability

T = TypeVar("T")

SCHEMA_VERSION = 1
"""`PRAGMA user_version` of a database that this module reads and writes."""

WRITE_SECONDS = 10.0
"""How long reading and writing commands wait for a lock that another process holds."""

_CREATE = """
    CREATE TABLE IF NOT EXISTS entry (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        expression TEXT NOT NULL,
        updated_at REAL NOT NULL,
        PRIMARY KEY (kind, name)
    ) WITHOUT ROWID
"""
_SET = "INSERT OR REPLACE INTO entry (kind, name, expression, updated_at) VALUES (?, ?, ?, ?)"
_REMOVE = "DELETE FROM entry WHERE kind = ? AND name = ?"
_FIND = "SELECT expression, updated_at FROM entry WHERE kind = ? AND name = ?"
_LIST = "SELECT kind, name, expression, updated_at FROM entry ORDER BY kind, name"
_PATTERNS = "SELECT name FROM entry WHERE kind = 'pattern'"


class DirectoryUnavailableError(DirectoryError):
    """The database cannot be used now; the message says which and why."""

    exit_code = ExitCode.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry and when it was written (Unix time)."""

    entry: Entry
    updated_at: float


class SqliteDirectory:
    """Answers from the database at `path`.

    Writing creates the database. Looking up creates it only with `create=True`, and then only the first time: one that
    vanishes later is missing.
    """

    def __init__(self, path: Path | str, *, create: bool = False) -> None:
        self.path = Path(path)
        self._create = create
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="conneg-directory")
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._patterns: tuple[int, Patterns] | None = None

    @property
    def name(self) -> str:
        """What an operator calls this source."""
        return f"directory database {self.path}"

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return an answer for each of `recipients`; see `conneg.directory.model.Directory`."""
        end = time.monotonic() + deadline

        def find_all() -> dict[str, Answer]:
            connection = self._ready(max(0.0, end - time.monotonic()), create=self._create)
            self._create = False
            return {recipient: self._answer(connection, recipient) for recipient in recipients}

        try:
            async with asyncio.timeout(deadline):
                return await self._run(find_all)
        except TimeoutError:
            reason = f"{self.name}: no answer within {deadline:.3g} s"
        except ConnegError as error:
            reason = str(error)
        return dict.fromkeys(recipients, Unavailable(reason))

    async def get(self, name: str) -> StoredEntry | None:
        """Return the entry for exactly this address, pattern or domain. Raises `DirectoryError`."""
        kind, key = _key(name)

        def find() -> StoredEntry | None:
            row = self._ready(WRITE_SECONDS).execute(_FIND, (kind, key)).fetchone()
            return None if row is None else StoredEntry(Entry(kind, key, row[0]), row[1])

        return await self._run(find)

    async def set(self, name: str, expression: str) -> Entry:
        """Say what the recipients that `name` stands for can take: an expression or the name of a built-in profile.

        Raises `DirectoryError` or the expression's own error when either is wrong; nothing is stored then.
        """
        entry = checked_entry(name, expression)
        await self.import_entries((entry,))
        return entry

    async def remove(self, name: str) -> bool:
        """Forget the entry for exactly this name; False when there was none. Raises `DirectoryError`."""
        kind, key = _key(name)

        def delete() -> bool:
            with self._ready(WRITE_SECONDS) as connection:
                found = connection.execute(_REMOVE, (kind, key)).rowcount > 0
            self._patterns = None
            return found

        return await self._run(delete)

    async def list(self) -> tuple[StoredEntry, ...]:
        """Return every entry: addresses, domains, patterns, each by name. Raises `DirectoryError`."""

        def read() -> tuple[StoredEntry, ...]:
            rows = self._ready(WRITE_SECONDS).execute(_LIST)
            return tuple(
                StoredEntry(Entry(EntryKind(kind), name, text), updated_at)
                for kind, name, text, updated_at in rows
            )

        return await self._run(read)

    async def import_entries(self, entries: Iterable[Entry]) -> int:
        """Store checked entries, all or none, and return how many; those of the same name are replaced.

        The entries of a TOML file come from `conneg.directory.read_table`. Raises `DirectoryError`.
        """
        rows = [(entry.kind, entry.name, entry.expression, time.time()) for entry in entries]

        def write() -> int:
            with self._ready(WRITE_SECONDS, create=True) as connection:
                connection.executemany(_SET, rows)
            self._patterns = None
            return len(rows)

        return await self._run(write)

    async def close(self) -> None:
        """Close the database; the directory opens it again when it is asked again."""

        def close() -> None:
            self._close()

        await self._run(close)
        self._thread.shutdown(wait=False)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="conneg-directory")

    async def _run(self, work: Callable[[], T]) -> T:
        """Run `work` in this directory's thread; what SQLite raises there comes back as `DirectoryUnavailableError`."""

        def guarded() -> T:
            try:
                return work()
            except (sqlite3.Error, OSError) as error:
                self._close()
                raise DirectoryUnavailableError(f"{self.name}: {error}") from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)

    def _answer(self, connection: sqlite3.Connection, recipient: str) -> Answer:
        key = address_key(recipient)
        pattern = self._current_patterns(connection).find(key)
        candidates = (
            (EntryKind.ADDRESS, key),
            (EntryKind.PATTERN, pattern),
            (EntryKind.DOMAIN, domain_of(key)),
        )
        for kind, name in candidates:
            row = connection.execute(_FIND, (kind, name)).fetchone() if name else None
            if row is None:
                continue
            source = f'{self.path.name}: {kind} "{name}"'
            try:
                return Known(
                    read_capability(
                        row[0], Provenance.DIRECTORY, source, obtained_at=row[1], authenticated=True
                    )
                )
            except ConnegError as error:
                return Faulty(f"{source}: {error}")
        return Unknown()

    def _current_patterns(self, connection: sqlite3.Connection) -> Patterns:
        """Return the patterns; they are read again only when somebody has written to the database."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if self._patterns is None or self._patterns[0] != version:
            self._patterns = (version, Patterns(row[0] for row in connection.execute(_PATTERNS)))
        return self._patterns[1]

    def _ready(self, lock_seconds: float, *, create: bool = False) -> sqlite3.Connection:
        """Return the connection, open on the file that is now at `path`, waiting for locks at most so long."""
        try:
            status = self.path.stat()
            found: tuple[int, int] | None = (status.st_dev, status.st_ino)
        except FileNotFoundError:
            found = None
        if self._connection is None or found is None or found != self._opened:
            self._close()
            if found is None and not create:
                raise DirectoryUnavailableError(
                    f"{self.name}: there is no such file", hint="`conneg directory set` creates it"
                )
            self._connection = self._open(lock_seconds)
            status = self.path.stat()
            self._opened = (status.st_dev, status.st_ino)
        self._connection.execute(f"PRAGMA busy_timeout = {int(lock_seconds * 1000)}")
        return self._connection

    def _open(self, lock_seconds: float) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=lock_seconds, check_same_thread=False)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version == 0 and tables == 0:
                write_ahead(connection, lock_seconds)
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute(_CREATE)
                    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise DirectoryUnavailableError(f"{self.name}: not a directory of this version of conneg")
        except BaseException:
            connection.close()
            raise
        return connection

    def _close(self) -> None:
        connection, self._connection, self._patterns = self._connection, None, None
        if connection is not None:
            connection.close()


def checked_entry(name: str, expression: str) -> Entry:
    """Return the entry for `name` (address, pattern or domain) after checking it and its expression.

    Raises `DirectoryError` for the name and the error of `read_capability` for the expression.
    """
    kind, key = _key(name)
    read_capability(expression, Provenance.DIRECTORY, name)
    return Entry(kind, key, expression.strip())


def _key(name: str) -> tuple[EntryKind, str]:
    kind = kind_of(name)
    return kind, name_key(kind, name)
