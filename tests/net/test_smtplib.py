"""Our listener judged by Python's own smtplib: the draft's examples, and whole messages."""

import asyncio
import smtplib

import pytest

from tests.smtp.dialogue import Dialogue, dialogues

from .servers import HOST, Recorder, listening


def texts(lines: tuple[str, ...]) -> tuple[int, bytes]:
    """What smtplib makes of these reply lines."""
    return int(lines[0][:3]), "\n".join(line[4:] for line in lines).encode()


def play(dialogue: Dialogue, port: int) -> None:
    client = smtplib.SMTP(local_hostname="ifax1.jp", timeout=20)
    turns = iter(dialogue.turns)
    _, greeting = next(turns)
    assert client.connect(HOST, port) == texts(greeting)
    for (side, said), (_, answered) in zip(turns, turns, strict=True):
        assert side == "C"
        assert do(client, said) == texts(answered)
    client.close()


def do(client: smtplib.SMTP, said: tuple[str, ...]) -> tuple[int, bytes]:
    line = said[0]
    match line.split()[0]:
        case "EHLO":
            return client.ehlo(line.split()[1])
        case "MAIL":
            return client.mail("May@ifax2.jp")
        case "RCPT":
            address, _, option = line.removeprefix("RCPT TO:<").partition("> ")
            return client.rcpt(address, [option] if option else [])
        case "DATA" | "RSET" | "QUIT":
            return client.docmd(line)
        case _:
            client.send("".join(f"{line}\r\n" for line in said).encode())
            return client.getreply()


@pytest.mark.parametrize("dialogue", dialogues("smtplib"), ids=lambda d: d.name)
async def test_examples(dialogue: Dialogue) -> None:
    async with listening(Recorder(dialogue.head["recipient"]), dialogue.config) as listener:
        await asyncio.to_thread(play, dialogue, listener.port)


async def test_messages() -> None:
    handler = Recorder()

    def send(port: int) -> None:
        with smtplib.SMTP(HOST, port, local_hostname="client.example", timeout=20) as client:
            assert client.sendmail("a@b.example", ["c@d.example", "e@f.example"], b".dot\r\n..\r\nx") == {}
            assert client.sendmail("", ["c@d.example"], "x" * 300_000) == {}

    async with listening(handler) as listener:
        await asyncio.to_thread(send, listener.port)
    assert handler.messages == [b".dot\r\n..\r\nx\r\n", b"x" * 300_000 + b"\r\n"]


async def test_one_capability_for_two_recipients() -> None:
    def ask(port: int) -> list[tuple[int, bytes]]:
        with smtplib.SMTP(HOST, port, local_hostname="client.example", timeout=20) as client:
            client.ehlo()
            assert client.has_extn("conneg")
            client.mail("a@b.example")
            return [client.rcpt(f"{n}@c.example", ["CONNEG=REQUIRED"]) for n in range(2)]

    async with listening(Recorder()) as listener:
        for code, text in await asyncio.to_thread(ask, listener.port):
            assert code == 250
            assert b"\n2.1.5 CONNEG (&(image-file-structure=" in text
