"""Cascaded capability queries (draft, appendix B.1 (1)): real gateways that ask real gateways."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from conneg.directory import Answer, Known, Unavailable, Unknown
from conneg.gateway.config import Config
from conneg.gateway.directories import open_directory
from conneg.gateway.service import Gateway
from conneg.negotiation import Provenance
from tests.gateway.servers import config, directory_file, rcpt, running
from tests.peers.ports import free_port

BW = "(& (image-file-structure=TIFF-minimal) (color=Binary))"
CASCADE = '[[source]]\nname = "cascade"\nkind = "cascade"\nseconds = {seconds}\nnegative_seconds = 0\n'


def towards(port: int, seconds: float = 3, lookup_seconds: float = 10) -> str:
    return (
        f"[conneg]\nlookup_seconds = {lookup_seconds}\n"
        + CASCADE.format(seconds=seconds)
        + "[[destination]]\n"
        f'domains = ["ifax1.jp"]\ndeliver = "smtp"\nhost = "127.0.0.1:{port}"\n'
    )


@asynccontextmanager
async def end(folder: Path, entries: dict[str, str], port: int = 0) -> AsyncIterator[Gateway]:
    """The gateway at the end, which has the operator's directory."""
    file = directory_file(folder / "d.toml", entries)
    text = f'[directory]\nfile = "{file}"\n[[destination]]\ndomains = ["ifax1.jp"]\ndeliver = "maildir"\npath = "x"\n'
    async with running(at(port, config(folder / "end", text))) as (gateway, _):
        yield gateway


def at(port: int, settings: Config) -> Config:
    server = settings.server.model_copy(update={"listen": (f"127.0.0.1:{port}",)})
    return settings.model_copy(update={"server": server})


async def test_what_the_last_gateway_knows_the_first_one_says(tmp_path: Path) -> None:
    async with end(tmp_path, {"june@ifax1.jp": BW}) as last:
        async with running(config(tmp_path / "middle", towards(last.endpoints[0].port))) as (middle, _):
            async with running(config(tmp_path / "first", towards(middle.endpoints[0].port))) as (first, _):
                code, text = await rcpt(first, "june@ifax1.jp", "REQUIRED")
                assert code == 250
                assert "color=Binary" in text
                assert (await rcpt(first, "may@ifax1.jp", "REQUIRED"))[0] == 504
                code, text = await rcpt(first, "may@ifax1.jp", "OPTIONAL")
                assert (code, "CONNEG" in text) == (250, False)


async def test_an_answer_says_who_said_so(tmp_path: Path) -> None:
    async with end(tmp_path, {"june@ifax1.jp": BW}) as last:
        port = last.endpoints[0].port
        directory = open_directory(config(tmp_path / "gw", towards(port)))
        answers = await directory.lookup(["June@ifax1.jp", "may@ifax1.jp"], 10)
        june = answers["June@ifax1.jp"]
        assert isinstance(june, Known)
        assert june.capability.provenance is Provenance.REPLY
        assert june.capability.source == f"cascade: 127.0.0.1:{port}"
        assert june.capability.obtained_at == pytest.approx(time.time(), abs=60)
        assert answers["may@ifax1.jp"] == Unknown()
        assert directory.answers_now(["June@ifax1.jp"]) == {"June@ifax1.jp": june}
        assert directory.without_peers().answers_now(["June@ifax1.jp"]) == {"June@ifax1.jp": Unknown()}
        await directory.close()


async def test_two_gateways_that_ask_each_other_find_out_at_once(tmp_path: Path) -> None:
    one, two = free_port(), free_port()
    settings = [
        at(here, config(tmp_path / name, towards(there, seconds=20, lookup_seconds=60)))
        for name, here, there in (("one", one, two), ("two", two, one))
    ]
    async with running(settings[0]) as (first, _), running(settings[1]) as (second, _):
        for gateway in (first, second):
            async with asyncio.timeout(15):  # well before any share of a deadline is over
                assert (await rcpt(gateway, "june@ifax1.jp", "REQUIRED"))[0] == 504
                assert (await rcpt(gateway, "june@ifax1.jp", "OPTIONAL"))[0] == 250
        both = await asyncio.gather(
            *(rcpt(gateway, f"u{n}@ifax1.jp", "OPTIONAL") for n in range(8) for gateway in (first, second))
        )
        assert {code for code, _ in both} == {250}


async def test_a_gateway_that_is_its_own_next_hop_does_not_ask_itself(tmp_path: Path) -> None:
    port = free_port()
    settings = at(port, config(tmp_path / "self", towards(port, seconds=20, lookup_seconds=60)))
    async with running(settings) as (gateway, _):
        async with asyncio.timeout(15):
            assert (await rcpt(gateway, "june@ifax1.jp", "REQUIRED"))[0] == 504


async def test_a_next_hop_without_conneg_is_not_asked(tmp_path: Path) -> None:
    class Old:
        mails = 0

        async def handle_MAIL(self, *arguments: Any) -> str:  # noqa: N802 - aiosmtpd's name
            self.mails += 1
            return "250 ok"

    controller = Controller(Old(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        directory = open_directory(config(tmp_path / "gw", towards(controller.port)))
        assert await directory.lookup(["june@ifax1.jp"], 10) == {"june@ifax1.jp": Unknown()}
        await directory.close()
    finally:
        controller.stop()
    assert controller.handler.mails == 0


async def test_a_next_hop_that_is_slow_or_down_is_a_temporary_failure_of_its_own(tmp_path: Path) -> None:
    hole = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    slow = hole.sockets[0].getsockname()[1]
    async with end(tmp_path, {"june@ifax1.jp": BW}) as last:
        text = towards(last.endpoints[0].port, seconds=0.4)
        for domain, port in (("slow.test", slow), ("down.test", free_port())):
            text += f'[[destination]]\ndomains = ["{domain}"]\ndeliver = "smtp"\nhost = "127.0.0.1:{port}"\n'
        async with running(config(tmp_path / "gw", text)) as (gateway, _):
            for domain in ("slow.test", "down.test"):
                assert (await rcpt(gateway, f"june@{domain}", "REQUIRED"))[0] == 404
                code, said = await rcpt(gateway, f"june@{domain}", "OPTIONAL")
                assert (code, "CONNEG" in said) == (250, False)
            assert (await rcpt(gateway, "june@ifax1.jp", "REQUIRED"))[0] == 250
    hole.close()


async def test_a_next_hop_that_cannot_say_now_is_no_proof_that_nobody_knows(tmp_path: Path) -> None:
    text = (
        '[directory]\nsqlite = "missing.sqlite"\n[[destination]]\ndomains = ["ifax1.jp"]\n'
        'deliver = "maildir"\npath = "x"\n'
    )
    async with running(config(tmp_path / "end", text)) as (last, _):
        async with running(config(tmp_path / "gw", towards(last.endpoints[0].port))) as (gateway, _):
            assert (await rcpt(gateway, "june@ifax1.jp", "REQUIRED"))[0] == 404
            assert (await rcpt(gateway, "june@ifax1.jp", "OPTIONAL"))[0] == 250


async def test_a_next_hop_that_goes_and_comes_back_is_noticed(tmp_path: Path) -> None:
    """Also its idle sessions, which end with it, cost nobody an answer once it is back."""
    port = free_port()
    text = towards(port, seconds=5).replace("seconds = 0\n", "seconds = 0\nlongest_rest_seconds = 0.5\n")
    directory = open_directory(config(tmp_path / "gw", text))

    async def ask(address: str) -> Answer:
        return (await directory.lookup([address], 20))[address]

    async def until_known(address: str) -> None:
        async with asyncio.timeout(30):
            while not isinstance(await ask(address), Known):
                await asyncio.sleep(0.1)

    assert isinstance(await ask("june@ifax1.jp"), Unavailable)
    entries = {f"{who}@ifax1.jp": BW for who in ("june", "may", "anna")}
    async with end(tmp_path, entries, port):
        await until_known("june@ifax1.jp")
    async with end(tmp_path, entries, port):
        assert isinstance(await ask("may@ifax1.jp"), Known)
    assert isinstance(await ask("anna@ifax1.jp"), Unavailable)
    async with end(tmp_path, entries, port):
        await until_known("anna@ifax1.jp")
    await directory.close()
