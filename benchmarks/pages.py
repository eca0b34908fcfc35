"""`pages`: what a document costs as its pages grow in number and in size: time a page, and the memory of the process.

Each point is a process of its own that makes MMR pages of a text PDF, held to one core; its peak resident memory is the
kernel's figure.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from .aims import Aim
from .textpdf import write_text_pdf

COUNTS = (1, 10, 30, 100, 300, 600)
RESOLUTIONS = ((204, 98), (204, 196), (200, 200), (204, 391), (300, 300), (408, 391))
FINEST = (408, 391)
MANY = 600
ALLOWED_OCTETS = 300_000_000

_RUN = """
import json, resource, sys, time
from pathlib import Path
from benchmarks.ours import convert
source, folder, x, y = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
convert(Path(sys.argv[5]), folder, dpi=(x, y))
start = time.process_time()
pages = convert(source, folder, dpi=(x, y))
seconds = time.process_time() - start
print(json.dumps([pages, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""


class Point(NamedTuple):
    """So many pages at a resolution: processor seconds for all, and the peak of the process's memory in octets."""

    pages: int
    dpi: tuple[int, int]
    seconds: float
    octets: int

    @property
    def pixels(self) -> float:
        """Pixels of one A4 page of nominal width."""
        line = 1728 if self.dpi[0] in (200, 204) else 2592 if self.dpi[0] == 300 else 3456
        return line * round(297 / 25.4 * self.dpi[1])


class Found(NamedTuple):
    """The same document at growing length, at the finest resolution; and one of ten pages at growing resolution."""

    by_count: list[Point]
    by_resolution: list[Point]


def measure(say: Callable[[str], None]) -> Found:
    """Measure both."""
    with tempfile.TemporaryDirectory(prefix="conneg-bench-") as name:
        folder = Path(name)
        for count in {*COUNTS, 10}:
            write_text_pdf(folder / f"{count}.pdf", count)
        by_count = []
        for count in COUNTS:
            say(f"pages: {count} at {FINEST[0]} x {FINEST[1]}")
            by_count.append(_point(folder, count, FINEST))
        by_resolution = []
        for dpi in RESOLUTIONS:
            say(f"pages: 10 at {dpi[0]} x {dpi[1]}")
            by_resolution.append(_point(folder, 10, dpi))
    return Found(by_count, by_resolution)


def _point(folder: Path, count: int, dpi: tuple[int, int]) -> Point:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    arguments: list[str | Path] = [folder / f"{count}.pdf", out, str(dpi[0]), str(dpi[1]), folder / "1.pdf"]
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments],
        cwd=Path(__file__).parents[1], env=os.environ, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    pages, seconds, octets = json.loads(done.stdout)
    return Point(pages, dpi, seconds, octets)


def show(console: Console, found: Found) -> None:
    """Two tables."""
    _show_points(console, f"pages: a text PDF at {FINEST[0]} x {FINEST[1]} in MMR", found.by_count)
    _show_points(console, "pages: ten pages of text in MMR", found.by_resolution)


def _show_points(console: Console, title: str, points: Sequence[Point]) -> None:
    console.print(f"[bold]{title}[/]", highlight=False)
    table = Table()
    for head in ("pages", "dpi", "processor time a page", "peak memory"):
        table.add_column(head, justify="right")
    for point in points:
        table.add_row(
            str(point.pages),
            f"{point.dpi[0]} x {point.dpi[1]}",
            f"{point.seconds * 1000 / point.pages:.2f} ms",
            f"{point.octets / 1e6:.0f} MB",
        )
    console.print(table)


def aims(found: Found) -> list[Aim]:
    """Memory over many pages."""
    last = next((point for point in found.by_count if point.pages == MANY), None)
    what = f"memory over {MANY} pages at {FINEST[0]} x {FINEST[1]}"
    return [Aim(what, last and last.octets / 1e6, ALLOWED_OCTETS / 1e6, "MB", is_most=True)]


def as_json(found: Found) -> dict[str, object]:
    """The measurements as values of JSON."""
    return {name: [point._asdict() for point in points] for name, points in found._asdict().items()}


def draw(found: Found, file: Path) -> None:
    """Draw time and memory against pages, and time a page against its pixels."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(12, 3.9), layout="constrained")
    counts = [point.pages for point in found.by_count]
    left.plot(counts, [point.seconds for point in found.by_count], "o-", color="tab:blue", ms=4)
    left.set(xscale="log", yscale="log", xlabel="pages", ylabel="seconds of processor time")
    left.set_title(f"A text PDF at {FINEST[0]} x {FINEST[1]}, MMR", fontsize=10)
    middle.plot(counts, [point.octets / 1e6 for point in found.by_count], "o-", color="tab:green", ms=4)
    middle.axhline(ALLOWED_OCTETS / 1e6, color="black", lw=0.8, ls="--")
    middle.set(xscale="log", ylim=(0, ALLOWED_OCTETS / 1e6 * 1.1), xlabel="pages", ylabel="MB, peak resident")
    middle.set_title("Memory of the process (dashed: allowed)", fontsize=10)
    for point in found.by_resolution:
        milliseconds = point.seconds * 1000 / point.pages
        right.plot([point.pixels / 1e6], [milliseconds], "o", color="tab:orange", ms=5)
        right.annotate(
            f" {point.dpi[0]}x{point.dpi[1]}", (point.pixels / 1e6, milliseconds), fontsize=7, va="bottom"
        )
    right.set(xlabel="million pixels a page", ylabel="ms a page", ylim=(0, None), xlim=(0, 19))
    right.set_title("A page against its pixels", fontsize=10)
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
