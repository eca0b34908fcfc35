"""What a benchmark is and how it is run: contestants take turns, and the median of each one's rounds counts."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Contestant:
    """One that runs: `run` does the work once and gives a rate (higher is better), in the benchmark's unit."""

    name: str
    version: str
    run: Callable[[], float]
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Absent:
    """One that cannot run here, and why: which Debian package brings it, or what is not there yet."""

    name: str
    reason: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A set of contestants for the same work; `notes` say what makes the comparison fair, or less than fair.

    `wanted`: how many times a peer's median ours should be, at least, by the peer's name; `wanted_of_best`: the same
    of the best medians, whatever each of them was reached with, by what stands before the colon in the peer's name.
    """

    name: str
    title: str
    unit: str
    contestants: tuple[Contestant | Absent, ...]
    notes: tuple[str, ...] = ()
    wanted: Mapping[str, float] = field(default_factory=dict)
    wanted_of_best: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Score:
    """The rates one contestant reached, a round each, or the reason why there are none."""

    name: str
    version: str
    ours: bool
    rates: list[float] = field(default_factory=list)
    problem: str | None = None

    @property
    def median(self) -> float | None:
        """The median rate; None when no round succeeded."""
        return statistics.median(self.rates) if self.rates else None


def measure(benchmark: Benchmark, *, rounds: int, until: float, say: Callable[[str], None]) -> list[Score]:
    """Run up to `rounds` rounds, fewer once `time.monotonic()` passes `until` (but one in any case).

    The order turns by one each round, so that nobody always runs behind the same neighbour. A contestant that fails is
    left out from then on, with its reason; the others go on.
    """
    scores = {
        each.name: Score(each.name, each.version, each.ours)
        if isinstance(each, Contestant)
        else Score(each.name, "", each.ours, problem=each.reason)
        for each in benchmark.contestants
    }
    runners = [each for each in benchmark.contestants if isinstance(each, Contestant)]
    for number in range(rounds):
        if number > 0 and time.monotonic() > until:
            say(f"{benchmark.name}: out of time after {number} rounds")
            break
        turn = number % max(1, len(runners))
        for runner in runners[turn:] + runners[:turn]:
            score = scores[runner.name]
            if score.problem is not None:
                continue
            try:
                score.rates.append(runner.run())
            except Exception as error:  # whatever one contestant does, the others are still measured
                score.problem = f"failed: {type(error).__name__}: {error}".splitlines()[0]
            else:
                say(
                    f"{benchmark.name} {number + 1}/{rounds} {runner.name}: {score.rates[-1]:,.1f} {benchmark.unit}"
                )
    return list(scores.values())
