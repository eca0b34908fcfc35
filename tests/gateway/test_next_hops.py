"""Next hops as they are: LMTP with a reply for each recipient (RFC 2033), sessions ended while idle. All aiosmtpd's."""

import asyncio
import email
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from conneg.gateway.events import Settled
from conneg.gateway.service import Gateway
from tests.gateway.servers import Events, config, running, submit, text_message, until


class Mailbox:
    """Takes everything."""

    def __init__(self) -> None:
        self.contents: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.contents.append((list(envelope.rcpt_tos), envelope.content))
        return "250 2.0.0 kept"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"


async def test_each_recipient_has_a_reply_of_its_own(tmp_path: Path) -> None:
    mailbox = Mailbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: LMTP(mailbox, hostname="lmtp.test"), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    settings = config(
        tmp_path / "gw",
        f'[[destination]]\ndomains = ["local.test"]\ndeliver = "lmtp"\nhost = "127.0.0.1:{port}"\nconneg = "off"\n'
        '[[destination]]\ndomains = ["sender.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n',
    )
    recipients = ["june@local.test", "nobody@local.test"]
    async with running(settings) as (gateway, events):
        await submit(gateway, text_message(), recipients)
        await until(lambda: {event.forward_path for event in events.of(Settled)} >= set(recipients))
    states = {event.forward_path: event.state for event in events.of(Settled)}
    assert states["june@local.test"] == "delivered"
    assert states["nobody@local.test"] == "failed"
    assert [forward_paths for forward_paths, _ in mailbox.contents] == [["june@local.test"]]
    server.close()


@asynccontextmanager
async def behind_gateway(folder: Path, mailbox: Mailbox) -> AsyncIterator[tuple[Gateway, Events]]:
    """A gateway whose mail for hop.test goes to aiosmtpd with that mailbox."""
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(mailbox, hostname="hop.test"), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    settings = config(
        folder / "gw",
        f'[[destination]]\ndomains = ["hop.test"]\ndeliver = "smtp"\nhost = "127.0.0.1:{port}"\n',
    )
    async with running(settings) as both:
        yield both
    server.close()


class OneMessageASession(Mailbox):
    """Closes a session that comes back with a second transaction, as a server does with one idle for too long."""

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if getattr(session, "used", False):
            return "421 4.4.2 idle for too long"
        session.used = True
        envelope.mail_from = address
        return "250 2.1.0 ok"


async def test_a_session_that_was_ended_while_idle_costs_no_delay(tmp_path: Path) -> None:
    mailbox = OneMessageASession()
    async with behind_gateway(tmp_path, mailbox) as (gateway, events):
        for count in (1, 2, 3):
            await submit(gateway, text_message(), ["june@hop.test"])
            await until(lambda count=count: len(events.of(Settled)) == count, seconds=20)
    assert [event.state for event in events.of(Settled)] == ["delivered"] * 3
    assert len(mailbox.contents) == 3


class SevenBitsOnly(Mailbox):
    """A server without 8BITMIME."""

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [line for line in responses if "8BITMIME" not in line]


async def test_a_next_hop_without_8bitmime_gets_seven_bits(tmp_path: Path) -> None:
    mailbox = SevenBitsOnly()
    message = (
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".encode()
    )
    async with behind_gateway(tmp_path, mailbox) as (gateway, events):
        await submit(gateway, message, ["june@hop.test"])
        await until(lambda: len(events.of(Settled)) == 1)
    ((_, arrived),) = mailbox.contents
    assert arrived.isascii()
    assert email.message_from_bytes(arrived).get_payload(decode=True) == "Grüße\r\n".encode()
