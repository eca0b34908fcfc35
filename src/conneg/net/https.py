"""GET by HTTPS: certificates checked in full, redirects not followed, nothing cached, no more read than wanted.

HTTP is read by h11, so that addresses, deadlines and bounds are ours. Connections that may be used again are kept for a
while, so that many small questions to one host cost one handshake.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import h11

from conneg.bounds import Bound
from conneg.errors import TemporaryError

MAX_IDLE_CONNECTIONS = 8
"""How many connections are kept for the next questions."""

_CHUNK = 16_384

Addresses = Callable[[str], Awaitable[Sequence[str]]]
"""From a host name to its IP addresses; raises `conneg.errors.TemporaryError` if they cannot be had."""


class HttpsError(TemporaryError):
    """There is no answer; the message says at which step and why."""


@dataclass(frozen=True, slots=True)
class HttpsResponse:
    """An answer: its status, its fields by their names in small letters, its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class _Connection:
    place: tuple[str, int]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: h11.Connection

    def cut(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            self.writer.transport.abort()


class HttpsClient:
    """Asks by the addresses that `addresses` gives, trusting `authorities` (None: those of the system).

    `keep`: whether connections are kept for the next question.
    """

    def __init__(self, addresses: Addresses, *, authorities: Path | None = None, keep: bool = False) -> None:
        self._addresses = addresses
        self._authorities = authorities
        self._keep = keep
        self._context: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []

    async def get(
        self, url: str, headers: Mapping[str, str], limit: Bound, *, connect_to_port: int | None = None
    ) -> HttpsResponse:
        """Return the answer to GET `url`; its body has at most `limit` octets. Raises `HttpsError`.

        `connect_to_port`: where the host is asked, if not at the URL's port.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise HttpsError(f"{url} is not an address of HTTPS")
        place = (parts.hostname, connect_to_port or parts.port or 443)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = {"Host": parts.netloc, "User-Agent": "conneg", **headers}
        if not self._keep:
            fields["Connection"] = "close"
        request = h11.Request(method="GET", target=target, headers=list(fields.items()))
        while True:
            connection, is_fresh = await self._take(place)
            try:
                return await self._ask(connection, request, limit)
            except BaseException as error:
                connection.cut()
                if isinstance(error, _EndedError) and not is_fresh:
                    continue  # it was idle, and the host has ended it meanwhile
                if isinstance(error, OSError | h11.ProtocolError):
                    raise HttpsError(str(error) or "the connection was lost") from error
                raise

    async def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().cut()

    async def _take(self, place: tuple[str, int]) -> tuple[_Connection, bool]:
        for connection in reversed(self._idle):
            if connection.place == place:
                self._idle.remove(connection)
                if not connection.reader.at_eof() and not connection.writer.is_closing():
                    return connection, False
                connection.cut()
        return await self._open(place), True

    async def _ask(self, connection: _Connection, request: h11.Request, limit: Bound) -> HttpsResponse:
        http = connection.http
        connection.writer.write((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
        response = await _read_response(http, connection.reader, limit)
        if http.our_state is h11.DONE and http.their_state is h11.DONE and self._keep:
            http.start_next_cycle()
            self._idle.append(connection)
            if len(self._idle) > MAX_IDLE_CONNECTIONS:
                self._idle.pop(0).cut()
        else:
            connection.cut()
        return response

    async def _open(self, place: tuple[str, int]) -> _Connection:
        """Connect to the first address of the host that answers, with a certificate that is good for the host."""
        host, port = place
        context = self._context or await asyncio.to_thread(self._make_context)
        self._context = context
        reason = "no address"
        for address in await self._addresses(host):
            try:
                reader, writer = await asyncio.open_connection(
                    address, port, ssl=context, server_hostname=host, limit=_CHUNK
                )
            except ssl.SSLCertVerificationError as error:
                reason = f"its certificate is not trusted: {error.verify_message}"
            except OSError as error:
                reason = str(error)
            else:
                return _Connection(place, reader, writer, h11.Connection(h11.CLIENT))
        raise HttpsError(reason)

    def _make_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._authorities)
        except OSError as error:
            raise HttpsError(f"the authorities {self._authorities} cannot be read: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        return context


async def system_addresses(host: str) -> Sequence[str]:
    """Return the addresses of `host` as this machine knows them: by its hosts file, its resolvers."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise HttpsError(f"{host}: {error.strerror or error}") from error
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class _EndedError(HttpsError):
    """The connection was ended before anything of the answer came."""


async def _read_response(http: h11.Connection, reader: asyncio.StreamReader, limit: Bound) -> HttpsResponse:
    head: h11.Response | None = None
    body = bytearray()
    has_come = False
    while True:
        match http.next_event():
            case h11.NEED_DATA:
                try:
                    data = await reader.read(_CHUNK)
                except ConnectionError as error:
                    raise (HttpsError if has_come else _EndedError)(
                        str(error) or "the connection was lost"
                    ) from error
                if not data and not has_come:
                    raise _EndedError("the connection was lost")
                has_come = True
                http.receive_data(data)
            case h11.Response() as response:
                head = response
            case h11.Data(data=data):
                body += data
                if len(body) > limit.value:
                    raise HttpsError(str(limit.exceeded("the answer")))
            case h11.EndOfMessage() | h11.ConnectionClosed() | h11.PAUSED:
                break
    if head is None:
        raise HttpsError("the connection was lost")
    fields = cast("list[tuple[bytes, bytes]]", list(head.headers))
    return HttpsResponse(
        head.status_code,
        {name.decode("latin-1"): value.decode("latin-1") for name, value in fields},
        bytes(body),
    )
