"""Connecting to a next hop: its ways are tried in turn until a session is there that may be relied upon.

Where TLS is wanted and cannot be had, nothing but STARTTLS is ever said to the host.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from conneg.bounds import Bound
from conneg.errors import ConnegError, TemporaryError, UnavailableError
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.resolver import NoSuchNextHopError
from conneg.gateway.routing import NextHop
from conneg.gateway.sections import DestinationSection
from conneg.gateway.ways import NoWay, Reliance, Way, Ways
from conneg.net import Deadlines, SmtpClient, TlsUnavailableError, Transcript, connect

MAX_ATTEMPTS = Bound(
    name="gateway.attempts",
    value=30,
    unit="hosts and addresses tried in vain for one session",
    reason="RFC 5321, 5.1 wants two at least; each may cost a wait, and the next attempt tries again",
    answer="the recipient is deferred",
)


class NoSessionError(TemporaryError):
    """No host of a next hop gives a session; `status` is the enhanced status code (RFC 3463, 3.5 and 3.8)."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class UnprotectedError(ConnegError):
    """No host of a next hop keeps to REQUIRETLS; `status` is the enhanced status code (RFC 8689, 4.2.1)."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Dialled:
    """A new session, the address it is with, and what it relies upon."""

    client: SmtpClient
    endpoint: Endpoint
    reliance: Reliance


@dataclass(slots=True)
class Dialler:
    """Connects; `transcript` makes one for an endpoint, or None."""

    ways: Ways
    helo: str
    deadlines: Deadlines
    transcript: Callable[[Endpoint], Transcript | None] = lambda endpoint: None

    async def dial(self, hop: NextHop, *, requires_tls: bool = False) -> Dialled:
        """Return a session with the first host of `hop` that gives one; `requires_tls`: one that keeps to REQUIRETLS.

        Raises `NoSessionError` if none does now, `NoSuchNextHopError` if none ever will, `UnprotectedError` if those
        that there are do not keep to REQUIRETLS, and `TemporaryError` if the DNS does not answer.
        """
        failures = _Failures(hop, requires_tls=requires_tls)
        async for way in self.ways.find(hop):
            if isinstance(way, NoWay):
                failures.pass_over(way)
                continue
            usable = way.protected() if requires_tls else way
            if usable is None:
                failures.leave(
                    f"{way.host}: its name is validated neither by DNSSEC nor by MTA-STS", "5.7.10"
                )
                continue
            for address in usable.addresses:
                endpoint = Endpoint(address, usable.port)
                try:
                    dialled = await self._try(hop, usable, endpoint, failures)
                except (OSError, TemporaryError, UnavailableError) as error:
                    failures.add(usable, endpoint, error)
                    continue
                if not requires_tls or dialled.client.supports("REQUIRETLS"):
                    return dialled
                await dialled.client.quit()
                failures.leave(f"{usable.peer} does not offer REQUIRETLS", "5.7.30")
        raise failures.error()

    async def _try(self, hop: NextHop, way: Way, endpoint: Endpoint, failures: "_Failures") -> Dialled:
        """Ask one address for each kind of TLS that will do, strongest first."""
        problems: list[str] = []
        for place, tls in enumerate(way.tls, start=1):
            try:
                client = await connect(
                    endpoint.host,
                    endpoint.port,
                    helo=self.helo,
                    lmtp=hop.destination.deliver == "lmtp",
                    deadlines=self.deadlines,
                    transcript=self.transcript(endpoint),
                    local_address=_local_address(hop.destination, endpoint.host),
                    tls=tls,
                    peer=way.peer,
                )
            except TlsUnavailableError as error:
                if place == len(way.tls):
                    raise
                problems.append(f"MTA-STS, which is in mode testing: {error}")
            else:
                await _authenticate(client, hop.destination)
                return Dialled(client, endpoint, way.reliance.having(*problems, *failures.reasons))
        raise NoSessionError(f"{way.peer}: no kind of TLS will do", "4.7.5")


class _Failures:
    """What was tried in vain so far; each note raises `NoSessionError` when enough has been tried."""

    def __init__(self, hop: NextHop, *, requires_tls: bool) -> None:
        self._hop = hop
        self._requires_tls = requires_tls
        self._unprotected: list[str] = []
        self._all_final = True
        self._all_for_tls = True
        self.reasons: list[str] = []

    def pass_over(self, way: NoWay) -> None:
        """Note a host to which there is no way."""
        self._all_final &= way.is_final
        self._all_for_tls &= not way.is_final
        self._note(f"{way.host}: {way.reason}")

    def add(self, way: Way, endpoint: Endpoint, error: Exception) -> None:
        """Note an address that gives no session."""
        is_for_tls = isinstance(error, TlsUnavailableError)
        if is_for_tls and self._requires_tls:
            self._unprotected.append("5.7.10")
        self._all_final = False
        self._all_for_tls &= is_for_tls
        where = "" if endpoint.host == way.host else f" [{endpoint.host}]"
        self._note(f"{way.peer}{where}: {error}")

    def leave(self, reason: str, status: str) -> None:
        """Note a host that is there and does not keep to REQUIRETLS."""
        self._unprotected.append(status)
        self._all_final = self._all_for_tls = False
        self._note(reason)

    def _note(self, reason: str) -> None:
        self.reasons.append(reason)
        if len(self.reasons) >= MAX_ATTEMPTS.value:
            raise NoSessionError(
                f"no server answers; the last of {len(self.reasons)}: {self.reasons[-1]}", "4.4.1"
            )

    def error(self) -> NoSessionError | NoSuchNextHopError | UnprotectedError:
        """Return what all of it comes to."""
        if not self.reasons:
            return NoSessionError("no server is known", "4.4.4")
        if len(self._unprotected) == len(self.reasons):
            status = "5.7.30" if "5.7.30" in self._unprotected else "5.7.10"
            return UnprotectedError("TLS is required all the way: " + "; ".join(self.reasons), status)
        if self._all_final:  # RFC 5321, 5.1: none of the mail exchangers is usable
            return NoSuchNextHopError(
                f"no mail server of {self._hop.domain} can be found: " + "; ".join(self.reasons), "5.4.4"
            )
        status = "4.7.5" if self._all_for_tls else "4.4.1"
        return NoSessionError("no server answers: " + "; ".join(self.reasons), status)


async def _authenticate(client: SmtpClient, destination: DestinationSection) -> None:
    """Prove who we are where that is configured; the session is over if it cannot be done.

    Raises `NoSessionError`: the mail waits until the operator, or the host's, has put it right.
    """
    if destination.username is None or destination.password_file is None:
        return
    try:
        password = (await asyncio.to_thread(destination.password_file.read_text, "utf-8")).strip("\r\n")
        reply = await client.authenticate(destination.username, password)
    except (OSError, UnicodeDecodeError, ConnegError) as error:
        await client.quit()
        reason = f"{destination.password_file}: {error.strerror}" if isinstance(error, OSError) else error
        raise NoSessionError(
            f"{destination.username!r} cannot be authenticated: {reason}", "4.7.0"
        ) from error
    if not reply.is_positive:
        await client.quit()
        raise NoSessionError(f"{destination.username!r} is refused: {reply}", "4.7.0")


def _local_address(destination: DestinationSection, host: str) -> str | None:
    """Return the address to connect from: the configured one of the same version, None if there is none."""
    version = ip_address(host.partition("%")[0]).version
    return next((str(one) for one in destination.local_address if one.version == version), None)
