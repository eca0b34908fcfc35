"""A next hop's transaction is not held open while pages are drawn: RSET, and the next hop is asked again on return."""

import random
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from benchmarks.textpdf import write_pdf

from conneg.gateway.events import DialogueLine, Settled
from conneg.net import ListenerLimits, Peer, RcptAnswer, SessionInfo, start_listener
from conneg.smtp import MailCommand, RcptCommand, Reply, ServerConfig

from .servers import config, running, submit, until

PATIENCE_SECONDS = 10
"""How long the next hop waits for a command before it hangs up."""

_FAX = (
    "(&(image-file-structure=TIFF-minimal)(color=Binary)(MRC-mode=0)(paper-size=A4)(image-coding=MH)(dpi=204)"
    "(dpi-xyratio={ratio}))"
)
FINE = _FAX.format(ratio="204/196")
COARSE = _FAX.format(ratio="204/98")
OK = Reply(250, ("ok",), "2.0.0")


class ImpatientHop:
    """Tells what June's device takes, each time the next of `capabilities` and then the last; keeps what arrives."""

    def __init__(self, *capabilities: str) -> None:
        self._capabilities = list(capabilities)
        self.asked = 0
        self.sessions = 0
        self.contents: list[bytes] = []
        self._content = bytearray()

    def connect(self, peer: Peer) -> Reply | None:
        self.sessions += 1
        return None

    def mail(self, session: SessionInfo, command: MailCommand) -> Reply:
        return OK

    def rcpt(self, session: SessionInfo, commands: Sequence[RcptCommand]) -> Sequence[RcptAnswer]:
        said = self._capabilities[min(self.asked, len(self._capabilities) - 1)]
        self.asked += 1
        return [RcptAnswer(OK, said) for _ in commands]

    def data(self, session: SessionInfo) -> "ImpatientHop":
        self._content.clear()
        return self

    def write(self, chunk: bytes) -> None:
        self._content += chunk

    def finish(self) -> Reply:
        self.contents.append(bytes(self._content))
        return OK

    def abort(self) -> None:
        pass

    def reset(self, session: SessionInfo) -> None:
        pass

    def disconnect(self, session: SessionInfo) -> None:
        pass

    def vrfy(self, session: SessionInfo, argument: str) -> Reply:
        return Reply(252, ("send and see",), "2.1.5")


def slow_document(path: Path, pages: int) -> bytes:
    """A PDF whose every page is forty polygons of sixty corners all over the sheet, which no renderer draws fast."""
    chance = random.Random(1)

    def polygon() -> str:
        corners = (f"{chance.randrange(600)} {chance.randrange(850)}" for _ in range(60))
        return " ".join(f"{corner} {'l' if at else 'm'}" for at, corner in enumerate(corners)) + " f*"

    write_pdf(path, ["\n".join(polygon() for _ in range(40)).encode() for _ in range(pages)], (b"Helvetica",))
    return path.read_bytes()


async def send(tmp_path: Path, hop: ImpatientHop, pages: int, open_seconds: float) -> tuple[Any, list[str]]:
    """Send the document to June behind `hop`; how it ended, and the commands that the gateway sent."""
    message = EmailMessage()
    message["Subject"] = "a chart"
    message.add_attachment(
        slow_document(tmp_path / "chart.pdf", pages), maintype="application", subtype="pdf"
    )
    listener = await start_listener(
        hop,
        "127.0.0.1",
        0,
        ServerConfig(hostname="hop.test"),
        limits=ListenerLimits(command_seconds=PATIENCE_SECONDS),
    )
    settings = config(
        tmp_path / "gw",
        f"""
        [content]
        workers = 1
        seconds = 280
        [delivery]
        open_transaction_seconds = {open_seconds}
        [[destination]]
        domains = ["hop.test"]
        deliver = "smtp"
        host = "127.0.0.1:{listener.port}"
        """,
    )
    async with running(settings) as (gateway, events):
        await submit(gateway, message, ["june@hop.test"])
        await until(lambda: bool(events.of(Settled)), seconds=280)
    await listener.close()
    (settled,) = events.of(Settled)
    return settled, [event.line for event in events.of(DialogueLine) if event.sent]


@pytest.mark.timeout(300)
async def test_a_document_that_takes_longer_than_the_next_hop_waits(tmp_path: Path) -> None:
    hop = ImpatientHop(FINE)
    settled, commands = await send(tmp_path, hop, pages=100, open_seconds=2)
    assert settled.state == "delivered"
    assert hop.sessions > 1, "the document was ready before the next hop hung up: it is no test"
    assert commands.count("RSET") == hop.asked - 1
    assert [command for command in commands if command.startswith("MAIL")][hop.asked :] == []
    (content,) = hop.contents
    assert b"image/tiff" in content


async def test_an_answer_of_another_class_on_return_gets_another_form(tmp_path: Path) -> None:
    """The fine form that was made is not sent to a device that now takes coarse lines only."""
    hop = ImpatientHop(FINE, FINE, COARSE)
    settled, _ = await send(tmp_path, hop, pages=4, open_seconds=0.01)
    assert settled.state == "delivered"
    assert hop.asked > 2
    (content,) = hop.contents
    assert b"(dpi-xyratio=102/49)" in content.replace(b"\r\n ", b" ")
