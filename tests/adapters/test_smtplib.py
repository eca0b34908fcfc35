"""The adapter of smtplib: what it has that the other clients have not."""

import asyncio
import smtplib

import pytest

from conneg.adapters import ConnegArgument, RcptRequest, RecipientClass
from conneg.adapters.smtplib import NegotiatingSMTP
from conneg.net import ListenerLimits, start_listener
from conneg.smtp import Reply, ServerConfig
from tests.net.servers import HOST, listening

from .servers import HTML, TEXT, Office, Script, capability, send

A, B, C = "a@x.example", "b@x.example", "c@x.example"


def client(port: int) -> NegotiatingSMTP:
    return NegotiatingSMTP(HOST, port, local_hostname="client.example", timeout=10)


async def ask(script: Script, request: str | RcptRequest, argument: ConnegArgument) -> int:
    def run(port: int) -> int:
        with client(port) as smtp:
            smtp.ehlo()
            smtp.mail("may@b.example")
            return smtp.rcpt_conneg(request, argument).reply.code

    async with script.serve() as port:
        return await asyncio.to_thread(run, port)


async def test_one_recipient_of_a_transaction_of_the_callers_own() -> None:
    script = Script(answer=lambda line, count: "555 unknown parameter" if "CONNEG" in line else None)
    assert await ask(script, A, ConnegArgument.OPTIONAL) == 250
    rcpts = [line for line in script.heard if line.startswith("RCPT")]
    assert rcpts == [f"RCPT TO:<{A}> CONNEG=OPTIONAL", f"RCPT TO:<{A}>"]


async def test_required_is_not_sent_where_it_is_not_listed() -> None:
    script = Script(ehlo=("250 x",))
    assert await ask(script, A, ConnegArgument.REQUIRED) == 504
    assert not any(line.startswith("RCPT") for line in script.heard)


async def test_an_own_transaction_tells_the_capability() -> None:
    def run(port: int) -> str | None:
        with client(port) as smtp:
            smtp.ehlo()
            smtp.mail("may@b.example")
            found = smtp.rcpt_conneg(A, ConnegArgument.REQUIRED).capability
            return found and found.expression

    async with listening(Office({A: HTML})) as listener:
        assert await asyncio.to_thread(run, listener.port) == HTML


async def test_a_server_that_greets_badly_raises_as_smtplib_does() -> None:
    script = Script(answer=lambda line, count: "554 no" if line[:4].upper() in ("EHLO", "HELO") else None)
    async with script.serve() as port:
        with pytest.raises(smtplib.SMTPHeloError):
            await send("smtplib", port, [A], lambda recipients: b"x\r\n")


async def test_an_interruption_cuts_the_connection() -> None:
    script = Script()

    def run(port: int) -> None:
        smtp = client(port)
        with pytest.raises(KeyboardInterrupt):
            smtp.send_negotiated("may@b.example", [A], interrupt)
        assert smtp.sock is None

    def interrupt(recipients: RecipientClass) -> bytes:
        raise KeyboardInterrupt

    async with script.serve() as port:
        await asyncio.to_thread(run, port)
    assert script.contents == []


async def test_lmtp_gives_each_recipient_its_reply() -> None:
    """RFC 2033, 4.2: one reply for each accepted recipient, in the order of RCPT."""
    office = Office({A: HTML, B: HTML, C: TEXT})
    office.final = [Reply(250, ("for a",), "2.0.0"), Reply(452, ("b is full",), "4.2.2")]
    listener = await start_listener(
        office, HOST, 0, ServerConfig("mx.example", lmtp=True), limits=ListenerLimits()
    )
    try:
        results = await send(
            "lmtp",
            listener.port,
            ["nobody@x.example", A, C, B],
            lambda r: b"x\r\n" if r.accepts('(type="text/html")') else None,
        )
    finally:
        await listener.close(0)
    assert [str(result.outcome) for result in results] == ["refused", "sent", "not chosen", "deferred"]
    assert [result.reply and result.reply.text for result in results][1::2] == ["for a", "b is full"]


async def test_a_lost_lmtp_session_leaves_in_doubt_only_those_without_a_reply() -> None:
    def answer(line: str, count: int) -> tuple[str, ...] | str | None:
        if "CONNEG" in line:
            return capability(TEXT)
        return ("250 for a", "421 closing") if line == "." else None

    script = Script(answer=answer)
    async with script.serve() as port:
        results = await send("lmtp", port, [A, B, C], lambda recipients: b"x\r\n")
    assert [str(result.outcome) for result in results] == ["sent", "deferred", "in doubt"]
