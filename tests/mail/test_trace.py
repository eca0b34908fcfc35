"""Trace fields (RFC 5321, 4.4 and 6.3)."""

from datetime import UTC, datetime

import pytest

from conneg.mail import count_received, count_received_in, read_fields, write_received
from conneg.mail.trace import HEAD_OCTETS, asked_strategies

DATE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def received(helo: str = "scan.example", address: str = "192.0.2.7", message_id: str | None = None) -> bytes:
    return write_received(
        helo=helo,
        address=address,
        by="fax.example",
        protocol="ESMTP",
        software="conneg 1",
        date=DATE,
        message_id=message_id,
    )


def test_the_field() -> None:
    assert read_fields(received(message_id="4f1c")).get("received") == (
        "from scan.example ([192.0.2.7])\tby fax.example (conneg 1) with ESMTP id 4f1c;"
        "\tFri, 02 Jan 2026 03:04:05 +0000"
    )


@pytest.mark.parametrize(
    ("address", "literal"),
    [
        ("2001:db8::1", b"[IPv6:2001:db8::1]"),
        ("192.0.2.7", b"[192.0.2.7]"),
        ("", b"[unknown]"),
        ("x\r\nBcc: y", b"[unknown]"),
    ],
)
def test_address_literals(address: str, literal: bytes) -> None:
    """RFC 5321, 4.1.3."""
    assert b"(" + literal + b")" in received(address=address)


@pytest.mark.parametrize("helo", ["a\r\nBcc: b", "a) by evil (", "\x00", "", "x" * 5000, "ü.example"])
def test_a_client_cannot_write_into_the_header(helo: str) -> None:
    written = received(helo)
    assert len(read_fields(written)) == 1
    assert written.count(b"(") == 2
    assert max(map(len, written.split(b"\r\n"))) < 998
    assert written.isascii()


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Conneg-Strategy: batch", ("batch",)),
        ("CONNEG-STRATEGY :\r\n  Single ", ("single",)),
        ("Conneg-Strategy:", ("",)),
        ("Conneg-Strategy: a\r\n b", ("a b",)),
        ("Conneg-Strategy: single\r\nConneg-Strategy: batch", ("single", "batch")),
        ("X-Conneg-Strategy: single", ()),
        ("Conneg-Strategy-Of: single", ()),
        ("Subject: x\r\n Conneg-Strategy: single", ()),
        ("Subject: x\r\n\r\nConneg-Strategy: single", ()),
        ("Conneg-Strategy: " + "x" * 900, ("x" * 40,)),
        ("Conneg-Strategy: é", ("\ufffd\ufffd",)),
    ],
)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_the_strategy_that_a_message_asks_for(header: str, said: tuple[str, ...], end: str) -> None:
    content = f"From: a@b.example\r\n{header}\r\n\r\nbody\r\n".replace("\r\n", end).encode()
    assert asked_strategies(content) == said


def test_a_strategy_is_looked_for_in_the_first_octets_only() -> None:
    field, line = b"Conneg-Strategy: single\r\n", b"X: " + b"x" * 59 + b"\r\n"
    padding = line * (HEAD_OCTETS // len(line))
    assert asked_strategies(padding[: -len(line)] + field + padding) == ("single",)
    assert asked_strategies(padding + line + field + b"\r\nbody\r\n") == ()


def test_counting() -> None:
    content = (
        received()
        + received()
        + b"RECEIVED : by x; date\r\nX-Received: no\r\n\r\nReceived: not in the header\r\n"
    )
    assert count_received(read_fields(content)) == 3
    assert count_received_in(content) == 3
    assert count_received_in(content.replace(b"\r\n", b"\n")) == 3
    assert count_received_in(received() * 3) == 3
    assert count_received_in(b"") == 0
