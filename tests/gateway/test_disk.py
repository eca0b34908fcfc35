"""Room on the disk: how much there is, and what a client hears when there is too little."""

import asyncio
import os
import smtplib
from pathlib import Path

import pytest

from conneg.gateway.disk import DiskSpace

from .servers import config, running

MIB = 1 << 20
DESTINATION = '[[destination]]\ndomains = ["d.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n'


def free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def test_what_must_stay_free(tmp_path: Path) -> None:
    there_is = free(tmp_path)
    assert DiskSpace(tmp_path, 0).has_room_for(0)
    assert DiskSpace(tmp_path, there_is // 2).has_room_for(1000)
    assert not DiskSpace(tmp_path, there_is // 2).has_room_for(there_is // 2 + 500 * MIB)
    assert not DiskSpace(tmp_path, there_is * 2).has_room_for(0)


def test_it_is_asked_again_after_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    space = DiskSpace(tmp_path, 1, clock=lambda: now)
    assert space.has_room_for(0)
    full = os.statvfs_result((4096, 4096, 100, 0, 0, 1, 1, 1, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda folder: full)
    now = 0.5
    assert space.has_room_for(0)
    now = 1.0
    assert not space.has_room_for(0)


def test_a_disk_that_cannot_be_asked_has_room(tmp_path: Path) -> None:
    assert DiskSpace(tmp_path / "nowhere", 1).has_room_for(1)


async def test_452_to_mail(tmp_path: Path) -> None:
    """RFC 1870, 6.1 (3): not enough storage now is 452; what fits is taken."""
    there_is = free(tmp_path) // MIB
    settings = config(tmp_path / "gw", f"min_free_mib = {max(0, there_is - 20)}\n{DESTINATION}")

    async with running(settings) as (gateway, _):

        def talk() -> list[tuple[int, bytes]]:
            endpoint = gateway.endpoints[0]
            with smtplib.SMTP(endpoint.host, endpoint.port, local_hostname="client.test") as client:
                client.ehlo()
                answers = [client.docmd("MAIL FROM:<a@b.test> SIZE=41943040")]  # 40 MiB
                answers += [client.docmd("MAIL FROM:<a@b.test> SIZE=1000"), client.docmd("RSET")]
                return answers

        refused, taken, _ = await asyncio.to_thread(talk)
    assert refused[0] == 452
    assert refused[1].startswith(b"4.3.1 ")
    assert taken[0] == 250
