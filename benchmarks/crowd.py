"""Thousands of SMTP clients in one event loop; some of them send, at times of their own, and time the reply to RCPT."""

import asyncio
import random
import statistics
import time
from types import TracebackType
from typing import NamedTuple, Self, cast

from tests.peers.ports import LOOPBACK

from .dialogue import DialogueError, rcpt

A_SOURCE = 60
"""How many clients come from one address: fewer than any server takes from one."""

_OPENING_AT_ONCE = 50
_REPLY_SECONDS = 30
_MESSAGE = b"Subject: a document\r\n\r\n" + b"0123456789abcde\r\n" * 60 + b".\r\n"


class Load(NamedTuple):
    """Messages a second that were offered and accepted, and the seconds that RCPT's reply took."""

    offered: int
    accepted: float
    median: float
    high: float
    slowest: float

    @property
    def is_saturated(self) -> bool:
        """Whether the server fell behind."""
        return self.accepted < 0.9 * self.offered


class Client(asyncio.Protocol):
    """One client: a command, its reply, the next command."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._received = b""
        self._reply: asyncio.Future[bytes] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        last = self._received.rfind(b"\r\n", 0, -2) + 2 if self._received.count(b"\n") > 1 else 0
        if self._received.endswith(b"\r\n") and self._received[last + 3 : last + 4] == b" ":
            reply, self._received = self._received, b""
            if not self._reply.done():
                self._reply.set_result(reply)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._reply.done():
            self._reply.set_exception(DialogueError("the server has closed the connection"))
            self._reply.exception()  # nobody need be waiting for it

    async def read(self, wanted: bytes) -> None:
        """Read one reply. Raises `DialogueError` if it does not begin with `wanted`."""
        async with asyncio.timeout(_REPLY_SECONDS):
            reply = await self._reply
        self._reply = self._loop.create_future()
        if not reply.startswith(wanted):
            raise DialogueError(reply.decode("utf-8", "replace").strip())

    async def ask(self, command: bytes, wanted: bytes = b"250") -> float:
        """Send a command and read its reply; the seconds that took."""
        start = time.perf_counter()
        self._transport.write(command)
        await self.read(wanted)
        return time.perf_counter() - start

    def close(self) -> None:
        self._transport.abort()


class Crowd:
    """Clients of the server at `port`; an async context manager."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._clients: list[Client] = []

    async def open(self, count: int) -> None:
        """Connect so many more, greeted and introduced."""
        places = iter(range(len(self._clients), len(self._clients) + count))

        async def connect() -> None:
            for place in places:
                source = f"127.0.{1 + place // A_SOURCE // 250}.{1 + place // A_SOURCE % 250}"
                _, client = await asyncio.get_running_loop().create_connection(
                    Client, LOOPBACK, self._port, local_addr=(source, 0)
                )
                self._clients.append(client)
                await client.read(b"220")
                await client.ask(b"EHLO load.example\r\n")

        await asyncio.gather(*(connect() for _ in range(_OPENING_AT_ONCE)))

    async def load(self, rate: int, active: int, seconds: float) -> Load:
        """Let the `active` youngest clients send `rate` messages a second together, whatever the server can do."""
        times: list[float] = []
        loop = asyncio.get_running_loop()
        begin = loop.time()
        end = begin + seconds

        async def send(client: Client) -> None:
            due = begin + random.expovariate(rate / active)
            while due < end:
                await asyncio.sleep(max(0.0, due - loop.time()))
                if loop.time() > end:
                    return
                await client.ask(b"MAIL FROM:<amy@example.com>\r\n")
                times.append(await client.ask(rcpt(conneg=True)))
                await client.ask(b"DATA\r\n", b"354")
                await client.ask(_MESSAGE)
                due += random.expovariate(rate / active)

        await asyncio.gather(*(send(client) for client in self._clients[-active:]))
        took = max(seconds, loop.time() - begin)
        ordered = sorted(times)
        high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        return Load(rate, len(times) / took, statistics.median(ordered), high, ordered[-1])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
