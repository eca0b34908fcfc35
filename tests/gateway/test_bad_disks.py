"""A spool on a disk that another program fills, and on one that turns read-only: nothing accepted is lost."""

import asyncio
import contextlib
import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conneg.gateway.events import Settled
from conneg.spool import SpoolError
from tests.peers.ports import free_port

from .servers import config, messages_in, running, text_message, until


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB in memory."""
    folder = tmp_path / "gw"
    folder.mkdir()
    if (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False).returncode
        != 0
    ):
        pytest.skip("a file system in memory can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def settings(disk: Path, port: int) -> Any:
    return config(
        disk,
        f"""
        min_free_mib = 0
        [retry]
        first_seconds = 0.3
        factor = 1
        [content]
        cache_mib = 0
        [[destination]]
        domains = ["hop.test"]
        deliver = "smtp"
        host = "127.0.0.1:{port}"
        """,
    )


def last(tmp_path: Path, port: int) -> Any:
    found = config(
        tmp_path / "last",
        '[[destination]]\ndomains = ["hop.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n',
    )
    server = found.server.model_copy(update={"listen": (f"127.0.0.1:{port}",)})
    return found.model_copy(update={"server": server})


def send(endpoint: Any, number: int, octets: int = 1000) -> int:
    """Send a message with that number in its subject; the code of the reply to it."""
    message = text_message("x" * 70 + "\n" + ("y" * 70 + "\n") * (octets // 71))
    message.replace_header("Subject", f"number {number}")
    with smtplib.SMTP(endpoint.host, endpoint.port) as client:
        try:
            client.send_message(message, "may@sender.test", ["june@hop.test"])
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
        except smtplib.SMTPRecipientsRefused as error:
            return next(iter(error.recipients.values()))[0]
    return 250


def fill(path: Path) -> None:
    """Write a file until the disk is full."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(512)):
            pass


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)


def numbers(tmp_path: Path) -> list[int]:
    """The numbers of the messages that arrived."""
    contents = messages_in(tmp_path / "last/mail/june")
    return sorted(int(content.split(b"Subject: number ")[1].split(b"\r\n")[0]) for content in contents)


async def test_a_disk_that_another_program_fills(tmp_path: Path, disk: Path) -> None:
    """Nothing is accepted while it is full; when there is room again, what was accepted goes, and new mail is taken."""
    port = free_port()
    async with running(settings(disk, port)) as (gateway, events):
        assert [await asyncio.to_thread(send, gateway.endpoints[0], n) for n in range(5)] == [250] * 5
        await until(lambda: {e.state for e in events.of(Settled)} == {"deferred"})
        fill(disk / "ballast")
        refused = [await asyncio.to_thread(send, gateway.endpoints[0], n, 200_000) for n in range(5, 10)]
        assert all(code // 100 == 4 for code in refused)
        async with running(last(tmp_path, port)):
            await asyncio.sleep(2)  # attempts cannot be written down
            (disk / "ballast").unlink()
            await until(lambda: set(numbers(tmp_path)) == {0, 1, 2, 3, 4}, seconds=30)
            assert await asyncio.to_thread(send, gateway.endpoints[0], 10) == 250
            await until(lambda: 10 in numbers(tmp_path), seconds=30)
        await until(
            lambda: len({e.message_id for e in events.of(Settled) if e.state == "delivered"}) == 6, seconds=30
        )
    assert set(numbers(tmp_path)) == {0, 1, 2, 3, 4, 10}


async def test_a_disk_that_turns_read_only(tmp_path: Path, disk: Path) -> None:
    """A gateway that is started on it says so, and what was accepted before goes when it can be written again."""
    port = free_port()
    async with running(settings(disk, port)) as (gateway, events):
        assert await asyncio.to_thread(send, gateway.endpoints[0], 1) == 250
        await until(lambda: {e.state for e in events.of(Settled)} == {"deferred"})
    remount(disk, "ro")
    with pytest.raises(SpoolError, match="gw"):
        async with running(settings(disk, port)):
            pass
    remount(disk, "rw")
    async with running(last(tmp_path, port)), running(settings(disk, port)):
        await until(lambda: numbers(tmp_path) == [1], seconds=30)
