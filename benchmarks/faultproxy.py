"""A relay between the gateway and a directory server that is slow or breaks answers off when told to."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import StrEnum

Opening = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""Opens a connection with the server."""

SLOW_SECONDS = 5.0
_KEPT_OCTETS = 20


class Mode(StrEnum):
    """What happens to what the server sends."""

    PASS = "pass"
    SLOW = "slow"
    """It comes `SLOW_SECONDS` late."""
    BREAK = "break"
    """Only its beginning comes, then the connection ends."""


class FaultProxy:
    """Listens on `port` of 127.0.0.1 once `start` was called."""

    def __init__(self, opening: Opening, port: int) -> None:
        self.mode = Mode.PASS
        self._opening = opening
        self._port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=500)

    async def close(self) -> None:
        """Cut all connections."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await self._opening()
        except OSError:
            writer.transport.abort()
            return
        ends = (writer, server_writer)
        for source, target, is_answer in ((reader, server_writer, False), (server_reader, writer, True)):
            task = asyncio.create_task(self._copy(source, target, ends, is_answer=is_answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        *,
        is_answer: bool,
    ) -> None:
        try:
            while data := await source.read(65536):
                if is_answer and self.mode is Mode.SLOW:
                    await asyncio.sleep(SLOW_SECONDS)
                if is_answer and self.mode is Mode.BREAK:
                    target.write(data[: min(len(data) // 2, _KEPT_OCTETS)])
                    await target.drain()
                    return
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            for end in ends:
                with contextlib.suppress(OSError, RuntimeError):
                    end.close()
