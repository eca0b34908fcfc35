"""Delivery status notifications, read by the standard library's parser: RFC 3461, 6; RFC 3464; RFC 6522."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.mail import RecipientReport, outline, read_parts, write_dsn

ORIGINAL = (
    b"Received: by x\r\nFrom: scan@office.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Message-ID: <1@office.example>\r\n\r\nThe body.\r\n"
)
FAILED = RecipientReport(
    forward_path="june@ifax1.example",
    action="failed",
    status="5.6.1",
    diagnostic="554 5.6.1 no such media",
    remote_mta="mx.ifax1.example",
    orcpt="rfc822;FAX+3D+2B390408565@ifax1.example",
    explanation="The device takes black and white only. Send it as a scan.",
    media_accept_features=None,
)


def dsn(*reports: RecipientReport, **changes: Any) -> bytes:
    values: dict[str, Any] = {
        "reporting_mta": "fax.example",
        "to": "scan@office.example",
        "original": ORIGINAL,
        "envid": None,
        "ret": None,
        "arrival_date": datetime(2026, 1, 1, tzinfo=UTC),
        "message_id": "<r1@fax.example>",
        "date": datetime(2026, 1, 2, tzinfo=UTC),
    }
    return write_dsn(reports=reports or (FAILED,), **{**values, **changes})


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert not [defect for part in message.walk() for defect in part.defects]
    return message


def status_groups(content: bytes) -> list[dict[str, str]]:
    part = next(
        part for part in parsed(content).walk() if part.get_content_type() == "message/delivery-status"
    )
    groups = part.get_payload()
    assert isinstance(groups, list)
    return [{name.lower(): str(value) for name, value in group.items()} for group in groups if group.items()]


def text_of(content: bytes) -> str:
    part = next(part for part in parsed(content).walk() if part.get_content_type() == "text/plain")
    return str(part.get_content())


def test_the_shape() -> None:
    """RFC 6522, 3; RFC 3464, 2."""
    content = dsn()
    message = parsed(content)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert [part.media_type for part in read_parts(content).children] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    assert message["to"] == "scan@office.example"
    assert message["message-id"] == "<r1@fax.example>"
    assert message["auto-submitted"] == "auto-replied"
    assert message["in-reply-to"] == "<1@office.example>"
    assert message["subject"] == "Delivery failed: Grüße"
    assert content.endswith(b"--\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_the_fields_for_programs() -> None:
    """RFC 3464, 2.2 and 2.3; RFC 3461, 6.3: ENVID and ORCPT are decoded."""
    message, recipient = status_groups(dsn(envid="QQ+2B314159"))
    assert message["original-envelope-id"] == "QQ+314159"
    assert message["reporting-mta"] == "dns; fax.example"
    assert message["arrival-date"] == "Thu, 01 Jan 2026 00:00:00 +0000"
    assert recipient == {
        "original-recipient": "rfc822; FAX=+390408565@ifax1.example",
        "final-recipient": "rfc822; june@ifax1.example",
        "action": "failed",
        "status": "5.6.1",
        "remote-mta": "dns; mx.ifax1.example",
        "diagnostic-code": "smtp; 554 5.6.1 no such media",
    }


def test_the_part_for_people_says_what_happened_and_what_to_do() -> None:
    text = text_of(dsn())
    for words in (
        "could not be delivered",
        "june@ifax1.example",
        "Send it as a scan.",
        "mx.ifax1.example said: 554",
    ):
        assert words in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_each_recipient_has_a_group() -> None:
    later = RecipientReport(
        "may@x.example", "delayed", "4.3.3", will_retry_until=datetime(2026, 1, 9, tzinfo=UTC)
    )
    content = dsn(later, FAILED)
    assert [group["action"] for group in status_groups(content)[1:]] == ["delayed", "failed"]
    assert status_groups(content)[1]["will-retry-until"] == "Fri, 09 Jan 2026 00:00:00 +0000"
    text = text_of(content)
    assert text.index("june@") < text.index("may@")
    assert "has not been delivered yet" in text


def test_what_the_recipient_can_take() -> None:
    """RFC 2530, 3."""
    expression = (
        "(& (color=Binary) (image-file-structure=TIFF-minimal) (dpi=[200,204]) (image-coding=[MH,MMR]))"
    )
    report = RecipientReport("june@ifax1.example", "failed", "5.6.1", media_accept_features=expression)
    assert status_groups(dsn(report))[1]["media-accept-features"].split() == expression.split()


@pytest.mark.parametrize(
    ("ret", "action", "media_type"),
    [
        ("FULL", "failed", "message/rfc822"),
        ("full", "failed", "message/rfc822"),
        ("HDRS", "failed", "text/rfc822-headers"),
        (None, "failed", "text/rfc822-headers"),
        ("FULL", "delayed", "text/rfc822-headers"),
        ("FULL", "delivered", "text/rfc822-headers"),
    ],
)
def test_what_is_returned(ret: str | None, action: str, media_type: str) -> None:
    """RFC 3461, 4.3 and 6.2: RET counts for failures only."""
    content = dsn(RecipientReport("a@b.example", action, "5.6.1"), ret=ret)
    part = read_parts(content).children[2]
    assert part.media_type == media_type
    returned = content[part.body_start : part.body_end]
    assert returned == (
        ORIGINAL if media_type == "message/rfc822" else ORIGINAL.partition(b"\r\n\r\n")[0] + b"\r\n"
    )


def test_a_very_long_message_is_not_returned_whole() -> None:
    """RFC 3461, 6.2."""
    content = dsn(ret="FULL", original=ORIGINAL + b"x" * 11 * 1024 * 1024)
    assert read_parts(content).children[2].media_type == "text/rfc822-headers"


@pytest.mark.parametrize(
    ("ret", "media_type"), [("FULL", "message/global"), ("HDRS", "message/global-headers")]
)
def test_a_header_outside_ascii_is_returned_as_what_it_is(ret: str, media_type: str) -> None:
    """RFC 6533, 4.2 and 4.3: message/rfc822 and text/rfc822-headers hold ASCII headers only."""
    original = "Subject: Größe\r\n".encode() + ORIGINAL
    content = dsn(ret=ret, original=original)
    part = read_parts(content).children[2]
    assert part.media_type == media_type
    assert part.encoding == "8bit"
    assert original.startswith(content[part.body_start : part.body_end].rstrip(b"\r\n"))


def test_eight_bit_originals_are_labelled() -> None:
    content = dsn(ret="FULL", original=ORIGINAL + b"\xfc\r\n")
    assert read_parts(content).encoding == "8bit"
    assert read_parts(content).children[2].media_type == "message/rfc822"
    assert read_parts(content).children[2].encoding == "8bit"


def test_addresses_outside_ascii() -> None:
    """RFC 6533, 3: the 7-bit form in a 7-bit report."""
    report = RecipientReport("jürgen@x.example", "failed", "5.1.1", orcpt=r"utf-8;j\x{FC}rgen@x.example")
    group = status_groups(dsn(report))[1]
    assert group["final-recipient"] == r"utf-8; j\x{FC}rgen@x.example"
    assert group["original-recipient"] == r"utf-8; j\x{FC}rgen@x.example"
    assert "jürgen@x.example" in text_of(dsn(report))


def test_line_ends_from_a_peer_make_no_fields() -> None:
    report = RecipientReport(
        "a@b.example", "failed", "5.0.0", diagnostic="554 no\r\nAction: delivered", remote_mta="mx\r\nX: y"
    )
    group = status_groups(dsn(report))[1]
    assert group["action"] == "failed"
    assert "x" not in group


def test_no_recipients_or_an_unknown_action() -> None:
    with pytest.raises(ValueError, match="no recipient"):
        write_dsn(
            reporting_mta="x",
            to="a@b",
            original=b"",
            envid=None,
            ret=None,
            reports=[],
            arrival_date=datetime.now(UTC),
            message_id="<a@b>",
            date=datetime.now(UTC),
        )
    with pytest.raises(ValueError, match="lost"):
        dsn(RecipientReport("a@b.example", "lost", "5.0.0"))


def test_the_reader_gets_the_words() -> None:
    assert [part.media_type for part in outline(read_parts(dsn(ret="FULL"))).reading_order] == ["text/plain"]


@given(st.binary(max_size=200), st.text(st.characters(exclude_categories=("Cs",)), max_size=100))
def test_any_original_and_any_words(original: bytes, words: str) -> None:
    report = RecipientReport(
        "a@b.example", "failed", "5.0.0", diagnostic=words, explanation=words, remote_mta=words
    )
    content = dsn(report, original=original, ret="FULL")
    returned = read_parts(content).children[2]
    assert content[returned.body_start : returned.body_end] == original
