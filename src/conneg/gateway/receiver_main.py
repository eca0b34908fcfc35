"""The program of a receiver process: accepts mail from the connections that it is given, into the spool.

Started by `conneg.gateway.receiver` only, as `python -m conneg.gateway.receiver_main`, with `Orders` as JSON on
standard input. It ends when it is told to, and at once when the serving process is gone: what it has accepted is in its
log, which the next serving process reads.
"""

import asyncio
import contextlib
import os
import signal
import sys

import structlog
import uvloop

from conneg.errors import ConnegError
from conneg.gateway.acceptance import Acceptance, open_acceptance
from conneg.gateway.channel import Channel, Word
from conneg.gateway.directories import open_directory, open_learners
from conneg.gateway.intake import Intake
from conneg.gateway.log import FaultLog, set_up_log
from conneg.gateway.receiver import Orders
from conneg.gateway.routing import Routes
from conneg.spool import join_spool

log = structlog.get_logger("conneg")


def main() -> int:
    """Run until the serving process says so; returns the exit status."""
    # Signals for the whole group of processes are the serving process's to understand: it then says what is to be done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.setswitchinterval(0.001)  # as `conneg serve` does
    orders = Orders.model_validate_json(sys.stdin.buffer.read())
    set_up_log(orders.log_style)
    structlog.contextvars.bind_contextvars(receiver=orders.place)
    try:
        uvloop.run(_receive(orders))
    except (ConnegError, OSError) as error:
        log.error("no mail can be accepted", error=str(error))
        return int(error.exit_code) if isinstance(error, ConnegError) else os.EX_OSERR
    return 0


async def _receive(orders: Orders) -> None:
    config, channel = orders.config, Channel.inherited(orders.channel)
    spool = join_spool(
        config.spool.path,
        place=orders.place,
        receivers=config.server.receivers,
        lock=orders.lock,
        on_stored=lambda: channel.say(Word.STORED),
    )
    directory = await asyncio.to_thread(open_directory, config)
    learners = open_learners(config)
    room = Room(config.delivery.accept_delay_seconds)
    intake = Intake(
        config,
        Routes(config),
        directory,
        spool,
        claims=room.wait,
        watch=orders.log_style.watcher(),
        learners=learners,
        report=FaultLog(),
    )
    acceptance = await open_acceptance(config, intake, processes=config.server.receivers)
    grace_seconds = await Duties(channel, acceptance, room).run()
    await acceptance.close(grace_seconds)
    await asyncio.gather(*(learner.close() for learner in learners), directory.close())
    await spool.close()


class Room:
    """Whether what comes in goes out, as the serving process said last."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay = delay_seconds
        self._is_there = asyncio.Event()
        self._is_there.set()

    def set(self, is_there: bool) -> None:
        """Let those who wait go on, or new ones wait."""
        if is_there:
            self._is_there.set()
        else:
            self._is_there.clear()

    async def wait(self) -> bool:
        """Wait for room, but not too long; claim nothing in any case, since the serving process finds the message."""
        if not self._is_there.is_set() and self._delay > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._delay):
                    await self._is_there.wait()
        return False


class Duties:
    """Does what the serving process says, until it says stop."""

    def __init__(self, channel: Channel, acceptance: Acceptance, room: Room) -> None:
        self._channel = channel
        self._acceptance = acceptance
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._stop: asyncio.Future[float] = self._loop.create_future()

    async def run(self) -> float:
        """Say that we are ready and listen; return within how many seconds all is to be finished."""
        self._loop.add_reader(self._channel.fileno(), self._listen)
        self._channel.say(Word.READY)
        return await self._stop

    def _listen(self) -> None:
        try:
            message = self._channel.hear()
        except BlockingIOError:
            return
        if message is None:  # the serving process is gone, and a new one waits for the lock that we hold
            os._exit(os.EX_OK)
        match message.word:
            case Word.CONNECTION if message.connection is not None:
                self._acceptance.listeners[message.number].take(message.connection)
            case Word.ROOM | Word.NO_ROOM:
                self._room.set(message.word is Word.ROOM)
            case Word.STOP if not self._stop.done():
                self._stop.set_result(message.number / 1000)


if __name__ == "__main__":
    sys.exit(main())
