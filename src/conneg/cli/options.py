"""Options and output that several commands share."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conneg.errors import ConnegError
from conneg.words import octets

if TYPE_CHECKING:
    from conneg.gateway.config import Config

as_json = click.option("--json", "as_json", is_flag=True, help="Report as JSON, for programs.")
config_file = click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The gateway's TOML file; without it the defaults hold.",
)


def load_config(path: Path | None) -> "Config":
    """Return the configuration at `path`, or the one that holds without a file."""
    from conneg.gateway.config import default_config, read_config

    return default_config() if path is None else read_config(path)


def print_json(value: Any) -> None:
    """Write `value` as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def outcome(state: str, form: str, sent: int) -> str:
    """Say how a recipient fared: "delivered as 200x200 dpi, MH, 301 kB", "delivered as it is, 2 kB", "failed"."""
    words = [state]
    if form:
        words.append(form if form.startswith("as ") else f"as {form}")
    return " ".join(words) + (f", {octets(sent)}" if sent else "")


def find_expression(text: str) -> str | None:
    """Return the expression that `text` is, names or holds; None if it is the path of a document."""
    from conneg.negotiation import profile_expression

    if text.lstrip().startswith("("):
        return text
    path = Path(text)
    if _is_file(path):
        with path.open("rb") as file:
            head = file.read(4096)
        if head.lstrip()[:1] != b"(" or b"\0" in head:
            return None
        return path.read_text(encoding="ascii", errors="replace").strip()
    profile = profile_expression(text)
    if profile is None:
        raise ConnegError(
            f"{text!r} is neither a file, an expression, nor the name of a profile",
            hint="an expression begins with (; profiles are S, F, J, C, L, M, and 'F full' and so on",
        )
    return profile


def read_accepted(text: str) -> Any:
    """Return the capability that `text` gives: an expression, the name of a TIFF-FX profile, or a file holding one."""
    from conneg.negotiation import Provenance, read_capability

    expression = find_expression(text)
    if expression is None:
        raise ConnegError(f"{text} holds no expression", hint="an expression begins with (")
    return read_capability(expression, Provenance.DIRECTORY, "command line")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
