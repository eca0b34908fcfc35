"""STARTTLS and implicit TLS: RFC 3207, RFC 8314; certificates by name, reloaded; nothing crosses the border."""

import asyncio
import smtplib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop

from conneg.net import CertificateFiles, Listener, ServerTls, TlsError, start_listener
from conneg.smtp import ServerConfig
from tests.system import require

from .certificates import make_certificate
from .servers import HOST, Recorder

pytestmark = pytest.mark.system
CONFIG = ServerConfig("mail.example", banner="ESMTP")
CONTENT = "Subject: survey\r\n\r\nthe Meridian is sound\r\n"
Result = TypeVar("Result")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return make_certificate(tmp_path_factory.mktemp("tls"), "mail", "mail.example", "localhost")


@asynccontextmanager
async def listening(
    tls: ServerTls | None, handler: Recorder | None = None, *, is_implicit: bool = False
) -> AsyncIterator[Listener]:
    listener = await start_listener(handler or Recorder(), HOST, 0, CONFIG, tls=tls, is_implicit=is_implicit)
    try:
        yield listener
    finally:
        await listener.close()


def trusting(files: CertificateFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.certificate)
    context.check_hostname = False
    return context


async def in_thread(work: Callable[[], Result]) -> Result:
    return await asyncio.to_thread(work)


def dialogue(port: int, *commands: bytes) -> list[bytes]:
    """Send octets one after the other without TLS, and return what was answered to each."""
    with socket.create_connection((HOST, port), timeout=10) as connection:
        answers = [connection.recv(4096)]
        for command in commands:
            connection.sendall(command)
            answers.append(connection.recv(4096))
        return answers


async def send_by_starttls(files: CertificateFiles) -> Recorder:
    handler = Recorder()
    async with listening(ServerTls([files]), handler) as listener:

        def send() -> tuple[bool, bool]:
            with smtplib.SMTP(HOST, listener.port, timeout=10) as client:
                client.ehlo("client.example")
                before = client.has_extn("starttls")
                client.starttls(context=trusting(files))
                client.ehlo("client.example")
                after = client.has_extn("starttls")
                client.sendmail("amy@example.com", ["june@ifax1.jp"], CONTENT)
                return before, after

        assert await in_thread(send) == (True, False)
    return handler


async def test_a_message_by_starttls(files: CertificateFiles) -> None:
    """RFC 3207 4.2: the extensions are listed anew, and STARTTLS is not among them."""
    handler = await send_by_starttls(files)
    assert handler.messages == [CONTENT.encode()]
    channel = handler.sessions[0].tls
    assert channel is not None
    assert channel.protocol == "TLSv1.3"
    assert channel.cipher.startswith("TLS_")


def test_a_message_by_starttls_on_uvloop(files: CertificateFiles) -> None:
    assert uvloop.run(send_by_starttls(files)).messages == [CONTENT.encode()]


async def test_a_message_by_implicit_tls(files: CertificateFiles) -> None:
    """RFC 8314 3.3."""
    handler = Recorder()
    async with listening(ServerTls([files]), handler, is_implicit=True) as listener:

        def send() -> bool:
            with smtplib.SMTP_SSL(HOST, listener.port, timeout=10, context=trusting(files)) as client:
                client.ehlo("client.example")
                client.sendmail("amy@example.com", ["june@ifax1.jp"], CONTENT)
                return client.has_extn("starttls")

        assert await in_thread(send) is False
    assert handler.messages == [CONTENT.encode()]
    assert handler.sessions[0].tls is not None


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        ((b"STARTTLS\r\n",), b"503 5.5.1"),
        ((b"EHLO a\r\n", b"STARTTLS now\r\n"), b"501 5.5.4"),
        ((b"EHLO a\r\n", b"MAIL FROM:<a@b.example>\r\n", b"STARTTLS\r\n"), b"503 5.5.1"),
        ((b"EHLO a\r\n", b"starttls\r\n"), b"220 2.0.0"),
    ],
)
async def test_when_it_may_come(files: CertificateFiles, commands: tuple[bytes, ...], code: bytes) -> None:
    async with listening(ServerTls([files])) as listener:
        answers = await in_thread(lambda: dialogue(listener.port, *commands))
    assert answers[-1].startswith(code[:3])
    if len(commands) > 1:
        assert answers[-1].startswith(code)


async def test_without_a_certificate_it_is_not_offered() -> None:
    async with listening(None) as listener:
        answers = await in_thread(lambda: dialogue(listener.port, b"EHLO a\r\n", b"STARTTLS\r\n"))
    assert b"STARTTLS" not in answers[1]
    assert answers[2].startswith(b"502 5.5.1")


@pytest.mark.parametrize("behind", [b"MAIL FROM:<a@b.example>\r\n", b"x", b"\x16\x03\x01"])
async def test_what_is_pipelined_behind_starttls_is_never_obeyed(
    files: CertificateFiles, behind: bytes
) -> None:
    """What was sent before TLS must not count as sent under it: whoever is in between could have put it in."""
    handler = Recorder()
    async with listening(ServerTls([files]), handler) as listener:
        answers = await in_thread(lambda: dialogue(listener.port, b"EHLO a\r\n", b"STARTTLS\r\n" + behind))
    assert answers[-1] == b"421 4.7.0 nothing may be sent behind STARTTLS before TLS is there\r\n"
    assert "mail" not in handler.calls


async def test_all_that_was_said_before_is_forgotten(files: CertificateFiles) -> None:
    """RFC 3207 4.2: the server MUST discard any knowledge obtained from the client, such as EHLO's argument."""
    async with listening(ServerTls([files])) as listener:

        def mail_at_once() -> tuple[int, bytes]:
            with smtplib.SMTP(HOST, listener.port, timeout=10) as client:
                client.ehlo("client.example")
                client.starttls(context=trusting(files))
                return client.docmd("MAIL", "FROM:<a@b.example>")

        code, text = await in_thread(mail_at_once)
    assert (code, text) == (503, b"EHLO first")


async def test_a_second_starttls(files: CertificateFiles) -> None:
    async with listening(ServerTls([files])) as listener:

        def twice() -> tuple[int, bytes]:
            with smtplib.SMTP(HOST, listener.port, timeout=10) as client:
                client.starttls(context=trusting(files))
                client.ehlo("client.example")
                return client.docmd("STARTTLS")

        assert (await in_thread(twice))[0] == 503


@pytest.mark.parametrize("junk", [b"EHLO again\r\n" * 20, b"\0" * 600, b""])
async def test_what_is_no_handshake_ends_the_connection(files: CertificateFiles, junk: bytes) -> None:
    handler = Recorder()
    async with listening(ServerTls([files]), handler) as listener:

        def disturb() -> bytes:
            with socket.create_connection((HOST, listener.port), timeout=10) as connection:
                connection.recv(4096)
                connection.sendall(b"EHLO a\r\n")
                connection.recv(4096)
                connection.sendall(b"STARTTLS\r\n")
                connection.recv(4096)
                if not junk:
                    return b""
                connection.sendall(junk)
                try:
                    return connection.recv(4096)
                except ConnectionError:
                    return b""

        answer = await in_thread(disturb)
        assert b"250" not in answer
        async with asyncio.timeout(10):
            while listener.connections:
                await asyncio.sleep(0.01)
    assert "mail" not in handler.calls


def presented(port: int, name: str | None) -> str:
    """Return the certificate, in PEM, that a server presents to a client that asks for `name`."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((HOST, port), timeout=10) as connection:
        with context.wrap_socket(connection, server_hostname=name) as secure:
            certificate = secure.getpeercert(binary_form=True)
            assert certificate is not None
            return ssl.DER_cert_to_PEM_cert(certificate).strip()


def pem(files: CertificateFiles) -> str:
    return files.certificate.read_text(encoding="ascii").strip()


async def test_each_name_gets_its_certificate(files: CertificateFiles, tmp_path: Path) -> None:
    """RFC 6066 3; a name that nobody has gets the first certificate."""
    fax = make_certificate(tmp_path, "fax", "fax.example", "*.fax.example")
    async with listening(ServerTls([files, fax]), is_implicit=True) as listener:
        for name, wanted in (
            ("mail.example", files),
            ("fax.example", fax),
            ("FAX.example", fax),
            ("june.fax.example", fax),
            ("a.june.fax.example", files),
            ("other.example", files),
            (None, files),
        ):
            assert await in_thread(lambda name=name: presented(listener.port, name)) == pem(wanted), name  # type: ignore[misc]


async def test_a_certificate_that_changes_is_reloaded(tmp_path: Path) -> None:
    """Without a restart; a file that cannot be read leaves the old one in force, and is told once."""
    told: list[TlsError] = []
    files = make_certificate(tmp_path, "mail", "mail.example")
    async with listening(ServerTls([files], report=told.append), is_implicit=True) as listener:
        first = await in_thread(lambda: presented(listener.port, None))
        make_certificate(tmp_path, "mail", "mail.example")
        await asyncio.sleep(1.1)
        second = await in_thread(lambda: presented(listener.port, None))
        assert second == pem(files) != first
        files.certificate.write_text("nonsense", encoding="ascii")
        await asyncio.sleep(1.1)
        for _ in range(2):
            assert await in_thread(lambda: presented(listener.port, None)) == second
    assert [str(error).partition(":")[0] for error in told] == [
        f"the certificate {files.certificate} with {files.key} cannot be used"
    ]


def test_certificates_that_cannot_be_used(files: CertificateFiles, tmp_path: Path) -> None:
    for wrong in (
        CertificateFiles(tmp_path / "absent.pem"),
        CertificateFiles(files.certificate),
        CertificateFiles(files.certificate, make_certificate(tmp_path, "other", "x.example").key),
    ):
        with pytest.raises(TlsError, match="cannot be used") as caught:
            ServerTls([wrong])
        assert "\n" not in str(caught.value)
    with pytest.raises(TlsError, match="needs a certificate"):
        ServerTls([])


@pytest.mark.parametrize(
    ("options", "works"),
    [(["-tls1_3"], True), (["-tls1_2"], True), (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], False),
     (["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], False)],
)  # fmt: skip
async def test_openssl_s_client(files: CertificateFiles, options: list[str], works: bool) -> None:
    """RFC 9325: TLS 1.2 and 1.3 only, with forward secrecy and authenticated encryption."""
    require("openssl", "openssl")
    async with listening(ServerTls([files])) as listener:

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                ["openssl", "s_client", "-connect", f"{HOST}:{listener.port}", "-starttls", "smtp",
                 "-CAfile", str(files.certificate), "-verify_return_error", "-crlf", "-quiet", *options],
                input="EHLO client.example\nQUIT\n", text=True, capture_output=True, timeout=30, check=False,
            )  # fmt: skip

        done = await in_thread(run)
    assert ("221 2.0.0" in done.stdout) is works, done.stdout + done.stderr


async def test_swaks(files: CertificateFiles) -> None:
    require("swaks", "swaks")
    handler = Recorder()
    async with listening(ServerTls([files]), handler) as listener:

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                ["swaks", "--server", f"{HOST}:{listener.port}", "--tls", "--to", "june@ifax1.jp",
                 "--from", "amy@example.com", "--helo", "client.example", "--hide-all"],
                text=True, capture_output=True, timeout=30, check=False,
            )  # fmt: skip

        done = await in_thread(run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert handler.sessions[0].tls is not None
    assert len(handler.messages) == 1


def ehlo_with_the_last_of_the_handshake(port: int, files: CertificateFiles) -> bytes:
    """Send the end of the handshake and an EHLO in one segment, and return what is answered."""
    received, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = trusting(files).wrap_bio(received, to_send, server_hostname="mail.example")
    with socket.create_connection((HOST, port), timeout=10) as connection:
        connection.recv(4096)
        connection.sendall(b"EHLO a\r\n")
        connection.recv(4096)
        connection.sendall(b"STARTTLS\r\n")
        assert connection.recv(4096).startswith(b"220")
        while True:
            try:
                secure.do_handshake()
            except ssl.SSLWantReadError:
                connection.sendall(to_send.read())
                received.write(connection.recv(65536))
            else:
                break
        secure.write(b"EHLO again\r\nNOOP\r\n")
        connection.sendall(to_send.read())
        answer = b""
        while b"\r\n250 2.0.0" not in answer:
            received.write(connection.recv(65536))
            try:
                answer += secure.read()
            except ssl.SSLWantReadError:
                continue
        return answer


async def test_what_comes_with_the_last_of_the_handshake_is_kept(files: CertificateFiles) -> None:
    """A client of TLS 1.3 may send at once, in the segment in which its handshake ends (RFC 8446, 2)."""
    async with listening(ServerTls([files])) as listener:
        answer = await in_thread(lambda: ehlo_with_the_last_of_the_handshake(listener.port, files))
    assert answer.startswith(b"250-mail.example\r\n")


def test_what_comes_with_the_last_of_the_handshake_is_kept_on_uvloop(files: CertificateFiles) -> None:
    async def run() -> bytes:
        async with listening(ServerTls([files])) as listener:
            return await in_thread(lambda: ehlo_with_the_last_of_the_handshake(listener.port, files))

    assert uvloop.run(run()).startswith(b"250-mail.example\r\n")
