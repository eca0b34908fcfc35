"""`import conneg.adapters` loads no library that somebody else wrote; each adapter loads its own only."""

import subprocess
import sys

import pytest

THIRD = ("aiosmtplib", "aiosmtpd", "django")


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "libraries"),
    [
        ("import conneg.adapters", set()),
        ("import conneg.adapters.smtplib", set()),
        ("import conneg.adapters.aiosmtplib", {"aiosmtplib"}),
        ("import conneg.adapters.aiosmtpd", {"aiosmtpd"}),
        ("import conneg.adapters.django", {"django"}),
    ],
)
def test_what_is_loaded(statement: str, libraries: set[str]) -> None:
    assert loaded_by(statement) & {*THIRD, "numpy", "PIL", "uvloop", "pydantic"} == libraries
