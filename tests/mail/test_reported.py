"""What reports say of devices (RFC 2530): those that Python's email package writes, the RFC's examples, and our own."""

import contextlib
from datetime import UTC, datetime
from email.message import Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.errors import BoundExceededError
from conneg.mail import Action, RecipientReport, write_dsn
from conneg.mail.reported import MAX_REPORTED, Reported, read_reported

A4 = "(& (paper-size=a4) (color=binary) )"


def report(kind: str, *groups: str, report_type: str = "delivery-status") -> bytes:
    """A report with these groups of fields."""
    message = MIMEMultipart("report", report_type=report_type)
    message["From"], message["To"] = "postmaster@ifax1.jp", "may@sender.test"
    message.attach(MIMEText("It did not go well."))
    status = Message()
    status["Content-Type"] = (
        "x/y"  # the package would read a report's fields itself, and write them in its own way
    )
    status.set_payload("\n\n".join(group.strip("\n") for group in groups) + "\n")
    message.attach(status)
    message.attach(MIMEMessage(_original()))
    return message.as_bytes().replace(b"\n", b"\r\n").replace(b"x/y", kind.encode())


def _original() -> Message:
    original = MIMEText("the original")
    original["Content-Features"] = "(type=image/tiff)"
    return original


DSN = (
    "Reporting-MTA: dns; ifax1.jp",
    "Original-Recipient: rfc822; June@ifax1.jp\nFinal-Recipient: rfc822; fax7@inside.jp\nAction: failed\n"
    f"Status: 5.6.1\nMedia-Accept-Features: {A4}",
    "Final-Recipient: rfc822;<may@ifax1.jp>\nAction: delivered\nStatus: 2.0.0\nmedia-accept-features:\n"
    " (& (| (paper-size=a4) (paper-size=letter) )\n  (color=grey) )",
    "Final-Recipient: rfc822; nobody@ifax1.jp\nAction: failed\nStatus: 5.1.1",
    f"Final-Recipient: x400; /c=jp/\nAction: failed\nStatus: 5.6.1\nMedia-Accept-Features: {A4}",
)


@pytest.mark.parametrize("kind", ["message/delivery-status", "message/global-delivery-status"])
def test_each_recipient_of_a_delivery_status(kind: str) -> None:
    assert read_reported(report(kind, *DSN)) == (
        Reported("June@ifax1.jp", A4),
        Reported("may@ifax1.jp", "(& (| (paper-size=a4) (paper-size=letter) )  (color=grey) )"),
    )


MDN = (
    "Reporting-UA: fax7; IFAX\nOriginal-Recipient: utf-8; j\\x{FC}rgen@ifax1.jp\nFinal-Recipient: rfc822; x@ifax1.jp\n"
    f"Disposition: automatic-action/MDN-sent-automatically; {{}}\nMedia-Accept-Features: {A4}"
)


def test_a_disposition_notification() -> None:
    text = MDN.replace("{}", "deleted/error")
    content = report("message/disposition-notification", text, report_type="disposition-notification")
    assert read_reported(content) == (Reported("jürgen@ifax1.jp", A4),)


def test_what_was_said_to_get_another_form_of_one_message_is_not_kept() -> None:
    """RFC 3297, 6.2."""
    text = MDN.replace("{}", "deleted/alternative-preferred")
    assert read_reported(report("message/disposition-notification", text)) == ()


def test_our_own_report() -> None:
    now = datetime.now(UTC)
    about = RecipientReport("jürgen@ifax1.jp", Action.FAILED, "5.6.1", media_accept_features=A4)
    written = write_dsn(
        reporting_mta="gw.test",
        to="may@sender.test",
        original=b"Subject: x\r\n\r\nbody\r\n",
        envid=None,
        ret=None,
        reports=[about],
        arrival_date=now,
        message_id="<1@gw.test>",
        date=now,
    )
    (found,) = read_reported(written)
    assert found.address == "jürgen@ifax1.jp"
    assert "".join(found.expression.split()) == "".join(A4.split())


def test_what_is_cut_off_behind_the_status_is_not_missed() -> None:
    content = report("message/delivery-status", *DSN)
    assert len(read_reported(content[: content.index(b"the original")])) == 2


def test_letters_are_no_reports() -> None:
    assert read_reported(b"Subject: x\r\n\r\nMedia-Accept-Features: (x=1)\r\n") == ()
    assert read_reported(report("text/plain", *DSN)) == ()
    assert read_reported(b"") == ()


def test_a_report_about_too_many() -> None:
    groups = (f"Final-Recipient: rfc822; u{n}@x.jp\nMedia-Accept-Features: (y={n})" for n in range(2000))
    assert len(read_reported(report("message/delivery-status", *groups))) == MAX_REPORTED.value


@settings(max_examples=100, deadline=None)
@given(damage=st.binary(max_size=20), at=st.integers(min_value=0, max_value=1200))
def test_any_octets_are_read_to_the_end(damage: bytes, at: int) -> None:
    content = report("message/delivery-status", *DSN)
    with contextlib.suppress(BoundExceededError):
        read_reported(content[:at] + damage + content[at + len(damage) :])
