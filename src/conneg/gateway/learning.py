"""Reports that come in are read for what they say of devices, if whoever brings them is to be believed.

The rule: a report counts about anybody if the client that brings it is in the `networks` that the operator named (hosts
whose word he takes, such as off-ramps); from any other client only if it is a user who has proved who he is, and then
only about the address that is his name. A stranger's report is delivered like any mail, and teaches nothing.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from conneg.directory.learned import LearnedCapabilities
from conneg.directory.names import address_key
from conneg.errors import ConnegError
from conneg.gateway.networks import Network, is_in
from conneg.mail.reported import Reported, read_reported

_AT_ONCE = 16
"""Reports that are read at a time; more than that teach nothing, since the mail must not wait for them."""

log = structlog.get_logger("conneg")


class Learner:
    """Reads reports into `learned`; `networks` are those whose clients are believed about anybody."""

    def __init__(
        self,
        learned: LearnedCapabilities,
        networks: Sequence[Network],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._learned = learned
        self._networks = tuple(networks)
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, address: str, username: str | None, content: bytes) -> None:
        """Take a message with the null reverse-path that the client at IP `address` brought; never waits.

        `content` is its beginning, as far as it was kept.
        """
        is_believed = is_in(self._networks, address)
        if (not is_believed and username is None) or len(self._tasks) >= _AT_ONCE:
            return
        if b"multipart/report" not in content.lower() or b"media-accept-features" not in content.lower():
            return
        only = None if is_believed else username
        task = asyncio.get_running_loop().create_task(self._read(only, address, content))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Finish what is being read, and close the database."""
        await asyncio.gather(*self._tasks)
        await self._learned.close()

    async def _read(self, only: str | None, address: str, content: bytes) -> None:
        try:
            reported: Sequence[Reported] = await asyncio.to_thread(read_reported, content)
            about = [
                (one.address, one.expression)
                for one in reported
                if only is None or address_key(one.address) == address_key(only)
            ]
            kept = await self._learned.learn(about, only or f"[{address}]", self._clock())
        except ConnegError as error:
            log.warning("a report teaches nothing", client=address, reason=str(error))
            return
        if kept:
            log.info("learned what devices can take", recipients=kept, client=address)
