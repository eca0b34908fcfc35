"""`conneg staging` and `conneg serve` as processes: mail goes in, a citation comes out, its link leads on."""

import email
import email.policy
import json
import os
import random
import signal
import smtplib
import socket
import time
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.cli.test_commands import conneg, is_one_line
from tests.cli.test_serve import serve, stop
from tests.gateway.servers import messages_in
from tests.web.servers import curl, serving

SETTINGS = """
[server]
listen = ["127.0.0.1:0"]
[retry]
first_seconds = 0.3
longest_seconds = 1
[staging]
base_url = "{url}"
folder = "{folder}"
[[destination]]
domains = ["devices.test"]
deliver = "maildir"
path = "mail/{{local_part}}"
stage_above_octets = 100000
"""


def letter(number: int, octets: bytes) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"] = "may@sender.test", str(number)
    message.set_content("Hello.\n")
    message.add_attachment(octets, maintype="application", subtype="step", filename=f"plan-{number}.step")
    return message


def fetched(content: bytes) -> tuple[str, bytes]:
    """The subject of a message, and what its citation leads to."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    body, citation, _ = message.iter_parts()
    (link,) = [line for line in citation.get_content().splitlines() if line.startswith("http")]
    assert link in body.get_content()
    return message["Subject"], curl(f"{link}/original").body


def submit(port: int, message: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.send_message(message, "may@sender.test", ["june@devices.test"])


def arrived(folder: Path, count: int) -> list[bytes]:
    deadline = time.monotonic() + 40
    while len(messages_in(folder / "mail/june")) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return messages_in(folder / "mail/june")


@pytest.mark.shows("C-11")
def test_no_message_and_no_content_is_lost_when_the_gateway_is_killed(tmp_path: Path) -> None:
    moments = random.Random(3461)
    sent: dict[str, bytes] = {}
    with serving(tmp_path / "web", "forms = false\n") as server:
        settings = SETTINGS.format(url=server.url, folder=tmp_path / "web/staging")
        (tmp_path / "conneg.toml").write_text(settings)
        process, port = serve(tmp_path)
        for number in range(8):
            octets = os.urandom(400_000)
            with suppress(OSError, smtplib.SMTPException):
                submit(port, letter(number, octets))
                sent[str(number)] = octets  # 250: it is on disk
            time.sleep(moments.uniform(0.0, 0.06))
            if number % 2:
                process.kill()
                process.communicate()
                process, port = serve(tmp_path)
        assert len(sent) == 8
        contents = arrived(tmp_path, len(sent))
        deadline = time.monotonic() + 40
        while {fetched(content)[0] for content in contents} < set(sent):
            assert time.monotonic() < deadline
            time.sleep(0.1)
            contents = messages_in(tmp_path / "mail/june")
        stop(process)
        for content in contents:
            subject, octets = fetched(content)
            assert octets == sent[subject], "every citation leads to what was sent, also in a copy"


def test_the_operator_lists_removes_and_sweeps(tmp_path: Path) -> None:
    with serving(tmp_path, "forms = false\n") as server:
        kept = server.stage(b"abc", part_id="1", message_id="4f1c")
        expired = server.stage(b"def", part_id="2", expires_at=time.time() + 1)
        config = ("--config", str(tmp_path / "conneg.toml"))
        listed = conneg("staging", "list", *config)
        assert listed.stdout.splitlines()[0].startswith(expired.id)
        assert "message 4f1c for june@devices.test" in listed.stdout
        assert "no citation of it was sent" in listed.stdout
        found = json.loads(conneg("staging", "list", "--json", *config).stdout)
        assert {one["id"] for one in found} == {kept.id, expired.id}
        time.sleep(1.1)
        swept = conneg("staging", "sweep", *config)
        assert swept.stdout.splitlines()[-1] == "1 removed"
        link = server.link(kept)
        assert curl(link).status == 200
        removed = conneg("staging", "remove", kept.id[:6], *config)
        assert removed.returncode == 0
        assert curl(link).status == 410
        assert conneg("staging", "list", *config).stdout == "nothing is staged\n"
        gone = conneg("staging", "remove", kept.id, *config)
        assert gone.returncode == 1
        assert "nothing is staged as" in gone.stderr


def test_what_is_wrong_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    for command in ("serve", "sweep"):
        done = conneg("staging", command, "--config", "empty.toml", cwd=tmp_path)
        assert done.returncode == 2
        assert "the configuration has no [staging]" in done.stderr
    with serving(tmp_path / "web", "forms = false\n") as server:
        port = server.url.rpartition(":")[2]
        text = f'[staging]\nbase_url = "http://x.test"\nlisten = "127.0.0.1:{port}"\nforms = false\n'
        (tmp_path / "taken.toml").write_text(text)
        done = conneg("staging", "serve", "--config", "taken.toml", cwd=tmp_path)
        assert done.returncode == 69
        assert is_one_line(done.stderr.splitlines()[0])
        assert "Address already in use" in done.stderr
    (tmp_path / "staging/key").chmod(0o644)
    done = conneg("staging", "serve", "--config", "taken.toml", cwd=tmp_path)
    assert "others may read the key" in done.stderr


def test_an_interrupt_stops_the_server_and_lets_a_download_end(tmp_path: Path) -> None:
    with serving(tmp_path, "forms = false\n") as server:
        octets = bytes(8 << 20)
        staged = server.stage(octets)
        host, _, port = server.url.removeprefix("http://").partition(":")
        path = server.link(staged).removeprefix(server.url)
        with socket.create_connection((host, int(port)), timeout=20) as client:
            client.sendall(f"GET {path}/original HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            received = bytearray(client.recv(1000))
            assert server.process is not None
            server.process.send_signal(signal.SIGINT)
            while chunk := client.recv(1 << 20):
                received += chunk
        assert received.partition(b"\r\n\r\n")[2] == octets
        assert server.told(lambda line: line.get("event") == "stopped")
        assert server.process.wait(30) == 0  # a second signal while it ends would be the end of it
