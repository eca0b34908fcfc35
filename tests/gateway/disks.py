"""A disk that meets an error while it is written to, as ext4 tells it: it turns read-only (errors=remount-ro)."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_OCTETS = 64 << 20


@dataclass
class FailingDisk:
    """A file system in the file `image`, mounted at `folder`."""

    image: Path
    folder: Path

    def mount(self) -> None:
        subprocess.run(
            ["mount", "-o", "loop,errors=remount-ro", self.image, self.folder],
            check=True,
            capture_output=True,
        )

    def unmount(self) -> None:
        """Take it out, which also frees its loop device."""
        subprocess.run(["umount", self.folder], check=True)

    @property
    def trigger(self) -> Path | None:
        """The file that makes the kernel find an error in it, where the kernel has one."""
        told = subprocess.run(["losetup", "-j", self.image], capture_output=True, text=True, check=True)
        path = Path("/sys/fs/ext4", Path(told.stdout.partition(":")[0]).name, "trigger_fs_error")
        return path if path.exists() else None

    def fail(self) -> None:
        """Let it meet an error: from now on nothing can be written."""
        assert self.trigger is not None
        with contextlib.suppress(
            OSError
        ):  # it may answer that the file system is read-only, which it then is
            self.trigger.write_text("1")
        with pytest.raises(OSError, match="Read-only"):
            (self.folder / "probe").touch()

    def repair(self) -> None:
        """What an operator does: take it out, check it, put it in again."""
        self.unmount()
        done = subprocess.run(["e2fsck", "-fy", self.image], capture_output=True, check=False)
        assert done.returncode in (0, 1), done.stdout  # 1: errors were corrected
        self.mount()


@contextmanager
def failing_disk(folder: Path) -> Iterator[FailingDisk]:
    """Mount such a disk below `folder`; the test is skipped where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("a file system can be mounted by root only")
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("there is no mkfs.ext4 (Debian: e2fsprogs)")
    disk = FailingDisk(folder / "disk.img", folder / "disk")
    disk.folder.mkdir()
    with disk.image.open("wb") as file:
        file.truncate(_OCTETS)
    subprocess.run(["mkfs.ext4", "-q", disk.image], check=True)
    try:
        disk.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no file system in a file can be mounted: {error.stderr.decode().strip()}")
    try:
        if disk.trigger is None:
            pytest.skip("this kernel has no /sys/fs/ext4/*/trigger_fs_error")
        yield disk
    finally:
        if disk.folder.is_mount():
            subprocess.run(["umount", "-l", disk.folder], check=True)
