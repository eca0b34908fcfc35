"""What can be wrong with a feature expression, each with one clear line for whoever wrote it."""

from conneg.errors import ConnegError


class FeatureError(ConnegError):
    """The root of the errors of this package."""


class FeatureSyntaxError(FeatureError):
    """Text that is no feature expression (RFC 2533, 4.1).

    `line` and `column` count from 1; `found` and `expected` are words; `excerpt` is two lines of text: the source line
    (shortened when it is long) and a caret under the place. `str()` is one line.
    """

    def __init__(self, line: int, column: int, found: str, expected: str, excerpt: str) -> None:
        super().__init__(f"line {line}, column {column}: found {found}, expected {expected}")
        self.line = line
        self.column = column
        self.found = found
        self.expected = expected
        self.excerpt = excerpt


class FeatureValueError(FeatureError, ValueError):
    """A token, string, tag or collection that no feature expression could write."""


class FeatureReferenceError(FeatureError):
    """A named predicate that cannot be put in place: wrong number of arguments, or a text that its hash belies."""


class WrapError(FeatureError):
    """An expression that cannot be cut into pieces of the wanted size without cutting a lexical element."""
