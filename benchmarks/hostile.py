"""Clients that mean harm, or have gone wrong: each kind again and again, until it is told to stop."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

from tests.peers.ports import LOOPBACK

MARK = 10**9
"""Numbers from here on are in messages that no server may take."""

_SECONDS = 20.0
_BEGIN = b"EHLO h.example\r\nMAIL FROM:<h@h.example>\r\nRCPT TO:<june@ifax1.example>\r\n"
_HIDDEN = (
    b"MAIL FROM:<h@h.example>\r\nRCPT TO:<june@ifax1.example>\r\nDATA\r\nX-Number: %d\r\n\r\nhidden\r\n.\r\n"
    % MARK
)
_HEAD = b"X-Number: %d\r\n\r\n" % MARK
_FALSE_ENDS = (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r")


class Connection:
    """A connection from an address of the hostile ones' own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    async def say(self, octets: bytes) -> None:
        """Send, as far as the server takes it."""
        self._writer.write(octets)
        await self._writer.drain()

    async def replies(self) -> str:
        """Return the code of the last reply, when the server has closed the connection; "reset" if it was cut."""
        read = bytearray()
        try:
            while chunk := await self.reader.read(65536):
                read += chunk
        except ConnectionError:
            return (read.decode("latin-1").rstrip().splitlines() or ["reset"])[-1][:3]
        return (read.decode("latin-1").rstrip().splitlines() or ["nothing"])[-1][:3]

    def cut(self) -> None:
        """Go without a word."""
        self._writer.transport.abort()


async def _errors(connection: Connection) -> str:
    await connection.say(b"EHLO h.example\r\n" + b"NONSENSE\r\n" * 60)
    return await connection.replies()


async def _idle(connection: Connection) -> str:
    await connection.say(b"EHLO h.example\r\n" + b"NOOP\r\n" * 400)
    return await connection.replies()


async def _recipients(connection: Connection) -> str:
    many = b"".join(b"RCPT TO:<%d@ifax1.example>\r\n" % number for number in range(1200))
    await connection.say(_BEGIN + many + b"QUIT\r\n")
    return await connection.replies()


async def _long_line(connection: Connection) -> str:
    await connection.say(b"EHLO h.example\r\n" + b"x" * 200_000 + b"\r\nQUIT\r\n")
    return await connection.replies()


async def _smuggling(connection: Connection, end: bytes) -> str:
    await connection.say(
        _BEGIN + b"DATA\r\n" + _HEAD.replace(b"%d" % MARK, b"%d" % (MARK + 1)) + b"text" + end
    )
    await connection.say(_HIDDEN.rstrip(b"\r\n.") + b"\r\n.\r\nQUIT\r\n")
    return await connection.replies()


async def _smuggling_by_bdat(connection: Connection) -> str:
    content = _HEAD + b"text\n.\r\n" + _HIDDEN
    await connection.say(_BEGIN + b"BDAT %d LAST\r\n" % len(content) + content + b"QUIT\r\n")
    return await connection.replies()


async def _behind_starttls(connection: Connection) -> str:
    await connection.say(
        b"EHLO h.example\r\nSTARTTLS\r\nEHLO h.example\r\nMAIL FROM:<h@h.example>\r\nQUIT\r\n"
    )
    return await connection.replies()


async def _passwords(connection: Connection) -> str:
    await connection.say(b"EHLO h.example\r\n" + b"AUTH SCRAM-SHA-256 bm9uc2Vuc2U=\r\n" * 5 + b"QUIT\r\n")
    return await connection.replies()


async def _leaves_in_data(connection: Connection) -> str:
    await connection.say(_BEGIN + b"DATA\r\n" + _HEAD + b"half of it\r\n" * 100)
    await asyncio.sleep(0.05)
    return "left"


async def _leaves_in_bdat(connection: Connection) -> str:
    await connection.say(_BEGIN + b"BDAT 100000 LAST\r\n" + _HEAD + b"half of it\r\n" * 100)
    await asyncio.sleep(0.05)
    return "left"


async def _slow(connection: Connection) -> str:
    for octet in _BEGIN[:40]:
        await connection.say(bytes([octet]))
        await asyncio.sleep(0.1)
    return "left"


async def _silent(connection: Connection) -> str:
    await asyncio.sleep(3)
    return "left"


async def _reads_nothing(connection: Connection) -> str:
    connection.reader._transport.pause_reading()  # type: ignore[attr-defined] # the stream has no way to say it
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            await connection.say(b"EHLO h.example\r\n" * 20_000)
    return "left"


KINDS: dict[str, Callable[[Connection], Awaitable[str]]] = {
    "floods with errors": _errors,
    "floods with NOOP": _idle,
    "floods with recipients": _recipients,
    "a line without end": _long_line,
    "smuggling by BDAT": _smuggling_by_bdat,
    "commands behind STARTTLS": _behind_starttls,
    "wrong passwords": _passwords,
    "leaves in DATA": _leaves_in_data,
    "leaves in BDAT": _leaves_in_bdat,
    "an octet at a time": _slow,
    "says nothing": _silent,
    "reads nothing": _reads_nothing,
    **{f"smuggling, {end!r}"[:-1].replace("b'", ""): partial(_smuggling, end=end) for end in _FALSE_ENDS},
}


async def harass(
    port: int, stop: asyncio.Event, told: Counter[tuple[str, str]], *, pause: float = 0.02
) -> None:
    """Send each kind in turn, over and over, from addresses of its own; `told` counts how each of them ended."""

    async def one_kind(place: int, name: str, attack: Callable[[Connection], Awaitable[str]]) -> None:
        while not stop.is_set():
            told[name, await _attack(port, f"127.0.3.{place + 1}", attack)] += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause * len(KINDS))

    await asyncio.gather(*(one_kind(place, *kind) for place, kind in enumerate(KINDS.items())))


async def _attack(port: int, source: str, attack: Callable[[Connection], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port, local_addr=(source, 0))
            connection = Connection(reader, writer)
            try:
                return await attack(connection)
            finally:
                connection.cut()
    except ConnectionError:
        return "cut"
    except TimeoutError:
        return "STUCK"
