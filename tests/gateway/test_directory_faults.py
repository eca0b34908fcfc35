"""A directory's server is paused, stopped and started again under a running gateway: the draft's rules hold (4.3).

benchmarks/faults.py does the same under load, for every kind of server, and measures it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conneg.directory import SqlDirectory
from conneg.gateway.service import Gateway
from tests.databases import Postgres
from tests.directory.slapd import BASE, Slapd, person
from tests.gateway.servers import config, rcpt, running

pytestmark = pytest.mark.system
WHO = ("june", "may", "anna", "desk", "fax")
SETTINGS = """
[conneg]
lookup_seconds = 2
[[destination]]
domains = ["x.example"]
deliver = "maildir"
path = "mail"
[[source]]
name = "source"
seconds = 0.5
longest_rest_seconds = 0.5
{source}
"""


@contextmanager
def postgres() -> Iterator[tuple[Postgres, str]]:
    async def fill(url: str) -> None:
        directory = SqlDirectory(url)
        for who in WHO:
            await directory.set(f"{who}@x.example", f'(u.urn:x-test="{who}")')
        await directory.close()

    with Postgres() as server:
        asyncio.run(fill(server.url))
        yield server, f'kind = "sql"\nurl = "{server.url}"'


@contextmanager
def slapd() -> Iterator[tuple[Slapd, str]]:
    server = Slapd()
    server.load(person(who, f'connegCapability: (u.urn:x-test="{who}")') for who in WHO)
    with server:
        authorities = server.certificate.certificate
        yield (
            server,
            f'kind = "ldap"\nurls = ["{server.url}"]\nbase = "{BASE}"\nauthorities = "{authorities}"',
        )


@pytest.mark.parametrize("open_server", [postgres, slapd])
@pytest.mark.shows("S-2", "S-3")
def test_faults(open_server: object, tmp_path: Path) -> None:
    with open_server() as (server, source):  # type: ignore[operator]
        asyncio.run(_suffer(server, source, tmp_path))


async def _suffer(server: Postgres | Slapd, source: str, folder: Path) -> None:
    async with running(config(folder / "gw", SETTINGS.format(source=source))) as (gateway, _):
        await _knows(gateway, "june")

        await asyncio.to_thread(server.pause)
        await _cannot_say(gateway, "may")
        await _knows(gateway, "june")  # from the cache
        await asyncio.to_thread(server.resume)
        await _knows_again(gateway, "may")

        await asyncio.to_thread(server.stop)
        await _cannot_say(gateway, "anna")
        await _knows(gateway, "may")
        await asyncio.to_thread(server.start)
        await _knows_again(gateway, "anna")
        assert (await rcpt(gateway, "nobody@x.example", "REQUIRED"))[0] == 504


async def _knows(gateway: Gateway, who: str) -> None:
    for argument in ("REQUIRED", "OPTIONAL"):
        code, text = await rcpt(gateway, f"{who}@x.example", argument)
        assert code == 250
        assert f'CONNEG (u.urn:x-test="{who}")' in text


async def _cannot_say(gateway: Gateway, who: str) -> None:
    for _ in range(3):  # at first the question is late, then the source rests
        assert (await rcpt(gateway, f"{who}@x.example", "REQUIRED"))[0] == 404
        code, text = await rcpt(gateway, f"{who}@x.example", "OPTIONAL")
        assert (code, "CONNEG" in text) == (250, False)


async def _knows_again(gateway: Gateway, who: str) -> None:
    async with asyncio.timeout(60):
        while (await rcpt(gateway, f"{who}@x.example", "REQUIRED"))[0] == 404:
            await asyncio.sleep(0.1)
    await _knows(gateway, who)
