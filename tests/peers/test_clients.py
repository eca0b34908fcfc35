"""Mail programs as clients of the gateway: a message sent and stored by each, under TLS, by users and without."""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

import aiosmtplib
import pytest

from conneg.gateway.config import Config
from conneg.gateway.events import Accepted
from conneg.net import CertificateFiles
from tests.gateway.servers import Events, config, messages_in, running, until
from tests.gateway.test_submission import users
from tests.net.certificates import make_certificate
from tests.system import require

from .letters import EIGHT_BITS, PLAIN, unix

pytestmark = pytest.mark.system

JUNE = "june@office.example"
USER, PASSWORD = "may", "swordfish"
OPEN, SUBMISSION, IMPLICIT = range(3)
"""The gateway's listeners: for this machine; for users by STARTTLS; for users under TLS from the start."""


@pytest.fixture
def certificate(tmp_path: Path) -> CertificateFiles:
    return make_certificate(tmp_path, "gateway", "gw.test", "127.0.0.1")


@pytest.fixture
def settings(tmp_path: Path, certificate: CertificateFiles) -> Config:
    submission = '[[listener]]\nlisten = "127.0.0.1:0"\nrole = "submission"\n'
    return config(
        tmp_path / "gw",
        f'{users(tmp_path)}[[certificate]]\nfile = "{certificate.certificate}"\nkey = "{certificate.key}"\n'
        f'{submission}{submission}tls = "implicit"\n'
        '[[destination]]\ndomains = ["office.example"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n',
    )


async def stored(tmp_path: Path, events: Events) -> bytes:
    """The one message that came, once it is filed."""
    await until(lambda: bool(messages_in(tmp_path / "gw" / "mail" / "june")))
    (message,) = messages_in(tmp_path / "gw" / "mail" / "june")
    assert len(events.of(Accepted)) == 1
    return message


def trace(message: bytes) -> str:
    """The Received field on top, on one line."""
    return " ".join(message.partition(b"Received: ")[2].partition(b"\r\nFrom: ")[0].decode().split())


async def run(command: Sequence[object], content: bytes) -> str:
    """Run a program that reads `content`; what it printed, if it ended well."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(20):
            said, _ = await process.communicate(content)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode(errors="replace")
    return said.decode(errors="replace")


def msmtp(port: int, *options: object) -> list[object]:
    """msmtp's command line; with a host on it no configuration file is read."""
    common = [
        "--host=127.0.0.1",
        f"--port={port}",
        "--domain=client.example",
        "--from=may@gw.test",
        "--timeout=10",
    ]
    return [require("msmtp", "msmtp"), *common, "--debug", *options, "--", JUNE]


async def test_msmtp_without_tls(tmp_path: Path, settings: Config) -> None:
    async with running(settings) as (gateway, events):
        said = await run(msmtp(gateway.endpoints[OPEN].port), unix(PLAIN))
        message = await stored(tmp_path, events)
    assert message.endswith(PLAIN)
    assert "with ESMTP;" in trace(message)
    assert "<-- 250 2.0.0 message accepted as " in said


@pytest.mark.parametrize(
    ("listener", "method", "dialogue"),
    [
        (SUBMISSION, "plain", "--> AUTH PLAIN "),
        (SUBMISSION, "login", "--> AUTH LOGIN"),
        (SUBMISSION, "scram-sha-256", "--> AUTH SCRAM-SHA-256"),
        (SUBMISSION, "on", "--> AUTH "),
        (IMPLICIT, "plain", "--> AUTH PLAIN "),
        (IMPLICIT, "scram-sha-256", "--> AUTH SCRAM-SHA-256"),
    ],
)
async def test_msmtp_as_a_user(
    tmp_path: Path, settings: Config, certificate: CertificateFiles, listener: int, method: str, dialogue: str
) -> None:
    """GNU SASL's PLAIN, LOGIN and SCRAM (RFC 4616, 5802), GnuTLS, and RFC 3461's parameters."""
    async with running(settings) as (gateway, events):
        said = await run(
            msmtp(
                gateway.endpoints[listener].port,
                "--tls=on",
                f"--tls-starttls={'on' if listener == SUBMISSION else 'off'}",
                f"--tls-trust-file={certificate.certificate}",
                f"--auth={method}",
                f"--user={USER}",
                f"--passwordeval=echo {PASSWORD}",
                "--dsn-notify=failure,delay",
                "--dsn-return=headers",
            ),
            unix(EIGHT_BITS),
        )
        message = await stored(tmp_path, events)
    assert message.endswith(EIGHT_BITS)
    assert "with ESMTPSA;" in trace(message)
    assert dialogue in said
    assert "<-- 235 2.7.0 authenticated" in said
    assert "NOTIFY=FAILURE,DELAY" in said.upper()


async def test_msmtp_with_a_wrong_password(
    tmp_path: Path, settings: Config, certificate: CertificateFiles
) -> None:
    async with running(settings) as (gateway, events):
        options = ["--tls=on", f"--tls-trust-file={certificate.certificate}", f"--user={USER}"]
        for method in ("plain", "login", "scram-sha-256"):
            command = msmtp(
                gateway.endpoints[SUBMISSION].port, *options, f"--auth={method}", "--passwordeval=echo wrong"
            )
            with pytest.raises(AssertionError, match=r"535 5\.7\.8"):
                await run(command, unix(PLAIN))
        assert events.of(Accepted) == []


async def test_msmtp_finds_another_name_in_the_certificate(
    tmp_path: Path, settings: Config, certificate: CertificateFiles
) -> None:
    """The check on the check: it does look at the certificate."""
    async with running(settings) as (gateway, events):
        trust = ["--tls=on", f"--tls-trust-file={certificate.certificate}", "--tls-host-override=other.test"]
        with pytest.raises(AssertionError, match="does not match"):
            await run(msmtp(gateway.endpoints[OPEN].port, *trust), unix(PLAIN))
        assert events.of(Accepted) == []


@pytest.mark.parametrize("listener", [OPEN, SUBMISSION, IMPLICIT])
@pytest.mark.parametrize("content", [PLAIN, EIGHT_BITS], ids=["plain", "8bit"])
async def test_aiosmtplib(
    tmp_path: Path, settings: Config, certificate: CertificateFiles, listener: int, content: bytes
) -> None:
    async with running(settings) as (gateway, events):
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1",
            port=gateway.endpoints[listener].port,
            local_hostname="client.example",
            use_tls=listener == IMPLICIT,
            start_tls=listener == SUBMISSION,
            tls_context=ssl.create_default_context(cafile=certificate.certificate),
            timeout=20,
        )
        async with client:
            if listener != OPEN:
                await client.login(USER, PASSWORD)
            await client.ehlo()
            assert client.supports_extension("CONNEG")
            refused, reply = await client.sendmail(
                "may@gw.test", [JUNE], content, mail_options=["BODY=8BITMIME"]
            )
        message = await stored(tmp_path, events)
    assert refused == {}
    assert "message accepted as" in reply
    assert message.endswith(content)
    assert ("with ESMTPSA;" if listener != OPEN else "with ESMTP;") in trace(message)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("listener", [OPEN, IMPLICIT])
async def test_openssl_s_client(
    tmp_path: Path, settings: Config, certificate: CertificateFiles, listener: int, version: str
) -> None:
    """A whole message under OpenSSL's TLS; the openssl program turns LF into CRLF, and that is all it knows of SMTP."""
    async with running(settings) as (gateway, events):
        process = await asyncio.create_subprocess_exec(
            require("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{gateway.endpoints[listener].port}",
            "-CAfile", str(certificate.certificate), "-verify_return_error", "-verify_hostname", "gw.test",
            "-crlf", "-quiet", version, *(("-starttls", "smtp") if listener == OPEN else ()),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(20):
                if listener == IMPLICIT:  # after STARTTLS nothing of what was said before is shown
                    await process.stdout.readline()
                for command, code in dialogue(PLAIN, user=listener == IMPLICIT):
                    process.stdin.write(unix(command))
                    while (line := await process.stdout.readline())[3:4] == b"-":
                        pass
                    assert line.startswith(code), (command, line)
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        message = await stored(tmp_path, events)
    assert message.endswith(PLAIN)
    assert ("with ESMTPSA;" if listener == IMPLICIT else "with ESMTPS;") in trace(message)


def dialogue(content: bytes, *, user: bool) -> list[tuple[bytes, bytes]]:
    """What to say, and the code that it must be answered by."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return [
        (b"EHLO client.example\r\n", b"250"),
        *([(b"AUTH PLAIN AG1heQBzd29yZGZpc2g=\r\n", b"235")] if user else []),
        (b"MAIL FROM:<may@gw.test>\r\n", b"250"),
        (f"RCPT TO:<{JUNE}>\r\n".encode(), b"250"),
        (b"DATA\r\n", b"354"),
        (stuffed + b".\r\n", b"250"),
        (b"QUIT\r\n", b"221"),
    ]
