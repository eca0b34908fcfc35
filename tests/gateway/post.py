"""One gateway for many messages: in front of aiosmtpd, with the recipients' capabilities in a directory of its own."""

import asyncio
import email
import email.policy
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from conneg.gateway.events import Settled
from conneg.gateway.service import Gateway
from tests.gateway.servers import PROFILE_S, Events, config, directory_file, running, submit, until
from tests.gateway.test_next_hops import Mailbox

TIFF_READER = '(| (type="text/plain") (& (type="image/tiff") (color=Binary) (dpi=200)))'
ANYTHING = '(type=["application/pdf","text/plain","image/jpeg"])'
DEVICES = {"fax": PROFILE_S, "reader": TIFF_READER, "desk": ANYTHING}


@dataclass(frozen=True)
class Outcome:
    """What arrived (nothing: empty), how it was settled, and the record of the plan."""

    content: bytes
    state: str
    text: str
    reason: str
    notes: list[str]

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def types(self) -> list[str]:
        return [part.get_content_type() for part in self.message.walk()]


@dataclass(frozen=True)
class Hop:
    """A next hop of aiosmtpd, and what the gateway's table for it says besides."""

    mailbox: Mailbox
    more: str = ""


class Post:
    """Sends one message at a time; every one of `DEVICES` is there at every hop's domain."""

    def __init__(self, gateway: Gateway, events: Events, hops: Mapping[str, Hop]) -> None:
        self._gateway = gateway
        self._events = events
        self._hops = hops

    async def deliver(self, content: bytes, to: str, *, sender: str = "", listener: int = 0) -> Outcome:
        """Send `content` to one recipient, through one of the gateway's listeners, and wait for its end."""
        mailbox = self._hops[to.partition("@")[2]].mailbox
        arrived, before = len(mailbox.contents), len(self._events.all)
        await submit(self._gateway, content, [to], sender=sender, listener=listener)
        await until(lambda: bool(self._settled(to, before)))
        (result,) = self._settled(to, before)
        records = await self._gateway.spool.records(result.message_id)
        plans: list[dict[str, Any]] = [json.loads(record.text) for record in records if record.kind == "plan"]
        plan = plans[0] if plans else {"reason": "", "notes": []}
        new = mailbox.contents[arrived:]
        return Outcome(new[0][1] if new else b"", result.state, result.reply, plan["reason"], plan["notes"])

    def _settled(self, forward_path: str, after: int) -> list[Settled]:
        events = (event for event in self._events.all[after:] if isinstance(event, Settled))
        return [event for event in events if event.forward_path == forward_path]

    async def next_at(self, domain: str) -> bytes:
        """Wait for the first message that came to `domain`."""
        mailbox = self._hops[domain].mailbox
        await until(lambda: bool(mailbox.contents))
        return mailbox.contents[0][1]


@asynccontextmanager
async def post_office(
    folder: Path, settings: str, hops: Mapping[str, Hop], *, before: str = ""
) -> AsyncIterator[Post]:
    """Run a gateway with `settings` in front of `hops`, by their domains."""
    entries = {f"{name}@{domain}": text for domain in hops for name, text in DEVICES.items()}
    (folder / "gw").mkdir()
    directory_file(folder / "gw/directory.toml", entries)
    async with AsyncExitStack() as stack:
        tables = ""
        for domain, hop in hops.items():
            server = await asyncio.get_running_loop().create_server(
                lambda hop=hop: SMTP(hop.mailbox, hostname="hop.test", data_size_limit=None), "127.0.0.1", 0
            )
            stack.callback(server.close)
            host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            tables += (
                f'[[destination]]\ndomains = ["{domain}"]\ndeliver = "smtp"\nhost = "{host}"\n{hop.more}\n'
            )
        text = f'{before}[directory]\nfile = "directory.toml"\n{settings}{tables}'
        async with running(config(folder / "gw", text)) as (gateway, events):
            yield Post(gateway, events, hops)
