"""Grey to black and white: line art by a threshold that keeps thin strokes, pictures by a clustered-dot screen.

The page is segmented by tiles, so a photo beside small type gets its screen and the type stays sharp. A clustered dot
keeps runs long, which MH, MR and MMR code in few octets; error diffusion would triple them.
"""

import functools
import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from conneg.content.page import Raster

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_BLACK_BELOW = 176
"""A stroke that covers a third of a pixel is still drawn."""

_TILE = 32
_STEP = 4
"""Tiles are looked at through every fourth pixel of every fourth line."""

_COARSE_LINES = 110
"""Below this many lines an inch thin horizontal strokes are found by comparing lines."""

_PAPER, _INK = 232, 40
_DOTS_AN_INCH = 36


def in_grey(raster: Raster) -> Grey:
    """Return the page in shades of grey."""
    return np.asarray(Image.fromarray(raster.pixels).convert("L")) if raster.is_colour else raster.pixels


def to_bits(grey: Grey, dpi_x: float, dpi_y: float) -> bytes:
    """Return the page as packed bits, 1 for black; `grey` has 0 for black, and so many pixels an inch both ways."""
    black = _line_art(grey, dpi_y)
    pictures = find_pictures(grey)
    if pictures.any():
        rows, columns = np.nonzero(pictures)
        top, left = int(rows.min()) * _TILE, int(columns.min()) * _TILE
        bottom, right = (int(rows.max()) + 1) * _TILE, (int(columns.max()) + 1) * _TILE
        area = grey[top:bottom, left:right]
        inside = pictures[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        chosen = np.repeat(np.repeat(inside, _TILE, axis=0), _TILE, axis=1)[: area.shape[0], : area.shape[1]]
        screened = area < _screen(area.shape, dpi_x, dpi_y, top, left)
        black[top:bottom, left:right] = np.where(chosen, screened, black[top:bottom, left:right])
    return np.packbits(black, axis=1).tobytes()


def _line_art(grey: Grey, dpi_y: float) -> Mask:
    black: Mask = grey < _BLACK_BELOW
    if dpi_y < _COARSE_LINES:
        # a thin stroke that falls between two lines leaves a ridge in one of them: darker than what is above and below
        ridge = np.zeros_like(black)
        middle, above, below = grey[2:-2], grey[:-4], grey[4:]
        limit = np.minimum(above, below)
        ridge[2:-2] = (middle < _PAPER) & (middle.astype(np.int16) + 20 < limit)
        ridge[2:-2] &= (middle <= grey[1:-3]) & (middle < grey[3:-1])
        black |= ridge
    return black


def find_pictures(grey: Grey) -> Mask:
    """Return for each tile of 32 by 32 pixels whether it shows a picture: mostly shades, and hardly any paper."""
    sample = grey[::_STEP, ::_STEP]
    side = _TILE // _STEP
    rows, columns = -(-sample.shape[0] // side), -(-sample.shape[1] // side)
    padded = np.full((rows * side, columns * side), 255, dtype=np.uint8)
    padded[: sample.shape[0], : sample.shape[1]] = sample
    tiles = padded.reshape(rows, side, columns, side)
    shades = ((tiles > _INK) & (tiles < _PAPER)).sum(axis=(1, 3))
    paper = (tiles >= _PAPER).sum(axis=(1, 3))
    area = side * side
    pictures = (shades * 2 > area) & (paper * 4 < area)
    return _fill(pictures)


def _fill(pictures: Mask) -> Mask:
    """Join tiles that are surrounded by pictures, and drop those that stand alone."""
    neighbours = _neighbours(pictures)
    filled: Mask = np.where(pictures, neighbours >= 1, neighbours >= 5)
    return filled


def _neighbours(mask: Mask) -> npt.NDArray[np.int8]:
    padded = np.pad(mask.astype(np.int8), 1)
    total = np.zeros(mask.shape, dtype=np.int8)
    for row in (0, 1, 2):
        for column in (0, 1, 2):
            if (row, column) != (1, 1):
                total += padded[row : row + mask.shape[0], column : column + mask.shape[1]]
    return total


def _screen(shape: tuple[int, ...], dpi_x: float, dpi_y: float, top: int, left: int) -> Grey:
    """Return thresholds for an area whose corner lies at (top, left) of the page."""
    cell = _cell(_period(dpi_x), _period(dpi_y))
    rows = (np.arange(shape[0]) + top) % cell.shape[0]
    columns = (np.arange(shape[1]) + left) % cell.shape[1]
    return cell[np.ix_(rows, columns)]


def _period(dpi: float) -> int:
    """Return the pixels of a cell, which holds two dots, one beside and below the other."""
    return max(4, 2 * round(dpi / _DOTS_AN_INCH / math.sqrt(2)))


@functools.cache
def _cell(width: int, height: int) -> Grey:
    """Return the thresholds of one cell: dots that grow from two centres, at 45 degrees where pixels are square."""
    y, x = np.mgrid[0:height, 0:width]
    across, down = 2 * np.pi * (x + 0.5) / width, 2 * np.pi * (y + 0.5) / height
    # the sum has its peaks at two opposite points of the cell; a slight tilt breaks ties between pixels
    spot = np.cos(across + down) + np.cos(across - down) + 1e-3 * np.cos(across) + 1e-4 * np.sin(down)
    order = np.argsort(np.argsort(spot, axis=None), axis=None).reshape(spot.shape)
    thresholds = (order + 0.5) * 255 / order.size
    return np.asarray(np.clip(np.round(thresholds), 1, 255), dtype=np.uint8)
