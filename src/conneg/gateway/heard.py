"""What next hops said of recipients in authenticated sessions, kept for the day when one is not (draft, 8)."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from conneg.bounds import Bound
from conneg.databases import write_ahead
from conneg.errors import ConnegError
from conneg.negotiation import Capability, Provenance, read_capability

MAX_HEARD = Bound(
    name="gateway.heard",
    value=100_000,
    unit="recipients of whom something is kept",
    reason="each takes some hundred octets of the disk",
    answer="those of whom nothing was heard for the longest time are forgotten",
)
BELIEVED_DAYS = Bound(
    name="gateway.heard-days",
    value=90,
    unit="days",
    reason="devices are replaced; what is older says little of the one that is there now",
    answer="what was heard before is not held against what is said now",
)

_T = TypeVar("_T")

_CREATE = """
CREATE TABLE IF NOT EXISTS heard (
    recipient TEXT PRIMARY KEY, expression TEXT NOT NULL, source TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID
"""
_KEEP = "INSERT OR REPLACE INTO heard (recipient, expression, source, at) VALUES (?, ?, ?, ?)"
_FIND = "SELECT expression, source, at FROM heard WHERE recipient = ? AND at > ?"
_TRIM = """
DELETE FROM heard WHERE at <= :since OR recipient IN
    (SELECT recipient FROM heard ORDER BY at DESC LIMIT -1 OFFSET :most)
"""
_TRIM_EVERY = 1000


class Heard:
    """A table in a file of its own; losing it costs a comparison and no message, so a fault is reported and no more."""

    def __init__(
        self,
        path: Path,
        *,
        on_problem: Callable[[str], None],
        clock: Callable[[], float] = time.time,
        most: int = MAX_HEARD.value,
    ) -> None:
        self._path = path
        self._on_problem = on_problem
        self._clock = clock
        self._most = most
        self._kept = 0
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="conneg-heard")

    async def keep(self, capabilities: Mapping[str, Capability]) -> None:
        """Remember what was said of each forward-path, in place of what was said before."""
        rows = [
            (forward_path.lower(), one.expression, one.source, self._clock())
            for forward_path, one in capabilities.items()
        ]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_KEEP, rows)
            self._kept += len(rows)
            if self._kept >= _TRIM_EVERY:
                self._kept = 0
                connection.execute(_TRIM, {"since": self._since(), "most": self._most})
            connection.commit()

        await self._run(write)

    async def find(self, forward_paths: Sequence[str]) -> dict[str, Capability]:
        """Return what was heard of these forward-paths; who is not in it is not known, or no longer."""

        def read(connection: sqlite3.Connection) -> dict[str, tuple[str, str, float]]:
            found = {}
            for forward_path in forward_paths:
                row = connection.execute(_FIND, (forward_path.lower(), self._since())).fetchone()
                if row is not None:
                    found[forward_path] = row
            return found

        if self._connection is None and not self._path.exists():
            return {}
        capabilities: dict[str, Capability] = {}
        for forward_path, (expression, source, at) in (await self._run(read) or {}).items():
            try:
                capabilities[forward_path] = read_capability(
                    expression, Provenance.REPLY, source, obtained_at=at, authenticated=True
                )
            except ConnegError as error:
                self._on_problem(f"{self._path}: {forward_path}: {error}")
        return capabilities

    def close(self) -> None:
        """Let the file go; blocks until what was handed in is done."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    def _since(self) -> float:
        return self._clock() - BELIEVED_DAYS.value * 86400

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """Run `work` in the thread that has the connection; None where that fails."""

        def run() -> _T:
            if self._connection is None:
                connection = sqlite3.connect(self._path, check_same_thread=False)
                write_ahead(connection)
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute(_CREATE)
                self._connection = connection
            return work(self._connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except sqlite3.Error as error:
            self._on_problem(f"{self._path}: {error}")
            return None
