"""`python -m benchmarks.fidelity [--pictures FOLDER]`: how faithful fax pages are, ours and others'.

Text on colours, a form, a screenshot, type from 5 to 12 points in five faces and Japanese are read by Tesseract; of
thin lines is counted how much is there; a photograph and gradients are compared with the original when both are blurred
as far as an eye does at reading distance. There are five pages of each kind of text. Who is best, or differs from the
best by less than two standard errors, is bold and has an asterisk. All pages are coded in MMR by one program, so that
octets compare. Takes half an hour.
"""

import argparse
import io
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from rich.console import Console
from rich.table import Table
from tests.peers.programs import MissingPeerError

from .fidelity_pages import PAGE_HEIGHT, PAGE_WIDTH, Page, Rectangle, write_pages
from .fidelity_peers import FILLED_LINES, PEERS
from .legibility import error_rates

RESOLUTIONS = ((204, 196), (204, 98), (408, 391))
BLUR_DPI = 51
"""A sample of the blurred pages is half a millimetre."""

LINE_PIXELS = {204: 1728, 408: 3456}
"""The scan line of A4 (RFC 3949, 4.2.1)."""

Dpi = tuple[float, float]
Grey = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Result:
    """What one renderer makes of the pages of a kind: what is wrong, in per cent, less is better; and octets in MMR.

    `parts` is what is wrong with each panel of text or with the page, in the same order for all renderers; `octets` are
    those of one page, on an average.
    """

    renderer: str
    dpi: tuple[int, int]
    kind: str
    parts: tuple[float, ...]
    octets: float

    @property
    def wrong(self) -> float:
        """The mean over the parts."""
        return float(np.mean(self.parts))

    def is_level_with(self, other: "Result") -> bool:
        """Whether the difference of the two may be chance: their parts differ by less than two standard errors."""
        differences = np.subtract(self.parts, other.parts)
        if len(differences) < _FEWEST_PARTS:
            return self.wrong == other.wrong
        error = float(np.std(differences, ddof=1)) / math.sqrt(len(differences))
        return abs(float(np.mean(differences))) <= 2 * error


_FEWEST_PARTS = 10


def main() -> None:
    """Measure, print a table for each resolution, and draw the pages side by side if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw the pages side by side there")
    parser.add_argument(
        "--lines", type=int, action="append", metavar="NUMBER", help="at so many an inch only"
    )
    options = parser.parse_args()
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    console = Console(width=190)
    with tempfile.TemporaryDirectory(prefix="conneg-bench-") as name:
        folder = Path(name)
        kinds = write_pages(folder)
        for dpi in (dpi for dpi in RESOLUTIONS if dpi[1] in (options.lines or (dpi[1],))):
            rendered, results = _render_all(kinds, dpi, folder, console)
            _show(console, kinds, dpi, results)
            if options.pictures is not None:
                picture = options.pictures / f"fidelity-{dpi[1]}.png"
                _draw([pages[0] for pages in kinds], rendered, dpi).save(picture, optimize=True)
                console.print(f"  drawn: {picture}\n", highlight=False)


def _render_all(
    kinds: Sequence[Sequence[Page]], dpi: tuple[int, int], folder: Path, console: Console
) -> tuple[dict[str, dict[str, Image.Image]], list[Result]]:
    """Return the first page of each kind by renderer, and what was measured; says which renderer is missing."""
    rendered: dict[str, dict[str, Image.Image]] = {}
    results = []
    for renderer, render in PEERS.items():
        try:
            made = [[render(page.file, folder, *dpi) for page in pages] for pages in kinds]
        except MissingPeerError as error:
            console.print(f"{renderer}: {error}")
            continue
        across = LINE_PIXELS[dpi[0]] * 72 / PAGE_WIDTH if renderer in FILLED_LINES else dpi[0]
        drawn = (across, dpi[1])
        rendered[renderer] = {}
        for pages, wide in zip(kinds, made, strict=True):
            images = [_middle(image, drawn) for image in wide]
            rendered[renderer][pages[0].name] = images[0]
            measure = partial(_measured, drawn, folder)
            with ThreadPoolExecutor(
                os.cpu_count()
            ) as threads:  # what they wait for are Tesseract's processes
                parts = [
                    part for found in threads.map(measure, range(len(pages)), pages, images) for part in found
                ]
            octets = float(np.mean([_mmr_octets(image) for image in images]))
            results.append(Result(renderer, dpi, pages[0].name, tuple(parts), octets))
    return rendered, results


def _measured(dpi: Dpi, folder: Path, number: int, page: Page, image: Image.Image) -> list[float]:
    scratch = folder / f"measured-{number}"
    scratch.mkdir(exist_ok=True)
    return _MEASURES[page.measure](page, image, dpi, scratch)


def _middle(image: Image.Image, dpi: Dpi) -> Image.Image:
    """Return the A4 page out of an image that is wider than it: a fax page's lines are 1,728 pixels, A4 takes 1,686."""
    width, height = round(PAGE_WIDTH * dpi[0] / 72), round(PAGE_HEIGHT * dpi[1] / 72)
    # a page may be a line shorter than A4 rounded up, and lies at the top then
    left, top = int((image.width - width) / 2), int((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height)).convert("1")


def _misread(page: Page, image: Image.Image, dpi: Dpi, folder: Path) -> list[float]:
    panels = [(_cut(image, rectangle, dpi).convert("L"), text) for rectangle, text in page.panels]
    rates = error_rates(panels, round(dpi[1]), folder / "panel.png", page.language)
    return [min(100.0, rate) for rate in rates]


def _strokes_lost(page: Page, image: Image.Image, dpi: Dpi, folder: Path) -> list[float]:
    """Points along the lines that have no ink within a pixel and a half."""
    ink = ~np.array(image)
    near = ink.copy()
    near[1:] |= ink[:-1]
    near[:-1] |= ink[1:]
    near[:, 1:] |= near[:, :-1].copy()
    near[:, :-1] |= near[:, 1:].copy()
    found = []
    for x0, y0, x1, y1 in page.lines:
        along = np.linspace(0, 1, 400)
        columns = ((x0 + (x1 - x0) * along) * dpi[0] / 72).astype(int)
        rows = ((y0 + (y1 - y0) * along) * dpi[1] / 72).astype(int)
        found.append(near[rows, columns].mean())
    return [100 * (1 - float(share)) for share in found]


def _unlike(page: Page, image: Image.Image, dpi: Dpi, folder: Path) -> list[float]:
    """Root of the mean squared difference of the blurred pages inside the picture, in per cent of white."""
    assert page.original is not None
    rectangle = page.panels[0][0]
    difference = _blurred(image, rectangle) - _blurred(page.original, rectangle)
    return [100 * float(np.sqrt(np.mean(difference**2)))]


_MEASURES: dict[str, Callable[[Page, Image.Image, Dpi, Path], list[float]]] = {
    "characters misread": _misread,
    "of the lines missing": _strokes_lost,
    "unlike the original": _unlike,
}


def _blurred(image: Image.Image, rectangle: Rectangle) -> Grey:
    size = (round(PAGE_WIDTH * BLUR_DPI / 72), round(PAGE_HEIGHT * BLUR_DPI / 72))
    small = image.convert("L").resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(1))
    return np.asarray(_cut(small, rectangle, (BLUR_DPI, BLUR_DPI)), float) / 255


def _cut(image: Image.Image, rectangle: Rectangle, dpi: Dpi) -> Image.Image:
    left, top, right, bottom = rectangle
    x, y = dpi[0] / 72, dpi[1] / 72
    return image.crop((round(left * x), round(top * y), round(right * x), round(bottom * y)))


def _mmr_octets(image: Image.Image) -> int:
    out = io.BytesIO()
    image.save(out, "TIFF", compression="group4")
    return len(out.getvalue())


def _show(
    console: Console, kinds: Sequence[Sequence[Page]], dpi: tuple[int, int], results: Sequence[Result]
) -> None:
    """Print the table; the best, and whoever may be as good, is bold and has an asterisk."""
    table = Table(f"{dpi[0]} x {dpi[1]}")
    for pages in kinds:
        table.add_column(f"{pages[0].name}\n% {pages[0].measure}\n(kB)", justify="right")
    best = {
        pages[0].name: min(
            (each for each in results if each.kind == pages[0].name), key=lambda each: each.wrong
        )
        for pages in kinds
    }
    for renderer in dict.fromkeys(each.renderer for each in results):
        cells = []
        for each in (each for each in results if each.renderer == renderer):
            style, mark = ("bold", "*") if each.is_level_with(best[each.kind]) else ("none", "")
            cells.append(f"[{style}]{mark}{each.wrong:.2f}[/] ({each.octets / 1000:.0f})")
        table.add_row(renderer, *cells)
    console.print(table)


def _draw(
    pages: Sequence[Page], rendered: dict[str, dict[str, Image.Image]], dpi: tuple[int, int]
) -> Image.Image:
    """Return a sheet: a row for each page, a column for each renderer, pixels as the device has them, made square."""
    width, height, gap, head = 340, 227, 10, 26
    sheet = Image.new(
        "L", ((width + gap) * len(rendered) + gap, (height + gap) * len(pages) + gap + head), 224
    )
    for column, (renderer, made) in enumerate(rendered.items()):
        left = gap + column * (width + gap)
        sheet.paste(_label(renderer, width, head), (left, gap // 2))
        for row, page in enumerate(pages):
            image = made[page.name]
            drawn = (image.width * 72 / PAGE_WIDTH, dpi[1])
            part = _cut(image, _shown(page, dpi), drawn).convert("L")
            part = part.resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(part, (left, head + gap + row * (height + gap)))
    return sheet


def _shown(page: Page, dpi: tuple[int, int]) -> Rectangle:
    """Return what is shown of a page: as many pixels at any resolution."""
    left, top, right, bottom = page.shown
    part = 204 / dpi[0]
    return left, top, left + (right - left) * part, top + (bottom - top) * part


def _label(text: str, width: int, height: int) -> Image.Image:
    image = Image.new("L", (width, height), 224)
    ImageDraw.Draw(image).text((0, 2), text, font=ImageFont.load_default(16), fill=0)
    return image


if __name__ == "__main__":
    main()
