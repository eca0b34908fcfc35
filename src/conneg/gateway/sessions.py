"""Sessions with next hops: opened when needed, reused while idle, bounded in number for each next hop."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator

from conneg.errors import TemporaryError, UnavailableError
from conneg.gateway.config import Config
from conneg.gateway.events import DialogueLine, Watcher
from conneg.gateway.routing import NextHop, Routes
from conneg.net import ClientTls, Deadlines, SmtpClient, TlsPolicy, connect

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

    def __init__(self, client: SmtpClient, *, fresh: bool) -> None:
        self.client = client
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
        return not (self.retired or self.client.closed or self.messages >= _MESSAGES_PER_SESSION)


class Sessions:
    """The pool; `lend` is the only way to a session."""

    def __init__(self, config: Config, routes: Routes, watch: Watcher, *, transcripts: bool = False) -> None:
        self._config = config
        self._routes = routes
        self._watch = watch
        self._transcripts = transcripts
        self._idle: dict[str, list[Session]] = defaultdict(list)
        self._places: dict[str, asyncio.Semaphore] = {}

    @contextlib.asynccontextmanager
    async def lend(self, hop: NextHop, *, fresh: bool = False) -> AsyncIterator[Session]:
        """Lend a session with `hop`, a new one if it must be `fresh`.

        Raises `TemporaryError`, `UnavailableError` or `NoSuchNextHopError`.
        """
        places = self._places.setdefault(
            hop.name, asyncio.Semaphore(self._config.delivery.connections_per_next_hop)
        )
        async with places:
            idle = None if fresh else self._take_idle(hop)
            session = idle or await self._open(hop)
            try:
                yield session
            except BaseException:
                session.client.abort()
                raise
            session.messages += 1
            if session.reusable:
                session.idle_since = time.monotonic()
                session.fresh = False
                self._idle[hop.name].append(session)
            else:
                await self._end(session)

    def _take_idle(self, hop: NextHop) -> Session | None:
        idle = self._idle[hop.name]
        while idle:
            session = idle.pop()
            if (
                session.reusable
                and time.monotonic() - session.idle_since <= self._config.delivery.idle_seconds
            ):
                return session
            session.client.abort()
        return None

    async def _open(self, hop: NextHop) -> Session:
        delivery = self._config.delivery
        deadlines = Deadlines(connect=delivery.connect_seconds, reply=delivery.reply_seconds)
        reasons = []
        for endpoint in await self._routes.endpoints(hop):
            transcript = _DialogueWatcher(str(endpoint), self._watch) if self._transcripts else None
            try:
                client = await connect(
                    endpoint.host,
                    endpoint.port,
                    helo=self._config.server.hostname,
                    lmtp=hop.destination.deliver == "lmtp",
                    deadlines=deadlines,
                    transcript=transcript,
                    tls=ClientTls(
                        TlsPolicy(hop.destination.tls),
                        hop.destination.tls_name,
                        hop.destination.tls_authorities,
                    ),
                )
            except (OSError, TemporaryError, UnavailableError) as error:
                reasons.append(f"{endpoint}: {error}")
                continue
            return Session(client, fresh=True)
        raise TemporaryError("no server answers: " + "; ".join(reasons) if reasons else "no server is known")

    async def sweep(self) -> None:
        """Close the sessions that have been idle for too long; call now and then."""
        now = time.monotonic()
        for name, idle in list(self._idle.items()):
            old = [
                s for s in idle if not s.reusable or now - s.idle_since > self._config.delivery.idle_seconds
            ]
            self._idle[name] = [s for s in idle if s not in old]
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
