"""A steady stream of RCPT commands that ask for a capability, and what came back for each."""

import asyncio
import itertools
import re
import time
from collections.abc import Iterator
from typing import NamedTuple

_RECIPIENTS = 90
_SHOWN = re.compile(r"pix-x<=(\d+)\)")


class Answer(NamedTuple):
    """One reply: when the command was sent (monotonic), how long it took, whether it was REQUIRED, and what it is.

    `kind` is "known" (the right capability), "wrong" (another one, or a denial that there is any), or "none" (404, or
    without CONNEG).
    """

    sent: float
    seconds: float
    is_required: bool
    kind: str
    number: int


class Stream:
    """`rate` RCPT commands a second over so many connections, for the recipients `user0` ... in turn.

    `users`: their number; the capability of user N is to be `(pix-x<=N)`. Half of the commands are for the first
    `often` of them.
    """

    def __init__(self, port: int, *, rate: int, connections: int, users: int, often: int) -> None:
        self.answers: list[Answer] = []
        self._port = port
        self._pause = connections / rate
        self._connections = connections
        self._fresh = itertools.cycle(range(often, users))
        self._often = itertools.cycle(range(often))
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin; the connections take turns."""
        for number in range(self._connections):
            delay = self._pause * number / self._connections
            self._tasks.append(asyncio.create_task(self._talk(number, delay)))

    async def stop(self) -> None:
        """End; raises what went wrong in a connection."""
        failed = [task for task in self._tasks if task.done()]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in failed:
            task.result()

    async def _talk(self, number: int, delay: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await _reply(reader)
        await _ask(reader, writer, "EHLO load.example")
        start = time.monotonic() + delay
        turns: Iterator[int] = itertools.count()
        for turn in turns:
            if turn % _RECIPIENTS == 0:
                if turn:
                    await _ask(reader, writer, "RSET")
                await _ask(reader, writer, "MAIL FROM:<may@sender.example>")
            await asyncio.sleep(max(0.0, start + turn * self._pause - time.monotonic()))
            user = next(self._fresh if (turn + number) % 2 else self._often)
            is_required = (turn // 2) % 2 == 0
            argument = "REQUIRED" if is_required else "OPTIONAL"
            sent = time.monotonic()
            code, text = await _ask(reader, writer, f"RCPT TO:<user{user}@x.example> CONNEG={argument}")
            took = time.monotonic() - sent
            kind = _kind(code, text, user, is_required)
            self.answers.append(Answer(sent, took, is_required, kind, user))


def _kind(code: int, text: str, user: int, is_required: bool) -> str:
    shown = _SHOWN.findall(text)
    if code == 250 and shown:
        return "known" if shown == [str(user)] else "wrong"
    is_allowed = code == 404 if is_required else code == 250
    return "none" if is_allowed else "wrong"


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> tuple[int, str]:
    writer.write(line.encode() + b"\r\n")
    return await _reply(reader)


async def _reply(reader: asyncio.StreamReader) -> tuple[int, str]:
    lines = []
    while True:
        line = (await reader.readline()).decode()
        if not line:
            raise ConnectionError("the gateway ended the session")
        lines.append(line)
        if line[3:4] != "-":
            return int(line[:3]), "".join(lines)
