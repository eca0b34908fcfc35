"""The gateway's receiving half: listener, intake, directory and spool, no delivery; argument: its configuration.

What is accepted is durable by the very code that `conneg serve` runs, and then lies in the spool.
"""

import asyncio
import signal
import sys
from pathlib import Path

import uvloop
from tests.peers.ports import LOOPBACK

from conneg.gateway.config import read_config
from conneg.gateway.directories import open_directory
from conneg.gateway.events import ignore
from conneg.gateway.intake import Intake
from conneg.gateway.routing import Routes
from conneg.net import ListenerLimits, start_listener
from conneg.smtp import ServerConfig
from conneg.spool import open_spool


async def _has_no_room() -> bool:
    return False


async def serve(file: Path) -> None:
    config = read_config(file)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    spool = open_spool(config.spool.path)
    intake = Intake(
        config,
        Routes(config),
        open_directory(config),
        spool,
        submit=lambda message, content: None,
        wake=lambda: None,
        claims=_has_no_room,
        watch=ignore,
    )
    listener = await start_listener(
        intake.for_listener(config.listeners[0]),
        LOOPBACK,
        0,
        ServerConfig(hostname=config.server.hostname, max_recipients=config.server.max_recipients),
        limits=ListenerLimits(),
    )
    print(listener.port, flush=True)
    await stop.wait()
    await listener.close(1)
    await spool.close()


if __name__ == "__main__":
    sys.setswitchinterval(0.001)  # as `conneg serve` does
    uvloop.run(serve(Path(sys.argv[1])))
