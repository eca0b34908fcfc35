"""The two folders that a worker sees: what lies in the one it may read, what it writes goes into the other.

The parent lays the documents of a job there, and takes away what was made; the worker knows no other path.
"""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from conneg.content.errors import ContentRefusedError


class Desk:
    """The folders of one worker, made in `scratch`; `remove` them when it has ended."""

    def __init__(self, scratch: Path) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="conneg-worker-", dir=scratch)).resolve()
        self.documents = self.root / "in"
        self.results = self.root / "out"
        self.documents.mkdir(mode=0o700)
        self.results.mkdir(mode=0o700)

    def lay(self, paths: Iterable[Path], *, by_link: bool) -> dict[Path, Path]:
        """Lay these files on the desk; returns where each is now. Raises ContentRefusedError for one that is not there.

        `by_link`: as second names of the files, so that nothing is copied; for a worker that cannot write to them.
        """
        laid: dict[Path, Path] = {}
        for number, path in enumerate(dict.fromkeys(paths), 1):
            here = self.documents / str(number)
            try:
                if not by_link or not _link(path, here):
                    shutil.copyfile(path, here)
            except OSError as error:
                raise ContentRefusedError(f"{path.name}: cannot be read ({error.strerror})") from error
            laid[path] = here
        return laid

    def take(self, path: Path, folder: Path) -> Path:
        """Move a result into `folder`; returns where it is.

        Raises ContentRefusedError for what is no file of this desk, and OSError.
        """
        if path.parent != self.results or not stat.S_ISREG(os.lstat(path).st_mode):
            raise ContentRefusedError(f"{path.name}: the worker named a file outside its directory")
        target = folder / path.name
        try:
            os.replace(path, target)
        except OSError:
            shutil.copyfile(path, target)
        return target

    def clear(self) -> None:
        """Take away whatever lies there, so that the next document finds nothing of the last."""
        for folder in (self.documents, self.results):
            with os.scandir(folder) as entries:
                for entry in list(entries):
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        with contextlib.suppress(OSError):
                            os.unlink(entry.path)

    def remove(self) -> None:
        """Remove the folders."""
        shutil.rmtree(self.root, ignore_errors=True)


def _link(path: Path, here: Path) -> bool:
    """Give the file a second name; False on another file system, or for somebody else's file."""
    try:
        os.link(path, here, follow_symlinks=True)
    except OSError:
        return False
    return True
