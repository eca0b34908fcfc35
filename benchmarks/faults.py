"""`faults`: a gateway under 200 RCPTs a second whose directory server is paused, stopped, slow, or breaks off.

What has to hold: no reply later than the deadline, no wrong capability, and answers again within the stated time.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from tests.databases import Postgres
from tests.directory.slapd import BASE, Slapd, person
from tests.net.certificates import make_certificate
from tests.peers.ports import free_port, wait_for_greeting, wait_until

from conneg.accounts import PasswordHasher, make_account, write_accounts
from conneg.directory import Entry, EntryKind, SqlDirectory
from conneg.web.published import PublishedCapabilities

from .aims import Aim
from .faultproxy import FaultProxy, Mode, Opening
from .rcpts import Answer, Stream

RATE = 200
CONNECTIONS = 200
USERS = 20_000
OFTEN = 200
DEADLINE_SECONDS = 2.0
SOURCE_SECONDS = 1.0
LONGEST_REST_SECONDS = 2.0
RECOVERY_SECONDS = LONGEST_REST_SECONDS + SOURCE_SECONDS
"""A source that works again is found out after its rest by one question, which has its seconds."""

_WELL_SECONDS = 3.0
_FAULT_SECONDS = 6.0
_PATIENCE_SECONDS = 20.0

_CONFIG = """\
[server]
hostname = "bench.example"
listen = ["127.0.0.1:{port}"]
max_connections_per_peer = 400

[limits]
connections_per_minute = 100000
refused_recipients = 1000000
errors = 1000000
transactions = 1000000

[spool]
path = "spool"
min_free_mib = 0

[conneg]
lookup_seconds = {deadline}

[[destination]]
domains = ["x.example"]
{destination}

[[source]]
name = "{name}"
seconds = {seconds}
longest_rest_seconds = {rest}
fresh_seconds = 5
stale_seconds = 60
{source}
"""


@dataclass(frozen=True)
class Server:
    """A directory server: how the gateway is told of it, how it is reached, and what can be done to it."""

    name: str
    source: str
    opening: Opening
    proxy_port: int
    pause: Callable[[], None]
    resume: Callable[[], None]
    stop: Callable[[], None]
    start: Callable[[], None]
    destination: str = 'deliver = "maildir"\npath = "mail"'


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
    for prepare in (_postgresql, _openldap, _https, _next_hop):
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
    (gateway / "conneg.toml").write_text(
        _CONFIG.format(
            port=port,
            name=server.name,
            source=server.source,
            destination=server.destination,
            deadline=DEADLINE_SECONDS,
            seconds=SOURCE_SECONDS,
            rest=LONGEST_REST_SECONDS,
        )
    )
    proxy = FaultProxy(server.opening, server.proxy_port)
    await proxy.start()
    with _running(gateway, "serve", "--config", "conneg.toml"):
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


def _postgresql(stack: ExitStack, folder: Path) -> Server:
    server = stack.enter_context(Postgres())
    entries = [Entry(EntryKind.ADDRESS, f"user{n}@x.example", f"(pix-x<={n})") for n in range(USERS)]
    asyncio.run(_fill(server.url, entries))
    port = free_port()
    socket = f"{server.folder}/.s.PGSQL.5432"
    url = f"postgresql+psycopg://mail@127.0.0.1:{port}/postgres"
    return Server(
        "postgresql",
        f'kind = "sql"\nurl = "{url}"',
        partial(asyncio.open_unix_connection, socket),
        port,
        server.pause,
        server.resume,
        server.stop,
        server.start,
    )


async def _fill(url: str, entries: list[Entry]) -> None:
    directory = SqlDirectory(url)
    for start in range(0, len(entries), 5000):
        await directory.import_entries(entries[start : start + 5000])
    await directory.close()


def _openldap(stack: ExitStack, folder: Path) -> Server:
    server = Slapd()
    server.load(person(f"user{n}", f"connegCapability: (pix-x<={n})") for n in range(USERS))
    stack.enter_context(server)
    port = free_port()
    certificate = server.certificate.certificate
    return Server(
        "openldap",
        f'kind = "ldap"\nurls = ["ldap://127.0.0.1:{port}"]\nbase = "{BASE}"\nauthorities = "{certificate}"',
        partial(asyncio.open_connection, "127.0.0.1", server.port),
        port,
        server.pause,
        server.resume,
        server.stop,
        server.start,
    )


class _Program:
    """`conneg` as a process in `folder` that can be stopped and started again."""

    def __init__(self, folder: Path, *arguments: str, ready: Callable[[], None]) -> None:
        self._command = [sys.executable, "-m", "conneg.cli", *arguments]
        self._folder = folder
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._ready()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            os.kill(self._process.pid, number)


def _https(stack: ExitStack, folder: Path) -> Server:
    home = folder / "service"
    home.mkdir()
    certificate = make_certificate(home, "service", "127.0.0.1")
    account = make_account("user0@x.example", "secret", PasswordHasher(time_cost=1, memory_kib=64, lanes=1))
    write_accounts(home / "users.toml", [account])
    (home / "c.toml").write_text(
        f'[accounts]\nfile = "users.toml"\n[[certificate]]\nfile = "{certificate.certificate}"\n'
        f'key = "{certificate.key}"\n[[listener]]\nlisten = "127.0.0.1:0"\nauth = true\n'
    )
    asyncio.run(_publish(home / "published.sqlite"))
    port, proxy_port = free_port(), free_port()
    program = _Program(
        home, "directory", "--config", "c.toml", "serve", "--store", "published.sqlite",
        "--listen", f"127.0.0.1:{port}", ready=partial(_wait_for_listener, port),
    )  # fmt: skip
    stack.callback(program.stop)
    program.start()
    url = f"https://127.0.0.1:{proxy_port}/v1/capabilities/{{address}}"
    source = f'kind = "http"\nurl = "{url}"\nauthorities = "{certificate.certificate}"'
    return _of_program("https", source, program, port, proxy_port)


async def _publish(path: Path) -> None:
    """Fill the service's database as devices would, only faster."""
    store = PublishedCapabilities(path)
    await store.find("nobody@x.example", 0)
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        rows = (
            (f"user{n}@x.example", f"(pix-x<={n})", time.time(), time.time() + 86400) for n in range(USERS)
        )
        connection.executemany("INSERT INTO published VALUES (?, ?, ?, ?)", rows)


def _next_hop(stack: ExitStack, folder: Path) -> Server:
    home = folder / "next-hop"
    home.mkdir()
    (home / "d.toml").write_text(
        "[addresses]\n" + "".join(f'"user{n}@x.example" = "(pix-x<={n})"\n' for n in range(USERS))
    )
    port, proxy_port = free_port(), free_port()
    text = _CONFIG.partition("[[source]]")[0].format(
        port=port, deadline=DEADLINE_SECONDS, destination='deliver = "maildir"\npath = "mail"'
    )
    (home / "conneg.toml").write_text(text.replace("bench", "next-hop") + '[directory]\nfile = "d.toml"\n')
    program = _Program(
        home, "serve", "--config", "conneg.toml", ready=partial(wait_for_greeting, port, seconds=30)
    )
    stack.callback(program.stop)
    program.start()
    made = _of_program("next hop", 'kind = "cascade"', program, port, proxy_port)
    return replace(made, destination=f'deliver = "smtp"\nhost = "127.0.0.1:{proxy_port}"\ntls = "none"')


def _of_program(name: str, source: str, program: _Program, port: int, proxy_port: int) -> Server:
    return Server(
        name.replace(" ", "-"),
        source,
        partial(asyncio.open_connection, "127.0.0.1", port),
        proxy_port,
        partial(program.signal, signal.SIGSTOP),
        partial(program.signal, signal.SIGCONT),
        program.stop,
        program.start,
    )


def _wait_for_listener(port: int) -> None:
    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens, seconds=30, what="the service")


@contextmanager
def _running(folder: Path, *arguments: str) -> Iterator[None]:
    program = _Program(folder, *arguments, ready=lambda: None)
    program.start()
    try:
        yield
    finally:
        program.stop()


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
