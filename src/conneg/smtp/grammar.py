"""RFC 5321's grammar of commands: verb, path, parameters. Text in, values or a one-line complaint out."""

import re

from conneg.errors import ConnegError

_PATH = re.compile(
    r"""(?:FROM|TO):[ ]?          # one space after the colon is a common mistake
    <(?:@[^:>]*:)?                # a source route is ignored (RFC 5321, 4.1.1.3)
    (?P<path>(?:"(?:[^"\\]|\\.)*"|[^<>"\s\\])*)>(?P<rest>.*)$""",
    re.VERBOSE | re.IGNORECASE,
)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?$")


class CommandSyntaxError(ConnegError):
    """A command whose arguments cannot be read; the text becomes the reply's."""


def read_path(argument: str) -> tuple[str, str]:
    """Return the path without its angle brackets and the text of the parameters after `FROM:` or `TO:`."""
    match = _PATH.match(argument)
    if match is None:
        raise CommandSyntaxError("syntax error: write <local-part@domain> in angle brackets")
    rest = match["rest"]
    if rest and rest[0] not in " \t":
        raise CommandSyntaxError("syntax error after the path")
    return match["path"], rest.strip()


def read_parameters(text: str) -> dict[str, str | None]:
    """Return the esmtp-params by upper-case keyword; None as value where there is no `=`."""
    found: dict[str, str | None] = {}
    for word in text.split():
        match = _PARAMETER.match(word)
        if match is None:
            raise CommandSyntaxError(f"syntax error in parameter {word[:40]!r}")
        keyword = match[1].upper()
        if keyword in found:
            raise CommandSyntaxError(f"parameter {keyword} given twice")
        found[keyword] = match[2]
    return found
