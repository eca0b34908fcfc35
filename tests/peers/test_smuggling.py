"""No sequence that was ever used to smuggle a message ends one here, nor with Postfix or Exim behind the gateway."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conneg.gateway import acceptance
from conneg.gateway.events import Accepted, Settled
from conneg.net import RcptCommand, SessionInfo
from conneg.smtp import ServerConfig
from tests.gateway.servers import Events, messages_in, running
from tests.net.servers import Raw, Recorder, listening, raw_client

from . import exim, postfix
from .gateways import to_maildir, to_server
from .letters import unix
from .ports import Server
from .present import require_exim, require_postfix
from .smuggling import (
    ACCEPTED,
    CR_BEFORE_THE_REAL_END,
    DOT_AT_THE_END,
    FIRST,
    REAL_END,
    TRICKS,
    VICTIM,
    Place,
    Trick,
    row,
    unstuffed,
    with_last_line_end,
)

JUNE = "june@office.example"
MAILBOXES = (JUNE, VICTIM)

by_name = pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.name)
CHUNKED = (*TRICKS, REAL_END, CR_BEFORE_THE_REAL_END, DOT_AT_THE_END)
"""What is offered in chunks, where the real end is content too."""


def open_with(client: Raw, sender: str = FIRST) -> None:
    client.say(f"MAIL FROM:<{sender}>", f"RCPT TO:<{JUNE}>")


async def send_by_data(client: Raw, content: bytes, sender: str = FIRST) -> str:
    """The content as it is, its real end, NOOP behind it; the reply to the message, the only one there is."""
    open_with(client, sender)
    client.say("DATA")
    assert await client.codes(3) == ["250", "250", "354"]
    client.writer.write(with_last_line_end(content) + b".\r\nNOOP\r\n")
    return await only_reply(client)


async def send_by_bdat(client: Raw, *chunks: bytes, sender: str = FIRST) -> str:
    """The same in chunks, all of them at once."""
    open_with(client, sender)
    for place, chunk in enumerate(chunks):
        last = " LAST" if place == len(chunks) - 1 else ""
        client.writer.write(b"BDAT %d%s\r\n%s" % (len(chunk), last.encode(), chunk))
    client.say("NOOP")
    assert await client.codes(2) == ["250", "250"]
    for _ in chunks[1:]:
        await client.reply()
    return await only_reply(client)


async def only_reply(client: Raw) -> str:
    (reply,) = await client.reply()
    assert await client.reply() == ["250 2.0.0 ok"], (
        "the reply to NOOP is next: no command in the content had one"
    )
    return reply


# The server alone


class EnvelopeRecorder(Recorder):
    """Keeps the recipients too."""

    def __init__(self) -> None:
        super().__init__()
        self.forward_paths: list[str] = []

    def rcpt(self, session: SessionInfo, commands: Sequence[RcptCommand]) -> Any:
        self.forward_paths += [command.forward_path for command in commands]
        return super().rcpt(session, commands)


@asynccontextmanager
async def server(bare_newlines: str) -> AsyncIterator[tuple[Raw, EnvelopeRecorder]]:
    """Our server, and a client who has said EHLO."""
    handler = EnvelopeRecorder()
    async with listening(handler, ServerConfig("mx.example", bare_newlines=bare_newlines)) as listener:
        async with raw_client(listener.port) as client:
            yield client, handler


@by_name
@pytest.mark.parametrize("place", Place, ids=lambda place: place.value)
@pytest.mark.parametrize("bare_newlines", ["refuse", "keep"])
async def test_server_by_data(trick: Trick, place: Place, bare_newlines: str) -> None:
    """RFC 5321, 2.3.8, 4.1.1.4: only CRLF.CRLF ends the content."""
    content = trick.content(place)
    async with server(bare_newlines) as (client, handler):
        reply = await send_by_data(client, content)
        assert reply == (ACCEPTED if bare_newlines == "keep" else trick.reply)
    assert handler.messages == ([unstuffed(content)] if reply == ACCEPTED else [])
    assert handler.forward_paths == [JUNE]


@pytest.mark.parametrize("trick", CHUNKED, ids=lambda trick: trick.name)
@pytest.mark.parametrize("bare_newlines", ["refuse", "keep"])
async def test_server_by_bdat(trick: Trick, bare_newlines: str) -> None:
    """RFC 3030, 2: the size alone ends a chunk, and no dot means anything."""
    for chunks in ((trick.content(),), (trick.content(Place.END),), tuple(cut(trick))):
        async with server(bare_newlines) as (client, handler):
            reply = await send_by_bdat(client, *chunks)
        refused = bare_newlines == "refuse" and trick.is_refused
        assert reply[:3] == ("554" if refused else "250") or (
            refused and len(chunks) > 1 and reply[:3] == "503"
        )
        assert handler.messages == ([] if refused else [b"".join(chunks)])
        assert handler.forward_paths == [JUNE]


def cut(trick: Trick) -> Iterator[bytes]:
    """The content in two chunks, cut behind the dot."""
    content = trick.content()
    place = content.index(trick.octets) + trick.octets.index(b".") + 1
    yield content[:place]
    yield content[place:]


@pytest.mark.parametrize(
    ("end", "bare_newlines", "codes"),
    [
        (REAL_END, "refuse", ["250", "250", "250", "354", "250"]),
        (CR_BEFORE_THE_REAL_END, "refuse", ["554", "250", "250", "354", "250"]),
        (CR_BEFORE_THE_REAL_END, "keep", ["250", "250", "250", "354", "250"]),
    ],
)
async def test_the_real_end_is_one(end: Trick, bare_newlines: str, codes: list[str]) -> None:
    """The check on the check: what is behind CRLF.CRLF is the client's own next transaction, also after a bare CR."""
    async with server(bare_newlines) as (client, handler):
        open_with(client)
        client.say("DATA")
        await client.codes(3)
        client.writer.write(end.content() + b".\r\n")
        assert await client.codes(5) == codes
    assert len(handler.messages) == codes[::4].count("250")
    assert handler.forward_paths == [JUNE, VICTIM]


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\r", "\n\r", "\0"], ids=repr)
@pytest.mark.parametrize(
    "command", [f"MAIL FROM:<{FIRST}>", f"RCPT TO:<{JUNE}>", "NOOP", "EHLO client.example"]
)
async def test_no_command_hides_in_another(newline: str, command: str) -> None:
    """RFC 5321, 2.3.8: the line up to CRLF is one command, and it is none."""
    async with server("keep") as (client, handler):
        client.say(f"MAIL FROM:<{FIRST}>", f"{command}{newline}RCPT TO:<{VICTIM}>", "NOOP")
        assert (await client.reply())[0].startswith("250")
        assert (await client.reply())[0].startswith("50")
        assert await client.reply() == ["250 2.0.0 ok"]
    assert handler.forward_paths == []


def test_the_page_has_the_table() -> None:
    """docs/security.md prints each trick with the reply that the tests above assert."""
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    printed = page.partition("| octets | reply | source |\n|---|---|---|\n")[2].partition("\n\n")[0]
    assert printed.split("\n") == [row(trick) for trick in TRICKS]


# Postfix and Exim behind the gateway


def postfix_behind(**settings: str) -> Callable[[], postfix.Postfix]:
    return partial(postfix.start, postfix.PostfixConfig(mailboxes=MAILBOXES, settings=settings))


def exim_behind(**main: str) -> Callable[[], exim.Exim]:
    return partial(exim.start, exim.EximConfig(mailboxes=MAILBOXES, main=main))


HOPS: Mapping[str, Callable[[], postfix.Postfix | exim.Exim]] = {
    "postfix": postfix_behind(),
    "postfix by DATA": postfix_behind(smtpd_discard_ehlo_keywords="chunking"),
    "postfix that takes bare newlines": postfix_behind(smtpd_forbid_bare_newline="no"),
    "postfix that takes bare newlines, by DATA": postfix_behind(
        smtpd_forbid_bare_newline="no", smtpd_discard_ehlo_keywords="chunking"
    ),
    "postfix that normalises, by DATA": postfix_behind(
        smtpd_forbid_bare_newline="normalize", smtpd_discard_ehlo_keywords="chunking"
    ),
    "postfix of seven bits": postfix_behind(smtpd_discard_ehlo_keywords="8bitmime, chunking"),
    "exim": exim_behind(),
    "exim by DATA": exim_behind(chunking_advertise_hosts=""),
    "exim of seven bits": exim_behind(chunking_advertise_hosts="", accept_8bitmime="false"),
}


@contextmanager
def next_hop(name: str) -> Iterator[postfix.Postfix | exim.Exim]:
    require_exim() if name.startswith("exim") else require_postfix()
    with HOPS[name]() as running_hop:
        yield running_hop


def mark_of(message: bytes) -> str:
    """The local-part of the reverse-path, which is another for each message sent."""
    match = re.search(rb"^Return-Path: <([^>@]*)", message, re.MULTILINE | re.IGNORECASE)
    return match[1].decode() if match else "?"


async def offer_all(port: int) -> dict[str, bytes]:
    """Every trick at every place, by DATA and by BDAT; the reply to each is the one it has to have.

    Return what was accepted: the reverse-path's local-part, which is another for each, and the content; of one without
    a header only that much, as servers make one of what they find.
    """
    accepted = {}
    ways = [
        *(("data", trick, place) for trick in TRICKS for place in Place),
        *(("bdat", trick, place) for trick in CHUNKED for place in Place),
    ]
    async with raw_client(port) as client:
        for number, (way, trick, place) in enumerate(ways):
            mark, content = f"{way}-{number}", trick.content(place)
            send = send_by_bdat if way == "bdat" else send_by_data
            reply = await send(client, content, sender=f"{mark}@example.com")
            assert reply.startswith(trick.reply), (way, trick.name, place)
            if reply.startswith(ACCEPTED):
                whole = with_last_line_end(content) if way == "bdat" else unstuffed(content)
                accepted[mark] = b"" if place is Place.START else whole
    return accepted


async def all_settled(events: Events, count: int) -> None:
    """Wait until the next hop has had the last of `count` messages."""
    async with asyncio.timeout(20):
        while len(events.of(Settled)) < count:
            await asyncio.sleep(0.02)


@pytest.mark.system
@pytest.mark.xdist_group("postfix")
@pytest.mark.parametrize("hop", HOPS)
async def test_through_the_gateway(tmp_path: Path, hop: str) -> None:
    """Each message that the gateway takes is one message at the end, and nobody else gets any."""
    with next_hop(hop) as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            accepted = await offer_all(gateway.endpoints[0].port)
            await all_settled(events, len(accepted))
        await asyncio.to_thread(last.wait_empty)
        arrived, smuggled, log = last.messages(JUNE), last.messages(VICTIM), last.log_path.read_text()
    assert {event.state for event in events.of(Settled)} == {"delivered"}
    assert [event.forward_paths for event in events.of(Accepted)] == [(JUNE,)] * len(accepted)
    assert sorted(map(mark_of, arrived)) == sorted(accepted)
    assert smuggled == []
    assert VICTIM not in log
    if "seven bits" not in hop:  # where the gateway writes other octets for the same text (RFC 6152, 3)
        assert [mark_of(one) for one in arrived if not one.endswith(unix(accepted[mark_of(one)]))] == []


@pytest.mark.system
@pytest.mark.xdist_group("postfix")
@pytest.mark.parametrize("chunking", ["", "chunking"], ids=["bdat", "data"])
async def test_what_came_by_another_door_is_not_passed_on(
    tmp_path: Path, chunking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were bare newlines ever accepted, the client would still not send them: the message is held back whole."""
    monkeypatch.setattr(acceptance, "ServerConfig", partial(ServerConfig, bare_newlines="keep"))
    require_postfix()
    with postfix_behind(smtpd_forbid_bare_newline="no", smtpd_discard_ehlo_keywords=chunking)() as last:
        async with running(to_server(tmp_path / "gw", last)) as (gateway, events):
            async with raw_client(gateway.endpoints[0].port) as client:
                for trick in TRICKS:
                    assert (await send_by_data(client, trick.content())).startswith(ACCEPTED)
            await all_settled(events, len(TRICKS))
        await asyncio.to_thread(last.wait_empty)
        arrived, smuggled, log = last.messages(JUNE), last.messages(VICTIM), last.log_path.read_text()
    assert len(arrived) == sum(not trick.has_bare_newline for trick in TRICKS)
    assert smuggled == []
    assert VICTIM not in log


def postfix_before(relay_to: tuple[str, int]) -> postfix.Postfix:
    return postfix.start(postfix.PostfixConfig(relay_to=relay_to))


def exim_before(relay_to: tuple[str, int]) -> exim.Exim:
    return exim.start(exim.EximConfig(relay_to=relay_to))


def exim_without_bdat_before(relay_to: tuple[str, int]) -> exim.Exim:
    return exim.start(exim.EximConfig(relay_to=relay_to, smtp={"hosts_try_chunking": ""}))


@pytest.mark.system
@pytest.mark.xdist_group("postfix")
@pytest.mark.parametrize("start", [postfix_before, exim_before, exim_without_bdat_before])
async def test_through_others_to_the_gateway(
    tmp_path: Path, start: Callable[[tuple[str, int]], postfix.Postfix | exim.Exim]
) -> None:
    """What another server takes in chunks as one message is one message for us, or is returned to its sender."""
    require_postfix() if start is postfix_before else require_exim()
    offered = set()
    async with running(to_maildir(tmp_path / "gw")) as (gateway, events):
        endpoint = gateway.endpoints[0]
        with start((endpoint.host, endpoint.port)) as first:
            async with raw_client(first.port) as client:
                for number, trick in enumerate(CHUNKED):
                    if trick not in BEHIND_NUL and await is_taken(client, trick, f"sender-{number}"):
                        offered.add(f"sender-{number}")
            await asyncio.to_thread(first.wait_empty)
        folders = {folder.name: messages_in(folder) for folder in (tmp_path / "gw" / "mail").iterdir()}
    arrived = [mark_of(message) for message in folders.pop("june")]
    returned = list(folders)
    assert sorted(arrived + returned) == sorted(offered)
    assert len(offered) > sum(not trick.is_refused for trick in CHUNKED) - 2
    recipients = {path for event in events.of(Accepted) for path in event.forward_paths}
    assert recipients <= {JUNE, *(f"{name}@office.example" for name in offered)}


BEHIND_NUL = [trick for trick in CHUNKED if b"\0." in trick.octets]


async def is_taken(client: Raw, trick: Trick, sender: str) -> bool:
    """Send the trick in one chunk; whether the server takes it."""
    content = with_last_line_end(trick.content())
    open_with(client, f"{sender}@office.example")
    assert await client.codes(2) == ["250", "250"]
    client.writer.write(b"BDAT %d LAST\r\n%s" % (len(content), content))
    if (await client.reply())[-1].startswith("250"):
        return True
    await client.ask("RSET")
    return False


@pytest.mark.system
@pytest.mark.xdist_group("postfix")
@pytest.mark.parametrize("start", [postfix_before, exim_before, exim_without_bdat_before])
async def test_a_dot_behind_nul_through_others(
    tmp_path: Path, start: Callable[[tuple[str, int]], postfix.Postfix | exim.Exim]
) -> None:
    """It is refused, and so is the report that has it in it: both stay with the server in front.

    Of a bare newline that server may make CRLF, or nothing.
    """
    require_postfix() if start is postfix_before else require_exim()
    async with running(to_maildir(tmp_path / "gw")) as (gateway, events):
        endpoint = gateway.endpoints[0]
        with start((endpoint.host, endpoint.port)) as first:
            async with raw_client(first.port) as client:
                taken = sum(
                    [
                        await is_taken(client, trick, f"sender-{number}")
                        for number, trick in enumerate(BEHIND_NUL)
                    ]
                )
            assert taken > 0
            async with asyncio.timeout(20):
                while first.log_path.read_text().count("554 5.6.0") < taken:
                    await asyncio.sleep(0.05)
        assert {path for event in events.of(Accepted) for path in event.forward_paths} <= {JUNE}


@pytest.mark.system
@pytest.mark.xdist_group("postfix")
async def test_postfix_alone_takes_two_messages_for_one() -> None:
    """The check on the check: without the gateway the trick of December 2023 works on such a Postfix."""
    require_postfix()
    with postfix_behind(smtpd_forbid_bare_newline="no")() as last:
        await smuggle_into(last)
        (smuggled,) = await asyncio.to_thread(last.wait_for_messages, VICTIM)
    assert b"Subject: smuggled" in smuggled


async def smuggle_into(last: Server) -> None:
    async with raw_client(last.port) as client:
        open_with(client)
        client.say("DATA")
        await client.codes(3)
        client.writer.write(Trick(b"\n.\r\n", "CVE-2023-51764").content() + b".\r\nQUIT\r\n")
        assert await client.codes(6) == ["250", "250", "250", "354", "250", "221"]
