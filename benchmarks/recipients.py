"""`recipients`: what a transaction costs for each of its recipients, from 1 to 1,000, accepted durably."""

import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from . import load, ours
from .aims import Aim
from .dialogue import MAX_RECIPIENTS, Dialogue, rcpt

COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, MAX_RECIPIENTS)
ROUNDS = 9
BOUND = 1.25
MESSAGE = b"Subject: a document\r\n\r\n" + b"0123456789abcdef" * 125 + b"\r\n.\r\n"


class Cost(NamedTuple):
    """Medians of the seconds of one transaction, plain and with CONNEG: up to the last RCPT's reply, and all of it."""

    recipients: int
    rcpts: float
    whole: float
    conneg_rcpts: float
    conneg_whole: float


def measure(say: Callable[[str], None]) -> list[Cost]:
    """Measure all numbers of recipients, round after round."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conneg-bench-")))
        arguments = ours.accepting_arguments(scratch / "gateway", ours.capability_of(400))
        port = stack.enter_context(load.python_server("benchmarks.servers.conneg_accepting", *arguments))
        dialogue = stack.enter_context(Dialogue(port))
        taken: dict[tuple[int, bool], list[tuple[float, float]]] = {}
        for number in range(ROUNDS + 1):
            say(f"recipients: round {number} of {ROUNDS}")
            for count in COUNTS:
                for conneg in (False, True):
                    times = _send(dialogue, count, conneg)
                    if number:  # the first round warms up
                        taken.setdefault((count, conneg), []).append(times)
    return [Cost(count, *_medians(taken[count, False]), *_medians(taken[count, True])) for count in COUNTS]


def _send(dialogue: Dialogue, count: int, conneg: bool) -> tuple[float, float]:
    """Send a message to so many recipients of one domain, their RCPTs at once; the seconds of both parts."""
    mail = dialogue.time_together([b"MAIL FROM:<amy@example.com>\r\n"])
    rcpts = dialogue.time_together([rcpt(f"june{n}@ifax1.example", conneg=conneg) for n in range(count)])
    dialogue.ask(b"DATA\r\n", b"354")
    content = dialogue.time_together([MESSAGE])
    return rcpts, mail + rcpts + content


def _medians(times: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(one[0] for one in times), statistics.median(one[1] for one in times)


def per_recipient(cost: Cost) -> tuple[float, float, float, float]:
    """The figures of a cost over its recipients."""
    rcpts, whole, conneg_rcpts, conneg_whole = cost[1:]
    count = cost.recipients
    return rcpts / count, whole / count, conneg_rcpts / count, conneg_whole / count


def show(console: Console, costs: list[Cost]) -> None:
    """Microseconds a recipient."""
    console.print(
        f"[bold]recipients: microseconds a recipient, accepted durably; medians of {ROUNDS} rounds[/]",
        highlight=False,
    )
    table = Table("recipients", "RCPT", "transaction", "RCPT with CONNEG", "transaction with CONNEG")
    for cost in costs:
        table.add_row(f"{cost.recipients:,}", *(f"{each * 1e6:.1f}" for each in per_recipient(cost)))
    console.print(table)
    console.print(
        "  [dim]the RCPTs of a transaction are sent at once (PIPELINING); with CONNEG each is answered with 400 "
        "octets[/]",
        highlight=False,
        soft_wrap=True,
    )


def aims(costs: list[Cost]) -> list[Aim]:
    """A recipient costs no more the more there are: at 1,000 at most 1.25 times the cheapest of all."""
    found = []
    for place, what in enumerate(("RCPT", "transaction", "RCPT with CONNEG", "transaction with CONNEG")):
        each = [per_recipient(cost)[place] for cost in costs]
        found.append(
            Aim(
                f"recipients: {what}: a recipient among 1,000 over the cheapest",
                each[-1] / min(each),
                BOUND,
                is_most=True,
            )
        )
    return found


def as_json(costs: list[Cost]) -> object:
    """The measurements as values of JSON, in seconds a transaction."""
    return [cost._asdict() for cost in costs]


def draw(costs: list[Cost], file: Path) -> None:
    """Draw the cost of a recipient against their number."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4.2), layout="constrained")
    counts = [cost.recipients for cost in costs]
    each = [per_recipient(cost) for cost in costs]
    for place, (label, line, colour) in enumerate(
        (
            ("RCPT", "o-", "tab:blue"),
            ("whole transaction", "o--", "tab:blue"),
            ("RCPT, CONNEG", "s-", "tab:orange"),
            ("whole transaction, CONNEG", "s--", "tab:orange"),
        )
    ):
        axes.plot(counts, [one[place] * 1e6 for one in each], line, color=colour, ms=4, label=label)
    axes.set(
        xscale="log", yscale="log", xlabel="recipients of the transaction", ylabel="microseconds a recipient"
    )
    axes.set_title("What each recipient costs, accepted durably", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
