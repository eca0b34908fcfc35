"""Every input that is kept goes through its target: what was once a finding stays none."""

from pathlib import Path

import pytest

from tests.fuzz.__main__ import CORPUS, NAMES, target

FILES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


def name_of(path: Path) -> str:
    return path.relative_to(CORPUS).as_posix()


def test_every_target_has_a_folder() -> None:
    assert sorted(path.name for path in CORPUS.iterdir()) == NAMES
    assert {path.parent.name for path in FILES} == set(NAMES)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_finding(path: Path) -> None:
    assert path.stat().st_size <= 8192, "the corpus is of small files"
    target(path.parent.name)(path.read_bytes())
