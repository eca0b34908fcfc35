"""Checking feature expressions: what is odd about one that can be read, for fax use and in general.

An expression may be well-formed and still not say what its author meant: the matcher takes every tag and token as it
comes (RFC 2533, 4.2.3). `check_expression` holds it against the schema and against the mistakes that are in print.
"""

from conneg.features.checking import coding, colour, names, resolution, size, structure, values
from conneg.features.checking.context import Checked
from conneg.features.checking.oddity import Oddity, Rule, Severity
from conneg.features.reading import parse
from conneg.features.source import Source

__all__ = ["RULES", "Oddity", "Rule", "Severity", "check_expression"]

RULES: tuple[Rule, ...] = (
    *names.RULES,
    *values.RULES,
    *structure.RULES,
    *size.RULES,
    *resolution.RULES,
    *colour.RULES,
    *coding.RULES,
)
"""All rules: name, severity, what it looks for, source, and the function that finds it."""


_MAX_MESSAGE = 300
"""Longer messages, which quote a very long value, are cut."""


def check_expression(text: str, *, lenient: bool = True) -> tuple[Oddity, ...]:
    """Return what is odd about an expression, in the order of the text.

    `lenient` reads the operators `>` and `<` of RFC 2879's misprints, and reports them. Raises `FeatureSyntaxError` for
    a text that cannot be read, as `conneg.features.parse` does, and `conneg.errors.BoundExceededError`.
    """
    checked = Checked(parse(text, lenient=lenient))
    found = {
        (node.at, rule.id, message): _oddity(text, node.at, rule, message)
        for rule in RULES
        for node, message in rule.find(checked)
    }
    return tuple(sorted(found.values(), key=lambda oddity: oddity.offset))


def _oddity(text: str, at: int, rule: Rule, message: str) -> Oddity:
    line, column, excerpt = Source(text).locate(at)
    message = message if len(message) <= _MAX_MESSAGE else f"{message[: _MAX_MESSAGE - 3]}..."
    return Oddity(line, column, at, rule.severity, rule.id, message, rule.source, excerpt)
