"""Where the parts of messages lie while they are worked on: a folder among the system's temporary files.

Its name is noted in the spool, so that what a killed process leaves of people's mail does not lie there for good.
"""

import contextlib
import os
import shutil
import stat
import tempfile
import uuid
from pathlib import Path

from conneg.durable import write_durably

_PREFIX = "conneg-"


def open_scratch(spool: Path) -> Path:
    """Return a new folder, noted in `spool`, which this process alone serves; what was noted there before is removed.

    Raises OSError if there can be no such folder.
    """
    note = spool / "scratch"
    left = [folder for folder in _noted(note) if not _is_removed(folder)]
    folder = Path(tempfile.gettempdir(), f"{_PREFIX}{uuid.uuid4().hex}")
    # on a full disk there is no note, and only who is killed leaves anything
    with contextlib.suppress(OSError):
        write_durably(note, [f"{each}\n".encode() for each in (*left, folder)])
    folder.mkdir(mode=0o700)
    return folder


def _noted(note: Path) -> list[Path]:
    try:
        return [Path(line) for line in note.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []


def _is_removed(folder: Path) -> bool:
    """Remove what an earlier process left; True if nothing of it is there. In /tmp the name may be another's by now."""
    try:
        found = os.lstat(folder)
    except OSError:
        return True
    if not folder.name.startswith(_PREFIX) or not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()
