"""`python -m benchmarks.fidelity [--pictures FOLDER]`: how faithful fax pages are, ours and others'.

Text on colours, a form, a screenshot, type from 5 to 12 points in five faces and Japanese are read by Tesseract; of
thin lines is counted how much is there; a photograph and gradients are compared with the original when both are blurred
as far as an eye does at reading distance. All pages are coded in MMR by one program, so that octets compare. Takes ten
minutes.
"""

import argparse
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    """One page of one renderer: what is wrong with it, in per cent, less is better; and its octets in MMR."""

    renderer: str
    dpi: tuple[int, int]
    page: str
    wrong: float
    octets: int


def main() -> None:
    """Measure, print a table for each resolution, and draw the pages side by side if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw the pages side by side there")
    options = parser.parse_args()
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    console = Console(width=190)
    with tempfile.TemporaryDirectory(prefix="conneg-bench-") as name:
        folder = Path(name)
        pages = write_pages(folder)
        for dpi in RESOLUTIONS:
            rendered, results = _render_all(pages, dpi, folder, console)
            _show(console, pages, dpi, results)
            if options.pictures is not None:
                picture = options.pictures / f"fidelity-{dpi[1]}.png"
                _draw(pages, rendered, dpi).save(picture, optimize=True)
                console.print(f"  drawn: {picture}\n", highlight=False)


def _render_all(
    pages: Sequence[Page], dpi: tuple[int, int], folder: Path, console: Console
) -> tuple[dict[str, dict[str, Image.Image]], list[Result]]:
    """Return the bi-level pages by renderer and page, and what was measured; says which renderer is missing."""
    rendered: dict[str, dict[str, Image.Image]] = {}
    results = []
    for renderer, render in PEERS.items():
        try:
            made = {page.name: render(page.file, folder, *dpi) for page in pages}
        except MissingPeerError as error:
            console.print(f"{renderer}: {error}")
            continue
        across = LINE_PIXELS[dpi[0]] * 72 / PAGE_WIDTH if renderer in FILLED_LINES else dpi[0]
        drawn = (across, dpi[1])
        rendered[renderer] = {name: _middle(image, drawn) for name, image in made.items()}
        for page in pages:
            image = rendered[renderer][page.name]
            wrong = _MEASURES[page.measure](page, image, drawn, folder)
            results.append(Result(renderer, dpi, page.name, wrong, _mmr_octets(image)))
    return rendered, results


def _middle(image: Image.Image, dpi: Dpi) -> Image.Image:
    """Return the A4 page out of an image that is wider than it: a fax page's lines are 1,728 pixels, A4 takes 1,686."""
    width, height = round(PAGE_WIDTH * dpi[0] / 72), round(PAGE_HEIGHT * dpi[1] / 72)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height)).convert("1")


def _misread(page: Page, image: Image.Image, dpi: Dpi, folder: Path) -> float:
    panels = [(_cut(image, rectangle, dpi).convert("L"), text) for rectangle, text in page.panels]
    rates = error_rates(panels, round(dpi[1]), folder / "panel.png", page.language)
    return float(np.mean([min(100.0, rate) for rate in rates]))


def _strokes_lost(page: Page, image: Image.Image, dpi: Dpi, folder: Path) -> float:
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
    return 100 * (1 - float(np.mean(found)))


def _unlike(page: Page, image: Image.Image, dpi: Dpi, folder: Path) -> float:
    """Root of the mean squared difference of the blurred pages inside the picture, in per cent of white."""
    assert page.original is not None
    rectangle = page.panels[0][0]
    difference = _blurred(image, rectangle) - _blurred(page.original, rectangle)
    return 100 * float(np.sqrt(np.mean(difference**2)))


_MEASURES: dict[str, Callable[[Page, Image.Image, Dpi, Path], float]] = {
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


def _show(console: Console, pages: Sequence[Page], dpi: tuple[int, int], results: Sequence[Result]) -> None:
    table = Table(f"{dpi[0]} x {dpi[1]}")
    for page in pages:
        table.add_column(f"{page.name}\n% {page.measure}\n(kB)", justify="right")
    best = {page.name: min(each.wrong for each in results if each.page == page.name) for page in pages}
    for renderer in dict.fromkeys(each.renderer for each in results):
        cells = []
        for each in (each for each in results if each.renderer == renderer):
            style = "bold" if each.wrong <= best[each.page] else "none"
            cells.append(f"[{style}]{each.wrong:.2f}[/] ({each.octets / 1000:.0f})")
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
