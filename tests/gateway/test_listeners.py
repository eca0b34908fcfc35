"""Places to listen with their roles, and who is told what of a recipient's device."""

import asyncio
import smtplib
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.policy import SMTP
from pathlib import Path

import pytest

from conneg.directory import SqliteDirectory
from conneg.features import feature_set
from conneg.gateway.config import Config, ConfigError, parse_config
from conneg.smtp import read_capability, read_reply_lines

from .servers import config, directory_file, running, text_message, until

KNOWN = "(& (color=Binary) (paper-size=A4) (ua-media=stationery))"


def dialogue(port: int, *lines: str, start: bytes = b"") -> list[list[str]]:
    """Say lines one by one; return the lines of each reply, the greeting's first."""
    replies: list[list[str]] = []
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        file = connection.makefile("rb")
        if start:
            connection.sendall(start)
        for line in (None, *lines):
            if line is not None:
                connection.sendall(f"{line}\r\n".encode())
            reply: list[str] = []
            while not reply or reply[-1][3:4] == "-":
                reply.append(file.readline().decode().rstrip("\r\n"))
            replies.append(reply)
    return replies


@asynccontextmanager
async def database_of_others(path: Path) -> AsyncIterator[sqlite3.Connection]:
    """A directory database with somebody else in it, and a connection to lock it by."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = SqliteDirectory(path, create=True)
    await made.set("somebody@ifax1.test", "profile S")
    await made.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=DELETE")  # in which a writer can keep readers out
    try:
        yield connection
    finally:
        connection.close()


def settings(tmp_path: Path, more: str) -> Config:
    entries = directory_file(tmp_path / "directory.toml", {"june@ifax1.test": KNOWN})
    destination = (
        '[[destination]]\ndomains = ["ifax1.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n'
    )
    return config(tmp_path / "gw", f'[directory]\nfile = "{entries}"\n{destination}{more}')


ASK = ("EHLO c", "MAIL FROM:<a@b.test>", "RCPT TO:<june@ifax1.test> CONNEG=REQUIRED")


async def ask(tmp_path: Path, more: str, *lines: str, place: int = 0, start: bytes = b"") -> list[list[str]]:
    async with running(settings(tmp_path, more)) as (gateway, _):
        port = gateway.endpoints[place].port
        return await asyncio.to_thread(dialogue, port, *(lines or ASK), start=start)


def capability(lines: list[str]) -> str | None:
    read = read_capability(read_reply_lines(lines))
    return None if read is None else read.expression


async def test_everything_is_shown_where_no_rule_says_otherwise(tmp_path: Path) -> None:
    replies = await ask(tmp_path, "")
    assert feature_set(capability(replies[-1]) or "").equivalent(feature_set(KNOWN))


@pytest.mark.shows("S-11")
async def test_only_some_tags_are_shown(tmp_path: Path) -> None:
    replies = await ask(tmp_path, '[[disclosure]]\ntags = ["color", "paper-size"]\n')
    shown = capability(replies[-1]) or ""
    assert feature_set(shown).equivalent(feature_set("(& (color=Binary) (paper-size=A4))"))


@pytest.mark.shows("S-11", "A5-23")
@pytest.mark.parametrize(
    "rule",
    [
        'tags = "none"',
        'networks = ["192.0.2.0/24"]',
        'recipients = ["other.test", "*.ifax1.test", "may@ifax1.test"]',
    ],
)
async def test_who_may_be_told_nothing_hears_what_is_said_of_the_unknown(tmp_path: Path, rule: str) -> None:
    """Draft 8 leaves disclosure to the server; the answer is that of a recipient of whom nothing is known."""
    optional = "RCPT TO:<june@ifax1.test> CONNEG=OPTIONAL"
    replies = await ask(
        tmp_path, f"[[disclosure]]\n{rule}\n", *ASK, ASK[-1].replace("june", "nobody"), optional
    )
    assert replies[-3][0].replace("june", "nobody") == replies[-2][0]
    assert replies[-3][0].startswith("504 5.3.3")
    assert replies[-1] == ["250 2.1.5 <june@ifax1.test> recipient ok"]


async def test_the_first_rule_that_fits_holds(tmp_path: Path) -> None:
    rules = '[[disclosure]]\nrecipients = ["june@ifax1.test"]\n[[disclosure]]\ntags = "none"\n'
    assert capability((await ask(tmp_path, rules))[-1]) is not None


async def test_conneg_is_listed_in_its_networks_only(tmp_path: Path) -> None:
    replies = await ask(tmp_path, '[conneg]\nnetworks = ["192.0.2.0/24"]\n')
    assert not any("CONNEG" in line for line in replies[1])
    assert replies[-1][0].startswith("504")


async def test_a_listener_behind_a_proxy(tmp_path: Path) -> None:
    """The client's own network decides what it is told, not the proxy's."""
    more = (
        '[conneg]\nnetworks = ["192.0.2.0/24"]\n'
        '[[listener]]\nlisten = "127.0.0.1:0"\nrole = "delivery"\nproxy_networks = ["127.0.0.0/8"]\n'
    )
    header = b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 25\r\n"
    replies = await ask(tmp_path, more, *ASK, "RCPT TO:<x@elsewhere.test>", place=1, start=header)
    assert capability(replies[3]) is not None
    assert replies[4][0].startswith("550 5.7.1")


async def test_xclient_from_a_proxy(tmp_path: Path) -> None:
    more = '[[listener]]\nlisten = "127.0.0.1:0"\nxclient_networks = ["127.0.0.0/8"]\n'
    lines = (
        "EHLO proxy",
        "XCLIENT ADDR=192.0.2.7",
        "EHLO c",
        "MAIL FROM:<a@b.test>",
        "RCPT TO:<x@elsewhere.test>",
    )
    replies = await ask(tmp_path, more, *lines, place=1)
    assert replies[2][0].startswith("220")
    assert replies[-1][0].startswith("550 5.7.1")  # it is not loopback that may relay now


async def test_lmtp_and_its_trace_field(tmp_path: Path) -> None:
    more = '[[listener]]\nlisten = "127.0.0.1:0"\nprotocol = "lmtp"\nrole = "delivery"\n'
    async with running(settings(tmp_path, more)) as (gateway, _):
        endpoint = gateway.endpoints[1]

        def send() -> dict[str, tuple[int, bytes]]:
            with smtplib.LMTP(endpoint.host, endpoint.port, local_hostname="client.test") as client:
                content = text_message().as_bytes(policy=SMTP)
                return client.sendmail("a@b.test", ["may@ifax1.test"], content)

        assert await asyncio.to_thread(send) == {}
        inbox = tmp_path / "gw" / "mail" / "may" / "new"
        await until(lambda: inbox.is_dir() and bool(list(inbox.iterdir())))
        assert b"with LMTP;" in next(inbox.iterdir()).read_bytes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[[listener]]\nlisten = "127.0.0.1:0"\ntls = "required"\n',
            "line 3: listener.tls: needs a certificate",
        ),
        ('[[listener]]\nlisten = "127.0.0.1:0"\nrole = "x"\n', "line 3: listener.role"),
        ("[[disclosure]]\ntls = true\n", "line 2: disclosure.tls: needs a certificate"),
        ('[[disclosure]]\nrecipients = ["a b"]\n', "line 2: disclosure.recipients"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, name="conneg.toml")
    assert words in str(caught.value)


@pytest.mark.shows("D-3", "S-2")
async def test_a_slow_directory_holds_up_only_whom_it_is_asked_for(tmp_path: Path) -> None:
    """June is in the file; the database that may know the other is locked: 404 (draft 4.3), but June's reply is out."""
    database = tmp_path / "gw" / "directory.sqlite"
    more = f"[conneg]\nlookup_seconds = 2\n[directory]\nfile = '{tmp_path / 'directory.toml'}'\nsqlite = '{database}'\n"
    directory_file(tmp_path / "directory.toml", {"june@ifax1.test": KNOWN})
    more += '[[destination]]\ndomains = ["ifax1.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n'
    settings = config(tmp_path / "gw", more)
    async with database_of_others(database) as locked, running(settings) as (gateway, _):
        locked.execute("BEGIN EXCLUSIVE")
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.endpoints[0].port)
        asked = "".join(
            f"RCPT TO:<{name}@ifax1.test> CONNEG=REQUIRED\r\n" for name in ("june", "may", "june")
        )
        writer.write(f"HELO c\r\nMAIL FROM:<a@b.test>\r\n{asked}QUIT\r\n".encode())
        for _ in range(3):  # the greeting, HELO, MAIL
            await reader.readline()
        while (line := await reader.readline())[3:4] == b"-":
            pass
        assert line.startswith(b"250 CONNEG")
        assert not reader._buffer  # type: ignore[attr-defined]
        assert (await reader.readline()).startswith(b"404")
        assert (await reader.read()).count(b"250 CONNEG") == 1
        writer.close()
