"""A man in the middle on loopback: a proxy between an SMTP client and a server that changes what the server says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.peers.ports import LOOPBACK


class Meddler:
    """Passes everything on.

    While it `is_active`, lines of the server with a text of `removed` in them are left out, and texts in `replaced`
    become others.
    """

    def __init__(self, port: int, removed: tuple[bytes, ...], replaced: dict[bytes, bytes]) -> None:
        self._to = port
        self._removed = removed
        self._replaced = replaced
        self.is_active = True
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        from_server, to_server = await asyncio.open_connection(LOOPBACK, self._to)
        secured = asyncio.Event()
        try:
            await asyncio.gather(
                self._pass_on(reader, to_server, secured), self._meddle(from_server, writer, secured)
            )
        except OSError:
            pass
        finally:
            writer.close()
            to_server.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secured: asyncio.Event
    ) -> None:
        while octets := await reader.read(65536):
            if octets.upper() == b"STARTTLS\r\n":
                secured.set()  # what follows are no lines
            writer.write(octets)
        writer.close()

    async def _meddle(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secured: asyncio.Event
    ) -> None:
        rest = b""
        while octets := await reader.read(65536):
            if secured.is_set():
                writer.write(octets)
                continue
            *lines, rest = (rest + octets).split(b"\n")
            for line in lines:
                writer.write(self._changed(line + b"\n"))
        writer.close()

    def _changed(self, line: bytes) -> bytes:
        if not self.is_active:
            return line
        if any(text in line for text in self._removed):
            return b""
        for text, other in self._replaced.items():
            line = line.replace(text, other)
        return line


@asynccontextmanager
async def meddling(
    port: int, *, removed: tuple[bytes, ...] = (), replaced: dict[bytes, bytes] | None = None
) -> AsyncIterator[Meddler]:
    """Run a proxy in front of the server at `port`; the lines that are left out must not be the last of a reply."""
    meddler = Meddler(port, removed, replaced or {})
    server = await asyncio.start_server(meddler.serve, LOOPBACK, 0)
    meddler.port = server.sockets[0].getsockname()[1]
    try:
        yield meddler
    finally:
        server.close()
