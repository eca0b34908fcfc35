"""The embedded spool: an SQLite database in WAL mode, synced at every commit, and files for large contents.

The folder holds `queue.sqlite3`, `accepted.log` (messages on their way into it: `conneg.spool.accept_log`),
`blobs/` (contents above `blob_threshold`, one file each), `incoming/` (files not yet committed) and `lock`. A file is
durable before the row that names it, and goes after the row has gone; what a crash leaves between is swept away at
the next start.

One process serves a spool (`open_spool`); receivers of its own may accept beside it (`join_spool`), others may look at
it and act on it (`read_spool`). The serving process needs no message to notice: `claim` reads the database each time,
and `changed` is one cheap question.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from conneg.errors import UnavailableError, UsageError
from conneg.mail import Envelope
from conneg.spool import database, queries
from conneg.spool.acceptor import BLOB_THRESHOLD, SqliteAcceptor
from conneg.spool.errors import SpoolError, UnknownMessageError, as_spool_error
from conneg.spool.group import finish
from conneg.spool.ids import Share, Ticks, read_id, read_prefix, write_id
from conneg.spool.incoming import SqliteIncoming
from conneg.spool.lock import SpoolLock
from conneg.spool.model import (
    Event,
    Outcome,
    RecipientState,
    Record,
    RecordRow,
    SpooledMessage,
)
from conneg.spool.operations import Operation, Row, Settle
from conneg.spool.rows import outcome_row, read_message, storable
from conneg.spool.writer import Writer

T = TypeVar("T")


def open_spool(
    path: Path,
    *,
    receivers: int = 0,
    blob_threshold: int = BLOB_THRESHOLD,
    clock: Callable[[], float] = time.time,
) -> "SqliteSpool":
    """Open the spool in the folder `path`, made if it is not there, to serve it: this process alone may.

    So many `receivers` may accept into it beside this process, each by `conneg.spool.join_spool`. Claims of an
    earlier process are void. Raises `SpoolLockedError` when another process serves it, `SpoolError`.
    """
    try:
        for folder in (path, path / "blobs", path / "incoming"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = SpoolLock.take(path / "lock")
    except OSError as error:
        raise as_spool_error(error, f"the spool {path} cannot be opened", path) from error
    try:
        database.prepare(path)
        share = Share(0, receivers + 1)
        return SqliteSpool(path, blob_threshold=blob_threshold, clock=clock, share=share, lock=lock)
    except (sqlite3.Error, OSError) as error:
        lock.release()
        raise as_spool_error(error, f"the spool {path} cannot be opened", path) from error
    except BaseException:
        lock.release()
        raise


def read_spool(path: Path, *, clock: Callable[[], float] = time.time) -> "SqliteSpool":
    """Open a spool that is there, beside the process that serves it: to look, hold, release, retry, remove,
    purge.

    Raises `conneg.errors.UnavailableError` when there is no spool.
    """
    if not (path / "queue.sqlite3").is_file():
        raise UnavailableError(
            f"there is no spool in {path}", hint="name the folder that `conneg serve` uses"
        )
    try:
        return SqliteSpool(path, blob_threshold=BLOB_THRESHOLD, clock=clock, share=Share(), lock=None)
    except sqlite3.Error as error:
        raise as_spool_error(error, f"the spool {path} cannot be opened", path) from error


class SqliteSpool:
    """The `conneg.spool.Spool` in one folder; made by `open_spool` and `read_spool`."""

    def __init__(
        self,
        path: Path,
        *,
        blob_threshold: int,
        clock: Callable[[], float],
        share: Share,
        lock: SpoolLock | None,
    ) -> None:
        self._path = path
        self._threshold = blob_threshold
        self._serves = lock is not None
        self._lock = lock
        self._claims: dict[int, set[int]] = {}
        self._reading, writing = database.connect(path), database.connect(path)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="conneg-spool-reader")
        self._files = {number for (number,) in self._reading.execute(queries.FILES)}
        (self._data_version,) = writing.execute(queries.DATA_VERSION).fetchone()
        log = database.open_log(writing, path, share.place) if self._serves else None
        self._writer = Writer(writing, path, log)
        self._ticks = Ticks(clock, database.last_id(self._reading), share)
        self._acceptor = SqliteAcceptor(
            path, self._writer, self._ticks, threshold=blob_threshold, clock=clock, lock=lock
        )
        self._writer.start()

    @property
    def lock(self) -> int:
        """The descriptor of the lock, for a receiver to inherit. Raises `UsageError` if this process does not serve."""
        self._must_serve()
        assert self._lock is not None, "the spool is closed"
        return self._lock.fileno()

    def incoming(self) -> SqliteIncoming:
        """Begin to take a message in."""
        self._must_serve()
        return self._acceptor.incoming(self._store)

    async def _store(
        self,
        number: int,
        envelope: Envelope,
        octets: int,
        content: bytes | None,
        claim: bool,
        note: str | None,
    ) -> SpooledMessage:
        if claim:
            self._claims[number] = set(range(1, len(envelope.recipients) + 1))
        if content is None:
            self._files.add(number)
        try:
            return await self._acceptor.store(number, envelope, octets, content, claim, note)
        except SpoolError:
            self._claims.pop(number, None)
            self._files.discard(number)
            raise
        except asyncio.CancelledError:  # nobody has the claim
            if self._claims.pop(number, None):
                self._writer.submit(database.release(number)).add_done_callback(_forget_error)
            raise

    async def claim(self, now: float, limit: int) -> list[SpooledMessage]:
        """Claim messages with due recipients; see `conneg.spool.Spool.claim`."""
        self._must_serve()
        if limit < 1:
            return []
        future = self._writer.submit(lambda connection: database.claim(connection, now, limit))
        try:
            messages, claimed = await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(self._give_back)
            raise
        return [self._take(message, claimed[message[0]]) for message in messages]

    def _take(self, message: Row, claimed: set[int]) -> SpooledMessage:
        number, _, octets, *_ = message
        self._claims.setdefault(number, set()).update(claimed)
        if octets > self._threshold:  # it may be a receiver that has written the file
            self._files.add(number)
        return read_message(message, claimed)

    def _give_back(self, future: "asyncio.Future[tuple[list[Row], dict[int, set[int]]]]") -> None:
        if not future.cancelled() and future.exception() is None:
            for number in future.result()[1]:
                if number not in self._claims:
                    self._writer.submit(database.release(number)).add_done_callback(_forget_error)

    async def content(self, message_id: str) -> bytes:
        """Return the content; see `conneg.spool.Spool.content`."""
        number = _number(message_id)
        row = await self._read(
            lambda connection: connection.execute(queries.CONTENT, {"id": number}).fetchone()
        )
        if row is None:
            raise UnknownMessageError(f"the spool has no content of message {message_id}")
        if row[0] is not None:
            return bytes(row[0])
        try:
            return await asyncio.to_thread(self._blob(number).read_bytes)
        except FileNotFoundError as error:
            raise UnknownMessageError(f"the spool has no content of message {message_id}") from error
        except OSError as error:
            raise as_spool_error(error, f"the content of message {message_id} cannot be read") from error

    async def settle(
        self, message_id: str, outcomes: Sequence[Outcome], *, records: Sequence[Record] = ()
    ) -> None:
        """Write down what an attempt came to; see `conneg.spool.Spool.settle`."""
        number = _number(message_id)
        operation = Settle(
            message=number,
            outcomes=[outcome_row(number, outcome) for outcome in outcomes],
            records=[
                [number, self._ticks.next(), record.kind, record.recipient_id, storable(record.text)]
                for record in records
            ],
            now=self._acceptor.now(),
        )
        await self._write(operation)
        if number in self._files:
            await self._drop_file_if_finished(number)
        claims = self._claims.get(number)
        if claims is not None:
            claims.difference_update(outcome.recipient_id for outcome in outcomes)
            if not claims:
                del self._claims[number]

    async def release(self, message_id: str) -> None:
        """End the claims of a message; costs nothing when all its recipients are settled."""
        number = _number(message_id)
        if self._claims.get(number):
            await self._write(database.release(number))
            self._claims.pop(number, None)

    async def next_due(self) -> float | None:
        """Return when the next unclaimed recipient is due (UNIX seconds)."""
        (due,) = await self._read(lambda connection: connection.execute(queries.NEXT_DUE).fetchone())
        return None if due is None else float(due)

    async def changed(self) -> bool:
        """Say whether another process has changed the spool since this was last asked (`PRAGMA
        data_version`).
        """
        (version,) = await self._write(lambda connection: connection.execute(queries.DATA_VERSION).fetchone())
        before, self._data_version = self._data_version, version
        return bool(before != version)

    async def list(self, *, limit: int = 100, state: RecipientState | None = None) -> list[SpooledMessage]:
        """Return messages, oldest first; see `conneg.spool.Spool.list`."""
        query = queries.UNFINISHED if state is None else queries.IN_STATE
        values = {"limit": limit, "state": state}

        def read(connection: sqlite3.Connection) -> "list[SpooledMessage]":
            ids = database.read_ids(connection, query, values)
            return [read_message(row) for row in database.read_messages(connection, ids)]

        return await self._read(read)

    async def find(self, prefix: str, limit: int = 10) -> Sequence[str]:
        """Return the ids that begin with `prefix`, oldest first."""
        split = read_prefix(prefix)
        if split is None:
            return []
        values = {"rest": split[0], "modulus": split[1], "limit": limit}
        rows = await self._read(lambda connection: connection.execute(queries.WITH_PREFIX, values).fetchall())
        return [write_id(number) for (number,) in rows]

    async def show(self, message_id: str) -> SpooledMessage:
        """Return one message with all its recipients. Raises `UnknownMessageError`."""
        number = _number(message_id)
        rows = await self._read(lambda connection: database.read_messages(connection, [number]))
        if not rows:
            raise _unknown(message_id)
        return read_message(rows[0])

    async def records(self, message_id: str) -> Sequence[RecordRow]:
        """Return what was recorded of a message, in order."""
        number = _number(message_id)
        rows = await self._read(
            lambda connection: connection.execute(queries.RECORDS, {"id": number}).fetchall()
        )
        return [RecordRow(at / 1_000_000, kind, text, recipient) for at, kind, text, recipient in rows]

    async def hold(self, message_id: str) -> int:
        """Keep the waiting recipients until released."""
        return await self._move(message_id, Event.HOLD, due=None)

    async def release_held(self, message_id: str) -> int:
        """Make the held recipients due."""
        return await self._move(message_id, Event.RELEASE, due=self._acceptor.now())

    async def retry(self, message_id: str) -> int:
        """Make the waiting recipients due now."""
        return await self._move(message_id, Event.RETRY, due=self._acceptor.now())

    async def remove(self, message_id: str) -> int:
        """Take the unfinished recipients out."""
        return await self._move(message_id, Event.REMOVE, due=None)

    async def _move(self, message_id: str, event: Event, due: float | None) -> int:
        number, now = _number(message_id), self._acceptor.now()

        def move(connection: sqlite3.Connection) -> int:
            if connection.execute(queries.HAS_MESSAGE, {"id": number}).fetchone() == (0,):
                raise _unknown(message_id)
            connection.execute(queries.MOVE, {"id": number, "event": event, "due": due})
            (count,) = connection.execute(queries.CHANGES).fetchone()
            finish(connection, number, now)
            return int(count)

        count: int = await self._write(move)
        await self._drop_file_if_finished(number)
        return count

    async def pull_in(self, beyond: float, now: float) -> int:
        """Make those due who wait longer than anybody should; see `conneg.spool.Spool.pull_in`."""

        def pull_in(connection: sqlite3.Connection) -> int:
            connection.execute(queries.PULL_IN, {"beyond": beyond, "now": now})
            (count,) = connection.execute(queries.CHANGES).fetchone()
            return int(count)

        count: int = await self._write(pull_in)
        return count

    async def purge(self, before: float) -> int:
        """Forget the messages that were finished before that time; in steps, so that others are not kept
        waiting.
        """
        purged = 0
        while True:
            count: int = await self._write(lambda connection: database.purge(connection, before))
            purged += count
            if count < database.PURGE_AT_ONCE:
                return purged

    async def close(self) -> None:
        """Finish what was begun and let the spool go."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.stop()
        self._reader.shutdown()
        self._reading.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _must_serve(self) -> None:
        if not self._serves:
            raise UsageError("this spool was opened to look at it", hint="use open_spool")

    def _blob(self, number: int) -> Path:
        return self._path / "blobs" / write_id(number)

    async def _drop_file_if_finished(self, number: int) -> None:
        """Remove the file that no row names any more; one that stays is swept away at the next start."""
        row = await self._read(
            lambda connection: connection.execute(queries.CONTENT, {"id": number}).fetchone()
        )
        if row is None:
            self._files.discard(number)
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._blob(number).unlink)

    async def _write(self, operation: Operation) -> Any:
        return await self._writer.submit(operation)

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer.is_behind:
            await self._write(_nothing)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._reader, read, self._reading)
        except (sqlite3.Error, RuntimeError) as error:
            raise as_spool_error(error, f"the spool {self._path} cannot be read") from error


def _nothing(connection: sqlite3.Connection) -> None:
    """An operation for the sake of what is written along with it."""


def _forget_error(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()


def _number(message_id: str) -> int:
    number = read_id(message_id)
    if number is None:
        raise _unknown(message_id)
    return number


def _unknown(message_id: str) -> UnknownMessageError:
    return UnknownMessageError(f"no message {message_id!r} in the spool")
