"""The gateway between programs nobody here wrote: swaks and Postfix deliver through it, and it delivers to Postfix."""

import asyncio
import email
import email.policy
import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conneg.gateway.config import Config
from tests.gateway.servers import PROFILE_S, config, directory_file, running, submit, text_message
from tests.peers import postfix
from tests.peers.present import require_postfix
from tests.system import require

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("postfix")]

MAILBOXES = ("june@office.example", "fax@office.example")
CONTENT = (
    b"From: amy@example.com\r\nTo: june@office.example\r\nSubject: a letter\r\nMessage-ID: <1@example.com>\r\n"
    b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n\r\nA line.\r\n.a dot at its start\r\n\r\ntabs\tand  spaces  \r\n"
)


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_postfix()


@pytest.fixture
def office() -> Iterator[postfix.Postfix]:
    """A Postfix that delivers into Maildirs."""
    with postfix.start(postfix.PostfixConfig(mailboxes=MAILBOXES)) as server:
        yield server


def through(folder: Path, office: postfix.Postfix, directory: dict[str, str]) -> Config:
    """A gateway in front of `office`."""
    folder.mkdir(parents=True, exist_ok=True)
    directory_file(folder / "directory.toml", directory)
    return config(
        folder,
        f'[directory]\nfile = "directory.toml"\n[[destination]]\ndomains = ["office.example"]\n'
        f'deliver = "smtp"\nhost = "{office.host}:{office.port}"\n',
    )


async def test_a_message_that_needs_no_change_reaches_postfix_octet_for_octet(
    tmp_path: Path, office: postfix.Postfix
) -> None:
    async with running(through(tmp_path / "gw", office, {})) as (gateway, _):
        await submit(gateway, CONTENT, ["june@office.example"])
        (arrived,) = await asyncio.to_thread(office.wait_for_messages, "june@office.example")
    assert arrived.endswith(CONTENT.replace(b"\r\n", b"\n")), "a Maildir of Postfix holds LF"


async def test_a_fax_recipient_behind_postfix_gets_profile_s(tmp_path: Path, office: postfix.Postfix) -> None:
    async with running(through(tmp_path / "gw", office, {"fax@office.example": PROFILE_S})) as (gateway, _):
        await submit(gateway, text_message(), ["fax@office.example"])
        (arrived,) = await asyncio.to_thread(office.wait_for_messages, "fax@office.example")
    message = email.message_from_bytes(arrived, policy=email.policy.default)
    assert message.get_content_type() == "image/tiff"
    assert message.get_content()[:4] == b"II*\0"


async def test_postfix_delivers_through_the_gateway(tmp_path: Path, office: postfix.Postfix) -> None:
    async with running(through(tmp_path / "gw", office, {})) as (gateway, _):
        endpoint = gateway.endpoints[0]
        with postfix.start(postfix.PostfixConfig(relay_to=(endpoint.host, endpoint.port))) as origin:
            await _send(origin, "june@office.example")
            (arrived,) = await asyncio.to_thread(office.wait_for_messages, "june@office.example")
            await asyncio.to_thread(origin.wait_empty)
    assert arrived.endswith(CONTENT.replace(b"\r\n", b"\n"))


async def test_swaks_delivers_through_the_gateway(tmp_path: Path, office: postfix.Postfix) -> None:
    swaks = require("swaks", "swaks")
    async with running(through(tmp_path / "gw", office, {})) as (gateway, _):
        endpoint = gateway.endpoints[0]
        command = [
            swaks, "--server", endpoint.host, "--port", str(endpoint.port), "--from", "amy@example.com",
            "--to", "june@office.example", "--header", "Subject: swaks was here", "--body", "a line",
        ]  # fmt: skip
        done = await _run(command)
        assert done.returncode == 0, done.stdout
        (arrived,) = await asyncio.to_thread(office.wait_for_messages, "june@office.example")
    assert b"Subject: swaks was here" in arrived


async def test_a_recipient_that_postfix_refuses_is_reported(tmp_path: Path, office: postfix.Postfix) -> None:
    async with running(through(tmp_path / "gw", office, {})) as (gateway, _):
        await submit(gateway, CONTENT, ["nobody@office.example"], sender="june@office.example")
        (arrived,) = await asyncio.to_thread(office.wait_for_messages, "june@office.example")
    report = email.message_from_bytes(arrived, policy=email.policy.default)
    assert report.get_content_type() == "multipart/report"
    assert "Status: 5.1.1" in report.as_string()


async def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        command,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )


async def _send(server: postfix.Postfix, recipient: str) -> None:
    def send() -> None:
        with smtplib.SMTP(server.host, server.port, timeout=20) as client:
            assert client.sendmail("amy@example.com", [recipient], CONTENT) == {}

    await asyncio.to_thread(send)
