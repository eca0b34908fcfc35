"""Vectors from `*.toml` beside this module: what an RFC prints, and what it says about it.

A `[[vector]]` is one printed expression. `id` is the source, the section and, in parentheses, which of several; `text`
is as printed, but for white space and, in tables, the frame. What is wrong with it in print stands in `misprint` (in
words), `fails_at` (reading fails where the text goes on so; empty for the end; absent if it reads all the same) and
`repaired` (the text that does what the RFC means). All other fields of `Vector` are about the repaired text, or about
the printed one if that is right.

A `[[statement]]` is a relation of two expressions: see `evaluate` for these. A `[[reduction]]` is a row of the tables
of RFC 2533 section 5.8, a `[[tag]]` a feature tag with its legal values. `inventory.toml` counts all of them.
"""

import tomllib
from functools import cache, reduce
from math import prod
from operator import and_, or_
from pathlib import Path
from typing import Any, NamedTuple

from conneg.features import FeatureSet, feature_set, read_field, widen

_DIRECTORY = Path(__file__).parent

SOURCES = tuple(sorted(path.stem for path in _DIRECTORY.glob("*.toml") if path.stem != "inventory"))
"""The names of the data files: `rfc2533` and so on."""


class Vector(NamedTuple):
    """One printed expression: `text` is as printed, the rest is what the RFC (or we) say about it."""

    id: str
    text: str
    misprint: str = ""
    fails_at: str | None = None
    repaired: str | None = None
    lenient: str | None = None
    call: str = ""
    field: bool = False
    conjunctions: int | None = None
    alternatives: int | None = None
    qualities: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    rejects: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    values: dict[str, str] = {}  # noqa: RUF012 - never changed
    hash: str = ""

    @property
    def section(self) -> str:
        """The section: the id without the number in parentheses."""
        return self.id.split(" (")[0]

    @property
    def good(self) -> str:
        """The text that means what the RFC means."""
        return self.text if self.repaired is None else self.repaired

    def source(self, text: str) -> str:
        """What to read: a definition needs a call of it in front."""
        return f"{self.call} where {text} end" if self.call else text


class Statement(NamedTuple):
    """What the RFC says of two expressions; `one` and `other` are as `evaluate` takes them."""

    id: str
    one: Any
    relation: str
    other: Any = None
    why: str = ""


@cache
def document(source: str) -> dict[str, Any]:
    """Return what stands in one data file."""
    return tomllib.loads((_DIRECTORY / f"{source}.toml").read_text("utf-8"))


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


@cache
def vectors() -> dict[str, Vector]:
    """Return the vectors of all files by their ids."""
    found: dict[str, Vector] = {}
    for source in SOURCES:
        for row in document(source).get("vector", ()):
            vector = Vector(**_tuples(row))
            assert vector.id not in found, f"{vector.id} is there twice"
            found[vector.id] = vector
    return found


def statements() -> list[Statement]:
    """Return the statements of all files."""
    return [Statement(**row) for source in SOURCES for row in document(source).get("statement", ())]


def meaning(vector: Vector, text: str) -> FeatureSet:
    """Return the set that `text`, the printed or the repaired one of `vector`, means."""
    if vector.field:
        return feature_set(read_field(text))
    return feature_set(vector.source(text))


def evaluate(operand: Any) -> FeatureSet:
    """Return the set of an expression of a statement.

    A text in parentheses is itself; `printed: ID` is the vector's printed text; any other text is the id of a vector
    and means its repaired text, if it has one. A list is an operator (`&`, `|`, `!`, `widen`, `lenient`, `resolve`) and
    operands; those of `resolve` are a vector with references, their name and the vector that is referenced.
    """
    if isinstance(operand, list):
        return _apply(*operand)
    if operand.startswith("("):
        return feature_set(operand)
    if operand.startswith("printed: "):
        vector = vectors()[operand.removeprefix("printed: ")]
        return meaning(vector, vector.text)
    vector = vectors()[operand]
    return meaning(vector, vector.good)


def _apply(operator: str, *operands: Any) -> FeatureSet:
    if operator == "lenient":
        vector = vectors()[operands[0]]
        return feature_set(vector.source(vector.good), lenient=True)
    if operator == "resolve":
        reference, name, referenced = operands
        texts = {name: vectors()[referenced].good}
        return feature_set(vectors()[reference].good, resolver=texts.get)
    sets = [evaluate(operand) for operand in operands]
    if operator == "&":
        return reduce(and_, sets)
    if operator == "|":
        return reduce(or_, sets)
    (one,) = sets
    if operator == "widen":
        return widen(one)
    assert operator == "!"
    return one.complement()


def expanded(features: FeatureSet) -> int:
    """How many conjunctions of single values and ranges there are, as RFC 2533 section 5 counts them."""
    return sum(
        prod(len(domain.intervals) + len(domain.words) for domain in one.domains.values())
        for one in features.conjunctions
    )
