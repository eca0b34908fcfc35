"""`strategies`: one message to many recipients by each way of the draft's Appendix A, and by `auto`.

A gateway sends a PDF of two pages to 1 to 1,000 recipients, by a real session with a next hop that tells what each can
take and counts what it gets: to fax machines of 1 to 50 kinds, and, with a letter of text, to 50 kinds of mailboxes,
colour printers, phones, pagers and fax machines (`benchmarks.devices`). With `--octets`, as a program of its own, it
prints what the forms of the sample documents weigh, on which `conneg.negotiation.cost` rests.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.devices import devices

WAYS = ("single", "common", "batch", "auto")
SIZES = {
    "fax machines": (
        (1, 1),
        (10, 1),
        (10, 5),
        (100, 1),
        (100, 10),
        (100, 50),
        (1000, 1),
        (1000, 10),
        (1000, 50),
    ),
    "mixed devices": ((1, 1), (10, 10), (100, 50), (1000, 50)),
}
"""For each fleet: recipients, and how many kinds of device they have."""

SAMPLES = Path(__file__).parent.parent / "src/conneg/demo/samples"


class Sent(NamedTuple):
    """What a message cost: sessions, copies and their octets, conversions, and the seconds until all had it.

    `failed` are the recipients who could not be sent any form of it.
    """

    fleet: str
    way: str
    recipients: int
    kinds: int
    sessions: int
    copies: int
    octets: int
    conversions: int
    failed: int
    seconds: float


class _Counting:
    """The next hop: an `SmtpHandler` that says what each recipient can take, and counts."""

    def __init__(self, capabilities: Sequence[str]) -> None:
        self._capabilities = capabilities
        self.sessions = self.copies = self.octets = 0

    def connect(self, peer: object) -> None:
        self.sessions += 1

    def mail(self, session: object, command: object) -> object:
        from conneg.smtp import Reply

        return Reply(250, ("OK",), "2.1.0")

    def rcpt(self, session: object, commands: Sequence[object]) -> Sequence[object]:
        from conneg.smtp import RcptAnswer, Reply

        good = Reply(250, ("OK",), "2.1.5")
        return [
            RcptAnswer(good, self._capabilities[int(command.forward_path.partition("@")[0][1:])])  # type: ignore[attr-defined]
            for command in commands
        ]

    def data(self, session: object) -> "_Counting":
        self.copies += 1
        return self

    def write(self, chunk: bytes) -> None:
        self.octets += len(chunk)

    def finish(self) -> object:
        from conneg.smtp import Reply

        return Reply(250, ("OK",), "2.0.0")

    def abort(self) -> None:
        pass

    def reset(self, session: object) -> None:
        pass

    def disconnect(self, session: object) -> None:
        pass

    def vrfy(self, session: object, argument: str) -> object:
        from conneg.smtp import Reply

        return Reply(252, ("send and see",), "2.1.5")


async def send(fleet: str, way: str, recipients: int, kinds: int) -> Sent:
    """Send the message once by one way, with nothing made beforehand."""
    from conneg.gateway.config import parse_config
    from conneg.gateway.events import Converting, Event, Settled
    from conneg.gateway.service import Gateway
    from conneg.mail import Envelope, Recipient
    from conneg.net import ListenerLimits, start_listener
    from conneg.smtp import ServerConfig

    handler = _Counting(devices(fleet, recipients, kinds))
    config = ServerConfig(hostname="hop.example", max_transactions=10_000, max_recipients=2_000)
    limits = ListenerLimits(connections_per_minute=100_000)
    listener = await start_listener(handler, "127.0.0.1", 0, config, limits=limits)  # type: ignore[arg-type]
    settled, conversions, failed = 0, 0, 0
    done = asyncio.Event()

    def watch(event: Event) -> None:
        nonlocal settled, conversions, failed
        conversions += isinstance(event, Converting) and event.total == 0
        settled += isinstance(event, Settled)
        failed += isinstance(event, Settled) and event.state != "delivered"
        if settled == recipients:
            done.set()

    with tempfile.TemporaryDirectory(prefix="conneg-bench-") as name:
        text = (
            f'[server]\nlisten = []\n[spool]\npath = "{name}/spool"\n[content]\ncache_mib = 0\n[[destination]]\n'
            f'domains = ["*"]\ndeliver = "smtp"\nhost = "127.0.0.1:{listener.port}"\nstrategy = "{way}"\n'
        )
        async with Gateway(parse_config(text), watch=watch) as gateway:
            await gateway.fence()  # the workers are there
            started = time.perf_counter()
            incoming = gateway.spool.incoming()
            incoming.write(_message(fleet))
            await incoming.commit(
                Envelope(
                    "amy@example.com",
                    tuple(Recipient(f"r{number}@fax.example") for number in range(recipients)),
                )
            )
            gateway.wake()
            await asyncio.wait_for(done.wait(), 300)
            seconds = time.perf_counter() - started
    await listener.close(1)
    counted = handler.sessions, handler.copies, handler.octets
    return Sent(fleet, way, recipients, kinds, *counted, conversions, failed, seconds)


def _message(fleet: str) -> bytes:
    """A survey; with a letter for those who may show no more than that."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "amy@example.com", "fax@fax.example", "The survey"
    if fleet == "mixed devices":
        message.set_content("The survey, as promised.\n")
    message.add_attachment(
        (SAMPLES / "survey.pdf").read_bytes(), maintype="application", subtype="pdf", filename="survey.pdf"
    )
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


def measure(say: Callable[[str], None]) -> list[Sent]:
    """Send by every way to every number of recipients and kinds of device."""
    import uvloop

    found = []
    for fleet, sizes in SIZES.items():
        for (recipients, kinds), way in itertools.product(sizes, WAYS):
            say(f"strategies: {recipients:,} {fleet} of {kinds} kinds, {way}")
            found.append(uvloop.run(send(fleet, way, recipients, kinds)))
    return found


def show(console: Console, found: list[Sent]) -> None:
    """A table for each fleet, a row for each message."""
    for fleet in SIZES:
        console.print(f"[bold]strategies: a PDF of two pages to many {fleet}[/]", highlight=False)
        table = Table(
            "recipients", "kinds", "way", "sessions", "copies", "MB", "conversions", "failed", "seconds"
        )
        for one in found:
            if one.fleet == fleet:
                counted = [f"{one.sessions:,}", f"{one.copies:,}", f"{one.octets / 1e6:.1f}"]
                counted += [f"{one.conversions:,}", str(one.failed)]
                table.add_row(f"{one.recipients:,}", str(one.kinds), one.way, *counted, f"{one.seconds:.2f}")
        console.print(table)


def as_json(found: list[Sent]) -> object:
    """The measurements as values of JSON."""
    return [one._asdict() for one in found]


def draw(found: list[Sent], file: Path) -> None:
    """Draw octets, conversions and seconds against recipients: a row of panels for each fleet."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    fleets = list(dict.fromkeys(one.fleet for one in found))
    figure, rows = pyplot.subplots(
        len(fleets), 3, figsize=(10.5, 3.4 * len(fleets)), layout="constrained", squeeze=False
    )
    for fleet, panels in zip(fleets, rows, strict=True):
        _draw_fleet(panels, fleet, [one for one in found if one.fleet == fleet])
    figure.suptitle("A PDF of two pages to many recipients", fontsize=10)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _draw_fleet(panels: Sequence[Any], fleet: str, found: list[Sent]) -> None:
    """Draw what it costs to send to one fleet, for the most kinds of device of each number of recipients."""
    most = {
        one.recipients: max(each.kinds for each in found if each.recipients == one.recipients)
        for one in found
    }
    for way in WAYS:
        of_way = [one for one in found if one.way == way and one.kinds == most[one.recipients]]
        counts = [one.recipients for one in of_way]
        curves = (
            [one.octets / 1e6 for one in of_way],
            [one.conversions for one in of_way],
            [one.seconds for one in of_way],
        )
        for axes, values in zip(panels, curves, strict=True):
            axes.plot(counts, values, "o-", ms=4, label=way)
    kinds = ", ".join(f"{most[count]} of {count:,}" for count in most)
    titles = ("megabytes sent", "conversions", "seconds until all have it")
    for axes, title in zip(panels, titles, strict=True):
        axes.set(xscale="log", xlabel=f"recipients: {fleet}")
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yscale("log")
    panels[2].set_yscale("log")
    panels[0].legend(fontsize=8, frameon=False, title=f"kinds: {kinds}", title_fontsize=7)


def weigh() -> None:
    """Print the octets of every form of the sample documents, and the bits a pixel at 200 dpi on A4."""
    from conneg.content.conversion import ConversionJob, convert
    from conneg.content.source import ReadLimits, Source
    from conneg.features import collection

    sources = {
        "letter.txt": Source(SAMPLES / "letter.txt", "text/plain", charset="utf-8"),
        "survey.pdf": Source(SAMPLES / "survey.pdf", "application/pdf"),
    }
    page = '(image-file-structure=TIFF) (dpi=200) (dpi-xyratio=1) (paper-size=A4) (type="image/tiff")'
    forms = {coding: f"(& {page} (color=Binary) (image-coding={coding}))" for coding in ("MH", "MR", "MMR")}
    forms["JBIG"] = f"(& {page} (color=Binary) (image-coding=JBIG) (JBIG-stripe-size=128))"
    for colour in ("Grey", "Full"):
        for name in ("image/jpeg", "image/png", "image/webp", "application/pdf"):
            forms[f"{name} {colour}"] = f'(& (type="{name}") (color={colour}) (dpi=200))'
    for form, expression in forms.items():
        for name, source in sources.items():
            with tempfile.TemporaryDirectory() as folder:
                job = ConversionJob((source,), collection(expression), Path(folder), "x")
                files = convert(job, ReadLimits(pages=10)).files
                octets, pages = sum(file.octets for file in files), sum(file.pages for file in files)
            bits = octets * 8 / pages / (8.27 * 11.69 * 200 * 200)
            print(f"{form:22} {name}  {octets:9,} octets  {bits:.3f} bits a pixel")


if __name__ == "__main__" and "--octets" in sys.argv:
    weigh()
