"""Databases: those that SQLAlchemy reaches, by their address and with time limits, and SQLite files of our own."""

import asyncio
import contextlib
import importlib.util
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from conneg.errors import ConnegError, UnavailableError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

T = TypeVar("T")

CONNECTIONS = 4
"""How many connections one user of a database holds at most."""


class DatabaseAddressError(ConnegError):
    """An address that is not one of a database, or of a kind of database that SQLAlchemy does not know."""


class DatabaseUnavailableError(UnavailableError):
    """A database that cannot be used now; the message says which and why."""


class SqliteFile:
    """The SQLite database at `path`, made with `schema` if it is not there; opened when it is first used."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` does in a thread, in one transaction. Raises `DatabaseUnavailableError`."""

        def guarded() -> T:
            with self._lock:
                try:
                    if self._connection is None:
                        self._connection = self._open()
                    with self._connection:
                        return work(self._connection)
                except (sqlite3.Error, OSError) as error:
                    raise DatabaseUnavailableError(f"{self._path}: {error}") from error

        return await asyncio.to_thread(guarded)

    async def close(self) -> None:
        """Close it; it is opened again when it is needed."""

        def close() -> None:
            with self._lock:
                connection, self._connection = self._connection, None
                if connection is not None:
                    connection.close()

        await asyncio.to_thread(close)

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, check_same_thread=False)
        try:
            write_ahead(connection)
            connection.execute(self._schema)
        except BaseException:
            connection.close()
            raise
        return connection


LOCK_SECONDS = 5.0
"""How long a database is waited for that another connection has for itself; sqlite3's own default."""

_LOCK_PAUSE_SECONDS = 0.02


def write_ahead(connection: sqlite3.Connection, seconds: float = LOCK_SECONDS) -> None:
    """Let a database write its log ahead (WAL), so that it can be read and written at the same time.

    Who changes that must have the database alone. Of two who want it at once SQLite refuses one without any waiting,
    so it is tried again until it succeeds or so many seconds have passed. Raises `sqlite3.Error`.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_locked = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not is_locked or time.monotonic() >= end:
                raise
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return


def open_engine(url: str, *, purpose: str, seconds: float) -> "Engine":
    """Return what connects to the database at `url` (SQLAlchemy's form), by at most `CONNECTIONS` connections.

    `seconds` is what the driver waits for a connection, and where it can for an answer, unless `url` says otherwise.
    Raises `UnavailableError` if SQLAlchemy or the driver is not installed, and `DatabaseAddressError`; both begin with
    `purpose`.
    """
    if importlib.util.find_spec("sqlalchemy") is None:
        raise UnavailableError(f"{purpose} in a database needs SQLAlchemy", hint="pip install conneg[sql]")
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        address = make_url(url)
        return create_engine(
            address,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args=_time_limits(address, seconds),
        )
    except NoSuchModuleError as error:
        raise DatabaseAddressError(
            f"{purpose}: {error}", hint="write postgresql+psycopg://…, mysql+pymysql://…, sqlite:///…"
        ) from error
    except ArgumentError as error:
        raise DatabaseAddressError(
            f"{purpose}: not the address of a database", hint="sqlite:////path, …"
        ) from error
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"{purpose}: the driver of that database is not installed: {error.name}",
            hint=f"pip install {error.name}",
        ) from error


async def in_thread(work: Callable[[], T]) -> T:
    """Return what `work` returns in a thread of its own, which nobody waits for when the caller gives up.

    Nor does the end of the program: a driver may wait for an answer for hours.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(how: Callable[[Any], None], outcome: Any) -> None:
        if not result.done():
            how(outcome)

    def run() -> None:
        outcome: tuple[Callable[[Any], None], Any]
        try:
            outcome = (result.set_result, work())
        except BaseException as error:
            outcome = (result.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name="conneg-database", daemon=True).start()
    return await result


def one_line(error: Exception) -> str:
    """Return what a driver says went wrong, without what SQLAlchemy adds."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def is_protected(engine: "Engine") -> bool:
    """Whether the database is on this machine, or proves by a certificate who it is."""
    url = engine.url
    host = str(url.host or url.query.get("host") or "")
    if host in ("", "localhost", "127.0.0.1", "::1") or host.startswith("/"):
        return True
    return url.query.get("sslmode") == "verify-full" or "ssl_ca" in url.query


def _time_limits(url: "URL", seconds: float) -> dict[str, Any]:
    """Return how the driver's limits are called: without them a host that has vanished holds a thread for hours."""
    whole = max(1, math.ceil(seconds))
    limits: dict[str, Any] = {}
    match url.get_driver_name():
        case "psycopg":
            limits = {
                "connect_timeout": whole,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
            }
        case "pymysql":
            limits = {"connect_timeout": whole, "read_timeout": whole, "write_timeout": whole}
        case "pysqlite":
            limits = {"timeout": seconds}
        case _:
            pass
    return {name: value for name, value in limits.items() if name not in url.query}
