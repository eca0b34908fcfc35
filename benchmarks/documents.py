"""`pdf`, `photo` and `recode`: documents to fax pages, whole processes and the steady state inside one, on one core."""

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tests.peers.programs import MissingPeerError, find

from . import machine, ours
from .model import Absent, Benchmark, Contestant
from .textpdf import write_text_pdf

SAMPLES = Path(ours.__file__).parent.parent / "src" / "conneg" / "demo" / "samples"
TEXT_PAGES = 50
MORE = 5
"""How often the long document is converted in one process to find the steady state."""

Command = Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Tool:
    """One that converts: its command for a source, a folder for results, and how many times over."""

    name: str
    version: str
    command: Callable[[Path, Path, int], Command]
    ours: bool = False
    compression: str = "group4"


def prepare_pdf(stack: ExitStack, scratch: Path) -> Benchmark:
    """A 50-page text PDF, and the sample report."""
    text, shared, report = scratch / "text.pdf", scratch / "shared.pdf", SAMPLES / "survey.pdf"
    write_text_pdf(text, TEXT_PAGES)
    write_text_pdf(shared, TEXT_PAGES, shared_fonts=True)
    tools = (_ours(), _ghostscript())
    works = ("50 pages of text, steady state", "the same with shared fonts, steady state")
    rows = [
        *_contest("50 pages of text, whole process", tools, scratch, text, TEXT_PAGES, steady=False),
        *_contest("50 pages of text, steady state", tools, scratch, text, TEXT_PAGES, steady=True),
        *_contest(
            "the same with shared fonts, steady state", tools, scratch, shared, TEXT_PAGES, steady=True
        ),
        *_contest("survey.pdf, whole process", tools, scratch, report, 2, steady=False),
        *_contest("survey.pdf, steady state", tools, scratch, report, 2, steady=True),
    ]
    return Benchmark(
        name="pdf",
        title="PDF to MMR pages at 204 x 196 dpi",
        unit="pages/s",
        contestants=tuple(rows),
        notes=(
            "whole process: started, converted once, ended; as mail filters call Ghostscript",
            "steady state: a process that converts many times against one that converts once, the further pages over "
            "the further processor time; the same sum for both",
            "Ghostscript (-sDEVICE=tiffg4 -r204x196) screens by its defaults and makes A4 lines of 1,686 pixels; "
            "conneg makes the full 1,728",
            "text: each page describes its fonts anew, or all pages share them, as large producers write them",
            "every process is held to one core",
        ),
        wanted={f"Ghostscript: {work}": 1.5 for work in works},
    )


def prepare_recode(stack: ExitStack, scratch: Path) -> Benchmark:
    """50 pages of a facsimile in MH, coded anew in MMR."""
    text, source = scratch / "text.pdf", scratch / "mh" / "text.tif"
    source.parent.mkdir()
    write_text_pdf(text, TEXT_PAGES)
    ours.convert(text, source.parent, "MH")
    work = "50 pages of MH to MMR, steady state"
    tools = (_ours(), _tiffcp())
    return Benchmark(
        name="recode",
        title="TIFF pages at 204 x 196 dpi coded anew",
        unit="pages/s",
        contestants=tuple(_contest(work, tools, scratch, source, TEXT_PAGES, steady=True)),
        notes=(
            "conneg also checks the file's structure, writes profile F's fields, and describes the result",
            "every process is held to one core",
        ),
        wanted={f"tiffcp: {work}": 1},
    )


def prepare_photo(stack: ExitStack, scratch: Path) -> Benchmark:
    """The 12-megapixel sample photograph."""
    photo = SAMPLES / "photo.jpg"
    tools = (
        _ours(),
        _magick("GraphicsMagick", "gm", "gm", "convert"),
        _magick("ImageMagick", "convert", "convert"),
    )
    simple = "photo.jpg to profile S, steady state"
    rows = [
        *_contest("photo.jpg, whole process", tools, scratch, photo, 1, steady=False),
        *_contest(simple, (_ours("MH", "group3"), _vips()), scratch, photo, 1, steady=True),
    ]
    return Benchmark(
        name="photo",
        title="12-megapixel JPEG to a bi-level MMR page 1728 pixels wide",
        unit="photos/s",
        contestants=tuple(rows),
        notes=(
            "the peers: -resize 1728 -monochrome -compress Group4 (error diffusion); one process a photo, as "
            "they are used",
            "pyvips: thumbnail to 1728 pixels, one bit by threshold, its own G4 saver; conneg: screened, in MH",
            "every process is held to one core",
        ),
        wanted={f"pyvips: {simple}": 1},
    )


def _ours(coding: str = "MMR", compression: str = "group4") -> Tool | Absent:
    return Tool(
        "conneg",
        machine.package_version("conneg"),
        lambda source, folder, times: ours.convert_command(source, folder, times=times, coding=coding),
        ours=True,
        compression=compression,
    )


def _tiffcp() -> Tool | Absent:
    try:
        tiffcp = find("tiffcp")
    except MissingPeerError as error:
        return Absent("tiffcp", str(error))

    def command(source: Path, folder: Path, times: int) -> Command:
        return [tiffcp, "-c", "g4", *[source] * times, folder / "pages.tif"]

    return Tool("tiffcp", machine.program_version("tiffinfo", "-h"), command)


def _vips() -> Tool | Absent:
    if importlib.util.find_spec("pyvips") is None:
        return Absent("pyvips", "needs pyvips and pyvips-binary: pip install pyvips pyvips-binary")

    def command(source: Path, folder: Path, times: int) -> Command:
        return [sys.executable, "-m", "benchmarks.vips_once", source, folder, str(times)]

    return Tool("pyvips", machine.package_version("pyvips"), command)


def _ghostscript() -> Tool | Absent:
    try:
        gs = find("gs")
    except MissingPeerError as error:
        return Absent("Ghostscript", str(error))

    def command(source: Path, folder: Path, times: int) -> Command:
        fixed = [gs, "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=tiffg4", "-r204x196"]
        return [*fixed, f"-sOutputFile={folder}/pages.tif", *[source] * times]

    return Tool("Ghostscript", machine.program_version(gs, "--version"), command)


def _magick(name: str, program: str, *call: str) -> Tool | Absent:
    try:
        find(program)
    except MissingPeerError as error:
        return Absent(name, str(error))
    version = subprocess.run(
        [program, "-version"], capture_output=True, text=True, timeout=20, check=False
    ).stdout
    if not version.startswith(("Version: ImageMagick", "GraphicsMagick")):
        return Absent(name, f"{program} is not {name} here: apt-get install {name.lower()}")

    def command(source: Path, folder: Path, times: int) -> Command:
        return [*call, source, "-resize", "1728", "-monochrome", "-compress", "Group4", folder / "page.tif"]

    return Tool(name, machine.program_version(program, "-version"), command)


def _contest(
    what: str, tools: Sequence[Tool | Absent], scratch: Path, source: Path, pages: int, *, steady: bool
) -> list[Contestant | Absent]:
    """Try each tool once (that also warms the page cache), and enter those that work."""
    rows: list[Contestant | Absent] = []
    for tool in tools:
        name = f"{tool.name}: {what}"
        if isinstance(tool, Absent):
            rows.append(Absent(name, tool.reason, tool.ours))
            continue
        try:
            _time(tool, source, scratch, 1, pages)
        except RuntimeError as error:
            rows.append(Absent(name, str(error), tool.ours))
            continue
        rate = _steady_rate if steady else _whole_rate
        rows.append(Contestant(name, tool.version, rate(tool, source, scratch, pages), tool.ours))
    return rows


def _whole_rate(tool: Tool, source: Path, scratch: Path, pages: int) -> Callable[[], float]:
    return lambda: pages / _time(tool, source, scratch, 1, pages)


def _steady_rate(tool: Tool, source: Path, scratch: Path, pages: int) -> Callable[[], float]:
    # a short document needs more turns before its time stands out from the process's start
    times = MORE if pages > 10 else 4 * MORE

    def run() -> float:
        once = _time(tool, source, scratch, 1, pages, processor=True)
        often = _time(tool, source, scratch, times, pages, processor=True)
        return pages * (times - 1) / max(often - once, 1e-6)

    return run


def _time(
    tool: Tool, source: Path, scratch: Path, times: int, pages: int, *, processor: bool = False
) -> float:
    """Seconds of one process, or of processor time in it.

    RuntimeError unless it succeeds and its last result has bi-level pages, all of them.
    """
    folder = scratch / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    start, used = time.perf_counter(), _processor_seconds()
    command = [*_one_core(), *tool.command(source, folder, times)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    took = _processor_seconds() - used if processor else time.perf_counter() - start
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise RuntimeError(said[-1] if said else f"exit status {done.returncode}")
    _check(folder, pages, tool.compression)
    return took


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _one_core() -> Command:
    """What holds a process to the last core that we may use, where there is taskset."""
    taskset = shutil.which("taskset")
    return [taskset, "-c", str(max(os.sched_getaffinity(0)))] if taskset else []


def _check(folder: Path, pages: int, compression: str) -> None:
    made = 0
    for file in folder.glob("*.tif*"):
        with Image.open(file) as image:
            if image.mode != "1" or image.info.get("compression") != compression:
                raise RuntimeError(f"{file.name} is {image.mode}, {image.info.get('compression')}")
            made += getattr(image, "n_frames", 1)
    if made < pages:
        raise RuntimeError(f"{made} pages came out of {pages}")
