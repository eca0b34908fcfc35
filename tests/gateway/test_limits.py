"""The bounds on one client as an operator sets them, each with the reply that docs/security.md states."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from conneg.accounts import PasswordHasher, make_account, write_accounts

from .servers import config, running
from .test_listeners import dialogue

DESTINATION = '[[destination]]\ndomains = ["d.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n'
ONE = ("MAIL FROM:<a@b.test>", "RCPT TO:<june@d.test>", "RSET")


@pytest.mark.parametrize(
    ("limits", "lines", "code"),
    [
        ("errors = 2", ("EHLO c", "X", "X", "X"), "421 4.7.0"),
        ("idle_commands = 10", ("EHLO c", *["NOOP"] * 10), "421 4.7.0"),
        (
            "refused_recipients = 2",
            ("EHLO c", "MAIL FROM:<a@b.test>", *["RCPT TO:<june@other.test>"] * 3),
            "421 4.7.0",
        ),
        ("transactions = 2", ("EHLO c", *ONE, *ONE, "MAIL FROM:<a@b.test>"), "421 4.7.0"),
        ("auth_failures = 2", ("EHLO c", *["AUTH SCRAM-SHA-256 bm9uc2Vuc2U="] * 2), "421 4.7.0"),
    ],
)
async def test_what_leads_nowhere_ends_the_session(
    tmp_path: Path, limits: str, lines: tuple[str, ...], code: str
) -> None:
    write_accounts(tmp_path / "users", [make_account("may", "x", PasswordHasher(time_cost=1, memory_kib=64))])
    settings = config(
        tmp_path / "gw",
        f'[limits]\n{limits}\n[relay]\nnetworks = []\n[accounts]\nfile = "{tmp_path}/users"\n'
        f'[[listener]]\nlisten = "127.0.0.1:0"\nauth = true\n{DESTINATION}',
    )
    async with running(settings) as (gateway, _):
        port = gateway.endpoints[1].port

        def talk() -> tuple[str, bytes]:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                file = connection.makefile("rb")
                file.readline()
                connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
                read = file.read()  # to the end, so the server has closed
                return read.decode().splitlines()[-1], read

        last, everything = await asyncio.to_thread(talk)
    assert last.startswith(code)
    assert everything.count(b"421 ") == 1


async def test_connections_in_a_minute(tmp_path: Path) -> None:
    settings = config(tmp_path / "gw", f"[limits]\nconnections_per_minute = 3\n{DESTINATION}")
    async with running(settings) as (gateway, _):
        port = gateway.endpoints[0].port
        greetings = [(await asyncio.to_thread(dialogue, port))[0][0] for _ in range(4)]
    assert [greeting[:3] for greeting in greetings] == ["220"] * 3 + ["421"]
    assert "too often" in greetings[-1]


async def read_to_the_end(reader: asyncio.StreamReader) -> bytes:
    """Read until the connection is closed, or reset because we were still sending."""
    chunks = []
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(4096):
            chunks.append(chunk)
    return b"".join(chunks)


@pytest.mark.parametrize(
    ("limits", "content"), [("data_seconds = 0.2", b""), ("message_seconds = 0.5", b"x\r\n")]
)
async def test_a_message_that_does_not_come_to_its_end(tmp_path: Path, limits: str, content: bytes) -> None:
    settings = config(tmp_path / "gw", f"[limits]\n{limits}\n{DESTINATION}")
    async with running(settings) as (gateway, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.endpoints[0].port)
        for line in ("EHLO c", "MAIL FROM:<a@b.test>", "RCPT TO:<june@d.test>", "DATA"):
            writer.write(f"{line}\r\n".encode())
        while not (await reader.readline()).startswith(b"354"):
            pass
        rest = asyncio.create_task(read_to_the_end(reader))
        async with asyncio.timeout(20):
            while not rest.done():
                if content:
                    writer.write(content)  # never silent for long, and never done
                await asyncio.sleep(0.05)
        writer.close()
    assert (await rest).startswith(b"421 4.4.2")


async def test_one_that_hangs_does_not_hold_up_the_others(tmp_path: Path) -> None:
    settings = config(tmp_path / "gw", DESTINATION)
    async with running(settings) as (gateway, _):
        port = gateway.endpoints[0].port
        hanging = []
        for said in (
            b"",
            b"EHLO",
            b"EHLO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<june@d.test>\r\nDATA\r\nx",
        ) * 20:
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(said)
            hanging.append(connection)
        replies = await asyncio.to_thread(
            dialogue, port, "EHLO c", "MAIL FROM:<a@b.test>", "RCPT TO:<june@d.test>", "DATA", "x\r\n."
        )
        for connection in hanging:
            connection.close()
    assert replies[-1][0].startswith("250")
