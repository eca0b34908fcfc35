"""Pages of every size on every device: what stands at the edges of a page arrives, on one sheet or on several."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from conneg.content.conversion import ConversionJob, convert
from conneg.content.framing import Division
from conneg.content.inspection import inspect
from conneg.content.page import Raster
from conneg.content.sheets import divide
from conneg.content.source import ReadLimits
from conneg.features import collection
from tests.content import samples

LIMITS = ReadLimits()
MARK = 18.0
"""The side of a mark in points: a quarter of an inch."""

PAGES = {  # in points
    "A4": (595.276, 841.89),
    "A4 turned": (841.89, 595.276),
    "letter": (612.0, 792.0),
    "legal": (612.0, 1008.0),
    "legal turned": (1008.0, 612.0),
    "A5": (419.528, 595.276),
    "A3": (841.89, 1190.55),
    "A3 turned": (1190.55, 841.89),
    "B4": (708.66, 1000.63),
    "short": (612.0, 216.0),
    "wide": (1224.0, 288.0),
    "narrow": (144.0, 720.0),
    "long": (612.0, 2880.0),
    "large": (2384.0, 3370.0),  # A0
}
DEVICES = {
    "standard A4": ("MH", 204, 98, "2150/254", "A4", None),
    "fine letter": ("MH", 204, 196, "2150/254", "letter", None),
    "legal": ("MMR", 200, 200, "2150/254", "legal", None),
    "superfine B4": ("MR", 204, 391, "2550/254", "B4", None),
    "A3": ("MMR", 200, 100, "3030/254", "A3", None),
    "A4, cut sheets": ("MH", 204, 98, "2150/254", "A4", "2970/254"),
    "letter, cut sheets": ("MMR", 200, 100, "2150/254", "letter", "11"),
    "small sheets": ("MMR", 204, 196, "2150/254", "A4", "6"),
}


def marked(width: float, height: float) -> bytes:
    """Return a page with eight black squares: in its corners, and in the middle of its edges."""
    places = [
        (x, y)
        for x in (0.0, (width - MARK) / 2, width - MARK)
        for y in (0.0, (height - MARK) / 2, height - MARK)
        if (x, y) != ((width - MARK) / 2, (height - MARK) / 2)
    ]
    squares = b" ".join(b"%.3f %.3f %.3f %.3f re f" % (x, y, MARK, MARK) for x, y in places)
    return samples.pdf([b"0 g " + squares], size=(width, height))


def bands(ink: npt.NDArray[np.bool_]) -> list[slice]:
    changes = np.diff(np.concatenate(([False], ink, [False])).astype(int))
    starts, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def fax(path: Path, device: str, tmp_path: Path) -> tuple[list[Image.Image], int]:
    """Return the pages of the facsimile made for the device, and the page count it was said to have."""
    coding, dpi_x, dpi_y, line, paper, size_y = DEVICES[device]
    limit = "" if size_y is None else f" (size-y={size_y})"
    target = (
        f'(& (type="image/tiff") (image-file-structure=TIFF-limited) (MRC-mode=0) (color=Binary)'
        f" (image-coding={coding}) (dpi={dpi_x}) (dpi-xyratio={dpi_x}/{dpi_y}) (size-x={line})"
        f" (paper-size={paper}){limit})"
    )
    job = ConversionJob((samples.source(path),), collection(target), tmp_path, "fax")
    (file,) = convert(job, LIMITS).files
    pages = []
    with Image.open(file.path) as image:
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            pages.append(image.convert("L"))
    return pages, file.pages


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("page", PAGES)
def test_every_mark_at_the_edges_of_a_page_arrives_whole(tmp_path: Path, page: str, device: str) -> None:
    path = samples.save(tmp_path / "a.pdf", marked(*PAGES[page]))
    sheets, stated = fax(path, device, tmp_path)
    assert stated == len(sheets)
    size_y = DEVICES[device][5]
    if size_y is not None:
        assert all(sheet.height <= Fraction(size_y) * DEVICES[device][2] for sheet in sheets)
    assert len({sheet.width for sheet in sheets}) == 1
    ink = np.concatenate([np.asarray(sheet) for sheet in sheets]) < 128
    rows, columns = bands(ink.any(axis=1)), bands(ink.any(axis=0))
    assert (len(rows), len(columns)) == (3, 3)
    areas = [ink[row, column] for row in rows for column in columns]
    assert not areas[4].any()
    marks = areas[:4] + areas[5:]
    assert all(mark.mean() > 0.9 for mark in marks), "a mark is torn or cut"
    sizes = [mark.size for mark in marks]
    assert min(sizes) >= 0.7 * max(sizes), "a mark is cut at an edge"


@pytest.mark.parametrize(
    ("page", "sheets"), [("letter", 1), ("A4", 1), ("legal", 2), ("long", 4), ("short", 1), ("A4 turned", 1)]
)
def test_a_page_much_longer_than_the_device_s_sheets_goes_onto_several(
    tmp_path: Path, page: str, sheets: int
) -> None:
    path = samples.save(tmp_path / "a.pdf", marked(*PAGES[page]))
    made, _ = fax(path, "letter, cut sheets", tmp_path)
    assert len(made) == sheets
    again = inspect(samples.source(tmp_path / "fax.tif"), LIMITS)
    assert (len(again.pages), again.problem) == (sheets, None)


def test_a_scan_that_is_too_long_keeps_every_line(tmp_path: Path) -> None:
    path = samples.fax_tiff(tmp_path / "long.tif", height=3000)
    with Image.open(path) as image:
        lines = np.asarray(image.convert("L"))
    sheets, _ = fax(path, "A4, cut sheets", tmp_path)
    assert len(sheets) == 3
    assert (np.concatenate([np.asarray(sheet) for sheet in sheets]) == lines).all()


def test_a_letter_is_not_cut_through_where_there_is_white(tmp_path: Path) -> None:
    pixels = np.full((1000, 50), 255, dtype=np.uint8)
    for top in range(10, 1000, 40):
        pixels[top : top + 25] = 0
    sheets = list(divide(Raster(pixels, Fraction(100), Fraction(100)), Division(300, 4, fill=False)))
    assert len(sheets) == 4
    for sheet in sheets[:-1]:
        assert sheet.pixels[-1].min() == 255


@settings(max_examples=200)
@given(st.data())
def test_every_line_arrives_once_and_no_sheet_is_too_long(data: st.DataObject) -> None:
    height = data.draw(st.integers(2, 400))
    lines = data.draw(st.integers(1, height - 1))
    black = data.draw(st.lists(st.booleans(), min_size=height, max_size=height))
    pixels = np.repeat(np.where(black, 0, 255).astype(np.uint8)[:, None], 3, axis=1)
    pixels[:, 1] = np.arange(height) % 256  # so that each line is known again
    pixels[:, 1] |= np.where(black, 0, 250).astype(np.uint8)
    division = Division(lines, -(-height // lines), fill=data.draw(st.booleans()))
    sheets = list(divide(Raster(pixels, Fraction(1), Fraction(1)), division))
    assert len(sheets) == division.sheets
    assert all(0 < sheet.height <= lines for sheet in sheets)
    whole = np.concatenate([sheet.pixels for sheet in sheets])
    assert (whole[:height] == pixels).all()
    assert (whole[height:] == 255).all()


@given(st.integers(1, 60), st.integers(1, 4), st.booleans(), st.integers(0, 2**32 - 1))
def test_a_page_in_bits_is_divided_as_one_in_octets_and_stays_in_bits(
    lines: int, sheets: int, fill: bool, seed: int
) -> None:
    drawn = np.random.default_rng(seed).random(((sheets - 1) * lines + 1, 19)) < 0.02
    bits = Raster.of_bits(np.packbits(drawn, axis=1), 19, Fraction(204), Fraction(98))
    octets = Raster(np.where(drawn, 0, 255).astype(np.uint8), Fraction(204), Fraction(98))
    division = Division(lines, sheets, fill)
    for one, other in zip(divide(bits, division), divide(octets, division), strict=True):
        assert one.bits is not None
        assert (one.pixels == other.pixels).all()
