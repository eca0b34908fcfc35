"""`python -m benchmarks [NAME...] [--rounds N] [--seconds S] [--json FILE] [--pictures FOLDER]`."""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

from rich.console import Console

from . import (
    aims,
    capability,
    connections,
    curves,
    documents,
    durable,
    faults,
    features,
    front,
    growth,
    lookups,
    machine,
    pages,
    recipients,
    relay,
    report,
    strategies,
    workers,
)
from .model import Benchmark, measure

BENCHMARKS: dict[str, Callable[[ExitStack, Path], Benchmark]] = {
    "front": front.prepare,
    "durable": durable.prepare,
    "relay": relay.prepare,
    "pdf": documents.prepare_pdf,
    "photo": documents.prepare_photo,
    "recode": documents.prepare_recode,
    "workers": workers.prepare,
    "features": features.prepare,
    "known": features.prepare_known,
    "import": features.prepare_import,
}
CURVES: dict[str, tuple[ModuleType, str | None]] = {
    "capability": (capability, "smtp-capability.png"),
    "recipients": (recipients, "smtp-recipients.png"),
    "connections": (connections, "smtp-connections.png"),
    "growth": (growth, "features-growth.png"),
    "curves": (curves, "features-curves.png"),
    "pages": (pages, "content-pages.png"),
    "strategies": (strategies, "strategies.png"),
    "lookups": (lookups, None),
    "faults": (faults, None),
}
"""What is measured in a way of its own: the module, and the name of its picture if it draws one."""


def main() -> int:
    """Run what was asked for; 1 when one of our own contestants failed, 0 otherwise, whatever peers are missing."""
    options = _options()
    # so that a stop from outside also unwinds, and ends what was started
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.dir is not None:
        tempfile.tempdir = str(options.dir)
    console, progress = Console(), Console(stderr=True)
    facts = machine.describe()
    report.show_machine(console, facts)
    results: dict[str, object] = {}
    own_trouble = False
    for name in options.names or (*BENCHMARKS, *CURVES):
        if name in CURVES:
            results[name] = _measure_curve(name, console, progress, options.pictures)
            continue
        with ExitStack() as stack:
            scratch = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="conneg-bench-", dir=options.dir))
            )
            with progress.status(f"{name}: starting") as status:
                benchmark = BENCHMARKS[name](stack, scratch)
                until = time.monotonic() + options.seconds
                scores = measure(benchmark, rounds=options.rounds, until=until, say=status.update)
        report.show(console, benchmark, scores)
        found = aims.of_benchmark(benchmark, scores)
        aims.show(console, found)
        results[name] = {**report.as_json(benchmark, scores), "aims": aims.as_json(found)}
        own_trouble |= any(score.ours and score.problem is not None for score in scores)
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": facts, "benchmarks": results}, indent=2) + "\n")
    return int(own_trouble)


def _measure_curve(name: str, console: Console, progress: Console, pictures: Path | None) -> object:
    module, picture = CURVES[name]
    with progress.status(f"{name}: starting") as status:
        found = module.measure(status.update)
    module.show(console, found)
    console.print()
    if pictures is not None and picture is not None:
        module.draw(found, pictures / picture)
        console.print(f"  drawn: {pictures / picture}\n", highlight=False)
    judged = module.aims(found) if hasattr(module, "aims") else []
    aims.show(console, judged)
    return (
        {"measured": module.as_json(found), "aims": aims.as_json(judged)} if judged else module.as_json(found)
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Benchmarks against named peers, in the same run."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {', '.join((*BENCHMARKS, *CURVES))} (all)"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds of each; the median counts (%(default)s)"
    )
    parser.add_argument(
        "--seconds", type=float, default=45, help="no new round of a benchmark after so long (%(default)g)"
    )
    parser.add_argument(
        "--dir", type=Path, help="where spools and documents are kept meanwhile (the temporary folder)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw the curves into this folder")
    options = parser.parse_args()
    for name in options.names:
        if name not in BENCHMARKS and name not in CURVES:
            parser.error(f"no benchmark {name!r}; there are {', '.join((*BENCHMARKS, *CURVES))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
