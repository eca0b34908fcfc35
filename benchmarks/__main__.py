"""`python -m benchmarks [NAME...] [--rounds N] [--seconds S] [--json FILE]`."""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from . import documents, features, front, machine, relay, report
from .model import Benchmark, measure

BENCHMARKS: dict[str, Callable[[ExitStack, Path], Benchmark]] = {
    "front": front.prepare,
    "relay": relay.prepare,
    "pdf": documents.prepare_pdf,
    "photo": documents.prepare_photo,
    "features": features.prepare,
}


def main() -> int:
    """Run what was asked for; 1 when one of our own contestants failed, 0 otherwise, whatever peers are missing."""
    options = _options()
    # so that a stop from outside also unwinds, and ends what was started
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console, progress = Console(), Console(stderr=True)
    facts = machine.describe()
    report.show_machine(console, facts)
    results = {}
    own_trouble = False
    for name in options.names or BENCHMARKS:
        with ExitStack() as stack:
            scratch = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="conneg-bench-", dir=options.dir))
            )
            with progress.status(f"{name}: starting") as status:
                benchmark = BENCHMARKS[name](stack, scratch)
                until = time.monotonic() + options.seconds
                scores = measure(benchmark, rounds=options.rounds, until=until, say=status.update)
        report.show(console, benchmark, scores)
        results[name] = report.as_json(benchmark, scores)
        own_trouble |= any(score.ours and score.problem is not None for score in scores)
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": facts, "benchmarks": results}, indent=2) + "\n")
    return int(own_trouble)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Benchmarks against named peers, in the same run."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)} (all)")
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
    options = parser.parse_args()
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
