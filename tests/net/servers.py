"""Handlers, raw clients and scripted servers for the tests of `conneg.net`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from conneg.net import (
    Listener,
    ListenerLimits,
    MailCommand,
    Peer,
    RcptAnswer,
    RcptCommand,
    SessionInfo,
    start_listener,
)
from conneg.smtp import Reply, ServerConfig
from tests.smtp.dialogue import answer_rcpt

ACCEPTED = Reply(250, ("message accepted",), "2.0.0")
HOST = "127.0.0.1"


class Sink:
    def __init__(self, handler: "Recorder") -> None:
        self._handler = handler
        self.content = bytearray()

    def write(self, chunk: bytes) -> Awaitable[None] | None:
        self.content += chunk
        return None

    def finish(self) -> Awaitable[Reply] | Reply:
        self._handler.messages.append(bytes(self.content))
        return ACCEPTED

    def abort(self) -> None:
        self._handler.calls.append("abort")


class Recorder:
    """Answers positively, plainly, and keeps what it was told."""

    def __init__(self, recipient: str = "known") -> None:
        self.recipient = recipient
        self.calls: list[str] = []
        self.batches: list[int] = []
        self.messages: list[bytes] = []
        self.sessions: list[SessionInfo] = []

    def connect(self, peer: Peer) -> Any:
        self.calls.append("connect")
        return None

    def mail(self, session: SessionInfo, command: MailCommand) -> Any:
        self.calls.append("mail")
        self.sessions.append(session)
        session.transaction = command
        return Reply(250, (f"<{command.reverse_path}> sender ok",), "2.1.0")

    def rcpt(self, session: SessionInfo, commands: Sequence[RcptCommand]) -> Any:
        self.calls.append("rcpt")
        self.batches.append(len(commands))
        return [answer_rcpt(command, self.recipient) for command in commands]

    def data(self, session: SessionInfo) -> Any:
        self.calls.append("data")
        return Sink(self)

    def reset(self, session: SessionInfo) -> Any:
        self.calls.append("reset")

    def disconnect(self, session: SessionInfo) -> Any:
        self.calls.append("disconnect")

    def vrfy(self, session: SessionInfo, argument: str) -> Any:
        self.calls.append("vrfy")
        return Reply(252, ("cannot verify",), "2.1.5")


class AsyncSink(Sink):
    async def write(self, chunk: bytes) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().write(chunk)

    async def finish(self) -> Reply:
        await asyncio.sleep(0)
        self._handler.messages.append(bytes(self.content))
        return ACCEPTED


class AsyncRecorder(Recorder):
    """The same with coroutines that really wait."""

    async def connect(self, peer: Peer) -> None:
        await asyncio.sleep(0)
        return super().connect(peer)  # type: ignore[no-any-return]

    async def mail(self, session: SessionInfo, command: MailCommand) -> Reply:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return super().mail(session, command)  # type: ignore[no-any-return]

    async def rcpt(self, session: SessionInfo, commands: Sequence[RcptCommand]) -> list[RcptAnswer]:
        await asyncio.sleep(0)
        return super().rcpt(session, commands)  # type: ignore[no-any-return]

    async def data(self, session: SessionInfo) -> AsyncSink:
        super().data(session)
        return AsyncSink(self)

    async def reset(self, session: SessionInfo) -> None:
        await asyncio.sleep(0)
        super().reset(session)

    async def disconnect(self, session: SessionInfo) -> None:
        await asyncio.sleep(0)
        super().disconnect(session)

    async def vrfy(self, session: SessionInfo, argument: str) -> Reply:
        await asyncio.sleep(0)
        return super().vrfy(session, argument)  # type: ignore[no-any-return]


@asynccontextmanager
async def listening(
    handler: Any, config: ServerConfig | None = None, **limits: Any
) -> AsyncIterator[Listener]:
    listener = await start_listener(
        handler, HOST, 0, config or ServerConfig("mx.example"), limits=ListenerLimits(**limits)
    )
    try:
        yield listener
    finally:
        await listener.close(0)


class Raw:
    """A client that says octets and reads whole replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def reply(self) -> list[str]:
        """One reply's lines; [] at the end of the connection."""
        lines: list[str] = []
        async with asyncio.timeout(10):
            while line := (await self.reader.readline()).decode().rstrip("\r\n"):
                lines.append(line)
                if line[3:4] != "-":
                    break
        return lines

    async def codes(self, count: int) -> list[str]:
        return [(await self.reply())[-1][:3] for _ in range(count)]

    async def ask(self, *lines: str) -> str:
        """The last line of the last reply to these lines."""
        self.say(*lines)
        last = ""
        for _ in lines:
            last = (await self.reply())[-1]
        return last

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


@asynccontextmanager
async def raw_client(port: int, *, greeted: bool = True) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection(HOST, port)
    client = Raw(reader, writer)
    try:
        if greeted:
            assert (await client.reply())[0].startswith("220")
            client.say("EHLO client.example")
            await client.reply()
        yield client
    finally:
        writer.close()


@asynccontextmanager
async def scripted(script: Callable[[Raw], Awaitable[None]]) -> AsyncIterator[int]:
    """Serve each connection by `script`, whose `say` speaks and whose `reader` listens; gives the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(Raw(reader, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
