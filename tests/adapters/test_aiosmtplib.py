"""The adapter of aiosmtplib: what it has that the other clients have not."""

import asyncio
import contextlib

import aiosmtplib
import pytest

from conneg.adapters import ConnegArgument, RecipientClass
from conneg.adapters.aiosmtplib import NegotiatingSMTP
from tests.net.servers import HOST, Raw, listening, scripted

from .servers import HTML, TEXT, Office, Script, send

A, B = "a@x.example", "b@x.example"


def client(port: int, timeout: float = 10) -> NegotiatingSMTP:
    return NegotiatingSMTP(
        hostname=HOST, port=port, local_hostname="client.example", timeout=timeout, start_tls=False
    )


async def test_choose_may_be_a_coroutine_function() -> None:
    async def choose(recipients: RecipientClass) -> bytes | None:
        await asyncio.sleep(0)
        return b"x\r\n" if recipients.expression == TEXT else None

    office = Office({A: TEXT, B: HTML})
    async with listening(office) as listener:
        results = await send("aiosmtplib", listener.port, [A, B], choose)
    assert [str(result.outcome) for result in results] == ["sent", "not chosen"]


async def test_one_recipient_of_a_transaction_of_the_callers_own() -> None:
    async with listening(Office({A: HTML})) as listener, client(listener.port) as smtp:
        await smtp.ehlo()
        await smtp.mail("may@b.example")
        found = await smtp.rcpt_conneg(A, ConnegArgument.REQUIRED)
    assert found.capability is not None
    assert found.capability.expression == HTML


async def test_a_call_without_a_connection() -> None:
    smtp = client(1)
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await smtp.rcpt_conneg(A)
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await smtp.send_negotiated("may@b.example", [A], lambda recipients: b"x\r\n")


async def test_helo_where_ehlo_is_not_known() -> None:
    script = Script(answer=lambda line, count: "500 what?" if line.startswith("EHLO") else None)
    async with script.serve() as port:
        results = await send("aiosmtplib", port, [A], lambda recipients: b"x\r\n")
    assert [result.is_sent for result in results] == [True]
    assert "RCPT TO:<a@x.example>" in script.heard


async def silent_after_mail(raw: Raw) -> None:
    raw.say("220 x")
    while line := (await raw.reader.readline()).decode():
        if line.startswith("EHLO"):
            raw.say("250 x")
        elif line.startswith("MAIL"):
            await asyncio.sleep(20)


async def test_a_server_that_falls_silent_is_a_result() -> None:
    async with scripted(silent_after_mail) as port, client(port, 0.2) as smtp:
        results = await smtp.send_negotiated("may@b.example", [A], lambda recipients: b"x\r\n")
        assert not smtp.is_connected
    assert [str(result.outcome) for result in results] == ["deferred"]
    assert results[0].is_local


@pytest.mark.parametrize("where", ["choose", "reply"])
async def test_a_cancelled_call_cuts_the_connection(where: str) -> None:
    """Nobody knows where the dialogue is then: what follows must not be taken for the answer to something else."""

    async def choose(recipients: RecipientClass) -> bytes:
        await asyncio.sleep(20)
        return b""

    office = Office({A: TEXT})
    async with contextlib.AsyncExitStack() as stack:
        if where == "choose":
            port = (await stack.enter_async_context(listening(office))).port
        else:
            port = await stack.enter_async_context(scripted(silent_after_mail))
        smtp = client(port)
        await smtp.connect()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await smtp.send_negotiated("may@b.example", [A], choose)
        assert not smtp.is_connected
    assert office.delivered == []
