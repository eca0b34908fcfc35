"""How much room the spool's disk has, asked no more than once a second."""

import os
import time
from collections.abc import Callable
from pathlib import Path

_RECHECK_SECONDS = 1.0


class DiskSpace:
    """Says whether a message may still come in: `min_free_octets` stay free whatever it has."""

    def __init__(
        self, folder: Path, min_free_octets: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._min_free = min_free_octets
        self._clock = clock
        self._looked_at = float("-inf")
        self._free = 0

    def has_room_for(self, octets: int) -> bool:
        """Say whether a message of so many octets leaves enough; a disk that cannot be asked is taken to have room."""
        now = self._clock()
        if now - self._looked_at >= _RECHECK_SECONDS:
            self._looked_at = now
            try:
                found = os.statvfs(self._folder)
            except OSError:
                return True  # writing the message will tell
            self._free = found.f_bavail * found.f_frsize
        return self._free - octets >= self._min_free
