"""The demo from start to end: three servers, one message, deliveries, verification, the table and the page."""

import asyncio
import shutil
import smtplib
import tempfile
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from rich.console import Console

from conneg.content import Workers
from conneg.demo.arrivals import Arrival, read_arrival
from conneg.demo.display import Display
from conneg.demo.message import compose
from conneg.demo.scenario import (
    DEVICES,
    DEVICES_DOMAIN,
    KNOWN_TO_THE_GATEWAY,
    LEGACY,
    PLAIN_DOMAIN,
    RECIPIENTS,
    SENDER,
    Folders,
    directory_text,
    gateway_config,
    receiving_config,
)
from conneg.errors import UnavailableError
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.events import CapabilityFound, Event, Planned, Settled
from conneg.gateway.service import Gateway

_DELIVERY_SECONDS = 180.0
TRANSCRIPT = "dialogues.txt"
"""Where in the output folder every line of every dialogue stands."""

_MARK = "this folder was made by conneg demo and is replaced by its next run\n"


@dataclass(slots=True)
class Outcome:
    """What the demo showed of one recipient."""

    recipient: str
    capability: str = ""
    expression: str = ""
    said_by: str = ""
    form: str = ""
    reason: str = ""
    state: str = ""
    arrival: Arrival | None = None


@dataclass(slots=True)
class Story:
    """Everything the demo found out, for the table and the page."""

    octets_sent: int = 0
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def note(self, event: Event) -> None:
        """Remember what `event` says of a recipient."""
        match event:
            case CapabilityFound(forward_path=recipient, expression=expression, summary=summary):
                outcome = self.of(recipient)
                outcome.capability, outcome.expression = summary, expression
                outcome.said_by = f"{event.provenance}: {event.said_by}"
            case Planned(forward_paths=recipients, target=target, reason=reason):
                for recipient in recipients:
                    self.of(recipient).form, self.of(recipient).reason = target, reason
            case Settled(forward_path=recipient, state=state):
                self.of(recipient).state = state
            case _:
                pass

    def of(self, recipient: str) -> Outcome:
        """Return the outcome of `recipient`."""
        return self.outcomes.setdefault(recipient, Outcome(recipient))

    @property
    def problems(self) -> list[str]:
        """Return everything that is not as it should be, a line each; empty when the demo succeeded."""
        found = []
        for outcome in self.outcomes.values():
            if outcome.state != "delivered":
                found.append(f"{outcome.recipient}: {outcome.state or 'no result'}")
            elif outcome.arrival is not None:
                found += [f"{outcome.recipient}: {problem}" for problem in outcome.arrival.problems]
        return found


def prepare_output(output: Path) -> Path:
    """Return `output` as an empty folder; a folder that the demo did not make is never touched."""
    mark = output / ".conneg-demo"
    if output.exists() and any(output.iterdir()):
        if not mark.is_file():
            raise UnavailableError(
                f"{output} exists and was not made by this command", hint="name another: --output DIR"
            )
        shutil.rmtree(output)
    output.mkdir(parents=True, exist_ok=True)
    mark.write_text(_MARK, encoding="utf-8")
    return output.resolve()


async def run_demo(output: Path, console: Console) -> Story:
    """Run the demo into the folder `output` and return what it found out."""
    story = Story(outcomes={recipient: Outcome(recipient) for recipient in RECIPIENTS})
    with tempfile.TemporaryDirectory(prefix="conneg-demo-") as work, Display(console, RECIPIENTS) as display:
        folders = Folders(prepare_output(output), Path(work))
        await _run_servers(folders, display, story)
        (folders.output / TRANSCRIPT).write_text("\n".join(display.transcript) + "\n", encoding="utf-8")
        display.step("verifying every file that arrived, by inspecting the file")
        async with Workers(count=1) as workers:
            for outcome in story.outcomes.values():
                outcome.arrival = await read_arrival(
                    outcome.recipient,
                    folders.maildir(outcome.recipient),
                    folders.output / "files" / outcome.recipient,
                    outcome.expression,
                    workers,
                )
    return story


async def _run_servers(folders: Folders, display: Display, story: Story) -> None:
    (folders.work / f"{DEVICES_DOMAIN}.toml").write_text(directory_text(DEVICES), encoding="utf-8")
    (folders.work / "gateway.toml").write_text(directory_text(KNOWN_TO_THE_GATEWAY), encoding="utf-8")
    delivered = asyncio.Event()

    def watch(event: Event) -> None:
        story.note(event)
        display(event)
        if all(outcome.state in ("delivered", "failed") for outcome in story.outcomes.values()):
            delivered.set()

    async with (
        Gateway(receiving_config(folders, DEVICES_DOMAIN, conneg=True)) as devices,
        Gateway(receiving_config(folders, PLAIN_DOMAIN, conneg=False)) as plain,
    ):
        names = {"devices": devices.endpoints[0], "plain": plain.endpoints[0]}
        for name, endpoint in names.items():
            display.name_peer(str(endpoint), name)
        display.step("Python's own smtplib asks the receiving server for CONNEG=REQUIRED")
        await asyncio.to_thread(_ask_by_hand, names["devices"], display)
        config = gateway_config(folders, str(names["devices"]), str(names["plain"]))
        async with Gateway(config, watch=watch, transcripts=True) as gateway:
            message = compose(SENDER, RECIPIENTS)
            display.step(f"submitting one message to {len(RECIPIENTS)} recipients through the gateway")
            story.octets_sent = await asyncio.to_thread(_submit, gateway.endpoints[0], message)
            async with asyncio.timeout(_DELIVERY_SECONDS):
                await delivered.wait()
        display.step("waiting for the receiving servers to file what they accepted")
        await _filed(folders)


def _ask_by_hand(endpoint: Endpoint, display: Display) -> None:
    """What anyone can do with smtplib: June's capability, and the 504 for a recipient without an entry."""
    with smtplib.SMTP(endpoint.host, endpoint.port, local_hostname="ship.example") as client:
        client.ehlo()
        client.mail(SENDER)
        for recipient in (f"june@{DEVICES_DOMAIN}", LEGACY):
            display.dialogue("smtplib", True, f"RCPT TO:<{recipient}> CONNEG=REQUIRED")
            code, text = client.rcpt(recipient, ["CONNEG=REQUIRED"])
            for line in text.decode("ascii", "replace").splitlines():
                display.dialogue("smtplib", False, f"{code} {line}")
        client.rset()


def _submit(endpoint: Endpoint, message: EmailMessage) -> int:
    """Send `message` through an ordinary SMTP client; return its size in octets."""
    with smtplib.SMTP(endpoint.host, endpoint.port, local_hostname="ship.example") as client:
        client.send_message(message, from_addr=SENDER, to_addrs=list(RECIPIENTS))
    return len(message.as_bytes(policy=message.policy.clone(linesep="\r\n")))


async def _filed(folders: Folders) -> None:
    """Wait until each recipient's Maildir holds a message."""
    async with asyncio.timeout(30):
        while not all(any((folders.maildir(r) / "new").glob("*")) for r in RECIPIENTS):
            await asyncio.sleep(0.05)
