"""`features`, `known` and `import`: media feature sets read, met and chosen from.

No other library has this algebra. Reading is held against `packaging.markers.Marker`, the nearest relative: a small
language with an algebra over it, read by recursive descent in Python.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from . import machine
from .model import Benchmark, Contestant

DRAFT_6_1 = """(&(image-file-structure=TIFF-minimal)(MRC-mode=0)(color=Binary)(|(&(dpi=204)
 (dpi-xyratio=[204/98,204/196]) )(&(dpi=200)(dpi-xyratio=[200/100,1]) )(&(dpi=400)(dpi-xyratio=1) ) )
 (|(image-coding=[MH,MR,MMR])(&(image-coding=JBIG)(image-coding-constraint=JBIG-T85)(JBIG-stripe-size=128) ) )
 (paper-size=[letter,A4,B4])(ua-media=stationery) )""".replace("\n", "")
"""The capability that draft-ietf-fax-esmtp-conneg-03 prints in section 6.1."""

OFFER = """(| (& (type="image/tiff") (image-file-structure=[TIFF-minimal,TIFF-limited,TIFF]) (color=[Binary,Grey,Full])
  (image-coding=[MH,MR,MMR,JPEG]) (dpi<=600) (pix-x<=5000))
  (& (type="image/jpeg") (color=[Grey,Full]) (pix-x<=4000) (pix-y<=3000))
  (& (type="application/pdf") (color=[Binary,Grey,Full])))"""
MARKERS = ('python_version >= "3.8"', 'sys_platform == "linux"', 'extra == "gateway"', 'os_name != "nt"')
RECIPIENTS, CLASSES = 1000, 10
ALLOWED = 0.020
"""Seconds for all the recipients."""
SECONDS = 0.5
_KEEPING_BYTECODE = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def prepare(stack: ExitStack, scratch: Path) -> Benchmark:
    """A text of the draft read cold, against a marker of the same length; and what is done with the sets."""
    from packaging.markers import Marker

    from conneg.features import choose, default_preference, feature_set, forget
    from conneg.features.reading import read_expression

    offer, accepted, preference = feature_set(OFFER), feature_set(DRAFT_6_1), default_preference()
    common = offer & accepted
    marker = marker_of(len(DRAFT_6_1))

    def meet() -> None:
        forget()
        _ = offer & accepted

    def read_set() -> None:
        forget()
        feature_set(DRAFT_6_1)

    version = machine.package_version("conneg")
    work = f"{len(DRAFT_6_1)} characters read, cold"
    return Benchmark(
        name="features",
        title="Media feature sets: the capability of the draft's section 6.1",
        unit="a second",
        contestants=(
            Contestant(
                f"conneg: {work}", version, lambda: rate(lambda: read_expression(DRAFT_6_1)), ours=True
            ),
            Contestant(
                f"packaging.markers.Marker: {work}",
                machine.package_version("packaging"),
                lambda: rate(lambda: Marker(marker)),
            ),
            Contestant("conneg: read into a set, cold", version, lambda: rate(read_set), ours=True),
            Contestant(
                "conneg: met with an offer of three forms, cold", version, lambda: rate(meet), ours=True
            ),
            Contestant(
                "conneg: best form chosen",
                version,
                lambda: rate(lambda: choose(common, preference)),
                ours=True,
            ),
        ),
        notes=("no peer has the algebra; the figures below the first pair are for whoever builds on it",),
    )


def prepare_known(stack: ExitStack, scratch: Path) -> Benchmark:
    """What was read or met before, against doing it for the first time; a thousand recipients in ten classes."""
    from conneg.features import feature_set, forget, parse
    from conneg.features.reading import read_expression

    offer, accepted = feature_set(OFFER), feature_set(DRAFT_6_1)
    capabilities = recipients(RECIPIENTS, CLASSES)

    def meet_cold() -> None:
        forget()
        _ = offer & accepted

    def meet_known() -> float:
        forget()
        ours, theirs = feature_set(OFFER), feature_set(DRAFT_6_1)
        return rate(lambda: ours & theirs)

    def meet_all() -> None:
        for text in capabilities:
            _ = offer & feature_set(text)

    def meet_all_cold() -> None:
        forget()
        meet_all()

    version = machine.package_version("conneg")
    parsing, meeting = "the text of 6.1 parsed", "an offer met with it"
    batch = f"{RECIPIENTS:,} recipients' texts read and met, {CLASSES} classes"
    return Benchmark(
        name="known",
        title="Media feature sets: what is known against what is new",
        unit="a second",
        contestants=(
            Contestant(f"known: {parsing}", version, lambda: rate(lambda: parse(DRAFT_6_1)), ours=True),
            Contestant(f"new: {parsing}", version, lambda: rate(lambda: read_expression(DRAFT_6_1))),
            Contestant(f"known: {meeting}", version, meet_known, ours=True),
            Contestant(f"new: {meeting}", version, lambda: rate(meet_cold)),
            Contestant(f"known: {batch}", version, lambda: rate(meet_all, at_once=1), ours=True),
            Contestant(f"new: {batch}", version, lambda: rate(meet_all_cold, at_once=1)),
        ),
        notes=(f"{batch}: {1 / ALLOWED:.0f} a second are {ALLOWED * 1000:.0f} ms each",),
    )


def prepare_import(stack: ExitStack, scratch: Path) -> Benchmark:
    """What `import conneg.features` costs beyond the start of the interpreter."""
    return Benchmark(
        name="import",
        title="Imports, the interpreter's own start taken off",
        unit="a second",
        contestants=tuple(
            Contestant(f"import {module}", version, imports(module), ours=module.startswith("conneg"))
            for module, version in (
                ("conneg.features", machine.package_version("conneg")),
                ("packaging.markers", machine.package_version("packaging")),
                ("dataclasses", machine.program_version(sys.executable, "-V")),
            )
        ),
        notes=("a rate of 20 a second is 50 ms; modules are compiled already",),
    )


def marker_of(length: int) -> str:
    """A marker of exactly so many characters: comparisons joined by `and`, and spaces at the end."""
    text, number = MARKERS[0], 0
    while True:
        number += 1
        longer = f"{text} and {MARKERS[number % len(MARKERS)]}"
        if len(longer) > length:
            return text.ljust(length)
        text = longer


def recipients(count: int, classes: int) -> list[str]:
    """Capabilities for so many recipients: one of `classes` texts each, every one a string object of its own."""
    kinds = [DRAFT_6_1.replace("dpi=400", f"dpi={400 + 8 * number}") for number in range(classes)]
    return ["".join(list(kinds[number % classes])) for number in range(count)]


def rate(work: Callable[[], object], *, at_once: int = 20) -> float:
    """How often `work` can be done in a second."""
    start = now = time.perf_counter()
    done = 0
    while now - start < SECONDS:
        for _ in range(at_once):
            work()
        done += at_once
        now = time.perf_counter()
    return done / (now - start)


def imports(module: str) -> Callable[[], float]:
    """Return what measures how often `module` could be imported in a second by a fresh interpreter each time."""

    def run() -> float:
        _start(f"import {module}")
        extra = [_start(f"import {module}") - _start("pass") for _ in range(7)]
        return 1 / max(statistics.median(extra), 1e-6)

    return run


def _start(statement: str) -> float:
    start = time.perf_counter()
    # no timeout: with one, waiting is polling, and the result is rounded to its steps
    subprocess.run([sys.executable, "-c", statement], check=True, env=_KEEPING_BYTECODE)
    return time.perf_counter() - start
