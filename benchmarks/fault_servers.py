"""The directory servers of `faults`: real ones, filled with the same users, with a relay in front; and gateways."""

import asyncio
import contextlib
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.databases import Postgres
from tests.directory.slapd import BASE, Slapd, person
from tests.net.certificates import make_certificate
from tests.pausing import pause, resume
from tests.peers.ports import free_port, wait_for_greeting, wait_until

from conneg.accounts import PasswordHasher, make_account, write_accounts
from conneg.directory import Entry, EntryKind, SqlDirectory
from conneg.web.published import PublishedCapabilities

from .faultproxy import Opening

USERS = 20_000
"""User N can take `(pix-x<=N)`."""

DEADLINE_SECONDS = 2.0
SOURCE_SECONDS = 1.0
LONGEST_REST_SECONDS = 2.0

_GATEWAY = """\
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
"""

_SOURCE = """\
[[source]]
name = "{name}"
seconds = {seconds}
longest_rest_seconds = {rest}
fresh_seconds = 5
stale_seconds = 60
{source}
"""
_MAILDIR = 'deliver = "maildir"\npath = "mail"'


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
    destination: str = _MAILDIR


def gateway_config(server: Server, port: int) -> str:
    """Return the settings of a gateway at `port` whose directory is `server`."""
    text = _GATEWAY.format(port=port, deadline=DEADLINE_SECONDS, destination=server.destination)
    return text + _SOURCE.format(
        name=server.name, source=server.source, seconds=SOURCE_SECONDS, rest=LONGEST_REST_SECONDS
    )


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[None]:
    """Run `conneg` with these arguments in `folder`."""
    program = _Program(folder, *arguments, ready=lambda: None)
    program.start()
    try:
        yield
    finally:
        program.stop()


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

    def pause(self) -> None:
        if self._process is not None:
            pause([self._process.pid])

    def resume(self) -> None:
        if self._process is not None:
            resume([self._process.pid])


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
    text = _GATEWAY.format(port=port, deadline=DEADLINE_SECONDS, destination=_MAILDIR)
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
        program.pause,
        program.resume,
        program.stop,
        program.start,
    )


def _wait_for_listener(port: int) -> None:
    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens, seconds=30, what="the service")


PREPARE = (_postgresql, _openldap, _https, _next_hop)
"""Each starts a server that ends with the stack."""
