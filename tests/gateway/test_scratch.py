"""The folder of temporary files: what a killed gateway left goes at the next start, and nothing else does."""

import os
from pathlib import Path

import pytest

from conneg.gateway.scratch import open_scratch


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def test_what_was_left_is_removed(spool: Path, temporary: Path) -> None:
    left = open_scratch(spool)
    assert left.parent == temporary
    assert left.stat().st_mode & 0o777 == 0o700
    (left / "conneg-worker-1" / "in").mkdir(parents=True)
    (left / "conneg-worker-1" / "in" / "letter").write_bytes(b"private")
    (temporary / "conneg-of-another-gateway").mkdir()
    new = open_scratch(spool)
    assert new != left
    assert sorted(temporary.iterdir()) == sorted([new, temporary / "conneg-of-another-gateway"])


def test_what_is_of_somebody_else_stays(spool: Path, temporary: Path, tmp_path: Path) -> None:
    """After the name has come free in a folder that everybody may write in, it may be anything."""
    precious = tmp_path / "conneg-precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    left = open_scratch(spool)
    left.rmdir()
    left.symlink_to(precious)
    open_scratch(spool)
    assert (precious / "file").exists()
    home = tmp_path / "home"
    home.mkdir()
    (spool / "scratch").write_text(f"{home}\n")
    open_scratch(spool)
    assert home.is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user")
def test_another_users_folder_stays(spool: Path, temporary: Path) -> None:
    left = open_scratch(spool)
    os.chown(left, 65534, 65534)
    open_scratch(spool)
    assert left.is_dir()
