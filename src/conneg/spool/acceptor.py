"""What takes messages in: the serving process as part of its spool, and by itself a receiver beside it.

A receiver (`join_spool`) has an accept log of its own and a writing thread of its own; what it accepts it brings over
into the database, where the serving process finds it. It claims nothing and settles nothing.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from conneg.mail import Envelope
from conneg.spool import database
from conneg.spool.errors import SpoolError, as_spool_error
from conneg.spool.ids import Share, Ticks
from conneg.spool.incoming import SqliteIncoming, Store
from conneg.spool.lock import SpoolLock
from conneg.spool.model import SpooledMessage
from conneg.spool.operations import Accept
from conneg.spool.rows import new_message, quote, storable
from conneg.spool.writer import Writer

BLOB_THRESHOLD = 256 * 1024
"""Contents above this many octets go to files of their own: the database would copy them twice."""


def join_spool(
    path: Path,
    *,
    place: int,
    receivers: int,
    lock: int,
    on_stored: Callable[[], object],
    blob_threshold: int = BLOB_THRESHOLD,
    clock: Callable[[], float] = time.time,
) -> "SqliteAcceptor":
    """Open the spool in `path` to accept into it beside the process that serves it, as receiver `place` of `receivers`.

    What an earlier receiver of that place left in its log is brought over first. `lock` is the descriptor of the
    spool's lock, inherited from the serving process. `on_stored` is called, in another thread, when messages have come
    into the database. Raises `SpoolError`.
    """
    share = Share(place, receivers + 1)
    try:
        database.prepare_beside(path, share)
        connection = database.connect(path)
        ticks = Ticks(clock, database.last_id(connection), share)
        log = database.open_log(connection, path, place)
        writer = Writer(connection, path, log, on_stored=on_stored)
    except (sqlite3.Error, OSError) as error:
        raise as_spool_error(error, f"the spool {path} cannot be joined", path) from error
    writer.start()
    return SqliteAcceptor(
        path, writer, ticks, threshold=blob_threshold, clock=clock, lock=SpoolLock.inherited(lock)
    )


class SqliteAcceptor:
    """The `conneg.spool.Acceptor` of the SQLite spool; made by `join_spool`, and by a spool for itself."""

    def __init__(
        self,
        path: Path,
        writer: Writer,
        ticks: Ticks,
        *,
        threshold: int,
        clock: Callable[[], float],
        lock: SpoolLock | None,
    ) -> None:
        self._path = path
        self._writer = writer
        self._ticks = ticks
        self._threshold = threshold
        self._clock = clock
        self._lock = lock

    def incoming(self, store: Store | None = None) -> SqliteIncoming:
        """Begin to take a message in; `store` writes its row in place of `self.store`."""
        return SqliteIncoming(
            self._ticks.next(), self._path, threshold=self._threshold, store=store or self.store
        )

    async def store(
        self,
        number: int,
        envelope: Envelope,
        octets: int,
        content: bytes | None,
        claim: bool,
        note: str | None,
    ) -> SpooledMessage:
        """Make a message durable: its number, envelope, octets, content or None for a file, claim, note.

        Raises `SpoolError`.
        """
        now = self.now()
        text = storable(envelope.to_json())
        recipients = range(1, len(envelope.recipients) + 1)
        if not recipients:
            raise SpoolError("a message for no recipient cannot be queued")
        accept = Accept(
            number=number,
            message=f"[{number},{quote(text)},{octets},{now}]",
            recipients=",".join([f"[{number},{recipient},{int(claim)},{now}]" for recipient in recipients]),
            records=""
            if note is None
            else f'[{number},{self._ticks.next()},"note",null,{quote(storable(note))}]',
            content=content,
        )
        await self._writer.submit(accept, octets=0 if content is None else octets)
        return new_message(number, envelope, octets, now)

    def now(self) -> float:
        """UNIX seconds with as many digits as SQLite's JSON keeps."""
        return round(self._clock(), 3)

    async def close(self) -> None:
        """Finish what was begun, bring it over into the database, and let the spool go."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.stop()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
