"""`python -m benchmarks.soak --messages N`: a gateway under good and hostile clients for as long as N messages take.

Every message that drew 250 must arrive, none of the hostile ones, no connection may be left, and memory must not grow.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress, TextColumn
from rich.table import Table
from tests.peers.ports import LOOPBACK, free_port, wait_for_greeting

from . import aims, hostile, load, machine, ours
from .aims import Aim
from .processes import resident

CLIENTS = 16
A_SESSION = 250
"""Messages that a client sends before it connects anew."""

DEVICE_EVERY = 10
"""One message in so many is for a device whose capability the directory has; the others go as they came."""

_NO_PROGRESS_SECONDS = 60
_CLOSING_SECONDS = 40
_GROWTH = 1.1
_ESTABLISHED, _CLOSE_WAIT = "01", "08"


class Soak(NamedTuple):
    """What came of it: numbers of messages, what was left, and memory by messages accepted (octets)."""

    accepted: int
    lost: int
    duplicated: int
    hostile: int
    behind: int
    waiting: int
    connections_left: int
    seconds: float
    memory: list[tuple[int, int]]
    told: dict[str, dict[str, int]]

    @property
    def growth(self) -> float | None:
        """The gateway's memory in the last quarter over that in the second; None for a run that was too short."""
        quarter = len(self.memory) // 4
        if quarter < 3:
            return None
        second, last = self.memory[quarter : 2 * quarter], self.memory[-quarter:]
        return sum(octets for _, octets in last) / sum(octets for _, octets in second)


def run(messages: int, say: Callable[[int], None], *, device_every: int = DEVICE_EVERY) -> Soak:
    """Send so many messages through a gateway of its own; `say` is told how many have been accepted."""
    import uvloop

    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conneg-soak-")))
        arrived = scratch / "arrived"
        arrived.touch()
        sink = stack.enter_context(load.python_server("benchmarks.servers.conneg_counting", str(arrived)))
        port = free_port()
        command = ours.soaked_command(scratch / "gateway", (LOOPBACK, port), (LOOPBACK, sink))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        stack.callback(load.stop, process)
        wait_for_greeting(port, alive=lambda: process.poll() is None)
        spool = scratch / "gateway" / "spool"
        return uvloop.run(_Run(port, process.pid, arrived, messages, say, device_every, spool).go())


class _Run:
    def __init__(
        self,
        port: int,
        pid: int,
        arrived: Path,
        messages: int,
        say: Callable[[int], None],
        device_every: int,
        spool: Path,
    ) -> None:
        self._spool = spool
        self._port, self._pid, self._arrived, self._messages, self._say = port, pid, arrived, messages, say
        self._device_every = device_every
        self._behind = 0
        self._next = 0
        self._accepted: set[int] = set()
        self._memory: list[tuple[int, int]] = []

    async def go(self) -> Soak:
        began = time.monotonic()
        stop, told = asyncio.Event(), Counter[tuple[str, str]]()
        harassing = asyncio.create_task(hostile.harass(self._port, stop, told))
        watching = asyncio.create_task(self._watch())
        await asyncio.gather(*(self._client(place) for place in range(CLIENTS)))
        stop.set()
        await harassing
        await self._all_arrived()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await self._until(lambda: _connections(self._port) == 0, _CLOSING_SECONDS)
        counts = Counter(self._read())
        waiting = await self._waiting() if self._lost() else 0
        by_kind: dict[str, dict[str, int]] = {}
        for (kind, end), count in sorted(told.items()):
            by_kind.setdefault(kind, {})[end] = count
        return Soak(
            accepted=len(self._accepted),
            lost=max(0, self._lost() - waiting),
            duplicated=sum(count - 1 for number, count in counts.items() if 0 <= number < hostile.MARK),
            hostile=sum(count for number, count in counts.items() if number < 0 or number >= hostile.MARK),
            behind=self._behind,
            waiting=waiting,
            connections_left=_connections(self._port),
            seconds=time.monotonic() - began,
            memory=self._memory,
            told=by_kind,
        )

    async def _client(self, place: int) -> None:
        while self._next < self._messages:
            try:
                await self._session(place)
            except (ConnectionError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.2)

    async def _session(self, place: int) -> None:
        """One session of an honest client: by DATA and by BDAT, with CONNEG and without."""
        reader, writer = await asyncio.open_connection(
            LOOPBACK, self._port, local_addr=(f"127.0.2.{place + 1}", 0)
        )
        try:
            await _reply(reader)
            writer.write(b"EHLO good.example\r\n")
            await _reply(reader)
            for turn in range(A_SESSION):
                if self._next >= self._messages:
                    return
                number, self._next = self._next, self._next + 1
                content = b"X-Number: %d\r\nSubject: soak\r\n\r\n%s" % (
                    number,
                    b"0123456789abcde\r\n" * (turn % 64),
                )
                begin = b"MAIL FROM:<may@good.example>\r\nRCPT TO:<%s>%s\r\n" % (
                    b"may@office.example" if turn % self._device_every else b"june@ifax1.example",
                    b" CONNEG=OPTIONAL" if turn % 2 else b"",
                )
                if turn % 3:
                    writer.write(begin + b"DATA\r\n")
                    codes = [await _reply(reader) for _ in range(3)]
                    writer.write(content + b".\r\n")
                else:
                    writer.write(begin)
                    codes = [await _reply(reader) for _ in range(2)]
                    writer.write(b"BDAT %d LAST\r\n" % len(content) + content)
                if await _reply(reader) == 250 and codes[1] == 250:
                    self._accepted.add(number)
            writer.write(b"QUIT\r\n")
            await _reply(reader)
        finally:
            writer.close()

    async def _watch(self) -> None:
        while True:
            self._memory.append((len(self._accepted), resident(self._pid).own))
            self._behind = max(self._behind, self._lost())
            self._say(len(self._accepted))
            await asyncio.sleep(1)

    async def _all_arrived(self) -> None:
        """Wait until everything has arrived, or nothing has for a while."""
        lost, since = self._lost(), time.monotonic()
        while lost and time.monotonic() - since < _NO_PROGRESS_SECONDS:
            await asyncio.sleep(1)
            now = self._lost()
            if now < lost:
                lost, since = now, time.monotonic()

    async def _waiting(self) -> int:
        """Count what the gateway still has and means to deliver: late, and not lost."""
        from conneg.spool import read_spool

        spool = read_spool(self._spool)
        try:
            return len(await spool.list(limit=1_000_000))
        finally:
            await spool.close()

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            await asyncio.sleep(0.2)

    def _read(self) -> list[int]:
        return [int(line) for line in self._arrived.read_text().split()]

    def _lost(self) -> int:
        return len(self._accepted - set(self._read()))


async def _reply(reader: asyncio.StreamReader) -> int:
    while True:
        line = await reader.readuntil(b"\r\n")
        if line[3:4] != b"-":
            return int(line[:3])


def _connections(port: int) -> int:
    """Count the connections to `port` that the server's side still holds, as /proc/net/tcp says."""
    local = f":{port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[1].endswith(local) and row[3] in (_ESTABLISHED, _CLOSE_WAIT) for row in rows)


def aims_of(found: Soak) -> list[Aim]:
    """Nothing lost, nothing hostile, nobody left, no growth."""
    return [
        Aim("soak: messages that drew 250 and did not arrive", found.lost, 0, "messages", is_most=True),
        Aim("soak: hostile messages that arrived", found.hostile, 0, "messages", is_most=True),
        Aim("soak: connections left", found.connections_left, 0, "connections", is_most=True),
        Aim("soak: memory in the last quarter over the second", found.growth, _GROWTH, is_most=True),
    ]


def show(console: Console, found: Soak) -> None:
    """What the good ones and the hostile ones did."""
    rate = found.accepted / found.seconds
    console.print(
        f"[bold]soak: {found.accepted:,} messages accepted and relayed in {found.seconds:,.0f} s "
        f"({rate:,.0f}/s), {found.duplicated:,} arrived twice, {found.behind:,} waited at the most, "
        f"{found.waiting:,} in the end[/]",
        highlight=False,
    )
    table = Table("hostile clients", "times", "how it ended")
    for kind, ends in found.told.items():
        how = ", ".join(f"{end} {count:,}" for end, count in ends.items())
        table.add_row(kind, f"{sum(ends.values()):,}", how)
    console.print(table)
    aims.show(console, aims_of(found))


def draw(found: Soak, file: Path) -> None:
    """Draw memory against messages."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), layout="constrained")
    axes.plot(
        [count for count, _ in found.memory], [octets / 1e6 for _, octets in found.memory], color="tab:blue"
    )
    axes.set(ylim=(0, None), xlabel="messages accepted", ylabel="MB resident in the gateway's process")
    axes.set_title("Memory over a soak with hostile clients", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def main() -> int:
    """Run it; 1 if an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000, help="how many (%(default)s)")
    parser.add_argument(
        "--device-every",
        type=int,
        default=DEVICE_EVERY,
        metavar="N",
        help="one message in N is for a device whose capability decides (%(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw memory into this folder")
    options = parser.parse_args()
    console = Console()
    columns = (*Progress.get_default_columns(), TextColumn("{task.completed:,.0f} messages"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("soak", total=options.messages)
        found = run(
            options.messages,
            lambda count: progress.update(task, completed=count),
            device_every=options.device_every,
        )
    show(console, found)
    if options.pictures is not None:
        draw(found, options.pictures / "smtp-soak.png")
    judged = aims_of(found)
    if options.json is not None:
        values = {**found._asdict(), "machine": machine.describe(), "aims": aims.as_json(judged)}
        options.json.write_text(json.dumps(values, indent=2) + "\n")
    return int(any(aim.is_met is False for aim in judged))


if __name__ == "__main__":
    sys.exit(main())
