"""The chain of four servers between two organisations (draft, appendix B.2 (1)), each leg negotiated.

The originating server asks the originating gateway, that one the destination gateway, and that one the recipient's
server, which alone knows the device. The two gateways ensure conversion; the last leg is direct, and there it is made.
"""

import asyncio
import smtplib
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from rich.console import Console

from conneg.content import Workers
from conneg.demo.arrivals import Arrival, read_arrival
from conneg.demo.message import compose
from conneg.demo.run import prepare_output
from conneg.demo.scenario import JUNE, directory_text
from conneg.gateway.config import Config, parse_config
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.events import CapabilityFound, Event, Planned, Settled, Watcher
from conneg.gateway.service import Gateway

SENDER = "may@ship.example"
RECIPIENT = "june@clinic.example"
SERVERS = (
    "originating server",
    "originating gateway",
    "destination gateway",
    "recipient's server",
)
"""From the sender to the recipient; each sends to the next."""

_HOSTS = ("mail.ship.example", "gateway.ship.example", "gateway.clinic.example", "mail.clinic.example")
_SECONDS = 120.0


@dataclass(slots=True)
class Leg:
    """What one server learned of the recipient from the next, and what it sent there."""

    sender: str
    receiver: str
    expression: str = ""
    capability: str = ""
    said_by: str = ""
    form: str = ""
    state: str = ""
    octets: int = 0

    def note(self, event: Event) -> None:
        """Remember what `event` says of the recipient."""
        match event:
            case CapabilityFound(forward_path=path, expression=expression, summary=summary) if (
                path == RECIPIENT
            ):
                self.expression, self.capability = expression, summary
                self.said_by = f"{event.provenance}: {event.said_by}"
            case Planned(forward_paths=paths, target=target) if RECIPIENT in paths:
                self.form = target
            case Settled(forward_path=path, state=state, octets=octets) if path == RECIPIENT:
                self.state, self.octets = state, octets
            case _:
                pass


@dataclass(slots=True)
class Journey:
    """A message's way along the chain."""

    legs: list[Leg] = field(default_factory=list)
    arrival: Arrival | None = None

    @property
    def problems(self) -> list[str]:
        """Return everything that is not as it should be, a line each."""
        found = [
            f"{leg.sender} to {leg.receiver}: {leg.state or 'no result'}"
            for leg in self.legs
            if leg.state != "delivered"
        ]
        return found + (self.arrival.problems if self.arrival is not None else ["nothing arrived"])


def chain_config(
    place: int,
    work: Path,
    maildirs: Path,
    *,
    after: Endpoint | None,
    before: Endpoint | None = None,
    port: int = 0,
    more: str = "",
) -> Config:
    """Return the configuration of the server at `place` in `SERVERS`, which listens at `port`.

    `after` is where the next one listens, and `before` where the one before it does, for reports on their way back. The
    recipient's server files into Maildirs and does not convert; the originating one files reports. `more` comes first.
    """
    lines = [
        more,
        f'[server]\nhostname = "{_HOSTS[place]}"\nlisten = ["127.0.0.1:{port}"]\nstop_within_seconds = 5',
        f'[spool]\npath = "{work}/spool-{place}"',
    ]
    is_gateway = place in (1, 2)
    if after is None:
        lines += [f'[directory]\nfile = "{work}/devices.toml"', _maildir("clinic.example", maildirs)]
    else:
        lines.append(_towards("clinic.example", after, ensures=is_gateway))
    if is_gateway:
        lines.append('[[source]]\nname = "next-server"\nkind = "cascade"')
    if place == 0:
        lines.append(_maildir("ship.example", maildirs))
    elif before is not None:
        lines.append(_towards("ship.example", before, conneg="optional"))
    return parse_config("\n".join(lines))


def _maildir(domain: str, maildirs: Path) -> str:
    return (
        f'[[destination]]\ndomains = ["{domain}"]\ndeliver = "maildir"\n'
        f'path = "{maildirs}/{{domain}}/{{local_part}}"\nconvert = false'
    )


def _towards(domain: str, endpoint: Endpoint, *, conneg: str = "required", ensures: bool = False) -> str:
    return (
        f'[[destination]]\ndomains = ["{domain}"]\ndeliver = "smtp"\nhost = "{endpoint}"\nconneg = "{conneg}"\n'
        f"ensure_conversion = {str(ensures).lower()}"
    )


async def run_chain(output: Path, console: Console) -> Journey:
    """Send the demo's message along the chain; what arrives, and the dialogues, are in the folder `output`."""
    journey = Journey([Leg(sender, receiver) for sender, receiver in pairwise(SERVERS)])
    output = prepare_output(output)
    with tempfile.TemporaryDirectory(prefix="conneg-demo-") as name:
        work, maildirs = Path(name), output / "maildir"
        (work / "devices.toml").write_text(directory_text({RECIPIENT: JUNE}), encoding="utf-8")
        done = asyncio.Event()
        async with AsyncExitStack() as stack:
            endpoint: Endpoint | None = None
            for place in reversed(range(len(SERVERS))):
                console.print(f"[dim]starting the {SERVERS[place]}, {_HOSTS[place]}[/]", highlight=False)
                watch = _watch(journey, place, done)
                config = chain_config(place, work, maildirs, after=endpoint)
                gateway = await stack.enter_async_context(Gateway(config, watch=watch))
                endpoint = gateway.endpoints[0]
            assert endpoint is not None
            await asyncio.to_thread(_submit, endpoint)
            async with asyncio.timeout(_SECONDS):
                await done.wait()
        async with Workers(count=1) as workers:
            local_part, _, domain = RECIPIENT.partition("@")
            journey.arrival = await read_arrival(
                RECIPIENT, maildirs / domain / local_part, output / "files", JUNE, workers
            )
    return journey


def _watch(journey: Journey, place: int, done: asyncio.Event) -> Watcher:
    """Return what notes the events of the server at `place`; `done` is set when the last one has filed the message."""

    def watch(event: Event) -> None:
        if place < len(journey.legs):
            journey.legs[place].note(event)
            if isinstance(event, Settled) and event.state == "failed":
                done.set()
        elif isinstance(event, Settled):
            done.set()

    return watch


def _submit(endpoint: Endpoint) -> None:
    with smtplib.SMTP(endpoint.host, endpoint.port, local_hostname="ship.example") as client:
        client.send_message(compose(SENDER, (RECIPIENT,)), from_addr=SENDER, to_addrs=[RECIPIENT])
