"""What a message demands of its next hop: SMTPUTF8, TLS all the way, no more recipients than it takes."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from conneg.gateway.events import Settled
from conneg.net import (
    ClientTls,
    Listener,
    ListenerLimits,
    RcptRequest,
    ServerTls,
    TlsPolicy,
    connect,
    start_listener,
)
from conneg.smtp import RcptAnswer, Reply, ServerConfig
from conneg.smtp.extension import DEFAULT_EXTENSIONS
from tests.net.certificates import make_certificate
from tests.net.servers import HOST, Recorder

from .servers import Config, Events, config, messages_in, running, until

ASCII = b"From: may@b.test\r\nSubject: hello\r\n\r\nHello\r\n"
INTERNATIONAL = "From: Zoë <zoë@b.test>\r\nSubject: grüße\r\n\r\nHello\r\n".encode()


class NextHop(Recorder):
    """Keeps what it was sent: the parameters of MAIL, the recipients of each transaction, the messages."""

    def __init__(self, most: int = 1000, refusal: Reply | None = None) -> None:
        super().__init__()
        self.most = most
        self.refusal = refusal
        self.mails: list[dict[str, str]] = []
        self.transactions: list[list[str]] = []

    def mail(self, session: Any, command: Any) -> Any:
        self.mails.append(dict(command.parameters))
        self.transactions.append([])
        return Reply(250, ("ok",), "2.1.0")

    def rcpt(self, session: Any, commands: Any) -> Any:
        answers = []
        for command in commands:
            if len(self.transactions[-1]) >= self.most and self.refusal is not None:
                answers.append(RcptAnswer(self.refusal))
                continue
            self.transactions[-1].append(command.forward_path)
            answers.append(RcptAnswer(Reply(250, ("ok",), "2.1.5")))
        return answers


@asynccontextmanager
async def listening(
    handler: NextHop, *more: str, tls: ServerTls | None = None, **settings: Any
) -> AsyncIterator[Listener]:
    made = ServerConfig("mx.test", extensions=DEFAULT_EXTENSIONS | set(more), conneg="ignorant", **settings)
    listener = await start_listener(handler, HOST, 0, made, tls=tls, limits=ListenerLimits())
    try:
        yield listener
    finally:
        await listener.close(0)


def through(tmp_path: Path, port: int, more: str = "", before: str = "") -> Config:
    """A gateway that hands everything for d.test to `port`, and everything else to a Maildir."""
    hop = f'[[destination]]\ndomains = ["d.test"]\ndeliver = "smtp"\nhost = "127.0.0.1:{port}"\n{more}'
    rest = '[[destination]]\ndomains = ["*"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n'
    return config(tmp_path / "gw", before + hop + rest)


async def submit(
    gateway: Any,
    recipients: Collection[str],
    content: bytes,
    *,
    sender: str = "may@b.test",
    **parameters: Any,
) -> None:
    endpoint = gateway.endpoints[0]
    tls = ClientTls(TlsPolicy.REQUIRED) if parameters.get("requiretls") else ClientTls(TlsPolicy.NONE)
    client = await connect(endpoint.host, endpoint.port, helo="client.test", tls=tls)
    opened = await client.open_transaction(sender, [RcptRequest(r) for r in recipients], **parameters)
    assert [result.reply.code for result in opened.rcpts] == [250] * len(recipients)
    (reply,) = await client.data(content)
    assert reply.code == 250
    await client.quit()


def settled(events: Events) -> dict[str, str]:
    return {event.forward_path: event.state for event in events.of(Settled)}


async def deliver(
    tmp_path: Path, port: int, recipients: Collection[str], content: bytes = ASCII, **options: Any
) -> tuple[dict[str, str], Events]:
    settings = through(tmp_path, port, options.pop("more", ""), options.pop("before", ""))
    async with running(settings) as (gateway, events):
        await submit(gateway, recipients, content, **options)
        await until(lambda: len(set(recipients) & set(settled(events))) == len(set(recipients)))
        if "failed" in settled(events).values():
            await until(lambda: bool(messages_in(tmp_path / "gw" / "mail" / "may")))
    return settled(events), events


async def test_smtputf8_goes_on_to_a_next_hop_that_knows_it(tmp_path: Path) -> None:
    handler = NextHop()
    async with listening(handler, "SMTPUTF8") as hop:
        states, _ = await deliver(
            tmp_path, hop.port, ["jürgen@d.test"], INTERNATIONAL, sender="zoë@b.test", smtputf8=True
        )
    assert states == {"jürgen@d.test": "delivered"}
    assert "SMTPUTF8" in handler.mails[0]
    assert handler.transactions == [["jürgen@d.test"]]
    assert handler.messages[0].endswith(INTERNATIONAL)
    assert b"with UTF8SMTP;" in b" ".join(handler.messages[0].split())  # RFC 6531, 4.3


async def test_what_needs_no_smtputf8_goes_without_it(tmp_path: Path) -> None:
    handler = NextHop()
    async with listening(handler) as hop:
        states, _ = await deliver(tmp_path, hop.port, ["june@d.test", "jürgen@d.test"], ASCII, smtputf8=True)
    assert states == {"june@d.test": "delivered", "jürgen@d.test": "failed", "may@b.test": "delivered"}
    assert "SMTPUTF8" not in handler.mails[0]
    report = message_from_bytes(messages_in(tmp_path / "gw" / "mail" / "may")[0])
    assert "5.6.7" in report.as_string()


async def test_a_header_that_needs_smtputf8_is_not_sent_without_it(tmp_path: Path) -> None:
    handler = NextHop()
    async with listening(handler) as hop:
        states, _ = await deliver(tmp_path, hop.port, ["june@d.test"], INTERNATIONAL, smtputf8=True)
    assert states["june@d.test"] == "failed"
    assert handler.messages == []
    assert b"5.6.9" in messages_in(tmp_path / "gw" / "mail" / "may")[0]


async def test_a_reverse_path_that_needs_smtputf8_draws_a_report_that_has_it(tmp_path: Path) -> None:
    handler = NextHop()
    async with listening(handler) as hop:
        async with running(through(tmp_path, hop.port)) as (gateway, _):
            await submit(gateway, ["june@d.test"], ASCII, sender="zoë@b.test", smtputf8=True)
            await until(lambda: bool(messages_in(tmp_path / "gw" / "mail" / "zo%C3%AB")))
    assert handler.mails == []
    assert b"5.6.7" in messages_in(tmp_path / "gw" / "mail" / "zo%C3%AB")[0]


async def test_no_more_recipients_than_the_next_hop_says(tmp_path: Path) -> None:
    handler = NextHop()
    recipients = [f"r{number}@d.test" for number in range(25)]
    async with listening(handler, max_recipients=10) as hop:
        states, _ = await deliver(tmp_path, hop.port, recipients)
    assert set(states.values()) == {"delivered"}
    assert [len(paths) for paths in handler.transactions] == [10, 10, 5]  # RFC 9422, 4.2
    assert sorted(path for paths in handler.transactions for path in paths) == sorted(recipients)


@pytest.mark.parametrize(
    "refusal", [Reply(452, ("too many",), "4.5.3"), Reply(452, ("too many",)), Reply(552, ("too many",))]
)
async def test_who_is_one_too_many_goes_at_once_in_another_transaction(
    tmp_path: Path, refusal: Reply
) -> None:
    """RFC 5321, 4.5.3.1.10."""
    handler = NextHop(10, refusal)
    recipients = [f"r{number}@d.test" for number in range(25)]
    async with listening(handler) as hop:
        states, _ = await deliver(tmp_path, hop.port, recipients)
    assert set(states.values()) == {"delivered"}
    assert sorted(path for paths in handler.transactions for path in paths) == sorted(recipients)


async def test_a_full_mailbox_is_no_full_transaction(tmp_path: Path) -> None:
    handler = NextHop(1, Reply(452, ("mailbox full",), "4.2.2"))
    async with listening(handler) as hop:
        states, _ = await deliver(tmp_path, hop.port, ["a@d.test", "b@d.test"])
    assert states == {"a@d.test": "delivered", "b@d.test": "deferred"}
    assert len(handler.transactions) == 1


def certified(tmp_path: Path, name: str, host: str) -> ServerTls:
    return ServerTls([make_certificate(tmp_path, name, host)])


def ours(tmp_path: Path) -> str:
    made = make_certificate(tmp_path, "ours", "gw.test")
    return f'[[certificate]]\nfile = "{made.certificate}"\nkey = "{made.key}"\n'


def trusting(tmp_path: Path, name: str = "mx.test") -> str:
    return f'tls_name = "{name}"\ntls_authorities = "{tmp_path}/hop.pem"\n'


async def test_requiretls_goes_on_to_a_next_hop_that_keeps_to_it(tmp_path: Path) -> None:
    handler = NextHop()
    async with listening(handler, "REQUIRETLS", "STARTTLS", tls=certified(tmp_path, "hop", "mx.test")) as hop:
        states, _ = await deliver(
            tmp_path,
            hop.port,
            ["june@d.test"],
            more=trusting(tmp_path),
            before=ours(tmp_path),
            requiretls=True,
        )
    assert states == {"june@d.test": "delivered"}
    assert "REQUIRETLS" in handler.mails[0]


@pytest.mark.parametrize(
    ("extensions", "name", "status"),
    [
        (("STARTTLS",), "mx.test", b"5.7.30"),  # protected, but makes no promise
        (("REQUIRETLS", "STARTTLS"), "other.test", b"5.7.10"),  # not the one whom we mean
        ((), "mx.test", b"5.7.10"),
    ],
)
async def test_requiretls_is_returned_where_nobody_keeps_to_it(
    tmp_path: Path, extensions: tuple[str, ...], name: str, status: bytes
) -> None:
    """RFC 8689, 4.2.1; and the report has the header only (5)."""
    handler = NextHop()
    tls = certified(tmp_path, "hop", name)
    async with listening(handler, *extensions, tls=tls if extensions else None) as hop:
        states, _ = await deliver(
            tmp_path, hop.port, ["june@d.test"], ASCII, ret="FULL",
            more=trusting(tmp_path), before=ours(tmp_path), requiretls=True,
        )  # fmt: skip
    assert states["june@d.test"] == "failed"
    assert handler.mails == []
    (report,) = messages_in(tmp_path / "gw" / "mail" / "may")
    assert status in report
    assert b"Subject: hello" in report
    assert b"\r\nHello\r\n" not in report


async def test_requiretls_waits_for_a_next_hop_that_is_away(tmp_path: Path) -> None:
    certified(tmp_path, "hop", "mx.test")
    states, _ = await deliver(
        tmp_path, 1, ["june@d.test"], more=trusting(tmp_path), before=ours(tmp_path), requiretls=True
    )
    assert states == {"june@d.test": "deferred"}


async def test_what_is_passed_on_as_it_came_goes_in_one_group(tmp_path: Path) -> None:
    handler = NextHop()
    async with listening(handler) as hop:
        for number in range(2):
            place = tmp_path / str(number)
            place.mkdir()
            states, _ = await deliver(place, hop.port, ["a@d.test", "b@d.test"], more="convert = false\n")
            assert set(states.values()) == {"delivered"}
    assert len(handler.messages) == 2


async def test_nobody_accepted_of_what_is_passed_on(tmp_path: Path) -> None:
    handler = NextHop(0, Reply(550, ("no",), "5.1.1"))
    async with listening(handler) as hop:
        states, _ = await deliver(tmp_path, hop.port, ["a@d.test"], more="convert = false\n")
    assert states["a@d.test"] == "failed"
    assert handler.messages == []


@pytest.mark.shows("A5-29")
async def test_size_is_not_said_where_conversion_may_change_it(tmp_path: Path) -> None:
    handler = NextHop()
    async with listening(handler) as hop:
        await deliver(tmp_path, hop.port, ["june@d.test"])
    assert "SIZE" not in handler.mails[0]
