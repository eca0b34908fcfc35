"""Servers for the adapters' clients: a conneg listener with a capability for each address, and one that misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import aiosmtplib

from conneg.adapters import MailOptions, RecipientResult
from conneg.adapters.aiosmtplib import NegotiatingSMTP as AsyncClient
from conneg.adapters.smtplib import NegotiatingLMTP
from conneg.adapters.smtplib import NegotiatingSMTP as BlockingClient
from conneg.net import MailCommand, RcptAnswer, RcptCommand, SessionInfo
from conneg.smtp import Reply
from tests.net.servers import ACCEPTED, HOST, Raw, Recorder, Sink, scripted

TEXT = '(type="text/plain")'
HTML = '(type=["text/plain","text/html"])'
HTML_OTHERWISE = '(| (type="text/html") (type="text/plain"))'
"""Means the same as `HTML`."""


@dataclass(frozen=True)
class Delivered:
    """One message that a server has taken, with its envelope."""

    mail: MailCommand
    recipients: tuple[RcptCommand, ...]
    content: bytes

    @property
    def paths(self) -> list[str]:
        return [command.forward_path for command in self.recipients]


class _Sink(Sink):
    def __init__(self, office: "Office", session: SessionInfo) -> None:
        super().__init__(office)
        self._office, self._session = office, session
        self._mail, self._commands = session.transaction, tuple(office.commands)

    def finish(self) -> Any:
        accepted = tuple(c for c in self._commands if c.forward_path in self._session.recipients)
        self._office.delivered.append(Delivered(self._mail, accepted, bytes(self.content)))
        if self._office.final is not None:
            return self._office.final
        return ACCEPTED


class Office(Recorder):
    """Takes mail for the addresses that it has a capability for, None for one of which it knows nothing."""

    def __init__(self, capabilities: dict[str, str | None]) -> None:
        super().__init__()
        self.capabilities = capabilities
        self.commands: list[RcptCommand] = []
        self.delivered: list[Delivered] = []
        self.final: Any = None

    def mail(self, session: SessionInfo, command: MailCommand) -> Any:
        self.commands.clear()
        return super().mail(session, command)

    def rcpt(self, session: SessionInfo, commands: Sequence[RcptCommand]) -> Any:
        self.commands += commands
        return [self.answer(command) for command in commands]

    def answer(self, command: RcptCommand) -> RcptAnswer:
        path = command.forward_path
        if path not in self.capabilities:
            return RcptAnswer(Reply(550, (f"<{path}> is not here",), "5.1.1"))
        return RcptAnswer(Reply(250, (f"<{path}> recipient ok",), "2.1.5"), self.capabilities[path])

    def data(self, session: SessionInfo) -> Any:
        return _Sink(self, session)


Answer = str | tuple[str, ...] | Literal["drop"]


@dataclass
class Script:
    """A server by rules: `answer(command line, how often it has come)` gives reply lines, "drop", or None for 250.

    After the content it is asked for "."; the content itself is in `contents`.
    """

    ehlo: tuple[str, ...] = ("250-mx.example", "250 CONNEG")
    answer: Callable[[str, int], Answer | None] = lambda line, count: None
    heard: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)

    @property
    def envelope(self) -> list[str]:
        """The commands heard between EHLO and QUIT."""
        return [line for line in self.heard if line.split()[0].upper() not in ("EHLO", "LHLO", "QUIT")]

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        async with scripted(self._session) as port:
            yield port

    async def _session(self, raw: Raw) -> None:
        raw.say("220 mx.example")
        while line := (await raw.reader.readline()).decode().strip():
            if not self._answer(raw, line):
                return
            if line.upper() == "DATA" and self._goes_on:
                self.contents.append(await raw.reader.readuntil(b"\r\n.\r\n"))
                if not self._answer(raw, "."):
                    return

    def _answer(self, raw: Raw, line: str) -> bool:
        self.heard.append(line)
        verb = line.split()[0].upper()
        answer = self.answer(line, self.heard.count(line))
        if answer is None:
            defaults = {"QUIT": "221 bye", "DATA": "354 go ahead"}
            answer = self.ehlo if verb in ("EHLO", "LHLO") else defaults.get(verb, "250 ok")
        if answer == "drop":
            return False
        lines = (answer,) if isinstance(answer, str) else answer
        raw.say(*lines)
        self._goes_on = lines[0].startswith("354")
        return not lines[-1].startswith(("421", "221"))


def capability(text: str) -> tuple[str, ...]:
    return ("250-ok", f"250 CONNEG {text}")


async def send(
    kind: str,
    port: int,
    recipients: Sequence[Any],
    choose: Any,
    *,
    reverse_path: str = "may@b.example",
    options: MailOptions | None = None,
    **more: Any,
) -> list[RecipientResult]:
    """Send by the client of that kind: "smtplib", "lmtp" or "aiosmtplib"."""
    if kind == "aiosmtplib":
        client = AsyncClient(
            hostname=HOST, port=port, local_hostname="client.example", timeout=10, start_tls=False
        )
        await client.connect()
        try:
            return await client.send_negotiated(reverse_path, recipients, choose, options=options, **more)
        finally:
            if client.is_connected:
                try:
                    await client.quit()
                except aiosmtplib.SMTPException:
                    client.close()

    def run() -> list[RecipientResult]:
        if kind == "lmtp":
            smtp: BlockingClient = NegotiatingLMTP(HOST, port, local_hostname="client.example", timeout=10)
        else:
            smtp = BlockingClient(HOST, port, local_hostname="client.example", timeout=10)
        with smtp:
            return smtp.send_negotiated(reverse_path, recipients, choose, options=options, **more)

    return await asyncio.to_thread(run)
