"""Gateways, next hops and clients for the tests of the gateway: all real, all on loopback ports of their own."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from conneg.gateway.config import Config, parse_config
from conneg.gateway.events import Event
from conneg.gateway.service import Gateway

PROFILE_S = "profile S"
ANY_OFFICE = '(type=["application/pdf","image/jpeg","image/png","text/plain","text/html"])'


def directory_file(path: Path, entries: dict[str, str]) -> Path:
    """Write a TOML directory."""
    lines = "".join(f"{name!r} = {text!r}\n" for name, text in entries.items())
    path.write_text(f"[addresses]\n{lines}", encoding="utf-8")
    return path


def config(folder: Path, text: str) -> Config:
    """Settings below `folder`, listening on a port of the system's choice."""
    head = f'[server]\nhostname = "{folder.name}.test"\nlisten = ["127.0.0.1:0"]\nstop_within_seconds = 5\n'
    folder.mkdir(parents=True, exist_ok=True)
    return parse_config(head + f'[spool]\npath = "spool"\n{text}', folder=folder)


class Events:
    """Everything a gateway told its watcher."""

    def __init__(self) -> None:
        self.all: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.all.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.all if isinstance(event, kind)]


@asynccontextmanager
async def running(settings: Config, **options: Any) -> AsyncIterator[tuple[Gateway, Events]]:
    """Run a gateway that tells what happens."""
    events = Events()
    async with Gateway(settings, watch=events, transcripts=True, **options) as gateway:
        yield gateway, events


async def submit(
    gateway: Gateway,
    message: EmailMessage | bytes,
    to: list[str],
    sender: str = "may@sender.test",
    listener: int = 0,
) -> None:
    """Send through smtplib, an ordinary client, to one of the gateway's listeners."""

    def send() -> None:
        endpoint = gateway.endpoints[listener]
        with smtplib.SMTP(endpoint.host, endpoint.port, local_hostname="client.test") as client:
            content = (
                message
                if isinstance(message, bytes)
                else message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
            )
            refused = client.sendmail(sender, to, content)
            assert refused == {}

    await asyncio.to_thread(send)


async def rcpt(
    gateway: Gateway, address: str, argument: str, sender: str = "may@sender.test"
) -> tuple[int, str]:
    def talk() -> tuple[int, str]:
        endpoint = gateway.endpoints[0]
        with smtplib.SMTP(endpoint.host, endpoint.port, local_hostname="client.test", timeout=30) as client:
            client.ehlo()
            client.docmd(f"MAIL FROM:<{sender}>")
            code, text = client.docmd(f"RCPT TO:<{address}> CONNEG={argument}")
            return code, text.decode()

    return await asyncio.to_thread(talk)


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for `condition`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def messages_in(maildir: Path) -> list[bytes]:
    """The messages that were filed."""
    new = maildir / "new"
    return [path.read_bytes() for path in sorted(new.iterdir())] if new.is_dir() else []


def text_message(body: str = "Hello June.\n", **fields: str) -> EmailMessage:
    """A plain letter."""
    message = EmailMessage()
    message["From"], message["Subject"] = "may@sender.test", "hello"
    message["Date"] = "Mon, 23 Nov 2026 12:00:00 +0000"
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message
