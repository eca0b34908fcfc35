"""The lock that lets one process serve a spool; it ends with the process, however that ends."""

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from conneg.spool.errors import SpoolLockedError

ORPHAN_SECONDS = 5.0
"""How long a new serving process waits for the receivers of a dead one, which end as soon as they notice."""

_LOOK_SECONDS = 0.02


class SpoolLock:
    """Holds the lock file until `release`; the file says which process serves, for people.

    It belongs to the open file: receivers that have inherited the descriptor hold it, too, and it is free when the last
    of them has let it go.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Self:
        """Take the lock or raise `SpoolLockedError`, naming the process that has it.

        Blocks for at most `ORPHAN_SECONDS`, and only where that process is gone and has left receivers behind.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, path.parent)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    @classmethod
    def inherited(cls, descriptor: int) -> Self:
        """Return the lock of the serving process, whose `descriptor` a receiver has inherited."""
        os.set_inheritable(descriptor, False)
        return cls(descriptor)

    def fileno(self) -> int:
        """Return the descriptor, for a receiver to inherit."""
        return self._descriptor

    def release(self) -> None:
        """Let the lock go."""
        os.close(self._descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    patience = time.monotonic() + ORPHAN_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            if _is_running(holder) or time.monotonic() > patience:
                raise SpoolLockedError(
                    f"the spool {folder} is served by process {holder or 'unknown'}",
                    hint="stop that process, or use another spool folder",
                ) from error
        time.sleep(_LOOK_SECONDS)


def _is_running(process: str) -> bool:
    """Say whether that process is there; what is no number is one that has not written its own yet."""
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
