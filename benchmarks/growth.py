"""`growth`: what intersections cost as expressions grow, up to millions of terms, and where they are refused.

Each family makes two texts that grow together. Reading both, working out both sets and meeting them is timed as one,
with nothing remembered; the bounds of `conneg.features` decide whether there is an answer.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

ALLOWED = 0.050
"""Seconds for an intersection of sets with a million terms each."""
ROUNDS = 3


class Family(NamedTuple):
    """Texts that grow with a number; `terms` is how many conjunctions the normal form of one of them would have."""

    name: str
    make: Callable[[int, str], str]
    terms: Callable[[int], int]
    sizes: tuple[int, ...]


class Point(NamedTuple):
    """One measurement: terms of each side, octets of both texts, the median seconds, and the bound that refused."""

    family: str
    size: int
    terms: int
    octets: int
    seconds: float
    bound: str | None


def _pairs(count: int, side: str) -> str:
    return "(&" + "".join(f"(|({side}{n}=1)({side}x{n}=1))" for n in range(count)) + ")"


def _tens(count: int, side: str) -> str:
    tens = ("".join(f"(&({side}{n}={v})({side}x{n}={v}))" for v in range(10)) for n in range(count))
    return "(&" + "".join(f"(|{ten})" for ten in tens) + ")"


def _overlapping(count: int, side: str) -> str:
    return "(&" + "".join(f"(|(a{n}=1)(a{n + 1}={side == 'a':d}))" for n in range(count)) + ")"


def _negated(count: int, side: str) -> str:
    return "(&" + "".join(f"(!(&({side}{n}=1)({side}x{n}=1)))" for n in range(count)) + ")"


def _values(count: int, side: str) -> str:
    return "(&" + "".join(f"(t{n}=[{','.join(map(str, range(10)))}])" for n in range(count)) + ")"


def _long_set(count: int, side: str) -> str:
    start = 0 if side == "a" else count // 2
    return f"(x=[{','.join(map(str, range(start, start + count)))}])"


def _clauses(count: int, side: str) -> str:
    return "(|" + "".join(f"(&(t{n}=1)({side}={n}))" for n in range(count)) + ")"


def _digits(count: int, side: str) -> str:
    return f"(x<={'7' * count}/{'9' * count})" if side == "a" else f"(x>={'7' * count}/{'8' * count})"


def _nested(count: int, side: str) -> str:
    return "(!" * (count - 1) + f"({side}=1)" + ")" * (count - 1)


FAMILIES = (
    Family("choices of two, all independent", _pairs, lambda n: 2**n, (1, 2, 4, 6, 8, 10, 12, 14, 17, 20, 24, 30, 40)),
    Family("choices of ten, all independent", _tens, lambda n: 10**n, (1, 2, 3, 4, 5, 6, 8, 10, 12)),
    Family("choices that share tags", _overlapping, lambda n: 2**n, (1, 2, 4, 6, 8, 10, 12, 14, 17, 20, 24, 30, 40)),
    Family("negated conjunctions", _negated, lambda n: 2**n, (1, 2, 4, 6, 8, 10, 12, 14, 17, 20, 24, 30, 40)),
    Family("sets of ten values", _values, lambda n: 10**n, (1, 2, 3, 4, 5, 6, 8, 10, 12)),
    Family("one long set", _long_set, lambda n: n, (1, 10, 100, 1000, 3000, 10_000)),
    Family("clauses written out", _clauses, lambda n: n, (1, 10, 30, 100, 300, 1000, 2500)),
    Family("digits in a rational", _digits, lambda n: 1, (1, 10, 100, 101, 1000)),
    Family("levels of parentheses", _nested, lambda n: 1, (2, 8, 16, 32, 33, 1000)),
)  # fmt: skip


def measure(say: Callable[[str], None]) -> list[Point]:
    """Measure all families, the median of some rounds each."""
    points = []
    for family in FAMILIES:
        say(f"growth: {family.name}")
        for size in family.sizes:
            texts = family.make(size, "a"), family.make(size, "b")
            runs = [_meet(*texts) for _ in range(ROUNDS)]
            seconds = statistics.median(run[0] for run in runs)
            octets = len(texts[0]) + len(texts[1])
            points.append(Point(family.name, size, family.terms(size), octets, seconds, runs[0][1]))
    return points


def _meet(one: str, other: str) -> tuple[float, str | None]:
    """Return the seconds that the whole took, and the bound that refused it if one did."""
    from conneg.errors import BoundExceededError
    from conneg.features import feature_set, forget

    forget()
    bound = None
    start = time.perf_counter()
    try:
        _ = feature_set(one) & feature_set(other)
    except BoundExceededError as error:
        bound = str(error).rpartition("bound ")[2].rstrip(")")
    return time.perf_counter() - start, bound


def show(console: Console, points: list[Point]) -> None:
    """A table: for each family the largest that was answered, the slowest of all, and what refused the rest."""
    console.print("[bold]growth: two sets read and met, cold[/]", highlight=False)
    table = Table()
    for head in ("family", "largest answered, terms each", "in", "slowest of all", "refused above by"):
        table.add_column(head, justify="left" if head in ("family", "refused above by") else "right")
    for family in FAMILIES:
        own = [point for point in points if point.family == family.name]
        answered = [point for point in own if point.bound is None]
        slowest = max(point.seconds for point in own)
        refused = dict.fromkeys(point.bound for point in own if point.bound is not None)
        table.add_row(
            family.name,
            f"{answered[-1].terms:,} (size {answered[-1].size:,})" if answered else "-",
            f"{answered[-1].seconds * 1000:.2f} ms" if answered else "-",
            f"[{'red' if slowest > ALLOWED else 'green'}]{slowest * 1000:.1f} ms[/]",
            ", ".join(refused) or "-",
        )
    console.print(table)
    large = [point for point in points if point.terms >= 1_000_000]
    console.print(
        f"  [dim]slowest with a million terms or more: {max(point.seconds for point in large) * 1000:.1f} ms;"
        f" allowed {ALLOWED * 1000:.0f} ms[/]\n",
        highlight=False,
    )


def as_json(points: list[Point]) -> list[dict[str, object]]:
    """The measurements as values of JSON."""
    return [point._asdict() for point in points]


def draw(points: list[Point], file: Path) -> None:
    """Draw time against terms: filled where there was an answer, crosses where a bound refused."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5.2), layout="constrained")
    grown = [family for family in FAMILIES if family.terms(2) > 1]
    colours = pyplot.get_cmap("tab10").colors  # type: ignore[attr-defined]
    for family, colour in zip(grown, colours, strict=False):
        own = [point for point in points if point.family == family.name]
        axes.plot([p.terms for p in own], [p.seconds * 1000 for p in own], color=colour, lw=1.2, alpha=0.6)
        for refused, mark in ((False, "o"), (True, "x")):
            some = [point for point in own if (point.bound is not None) is refused]
            axes.scatter(
                [p.terms for p in some], [p.seconds * 1000 for p in some],
                color=colour, marker=mark, s=26, label=None if refused else family.name, zorder=3,
            )  # fmt: skip
    axes.axhline(ALLOWED * 1000, color="black", lw=0.8, ls="--")
    axes.axvline(1_000_000, color="grey", lw=0.8, ls=":")
    axes.text(1.1, ALLOWED * 1000 * 1.1, "50 ms", fontsize=8)
    axes.text(1_100_000, 0.05, "a million terms", fontsize=8, color="grey")
    axes.set(xscale="log", yscale="log", ylim=(0.04, 110))
    axes.set_xlabel("terms in the disjunctive normal form of each set")
    axes.set_ylabel("milliseconds to read two texts and meet the sets")
    axes.set_title(
        "Intersections as expressions grow: dots are answered, crosses refused by a bound", fontsize=10
    )
    axes.legend(fontsize=8, loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
