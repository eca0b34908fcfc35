"""`conneg serve`: the gateway, until SIGTERM or SIGINT."""

import asyncio
import signal
import sys
from pathlib import Path

import click

from conneg.cli.options import config_file, load_config

_EXAMPLES = """\b
Examples:
  conneg serve                                loopback only, spool in your state folder
  conneg serve --config /etc/conneg.toml      as configured
  conneg check --config /etc/conneg.toml      is the configuration right?

SIGTERM and SIGINT stop it: it finishes what is in hand, within [server] stop_within_seconds, and the
rest waits in the spool for the next start. SIGHUP is not needed: the directory file is read again
when it changes.
"""


@click.command("serve", epilog=_EXAMPLES)
@config_file
@click.option("--log-json", is_flag=True, help="Write the log as JSON lines.")
@click.option("--verbose", "-v", is_flag=True, help="Log every delivery and every decision.")
def command(config_file: Path | None, log_json: bool, verbose: bool) -> None:
    """Run the gateway. Without a configuration it serves loopback only."""
    import uvloop

    from conneg.gateway.log import LogStyle, set_up_log

    # The spool's writer thread would wait for the interpreter lock behind a busy event loop: 5 ms, the default, for
    # each group of commits is too long.
    sys.setswitchinterval(0.001)
    style = LogStyle(as_json=log_json, verbose=verbose)
    set_up_log(style)
    config = load_config(config_file)
    uvloop.run(_serve(config, style))


async def _serve(config: object, style: object) -> None:
    from conneg.gateway.config import Config
    from conneg.gateway.log import LogStyle
    from conneg.gateway.service import Gateway, log

    assert isinstance(config, Config)
    assert isinstance(style, LogStyle)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Gateway(config, watch=style.watcher(), log_style=style) as gateway:
        log.info(
            "ready",
            listening=" ".join(str(endpoint) for endpoint in gateway.endpoints),
            spool=str(config.spool.path),
            relays_for=" ".join(str(network) for network in config.relay.networks),
        )
        sys.stderr.flush()
        fence = await gateway.fence()
        tell = log.info if fence.is_closed else log.warning
        tell(
            "documents are read behind a fence",
            **{what: ", ".join(by) for what, by in fence.as_json().items()},
        )
        await stop.wait()
        log.info("stopping", within_seconds=config.server.stop_within_seconds)
    log.info("stopped")
