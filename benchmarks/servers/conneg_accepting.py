"""The gateway's receiving half: listeners, intake, directory and spool, no delivery; argument: its configuration.

What is accepted is durable by the very code that `conneg serve` runs, in receivers if the configuration names any, and
then lies in the spool.
"""

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from conneg.gateway.acceptance import Acceptance, open_acceptance
from conneg.gateway.config import Config, read_config
from conneg.gateway.directories import open_directory
from conneg.gateway.intake import Intake
from conneg.gateway.log import LogStyle
from conneg.gateway.receivers import Receivers
from conneg.gateway.routing import Routes
from conneg.spool import SqliteSpool, open_spool


async def serve(file: Path) -> None:
    config = read_config(file)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    spool = open_spool(config.spool.path, receivers=config.server.receivers)
    accepting = await (_receivers(config, spool) if config.server.receivers else _acceptance(config, spool))
    print(accepting.endpoints[0].port, flush=True)
    await stop.wait()
    await accepting.close(1)
    await spool.close()


async def _receivers(config: Config, spool: SqliteSpool) -> Receivers:
    receivers = Receivers(
        config, lock=spool.lock, wake=lambda: None, keeps_up=lambda: True, log_style=LogStyle()
    )
    await receivers.start()
    return receivers


async def _acceptance(config: Config, spool: SqliteSpool) -> Acceptance:
    acceptance = await open_acceptance(config, Intake(config, Routes(config), open_directory(config), spool))
    await acceptance.listen()
    return acceptance


if __name__ == "__main__":
    sys.setswitchinterval(0.001)  # as `conneg serve` does
    uvloop.run(serve(Path(sys.argv[1])))
