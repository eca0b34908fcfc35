"""`conneg staging`: the retrieval server, and what is on it."""

import asyncio
import signal
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conneg.cli.options import as_json, config_file, load_config, print_json
from conneg.errors import ConnegError, ExitCode
from conneg.words import octets

if TYPE_CHECKING:
    from conneg.gateway.config import Config
    from conneg.staging import FileStore, Item

_EXAMPLES = """\b
Examples:
  conneg staging serve --config conneg.toml   serve what is staged, until SIGTERM or SIGINT
  conneg staging list --config conneg.toml    what is staged, for whom, until when
  conneg staging remove 4f1c                  withdraw it: its link is worth nothing from now on
  conneg staging sweep                        remove what has expired, now

An ID may be cut short as long as it names one item.
"""


class NoSuchStagedError(ConnegError):
    """No item has this id, or more than one begins with it."""

    exit_code = ExitCode.NO


@click.group("staging", epilog=_EXAMPLES)
def command() -> None:
    """Serve content that is fetched instead of sent; list, remove, sweep."""


@command.command("serve")
@config_file
@click.option("--log-json", is_flag=True, help="Write the log as JSON lines.")
def serve(config_file: Path | None, log_json: bool) -> None:
    """Run the retrieval server beside the gateway; both share the folder of [staging]."""
    import uvloop

    from conneg.gateway.log import LogStyle, set_up_log

    set_up_log(LogStyle(as_json=log_json))
    uvloop.run(_serve(load_config(config_file)))


async def _serve(config: "Config") -> None:
    import structlog

    from conneg.web.server import serve_staged, staging_of

    log = structlog.get_logger("conneg")
    section = staging_of(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready(endpoint: object) -> None:
        log.info("ready", listening=str(endpoint), address=section.base_url, folder=str(section.folder))
        sys.stderr.flush()

    await serve_staged(config, stop, ready=ready)
    log.info("stopped")


@command.command("list")
@config_file
@as_json
def list_(config_file: Path | None, as_json: bool) -> None:
    """List what is staged, what goes first on top."""
    store = _store(config_file)
    items = sorted(store.items(), key=lambda item: item.expires_at)
    if as_json:
        print_json([{**asdict(item), "sent": dict(store.usage(item.id).sent)} for item in items])
        return
    if not items:
        click.echo("nothing is staged")
    for item in items:
        cited = "" if item.cited_at else "  (no citation of it was sent)"
        click.echo(
            f"{item.id}  until {_when(item.expires_at)}  {octets(item.octets):>7}  {item.label}{cited}"
        )
        click.echo(f"    message {item.message_id} for {', '.join(item.recipients)}")


@command.command("remove")
@click.argument("item_ids", metavar="ID...", nargs=-1, required=True)
@config_file
def remove(item_ids: tuple[str, ...], config_file: Path | None) -> None:
    """Remove items; their links are worth nothing from then on."""
    store = _store(config_file)
    found = [_find(store, item_id) for item_id in item_ids]
    for item in found:
        store.remove(item.id)
        click.echo(f"{item.id} is removed: {item.label}")


@command.command("sweep")
@config_file
def sweep(config_file: Path | None) -> None:
    """Remove what has expired, and what no citation ever named."""
    removed = _store(config_file).sweep(time.time())
    for item in removed:
        click.echo(f"{item.id} is removed: {item.label}")
    click.echo(f"{len(removed)} removed")


def _store(config_file: Path | None) -> "FileStore":
    from conneg.errors import UsageError
    from conneg.gateway.citing import open_store

    config = load_config(config_file)
    if config.staging is None:
        raise UsageError("the configuration has no [staging]", hint="name the gateway's file: --config FILE")
    return open_store(config.staging)


def _find(store: "FileStore", prefix: str) -> "Item":
    found = [item for item in store.items() if item.id.startswith(prefix.lower())]
    if not found:
        raise NoSuchStagedError(f"nothing is staged as {prefix!r}", hint="conneg staging list shows what is")
    if len(found) > 1:
        raise NoSuchStagedError(f"{prefix!r} begins {len(found)} ids")
    return found[0]


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
