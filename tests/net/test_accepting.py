"""Who is behind a proxy, who logs in, who comes too often: what a listener does before and beside the mail."""

import asyncio
import contextlib
import smtplib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.errors import TemporaryError
from conneg.net import (
    Listener,
    ListenerLimits,
    Peer,
    ServerTls,
    SessionInfo,
    connect,
    new_listener,
    start_listener,
)
from conneg.net.proxy import MAX_PROXY_HEADER, ProxyHeaderError, read_header
from conneg.net.securing import ClientTls, TlsPolicy
from conneg.smtp import RcptAnswer, RcptCommand, Reply, ScramKeys, ServerConfig
from conneg.smtp.sasl import MECHANISMS, derive_scram_keys

from .certificates import make_certificate
from .servers import HOST, Recorder, listening, raw_client

V1 = b"PROXY TCP4 192.0.2.7 203.0.113.1 4711 25\r\n"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def v2(body: bytes, *, family: int = 0x11, command: int = 0x21) -> bytes:
    return SIGNATURE + bytes((command, family)) + struct.pack("!H", len(body)) + body


V2 = v2(socket.inet_aton("192.0.2.7") + socket.inet_aton("203.0.113.1") + struct.pack("!HH", 4711, 25))
V2_IPV6 = v2(
    socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2 + struct.pack("!HH", 4711, 25) + b"\x03\x00\x00",
    family=0x21,
)


@pytest.mark.parametrize(
    ("header", "peer"),
    [
        (V1, Peer("192.0.2.7", 4711)),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n", Peer("2001:db8::7", 4711)),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f 1 2\r\n", None),
        (V2, Peer("192.0.2.7", 4711)),
        (V2_IPV6, Peer("2001:db8::7", 4711)),
        (v2(b"", command=0x20, family=0), None),
        (v2(b"", family=0), None),
    ],
)
def test_headers(header: bytes, peer: Peer | None) -> None:
    """proxy-protocol.txt, 2.1 and 2.2."""
    assert read_header(header) == peer


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"EHLO c\r\n",
        b"PROXY TCP4 192.0.2.777 1.1.1.1 1 1\r\n",
        b"PROXY TCP6 192.0.2.7 1.1.1.1 1 1\r\n",
        b"PROXY TCP4 192.0.2.7 1.1.1.1 99999 1\r\n",
        b"PROXY TCP4 192.0.2.7 1.1.1.1 1 1\n",
        b"PROXY UNKNOWN" + b"x" * 100 + b"\r\n",
        V2[:-1],
        v2(b"1234"),
        v2(b"", command=0x22),
        v2(b"", command=0x11),
    ],
)
def test_what_is_no_header(header: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        read_header(header)


@given(st.binary(max_size=80))
def test_any_octets_are_a_header_or_an_error(tail: bytes) -> None:
    for header in (tail, V1[:12] + tail, SIGNATURE + tail):
        with contextlib.suppress(ProxyHeaderError):
            read_header(header)


class Users:
    mechanisms = MECHANISMS

    def __init__(self) -> None:
        self.is_down = False

    async def check_password(self, username: str, password: str) -> bool:
        await asyncio.sleep(0)
        if self.is_down:
            raise TemporaryError("the database is down")
        return (username, password) == ("june", "swordfish")

    async def scram_keys(self, username: str) -> ScramKeys | None:
        if self.is_down:
            raise TemporaryError("the database is down")
        return derive_scram_keys("swordfish", salt=b"1", iterations=4096) if username == "june" else None


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    folder = tmp_path_factory.mktemp("tls")
    return ServerTls([make_certificate(folder, "mx", "mx.example")])


@asynccontextmanager
async def served(handler: Any, **settings: Any) -> AsyncIterator[Listener]:
    config = settings.pop("config", None) or ServerConfig("mx.example")
    listener = await start_listener(handler, HOST, 0, config, **settings)
    try:
        yield listener
    finally:
        await listener.close(0)


@pytest.mark.parametrize("header", [V1, V2])
async def test_a_proxy_says_who_the_client_is(header: bytes) -> None:
    handler = Recorder()
    async with served(handler, is_proxy=lambda address: address == HOST) as listener:
        reader, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(header + b"EHLO c\r\nMAIL FROM:<a@b>\r\n")
        assert (await reader.readline()).startswith(b"220")
        while not handler.sessions:
            await asyncio.sleep(0.01)
        writer.close()
    assert handler.sessions[0].peer == Peer("192.0.2.7", 4711)


@pytest.mark.parametrize("header", [V1, V2_IPV6])
async def test_a_header_in_front_of_implicit_tls(header: bytes, tls: ServerTls) -> None:
    handler = Recorder()
    async with served(handler, is_proxy=lambda address: True, tls=tls, is_implicit=True) as listener:

        def talk() -> None:
            with socket.create_connection((HOST, listener.port)) as plain:
                plain.sendall(header)
                context = ssl._create_unverified_context()
                with context.wrap_socket(plain) as secure:
                    secure.sendall(b"EHLO c\r\nMAIL FROM:<a@b>\r\nQUIT\r\n")
                    while secure.recv(4096):
                        pass

        await asyncio.to_thread(talk)
    assert handler.sessions[0].peer == read_header(header)
    assert handler.sessions[0].tls is not None


@pytest.mark.parametrize(
    "octets", [b"EHLO client.example\r\n" * 9, V2[:13] + b"\xff\xff\xff", b"PROXY TCP4 x\r\n" * 9]
)
async def test_without_a_header_the_connection_is_cut(octets: bytes) -> None:
    handler = Recorder()
    async with served(handler, is_proxy=lambda address: True) as listener:
        reader, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(octets)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            assert await reader.readexactly(1)
        writer.close()
    assert handler.calls == []
    assert MAX_PROXY_HEADER.value < 0xFFFF


async def test_clients_that_are_no_proxy_need_no_header() -> None:
    async with served(Recorder(), is_proxy=lambda address: False) as listener:
        async with raw_client(listener.port) as client:
            assert await client.codes(0) == []


async def test_xclient_changes_the_peer_and_its_rights() -> None:
    handler = Recorder()

    def adapt(peer: Peer, config: ServerConfig) -> ServerConfig:
        return ServerConfig(
            "mx.example", xclient=peer.address == HOST, conneg="off" if peer.address != HOST else "on"
        )

    async with served(handler, adapt=adapt) as listener:
        async with raw_client(listener.port) as client:
            client.say("XCLIENT ADDR=192.0.2.7 PORT=7 LOGIN=june")
            assert await client.codes(1) == ["220"]
            client.say("EHLO c", "XCLIENT ADDR=192.0.2.8", "MAIL FROM:<a@b>", "RCPT TO:<c@d> CONNEG")
            assert await client.codes(4) == ["250", "502", "250", "504"]
    assert handler.sessions[0].peer == Peer("192.0.2.7", 7)
    assert handler.sessions[0].username == "june"


async def test_smtplib_logs_in(tls: ServerTls) -> None:
    handler, users = Recorder(), Users()
    config = ServerConfig("mx.example", needs_auth=True)
    async with served(handler, config=config, tls=tls, authenticator=users) as listener:

        def talk(password: str) -> None:
            with smtplib.SMTP(HOST, listener.port, timeout=10) as client:
                client.starttls(context=ssl._create_unverified_context())
                client.login("june", password)
                client.sendmail("a@b.example", ["c@d.example"], "Subject: x\r\n\r\nx\r\n")

        await asyncio.to_thread(talk, "swordfish")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            await asyncio.to_thread(talk, "wrong")
        users.is_down = True
        with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            await asyncio.to_thread(talk, "swordfish")
        assert caught.value.smtp_code == 454
    assert handler.sessions[0].username == "june"
    assert len(handler.messages) == 1


@pytest.mark.parametrize("policy", [TlsPolicy.NONE, TlsPolicy.REQUIRED])
async def test_our_client_logs_in(policy: TlsPolicy, tls: ServerTls) -> None:
    async with served(Recorder(), tls=tls, authenticator=Users()) as listener:
        for password, code in (("swordfish", 235), ("wrong", 535)):
            client = await connect(HOST, listener.port, helo="c.example", tls=ClientTls(policy))
            assert (await client.authenticate("june", password)).code == code
            await client.quit()


class OneByOne(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def rcpt(self, session: SessionInfo, commands: Sequence[RcptCommand]) -> AsyncIterator[RcptAnswer]:
        for command in commands:
            if command.forward_path.startswith("slow"):
                await self.go_on.wait()
            if command.forward_path.startswith("broken"):
                raise RuntimeError("this handler is broken")
            yield RcptAnswer(Reply(250, ("ok",), "2.1.5"))


async def test_a_late_answer_holds_up_only_those_behind_it() -> None:
    handler = OneByOne()
    async with listening(handler) as listener:
        async with raw_client(listener.port) as client:
            client.say("MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<slow@d>", "RCPT TO:<e@f>", "NOOP")
            assert await client.codes(2) == ["250", "250"]
            handler.go_on.set()
            assert await client.codes(3) == ["250", "250", "250"]
            assert handler.calls.count("mail") == 1


async def test_a_handler_that_breaks_in_the_middle_of_a_batch() -> None:
    loop = asyncio.get_running_loop()
    faults: list[Any] = []
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    async with listening(OneByOne()) as listener:
        async with raw_client(listener.port) as client:
            client.say("MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<broken@d>", "RCPT TO:<e@f>", "NOOP")
            assert await client.codes(5) == ["250", "250", "451", "451", "250"]
    assert [str(fault) for fault in faults] == ["this handler is broken"]


async def test_a_failed_handshake_is_counted_once(tls: ServerTls) -> None:
    """Two connections of one peer, one of which breaks its handshake: the other still counts."""
    handler = Recorder()
    limits = ListenerLimits(max_connections_per_peer=2)
    async with served(handler, tls=tls, limits=limits) as listener:
        async with raw_client(listener.port) as kept, raw_client(listener.port) as broken:
            broken.say("STARTTLS")
            assert await broken.codes(1) == ["220"]
            broken.writer.write(b"this is no handshake\r\n" * 20)
            assert await broken.reader.read() is not None
            for _ in range(200):
                if listener.connections == 1:
                    break
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            assert handler.calls.count("disconnect") == 1
            assert sum(listener._per_peer.values()) == 1
            kept.say("NOOP")
            assert await kept.codes(1) == ["250"]


async def test_who_comes_too_often_is_sent_away() -> None:
    async with listening(Recorder(), connections_per_minute=1) as listener:
        greetings = []
        for _ in range(5):
            reader, writer = await asyncio.open_connection(HOST, listener.port)
            greetings.append((await reader.readline())[:9])
            writer.close()
    assert greetings[0].startswith(b"220")
    assert greetings.count(b"421 you c") >= 3  # a minute may end in between


async def test_what_another_accepted_is_served_like_the_rest() -> None:
    """A listener without sockets: the peer is who connected, and `close` sends 421 to it."""
    handler = Recorder()
    listener = new_listener(handler, ServerConfig("mx.example"))
    assert listener.sockets == ()
    with socket.create_server((HOST, 0)) as listening:
        client = socket.create_connection(listening.getsockname(), timeout=30)
        connection, name = listening.accept()
    listener.take(connection)

    def talk() -> None:
        smtp = smtplib.SMTP()
        smtp.sock, smtp.file = client, None  # type: ignore[attr-defined]
        assert smtp.getreply()[0] == 220
        assert smtp.sendmail("a@b.example", ["c@d.example"], "Subject: x\r\n\r\nx\r\n") == {}

    await asyncio.to_thread(talk)
    assert len(handler.messages) == 1
    assert handler.sessions[0].peer == Peer(*name)
    await listener.close(1)
    assert (await asyncio.to_thread(client.recv, 100)).startswith(b"421")
    client.close()


async def test_who_was_gone_before_is_no_trouble() -> None:
    handler = Recorder()
    listener = new_listener(handler, ServerConfig("mx.example"))
    one, other = socket.socketpair()
    other.close()
    listener.take(one)
    async with asyncio.timeout(30):
        while one.fileno() >= 0:
            await asyncio.sleep(0.001)
    assert handler.sessions == []
    await listener.close()
