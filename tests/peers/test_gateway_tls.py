"""TLS with Postfix on both sides of the gateway: certificates verified each way, and nothing sent without."""

import asyncio
import smtplib
from pathlib import Path

import pytest

from conneg.net import CertificateFiles
from tests.gateway.servers import running, submit
from tests.net.certificates import make_certificate
from tests.peers import postfix
from tests.peers.gateways import to_server, verified
from tests.peers.present import require_postfix
from tests.peers.test_gateway import CONTENT, MAILBOXES

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("postfix")]


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_postfix()


def office(files: CertificateFiles) -> postfix.Postfix:
    """A Postfix that delivers into Maildirs, and takes mail under TLS only."""
    return postfix.start(
        postfix.PostfixConfig(
            mailboxes=MAILBOXES,
            settings={
                "smtpd_tls_security_level": "encrypt",
                "smtpd_tls_cert_file": str(files.certificate),
                "smtpd_tls_key_file": str(files.key),
                "smtpd_tls_received_header": "yes",
            },
        )
    )


async def test_postfix_to_gateway_to_postfix_verified_each_way(tmp_path: Path) -> None:
    """Each of the three hops under TLS; RFC 3848 and Postfix's own header say so in the trace."""
    mine, theirs = (
        make_certificate(tmp_path, "gateway", "gw.test"),
        make_certificate(tmp_path, "office", "office.example"),
    )
    with office(theirs) as next_hop:
        async with running(
            to_server(
                tmp_path / "gw",
                next_hop,
                certificate=mine,
                tls=verified("office.example", theirs.certificate),
            )
        ) as (gateway, _):
            endpoint = gateway.endpoints[0]
            origin = postfix.PostfixConfig(
                relay_to=(endpoint.host, endpoint.port),
                settings={
                    "smtp_tls_security_level": "secure",
                    "smtp_tls_secure_cert_match": "gw.test",
                    "smtp_tls_CAfile": str(mine.certificate),
                },
            )
            with postfix.start(origin) as first:
                await asyncio.to_thread(send, first.port)
                (arrived,) = await asyncio.to_thread(next_hop.wait_for_messages, "june@office.example")
    trace = arrived.decode()
    assert "with ESMTPS" in trace.partition("by gw.test")[2]
    assert trace.count("with ESMTPS") == 2
    assert "TLSv1.3" in trace
    assert arrived.endswith(CONTENT.replace(b"\r\n", b"\n"))


async def test_a_next_hop_under_another_name_gets_nothing(tmp_path: Path) -> None:
    theirs = make_certificate(tmp_path, "office", "office.example")
    with office(theirs) as next_hop:
        async with running(
            to_server(tmp_path / "gw", next_hop, tls=verified("bank.example", theirs.certificate))
        ) as (gateway, events):
            await submit(gateway, CONTENT, ["june@office.example"])
            async with asyncio.timeout(20):
                while not any("Hostname mismatch" in str(event) for event in events.all):
                    await asyncio.sleep(0.05)
        assert next_hop.messages("june@office.example") == []


async def test_opportunistic_tls_is_the_default(tmp_path: Path) -> None:
    """Postfix would refuse the mail in plain text."""
    theirs = make_certificate(tmp_path, "office", "office.example")
    with office(theirs) as next_hop:
        async with running(to_server(tmp_path / "gw", next_hop)) as (gateway, _):
            await submit(gateway, CONTENT, ["june@office.example"])
            (arrived,) = await asyncio.to_thread(next_hop.wait_for_messages, "june@office.example")

    assert b"with ESMTPS" in arrived


def send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        assert client.sendmail("amy@example.com", ["june@office.example"], CONTENT) == {}
