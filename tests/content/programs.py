"""Documents made, and read, by other programs."""

import os
import subprocess
from pathlib import Path

from tests.system import lacking, require


def run(package: str, program: str, *arguments: str | Path, given: bytes = b"") -> bytes:
    """Return what `program` of the Debian `package` writes on its standard output."""
    command = [require(program, package), *map(str, arguments)]
    return subprocess.run(
        command, input=given, capture_output=True, check=True, timeout=60, env={**os.environ, **_ONE_THREAD}
    ).stdout


_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MAGICK_THREAD_LIMIT": "1"}
"""So that on a loaded machine ImageMagick's threads do not wait for each other."""


def profile(name: str) -> Path:
    """Return an ICC profile that comes with Ghostscript."""
    path = Path("/usr/share/color/icc/ghostscript") / name
    if not path.is_file():
        lacking(f"needs {path}: apt-get install libgs-common")
    return path


HYLAFAX = Path(__file__).parents[2] / ".peers" / "hylafax"


def hylafax(path: str) -> Path:
    """Return a file of HylaFAX's packages, which are unpacked beside and not installed."""
    found = HYLAFAX / path
    if not found.is_file():
        lacking("needs HylaFAX's tools: tools/unpack-hylafax")
    return found


def words_of_pdf(path: Path) -> list[str]:
    """Return the words that poppler finds in a PDF, sorted."""
    text = run("poppler-utils", "pdftotext", "-enc", "UTF-8", path, "-").decode()
    return sorted(text.replace(" %", "%").split())


def ghostscript_pdf(path: Path, program: bytes) -> Path:
    """Make a PDF of a PostScript program with Ghostscript."""
    options = ("-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=pdfwrite", f"-sOutputFile={path}", "-")
    run("ghostscript", "gs", *options, given=program)
    return path
