"""The feature expression as a tree: what the text says, before any meaning is worked out (RFC 2533, 4.1 and 6).

Two trees are equal if their texts differ only in white space, letter case of tags and tokens, and the way in which a
number is written.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from conneg.features.values import TagName, Value


class Operator(StrEnum):
    """How a comparison compares."""

    EQUAL = "="
    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Parameter:
    """`;name=value` after a filter: `q`, or something unknown that is kept and not interpreted."""

    name: TagName
    value: str


@dataclass(frozen=True, slots=True)
class Range:
    """`low..high` inside a set, both ends included."""

    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class NamedPredicate:
    """A definition in a `where` clause; `source` is the definition's own text, over which its hash is made."""

    name: TagName
    formals: tuple[TagName, ...]
    body: "Expression"
    source: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What every expression may carry: parameters behind it, and definitions for the names used in it."""

    parameters: tuple[Parameter, ...] = ()
    where: tuple[NamedPredicate, ...] = ()

    @property
    def quality(self) -> Fraction | None:
        """The quality value written behind this filter; None if there is none. The first one counts."""
        return next((Fraction(given.value) for given in self.parameters if given.name == "q"), None)


@dataclass(frozen=True, slots=True)
class And(Filter):
    """`(& ...)`: all of the operands."""

    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Or(Filter):
    """`(| ...)`: at least one of the operands."""

    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Not(Filter):
    """`(! ...)`: all that the operand is not."""

    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Comparison(Filter):
    """`(tag=value)`, `(tag>=value)` or `(tag<=value)`."""

    tag: TagName
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class SetOf(Filter):
    """`(tag=[entry,...])`."""

    tag: TagName
    entries: tuple[Value | Range, ...]


@dataclass(frozen=True, slots=True)
class Call(Filter):
    """`(name argument...)`: a named predicate, or a reference by hash (RFC 2938, 3.1).

    An argument that could be a token as well as a tag is a `Token`; one that can only be a tag is a `TagName`.
    """

    name: TagName
    arguments: tuple[Value | TagName, ...] = ()


Expression: TypeAlias = And | Or | Not | Comparison | SetOf | Call
"""Any feature expression."""
