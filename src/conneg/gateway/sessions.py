"""Sessions with next hops: opened when needed, reused while idle, bounded in number for each next hop."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator

from conneg.gateway.config import Config
from conneg.gateway.dialling import Dialled, Dialler
from conneg.gateway.events import DialogueLine, Watcher
from conneg.gateway.routing import NextHop
from conneg.gateway.ways import Ways
from conneg.net import Deadlines

_MESSAGES_PER_SESSION = 1000
"""A session is closed after this many messages, so that a peer behind a balancer gets its share again."""


class _DialogueWatcher:
    """Tells a watcher every line of a dialogue; `conneg.net.Transcript`."""

    def __init__(self, peer: str, watch: Watcher) -> None:
        self._peer, self._watch = peer, watch

    def sent(self, line: str) -> None:
        self._watch(DialogueLine(self._peer, True, line))

    def received(self, line: str) -> None:
        self._watch(DialogueLine(self._peer, False, line))


class Session:
    """A session in use; `retire` it when it must not be used for another transaction."""

    def __init__(self, dialled: Dialled, *, fresh: bool) -> None:
        self.client = dialled.client
        self.endpoint = dialled.endpoint
        self.reliance = dialled.reliance
        self.fresh = fresh
        self.messages = 0
        self.idle_since = time.monotonic()
        self.retired = False

    def retire(self) -> None:
        """End this session after the present transaction (a 404 may be asked again only in another one)."""
        self.retired = True

    @property
    def reusable(self) -> bool:
        """Whether another transaction may follow."""
        most = min(_MESSAGES_PER_SESSION, self.client.limits.get("MAILMAX", _MESSAGES_PER_SESSION))
        return not (self.retired or self.client.closed or self.messages >= most)


class Sessions:
    """The pool; `lend` is the only way to a session."""

    def __init__(self, config: Config, ways: Ways, watch: Watcher, *, transcripts: bool = False) -> None:
        self._config = config
        delivery = config.delivery
        self._dialler = Dialler(
            ways,
            config.server.hostname,
            Deadlines(connect=delivery.connect_seconds, reply=delivery.reply_seconds),
            lambda endpoint: _DialogueWatcher(str(endpoint), watch) if transcripts else None,
        )
        self._idle: dict[tuple[str, NextHop], list[Session]] = defaultdict(list)
        self._places: dict[str, asyncio.Semaphore] = {}

    @contextlib.asynccontextmanager
    async def lend(
        self, hop: NextHop, *, fresh: bool = False, is_alone: bool = False, requires_tls: bool = False
    ) -> AsyncIterator[Session]:
        """Lend a session with `hop`, a new one if it must be `fresh`; `requires_tls`: one that keeps to REQUIRETLS.

        `is_alone`: a new one, which ends with what it was lent for.
        Raises `TemporaryError`, `NoSuchNextHopError` or `UnprotectedError`.
        """
        name = f"{hop.name} under REQUIRETLS" if requires_tls else hop.name
        places = self._places.setdefault(
            name, asyncio.Semaphore(self._config.delivery.connections_per_next_hop)
        )
        async with places:
            idle = None if fresh or is_alone else self._take_idle(name, hop)
            session = idle or Session(await self._dialler.dial(hop, requires_tls=requires_tls), fresh=True)
            try:
                yield session
            except BaseException:
                session.client.abort()
                raise
            session.messages += 1
            if session.reusable and not is_alone:
                session.idle_since = time.monotonic()
                session.fresh = False
                self._idle[name, hop].append(session)
            else:
                await self._end(session)

    def _take_idle(self, name: str, hop: NextHop) -> Session | None:
        idle = self._idle[name, hop]
        while idle:
            session = idle.pop()
            if (
                session.reusable
                and time.monotonic() - session.idle_since <= self._config.delivery.idle_seconds
            ):
                return session
            session.client.abort()
        return None

    async def sweep(self) -> None:
        """Close the sessions that have been idle for too long; call now and then."""
        now = time.monotonic()
        for place, idle in list(self._idle.items()):
            old = [
                s for s in idle if not s.reusable or now - s.idle_since > self._config.delivery.idle_seconds
            ]
            self._idle[place] = [s for s in idle if s not in old]
            for session in old:
                await self._end(session)

    async def close(self) -> None:
        """Say QUIT on every idle session."""
        for idle in self._idle.values():
            await asyncio.gather(*(self._end(session) for session in idle))
        self._idle.clear()

    async def _end(self, session: Session) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await session.client.quit()
                return
        session.client.abort()
