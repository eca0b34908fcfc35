"""Reports to the sender: delays, told once (RFC 3461), and what the recipient's device can take (RFC 2530)."""

import asyncio
import email
import email.policy
import smtplib
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

import pytest

from conneg.demo.message import sample
from conneg.features import feature_set
from conneg.gateway.events import Settled
from conneg.gateway.service import Gateway
from tests.peers.ports import free_port

from .servers import (
    PROFILE_S,
    Events,
    config,
    directory_file,
    messages_in,
    running,
    submit,
    text_message,
    until,
)

SOUND = '(type="audio/basic")'


def gateway_to(tmp_path: Path, port: int, reports: str = "", more: str = "") -> Any:
    """A gateway whose next hop is at `port` and whose sender's mail goes into a Maildir."""
    return config(
        tmp_path / "gw",
        f"""
        [retry]
        first_seconds = 0.2
        factor = 1
        [reports]
        {reports}
        {more}
        [[destination]]
        domains = ["devices.test"]
        deliver = "smtp"
        host = "127.0.0.1:{port}"
        [[destination]]
        domains = ["sender.test"]
        deliver = "maildir"
        path = "mail/{{local_part}}"
        convert = false
        """,
    )


def reports_in(tmp_path: Path) -> list[Message]:
    """The reports that the sender has."""
    return [
        email.message_from_bytes(m, policy=email.policy.default)
        for m in messages_in(tmp_path / "gw/mail/may")
    ]


def fields_of(report: Message) -> Message:
    """The fields about the first recipient (RFC 3464, 2.3)."""
    (status,) = [part for part in report.walk() if part.get_content_type() == "message/delivery-status"]
    _, fields = status.get_payload()
    assert isinstance(fields, Message)
    return fields


def plain_text(report: Message) -> str:
    """What the sender reads, on one line."""
    text = next(part for part in report.walk() if part.get_content_type() == "text/plain")
    return " ".join(str(text.get_payload()).split())


async def several_attempts(gateway: Gateway, events: Events, count: int) -> None:
    await until(lambda: sum(event.state == "deferred" for event in events.of(Settled)) >= count, seconds=30)


def with_notify(gateway: Gateway, notify: str) -> None:
    endpoint = gateway.endpoints[0]
    with smtplib.SMTP(endpoint.host, endpoint.port) as client:
        client.sendmail(
            "may@sender.test",
            ["june@devices.test"],
            text_message().as_string(),
            rcpt_options=[f"NOTIFY={notify}"],
        )


async def test_a_delay_is_told_once(tmp_path: Path) -> None:
    """Nobody listens at the next hop's port."""
    settings = gateway_to(tmp_path, free_port(), "delay_after_seconds = 0.3")
    async with running(settings) as (gateway, events):
        await submit(gateway, text_message(), ["june@devices.test"], sender="may@sender.test")
        await several_attempts(gateway, events, 8)
        await until(lambda: bool(reports_in(tmp_path)))
        await several_attempts(gateway, events, 12)
    (report,) = reports_in(tmp_path)
    fields = fields_of(report)
    assert fields["Action"] == "delayed"
    assert fields["Status"].startswith("4.4.")
    assert fields["Final-Recipient"] == "rfc822; june@devices.test"
    assert fields["Will-Retry-Until"] is not None
    assert "Nothing needs to be done now" in plain_text(report)


@pytest.mark.parametrize(
    ("notify", "is_told"), [("DELAY", True), ("SUCCESS,FAILURE", False), ("NEVER", False)]
)
async def test_who_asked_not_to_hear_of_delays_does_not(tmp_path: Path, notify: str, is_told: bool) -> None:
    settings = gateway_to(tmp_path, free_port(), "delay_after_seconds = 0.1")
    async with running(settings) as (gateway, events):
        await asyncio.to_thread(with_notify, gateway, notify)
        await several_attempts(gateway, events, 6)
        if is_told:
            await until(lambda: bool(reports_in(tmp_path)))
    assert bool(reports_in(tmp_path)) == is_told


async def test_no_delay_is_told_where_it_is_turned_off(tmp_path: Path) -> None:
    settings = gateway_to(tmp_path, free_port(), "delay_after_seconds = 0")
    async with running(settings) as (gateway, events):
        await submit(gateway, text_message(), ["june@devices.test"], sender="may@sender.test")
        await several_attempts(gateway, events, 6)
    assert reports_in(tmp_path) == []


@pytest.mark.parametrize(
    ("reports", "more", "tells"),
    [
        ("", "", True),
        ("media_features = false", "", False),
        ("", '[[disclosure]]\nrecipients = ["elsewhere.test"]', False),
        ("media_features = true", '[[disclosure]]\nrecipients = ["elsewhere.test"]', True),
    ],
    ids=["by itself", "turned off", "rules", "rules, and all the same"],
)
async def test_the_report_says_what_the_device_can_take(
    tmp_path: Path, reports: str, more: str, tells: bool
) -> None:
    """A device that takes only sound cannot have a letter: 5.6.1, and the sender may see what would do."""
    folder = tmp_path / "mx"
    folder.mkdir()
    directory_file(folder / "directory.toml", {"june@devices.test": SOUND})
    last = config(
        folder,
        '[directory]\nfile = "directory.toml"\n'
        '[[destination]]\ndomains = ["devices.test"]\ndeliver = "maildir"\npath = "mail"\nconvert = false\n',
    )
    message: EmailMessage = text_message()
    async with running(last) as (mx, _):
        async with running(gateway_to(tmp_path, mx.endpoints[0].port, reports, more)) as (gateway, _):
            await submit(gateway, message, ["june@devices.test"], sender="may@sender.test")
            await until(lambda: bool(reports_in(tmp_path)))
    (report,) = reports_in(tmp_path)
    fields = fields_of(report)
    assert (fields["Action"], fields["Status"]) == ("failed", "5.6.1")
    assert ". The recipient's device cannot take this kind of document. Send it" in plain_text(report)
    if tells:
        assert feature_set(fields["Media-Accept-Features"]).equivalent(feature_set(SOUND))
    else:
        assert fields["Media-Accept-Features"] is None


async def test_a_report_of_success_says_what_was_lost(tmp_path: Path) -> None:
    """2.6.4 (RFC 3463, 3.7): delivered into a folder here, in black and white instead of colour."""
    folder = tmp_path / "gw"
    folder.mkdir()
    directory_file(folder / "directory.toml", {"june@devices.test": PROFILE_S})
    settings = config(
        folder,
        """
        [directory]
        file = "directory.toml"
        [[destination]]
        domains = ["devices.test"]
        deliver = "maildir"
        path = "mail/{local_part}"
        [[destination]]
        domains = ["sender.test"]
        deliver = "maildir"
        path = "mail/{local_part}"
        convert = false
        """,
    )
    message = text_message()
    message.add_attachment(sample("photo.jpg"), maintype="image", subtype="jpeg", filename="photo.jpg")
    async with running(settings) as (gateway, _):
        endpoint = gateway.endpoints[0]

        def send() -> None:
            with smtplib.SMTP(endpoint.host, endpoint.port) as client:
                client.send_message(
                    message, "may@sender.test", ["june@devices.test"], rcpt_options=["NOTIFY=SUCCESS"]
                )

        await asyncio.to_thread(send)
        await until(lambda: bool(reports_in(tmp_path)), seconds=30)
    (report,) = reports_in(tmp_path)
    fields = fields_of(report)
    assert (fields["Action"], fields["Status"]) == ("delivered", "2.6.4")
    assert "converted for the recipient's device, and has lost: colour" in plain_text(report)
