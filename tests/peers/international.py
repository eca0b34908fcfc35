"""A letter that needs SMTPUTF8 (RFC 6531), and a listener of ours that takes it."""

from collections.abc import Sequence
from typing import Any

from conneg.net import MailCommand, RcptCommand, SessionInfo
from conneg.smtp import ServerConfig
from conneg.smtp.extension import DEFAULT_EXTENSIONS
from tests.net.servers import Recorder

JUERGEN, SENDER = "jürgen@office.example", "amélie@office.example"
LETTER = (
    "From: Amélie <amélie@office.example>\r\nTo: jürgen@office.example\r\nSubject: Größe\r\n"
    "Message-ID: <2@example.com>\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nΩ\r\n"
).encode()
WITH_SMTPUTF8 = ServerConfig("mx.example", extensions=DEFAULT_EXTENSIONS | {"SMTPUTF8"})


class EnvelopeRecorder(Recorder):
    """Keeps envelopes too."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[MailCommand] = []
        self.forward_paths: list[str] = []

    def mail(self, session: SessionInfo, command: MailCommand) -> Any:
        self.commands.append(command)
        return super().mail(session, command)

    def rcpt(self, session: SessionInfo, commands: Sequence[RcptCommand]) -> Any:
        self.forward_paths += [command.forward_path for command in commands]
        return super().rcpt(session, commands)
