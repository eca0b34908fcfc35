"""aiosmtpd as its documentation runs it, a Controller with a handler that discards; argument: `uvloop` or `asyncio`."""

import asyncio
import signal
import sys
import threading

from aiosmtpd.controller import Controller
from tests.peers.ports import LOOPBACK, free_port


class Discard:
    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        return "250 2.0.0 discarded"


def main() -> None:
    if sys.argv[1] == "uvloop":
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    controller = Controller(Discard(), loop=loop, hostname=LOOPBACK, port=free_port())
    controller.start()
    print(controller.port, flush=True)
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    while not done.wait(1):  # wakes now and then so that the signal's handler gets its turn
        pass
    controller.stop()


if __name__ == "__main__":
    main()
