"""A spool in a fresh folder, and the few steps that most tests begin with."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conneg.mail import Envelope, Recipient
from conneg.spool import SpooledMessage, SqliteSpool, open_spool

ENVELOPE = Envelope("scan@office.example", (Recipient("june@ifax1.example"),))
TWO = Envelope(
    "scan@office.example",
    (Recipient("june@ifax1.example"), Recipient("may@ifax2.example", frozenset({"NEVER"}), "rfc822;may")),
    body="8BITMIME",
    envid="QQ",
    ret="FULL",
)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


Opener = Callable[..., "asynccontextmanager[SqliteSpool]"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@asynccontextmanager
async def opened(folder: Path, clock: Clock, **options: int) -> AsyncIterator[SqliteSpool]:
    spool = open_spool(folder, clock=clock, **options)
    try:
        yield spool
    finally:
        await spool.close()


async def accept(
    spool: SqliteSpool, content: bytes = b"content", envelope: Envelope = ENVELOPE, *, claim: bool = False
) -> SpooledMessage:
    incoming = spool.incoming()
    incoming.write(content)
    return await incoming.commit(envelope, claim=claim)


Run = Callable[[Coroutine[None, None, None]], None]
