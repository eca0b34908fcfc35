"""The feature expression as a tree: what the text says, before any meaning is worked out (RFC 2533, 4.1 and 6).

Two trees are equal if their texts differ only in white space, letter case of tags and tokens, and the way in which a
number is written.
"""

from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple, TypeAlias

from conneg.features.record import Record
from conneg.features.values import TagName, Value


class Operator(StrEnum):
    """How a comparison compares."""

    EQUAL = "="
    AT_LEAST = ">="
    AT_MOST = "<="


class Parameter(NamedTuple):
    """`;name=value` after a filter: `q`, or something unknown that is kept and not interpreted."""

    name: TagName
    value: str


class Range(Record):
    """`low..high` inside a set, both ends included."""

    __slots__ = ("high", "low")
    __match_args__ = ("low", "high")

    def __init__(self, low: Value, high: Value) -> None:
        self.low: Final = low
        self.high: Final = high


class NamedPredicate(Record):
    """A definition in a `where` clause; `source` is the definition's own text, over which its hash is made."""

    __slots__ = ("body", "formals", "name", "source")
    __match_args__ = ("name", "formals", "body")

    def __init__(
        self, name: TagName, formals: tuple[TagName, ...], body: "Expression", source: str | None = None
    ) -> None:
        self.name: Final = name
        self.formals: Final = formals
        self.body: Final = body
        self.source: Final = source


class Filter(Record):
    """What every expression may carry: parameters behind it, and definitions for the names used in it.

    `at` is the place in the text of its tag, or of its `&`, `|` or `!`, counted from 0; -1 for one that was not read
    from a text. It does not count in comparisons.
    """

    __slots__ = ("at", "parameters", "where")

    def __init__(
        self,
        parameters: tuple[Parameter, ...] = (),
        where: tuple[NamedPredicate, ...] = (),
        at: int = -1,
    ) -> None:
        self.parameters = parameters
        self.where = where
        self.at = at

    @property
    def quality(self) -> Fraction | None:
        """The quality value written behind this filter; None if there is none. The first one counts."""
        return next((Fraction(given.value) for given in self.parameters if given.name == "q"), None)


class _Combination(Filter):
    """Operands that are combined by a sign."""

    __slots__ = ("operands",)
    __match_args__ = ("operands", "parameters", "where")

    def __init__(
        self,
        operands: tuple["Expression", ...],
        *,
        parameters: tuple[Parameter, ...] = (),
        where: tuple[NamedPredicate, ...] = (),
        at: int = -1,
    ) -> None:
        self.parameters = parameters
        self.where = where
        self.at = at
        self.operands: Final = operands


class And(_Combination):
    """`(& ...)`: all of the operands."""

    __slots__ = ()


class Or(_Combination):
    """`(| ...)`: at least one of the operands."""

    __slots__ = ()


class Not(Filter):
    """`(! ...)`: all that the operand is not."""

    __slots__ = ("operand",)
    __match_args__ = ("operand", "parameters", "where")

    def __init__(
        self,
        operand: "Expression",
        *,
        parameters: tuple[Parameter, ...] = (),
        where: tuple[NamedPredicate, ...] = (),
        at: int = -1,
    ) -> None:
        self.parameters = parameters
        self.where = where
        self.at = at
        self.operand: Final = operand


class Comparison(Filter):
    """`(tag=value)`, `(tag>=value)` or `(tag<=value)`."""

    __slots__ = ("operator", "tag", "value")
    __match_args__ = ("tag", "operator", "value", "parameters", "where")

    def __init__(
        self,
        tag: TagName,
        operator: Operator,
        value: Value,
        *,
        parameters: tuple[Parameter, ...] = (),
        where: tuple[NamedPredicate, ...] = (),
        at: int = -1,
    ) -> None:
        self.parameters = parameters
        self.where = where
        self.at = at
        self.tag: Final = tag
        self.operator: Final = operator
        self.value: Final = value


class SetOf(Filter):
    """`(tag=[entry,...])`."""

    __slots__ = ("entries", "tag")
    __match_args__ = ("tag", "entries", "parameters", "where")

    def __init__(
        self,
        tag: TagName,
        entries: tuple[Value | Range, ...],
        *,
        parameters: tuple[Parameter, ...] = (),
        where: tuple[NamedPredicate, ...] = (),
        at: int = -1,
    ) -> None:
        self.parameters = parameters
        self.where = where
        self.at = at
        self.tag: Final = tag
        self.entries: Final = entries


class Call(Filter):
    """`(name argument...)`: a named predicate, or a reference by hash (RFC 2938, 3.1).

    An argument that could be a token as well as a tag is a `Token`; one that can only be a tag is a `TagName`.
    """

    __slots__ = ("arguments", "name")
    __match_args__ = ("name", "arguments", "parameters", "where")

    def __init__(
        self,
        name: TagName,
        arguments: tuple[Value | TagName, ...] = (),
        *,
        parameters: tuple[Parameter, ...] = (),
        where: tuple[NamedPredicate, ...] = (),
        at: int = -1,
    ) -> None:
        self.parameters = parameters
        self.where = where
        self.at = at
        self.name: Final = name
        self.arguments: Final = arguments


Expression: TypeAlias = And | Or | Not | Comparison | SetOf | Call
"""Any feature expression."""


def with_parameters(
    expression: Expression, parameters: tuple[Parameter, ...], where: tuple[NamedPredicate, ...] = ()
) -> Expression:
    """Return `expression` with these parameters and definitions in place of its own."""
    at = expression.at
    match expression:
        case And(operands=operands):
            return And(operands, parameters=parameters, where=where, at=at)
        case Or(operands=operands):
            return Or(operands, parameters=parameters, where=where, at=at)
        case Not(operand=operand):
            return Not(operand, parameters=parameters, where=where, at=at)
        case Comparison(tag=tag, operator=operator, value=value):
            return Comparison(tag, operator, value, parameters=parameters, where=where, at=at)
        case SetOf(tag=tag, entries=entries):
            return SetOf(tag, entries, parameters=parameters, where=where, at=at)
        case Call(name=name, arguments=arguments):
            return Call(name, arguments, parameters=parameters, where=where, at=at)
