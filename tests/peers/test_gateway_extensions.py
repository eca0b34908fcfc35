"""What Postfix offers and asks for on both sides of the gateway: CHUNKING, 8BITMIME, DSN, SMTPUTF8."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.gateway.servers import messages_in, running
from tests.net.servers import until

from . import international, postfix
from .gateways import said, to_maildir, to_server
from .international import AMELIE, JUERGEN, LETTER
from .letters import EIGHT_BITS, LARGE, PLAIN, send, unix
from .ports import wait_until
from .present import require_postfix
from .reports import DSN_MAIL, DSN_RCPT, check_report

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("postfix")]

JUNE, MAY = "june@office.example", "may@office.example"
MAILBOXES = (JUNE, MAY, JUERGEN)


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_postfix()


def wait_for_log(server: postfix.Postfix, pattern: str) -> str:
    """The first line of the log in which `pattern` is found, once there is one."""

    def lines() -> list[str]:
        return [line for line in server.log_end(1000).splitlines() if re.search(pattern, line)]

    wait_until(lambda: bool(lines()), seconds=20, what=f"{pattern!r} in Postfix's log")
    return lines()[0]


@pytest.mark.parametrize("content", [PLAIN, EIGHT_BITS, LARGE], ids=["plain", "8bit", "large"])
@pytest.mark.parametrize("chunking", [True, False], ids=["bdat", "data"])
async def test_gateway_to_postfix(tmp_path: Path, content: bytes, chunking: bool) -> None:
    """Postfix 3.7 lists CHUNKING (RFC 3030), and counts the commands of a session when it has ended."""
    settings = {} if chunking else {"smtpd_discard_ehlo_keywords": "chunking"}
    with postfix.start(postfix.PostfixConfig(mailboxes=MAILBOXES, settings=settings)) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            await send(gateway.endpoints[0], JUNE, content, mail=("BODY=8BITMIME",))
            (arrived,) = await asyncio.to_thread(last.wait_for_messages, JUNE)
        line = await asyncio.to_thread(wait_for_log, last, r"disconnect .* mail=1 ")
    assert arrived.endswith(unix(content))
    chunks = [command for command in said(events) if command.startswith("BDAT ")]
    assert any(command.startswith("MAIL ") and "BODY=8BITMIME" in command for command in said(events))
    if chunking:
        assert f" bdat={len(chunks)} " in line
        assert [command.endswith(" LAST") for command in chunks] == [False] * (len(chunks) - 1) + [True]
        assert " data=" not in line
    else:
        assert " data=1 " in line
        assert " bdat=" not in line
        assert chunks == []


@pytest.mark.parametrize("content", [EIGHT_BITS, LARGE], ids=["8bit", "large"])
async def test_postfix_to_gateway(tmp_path: Path, content: bytes) -> None:
    async with running(to_maildir(tmp_path / "gw")) as (gateway, _):
        endpoint = gateway.endpoints[0]
        with postfix.start(postfix.PostfixConfig(relay_to=(endpoint.host, endpoint.port))) as first:
            await send(first, JUNE, content, mail=("BODY=8BITMIME",))
            line = await asyncio.to_thread(wait_for_log, first, f"to=<{JUNE}>.* status=")
        (arrived,) = messages_in(tmp_path / "gw" / "mail" / "june")
    assert arrived.endswith(content)
    assert "dsn=2.0.0, status=sent (250 2.0.0 message accepted as " in line


async def test_a_report_of_success_comes_from_the_last_server_only(tmp_path: Path) -> None:
    """RFC 3461, 5.2.1: NOTIFY, ORCPT, ENVID and RET go on as they came, and who passes them on reports nothing."""
    with postfix.start(postfix.PostfixConfig(mailboxes=MAILBOXES, hostname="last.example")) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            endpoint = gateway.endpoints[0]
            with postfix.start(postfix.PostfixConfig(relay_to=(endpoint.host, endpoint.port))) as first:
                await send(first, JUNE, sender=MAY, mail=DSN_MAIL, rcpt=DSN_RCPT)
                (report,) = await asyncio.to_thread(last.wait_for_messages, MAY)
                await asyncio.to_thread(first.wait_empty)
            assert last.messages(MAY) == [report]
            assert len(last.messages(JUNE)) == 1
    check_report(report, "last.example", "delivered")
    (mail,) = (line for line in said(events) if line.startswith("MAIL ") and MAY in line)
    (rcpt,) = (line for line in said(events) if line.startswith("RCPT ") and JUNE in line)
    assert set(DSN_MAIL) < set(mail.split())
    assert set(DSN_RCPT) < set(rcpt.split())


async def test_where_postfix_lists_no_dsn_the_gateway_reports_relayed(tmp_path: Path) -> None:
    """RFC 3461, 5.2.2."""
    settings = {"smtpd_discard_ehlo_keywords": "dsn"}
    with postfix.start(postfix.PostfixConfig(mailboxes=MAILBOXES, settings=settings)) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            await send(gateway.endpoints[0], JUNE, sender=MAY, mail=DSN_MAIL, rcpt=DSN_RCPT)
            (report,) = await asyncio.to_thread(last.wait_for_messages, MAY)
    check_report(report, "gw.test", "relayed")
    assert not any(word in line for line in said(events) for word in ("NOTIFY=", "ORCPT=", "ENVID=", "RET="))


async def test_who_wants_no_report_of_failure_gets_none(tmp_path: Path) -> None:
    """RFC 3461, 4.1: NEVER, to a recipient that Postfix refuses; the message after it shows that nothing came."""
    with postfix.start(postfix.PostfixConfig(mailboxes=MAILBOXES)) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            endpoint = gateway.endpoints[0]
            await send(endpoint, "nobody@office.example", sender=MAY, rcpt=("NOTIFY=NEVER",))
            await until(lambda: any(line.startswith("550 5.1.1") for line in said(events, sent=False)))
            await send(endpoint, "nobody@office.example", sender=MAY, rcpt=("NOTIFY=FAILURE",))
            (report,) = await asyncio.to_thread(last.wait_for_messages, MAY)
    assert b"Action: failed" in report


@pytest.mark.parametrize("chunking", [True, False], ids=["bdat", "data"])
async def test_smtputf8_from_postfix_to_postfix(tmp_path: Path, chunking: bool) -> None:
    settings = {} if chunking else {"smtpd_discard_ehlo_keywords": "chunking"}
    with postfix.start(postfix.PostfixConfig(mailboxes=MAILBOXES, settings=settings)) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            endpoint = gateway.endpoints[0]
            with postfix.start(postfix.PostfixConfig(relay_to=(endpoint.host, endpoint.port))) as first:
                await send(first, JUERGEN, LETTER, sender=AMELIE, mail=international.MAIL)
                (arrived,) = await asyncio.to_thread(last.wait_for_messages, JUERGEN)
    assert arrived.endswith(unix(LETTER))
    assert arrived.count(b"with UTF8SMTP") == 3, "RFC 6531, 4.3: each of the three servers says so"
    international.check_dialogue(events)


async def test_what_needs_smtputf8_is_returned_where_postfix_does_not_list_it(tmp_path: Path) -> None:
    """RFC 6531, 3.2; the report has an ASCII header, and the address in its 7-bit form (RFC 6533, 3 and 4.3)."""
    settings = {"smtpd_discard_ehlo_keywords": "smtputf8"}
    with postfix.start(postfix.PostfixConfig(mailboxes=MAILBOXES, settings=settings)) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, _):
            await send(gateway.endpoints[0], JUERGEN, LETTER, sender=MAY, mail=international.MAIL)
            (report,) = await asyncio.to_thread(last.wait_for_messages, MAY)
        assert last.messages(JUERGEN) == []
    assert b"Status: 5.6.9" in report
    assert rb"Final-Recipient: utf-8; j\x{FC}rgen@office.example" in report
    assert b"Content-Type: message/global-headers" in report
    assert report.partition(b"\n\n")[0].isascii()
