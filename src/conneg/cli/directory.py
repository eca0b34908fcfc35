"""`conneg directory`: who can take what."""

import asyncio
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
  conneg directory test june@ifax1.jp        which source answers, how fast, what it means for a PDF
  conneg directory import devices.toml
  conneg directory --config service.toml serve --store published.sqlite

`set`, `remove` and `import` write the SQLite directory, or with --source NAME the table of that database;
a TOML file is edited with an editor, and a running gateway reads it again when it changes.
"""


@click.group("directory", epilog=_EXAMPLES)
@config_file
@click.option(
    "--sqlite", type=click.Path(path_type=Path), help="The SQLite directory, if no --config names one."
)
@click.option("--source", metavar="NAME", help="The [[source]] (sql, learned) to show or change.")
@click.pass_context
def command(ctx: click.Context, config_file: Path | None, sqlite: Path | None, source: str | None) -> None:
    """Show, set, remove, import and test what recipients can take; let devices publish it."""
    config = load_config(config_file)
    ctx.meta[_SOURCE] = source
    if sqlite is not None:
        section = config.directory.model_copy(update={"sqlite": sqlite})
        config = config.model_copy(update={"directory": section})
    ctx.obj = config


_SOURCE = "conneg.directory.source"
"""Where a command finds what `--source` said."""


def _store(config: Any, *, to_write: bool = True) -> Any:
    """Return the database that is read or written: SQLite's, or the one that `--source` names.

    What was learned from reports can be shown and removed, not written.
    """
    from conneg.directory import SqliteDirectory

    name = click.get_current_context().meta[_SOURCE]
    if name is not None:
        return _source(config, name, to_write)
    if config.directory.sqlite is None:
        raise ConnegError(
            "no SQLite directory is configured", hint="add [directory] sqlite = ..., or use --sqlite FILE"
        )
    config.directory.sqlite.parent.mkdir(parents=True, exist_ok=True)
    return SqliteDirectory(config.directory.sqlite)


def _source(config: Any, name: str, to_write: bool) -> Any:
    from conneg.directory.learned import LearnedCapabilities
    from conneg.gateway.directories import open_source
    from conneg.gateway.sources import LearnedSource, SqlSource

    section = next((one for one in config.source if one.name == name), None)
    match section:
        case SqlSource():
            return open_source(section, config)
        case LearnedSource() if not to_write:
            return LearnedCapabilities(section.path)
        case LearnedSource():
            raise ConnegError(f"{name} is learned from reports; it can be shown and removed")
        case _:
            raise ConnegError(f"no [[source]] of kind sql or learned is called {name!r}")


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
    if not asyncio.run(_store(ctx.obj, to_write=False).remove(recipient)):
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
    """Show what RECIPIENT can take, or every entry of the database that is written to."""
    if recipient is None:
        entries = asyncio.run(_store(ctx.obj, to_write=False).list())
        if as_json:
            print_json([{"recipient": e.entry.name, "expression": e.entry.expression} for e in entries])
            return
        for stored in entries:
            click.echo(f"{stored.entry.name}  {stored.entry.expression}")
        return
    from conneg.cli.directory_test import as_values, ask_everybody

    verdict = asyncio.run(ask_everybody(ctx.obj, recipient))
    if as_json:
        print_json(as_values(verdict, None))
    else:
        click.echo(verdict.capability.expression if verdict.capability else verdict.words)
    ctx.exit(verdict.exit_code)


@command.command("test")
@click.argument("recipient")
@click.option(
    "--document",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the answer would mean for this document; without it, for a PDF with text and a drawing.",
)
@as_json
@click.pass_context
def test(ctx: click.Context, recipient: str, document: Path | None, as_json: bool) -> None:
    """Ask every source about RECIPIENT: what it says, how fast, how old that is, and what comes of it."""
    from conneg.cli.directory_test import as_values, ask_everybody, tell, what_becomes_of

    async def run() -> Any:
        verdict = await ask_everybody(ctx.obj, recipient)
        return verdict, await what_becomes_of(document, verdict)

    verdict, plan = asyncio.run(run())
    if as_json:
        print_json(as_values(verdict, plan))
    else:
        tell(verdict, plan)
    ctx.exit(verdict.exit_code)


@command.command("serve")
@click.option(
    "--listen", default="127.0.0.1:8443", show_default=True, help="Where: host:port or [IPv6]:port."
)
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The SQLite database of what is published.",
)
@click.option(
    "--reader-token",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the bearer token without which nothing is told; without one, anybody may ask.",
)
@click.pass_obj
def serve(config: Any, listen: str, store: Path, reader_token: Path | None) -> None:
    """Run the service where devices publish what they can take, over HTTPS.

    Its users are those of [accounts] (each publishes for the address that is its name), its certificate is the first
    [[certificate]].
    """
    import importlib.util

    from conneg.errors import UnavailableError
    from conneg.gateway.directories import read_secret
    from conneg.gateway.endpoint import Endpoint
    from conneg.gateway.opening import open_accounts

    if importlib.util.find_spec("uvicorn") is None or importlib.util.find_spec("starlette") is None:
        raise UnavailableError("the service needs Starlette and uvicorn", hint="pip install conneg[web]")
    accounts = open_accounts(config)
    if accounts is None or not config.certificate:
        raise ConnegError(
            "the service needs users and a certificate", hint="add [accounts] and [[certificate]] to --config"
        )
    import uvicorn

    from conneg.web.published import PublishedCapabilities
    from conneg.web.publishing import make_service

    token = None if reader_token is None else read_secret(reader_token)
    certificate, endpoint = config.certificate[0], Endpoint.parse(listen)
    uvicorn.run(
        make_service(PublishedCapabilities(store), accounts, reader_token=token),
        host=endpoint.host,
        port=endpoint.port,
        ssl_certfile=certificate.file,
        ssl_keyfile=certificate.key or certificate.file,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=30,
        limit_concurrency=500,
    )
