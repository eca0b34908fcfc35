"""A man in the middle makes capabilities worse (draft, 8): what comes over a plain channel is not simply believed."""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from conneg.gateway.events import Settled
from conneg.gateway.heard import Heard
from conneg.negotiation import Provenance, read_capability
from conneg.spool import RecipientState
from tests.net.certificates import make_certificate
from tests.peers.meddler import meddling

from .servers import config, directory_file, messages_in, running, submit, text_message, until

_PAGE = (
    "(&(image-file-structure=TIFF-minimal)(color=Binary)(MRC-mode=0)(paper-size=A4)(image-coding=MH)(dpi=204)"
)
FINE = f"{_PAGE}(dpi-xyratio=[204/98,204/391]))"
COARSE = f"{_PAGE}(dpi-xyratio=[204/98]))"
REPLACED = {b"204/98,204/391": b"204/98"}
PLAIN = (b"250-STARTTLS",)
JUNE = "june@devices.test"


def last(tmp_path: Path, expression: str = FINE) -> Any:
    """June's server, which has a certificate for 127.0.0.1."""
    folder = tmp_path / "last"
    folder.mkdir()
    make_certificate(folder, "last", "127.0.0.1")
    directory_file(folder / "directory.toml", {JUNE: expression})
    return config(
        folder,
        """
        [directory]
        file = "directory.toml"
        [[certificate]]
        file = "last.pem"
        key = "last.key"
        [[destination]]
        domains = ["devices.test"]
        deliver = "maildir"
        path = "mail/{domain}/{local_part}"
        convert = false
        """,
    )


def first(tmp_path: Path, port: int, tls: str, on_downgrade: str = "record") -> Any:
    """The sender's gateway; its spool is the same each time."""
    return config(
        tmp_path / "first",
        f"""
        [retry]
        first_seconds = 0.3
        [[destination]]
        domains = ["devices.test"]
        deliver = "smtp"
        host = "127.0.0.1:{port}"
        tls = "{tls}"
        tls_authorities = "{tmp_path}/last/last.pem"
        on_downgrade = "{on_downgrade}"
        """,
    )


async def send(settings: Any, until_state: str = "delivered") -> tuple[list[str], list[dict[str, Any]]]:
    """Send a letter; the states that June went through, and what was recorded as in doubt."""
    async with running(settings) as (gateway, events):
        await submit(gateway, text_message(), [JUNE])
        await until(lambda: any(event.state == until_state for event in events.of(Settled)))
        messages = await gateway.spool.list(state=RecipientState(until_state))
        records = await gateway.spool.records(messages[-1].id)
    doubts = [json.loads(record.text) for record in records if record.kind == "doubt"]
    return [event.state for event in events.of(Settled)], doubts


def lines_an_inch(tmp_path: Path) -> list[int]:
    """The vertical resolution of each fax that arrived."""
    found = []
    for content in messages_in(tmp_path / "last/mail/devices.test/june"):
        across, down = re.findall(rb"\(dpi(?:-xyratio)?=([0-9/]+)\)", content.replace(b"\r\n ", b" "))[:2]
        found.append(round(Fraction(across.decode()) / Fraction(down.decode())))
    return found


async def heard_before(tmp_path: Path, port: int) -> None:
    """One message under verified TLS, whose answer is remembered."""
    assert await send(first(tmp_path, port, "verified")) == (["delivered"], [])


@pytest.mark.parametrize(("on_downgrade", "lines"), [("record", 98), ("keep", 391), ("believe", 98)])
async def test_a_worse_answer_in_plain_text_is_told(tmp_path: Path, on_downgrade: str, lines: int) -> None:
    async with running(last(tmp_path)) as (server, _):
        port = server.endpoints[0].port
        await heard_before(tmp_path, port)
        async with meddling(port, removed=PLAIN, replaced=REPLACED) as proxy:
            _, doubts = await send(first(tmp_path, proxy.port, "opportunistic", on_downgrade))
    assert sorted(lines_an_inch(tmp_path)) == sorted([391, lines])
    if on_downgrade == "believe":
        assert doubts == []
    else:
        assert {doubt["policy"] for doubt in doubts} == {on_downgrade}
        assert "a lower resolution" in doubts[0]["reason"]


async def test_a_doubtful_answer_may_wait_for_a_better_channel(tmp_path: Path) -> None:
    async with running(last(tmp_path)) as (server, _):
        port = server.endpoints[0].port
        await heard_before(tmp_path, port)
        async with meddling(port, removed=PLAIN, replaced=REPLACED) as proxy:
            settings = first(tmp_path, proxy.port, "opportunistic", "defer")
            async with running(settings) as (gateway, events):
                await submit(gateway, text_message(), [JUNE])
                await until(lambda: any(event.state == "deferred" for event in events.of(Settled)))
                proxy.is_active = False
                await until(lambda: any(event.state == "delivered" for event in events.of(Settled)))
    assert lines_an_inch(tmp_path) == [391, 391]


async def test_it_may_be_asked_again_under_verified_tls(tmp_path: Path) -> None:
    """While the proxy hides STARTTLS the message waits; under TLS the answer is that of June's server."""
    async with running(last(tmp_path)) as (server, _):
        port = server.endpoints[0].port
        await heard_before(tmp_path, port)
        async with meddling(port, removed=PLAIN, replaced=REPLACED) as proxy:
            settings = first(tmp_path, proxy.port, "none", "tls")
            async with running(settings) as (gateway, events):
                await submit(gateway, text_message(), [JUNE])
                await until(lambda: any(event.state == "deferred" for event in events.of(Settled)))
                assert not any(event.state == "failed" for event in events.of(Settled))
        async with meddling(port, replaced=REPLACED) as proxy:  # octets under TLS are not what it looks for
            states, _ = await send(first(tmp_path, proxy.port, "none", "tls"))
    assert states[-1] == "delivered"
    assert 98 not in lines_an_inch(tmp_path)


async def test_an_answer_that_is_hidden_is_missed(tmp_path: Path) -> None:
    """Without CONNEG in the reply to EHLO nothing would be known of June, and the letter go as it came."""
    async with running(last(tmp_path)) as (server, _):
        port = server.endpoints[0].port
        await heard_before(tmp_path, port)
        async with meddling(port, removed=PLAIN, replaced={b"250 CONNEG\r": b"250 XHIDDEN\r"}) as proxy:
            _, doubts = await send(first(tmp_path, proxy.port, "opportunistic", "keep"))
    assert lines_an_inch(tmp_path) == [391, 391]
    assert "another kind of document" in doubts[0]["reason"]


async def test_a_better_answer_is_no_downgrade(tmp_path: Path) -> None:
    async with running(last(tmp_path, COARSE)) as (server, _):
        port = server.endpoints[0].port
        await heard_before(tmp_path, port)
        async with meddling(port, removed=PLAIN, replaced={b"204/98": b"204/98,204/391"}) as proxy:
            _, doubts = await send(first(tmp_path, proxy.port, "opportunistic", "keep"))
    assert doubts == []


async def test_what_was_heard_is_bounded_and_grows_old(tmp_path: Path) -> None:
    now = 1_000_000.0
    problems: list[str] = []
    heard = Heard(tmp_path / "heard.sqlite3", on_problem=problems.append, clock=lambda: now, most=10)
    capability = read_capability(FINE, Provenance.REPLY, "mx", authenticated=True)
    for number in range(1_000):
        now += 1
        await heard.keep({f"R{number}@devices.test": capability})
    found = await heard.find([f"r{number}@DEVICES.test" for number in range(1_000)])
    assert sorted(found) == [f"r{number}@DEVICES.test" for number in range(990, 1_000)]
    assert {(one.expression, one.authenticated) for one in found.values()} == {(FINE, True)}
    now += 91 * 86400
    assert await heard.find(["r999@devices.test"]) == {}
    heard.close()
    (tmp_path / "heard.sqlite3").write_bytes(b"no database at all, and long enough to be looked at" * 10)
    broken = Heard(tmp_path / "heard.sqlite3", on_problem=problems.append)
    assert await broken.find(["r999@devices.test"]) == {}
    await broken.keep({"r1@devices.test": capability})
    broken.close()
    assert len(problems) == 2
    assert "heard.sqlite3" in problems[0]
