"""`conneg directory`: who can take what."""

import asyncio
import time
from pathlib import Path
from typing import Any

import click

from conneg.cli.options import as_json, config_file, load_config, print_json
from conneg.errors import ConnegError, ExitCode

_EXAMPLES = """\b
Examples:
  conneg directory set june@ifax1.jp '(&(image-file-structure=TIFF-minimal)(color=Binary)(image-coding=MH))'
  conneg directory set '@office.example' '(type=["application/pdf","image/jpeg","text/plain"])'
  conneg directory set '*@fax.example' 'profile S'
  conneg directory show june@ifax1.jp
  conneg directory test june@ifax1.jp        which source answers, how fast, what it means
  conneg directory import devices.toml

`set`, `remove` and `import` write the SQLite directory; a TOML file is edited with an editor, and a
running gateway reads it again when it changes.
"""


@click.group("directory", epilog=_EXAMPLES)
@config_file
@click.option(
    "--sqlite", type=click.Path(path_type=Path), help="The SQLite directory, if no --config names one."
)
@click.pass_context
def command(ctx: click.Context, config_file: Path | None, sqlite: Path | None) -> None:
    """Show, set, remove, import and test what recipients can take."""
    config = load_config(config_file)
    if sqlite is not None:
        section = config.directory.model_copy(update={"sqlite": sqlite})
        config = config.model_copy(update={"directory": section})
    ctx.obj = config


def _store(config: Any) -> Any:
    from conneg.directory import SqliteDirectory

    if config.directory.sqlite is None:
        raise ConnegError(
            "no SQLite directory is configured", hint="add [directory] sqlite = ..., or use --sqlite FILE"
        )
    config.directory.sqlite.parent.mkdir(parents=True, exist_ok=True)
    return SqliteDirectory(config.directory.sqlite)


@command.command("set")
@click.argument("recipient")
@click.argument("expression")
@click.pass_obj
def set_(config: Any, recipient: str, expression: str) -> None:
    """Say what RECIPIENT (an address, @domain or a pattern with *) can take."""
    from conneg.negotiation import Provenance, describe_capability, read_capability

    capability = read_capability(expression, Provenance.DIRECTORY, "command line")
    asyncio.run(_store(config).set(recipient, expression))
    click.echo(f"{recipient}: {describe_capability(capability)}")


@command.command("remove")
@click.argument("recipient")
@click.pass_context
def remove(ctx: click.Context, recipient: str) -> None:
    """Forget what RECIPIENT can take."""
    if not asyncio.run(_store(ctx.obj).remove(recipient)):
        click.echo(f"{recipient} is not in the directory", err=True)
        ctx.exit(ExitCode.NO)
    click.echo(f"{recipient} is removed")


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_(config: Any, file: Path) -> None:
    """Copy every entry of a TOML directory FILE into the SQLite directory."""
    from conneg.directory import read_table

    entries = read_table(file.read_bytes(), name=str(file)).entries()
    count = asyncio.run(_store(config).import_entries(entries))
    click.echo(f"{count} entries imported from {file}")


@command.command("show")
@click.argument("recipient", required=False)
@as_json
@click.pass_context
def show(ctx: click.Context, recipient: str | None, as_json: bool) -> None:
    """Show what RECIPIENT can take, or every entry of the SQLite directory."""
    if recipient is None:
        entries = asyncio.run(_store(ctx.obj).list())
        if as_json:
            print_json([{"recipient": e.entry.name, "expression": e.entry.expression} for e in entries])
            return
        for stored in entries:
            click.echo(f"{stored.entry.name}  {stored.entry.expression}")
        return
    report = asyncio.run(_test(ctx.obj, recipient))
    if as_json:
        print_json(report)
    else:
        click.echo(report["expression"] or report["answer"])
    ctx.exit(_code(report))


@command.command("test")
@click.argument("recipient")
@as_json
@click.pass_context
def test(ctx: click.Context, recipient: str, as_json: bool) -> None:
    """Say which source answers for RECIPIENT, how fast, and what the answer means."""
    report = asyncio.run(_test(ctx.obj, recipient))
    if as_json:
        print_json(report)
    else:
        click.echo(f"{recipient}: {report['answer']} in {report['milliseconds']:.1f} ms")
        if report["source"]:
            click.echo(f"source   {report['source']}")
            click.echo(f"means    {report['summary']}")
            click.echo(f"text     {report['expression']}")
    ctx.exit(_code(report))


def _code(report: dict[str, Any]) -> ExitCode:
    return {"known": ExitCode.DONE, "unknown": ExitCode.NO}.get(report["kind"], ExitCode.TRY_LATER)


async def _test(config: Any, recipient: str) -> dict[str, Any]:
    from conneg.directory import Known, Unavailable
    from conneg.gateway.opening import open_directory
    from conneg.negotiation import describe_capability

    directory = open_directory(config)
    began = time.perf_counter()
    answers = await directory.lookup([recipient], config.conneg.lookup_seconds)
    report: dict[str, Any] = {
        "recipient": recipient,
        "milliseconds": (time.perf_counter() - began) * 1000,
        "kind": "unknown",
        "answer": "not in the directory",
        "source": None,
        "expression": None,
        "summary": None,
    }
    match answers.get(recipient):
        case Known(capability=capability):
            report |= {
                "kind": "known",
                "answer": "known",
                "source": capability.source,
                "expression": capability.expression,
                "summary": describe_capability(capability),
            }
        case Unavailable(reason=reason):
            report |= {"kind": "unavailable", "answer": f"the directory gives no answer: {reason}"}
        case _:
            pass
    return report
