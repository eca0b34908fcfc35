"""The checker on any octets: oddities with places in the text, or an error of ours; nothing else may happen."""

from conneg.errors import BoundExceededError, ConnegError
from conneg.features import FeatureError, parse
from conneg.features.checking import RULES, check_expression

_NAMES = {rule.id for rule in RULES}


def fuzz_one(data: bytes) -> None:
    """Raise only for a bug."""
    text = data.decode("latin-1")
    try:
        oddities = check_expression(text)
    except (FeatureError, BoundExceededError) as error:
        _check_line(error)
        return
    _check_reads(text)
    for oddity in oddities:
        assert oddity.rule in _NAMES
        assert 0 <= oddity.offset < len(text)
        assert text[oddity.offset] not in " \t\r\n()"
        assert oddity.line == text.count("\n", 0, oddity.offset) + 1
        assert text.split("\n")[oddity.line - 1][oddity.column - 1] == text[oddity.offset]
        assert "\n" not in str(oddity)
        line, caret = oddity.excerpt.split("\n")
        assert line[caret.index("^")] == text[oddity.offset]


def _check_line(error: Exception) -> None:
    assert "\n" not in str(error)


def _check_reads(text: str) -> None:
    try:
        parse(text, lenient=True)
    except ConnegError as error:
        raise AssertionError(f"checked, but cannot be read: {error}") from error
