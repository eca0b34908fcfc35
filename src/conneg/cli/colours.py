"""Colours for a terminal: feature expressions by what their elements are, and the labels in front of lines."""

import os
import re

import click

_ELEMENT = re.compile(
    r"""(?P<string>"[^"]*"?)
      | (?P<operator>[&|!]|[<>]?=|[<>]|:-|\.\.)
      | (?P<bracket>[()\[\],;])
      | (?P<number>[+-]?[0-9]+(?:[/.][0-9]+)?(?![A-Za-z0-9]))
      | (?P<word>[^\s()\[\],;"<>=&|!]+)
      | (?P<space>\s+)""",
    re.VERBOSE,
)
_BEFORE_A_VALUE = frozenset(("=", "<=", ">=", "<", ">", "[", ",", ".."))
_STYLES = {
    "string": {"fg": "green"},
    "number": {"fg": "yellow"},
    "value": {"fg": "green"},
    "tag": {"fg": "cyan"},
    "operator": {"fg": "magenta", "bold": True},
    "bracket": {"dim": True},
}


def has_colour() -> bool | None:
    """Return False where the user wants none (https://no-color.org), else None: as the terminal has it."""
    return False if os.environ.get("NO_COLOR") else None


def say(text: str, *, err: bool = False) -> None:
    """Write a line; its colours are left out where there is no terminal or none are wanted."""
    click.echo(text, err=err, color=has_colour())


def paint(expression: str) -> str:
    """Return the text of a feature expression with its elements in colours."""
    painted = []
    before = ""
    for match in _ELEMENT.finditer(expression):
        kind = match.lastgroup or "space"
        if kind == "word":
            kind = "value" if before in _BEFORE_A_VALUE else "tag"
        if kind != "space":
            before = match[0]
        style = _STYLES.get(kind)
        painted.append(click.style(match[0], **style) if style else match[0])  # type: ignore[arg-type]
    return "".join(painted)


def label(text: str, width: int = 10) -> str:
    """Return `text` as the label of a line, in a column of `width`."""
    return click.style(f"{text:<{width}}", bold=True)
