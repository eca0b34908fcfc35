"""`python -m benchmarks.legibility`: how many characters of small type Tesseract misreads on fax pages.

Ours and Ghostscript's; a page of words for each size from 5 to 10 points, in Helvetica and in Times. Pages of 98 lines
an inch are made twice as high before they are read, each line twice. Takes about a minute.
"""

import os
import random
import re
import subprocess
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from tests.peers.programs import MissingPeerError, find

from .ours import convert
from .textpdf import WORDS, write_pdf

SIZES = (5, 6, 7, 8, 9, 10)
FONTS = (b"Helvetica", b"Times-Roman")
RESOLUTIONS = ((204, 196), (204, 98))
COARSE = 150
"""Fewer lines an inch than this are doubled before they are read."""


def main() -> None:
    """Print a table of error rates in per cent."""
    console, table = Console(), Table("")
    for head in ("mean", *(f"{size} pt" for size in SIZES)):
        table.add_column(head, justify="right")
    with tempfile.TemporaryDirectory(prefix="conneg-bench-") as name:
        folder = Path(name)
        source = folder / "type.pdf"
        texts = _write(source)
        for x, y in RESOLUTIONS:
            convert(source, folder, dpi=(x, y))
            files = {f"conneg {x} x {y}": folder / "type.tif"}
            try:
                files[f"Ghostscript {x} x {y}"] = _ghostscript(source, folder / f"gs{y}.tif", x, y)
            except MissingPeerError as error:
                console.print(f"Ghostscript: {error}")
            for row, file in files.items():
                rates = [_page_error_rate(file, number, y, text) for number, text in enumerate(texts)]
                by_size = np.reshape(rates, (len(FONTS), len(SIZES))).mean(axis=0)
                table.add_row(row, f"{np.mean(rates):.2f} %", *(f"{rate:.2f}" for rate in by_size))
    console.print(table)


def _write(path: Path) -> list[str]:
    """Write the pages and return their texts."""
    draw = random.Random(5)
    words = [word for word in (re.sub(r"[^\w.,;:'-]", "", each, flags=re.ASCII) for each in WORDS) if word]
    contents, texts = [], []
    for font in range(1, len(FONTS) + 1):
        for size in SIZES:
            chosen = " ".join(draw.choice(words) for _ in range(330 if size < 8 else 260))
            lines = textwrap.wrap(chosen, round(860 / size))
            shown = " ".join(f"({line}) Tj T*" for line in lines)
            contents.append(f"BT /F{font} {size} Tf {size * 1.25:.2f} TL 60.3 780.37 Td {shown} ET".encode())
            texts.append(" ".join(lines))
    write_pdf(path, contents, FONTS)
    return texts


def _ghostscript(source: Path, file: Path, x: int, y: int) -> Path:
    fixed = [find("gs"), "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=tiffg4"]
    subprocess.run([*fixed, f"-r{x}x{y}", f"-sOutputFile={file}", source], check=True, timeout=60)
    return file


def _page_error_rate(file: Path, number: int, lines_an_inch: int, text: str) -> float:
    with Image.open(file) as image:
        image.seek(number)
        page = image.convert("L")
    return error_rate(page, lines_an_inch, text, file.with_suffix(".png"))


def error_rate(page: Image.Image, lines_an_inch: int, text: str, scratch: Path) -> float:
    """Characters that Tesseract gets wrong on a grey page of this English text, in per cent of those that there are.

    `scratch` is a PNG file to write; MissingPeerError without Tesseract.
    """
    return error_rates([(page, text)], lines_an_inch, scratch)[0]


def error_rates(
    pages: Sequence[tuple[Image.Image, str]], lines_an_inch: int, scratch: Path, language: str = "eng"
) -> list[float]:
    """Return the error rate of each of several grey images of texts; spaces count in English only.

    Files are written beside `scratch`, with names that begin with its own. MissingPeerError without Tesseract or what
    it knows of the language.
    """
    files = []
    for number, (page, _) in enumerate(pages):
        if lines_an_inch < COARSE:
            page = page.resize((page.width, page.height * 2), Image.Resampling.NEAREST)
        files.append(scratch.with_name(f"{scratch.stem}-{number}.png"))
        page.save(files[-1])
    listed = scratch.with_suffix(".txt")
    listed.write_text("".join(f"{file}\n" for file in files))
    command = [find("tesseract"), str(listed), "-", "--psm", "6", "-l", language, "--dpi", "200"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_THREAD_LIMIT": "1"}
    )
    if done.returncode:
        raise MissingPeerError(f"needs tesseract for {language}: apt-get install tesseract-ocr-{language}")
    between = " " if language == "eng" else ""
    rates = []
    for (_, text), read in zip(pages, done.stdout.split("\f"), strict=False):
        wanted = between.join(text.split())
        rates.append(100 * _distance(wanted, between.join(read.split())) / len(wanted))
    return rates


def _distance(one: str, other: str) -> int:
    """Levenshtein's distance, a row at a time."""
    places = np.arange(len(other) + 1)
    codes: Sequence[int] = np.frombuffer(other.encode("utf-32-le"), np.uint32)  # type: ignore[assignment]
    row = places
    for number, letter in enumerate(one, start=1):
        changed = np.minimum(row[:-1] + (codes != np.uint32(ord(letter))), row[1:] + 1)
        row = np.minimum.accumulate(np.concatenate(([number], changed)) - places) + places
    return int(row[-1])


if __name__ == "__main__":
    main()
