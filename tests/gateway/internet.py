"""Mail servers on loopback addresses that a DNS of the tests' own names, and a gateway that delivers to them."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conneg.gateway.events import Settled
from conneg.net import ServerTls, start_listener
from conneg.smtp import ServerConfig
from tests.gateway.servers import config, running, submit, text_message, until
from tests.net.servers import Recorder

TLS, PLAIN, TLS6 = "127.0.0.1", "127.0.0.2", "::1"


@dataclass
class World:
    """The DNS and the certificates; `dns` is the resolver's port, `smtp` that of all servers."""

    folder: Path
    smtp: int
    dns: int = 0
    tls: ServerTls | None = None
    signed: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)

    def domain(self, name: str, *tlsa: str, address: str = TLS) -> None:
        """`name`.signed.test with the host mx-`name` and its TLSA records."""
        kind = "AAAA" if ":" in address else "A"
        self.signed += [f"{name} IN MX 10 mx-{name}", f"mx-{name} IN {kind} {address}"]
        self.signed += [f"_{self.smtp}._tcp.mx-{name} IN TLSA {one}" for one in tlsa]


@dataclass
class Delivery:
    """What became of one message: the state, the reply or reason, the records, and what the servers saw."""

    state: str
    text: str
    records: list[tuple[str, dict[str, Any]]]
    seen: dict[str, Recorder]

    @property
    def connection(self) -> dict[str, Any]:
        """The last connection that was recorded."""
        return [entry for kind, entry in self.records if kind == "connection"][-1]

    @property
    def result(self) -> dict[str, Any]:
        return next(entry for kind, entry in self.records if kind == "result")

    @property
    def messages(self) -> int:
        return sum(len(recorder.messages) for recorder in self.seen.values())

    @property
    def began(self) -> bool:
        """Whether any server was told of the message at all."""
        return any("mail" in recorder.calls for recorder in self.seen.values())


@asynccontextmanager
async def servers(world: World) -> AsyncIterator[dict[str, Recorder]]:
    """Servers with TLS on 127.0.0.1 and ::1, and one that offers none on 127.0.0.2."""
    seen: dict[str, Recorder] = {}
    async with AsyncExitStack() as stack:
        for address in (TLS, PLAIN, TLS6):
            seen[address] = Recorder()
            listener = await start_listener(
                seen[address],
                address,
                world.smtp,
                ServerConfig("mx.test"),
                tls=None if address == PLAIN else world.tls,
            )
            stack.push_async_callback(listener.close, 0)
        yield seen


async def deliver(
    world: World,
    folder: Path,
    domain: str,
    settings: str = "",
    fields: dict[str, str] | None = None,
    **options: Any,
) -> Delivery:
    """Send one message to june at `domain`; `settings` belong to the destination, `options` to the gateway.

    `fields` are header fields that the message has besides.
    """
    text = (
        f'[dns]\nservers = ["127.0.0.1"]\nport = {world.dns}\nseconds = 10\n'
        f'[[destination]]\ndomains = ["*"]\nport = {world.smtp}\nconneg = "off"\n{settings}\n'
    )
    async with (
        servers(world) as seen,
        running(config(folder / "gw", text), reports=False, **options) as (gateway, events),
    ):
        await submit(gateway, text_message(**(fields or {})), [f"june@{domain}"])
        await until(lambda: bool(events.of(Settled)), seconds=30)
        (settled,) = events.of(Settled)
        records = await gateway.spool.records(settled.message_id)
        return Delivery(
            settled.state, settled.reply, [(one.kind, json.loads(one.text)) for one in records], seen
        )
