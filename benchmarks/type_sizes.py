"""`python -m benchmarks.type_sizes`: how small type may be to be read, in lines of the device.

Pages of words in Helvetica, Times and Courier, from 2.5 to 10 points, are drawn in black and white at the resolutions
of facsimile and in grey at those of screens, and read by Tesseract. For each size and resolution: the side of its em in
pixels (the root of lines times pixels), and how many characters are misread, on the average of the faces and of the
worst. `conneg.negotiation.legibility` has its limits from here. Takes five minutes.
"""

import math
import random
import re
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from .fidelity_pages import PAGE_WIDTH
from .legibility import error_rate
from .ours import convert, convert_to_images
from .textpdf import WORDS, write_pdf

SIZES = (2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 10)
FACES = (b"Helvetica", b"Times-Roman", b"Courier")
FAX = ((204, 98), (204, 196), (408, 391))
SCREENS = (50, 72, 100, 150)
READ_AT = 200
"""Tesseract is at home with so many dots an inch: pages with fewer are enlarged before they are read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One page: dots an inch across and down, its type in points, and per cent of its characters misread."""

    kind: str
    dpi: tuple[int, int]
    points: float
    wrong: float


def main() -> None:
    """Print a table for each kind of page: sizes down, resolutions across."""
    console = Console(width=190)
    with tempfile.TemporaryDirectory(prefix="conneg-bench-") as name:
        folder = Path(name)
        texts = _write(folder / "sizes.pdf")
        for kind, readings in (("black and white", _fax(folder, texts)), ("grey", _screens(folder, texts))):
            console.print(_table(kind, list(readings)))


def _write(path: Path) -> list[tuple[float, str]]:
    """Write a page for each size of each face; return the sizes and texts."""
    draw = random.Random(11)
    words = [word for word in (re.sub(r"[^\w.,;:'-]", "", each, flags=re.ASCII) for each in WORDS) if word]
    contents, texts = [], []
    for face in range(1, len(FACES) + 1):
        for size in SIZES:
            lines = textwrap.wrap(" ".join(draw.choice(words) for _ in range(220)), round(700 / max(size, 5)))
            shown = " ".join(f"({line}) Tj T*" for line in lines)
            contents.append(f"BT /F{face} {size} Tf {size * 1.3:.2f} TL 60.3 780.37 Td {shown} ET".encode())
            texts.append((size, " ".join(lines)))
    write_pdf(path, contents, FACES)
    return texts


def _fax(folder: Path, texts: list[tuple[float, str]]) -> Iterator[Reading]:
    for dpi in FAX:
        convert(folder / "sizes.pdf", folder, dpi=dpi)
        with Image.open(folder / "sizes.tif") as pages:
            for number, (points, text) in enumerate(texts):
                pages.seek(number)
                wrong = error_rate(_top(pages.convert("L"), dpi[1]), dpi[1], text, folder / "page.png")
                yield Reading("black and white", dpi, points, min(100.0, wrong))


def _screens(folder: Path, texts: list[tuple[float, str]]) -> Iterator[Reading]:
    for dpi in SCREENS:
        files = convert_to_images(folder / "sizes.pdf", folder, round(dpi * PAGE_WIDTH / 72))
        for file, (points, text) in zip(files, texts, strict=True):
            with Image.open(file) as image:
                page = _top(image.convert("L"), dpi)
            size = (round(page.width * READ_AT / dpi), round(page.height * READ_AT / dpi))
            page = page.resize(size, Image.Resampling.BICUBIC)
            wrong = error_rate(page, READ_AT, text, folder / "page.png")
            yield Reading("grey", (dpi, dpi), points, min(100.0, wrong))


def _top(page: Image.Image, lines_an_inch: int) -> Image.Image:
    """Return the upper half of a page, where the words are."""
    return page.crop((0, 0, page.width, min(page.height, 6 * lines_an_inch)))


def _table(kind: str, readings: list[Reading]) -> Table:
    table = Table(f"{kind}, % misread", *(f"{size:g} pt" for size in SIZES))
    for dpi in dict.fromkeys(reading.dpi for reading in readings):
        cells = []
        for size in SIZES:
            found = [each.wrong for each in readings if (each.dpi, each.points) == (dpi, size)]
            em = size / 72 * math.sqrt(dpi[0] * dpi[1])
            cells.append(f"{em:.1f} px\n{np.mean(found):.1f}\n({max(found):.1f})")
        table.add_row(f"{dpi[0]} x {dpi[1]}", *cells)
    return table


if __name__ == "__main__":
    main()
