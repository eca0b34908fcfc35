"""`capability`: what a RCPT costs that is answered with a capability, beside a plain one to the same recipient."""

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

OCTETS = (100, 200, 400, 800, 1600)
AIMED_AT = 400
BOUND = 1.25
ROUNDS = 15
AT_ONCE = 100
SERVERS = {
    "listener": "the listener with a handler that knows the answer",
    "gateway": "the gateway's intake with its directory",
}


class Cost(NamedTuple):
    """Medians for one server and one length, in seconds a RCPT, and the lowest and highest ratio of the rounds."""

    server: str
    octets: int
    plain: float
    conneg: float
    plain_together: float
    conneg_together: float
    ratios: tuple[float, float]
    ratios_together: tuple[float, float]


def measure(say: Callable[[str], None]) -> list[Cost]:
    """Measure both servers at all lengths, plain and with CONNEG taking turns."""
    return [_measure(server, octets, say) for server in SERVERS for octets in OCTETS]


def _measure(server: str, octets: int, say: Callable[[str], None]) -> Cost:
    say(f"capability: {server}, {octets} octets")
    with ExitStack() as stack:
        expression = ours.capability_of(octets)
        if server == "gateway":
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conneg-bench-")))
            arguments = ours.accepting_arguments(scratch / "gateway", expression)
            port = stack.enter_context(load.python_server("benchmarks.servers.conneg_accepting", *arguments))
        else:
            port = stack.enter_context(load.python_server("benchmarks.servers.conneg_discard", expression))
        dialogue = stack.enter_context(Dialogue(port))
        kinds = (rcpt(conneg=False), rcpt(conneg=True))
        singly: tuple[list[float], list[float]] = ([], [])
        together: tuple[list[float], list[float]] = ([], [])
        for number in range(ROUNDS + 1):
            for kind in (0, 1) if number % 2 else (1, 0):
                dialogue.begin()
                alone = statistics.median(dialogue.time_one_by_one(kinds[kind], AT_ONCE))
                times = [
                    dialogue.time_together([kinds[kind]] * AT_ONCE) / AT_ONCE
                    for _ in range((MAX_RECIPIENTS - AT_ONCE) // AT_ONCE)
                ]
                if number:  # the first round warms up
                    singly[kind].append(alone)
                    together[kind].append(statistics.median(times))
        plain, conneg, plain_together, conneg_together = map(statistics.median, (*singly, *together))
        return Cost(
            server,
            octets,
            plain,
            conneg,
            plain_together,
            conneg_together,
            _spread(singly),
            _spread(together),
        )


def _spread(times: tuple[list[float], list[float]]) -> tuple[float, float]:
    ratios = [conneg / plain for plain, conneg in zip(*times, strict=True)]
    return min(ratios), max(ratios)


def show(console: Console, costs: list[Cost]) -> None:
    """A table for each way to send."""
    for way, together in (("one by one", False), (f"{AT_ONCE} at once", True)):
        console.print(
            f"[bold]capability: microseconds a RCPT, {way}; medians of {ROUNDS} rounds[/]", highlight=False
        )
        table = Table("server", "octets of the capability", "plain", "with it", "ratio", "of a round")
        for cost in costs:
            plain, conneg = _times(cost, together)
            low, high = cost.ratios_together if together else cost.ratios
            table.add_row(
                cost.server,
                str(cost.octets),
                f"{plain * 1e6:.1f}",
                f"{conneg * 1e6:.1f}",
                f"{conneg / plain:.2f} x",
                f"{low:.2f} to {high:.2f}",
            )
        console.print(table)
    for name, what in SERVERS.items():
        console.print(f"  [dim]{name}: {what}[/]", highlight=False, soft_wrap=True)
    console.print("  [dim]the load is benchmarks/dialogue.py, one connection[/]", highlight=False)


def _times(cost: Cost, together: bool) -> tuple[float, float]:
    return (cost.plain_together, cost.conneg_together) if together else (cost.plain, cost.conneg)


def aims(costs: list[Cost]) -> list[Aim]:
    """At most 1.25 times a plain one, for 400 octets."""
    found = []
    for cost in costs:
        for way, together in (("one by one", False), (f"{AT_ONCE} at once", True)):
            plain, conneg = _times(cost, together)
            what = f"capability: RCPT with {cost.octets} octets over a plain one, {cost.server}, {way}"
            if cost.octets == AIMED_AT:
                found.append(Aim(what, conneg / plain, BOUND, is_most=True))
    return found


def as_json(costs: list[Cost]) -> object:
    """The measurements as values of JSON, in seconds."""
    return [cost._asdict() for cost in costs]


def draw(costs: list[Cost], file: Path) -> None:
    """Draw the ratio against the length of the capability."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4.2), layout="constrained")
    for server, colour in zip(SERVERS, ("tab:blue", "tab:orange"), strict=True):
        own = [cost for cost in costs if cost.server == server]
        for together, line in ((False, "o-"), (True, "s--")):
            ratios = [conneg / plain for plain, conneg in (_times(cost, together) for cost in own)]
            label = f"{server}, {f'{AT_ONCE} at once' if together else 'one by one'}"
            axes.plot([cost.octets for cost in own], ratios, line, color=colour, ms=4, label=label)
    axes.axhline(BOUND, color="black", lw=0.8, ls="--")
    axes.axvline(AIMED_AT, color="grey", lw=0.8, ls=":")
    axes.set(xscale="log", ylim=(0, None), xlabel="octets of the capability", ylabel="times a plain RCPT")
    axes.set_xticks(OCTETS, [str(octets) for octets in OCTETS], minor=False)
    axes.set_title("A RCPT answered with a capability", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
