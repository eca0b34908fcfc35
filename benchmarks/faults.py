"""`faults`: a gateway under 200 RCPTs a second whose directory server is paused, stopped, slow, or breaks off.

What has to hold: no reply later than the deadline, no wrong capability, and answers again within the stated time.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from tests.peers.ports import free_port, wait_for_greeting

from .aims import Aim
from .fault_servers import (
    DEADLINE_SECONDS,
    LONGEST_REST_SECONDS,
    PREPARE,
    SOURCE_SECONDS,
    USERS,
    Server,
    gateway_config,
    running,
)
from .faultproxy import FaultProxy, Mode
from .rcpts import Answer, Stream

RATE = 200
CONNECTIONS = 200
OFTEN = 200
RECOVERY_SECONDS = LONGEST_REST_SECONDS + SOURCE_SECONDS
"""A source that works again is found out after its rest by one question, which has its seconds."""

_WELL_SECONDS = 3.0
_FAULT_SECONDS = 6.0
_PATIENCE_SECONDS = 20.0


class Outcome(NamedTuple):
    """What came back during one fault; seconds. `recovery`: until the first new answer after it; None: not in time."""

    server: str
    fault: str
    replies: int
    known: int
    none: int
    wrong: int
    median: float
    slowest: float
    recovery: float | None


def measure(say: Callable[[str], None]) -> list[Outcome]:
    """Each server, each fault."""
    found = []
    for prepare in PREPARE:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conneg-bench-")))
            server = prepare(stack, folder)
            say(f"faults: {server.name}")
            found += asyncio.run(_measure(server, folder, say))
    return found


async def _measure(server: Server, folder: Path, say: Callable[[str], None]) -> list[Outcome]:
    port = free_port()
    gateway = folder / "gateway"
    gateway.mkdir()
    (gateway / "conneg.toml").write_text(gateway_config(server, port))
    proxy = FaultProxy(server.opening, server.proxy_port)
    await proxy.start()
    with running(gateway, "serve", "--config", "conneg.toml"):
        await asyncio.to_thread(wait_for_greeting, port)
        stream = Stream(port, rate=RATE, connections=CONNECTIONS, users=USERS, often=OFTEN)
        await stream.start()
        await asyncio.sleep(_WELL_SECONDS)

        def switch(mode: Mode) -> None:
            proxy.mode = mode

        faults: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "none": (lambda: None, lambda: None),
            "paused": (server.pause, server.resume),
            "slow": (partial(switch, Mode.SLOW), partial(switch, Mode.PASS)),
            "breaks off": (partial(switch, Mode.BREAK), partial(switch, Mode.PASS)),
            "stopped": (server.stop, server.start),
        }
        found = []
        for fault, (begin, end) in faults.items():
            say(f"faults: {server.name}, {fault}")
            found.append(await _suffer(server, fault, stream, begin, end))
        await stream.stop()
    await proxy.close()
    return found


async def _suffer(
    server: Server, fault: str, stream: Stream, begin: Callable[[], None], end: Callable[[], None]
) -> Outcome:
    """Let the fault last for a while; count what was sent from its beginning to the recovery."""
    since = time.monotonic()
    await asyncio.to_thread(begin)
    await asyncio.sleep(_FAULT_SECONDS)
    await asyncio.to_thread(end)
    ended = time.monotonic()
    recovery = await _recovery(stream, ended)
    await asyncio.sleep(_WELL_SECONDS + DEADLINE_SECONDS)
    answers = [one for one in stream.answers if since <= one.sent < ended + _WELL_SECONDS]
    count = {kind: sum(one.kind == kind for one in answers) for kind in ("known", "none", "wrong")}
    times = [one.seconds for one in answers]
    return Outcome(
        server.name,
        fault,
        len(answers),
        count["known"],
        count["none"],
        count["wrong"],
        statistics.median(times),
        max(times),
        recovery,
    )


async def _recovery(stream: Stream, ended: float) -> float | None:
    """Return when a question that was asked after the fault, and that no cache can answer, was answered; seconds."""
    while time.monotonic() < ended + _PATIENCE_SECONDS:
        fresh: list[Answer] = [
            one for one in stream.answers if one.sent >= ended and one.number >= OFTEN and one.kind == "known"
        ]
        if fresh:
            return min(one.sent + one.seconds for one in fresh) - ended
        await asyncio.sleep(0.02)
    return None


def show(console: Console, outcomes: list[Outcome]) -> None:
    """A table."""
    console.print(
        f"[bold]faults: {RATE} RCPTs a second, half of them for recipients not asked for before; "
        f"each fault lasts {_FAULT_SECONDS:g} s[/]",
        highlight=False,
    )
    names = (
        "server",
        "fault",
        "replies",
        "known",
        "404 or none",
        "wrong",
        "median ms",
        "slowest s",
        "back after s",
    )
    table = Table(*names)
    for one in outcomes:
        recovery = "never" if one.recovery is None else f"{one.recovery:.2f}"
        table.add_row(
            one.server,
            one.fault,
            str(one.replies),
            str(one.known),
            str(one.none),
            str(one.wrong),
            f"{one.median * 1000:.1f}",
            f"{one.slowest:.2f}",
            recovery,
        )
    console.print(table)
    console.print(
        f"  [dim]a question may take the source {SOURCE_SECONDS:g} s, and the RCPT {DEADLINE_SECONDS:g} s; a failing "
        f"source rests for {LONGEST_REST_SECONDS:g} s at most[/]",
        highlight=False,
        soft_wrap=True,
    )


def aims(outcomes: list[Outcome]) -> list[Aim]:
    """No wrong answer, none later than the deadline, back within the stated time."""
    found = []
    for one in outcomes:
        where = f"faults: {one.server}, {one.fault}"
        found.append(Aim(f"{where}: wrong answers", one.wrong, 0, "answers", is_most=True))
        found.append(Aim(f"{where}: slowest reply", one.slowest, DEADLINE_SECONDS, "s", is_most=True))
        recovery = float("inf") if one.recovery is None else one.recovery
        found.append(Aim(f"{where}: new answers again", recovery, RECOVERY_SECONDS, "s", is_most=True))
    return found


def as_json(outcomes: list[Outcome]) -> object:
    """The outcomes as values of JSON."""
    return [one._asdict() for one in outcomes]
