"""Durable writing: the order of syncs and names, and nothing left behind when one of them fails."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conneg.spool import DurableFile, sync_directory, write_durably


def failing(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_the_file_is_there_with_its_octets(tmp_path: Path) -> None:
    write_durably(tmp_path / "a", [b"one", b"", b"two"])
    assert (tmp_path / "a").read_bytes() == b"onetwo"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old and longer")
    write_durably(tmp_path / "a", [b"new"])
    assert (tmp_path / "a").read_bytes() == b"new"


def test_file_then_name_then_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, os.rename

    def note_fsync(fd: int) -> None:
        steps.append("sync " + Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        fsync(fd)

    def note_rename(source: Path, target: Path) -> None:
        steps.append(f"rename {Path(source).name} {Path(target).name}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "rename", note_rename)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "new").mkdir()
    write_durably(tmp_path / "new" / "a", [b"x"], temporary=tmp_path / "tmp" / "t")
    assert steps == ["sync t", "rename t a", "sync new"]


@pytest.mark.parametrize("call", ["fsync", "rename", "write"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_nothing_is_left_when_a_step_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    monkeypatch.setattr(os, call, failing(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        write_durably(tmp_path / "a", [b"x"])
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_when_the_folder_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def fail_for_folders(fd: int) -> None:
        if Path(os.readlink(f"/proc/self/fd/{fd}")).is_dir():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    with pytest.raises(OSError, match="Input/output"):
        write_durably(tmp_path / "a", [b"x"])
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_caller_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> object:
        yield b"x"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_durably(tmp_path / "a", chunks())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_a_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, octets: write(fd, bytes(octets)[:3]))
    write_durably(tmp_path / "a", [b"0123456789"])
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_abort_after_commit_changes_nothing(tmp_path: Path) -> None:
    file = DurableFile(tmp_path / "t")
    file.write(b"x")
    file.commit(tmp_path / "a")
    file.abort()
    assert (tmp_path / "a").read_bytes() == b"x"


def test_a_temporary_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "t").touch()
    with pytest.raises(FileExistsError):
        DurableFile(tmp_path / "t")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(NotADirectoryError):
        sync_directory(tmp_path / "a")
