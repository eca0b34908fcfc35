"""What a figure should be, what it was, and whether that is met."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from .model import Benchmark, Score
from .report import best_ratio, figure, ratio


@dataclass(frozen=True, slots=True)
class Aim:
    """`value` should be at least `bound`, or with `is_most` at most; None: it could not be measured."""

    what: str
    value: float | None
    bound: float
    unit: str = "x"
    is_most: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is met; None when nothing was measured."""
        if self.value is None:
            return None
        return self.value <= self.bound if self.is_most else self.value >= self.bound

    def __str__(self) -> str:
        verdict = {True: "met", False: "MISSED", None: "not measured"}[self.is_met]
        wanted = f"at {'most' if self.is_most else 'least'} {self.bound:g} {self.unit}"
        found = "" if self.value is None else f", found {figure(self.value)} {self.unit}"
        return f"{verdict}: {self.what}: wanted {wanted}{found}"


def of_benchmark(benchmark: Benchmark, scores: list[Score]) -> list[Aim]:
    """The aims of a comparison: our median over the named peer's, and our best over its best."""
    found = {score.name: ratio(score, scores) for score in scores}
    medians = [
        Aim(f"{benchmark.name}: conneg's median over that of {peer}", found.get(peer), bound)
        for peer, bound in benchmark.wanted.items()
    ]
    bests = [
        Aim(
            f"{benchmark.name}: conneg's best median over the best of {peer}", best_ratio(peer, scores), bound
        )
        for peer, bound in benchmark.wanted_of_best.items()
    ]
    return medians + bests


def show(console: Console, aims: Sequence[Aim]) -> None:
    """A line for each."""
    colours = {True: "green", False: "red", None: "yellow"}
    for aim in aims:
        console.print(f"  [{colours[aim.is_met]}]{aim}[/]", highlight=False, soft_wrap=True)
    if aims:
        console.print()


def as_json(aims: Sequence[Aim]) -> list[dict[str, Any]]:
    """The same as values of JSON."""
    return [
        {
            "what": aim.what,
            "value": aim.value,
            "bound": aim.bound,
            "unit": aim.unit,
            "is_most": aim.is_most,
            "is_met": aim.is_met,
        }
        for aim in aims
    ]
