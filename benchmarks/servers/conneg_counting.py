"""A next hop that writes the number of each message that it accepts into a file; it tells what ifax1.example takes.

Arguments: the file. A message's number is what stands behind `X-Number: ` in its header; -1 if there is none.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from tests.peers.ports import LOOPBACK

from conneg.net import ListenerLimits, Peer, RcptAnswer, SessionInfo, start_listener
from conneg.smtp import MailCommand, RcptCommand, Reply, ServerConfig

GOOD = Reply(250, ("OK",), "2.0.0")
TEXT = RcptAnswer(GOOD, '(type=["text/plain","application/octet-stream"])')
NUMBER = re.compile(rb"^X-Number: ([0-9]+)\r$", re.MULTILINE)


class Sink:
    def __init__(self, file: int) -> None:
        self._file = file
        self._content = bytearray()

    def write(self, chunk: bytes) -> None:
        self._content += chunk

    def finish(self) -> Reply:
        found = NUMBER.search(self._content)
        os.write(self._file, b"%s\n" % (found[1] if found else b"-1"))
        return GOOD

    def abort(self) -> None:
        pass


class Counting:
    def __init__(self, file: int) -> None:
        self._file = file

    def connect(self, peer: Peer) -> Reply | None:
        return None

    def mail(self, session: SessionInfo, command: MailCommand) -> Reply:
        return GOOD

    def rcpt(self, session: SessionInfo, commands: Sequence[RcptCommand]) -> Sequence[RcptAnswer]:
        return [
            TEXT if command.forward_path.endswith("@ifax1.example") else RcptAnswer(GOOD)
            for command in commands
        ]

    def data(self, session: SessionInfo) -> Sink:
        return Sink(self._file)

    def reset(self, session: SessionInfo) -> None:
        pass

    def disconnect(self, session: SessionInfo) -> None:
        pass

    def vrfy(self, session: SessionInfo, argument: str) -> Reply:
        return GOOD


async def serve(path: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    config = ServerConfig(hostname="sink.example", max_transactions=10_000_000)
    limits = ListenerLimits(connections_per_minute=1_000_000)
    listener = await start_listener(Counting(file), LOOPBACK, 0, config, limits=limits)
    print(listener.port, flush=True)
    await stop.wait()
    await listener.close(1)
    os.close(file)


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
