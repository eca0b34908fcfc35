"""The examples in the reference pages do what they say."""

import doctest
from pathlib import Path

import pytest

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize("page", ["negotiation.md", "directory.md"])
def test_examples(page: str) -> None:
    result = doctest.testfile(str(REFERENCE / page), module_relative=False, verbose=False)
    assert result.attempted > 5
    assert result.failed == 0
