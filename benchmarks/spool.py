"""How many messages a second the spool accepts, and accepts and settles, durably, with many senders at once.

`run()` measures; `python -m benchmarks.spool` prints. The bare cost of the disk's sync is measured beside it.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from conneg.mail import Envelope, Recipient
from conneg.spool import Outcome, RecipientState, Record, SqliteSpool, open_spool

_BODY = b"Subject: a document\r\n\r\n" + b"0123456789abcdef" * 124
_ENVELOPE = Envelope("scan@office.example", (Recipient("june@ifax1.example"),))
_RECORD = Record("result", '{"state":"delivered","text":"250 2.0.0 ok","form":"image/tiff, MMR, 204 dpi"}', 1)


def run(messages: int = 20_000, senders: int = 200, folder: Path | None = None) -> dict[str, float]:
    """Return messages a second, each way, and the milliseconds of one sync."""
    results: dict[str, float] = {"octets a message": len(_BODY), "senders at once": senders}
    for name, one in {
        "accepted a second": _accept,
        "accepted and settled a second": _accept_and_settle,
        "accepted, claimed, read and settled a second": None,
    }.items():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            work = (
                _drain(Path(scratch), messages, senders)
                if one is None
                else _spread(Path(scratch), one, messages, senders)
            )
            results[name] = round(messages / uvloop.run(work))
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        results["milliseconds of one sync"] = _sync_cost(Path(scratch))
    return results


async def _accept(spool: SqliteSpool) -> None:
    incoming = spool.incoming()
    incoming.write(_BODY)
    await incoming.commit(_ENVELOPE)


async def _accept_and_settle(spool: SqliteSpool) -> None:
    incoming = spool.incoming()
    incoming.write(_BODY)
    message = await incoming.commit(_ENVELOPE, claim=True)
    await spool.settle(message.id, [Outcome(1, RecipientState.DELIVERED, reply="250 ok")], records=[_RECORD])


async def _spread(
    path: Path, one: Callable[[SqliteSpool], Awaitable[None]], messages: int, senders: int
) -> float:
    spool = open_spool(path / "spool")
    left = iter(range(messages))

    async def send() -> None:
        for _ in left:
            await one(spool)

    started = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(senders)))
    seconds = time.perf_counter() - started
    await spool.close()
    return seconds


async def _drain(path: Path, messages: int, senders: int) -> float:
    """The way without the fast path: a backlog, claimed in batches."""
    spool = open_spool(path / "spool")
    started = time.perf_counter()
    left = iter(range(messages))

    async def send() -> None:
        for _ in left:
            await _accept(spool)

    async def deliver(message_id: str) -> None:
        await spool.content(message_id)
        await spool.settle(message_id, [Outcome(1, RecipientState.DELIVERED)], records=[_RECORD])

    await asyncio.gather(*(send() for _ in range(senders)))
    while claimed := await spool.claim(time.time(), senders):
        await asyncio.gather(*(deliver(message.id) for message in claimed))
    seconds = time.perf_counter() - started
    await spool.close()
    return seconds


def _sync_cost(path: Path) -> float:
    fd = os.open(path / "file", os.O_WRONLY | os.O_CREAT)
    started = time.perf_counter()
    for _ in range(200):
        os.write(fd, _BODY * 4)
        os.fdatasync(fd)
    seconds = time.perf_counter() - started
    os.close(fd)
    return round(seconds / 200 * 1000, 2)


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{value:>10}  {name}")
