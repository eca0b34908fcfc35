"""The private Postfix itself: relays, delivers into Maildirs, lets nothing out, leaves nothing."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import require

from . import postfix
from .ports import wait_until
from .present import require_postfix
from .smtpsink import SmtpSink

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("postfix")]

MAILBOXES = ("june@office.example", "may@office.example")
CONTENT = "Subject: survey\r\n\r\nthe Meridian is sound\r\n"


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_postfix()
    require("smtp-sink", "postfix")


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpSink]:
    with SmtpSink() as running:
        yield running


def send(port: int, *forward_paths: str) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        return client.sendmail("amy@example.com", list(forward_paths), CONTENT)


def test_relays_to_the_next_hop(sink: SmtpSink) -> None:
    with postfix.start(postfix.PostfixConfig(relay_to=("127.0.0.1", sink.port))) as server:
        assert send(server.port, "june@ifax1.example") == {}
        sink.wait_for(1, seconds=20)
        server.wait_empty()


def test_delivers_into_a_maildir_and_stops_for_good() -> None:
    server = postfix.start(postfix.PostfixConfig(mailboxes=MAILBOXES))
    with server:
        send(server.port, "june@office.example", "may@office.example")
        (message,) = server.wait_for_messages("june@office.example")
        assert b"the Meridian is sound" in message
        assert b"Delivered-To: june@office.example" in message
        server.wait_for_messages("may@office.example")
        master = int((server.queue_path / "pid" / "master.pid").read_text())
    assert not Path(f"/proc/{master}").exists() or "Z" in Path(f"/proc/{master}/stat").read_text()
    assert not server.folder.exists()


def test_lets_nothing_out() -> None:
    with (
        postfix.start(postfix.PostfixConfig(mailboxes=MAILBOXES)) as server,
        pytest.raises(smtplib.SMTPRecipientsRefused, match="no mail leaves this machine"),
    ):
        send(server.port, "somebody@elsewhere.example")


def test_defers_while_the_next_hop_is_away() -> None:
    with SmtpSink() as gone:
        port = gone.port
    with postfix.start(postfix.PostfixConfig(relay_to=("127.0.0.1", port))) as server:
        send(server.port, "june@ifax1.example")
        wait_until(
            lambda: [message["queue_name"] for message in server.queue()] == ["deferred"],
            seconds=20,
            what="deferral",
        )
