"""A directory in a TOML file, for an operator's editor: text in, answers out; read again whenever the file changes.

The file is read and checked in a thread, so a big one does not hold up the event loop. A new version that has anything
wrong with it changes nothing: the version before stays in force, and `problem` (and the callback) says what is wrong
and where. With no good version at all the directory cannot answer, which is a temporary failure.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conneg.directory.model import Answer, DirectoryError, Faulty, Known, Unavailable, Unknown
from conneg.directory.table import MAX_FILE_OCTETS, DirectoryTable, Entry, read_table
from conneg.errors import ConnegError
from conneg.features.memo import Memo
from conneg.negotiation import Provenance, read_capability

_Version = tuple[int, int, int]
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _InForce:
    """A version of the file that was found good."""

    version: _Version
    modified_at: float
    table: DirectoryTable
    known: Memo[Entry, Answer] = field(default_factory=lambda: Memo(_REMEMBERED), compare=False)
    """What was answered lately, by the entry that it came from."""
    told: Memo[str, Answer] = field(default_factory=lambda: Memo(_REMEMBERED), compare=False)
    """What was answered lately, by the recipient who was asked for."""


class FileDirectory:
    """Answers from the TOML file at `path`; `conneg.directory.table.read_table` says what may stand in it.

    The file is looked at again on the first lookup after `recheck_seconds`. A lookup waits for the new version, but no
    longer than `patience_seconds`; then the version in force answers while the new one is still being read.
    `on_problem` is called, in the event loop, with one line of text each time a new version turns out to be broken.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        on_problem: Callable[[str], None] | None = None,
        recheck_seconds: float = 1.0,
        patience_seconds: float = 0.5,
    ) -> None:
        self.path = Path(path)
        self.problem: str | None = None
        """What is wrong with the newest version of the file, in one line; None while it is in force."""
        self._on_problem = on_problem
        self._recheck_seconds = recheck_seconds
        self._patience_seconds = patience_seconds
        self._in_force: _InForce | None = None
        self._refused: _Version | None = None
        self._looked_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """What an operator calls this source."""
        return f"directory file {self.path}"

    def load(self) -> DirectoryTable:
        """Read the file now and put it in force; for start-up and for commands, not for an event loop.

        Raises `DirectoryError` naming file, line, entry and fault; the version before then stays in force.
        """
        self._take(self._read(self.path, None, None))
        if self.problem is not None or self._in_force is None:
            raise DirectoryError(self.problem or f"{self.path}: nothing was read")
        return self._in_force.table

    async def reload(self) -> None:
        """Look at the file now, whatever its age; afterwards `problem` tells whether the newest version is in force."""
        self._looked_at = float("-inf")
        await self._refresh(None)

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return an answer for each of `recipients`; see `conneg.directory.model.Directory`."""
        await self._refresh(deadline if self._in_force is None else min(deadline, self._patience_seconds))
        current = self._in_force
        if current is None:
            reason = self.problem or f"{self.path} is still being read"
            return dict.fromkeys(recipients, Unavailable(reason))
        return {recipient: self._answer(current, recipient) for recipient in recipients}

    def lookup_now(self, recipients: Sequence[str]) -> Mapping[str, Answer] | None:
        """Return the answers if the file need not be looked at now, else None; see `conneg.directory.model.AtOnce`."""
        current, task = self._in_force, self._refreshing
        is_being_read = task is not None and not task.done()
        if current is None or is_being_read or self._is_due(asyncio.get_running_loop().time()):
            return None
        return {recipient: self._answer(current, recipient) for recipient in recipients}

    def _is_due(self, now: float) -> bool:
        return now - self._looked_at >= self._recheck_seconds

    def _answer(self, current: _InForce, recipient: str) -> Answer:
        return current.told.get(recipient) or current.told.keep(recipient, self._find(current, recipient))

    def _find(self, current: _InForce, recipient: str) -> Answer:
        entry = current.table.find(recipient)
        if entry is None:
            return Unknown()
        return current.known.get(entry) or current.known.keep(entry, self._read_entry(current, entry))

    def _read_entry(self, current: _InForce, entry: Entry) -> Answer:
        source = f'{self.path.name}: {entry.kind} "{entry.name}"'
        try:
            return Known(
                read_capability(
                    entry.expression,
                    Provenance.DIRECTORY,
                    source,
                    obtained_at=current.modified_at,
                    authenticated=True,
                )
            )
        except ConnegError as error:
            return Faulty(f"{source}: {error}")

    async def _refresh(self, seconds: float | None) -> None:
        """See to it that a changed file is read, once for all who wait for it; wait at most `seconds` for that."""
        loop = asyncio.get_running_loop()
        task = self._refreshing
        if task is None or task.done() or task.get_loop() is not loop:
            if not self._is_due(loop.time()):
                return
            task = self._refreshing = loop.create_task(self._look())
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(task)
        except TimeoutError:
            return

    async def _look(self) -> None:
        found = await asyncio.to_thread(self._read, self.path, self._in_force, self._refused)
        self._looked_at = asyncio.get_running_loop().time()
        self._take(found)

    def _take(self, found: "_InForce | _Refused | None") -> None:
        """Put a new version in force, or keep the old one and report."""
        match found:
            case _InForce():
                self._in_force, self._refused, self.problem = found, None, None
            case _Refused(version=version, problem=problem):
                is_news = problem != self.problem
                self._refused, self.problem = version, problem
                if is_news and self._on_problem is not None:
                    self._on_problem(problem)
            case None:
                pass

    @staticmethod
    def _read(
        path: Path, in_force: _InForce | None, refused: _Version | None
    ) -> "_InForce | _Refused | None":
        """Read the file unless its version is one we know; None: it is still the one that was refused.

        Runs in a thread and touches nothing of the directory.
        """
        version: _Version | None = None
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                version = (status.st_mtime_ns, status.st_size, status.st_ino)
                if in_force is not None and version == in_force.version:
                    return in_force
                if version == refused:
                    return None
                MAX_FILE_OCTETS.check(status.st_size, str(path))
                content = file.read(MAX_FILE_OCTETS.value + 1)
            MAX_FILE_OCTETS.check(len(content), str(path))
            return _InForce(version, status.st_mtime, read_table(content, name=str(path)))
        except OSError as error:
            return _Refused(version, f"{path}: cannot be read: {error.strerror or error}")
        except ConnegError as error:
            return _Refused(version, str(error))


@dataclass(frozen=True, slots=True)
class _Refused:
    """A version of the file that cannot be used; `version` is None when the file could not even be opened."""

    version: _Version | None
    problem: str
