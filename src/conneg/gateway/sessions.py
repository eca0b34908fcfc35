"""Sessions with next hops: opened when needed, reused while idle, bounded in number for each next hop."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator

from conneg.errors import ConnegError, TemporaryError, UnavailableError
from conneg.gateway.config import Config
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.events import DialogueLine, Watcher
from conneg.gateway.routing import NextHop, Routes
from conneg.net import ClientTls, Deadlines, SmtpClient, TlsPolicy, TlsUnavailableError, connect

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


class UnprotectedError(ConnegError):
    """No next hop keeps to REQUIRETLS; `status` is the enhanced status code (RFC 8689, 4.2.1)."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


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
        most = min(_MESSAGES_PER_SESSION, self.client.limits.get("MAILMAX", _MESSAGES_PER_SESSION))
        return not (self.retired or self.client.closed or self.messages >= most)


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
    async def lend(
        self, hop: NextHop, *, fresh: bool = False, requires_tls: bool = False
    ) -> AsyncIterator[Session]:
        """Lend a session with `hop`, a new one if it must be `fresh`; `requires_tls`: one that keeps to REQUIRETLS.

        Raises `TemporaryError`, `UnavailableError`, `NoSuchNextHopError` or `UnprotectedError`.
        """
        name = f"{hop.name} under REQUIRETLS" if requires_tls else hop.name
        places = self._places.setdefault(
            name, asyncio.Semaphore(self._config.delivery.connections_per_next_hop)
        )
        async with places:
            idle = None if fresh else self._take_idle(name)
            session = idle or await (self._open_protected(hop) if requires_tls else self._open(hop))
            try:
                yield session
            except BaseException:
                session.client.abort()
                raise
            session.messages += 1
            if session.reusable:
                session.idle_since = time.monotonic()
                session.fresh = False
                self._idle[name].append(session)
            else:
                await self._end(session)

    def _take_idle(self, name: str) -> Session | None:
        idle = self._idle[name]
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
        reasons = []
        for endpoint in await self._routes.endpoints(hop):
            try:
                client = await self._connect(hop, endpoint, TlsPolicy(hop.destination.tls))
            except (OSError, TemporaryError, UnavailableError) as error:
                reasons.append(f"{endpoint}: {error}")
                continue
            return Session(client, fresh=True)
        raise TemporaryError("no server answers: " + "; ".join(reasons) if reasons else "no server is known")

    async def _open_protected(self, hop: NextHop) -> Session:
        """Open a session with a server that has shown who it is, under TLS, and offers REQUIRETLS (RFC 8689, 4.2.1).

        A server that cannot be reached may be reached later; one that can and is not protected will not do.
        """
        if hop.destination.deliver == "mx":
            raise UnprotectedError(
                f"the MX records of {hop.name} are not validated, and TLS is required", "5.7.10"
            )
        absent, unprotected, status = [], [], "5.7.10"
        for endpoint in await self._routes.endpoints(hop):
            try:
                client = await self._connect(hop, endpoint, TlsPolicy.VERIFIED)
            except TlsUnavailableError as error:
                unprotected.append(f"{endpoint}: {error}")
                continue
            except (OSError, TemporaryError, UnavailableError) as error:
                absent.append(f"{endpoint}: {error}")
                continue
            if client.supports("REQUIRETLS"):
                return Session(client, fresh=True)
            status = "5.7.30"
            unprotected.append(f"{endpoint} does not offer REQUIRETLS")
            await client.quit()
        if absent or not unprotected:
            raise TemporaryError(
                "no server answers: " + "; ".join(absent) if absent else "no server is known"
            )
        raise UnprotectedError("TLS is required all the way: " + "; ".join(unprotected), status)

    async def _connect(self, hop: NextHop, endpoint: Endpoint, policy: TlsPolicy) -> SmtpClient:
        delivery, destination = self._config.delivery, hop.destination
        return await connect(
            endpoint.host,
            endpoint.port,
            helo=self._config.server.hostname,
            lmtp=destination.deliver == "lmtp",
            deadlines=Deadlines(connect=delivery.connect_seconds, reply=delivery.reply_seconds),
            transcript=_DialogueWatcher(str(endpoint), self._watch) if self._transcripts else None,
            tls=ClientTls(policy, destination.tls_name, destination.tls_authorities),
        )

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
