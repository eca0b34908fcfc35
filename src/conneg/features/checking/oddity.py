"""What the checker reports, and the form of its rules."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from conneg.features.checking.context import Checked
from conneg.features.expression import Expression


class Severity(StrEnum):
    """How bad it is."""

    WARNING = "warning"
    """It does not mean what its author must have meant, or it says what the schema does not allow."""
    NOTE = "note"
    """It may be meant so; it is worth a look."""


class Oddity(NamedTuple):
    """One thing that is odd about an expression.

    `line` and `column` count from 1, `offset` from 0; all three are those of the feature tag, of the predicate's name,
    or of the sign `&`, `|` or `!`. `rule` is the stable name of the rule, `message` one line that says what is odd and
    what to write instead, `source` where the rule comes from. `excerpt` is two lines: the source line (shortened when
    it is long) and a caret under the place. `str()` is one line.
    """

    line: int
    column: int
    offset: int
    severity: Severity
    rule: str
    message: str
    source: str
    excerpt: str

    def __str__(self) -> str:
        return (
            f"line {self.line}, column {self.column}: {self.severity}: {self.message}"
            f" [{self.rule}, {self.source}]"
        )


Finding: TypeAlias = tuple[Expression, str]
"""The node where something is odd, and the message."""

Finder: TypeAlias = Callable[[Checked], Iterator[Finding]]


class Rule(NamedTuple):
    """One rule: its name, what it looks for in one line, where it comes from, and the function that finds it."""

    id: str
    severity: Severity
    summary: str
    source: str
    find: Finder


def warns(source: str) -> Callable[[Finder], Rule]:
    """Make a rule of severity warning from a function; its name and docstring give the rule's."""
    return lambda find: _rule(find, Severity.WARNING, source)


def notes(source: str) -> Callable[[Finder], Rule]:
    """Make a rule of severity note from a function; its name and docstring give the rule's."""
    return lambda find: _rule(find, Severity.NOTE, source)


def _rule(find: Finder, severity: Severity, source: str) -> Rule:
    name = find.__name__.replace("_", "-")
    summary = (find.__doc__ or name).partition("\n")[0].rstrip(".")
    return Rule(name, severity, summary, source, find)
