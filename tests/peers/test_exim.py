"""The gateway with Exim: on its way in, on its way out, and Postfix at the other end."""

import asyncio
import email
import email.policy
import re
import smtplib
from pathlib import Path

import pytest

from tests.gateway.servers import messages_in, running, submit
from tests.net.certificates import make_certificate

from . import exim, international, postfix
from .gateways import said, to_maildir, to_server, verified
from .international import AMELIE, JUERGEN, LETTER
from .letters import EIGHT_BITS, LARGE, PLAIN, send, unix
from .present import require_exim, require_postfix
from .reports import DSN_MAIL, DSN_RCPT, check_report

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("postfix")]

JUNE, MAY = "june@office.example", "may@office.example"
MAILBOXES = (JUNE, MAY, JUERGEN)


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_exim()


def test_exim_itself_relays_delivers_and_stops_for_good() -> None:
    with exim.start(exim.EximConfig(mailboxes=MAILBOXES)) as last:
        with exim.start(exim.EximConfig(relay_to=(last.host, last.port))) as first:
            asyncio.run(send(first, JUNE))
            (arrived,) = last.wait_for_messages(JUNE)
            first.wait_empty()
        assert arrived.endswith(unix(PLAIN))
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="no mail leaves this machine"):
            asyncio.run(send(last, "somebody@elsewhere.example"))
    for server in (first, last):
        assert not server.folder.exists()
        with pytest.raises(ConnectionRefusedError):
            smtplib.SMTP(server.host, server.port, timeout=5)


@pytest.mark.parametrize("content", [PLAIN, EIGHT_BITS, LARGE], ids=["plain", "8bit", "large"])
async def test_exim_to_gateway_under_tls_pipelined_and_by_bdat(tmp_path: Path, content: bytes) -> None:
    """RFC 3207, 2920, 3030; Exim logs CV=yes for a good certificate, L for pipelining (L- if not used), K for BDAT."""
    mine = make_certificate(tmp_path, "gateway", "gw.test", "127.0.0.1")
    async with running(to_maildir(tmp_path / "gw", certificate=mine)) as (gateway, _):
        endpoint = gateway.endpoints[0]
        origin = exim.EximConfig(relay_to=(endpoint.host, endpoint.port), authorities=mine.certificate)
        with exim.start(origin) as first:
            await send(first, JUNE, content, mail=("BODY=8BITMIME",))
            line = await asyncio.to_thread(first.wait_for_log, f"=> {JUNE}")
            await asyncio.to_thread(first.wait_empty)
        (arrived,) = messages_in(tmp_path / "gw" / "mail" / "june")
    assert arrived.endswith(content)
    assert re.search(r" X=TLS1\.3:\S+ CV=yes L K C=\"250[ -]", line), line
    assert b"by gw.test (conneg" in arrived
    assert b"with ESMTPS" in arrived


async def test_exim_to_gateway_without_bdat(tmp_path: Path) -> None:
    async with running(to_maildir(tmp_path / "gw")) as (gateway, _):
        endpoint = gateway.endpoints[0]
        origin = exim.EximConfig(relay_to=(endpoint.host, endpoint.port), smtp={"hosts_try_chunking": ""})
        with exim.start(origin) as first:
            await send(first, JUNE, LARGE, mail=("BODY=8BITMIME",))
            line = await asyncio.to_thread(first.wait_for_log, f"=> {JUNE}")
        (arrived,) = messages_in(tmp_path / "gw" / "mail" / "june")
    assert arrived.endswith(LARGE)
    assert " L C=" in line


async def test_exim_does_not_send_to_a_gateway_under_another_name(tmp_path: Path) -> None:
    mine = make_certificate(tmp_path, "gateway", "gw.test")
    async with running(to_maildir(tmp_path / "gw", certificate=mine)) as (gateway, _):
        endpoint = gateway.endpoints[0]
        origin = exim.EximConfig(relay_to=(endpoint.host, endpoint.port), authorities=mine.certificate)
        with exim.start(origin) as first:
            await send(first, JUNE)
            await asyncio.to_thread(first.wait_for_log, "certificate.*does not match|TLS.*verif")
        assert messages_in(tmp_path / "gw" / "mail" / "june") == []


@pytest.mark.parametrize("content", [PLAIN, EIGHT_BITS, LARGE], ids=["plain", "8bit", "large"])
async def test_gateway_to_exim_under_tls_pipelined_and_by_bdat(tmp_path: Path, content: bytes) -> None:
    theirs = make_certificate(tmp_path, "office", "office.example")
    with exim.start(exim.EximConfig(mailboxes=MAILBOXES, certificate=theirs)) as last:
        settings = to_server(tmp_path / "gw", last, tls=verified("office.example", theirs.certificate))
        async with running(settings) as (gateway, events):
            await send(gateway.endpoints[0], JUNE, content, mail=("BODY=8BITMIME",))
            (arrived,) = await asyncio.to_thread(last.wait_for_messages, JUNE)
        line = last.wait_for_log("<= amy@example.com")
    assert arrived.endswith(unix(content))
    assert re.search(r" P=esmtps L\. X=TLS1\.3:\S+ .*K S=", line), line
    chunks = [line for line in said(events) if line.startswith("BDAT ")]
    assert sum(int(line.split()[1]) for line in chunks) > len(content), "a Received field is before it"
    assert [line.endswith(" LAST") for line in chunks] == [False] * (len(chunks) - 1) + [True]
    assert "STARTTLS" in said(events)
    assert "DATA" not in said(events)


async def test_gateway_to_exim_by_data(tmp_path: Path) -> None:
    """Where EHLO does not list CHUNKING, PIPELINING, STARTTLS and 8BITMIME none of them is used (RFC 5321, 2.2.1)."""
    plain = {"chunking_advertise_hosts": "", "pipelining_advertise_hosts": "", "accept_8bitmime": "false"}
    with exim.start(exim.EximConfig(mailboxes=MAILBOXES, main=plain)) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            await send(gateway.endpoints[0], JUNE, EIGHT_BITS, mail=("BODY=8BITMIME",))
            (arrived,) = await asyncio.to_thread(last.wait_for_messages, JUNE)
        line = last.wait_for_log("<= amy@example.com")
    message, body = email.message_from_bytes(arrived), EIGHT_BITS.partition(b"\r\n\r\n")[2]
    assert message["Content-Transfer-Encoding"] in ("base64", "quoted-printable")
    assert message.get_payload(decode=True) in (body, unix(body))
    assert arrived.isascii()
    assert " P=esmtp S=" in line
    assert not any(line.startswith(("BDAT", "STARTTLS")) or "BODY=" in line for line in said(events))


async def test_a_report_of_success_asked_of_exim_is_made_by_postfix(tmp_path: Path) -> None:
    """RFC 3461, 5.2.1: NOTIFY, ORCPT, ENVID and RET go on, and the gateway itself reports nothing."""
    require_postfix()
    with postfix.start(postfix.PostfixConfig(mailboxes=MAILBOXES)) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            endpoint = gateway.endpoints[0]
            with exim.start(exim.EximConfig(relay_to=(endpoint.host, endpoint.port))) as first:
                await send(first, JUNE, sender=MAY, mail=DSN_MAIL, rcpt=DSN_RCPT)
                (report,) = await asyncio.to_thread(last.wait_for_messages, MAY)
                assert len(last.messages(JUNE)) == 1
                await asyncio.to_thread(first.wait_empty)
            assert last.messages(MAY) == [report]
    check_report(report, "postfix.example", "delivered")
    assert any("NOTIFY=SUCCESS" in line and "ORCPT=rfc822;boss@example.com" in line for line in said(events))


async def test_a_report_of_success_asked_of_postfix_is_made_by_exim(tmp_path: Path) -> None:
    require_postfix()
    with exim.start(exim.EximConfig(mailboxes=MAILBOXES)) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, _):
            endpoint = gateway.endpoints[0]
            with postfix.start(postfix.PostfixConfig(relay_to=(endpoint.host, endpoint.port))) as first:
                await send(first, JUNE, sender=MAY, mail=DSN_MAIL, rcpt=DSN_RCPT)
                (report,) = await asyncio.to_thread(last.wait_for_messages, MAY)
                assert len(last.messages(JUNE)) == 1
                await asyncio.to_thread(first.wait_empty)
            assert last.messages(MAY) == [report]
    # Exim 4.96 leaves ENVID in xtext, where RFC 3464, 2.2.1 has it decoded
    check_report(report, "exim.example", "delivered", envelope_id="QQ314+2B159")


async def test_where_exim_lists_no_dsn_the_gateway_reports_relayed(tmp_path: Path) -> None:
    """RFC 3461, 5.2.2: who passes a message on to a server without DSN says so to the sender."""
    with exim.start(exim.EximConfig(mailboxes=MAILBOXES, main={"dsn_advertise_hosts": ""})) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            await send(gateway.endpoints[0], JUNE, sender=MAY, mail=DSN_MAIL, rcpt=DSN_RCPT)
            (report,) = await asyncio.to_thread(last.wait_for_messages, MAY)
    check_report(report, "gw.test", "relayed")
    assert not any("NOTIFY" in line or "ENVID" in line for line in said(events))


async def test_a_recipient_that_exim_refuses_is_reported(tmp_path: Path) -> None:
    with exim.start(exim.EximConfig(mailboxes=MAILBOXES)) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, _):
            await submit(gateway, PLAIN, ["nobody@office.example"], sender=JUNE)
            (report,) = await asyncio.to_thread(last.wait_for_messages, JUNE)
    text = email.message_from_bytes(report, policy=email.policy.default).as_string()
    assert "no such mailbox" in text
    assert "Action: failed" in text


async def test_smtputf8_from_exim_to_exim(tmp_path: Path) -> None:
    with exim.start(exim.EximConfig(mailboxes=MAILBOXES)) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            endpoint = gateway.endpoints[0]
            with exim.start(exim.EximConfig(relay_to=(endpoint.host, endpoint.port))) as first:
                await send(first, JUERGEN, LETTER, sender=AMELIE, mail=international.MAIL)
                (arrived,) = await asyncio.to_thread(last.wait_for_messages, JUERGEN)
                await asyncio.to_thread(first.wait_empty)
    assert arrived.endswith(unix(LETTER))
    assert arrived.lower().count(b"with utf8") == 3, "RFC 6531, 4.3: each of the three servers says so"
    international.check_dialogue(events)


async def test_what_needs_smtputf8_is_returned_where_exim_does_not_list_it(tmp_path: Path) -> None:
    """RFC 6531, 3.2; the report has an ASCII header, and the address in its 7-bit form (RFC 6533, 3 and 4.3)."""
    with exim.start(exim.EximConfig(mailboxes=MAILBOXES, main={"smtputf8_advertise_hosts": ""})) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, _):
            await send(gateway.endpoints[0], JUERGEN, LETTER, sender=MAY, mail=international.MAIL)
            (report,) = await asyncio.to_thread(last.wait_for_messages, MAY)
        assert last.messages(JUERGEN) == []
    assert b"Status: 5.6.9" in report
    assert rb"Final-Recipient: utf-8; j\x{FC}rgen@office.example" in report
    assert b"Content-Type: message/global-headers" in report
    assert report.partition(b"\n\n")[0].isascii()
