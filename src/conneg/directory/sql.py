"""A directory in any database that SQLAlchemy reaches: a table of our own, or a statement over one that exists.

One statement finds a whole batch of recipients; it runs in threads, so the event loop never waits. A database that
cannot be reached, or whose answer cannot be used, is `Unavailable`, never "unknown". Drivers cannot be told to give up:
a question that is late is left alone with its thread and its connection, and the next one gets new ones.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from conneg.bounds import Bound
from conneg.databases import in_thread, is_protected, one_line, open_engine
from conneg.directory.asking import unavailable
from conneg.directory.entries import Finding, answer_from, names_for
from conneg.directory.flights import MAX_BATCH
from conneg.directory.model import Answer, DirectoryError
from conneg.directory.names import Patterns, address_key, kind_of, name_key
from conneg.directory.sqlite import DirectoryUnavailableError, StoredEntry, checked_entry
from conneg.directory.table import Entry
from conneg.errors import ConnegError

if TYPE_CHECKING:
    from sqlalchemy import Connection, TextClause

T = TypeVar("T")

TABLE = "conneg_directory"
"""The table that `SqlDirectory` makes when something is first stored in it."""

DEFAULT_STATEMENT = f"SELECT name, capability, changed_at FROM {TABLE} WHERE name IN :names"  # noqa: S608
"""What is asked if nothing else is configured."""

MAX_ROWS = Bound(
    name="directory.rows",
    value=10_000,
    unit="rows in a database's answer to one question",
    reason="a question has at most 500 recipients; a statement without its condition would bring the whole table",
    answer="the source cannot say (404 to REQUIRED)",
)
MAX_HANGING = Bound(
    name="directory.hanging",
    value=16,
    unit="questions that a database has not answered, late ones among them",
    reason="each holds a thread and a connection until its driver gives up",
    answer="the source cannot say (404 to REQUIRED)",
)
WRITE_SECONDS = 10.0
"""How long commands that read or write entries wait for the database."""

_PATTERN_SECONDS = 5.0
_CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} "
    "(name VARCHAR(320) NOT NULL PRIMARY KEY, capability TEXT NOT NULL, changed_at DOUBLE PRECISION NOT NULL)"
)
_PATTERNS = f"SELECT name FROM {TABLE} WHERE name LIKE '%*%'"  # noqa: S608
_LIST = f"SELECT name, capability, changed_at FROM {TABLE} ORDER BY name"  # noqa: S608
_REMOVE = f"DELETE FROM {TABLE} WHERE name = :name"  # noqa: S608
_ADD = f"INSERT INTO {TABLE} (name, capability, changed_at) VALUES (:name, :capability, :changed_at)"  # noqa: S608


class SqlDirectory:
    """Answers from the database at `url` (SQLAlchemy's form, with the driver's name in it).

    `statement` gives the columns `name` and `capability`, and `changed_at` if there is one (Unix time or a timestamp),
    for the `:names` in it (addresses and domains, in small letters) or the `:addresses` (without domains). Several
    rows of one name mean that any of them will do; `capability` is an expression or a profile's name, and NULL is no
    entry. Patterns are known only to the table of our own.

    Raises `UnavailableError` for a driver that is not installed, `DatabaseAddressError` for a bad `url`, and
    `DirectoryError` for a bad `statement`.
    """

    def __init__(
        self,
        url: str,
        statement: str = DEFAULT_STATEMENT,
        *,
        seconds: float = 5.0,
        label: str | None = None,
    ) -> None:
        if ":names" not in statement and ":addresses" not in statement:
            raise DirectoryError(f"the statement has neither :names nor :addresses in it: {statement}")
        self._engine = open_engine(url, purpose="directory", seconds=seconds)
        self._statement = _expanding(statement)
        self._takes_domains = ":names" in statement
        self._is_own = statement == DEFAULT_STATEMENT
        self._label = label
        self._authenticated = is_protected(self._engine)
        self._in_hand: set[object] = set()
        self._patterns = Patterns(())
        self._patterns_until = float("-inf")

    @property
    def name(self) -> str:
        """What an operator calls it: its label, or the address without its password."""
        return self._label or f"directory database {self._engine.url.render_as_string(hide_password=True)}"

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return an answer for each of `recipients`; see `conneg.directory.model.Directory`."""
        try:
            async with asyncio.timeout(deadline):
                return await self._run(lambda connection: self._find_all(connection, recipients))
        except TimeoutError:
            reason = f"{self.name}: no answer within {deadline:.3g} s"
        except ConnegError as error:
            reason = str(error)
        return unavailable(recipients, reason)

    async def set(self, name: str, expression: str) -> Entry:
        """Say what the recipients that `name` stands for can take; as `SqliteDirectory.set`."""
        entry = checked_entry(name, expression)
        await self.import_entries((entry,))
        return entry

    async def remove(self, name: str) -> bool:
        """Forget the entry for exactly this name; False when there was none. Raises `DirectoryError`."""
        from sqlalchemy import text

        key = name_key(kind_of(name), name)
        return await self._change(
            lambda connection: connection.execute(text(_REMOVE), {"name": key}).rowcount > 0
        )

    async def list(self) -> tuple[StoredEntry, ...]:
        """Return every entry by name. Raises `DirectoryError`."""
        from sqlalchemy import text

        def read(connection: "Connection") -> tuple[StoredEntry, ...]:
            connection.execute(text(_CREATE))
            rows = connection.execute(text(_LIST))
            return tuple(StoredEntry(Entry(kind_of(row[0]), row[0], row[1]), row[2]) for row in rows)

        return await self._change(read)

    async def import_entries(self, entries: Iterable[Entry]) -> int:
        """Store checked entries, all or none, and return how many; those of the same name are replaced.

        Raises `DirectoryError`.
        """
        from sqlalchemy import text

        now = time.time()
        rows = [{"name": e.name, "capability": e.expression, "changed_at": now} for e in entries]

        def write(connection: "Connection") -> int:
            connection.execute(text(_CREATE))
            if rows:
                connection.execute(text(_REMOVE), rows)
                connection.execute(text(_ADD), rows)
            return len(rows)

        return await self._change(write)

    async def close(self) -> None:
        """Close the connections; one that hangs is left to its driver's time limit."""
        await in_thread(self._engine.dispose)

    async def _change(self, work: "Callable[[Connection], T]") -> T:
        """Run `work` in a transaction on the table of our own. Raises `DirectoryError` if the statement is another."""
        if not self._is_own:
            raise DirectoryError(f"{self.name} has a statement of its own", hint="change the table itself")
        self._patterns_until = float("-inf")
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                return await self._run(work)
        except TimeoutError:
            raise DirectoryUnavailableError(f"{self.name}: no answer within {WRITE_SECONDS:g} s") from None

    async def _run(self, work: "Callable[[Connection], T]") -> T:
        """Run `work` in a thread, in a transaction; what the database raises is `DirectoryUnavailableError`."""

        def guarded() -> T:
            from sqlalchemy.exc import SQLAlchemyError

            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                raise DirectoryUnavailableError(f"{self.name}: {one_line(error)}") from error
            finally:
                self._in_hand.discard(guarded)

        if len(self._in_hand) >= MAX_HANGING.value:
            raise DirectoryUnavailableError(f"{self.name}: {MAX_HANGING.exceeded()}")
        self._in_hand.add(guarded)
        try:
            return await in_thread(guarded)
        except asyncio.CancelledError:
            self._engine.dispose(close=False)  # the connection may hang: others are opened
            raise

    def _find_all(self, connection: "Connection", recipients: Sequence[str]) -> dict[str, Answer]:
        pattern_for = self._current_patterns(connection).find if self._is_own else lambda key: None
        keys = [address_key(recipient) for recipient in recipients]
        names = names_for(recipients) if self._takes_domains else list(dict.fromkeys(keys))
        names += {pattern for pattern in map(pattern_for, keys) if pattern is not None}
        found: dict[str, Finding] = {}
        for start in range(0, len(names), MAX_BATCH.value):
            self._find(connection, names[start : start + MAX_BATCH.value], found)
        now = time.time()
        return {
            recipient: answer_from(
                found,
                recipient,
                source=self.name,
                authenticated=self._authenticated,
                asked_at=now,
                pattern_for=pattern_for,
            )
            for recipient in recipients
        }

    def _find(self, connection: "Connection", names: Sequence[str], found: dict[str, Finding]) -> None:
        """Add what stands under `names` to `found`."""
        rows = connection.execute(self._statement, {"names": names, "addresses": names}).mappings()
        for count, row in enumerate(rows, start=1):
            MAX_ROWS.check(count, self.name)
            try:
                name, capability = row["name"], row["capability"]
            except KeyError as error:
                raise DirectoryUnavailableError(
                    f"{self.name}: the statement gives no column {error}"
                ) from error
            if capability is None or not str(capability).strip():
                continue
            finding = Finding((str(capability).strip(),), _unix_time(row.get("changed_at")))
            key = address_key(str(name))
            found[key] = found[key].with_another(finding) if key in found else finding

    def _current_patterns(self, connection: "Connection") -> Patterns:
        """Return the patterns, read anew every few seconds."""
        from sqlalchemy import text

        if time.monotonic() >= self._patterns_until:
            self._patterns = Patterns(row[0] for row in connection.execute(text(_PATTERNS)))
            self._patterns_until = time.monotonic() + _PATTERN_SECONDS
        return self._patterns


def _expanding(statement: str) -> "TextClause":
    """Return the statement with the lists in it as lists of any length."""
    from sqlalchemy import bindparam, text

    lists = [name for name in ("names", "addresses") if f":{name}" in statement]
    return text(statement).bindparams(*(bindparam(name, expanding=True) for name in lists))


def _unix_time(value: Any) -> float | None:
    """Return a moment as the database gives it in Unix time: a number, a timestamp, or one as text.

    One without a time zone is taken to be UTC, and what is none of these to be no moment.
    """
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
