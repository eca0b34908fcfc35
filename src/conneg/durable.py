"""The one door for durable writing: when `commit` or `write_durably` returns, file and name survive a power
failure.

Octets go to a temporary file in the same file system, which is synced, renamed to its place, and its folder
synced. A failed sync is never tried again: the kernel may have dropped the very pages it failed to write.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


class DurableFile:
    """A file being written under a temporary name: `write`, then `commit` under its own name or `abort`.

    Every method raises `OSError`; after an error only `abort` makes sense.
    """

    def __init__(self, temporary: Path) -> None:
        self._temporary = temporary
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._fd: int | None = os.open(temporary, flags, 0o600)

    def write(self, octets: bytes) -> None:
        """Append all of `octets`."""
        assert self._fd is not None, "the file is closed"
        rest = memoryview(octets)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def commit(self, path: Path) -> None:
        """Make the file durable as `path`, which must be in the same file system and is replaced if it
        exists.
        """
        assert self._fd is not None, "the file is closed"
        os.fsync(self._fd)
        self._close()
        os.rename(self._temporary, path)
        try:
            sync_directory(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise

    def abort(self) -> None:
        """Remove what was written; does nothing after `commit`."""
        with contextlib.suppress(OSError):
            self._close()
        with contextlib.suppress(OSError):
            os.unlink(self._temporary)

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def write_durably(path: Path, chunks: Iterable[bytes], *, temporary: Path | None = None) -> None:
    """Write a file of these octets at `path`, all or nothing. Raises `OSError`.

    `temporary` is its name while it is written (a Maildir has a folder for that); without one it is next to
    `path`.
    """
    file = DurableFile(temporary or path.with_name(f".{path.name}.{os.getpid()}.new"))
    try:
        for chunk in chunks:
            file.write(chunk)
        file.commit(path)
    except BaseException:
        file.abort()
        raise


def sync_directory(path: Path) -> None:
    """Make the names in `path` durable. Raises `OSError`."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
