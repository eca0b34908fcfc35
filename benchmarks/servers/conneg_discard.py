"""conneg's listener on uvloop with a handler that takes everything and keeps nothing.

Argument: the capability that is told of every recipient to those who ask; without one nothing is told.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence

import uvloop
from tests.peers.ports import LOOPBACK

from conneg.net import ListenerLimits, Peer, RcptAnswer, SessionInfo, start_listener
from conneg.smtp import MailCommand, RcptCommand, Reply, ServerConfig

GOOD = Reply(250, ("OK",), "2.0.0")
BAD = Reply(252, ("cannot say",), "2.0.0")


class Sink:
    def write(self, chunk: bytes) -> None:
        pass

    def finish(self) -> Reply:
        return GOOD

    def abort(self) -> None:
        pass


class Discard:
    def __init__(self, capability: str | None) -> None:
        self._answer = RcptAnswer(GOOD, capability)

    def connect(self, peer: Peer) -> Reply | None:
        return None

    def mail(self, session: SessionInfo, command: MailCommand) -> Reply:
        return GOOD

    def rcpt(self, session: SessionInfo, commands: Sequence[RcptCommand]) -> Sequence[RcptAnswer]:
        return [self._answer] * len(commands)

    def data(self, session: SessionInfo) -> Sink:
        return Sink()

    def reset(self, session: SessionInfo) -> None:
        pass

    def disconnect(self, session: SessionInfo) -> None:
        pass

    def vrfy(self, session: SessionInfo, argument: str) -> Reply:
        return BAD


async def serve(capability: str | None) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    config = ServerConfig(hostname="bench.example")
    listener = await start_listener(Discard(capability), LOOPBACK, 0, config, limits=ListenerLimits())
    print(listener.port, flush=True)
    await stop.wait()
    await listener.close(1)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1] if len(sys.argv) > 1 else None))
