"""What makes bi-level pages of a PDF, ours and others', each with what its users recommend."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image
from tests.peers.programs import MissingPeerError, find

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


def _imagemagick(source: Path, folder: Path, x: int, y: int) -> Image.Image:
    """Draw with Ghostscript as ImageMagick's own delegate does, whose use for PDF Debian's policy forbids."""
    drawn, file = folder / "im.ppm", folder / "im.tif"
    smooth = ["-dTextAlphaBits=4", "-dGraphicsAlphaBits=4"]
    draw = [find("gs"), "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=ppmraw", *smooth]
    subprocess.run([*draw, f"-r{x}x{y}", f"-sOutputFile={drawn}", source], check=True, timeout=60)
    code = ["-monochrome", "-compress", "Group4"]
    subprocess.run([find("convert"), drawn, *code, file], check=True, timeout=120)
    return _load(file)


_HYLAFAX = Path(__file__).parent.parent / ".peers/hylafax/var/spool/hylafax"
_SUPERFINE = 400


def _hylafax(source: Path, folder: Path, x: int, y: int) -> Image.Image:
    """Run HylaFAX's pdf2fax.gs as its queue does; it sets the width of A4 to the pixels of a line: 209 to the inch."""
    script = _HYLAFAX / "bin/pdf2fax.gs"
    if not script.exists():
        raise MissingPeerError("needs HylaFAX's converter: tools/unpack-hylafax")
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc/setup.cache").write_text(f"GSRIP={find('gs')}\nCAT=cat\nSED=sed\n")
    file, line = folder / "hylafax.tif", 1728 if x < _SUPERFINE else 3456
    size = ["-l", "297", "-w", str(line), "-r", str(y)]
    subprocess.run(["bash", script, "-o", file, *size, "-3", source], check=True, timeout=120, cwd=folder)
    return _load(file)


def _load(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return image.copy()


PEERS: dict[str, Render] = {
    "conneg": _conneg,
    "Ghostscript tiffg4": _ghostscript,
    "Ghostscript, threshold at 75 %": _ghostscript_threshold,
    "poppler pdftoppm -mono": _poppler,
    "ImageMagick -monochrome": _imagemagick,
    "HylaFAX pdf2fax": _hylafax,
}

FILLED_LINES = ("HylaFAX pdf2fax",)
"""Those who make A4 as wide as the line, 1,728 pixels, and not its own 1,686."""
