"""`connections`: thousands of idle connections and a thousand active ones at a gateway: its memory, and its latency."""

import asyncio
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from tests.peers.ports import LOOPBACK, free_port, wait_for_greeting
from tests.peers.programs import MissingPeerError
from tests.peers.smtpsink import SmtpSink

from . import descriptors, load, ours
from .aims import Aim
from .crowd import Crowd, Load
from .processes import resident

IDLE = 5000
ACTIVE = 1000
LOADS = (25, 50, 100, 200, 300, 400, 600, 800, 1200)
"""Messages offered a second, by all active connections together."""

SECONDS = 8
MEMORY_BOUND = 250
_MIB = 1 << 20


class Connections(NamedTuple):
    """Octets resident in the gateway's process (and in its workers) as it grew, and each load with its latencies."""

    empty: int
    idle: int
    active: int
    under_load: int
    workers: int
    loads: list[Load]


def measure(say: Callable[[str], None]) -> Connections | str:
    """Fill a gateway with connections, then load it, more and more; the reason if that cannot be done here."""
    try:
        descriptors.allow(IDLE + ACTIVE + 200)
        with ExitStack() as stack:
            return _measure(stack, say)
    except (MissingPeerError, RuntimeError, OSError) as error:
        return str(error)


def _measure(stack: ExitStack, say: Callable[[str], None]) -> Connections:
    import uvloop

    sink = stack.enter_context(SmtpSink())
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conneg-bench-"))) / "gateway"
    port = free_port()
    command = ours.crowded_command(folder, (LOOPBACK, port), (LOOPBACK, sink.port), IDLE + ACTIVE + 100)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    stack.callback(load.stop, process)
    wait_for_greeting(port, alive=lambda: process.poll() is None)
    return uvloop.run(_crowd(port, process.pid, say))


async def _crowd(port: int, pid: int, say: Callable[[str], None]) -> Connections:
    empty = resident(pid).own
    async with Crowd(port) as crowd:
        say(f"connections: {IDLE:,} idle ones")
        await crowd.open(IDLE)
        await asyncio.sleep(0.5)
        idle = resident(pid).own
        say(f"connections: {ACTIVE:,} active ones")
        await crowd.open(ACTIVE)
        active = resident(pid).own
        loads: list[Load] = []
        most = resident(pid)
        for rate in LOADS:
            say(f"connections: {rate} messages a second")
            found = await crowd.load(rate, ACTIVE, SECONDS)
            loads.append(found)
            now = resident(pid)
            most = max(most, now, key=lambda one: one.own)
            if found.is_saturated:
                break
            await asyncio.sleep(0.5)
    return Connections(empty, idle, active, most.own, most.children, loads)


def show(console: Console, found: Connections | str) -> None:
    """What it took, and the latencies."""
    console.print(
        f"[bold]connections: {IDLE:,} idle and {ACTIVE:,} active ones at `conneg serve`[/]", highlight=False
    )
    if isinstance(found, str):
        console.print(f"  [yellow]not measured[/]: {found}", highlight=False)
        return
    table = Table("resident in the gateway's process", "MiB")
    table.add_row("without connections", _mib(found.empty))
    table.add_row(f"{IDLE:,} idle", _mib(found.idle))
    table.add_row(f"and {ACTIVE:,} more", _mib(found.active))
    table.add_row("the most under load", _mib(found.under_load))
    table.add_row("beside it: its workers", _mib(found.workers))
    console.print(table)
    table = Table("messages/s offered", "accepted", "RCPT reply: median", "99th percentile", "slowest")
    for one in found.loads:
        name = f"{one.offered:,}{' (too much)' if one.is_saturated else ''}"
        times = (f"{each * 1000:,.1f} ms" for each in (one.median, one.high, one.slowest))
        table.add_row(name, f"{one.accepted:,.0f}", *times)
    console.print(table)
    console.print(
        f"  [dim]each active connection sends at its own times: MAIL, RCPT with CONNEG, DATA and 1 kB; the gateway "
        f"makes each durable and relays it to smtp-sink; {SECONDS} s at each load; the load shares the machine[/]",
        highlight=False,
        soft_wrap=True,
    )


def _mib(octets: int) -> str:
    return f"{octets / _MIB:,.0f}"


def aims(found: Connections | str) -> list[Aim]:
    """Under 250 MB, all connections there and mail passing."""
    value = None if isinstance(found, str) else found.under_load / 1e6
    what = f"connections: memory with {IDLE:,} idle and {ACTIVE:,} active"
    return [Aim(what, value, MEMORY_BOUND, "MB", is_most=True)]


def as_json(found: Connections | str) -> object:
    """The measurements as values of JSON: octets, seconds."""
    if isinstance(found, str):
        return {"problem": found}
    return {**found._asdict(), "loads": [one._asdict() for one in found.loads]}


def draw(found: Connections | str, file: Path) -> None:
    """Draw the latencies against the load, and the memory against the connections."""
    if isinstance(found, str):
        return
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    accepted = [one.accepted for one in found.loads]
    for label, line, values in (
        ("slowest", ":", [one.slowest for one in found.loads]),
        ("99th percentile", "o-", [one.high for one in found.loads]),
        ("median", "s--", [one.median for one in found.loads]),
    ):
        left.plot(accepted, [each * 1000 for each in values], line, color="tab:blue", ms=4, label=label)
    left.set(yscale="log", xlim=(0, None), xlabel="messages accepted a second", ylabel="milliseconds")
    left.set_title(f"The reply to RCPT, {ACTIVE:,} connections active, {IDLE:,} idle", fontsize=10)
    left.legend(fontsize=8, frameon=False)
    right.bar(
        ["none", f"{IDLE:,} idle", f"{ACTIVE:,} more", "under load"],
        [each / 1e6 for each in (found.empty, found.idle, found.active, found.under_load)],
        color="tab:blue",
        width=0.6,
    )
    right.axhline(MEMORY_BOUND, color="black", lw=0.8, ls="--")
    right.set(ylabel="MB resident in the gateway's process")
    right.set_title("Memory against connections", fontsize=10)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
