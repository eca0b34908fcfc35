"""Options and output that several commands share."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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


def read_accepted(text: str) -> Any:
    """Return the capability that `text` gives: an expression, the name of a TIFF-FX profile, or a file holding one."""
    from conneg.negotiation import Provenance, read_capability

    path = Path(text)
    if not text.lstrip().startswith("(") and len(text) < 4096 and path.is_file():
        text = path.read_text(encoding="utf-8").strip()
    return read_capability(text, Provenance.DIRECTORY, "command line")
