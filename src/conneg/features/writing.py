"""Feature expressions from tree to text, always the same way, on one line.

Registered tags and tokens in their registered spelling, unknown ones as received; one space between terms; rationals
reduced, a denominator of 1 left out. Reading the text gives the tree again.
"""

from conneg.features.composite import is_hash_name
from conneg.features.expression import (
    And,
    Call,
    Comparison,
    Expression,
    NamedPredicate,
    Not,
    Or,
    Range,
    SetOf,
)
from conneg.features.folding import one_line
from conneg.features.registry import spelling, value_spelling
from conneg.features.values import TagName, Value


def write(expression: Expression) -> str:
    """Return the canonical text of `expression`: one line without white space at its ends."""
    parameters = "".join(f";{given.name.spelling}={given.value}" for given in expression.parameters)
    where = ""
    if expression.where:
        definitions = " ".join(_write_named_pred(definition) for definition in expression.where)
        where = f" where {definitions} end"
    return f"({_write_filtercomp(expression)}){parameters}{where}"


def _write_filtercomp(expression: Expression) -> str:
    match expression:
        case And(operands=operands):
            return f"& {' '.join(write(operand) for operand in operands)}"
        case Or(operands=operands):
            return f"| {' '.join(write(operand) for operand in operands)}"
        case Not(operand=operand):
            return f"!{write(operand)}"
        case Comparison(tag=tag, operator=operator, value=value):
            return f"{spelling(tag)}{operator}{value_spelling(tag, value)}"
        case SetOf(tag=tag, entries=entries):
            return f"{spelling(tag)}=[{','.join(_write_entry(tag, entry) for entry in entries)}]"
        case Call(name=name, arguments=arguments):
            return " ".join([name.spelling, *(_write_argument(argument) for argument in arguments)])


def _write_entry(tag: TagName, entry: Value | Range) -> str:
    if isinstance(entry, Range):
        return f"{value_spelling(tag, entry.low)}..{value_spelling(tag, entry.high)}"
    return value_spelling(tag, entry)


def _write_argument(argument: Value | TagName) -> str:
    return spelling(argument) if isinstance(argument, TagName) else str(argument)


def _write_named_pred(definition: NamedPredicate) -> str:
    """The text of an `h.` definition is what its name is a hash of, so it stays as it was."""
    head = " ".join(name.spelling for name in (definition.name, *definition.formals))
    body = write(definition.body)
    if definition.source is not None and is_hash_name(definition.name) and not definition.formals:
        body = one_line(definition.source)
    return f"({head}) :- {body}"
