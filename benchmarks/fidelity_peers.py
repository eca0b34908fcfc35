"""What makes bi-level pages of a PDF, ours and others', each with what its users recommend."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image
from tests.peers.programs import find

from .ours import convert

Render = Callable[[Path, Path, int, int], Image.Image]
"""Of a PDF of one page, a scratch folder, and dots an inch across and down: the page."""


def _conneg(source: Path, folder: Path, x: int, y: int) -> Image.Image:
    convert(source, folder, dpi=(x, y))
    return _load(folder / f"{source.stem}.tif")


def _ghostscript(source: Path, folder: Path, x: int, y: int) -> Image.Image:
    return _run_ghostscript(source, folder, x, y, ())


def _ghostscript_threshold(source: Path, folder: Path, x: int, y: int) -> Image.Image:
    return _run_ghostscript(source, folder, x, y, ("-c", "{ .75 gt { 1 } { 0 } ifelse } settransfer", "-f"))


def _run_ghostscript(source: Path, folder: Path, x: int, y: int, before: Sequence[str]) -> Image.Image:
    file = folder / "gs.tif"
    # AdjustWidth would fill lines of 1,686 pixels up to 1,728, at the right alone
    fixed = [find("gs"), "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=tiffg4", "-dAdjustWidth=0"]
    subprocess.run([*fixed, f"-r{x}x{y}", f"-sOutputFile={file}", *before, source], check=True, timeout=60)
    return _load(file)


def _poppler(source: Path, folder: Path, x: int, y: int) -> Image.Image:
    root = folder / "poppler"
    command: list[str | Path] = [
        find("pdftoppm"),
        "-mono",
        "-singlefile",
        "-rx",
        str(x),
        "-ry",
        str(y),
        source,
        root,
    ]
    subprocess.run(command, check=True, timeout=60)
    return _load(root.with_suffix(".pbm"))


def _load(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return image.copy()


PEERS: dict[str, Render] = {
    "conneg": _conneg,
    "Ghostscript tiffg4": _ghostscript,
    "Ghostscript, threshold at 75 %": _ghostscript_threshold,
    "poppler pdftoppm -mono": _poppler,
}
