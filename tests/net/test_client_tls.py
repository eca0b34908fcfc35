"""A client's STARTTLS: each policy, with servers that offer it, do not, refuse it, break it, or say too much."""

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from conneg.net import (
    CertificateFiles,
    ClientTls,
    RcptRequest,
    ServerTls,
    SmtpClient,
    TlsaRecord,
    TlsPolicy,
    TlsUnavailableError,
    connect,
)
from conneg.net.dane import public_key_info
from conneg.smtp import RemoteProtocolError

from .certificates import make_certificate
from .servers import HOST, Recorder
from .test_tls import listening

pytestmark = pytest.mark.system
CONTENT = b"Subject: survey\r\n\r\nthe Meridian is sound\r\n"
ANY = ClientTls(TlsPolicy.OPPORTUNISTIC)
SOME = ClientTls(TlsPolicy.REQUIRED)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return make_certificate(tmp_path_factory.mktemp("tls"), "mail", "mail.example")


async def session(port: int, tls: ClientTls) -> SmtpClient:
    return await connect(HOST, port, helo="client.example", tls=tls)


async def send(files: CertificateFiles, tls: ClientTls) -> tuple[SmtpClient, Recorder]:
    handler = Recorder()
    async with listening(ServerTls([files]), handler) as listener:
        client = await session(listener.port, tls)
        opened = await client.open_transaction("amy@example.com", [RcptRequest("june@ifax1.jp")])
        assert opened.rcpts[0].reply.is_positive
        assert (await client.data(CONTENT))[0].is_positive
        await client.quit()
    return client, handler


@pytest.mark.parametrize("policy", [TlsPolicy.OPPORTUNISTIC, TlsPolicy.REQUIRED])
async def test_a_message_under_tls(files: CertificateFiles, policy: TlsPolicy) -> None:
    client, handler = await send(files, ClientTls(policy))
    assert handler.messages == [CONTENT]
    assert handler.sessions[0].tls is not None
    assert not client.is_verified
    assert not client.supports("STARTTLS")
    assert client.supports("CONNEG")


async def test_a_message_to_a_verified_server(files: CertificateFiles) -> None:
    verified = ClientTls(TlsPolicy.VERIFIED, "mail.example", files.certificate)
    client, handler = await send(files, verified)
    assert client.is_verified
    assert handler.sessions[0].tls is not None


def test_a_message_under_tls_on_uvloop(files: CertificateFiles) -> None:
    verified = ClientTls(TlsPolicy.VERIFIED, "mail.example", files.certificate)
    assert uvloop.run(send(files, verified))[1].messages == [CONTENT]


def vouching(files: CertificateFiles, *, wrong: bool = False) -> ClientTls:
    """DANE-EE for the certificate in `files`, under another name than it is for."""
    certificate = ssl.PEM_cert_to_DER_cert(files.certificate.read_text())
    digest = hashlib.sha256(public_key_info(certificate)).digest()
    record = TlsaRecord(3, 1, 1, bytes(32) if wrong else digest)
    return ClientTls(TlsPolicy.DANE, "mx.other.example", tlsa=(record,))


async def test_a_message_to_a_server_that_its_tlsa_record_vouches_for(files: CertificateFiles) -> None:
    client, handler = await send(files, vouching(files))
    assert client.is_verified
    assert handler.messages == [CONTENT]


def test_dane_on_uvloop(files: CertificateFiles) -> None:
    assert uvloop.run(send(files, vouching(files)))[0].is_verified


async def test_a_tlsa_record_that_does_not_agree(files: CertificateFiles) -> None:
    handler = Recorder()
    async with listening(ServerTls([files]), handler) as listener:
        with pytest.raises(
            TlsUnavailableError, match=r"DANE for mx\.other\.example fails: no TLSA record agrees"
        ):
            await session(listener.port, vouching(files, wrong=True))
    assert "mail" not in handler.calls


async def test_a_name_that_no_certificate_can_be_for(files: CertificateFiles) -> None:
    """The DNS has names of any octets, and gives them to who asks for mail exchangers."""
    async with listening(ServerTls([files])) as listener:
        for name in (".leading.example", "two..dots.example", "x" * 64 + ".example"):
            with pytest.raises(TlsUnavailableError, match="TLS cannot ask for"):
                await session(listener.port, ClientTls(TlsPolicy.REQUIRED, name))


async def test_dane_where_starttls_is_not_offered(files: CertificateFiles) -> None:
    async with listening(None) as listener:
        with pytest.raises(TlsUnavailableError, match="does not offer STARTTLS"):
            await session(listener.port, vouching(files))


async def test_without_tls_starttls_is_not_sent(files: CertificateFiles) -> None:
    client, handler = await send(files, ClientTls())
    assert handler.sessions[0].tls is None
    assert client.tls is None


@pytest.mark.parametrize(
    ("name", "has_authority", "reason"),
    [
        ("other.example", True, "is not trusted: Hostname mismatch"),
        ("mail.example", False, "is not trusted: self-signed certificate"),
    ],
)
async def test_a_certificate_that_is_not_good_enough(
    files: CertificateFiles, name: str, has_authority: bool, reason: str
) -> None:
    handler = Recorder()
    tls = ClientTls(TlsPolicy.VERIFIED, name, files.certificate if has_authority else None)
    async with listening(ServerTls([files]), handler) as listener:
        with pytest.raises(TlsUnavailableError, match=reason):
            await session(listener.port, tls)
    assert "mail" not in handler.calls


async def test_where_it_is_not_offered(files: CertificateFiles) -> None:
    async with listening(None) as listener:
        client = await session(listener.port, ANY)
        assert client.tls is None
        await client.quit()
        for tls in (SOME, ClientTls(TlsPolicy.VERIFIED)):
            with pytest.raises(TlsUnavailableError, match="does not offer STARTTLS"):
                await session(listener.port, tls)


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[int]:
    """A server that greets, lists STARTTLS, and does with what follows what `script` says."""
    ended: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(asyncio.current_task())
        writer.write(b"220 odd.example\r\n")
        await reader.readline()
        writer.write(b"250-odd.example\r\n250 STARTTLS\r\n")
        if (await reader.readline()).upper() == b"STARTTLS\r\n":
            await script(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*(task for task in ended if task is not None), return_exceptions=True)


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"454 4.7.0 not now\r\n")
    while (await reader.readline()).upper() == b"RSET\r\n":
        writer.write(b"250 ok\r\n")


async def break_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 go ahead\r\n")
    await reader.read(100)
    writer.write(b"this is no handshake\r\n")
    await writer.drain()


async def say_more(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What stands behind the 220 was put in by somebody who cannot speak under TLS."""
    writer.write(b"220 go ahead\r\n250-odd.example\r\n250 AUTH PLAIN\r\n")
    await writer.drain()
    await reader.read(100)


async def test_a_refusal() -> None:
    async with scripted(refuse) as port:
        client = await session(port, ANY)
        assert client.tls is None
        assert (await client.rset()).is_positive
        client.abort()
        with pytest.raises(TlsUnavailableError, match="refuses STARTTLS: 454"):
            await session(port, SOME)


async def test_a_handshake_that_fails() -> None:
    async with scripted(break_it) as port:
        with pytest.raises(TlsUnavailableError, match=r"the TLS handshake with 127\.0\.0\.1 failed"):
            await session(port, SOME)
        client = await session(port, ANY)
        assert client.tls is None
        assert not client.closed
        client.abort()


@pytest.mark.parametrize("tls", [ANY, SOME])
async def test_what_was_put_in_before_tls_is_never_read(tls: ClientTls) -> None:
    """Response injection: the same border as on the server's side, from the other side."""
    async with scripted(say_more) as port:
        with pytest.raises(RemoteProtocolError, match="between its reply to STARTTLS and TLS"):
            await session(port, tls)


async def test_authorities_that_cannot_be_read(files: CertificateFiles) -> None:
    tls = ClientTls(TlsPolicy.VERIFIED, None, files.certificate.parent / "absent.pem")
    async with listening(ServerTls([files])) as listener:
        with pytest.raises(TlsUnavailableError, match="cannot be read"):
            await session(listener.port, tls)
