"""`pdf` and `photo`: documents to MMR pages, whole processes and the steady state inside one."""

import shutil
import subprocess
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


def prepare_pdf(stack: ExitStack, scratch: Path) -> Benchmark:
    """A 50-page text PDF, and the sample report."""
    text, report = scratch / "text.pdf", SAMPLES / "survey.pdf"
    write_text_pdf(text, TEXT_PAGES)
    tools = (_ours(), _ghostscript())
    rows = [
        *_contest("50 pages of text, whole process", tools, scratch, text, TEXT_PAGES, steady=False),
        *_contest("50 pages of text, steady state", tools, scratch, text, TEXT_PAGES, steady=True),
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
            "the further time; the same sum for both",
            "Ghostscript (-sDEVICE=tiffg4 -r204x196) screens by its defaults and makes A4 lines of 1,686 pixels; "
            "conneg makes the full 1,728",
        ),
    )


def prepare_photo(stack: ExitStack, scratch: Path) -> Benchmark:
    """The 12-megapixel sample photograph."""
    photo = SAMPLES / "photo.jpg"
    tools = (
        _ours(),
        _magick("GraphicsMagick", "gm", "gm", "convert"),
        _magick("ImageMagick", "convert", "convert"),
    )
    rows = [
        *_contest("photo.jpg, whole process", tools, scratch, photo, 1, steady=False),
        *_contest("photo.jpg, steady state", tools[:1], scratch, photo, 1, steady=True),
    ]
    return Benchmark(
        name="photo",
        title="12-megapixel JPEG to a bi-level MMR page 1728 pixels wide",
        unit="photos/s",
        contestants=tuple(rows),
        notes=(
            "the peers: -resize 1728 -monochrome -compress Group4 (error diffusion); one process a photo, as "
            "they are used",
        ),
    )


def _ours() -> Tool | Absent:
    return Tool(
        "conneg",
        machine.package_version("conneg"),
        lambda source, folder, times: ours.convert_command(source, folder, times=times),
        ours=True,
    )


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
        once = _time(tool, source, scratch, 1, pages)
        often = _time(tool, source, scratch, times, pages)
        return pages * (times - 1) / max(often - once, 1e-6)

    return run


def _time(tool: Tool, source: Path, scratch: Path, times: int, pages: int) -> float:
    """Seconds of one process; RuntimeError unless it succeeds and its last result has bi-level pages, all of them."""
    folder = scratch / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    start = time.perf_counter()
    done = subprocess.run(
        tool.command(source, folder, times), capture_output=True, text=True, timeout=90, check=False
    )
    took = time.perf_counter() - start
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise RuntimeError(said[-1] if said else f"exit status {done.returncode}")
    _check(folder, pages)
    return took


def _check(folder: Path, pages: int) -> None:
    made = 0
    for file in folder.glob("*.tif*"):
        with Image.open(file) as image:
            if image.mode != "1" or image.info.get("compression") != "group4":
                raise RuntimeError(f"{file.name} is not MMR: {image.mode}, {image.info.get('compression')}")
            made += getattr(image, "n_frames", 1)
    if made < pages:
        raise RuntimeError(f"{made} pages came out of {pages}")
