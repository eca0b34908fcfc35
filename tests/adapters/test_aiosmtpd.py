# ruff: noqa: N802 - aiosmtpd's names of hooks
"""The adapter of aiosmtpd, spoken to by clients of conneg, of the standard library, and by swaks."""

import asyncio
import smtplib
import ssl
import subprocess
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosmtpd
import pytest

from conneg.adapters import RecipientResult
from conneg.adapters.aiosmtpd import (
    TESTED,
    AcceptedRecipient,
    NegotiatingController,
    NegotiatingSMTP,
    check_version,
)
from conneg.adapters.smtplib import NegotiatingSMTPSSL
from conneg.errors import TemporaryError, UsageError
from conneg.features import hash_name
from conneg.net import ClientTls, RcptRequest, TlsPolicy, connect
from conneg.smtp import ConnegArgument, read_reply_lines
from tests.net.certificates import make_certificate
from tests.net.servers import HOST, Raw, raw_client
from tests.smtp.dialogue import K_7
from tests.system import require

from .servers import HTML, TEXT, send

A = "june@ifax1.example"
REQUIRED, OPTIONAL = ConnegArgument.REQUIRED, ConnegArgument.OPTIONAL


class Handler:
    """A handler as aiosmtpd's users write them, with the one hook more."""

    def __init__(self, capability: Any = K_7) -> None:
        self.capability = capability
        self.options: list[list[str]] = []
        self.asked: list[tuple[str, str]] = []
        self.envelopes: list[Any] = []
        self.status = "250 OK"

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        envelope.mail_from = address
        self.options.append(options)
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.options.append(options)
        if address.startswith("nobody"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return self.status

    async def handle_CONNEG(
        self, server: Any, session: Any, envelope: Any, address: str, argument: ConnegArgument
    ) -> str | None:
        self.asked.append((address, str(argument)))
        if isinstance(self.capability, BaseException):
            raise self.capability
        if callable(self.capability):
            return await self.capability()  # type: ignore[no-any-return]
        return self.capability  # type: ignore[no-any-return]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 accepted"


class Bare:
    """A handler that leaves everything to aiosmtpd, and knows nothing of CONNEG."""


@asynccontextmanager
async def serving(handler: Any, **options: Any) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: NegotiatingSMTP(handler, hostname="ifax1.example", loop=loop, **options), HOST, 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def in_transaction(
    handler: Any, mail: str = "MAIL FROM:<a@b.example>", **options: Any
) -> AsyncIterator[Raw]:
    async with serving(handler, **options) as port, raw_client(port) as client:
        assert (await client.ask(mail)).startswith("250")
        yield client


async def rcpt(handler: Any, parameters: str, **options: Any) -> list[str]:
    async with in_transaction(handler, **options) as client:
        client.say(f"RCPT TO:<{A}>{parameters}")
        return await client.reply()


async def ehlo(port: int) -> list[str]:
    async with raw_client(port, greeted=False) as client:
        await client.reply()
        client.say("EHLO client.example")
        return [line[4:] for line in await client.reply()]


async def test_ehlo_lists_what_is_offered() -> None:
    async with serving(Handler()) as port:
        lines = await ehlo(port)
    assert lines[0] == "ifax1.example"
    assert {"CONNEG", "DSN", "8BITMIME"} <= set(lines)
    assert len(lines) == len(set(lines))


async def test_conneg_is_off_without_the_hook() -> None:
    """draft 4.1: 504 to REQUIRED; OPTIONAL as if it were not there."""
    async with serving(Bare()) as port:
        assert "CONNEG" not in await ehlo(port)
    assert (await rcpt(Bare(), " CONNEG=REQUIRED"))[0].startswith("504")
    assert await rcpt(Bare(), " CONNEG=OPTIONAL") == ["250 OK"]


@pytest.mark.parametrize(
    ("parameters", "argument"),
    [
        (" CONNEG=REQUIRED", REQUIRED),
        (" CONNEG", REQUIRED),
        (" conneg=Optional", OPTIONAL),
        (" CONNEG = REQUIRED", REQUIRED),
        (" CONNEG = OPTIOANL", OPTIONAL),
        (f" NOTIFY=SUCCESS CONNEG=OPTIONAL ORCPT=rfc822;{A}", OPTIONAL),
    ],
)
async def test_parameters(parameters: str, argument: ConnegArgument) -> None:
    handler = Handler(TEXT)
    assert await rcpt(handler, parameters) == ["250-OK", f"250 CONNEG {TEXT}"]
    assert handler.asked == [(A, str(argument))]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (" CONNEG=MAYBE", "501"),
        (" CONNEG=", "501"),
        (" CONNEG CONNEG=OPTIONAL", "501"),
        (" CONNEGX=1", "555"),
        (" NOTIFY=NEVER,SUCCESS", "501"),
        (" ORCPT=rfc822", "501"),
    ],
)
async def test_wrong_parameters(parameters: str, code: str) -> None:
    handler = Handler()
    assert (await rcpt(handler, parameters))[0][:3] == code
    assert handler.options == [[]]  # RCPT has not reached the handler


async def test_a_capability_comes_in_lines_of_512_octets() -> None:
    """draft 4.3: at most 512 characters, each line with its prefix; what is joined means the same."""
    lines = await rcpt(Handler(K_7), " CONNEG=REQUIRED")
    assert lines[0] == "250-OK"
    assert all(line.startswith("250-CONNEG ") for line in lines[1:-1])
    assert lines[-1].startswith("250 CONNEG ")
    assert all(len(line) <= 510 for line in lines)
    assert hash_name(" ".join(line[11:] for line in lines[1:])) == hash_name(K_7)


async def test_a_long_capability_comes_in_many_lines() -> None:
    many = " ".join(f'(type="application/x-{number}")' for number in range(200))
    text = f"(| {many})"
    lines = await rcpt(Handler(text), " CONNEG=OPTIONAL")
    assert len(lines) > 10
    assert all(len(line) <= 510 for line in lines)
    assert hash_name(" ".join(line[11:] for line in lines[1:])) == hash_name(text)


async def slow() -> str:
    await asyncio.sleep(5)
    return TEXT


@pytest.mark.parametrize(
    ("capability", "code"),
    [
        (None, 504),
        ("naïve", 504),
        (TemporaryError("the directory is down"), 404),
        (OSError("no route"), 404),
        (slow, 404),
    ],
    ids=["unknown", "unsendable", "down", "network", "late"],
)
async def test_without_a_capability(capability: Any, code: int) -> None:
    """draft 4.3: REQUIRED is rejected and nobody is accepted; OPTIONAL is as if CONNEG were absent."""
    handler = Handler(capability)
    async with in_transaction(handler, conneg_seconds=0.05) as client:
        assert (await client.ask(f"RCPT TO:<{A}> CONNEG=REQUIRED")).startswith(f"{code} CONNEG <{A}>")
        assert (await client.ask("DATA")).startswith("503")
        client.say(f"RCPT TO:<{A}> CONNEG=OPTIONAL")
        assert await client.reply() == ["250 OK"]
        await client.ask("DATA")
        assert await client.ask("x\r\n.") == "250 accepted"
    (envelope,) = handler.envelopes
    assert envelope.rcpt_tos == [A]
    assert [(one.command.conneg, one.capability) for one in envelope.recipients] == [(OPTIONAL, None)]


async def test_a_hook_that_fails_accepts_nobody() -> None:
    async with in_transaction(Handler(LookupError("a bug"))) as client:
        assert (await client.ask(f"RCPT TO:<{A}> CONNEG=OPTIONAL")).startswith("500")
        assert (await client.ask("DATA")).startswith("503")


async def test_an_unacceptable_address_gets_its_own_reply() -> None:
    handler = Handler()
    async with in_transaction(handler) as client:
        assert await client.ask("RCPT TO:<nobody@x.example> CONNEG=REQUIRED") == "550 5.1.1 no such user"
    assert handler.asked == []


async def test_the_handler_may_write_the_first_line() -> None:
    handler = Handler(TEXT)
    handler.status = "250-2.1.5 hello\r\n250 2.1.5 ok"
    assert await rcpt(handler, " CONNEG") == [
        "250-2.1.5 hello",
        "250-2.1.5 ok",
        f"250 2.1.5 CONNEG {TEXT}",
    ]
    assert await rcpt(handler, "") == ["250-2.1.5 hello", "250 2.1.5 ok"]


class Enhanced:
    """Lists the extension itself, as aiosmtpd has no enhanced status codes of its own."""

    capability: str | None = TEXT

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> Any:
        session.host_name = hostname
        return [*responses[:-1], "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_CONNEG(
        self, server: Any, session: Any, envelope: Any, address: str, argument: ConnegArgument
    ) -> str | None:
        return self.capability


async def test_enhanced_status_codes_stand_in_each_line_where_they_are_listed() -> None:
    """draft 4.3: `250-2.1.5 CONNEG`, and 504-5.3.3."""
    handler = Enhanced()
    async with serving(handler) as port:
        assert {"ENHANCEDSTATUSCODES", "CONNEG"} <= set(await ehlo(port))
    assert await rcpt(handler, " CONNEG") == ["250-2.1.5 OK", f"250 2.1.5 CONNEG {TEXT}"]
    handler.capability = None
    assert (await rcpt(handler, " CONNEG"))[0].startswith("504 5.3.3 CONNEG")


async def test_dsn_parameters_reach_the_handler() -> None:
    handler = Handler(TEXT)
    mail = "MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+2B314159 SIZE=3 BODY=8BITMIME"
    async with in_transaction(handler, mail) as client:
        await client.ask(f"RCPT TO:<{A}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;June@Old.example CONNEG=OPTIONAL")
        await client.ask("RCPT TO:<b@x.example>")
        await client.ask("DATA")
        await client.ask("x\r\n.")
    (envelope,) = handler.envelopes
    assert (envelope.mail_command.ret, envelope.mail_command.envid) == ("HDRS", "QQ+2B314159")
    assert handler.options[0] == ["RET=HDRS", "ENVID=QQ+2B314159", "SIZE=3", "BODY=8BITMIME"]
    assert handler.options[1] == [
        "NOTIFY=SUCCESS,DELAY",
        "ORCPT=rfc822;June@Old.example",
        "CONNEG=OPTIONAL",
    ]
    first, second = envelope.recipients
    assert first.command.notify == {"SUCCESS", "DELAY"}
    assert first.command.orcpt == "rfc822;June@Old.example"
    assert first.capability == TEXT
    assert second == AcceptedRecipient(second.command, None)
    assert second.command.notify is None


async def test_the_longest_line_of_dsn_is_taken() -> None:
    """RFC 3461, 4.2: ORCPT has up to 500 characters."""
    handler = Handler(TEXT)
    orcpt = f"rfc822;{'x' * 493}"
    assert (await rcpt(handler, f" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT={orcpt} CONNEG=REQUIRED"))[
        0
    ] == "250-OK"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("MAIL FROM:<a@b.example> RET=SOME", "501"),
        ("MAIL FROM:<a@b.example> ENVID=+zz", "501"),
        ("MAIL FROM:<a@b.example> BODY=BINARYMIME", "501"),
        ("MAIL FROM:<a@b.example> SIZE=99999999999", "552"),
        ("MAIL FROM:<a@b.example> CONNEG", "501"),
        ("MAIL FROM:<a@b.example> SMTPUTF8", "555"),
        ("MAIL FROM:<a@b.example> FOO=1", "555"),
        ("MAIL FROM:a@b.example", "501"),
        ("MAIL", "501"),
        ("RCPT TO:<a@b.example>", "503"),
        ("MAIL FROM:<a@b.example>", "250"),
        ("MAIL FROM:<>", "250"),
    ],
)
async def test_mail(command: str, code: str) -> None:
    async with serving(Bare()) as port, raw_client(port) as client:
        assert (await client.ask(command))[:3] == code


async def test_the_order_of_commands() -> None:
    async with serving(Handler()) as port, raw_client(port, greeted=False) as client:
        await client.reply()
        assert (await client.ask("MAIL FROM:<a@b.example>"))[:3] == "503"
        assert (await client.ask("RCPT TO:<a@b.example>"))[:3] == "503"
        await client.ask("HELO client.example")
        assert (await client.ask("MAIL FROM:<a@b.example> RET=FULL"))[:3] == "555"  # HELO: no extensions
        assert (await client.ask("MAIL FROM:<a@b.example>"))[:3] == "250"
        assert (await client.ask("MAIL FROM:<a@b.example>"))[:3] == "503"
        assert (await client.ask(f"RCPT TO:<{A}> CONNEG"))[:3] == "555"
        assert (await client.ask("RCPT"))[:3] == "501"
        assert (await client.ask("RSET"))[:3] == "250"
        assert (await client.ask(f"RCPT TO:<{A}>"))[:3] == "503"


async def test_smtputf8() -> None:
    async with serving(Bare(), enable_SMTPUTF8=True) as port, raw_client(port) as client:
        assert (await client.ask("MAIL FROM:<ä@b.example>"))[:3] == "553"
        assert (await client.ask("MAIL FROM:<ä@b.example> SMTPUTF8"))[:3] == "250"
        assert (await client.ask("RCPT TO:<ü@b.example>"))[:3] == "250"
        client.writer.write(b"RCPT TO:<\xff@b.example>\r\n")
        assert (await client.reply())[0][:3] == "500"


async def test_a_long_local_part_is_refused_as_aiosmtpd_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NegotiatingSMTP, "local_part_limit", 3)
    assert (await rcpt(Bare(), ""))[0].startswith("553")


async def test_authentication_can_be_demanded() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        async with serving(
            Handler(), auth_required=True, auth_require_tls=False, conneg_needs_auth=True
        ) as port:
            assert "CONNEG" not in await ehlo(port)
            async with raw_client(port) as client:
                assert (await client.ask("MAIL FROM:<a@b.example>"))[:3] == "530"
                assert (await client.ask(f"RCPT TO:<{A}>"))[:3] == "530"


class OldHook:
    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str) -> str:
        return "250 HELP"


def test_the_old_ehlo_hook_is_refused() -> None:
    loop = asyncio.new_event_loop()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(UsageError):
                NegotiatingSMTP(OldHook(), loop=loop)
    finally:
        loop.close()


def test_the_version_is_checked() -> None:
    assert aiosmtpd.__version__ in TESTED
    with pytest.warns(UserWarning, match=r"tested with aiosmtpd .*, not with 9\.9") as caught:
        check_version("9.9")
    assert "\n" not in str(caught[0].message)


async def test_connegs_own_client() -> None:
    async with serving(Handler(K_7)) as port:
        client = await connect(HOST, port, helo="client.example")
        opened = await client.open_transaction(
            "a@b.example",
            [RcptRequest(A, REQUIRED, frozenset({"NEVER"}), f"rfc822;{A}"), RcptRequest("nobody@x.example")],
            ret="HDRS",
            envid="id",
        )
        replies = await client.data(b"Subject: x\r\n\r\nx\r\n")
        await client.quit()
    first, second = opened.rcpts
    assert first.capability is not None
    assert hash_name(first.capability.expression or "") == hash_name(K_7)
    assert first.capability.flags == frozenset()
    assert second.reply.code == 550
    assert [reply.code for reply in replies] == [250]


@pytest.mark.parametrize("kind", ["smtplib", "aiosmtplib"])
async def test_the_adapters_clients(kind: str) -> None:
    handler = Handler(HTML)
    async with serving(handler) as port:
        results = await send(kind, port, [A, "nobody@x.example"], lambda r: b"Subject: x\r\n\r\n.\r\n")
    assert [str(result.outcome) for result in results] == ["sent", "refused"]
    assert [envelope.content for envelope in handler.envelopes] == [b"Subject: x\r\n\r\n.\r\n"]


@pytest.mark.parametrize("kind", ["smtplib", "aiosmtplib"])
async def test_the_adapters_clients_and_aiosmtpd_as_it_is(kind: str) -> None:
    from aiosmtpd.smtp import SMTP

    handler = Handler()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="mx.example", loop=loop), HOST, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        optional = await send(kind, port, [A], lambda r: b"x\r\n")
        required = await send(kind, port, [A], lambda r: b"x\r\n", conneg=REQUIRED)
    finally:
        server.close()
    assert [str(result.outcome) for result in (*optional, *required)] == ["sent", "refused"]


async def test_conneg_can_wait_for_tls(tmp_path: Path) -> None:
    """draft 8: CONNEG is not listed before a security mechanism that it needs is in force."""
    files = make_certificate(tmp_path, "mx", "ifax1.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    handler = Handler(TEXT)
    async with serving(handler, tls_context=context, conneg_needs_tls=True) as port:
        client = await connect(HOST, port, helo="client.example")
        assert not client.supports("CONNEG")
        await client.quit()
        client = await connect(HOST, port, helo="client.example", tls=ClientTls(TlsPolicy.REQUIRED))
        assert client.supports("CONNEG")
        opened = await client.open_transaction("a@b.example", [RcptRequest(A, REQUIRED)])
        await client.quit()
    assert opened.rcpts[0].capability is not None


async def test_tls_from_the_first_octet(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, "mx", "ifax1.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    handler, loop = Handler(TEXT), asyncio.get_running_loop()

    def run(port: int) -> list[RecipientResult]:
        trusting = ssl.create_default_context(cafile=files.certificate)
        trusting.check_hostname = False
        with NegotiatingSMTPSSL(HOST, port, "client.example", timeout=10, context=trusting) as client:
            return client.send_negotiated("a@b.example", [A], lambda r: b"x\r\n", conneg=REQUIRED)

    server = await loop.create_server(
        lambda: NegotiatingSMTP(handler, hostname="ifax1.example", loop=loop, conneg_needs_tls=True),
        HOST,
        0,
        ssl=context,
    )
    try:
        results = await asyncio.to_thread(run, server.sockets[0].getsockname()[1])
    finally:
        server.close()
    assert [result.is_sent for result in results] == [True]


async def test_smtplib() -> None:
    def ask(port: int) -> tuple[int, str]:
        with smtplib.SMTP(HOST, port, local_hostname="client.example", timeout=10) as client:
            client.ehlo()
            assert client.has_extn("conneg")
            assert client.has_extn("dsn")
            client.mail("a@b.example", ["RET=FULL"])
            code, text = client.rcpt(A, ["NOTIFY=FAILURE", "CONNEG=REQUIRED"])
            return code, text.decode()

    async with serving(Handler(TEXT)) as port:
        code, text = await asyncio.to_thread(ask, port)
    assert (code, text) == (250, f"OK\nCONNEG {TEXT}")


@pytest.mark.system
async def test_swaks() -> None:
    swaks = require("swaks", "swaks")
    handler = Handler(TEXT)
    async with serving(handler) as port:
        done = await asyncio.to_thread(
            subprocess.run,
            [swaks, "--server", HOST, "--port", str(port), "--helo", "client.example", "--pipeline",
             "--from", "may@ifax2.example", "--to", A, "--body", ".\n..\nend"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<-  250-CONNEG" in done.stdout
    assert b"\r\n\r\n.\r\n..\r\nend" in handler.envelopes[0].content


def test_the_controller(unused_port: int) -> None:
    handler = Handler(TEXT)
    controller = NegotiatingController(handler, hostname=HOST, port=unused_port, conneg_seconds=5)
    controller.start()
    try:
        with smtplib.SMTP(HOST, unused_port, local_hostname="client.example", timeout=10) as client:
            client.ehlo()
            client.mail("a@b.example")
            code, text = client.rcpt(A, ["CONNEG"])
    finally:
        controller.stop()
    assert read_reply_lines([f"{code}-OK", f"{code} CONNEG {TEXT}"]).text == text.decode().replace("\n", " ")
