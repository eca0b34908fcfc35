"""Letters that are easily spoilt on the way, and how they are handed to a server."""

import asyncio
import smtplib

from .ports import Server

PLAIN = (
    b"From: amy@example.com\r\nTo: june@office.example\r\nSubject: a letter\r\nMessage-ID: <1@example.com>\r\n"
    b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n\r\nA line.\r\n.a dot at its start\r\n\r\ntabs\tand  spaces  \r\n"
)

EIGHT_BITS = (
    PLAIN.partition(b"\r\n\r\n")[0] + b"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\n"
    + "Größe, Ωμέγα\r\n".encode()
    + b".\xff\xfe\r\n..\r\n...\r\n \r\n"
    + b"x" * 998  # RFC 5321, 4.5.3.1.6: the longest line there may be
    + b"\r\n\r\nFrom the end\r\n\r\n"
)
"""Octets that are no text, dots, a line as long as may be, empty lines at the end."""

LARGE = EIGHT_BITS + b"a line like any other of this letter\r\n.and one with a dot\r\n" * 5000
"""More than one chunk of any client."""


async def send(
    server: Server,
    recipient: str,
    content: bytes = PLAIN,
    *,
    sender: str = "amy@example.com",
    mail: tuple[str, ...] = (),
    rcpt: tuple[str, ...] = (),
) -> None:
    """Hand `content` to `server`, with parameters for MAIL and RCPT."""

    def run() -> None:
        with smtplib.SMTP(server.host, server.port, timeout=20) as client:
            assert client.sendmail(sender, [recipient], content, mail, rcpt) == {}

    await asyncio.to_thread(run)


def unix(content: bytes) -> bytes:
    """The content as Postfix and Exim write it into a Maildir: with LF line ends."""
    return content.replace(b"\r\n", b"\n")
