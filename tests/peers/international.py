"""A letter that needs SMTPUTF8 (RFC 6531), and what to see of it on the way."""

from tests.gateway.servers import Events

from .gateways import said

JUERGEN, AMELIE = "jürgen@office.example", "amélie@office.example"
LETTER = (
    "From: Amélie <amélie@office.example>\r\nTo: jürgen@office.example\r\nSubject: Größe\r\n"
    "Message-ID: <2@example.com>\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nΩ\r\n"
).encode()
MAIL = ("SMTPUTF8", "BODY=8BITMIME")


def check_dialogue(events: Events) -> None:
    """The gateway has sent the addresses as they are, and said so (RFC 6531, 3.4)."""
    sent = said(events)
    (mail,) = (line for line in sent if line.startswith("MAIL "))
    assert f"<{AMELIE}>" in mail
    assert "SMTPUTF8" in mail.split()
    assert any(line.startswith(f"RCPT TO:<{JUERGEN}>") for line in sent)
