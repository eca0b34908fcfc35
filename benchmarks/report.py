"""What was measured, for people (a table) and for programs (JSON)."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from .model import Benchmark, Score


def show_machine(console: Console, machine: Mapping[str, str]) -> None:
    """One line a fact."""
    for name, value in machine.items():
        console.print(f"[dim]{name:>12}[/]  {value}", highlight=False)


def show(console: Console, benchmark: Benchmark, scores: list[Score]) -> None:
    """A table: median, lowest and highest round, and our median over each peer's ("3.00 x": three times as fast)."""
    console.print(f"[bold]{benchmark.name}: {benchmark.title}[/]", highlight=False, soft_wrap=True)
    table = Table()
    table.add_column("", no_wrap=True)
    for head in (f"median {benchmark.unit}", "lowest to highest", "conneg is"):
        table.add_column(head, justify="right", no_wrap=True)
    last = ""
    for score in scores:
        name, _, work = score.name.partition(": ")
        if work != last:
            table.add_section()
            table.add_row(f"[italic]{work}[/]")
            last = work
        _add_row(table, name, score, ratio(score, scores))
    console.print(table)
    problems = {score.name.partition(": ")[0]: score.problem for score in scores if score.problem is not None}
    for name, problem in problems.items():
        console.print(f"  [yellow]{name}[/]: {problem}", highlight=False, soft_wrap=True)
    for note in benchmark.notes:
        console.print(f"  [dim]{note}[/]", highlight=False, soft_wrap=True)
    console.print()


def _add_row(table: Table, name: str, score: Score, factor: float | None) -> None:
    label = f"{name} {score.version}".strip()
    if score.median is None:
        table.add_row(f"[dim]{label}[/]", "-", "-", "")
        return
    shown = "" if factor is None else f"{factor:.2f} x"
    label = f"[bold]{label}[/]" if score.ours else label
    table.add_row(
        label, figure(score.median), f"{figure(min(score.rates))} to {figure(max(score.rates))}", shown
    )


def as_json(benchmark: Benchmark, scores: list[Score]) -> dict[str, Any]:
    """The same as values of JSON."""
    return {
        "title": benchmark.title,
        "unit": benchmark.unit,
        "notes": list(benchmark.notes),
        "scores": [
            {
                "name": score.name,
                "version": score.version,
                "ours": score.ours,
                "median": score.median,
                "rounds": score.rates,
                "ratio_of_ours": ratio(score, scores),
                "problem": score.problem,
            }
            for score in scores
        ],
    }


def ratio(peer: Score, scores: list[Score]) -> float | None:
    """Our median over the peer's, for the same work (what follows the colon in its name); None without both."""
    _, _, work = peer.name.partition(": ")
    own = next((score for score in scores if score.ours and score.name.partition(": ")[2] == work), None)
    if peer.ours or own is None or own.median is None or peer.median is None:
        return None
    return own.median / peer.median


def best_ratio(peer: str, scores: list[Score]) -> float | None:
    """Our best median over the best of the peer of that name, each for its own best work; None without both."""
    own = [score.median for score in scores if score.ours and score.median is not None]
    others = [score for score in scores if score.name.partition(": ")[0] == peer]
    theirs = [score.median for score in others if score.median is not None]
    return max(own) / max(theirs) if own and theirs else None


def figure(value: float) -> str:
    """A rate in three or more figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
