"""A message on its way into the spool: in memory while it is small, else in a file that is durable before its
row is.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from conneg.durable import DurableFile
from conneg.mail import Envelope
from conneg.spool.errors import SpoolError, as_spool_error
from conneg.spool.ids import write_id
from conneg.spool.model import SpooledMessage

Store = Callable[[int, Envelope, int, bytes | None, bool, str | None], Awaitable[SpooledMessage]]
"""Writes the row of a message: its number, envelope, octets, content or None for a file, claim, note."""


class SqliteIncoming:
    """The `conneg.spool.Incoming` of the SQLite spool."""

    def __init__(self, number: int, folder: Path, *, threshold: int, store: Store) -> None:
        """`folder` is the spool's; contents above `threshold` octets are written to a file in it."""
        self._number = number
        self._folder = folder
        self._threshold = threshold
        self._store = store
        self._chunks: list[bytes] = []
        self._file: DurableFile | None = None
        self._content: bytes | None = None
        self._ended = False
        self.octets = 0

    @property
    def _temporary(self) -> Path:
        """Where the file is while it is written."""
        return self._folder / "incoming" / write_id(self._number)

    @property
    def _blob(self) -> Path:
        """Where the file is when it is durable."""
        return self._folder / "blobs" / write_id(self._number)

    @property
    def content_in_memory(self) -> bytes | None:
        """The whole content if it was kept in memory."""
        if self._file is not None:
            return None
        if self._content is None or len(self._content) != self.octets:
            self._content = b"".join(self._chunks)
        return self._content

    def write(self, chunk: bytes) -> None:
        """Append octets; above the threshold everything goes on to a file."""
        self.octets += len(chunk)
        if self._file is not None:
            self._write_file(chunk)
            return
        self._chunks.append(bytes(chunk))
        if self.octets > self._threshold:
            self._open_file()

    def _open_file(self) -> None:
        try:
            self._file = DurableFile(self._temporary)
        except OSError as error:
            raise as_spool_error(error, f"no file for a message in {self._folder / 'incoming'}") from error
        self._write_file(b"".join(self._chunks))
        self._chunks = []

    def _write_file(self, chunk: bytes) -> None:
        assert self._file is not None
        try:
            self._file.write(chunk)
        except OSError as error:
            raise as_spool_error(
                error, f"a message cannot be written to {self._folder / 'incoming'}"
            ) from error

    async def commit(
        self, envelope: Envelope, *, claim: bool = False, note: str | None = None
    ) -> SpooledMessage:
        """Make the message durable; see `conneg.spool.Incoming.commit`."""
        if self._ended:
            raise SpoolError("this message was committed or given up already")
        self._ended = True
        if self._file is None:
            return await self._store(self._number, envelope, self.octets, self.content_in_memory, claim, note)
        return await self._commit_file(self._file, envelope, claim, note)

    async def _commit_file(
        self, file: DurableFile, envelope: Envelope, claim: bool, note: str | None
    ) -> SpooledMessage:
        try:
            await asyncio.to_thread(file.commit, self._blob)
        except OSError as error:
            file.abort()
            raise as_spool_error(
                error, f"the file of a message in {self._folder / 'blobs'} is not durable"
            ) from error
        try:
            return await self._store(self._number, envelope, self.octets, None, claim, note)
        except SpoolError:
            with contextlib.suppress(OSError):
                self._blob.unlink()
            raise

    def abort(self) -> None:
        """Forget the message."""
        self._chunks = []
        if self._file is not None and not self._ended:
            self._file.abort()
        self._ended = True
