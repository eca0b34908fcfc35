"""Fuzz targets that are quick to start, for some seconds each; `make fuzz` runs them for a minute, or as long as you
like.
"""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
TARGETS = [path.stem for path in sorted(FOLDER.glob("fuzz_*.py")) if path.stem in
           {"fuzz_features", "fuzz_checking", "fuzz_t30", "fuzz_fields", "fuzz_mta_sts",
            "fuzz_signatures"}]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_no_finding(target: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, "--seconds", "3"],
        cwd=FOLDER.parents[1], text=True, capture_output=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no finding" in done.stdout
