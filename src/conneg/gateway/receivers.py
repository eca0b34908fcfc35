"""The receivers: processes that accept mail beside the serving one, so that accepting spreads over the cores.

The serving process listens and hands each connection to the receivers in turn; it never reads from one. A receiver that
dies is started again; its connections are lost, and no accepted message is.
"""

import asyncio
import socket
from collections.abc import Callable
from functools import partial

import structlog

from conneg.errors import ConnegError
from conneg.gateway.acceptance import cannot_listen, check_acceptance
from conneg.gateway.config import Config
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.log import LogStyle
from conneg.gateway.receiver import Receiver
from conneg.net.accepting import Accepting, open_sockets
from conneg.net.listener import BACKLOG

_RESTART_SECONDS = 1.0
"""How long after its end a receiver is started again, so that one that cannot live does not take the machine."""

_TELL_SECONDS = 0.1
"""How often it is seen to whether receivers know if there is room."""

_BUSY_SECONDS = 0.02
"""How long a connection waits before it is offered again, when no receiver could take it."""

log = structlog.get_logger("conneg")


class Receivers:
    """As many receiver processes as the configuration says, and the sockets whose connections they get.

    `lock` is the descriptor of the spool's lock, which they inherit. `wake` is called when they have put messages into
    the spool; `keeps_up` says whether what comes in goes out.
    """

    def __init__(
        self,
        config: Config,
        *,
        lock: int,
        wake: Callable[[], None],
        keeps_up: Callable[[], bool],
        log_style: LogStyle,
    ) -> None:
        self._config = config
        self._keeps_up = keeps_up
        self._new_receiver = partial(Receiver.start, config, lock=lock, log_style=log_style, on_stored=wake)
        self._ready: dict[int, Receiver] = {}
        self._turn = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._accepting: list[Accepting] = []
        self.endpoints: list[Endpoint] = []
        """Where it listens, with the ports that the system chose for port 0."""

    async def start(self) -> None:
        """Listen, start the processes, and accept when all of them are ready.

        Raises `conneg.errors.ConnegError` for a place, users or certificates that cannot be had, and `UnavailableError`
        for a receiver that does not start.
        """
        await check_acceptance(self._config)
        listening: list[list[socket.socket]] = []
        try:
            for section in self._config.listeners:
                listening.append(await _open_sockets(Endpoint.parse(section.listen)))
            places = range(1, self._config.server.receivers + 1)
            found = await asyncio.gather(*map(self._start_one, places), return_exceptions=True)
            for error in filter(None, found):
                raise error
        except BaseException:
            for one in (one for sockets in listening for one in sockets):
                one.close()
            raise
        self.endpoints = [_endpoint_of(sockets[0]) for sockets in listening]
        self._accepting = [
            Accepting(sockets, partial(self._hand_over, listener))
            for listener, sockets in enumerate(listening)
        ]
        self._tasks = [asyncio.create_task(self._keep(place)) for place in places]
        self._tasks.append(asyncio.create_task(self._tell()))

    async def close(self, grace_seconds: float) -> None:
        """Stop listening; transactions in hand may finish within `grace_seconds`, then are cut."""
        for accepting in self._accepting:
            accepting.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(receiver.stop(grace_seconds) for receiver in self._ready.values()))
        self._ready.clear()

    async def _start_one(self, place: int) -> None:
        self._ready[place] = await self._new_receiver(place)

    async def _keep(self, place: int) -> None:
        """See to it that there is a receiver in that place."""
        while True:
            if place in self._ready:
                how = await self._ready[place].ended()
                del self._ready[place]
                log.error("a receiver has ended; it is started again", receiver=place, ended=how)
            await asyncio.sleep(_RESTART_SECONDS)
            try:
                await self._start_one(place)
            except ConnegError as error:
                log.error("a receiver does not start; it is tried again", receiver=place, error=str(error))

    async def _tell(self) -> None:
        """Tell the receivers whether there is room, when that changes."""
        while True:
            has_room = self._keeps_up()
            for receiver in self._ready.values():
                receiver.tell(has_room)
            await asyncio.sleep(_TELL_SECONDS)

    async def _hand_over(self, listener: int, connection: socket.socket) -> None:
        """Give a connection to the receiver whose turn it is, or to the next that can take it; wait until one can."""
        try:
            while True:
                if any(receiver.hand_over(connection, listener) for receiver in self._in_turn()):
                    return
                await asyncio.sleep(_BUSY_SECONDS)
        finally:
            connection.close()

    def _in_turn(self) -> list[Receiver]:
        self._turn += 1
        receivers = list(self._ready.values())
        first = self._turn % max(1, len(receivers))
        return receivers[first:] + receivers[:first]


async def _open_sockets(endpoint: Endpoint) -> list[socket.socket]:
    try:
        return await open_sockets(endpoint.host, endpoint.port, BACKLOG)
    except OSError as error:
        raise cannot_listen(endpoint, error) from error


def _endpoint_of(listening: socket.socket) -> Endpoint:
    host, port, *_ = listening.getsockname()
    return Endpoint(str(host), int(port))
