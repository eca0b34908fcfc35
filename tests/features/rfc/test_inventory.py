"""That no printed expression, table row, tag or statement is dropped, or counted twice, unnoticed."""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .vectors import SOURCES, document, statements, vectors

INVENTORY = tomllib.loads((Path(__file__).parent / "inventory.toml").read_text("utf-8"))
KINDS = ("vector", "reduction", "tag", "statement")


def section(row: dict[str, Any]) -> str:
    """The number behind the "§" of its id."""
    found: str = row["id"].split("§")[1].split(" (")[0]
    return found


def test_every_source_is_in_the_inventory() -> None:
    assert set(SOURCES) == set(INVENTORY)
    assert set(SOURCES) == {
        *(
            f"rfc{number}"
            for number in (2506, 2530, 2533, 2534, 2738, 2879, 2880, 2912, 2913, 2938, 2987, 3297)
        ),
        "draft-03",
    }


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_per_section(source: str, kind: str) -> None:
    assert Counter(map(section, document(source).get(kind, ()))) == INVENTORY[source].get(kind, {})


@pytest.mark.parametrize("source", SOURCES)
def test_every_section_is_accounted_for(source: str) -> None:
    """A section has rows or is listed as having none, never both."""
    counted = set().union(*(INVENTORY[source].get(kind, {}) for kind in KINDS))
    assert counted
    assert counted.isdisjoint(INVENTORY[source]["none"])
    assert set(document(source)) <= set(KINDS)
    prefix = source.removeprefix("rfc")
    assert all(
        row["id"].startswith(f"{prefix} §") for kind in KINDS for row in document(source).get(kind, ())
    )


def test_totals() -> None:
    """All sources together."""
    kept = sum(sum(INVENTORY[source].get("vector", {}).values()) for source in SOURCES)
    assert len(vectors()) == kept
    assert len(statements()) == sum(
        sum(INVENTORY[source].get("statement", {}).values()) for source in SOURCES
    )


@pytest.mark.parametrize("source", SOURCES)
def test_misprints(source: str) -> None:
    """What is known to be wrong in print; one more, or one less, is to be looked at."""
    found = [row["id"].split("§")[1] for row in document(source).get("vector", ()) if "misprint" in row]
    assert found == INVENTORY[source]["misprints"]
