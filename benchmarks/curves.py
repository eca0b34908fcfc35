"""`curves`: reading against text length, beside `packaging.markers.Marker`; matching against recipients."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from .features import OFFER, marker_of, recipients

LENGTHS = (60, 120, 250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000)
COUNTS = (10, 30, 100, 300, 1000, 3000, 10_000)
CLASSES = 10
BEST_OF = 5


class Curves(NamedTuple):
    """Seconds: to read a text of so many characters, ours and Marker's; to match so many recipients, new and known."""

    reading: list[tuple[int, float, float]]
    matching: list[tuple[int, float, float]]


def measure(say: Callable[[str], None]) -> Curves:
    """Measure both curves, the best of some rounds each."""
    from packaging.markers import Marker

    from conneg.features import feature_set, forget
    from conneg.features.reading import read_expression

    say("curves: reading")
    reading = []
    for length in LENGTHS:
        text, marker = expression_of(length), marker_of(length)
        reading.append((length, _best(lambda t=text: read_expression(t)), _best(lambda m=marker: Marker(m))))  # type: ignore[misc]
    say("curves: matching")
    offer = feature_set(OFFER)
    matching = []
    for count in COUNTS:
        texts = recipients(count, CLASSES)

        def match(texts: list[str] = texts) -> None:
            for text in texts:
                _ = offer & feature_set(text)

        def match_new(run: Callable[[], None] = match) -> None:
            forget()
            run()

        matching.append((count, _best(match_new), _best(match)))
    return Curves(reading, matching)


def expression_of(length: int) -> str:
    """A feature expression of at most so many characters: a conjunction of terms of all kinds."""
    kinds = ("(dpi={n})", "(color=[Binary,Grey])", "(size-x<=21{n}/254)", '(type="image/tiff")', "(x{n}>=0)")
    text, number = "(&", 0
    while True:
        term = kinds[number % len(kinds)].format(n=number)
        if len(text) + len(term) + 1 > length:
            return f"{text})".ljust(length)
        text += term
        number += 1


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(BEST_OF):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def show(console: Console, curves: Curves) -> None:
    """Two tables."""
    console.print("[bold]curves: a text read, cold[/]", highlight=False)
    table = Table("characters", "conneg", "packaging.markers.Marker", "conneg is")
    for length, ours, theirs in curves.reading:
        table.add_row(f"{length:,}", _milliseconds(ours), _milliseconds(theirs), f"{theirs / ours:.2f} x")
    console.print(table)
    console.print(f"[bold]curves: recipients matched with one offer, {CLASSES} classes[/]", highlight=False)
    table = Table("recipients", "texts never seen", "texts known")
    for count, new, known in curves.matching:
        table.add_row(f"{count:,}", _milliseconds(new), _milliseconds(known))
    console.print(table)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.3f} ms"


def as_json(curves: Curves) -> dict[str, object]:
    """The measurements as values of JSON."""
    return {"reading": curves.reading, "matching": curves.matching}


def draw(curves: Curves, file: Path) -> None:
    """Draw both curves side by side."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    lengths = [row[0] for row in curves.reading]
    left.plot(
        lengths, [row[2] * 1000 for row in curves.reading], "s-", color="tab:grey", label="Marker", ms=4
    )
    left.plot(
        lengths, [row[1] * 1000 for row in curves.reading], "o-", color="tab:blue", label="conneg", ms=4
    )
    left.set(xscale="log", yscale="log", xlabel="characters", ylabel="milliseconds")
    left.set_title("A text read, cold: conneg and packaging.markers.Marker", fontsize=10)
    counts = [row[0] for row in curves.matching]
    right.plot(
        counts,
        [row[1] * 1000 for row in curves.matching],
        "s-",
        color="tab:orange",
        label="texts never seen",
        ms=4,
    )
    right.plot(
        counts, [row[2] * 1000 for row in curves.matching], "o-", color="tab:blue", label="texts known", ms=4
    )
    right.axhline(20, color="black", lw=0.8, ls="--")
    right.text(11, 21.5, "20 ms", fontsize=8)
    right.axvline(1000, color="grey", lw=0.8, ls=":")
    right.set(xscale="log", yscale="log", xlabel="recipients", ylabel="milliseconds")
    right.set_title(f"Recipients matched with one offer, {CLASSES} classes", fontsize=10)
    for axes in (left, right):
        axes.legend(fontsize=8, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
