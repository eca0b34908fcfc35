"""The lock that lets one process serve a spool; it ends with the process, however that ends."""

import fcntl
import os
from pathlib import Path

from conneg.spool.errors import SpoolLockedError


class SpoolLock:
    """Holds the lock file until `release`; the file says which process does, for people."""

    def __init__(self, path: Path) -> None:
        """Take the lock or raise `SpoolLockedError`, naming the process that has it."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise SpoolLockedError(
                f"the spool {path.parent} is served by process {holder}",
                hint="stop that process, or use another spool folder",
            ) from error
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._fd)
