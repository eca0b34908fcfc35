"""One receiver process, seen from the serving process: started, given connections, stopped.

`conneg.gateway.receivers` decides when; nothing here knows of other receivers.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

import conneg
from conneg.errors import UnavailableError
from conneg.gateway.channel import Channel, Word
from conneg.gateway.config import Config
from conneg.gateway.log import LogStyle
from conneg.gateway.sections import Section
from conneg.net.serving import LINGER

START_SECONDS = 60.0
"""How long a new receiver may take to load its libraries and to bring over what an earlier one left."""

_CLOSING_SECONDS = 10.0
"""How long a receiver may take to bring over what it has accepted, once its connections are closed."""


class Orders(Section):
    """What a receiver is told when it starts: its place among the receivers, counted from 1, and what it inherits.

    They go through a pipe, not onto the command line: an address of `[accounts] sql` may have a password in it.
    """

    config: Config
    place: int
    channel: int
    lock: int
    log_style: LogStyle


class Receiver:
    """One process; made by `start`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        channel: Channel,
        on_stored: Callable[[], None],
    ) -> None:
        self._process = process
        self._channel = channel
        self._on_stored = on_stored
        self._has_room = True
        self._ready = asyncio.Event()
        self._ended = asyncio.create_task(process.wait())
        asyncio.get_running_loop().add_reader(channel.fileno(), self._listen)

    @classmethod
    async def start(
        cls, config: Config, place: int, *, lock: int, log_style: LogStyle, on_stored: Callable[[], None]
    ) -> Self:
        """Start a process and return it when it can take connections. Raises `UnavailableError`.

        `lock` is the descriptor of the spool's lock; `on_stored` is called whenever new messages are in the spool.
        """
        ours, theirs = Channel.pair()
        orders = Orders(config=config, place=place, channel=theirs.fileno(), lock=lock, log_style=log_style)
        try:
            process = await _start_process(orders)
        except OSError as error:
            ours.close()
            raise UnavailableError(f"receiver {place} cannot be started: {error}") from error
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        receiver = cls(process, ours, on_stored)
        try:
            await _give(process, orders)
            await receiver._become_ready(place)
        except BaseException:
            await receiver.kill()
            raise
        return receiver

    async def _become_ready(self, place: int) -> None:
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait(
                (ready, self._ended), timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ready.cancel()
        if not self._ready.is_set():
            raise UnavailableError(
                f"receiver {place} does not start", hint="its own line in the log says why"
            )

    def hand_over(self, connection: socket.socket, listener: int) -> bool:
        """Give it a connection of the listener in that place; False if it cannot take one now."""
        return self._channel.say(Word.CONNECTION, listener, connection)

    def tell(self, has_room: bool) -> None:
        """Tell it whether what comes in goes out, if that has changed; try again later where it does not listen."""
        if has_room != self._has_room and self._channel.say(Word.ROOM if has_room else Word.NO_ROOM):
            self._has_room = has_room

    async def ended(self) -> str:
        """Wait for its end and return in words how that came."""
        status = await asyncio.shield(self._ended)
        self._let_go()
        return f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"

    async def stop(self, grace_seconds: float) -> None:
        """Let it finish what is in hand within `grace_seconds`, and wait for its end."""
        self._channel.say(Word.STOP, int(grace_seconds * 1000))
        try:
            await asyncio.wait((self._ended,), timeout=grace_seconds + LINGER.value + _CLOSING_SECONDS)
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End it at once, if it has not ended; what it has accepted is in its log."""
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await asyncio.shield(self._ended)
        self._let_go()

    def _let_go(self) -> None:
        if self._channel.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            self._channel.close()

    def _listen(self) -> None:
        try:
            message = self._channel.hear()
        except BlockingIOError:
            return
        if message is None:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
        elif message.word is Word.READY:
            self._ready.set()
        elif message.word is Word.STORED:
            self._on_stored()


async def _start_process(orders: Orders) -> asyncio.subprocess.Process:
    found = (str(Path(conneg.__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "conneg.gateway.receiver_main",
        stdin=asyncio.subprocess.PIPE,
        pass_fds=(orders.channel, orders.lock),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, found))},
    )


async def _give(process: asyncio.subprocess.Process, orders: Orders) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # it has ended, which is noticed anyway
        process.stdin.write(orders.model_dump_json().encode())
        await process.stdin.drain()
    process.stdin.close()
