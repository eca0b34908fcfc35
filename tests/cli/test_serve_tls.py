"""`conneg serve` under TLS: STARTTLS, a port that begins with TLS, and CONNEG only where the connection is private."""

import json
import smtplib
import ssl
from pathlib import Path

import pytest

from tests.cli.test_commands import conneg, is_one_line
from tests.cli.test_serve import serve, stop
from tests.gateway.servers import messages_in
from tests.net.certificates import make_certificate
from tests.peers.ports import wait_until

pytestmark = pytest.mark.system
JUNE = "june@local.test"


def configure(folder: Path, *, server: str, conneg_: str = "") -> ssl.SSLContext:
    files = make_certificate(folder, "gateway", "localhost")
    (folder / "conneg.toml").write_text(
        f"""
[server]
{server}
[[certificate]]
file = "gateway.pem"
key = "gateway.key"
[conneg]
{conneg_}
[directory]
file = "directory.toml"
[[destination]]
domains = ["local.test"]
deliver = "maildir"
path = "mail/{{domain}}/{{local_part}}"
""",
        encoding="utf-8",
    )
    (folder / "directory.toml").write_text(
        f'[addresses]\n"{JUNE}" = "(type=\\"text/plain\\")"\n', encoding="utf-8"
    )
    return ssl.create_default_context(cafile=files.certificate)


def test_starttls_and_the_trace_of_it(tmp_path: Path) -> None:
    """RFC 3848: "with ESMTPS" in Received; and CONNEG is told under TLS only."""
    context = configure(tmp_path, server='listen = ["127.0.0.1:0"]', conneg_="needs_tls = true")
    process, port = serve(tmp_path)
    try:
        with smtplib.SMTP("localhost", port, timeout=20) as client:
            client.ehlo("client.test")
            assert client.has_extn("starttls")
            assert not client.has_extn("conneg")
            client.docmd("MAIL", "FROM:<may@sender.test>")
            assert client.docmd("RCPT", f"TO:<{JUNE}> CONNEG=REQUIRED")[0] == 504
            code, text = client.docmd("RCPT", f"TO:<{JUNE}> CONNEG=OPTIONAL")
            assert (code, b"CONNEG" in text) == (250, False)
            client.rset()
            client.starttls(context=context)
            client.ehlo("client.test")
            assert client.has_extn("conneg")
            client.docmd("MAIL", "FROM:<may@sender.test>")
            code, text = client.docmd("RCPT", f"TO:<{JUNE}> CONNEG=REQUIRED")
            assert (code, b'CONNEG (type="text/plain")' in text) == (250, True)
            client.data("Subject: x\r\n\r\nhello\r\n")
        wait_until(lambda: messages_in(tmp_path / "mail/local.test/june"), seconds=20, what="the message")
        (message,) = messages_in(tmp_path / "mail/local.test/june")
        assert b"with ESMTPS" in message
    finally:
        stop(process)


def test_a_port_that_begins_with_tls(tmp_path: Path) -> None:
    context = configure(tmp_path, server='listen = []\nlisten_tls = ["127.0.0.1:0"]')
    process, port = serve(tmp_path)
    try:
        with smtplib.SMTP_SSL("localhost", port, timeout=20, context=context) as client:
            assert client.sendmail("may@sender.test", [JUNE], "Subject: x\r\n\r\nhello\r\n") == {}
        wait_until(lambda: messages_in(tmp_path / "mail/local.test/june"), seconds=20, what="the message")
    finally:
        stop(process)


def test_check_tells_of_the_certificate(tmp_path: Path) -> None:
    configure(tmp_path, server='listen = ["127.0.0.1:0"]')
    done = conneg("check", "--config", "conneg.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"certificate   {tmp_path / 'gateway.pem'} for any name" in done.stdout
    (tmp_path / "gateway.key").write_text("nonsense", encoding="ascii")
    done = conneg("check", "--config", "conneg.toml", cwd=tmp_path)
    assert done.returncode == 65
    assert is_one_line(done.stderr)
    assert "gateway.key cannot be used" in done.stderr
    told = json.loads(conneg("check", "--config", "conneg.toml", "--json", cwd=tmp_path).stdout)
    assert "cannot be used" in told["problems"][0]


def test_probe_says_what_it_was_told_under(tmp_path: Path) -> None:
    """A server that tells capabilities under TLS only: nothing without, and nothing from an unknown one."""
    configure(tmp_path, server='listen = ["127.0.0.1:0"]', conneg_="needs_tls = true")
    process, port = serve(tmp_path)
    via = ("--via", f"localhost:{port}")
    try:
        done = conneg("probe", JUNE, *via)
        assert done.returncode == 0, done.stderr
        assert '(type="text/plain")' in done.stdout
        assert "(under TLSv1.3 TLS_" in done.stderr
        plain = conneg("probe", JUNE, *via, "--tls", "none")
        assert plain.returncode == 1
        assert "(in plain text; configured)" in plain.stderr
        told = json.loads(conneg("probe", JUNE, *via, "--tls", "required", "--json").stdout)
        assert (told["tls"].partition(" ")[0], told["verified"]) == ("TLSv1.3", False)
        unknown = conneg("probe", JUNE, *via, "--tls", "verified")
        assert unknown.returncode == 69
        assert "self-signed certificate" in unknown.stderr
    finally:
        stop(process)
