"""Letters on a tinted or coloured ground: a screen would break them, so the ground gives way around them.

A page is looked at in tiles of a millimetre: 8 by 8 pixels, 8 by 4 where lines are coarse, 16 by 16 from 300 dpi on.
Where an even ground carries strokes that stand out from it, the strokes are made black on white, or white on black
where they are the lighter ones, and so is the ground: for a tenth of an inch around, and from there on as far as it
goes on evenly, first along the lines, then down and up. What was left of a screen beside a short line would be taken
for letters. Grounds that carry no strokes are screened. Photographs and gradients have no ground that is even enough,
and stay as they are.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from conneg.content.neighbourhood import over
from conneg.content.page import Pixels
from conneg.content.squares import SquareKind, find_squares

_TILE = 8
"""Pixels of a tile along the line, at up to _FINE an inch."""

_FINE = 300
"""From so many pixels an inch on tiles are twice as wide: a photograph that was enlarged is even for eight pixels."""

_COARSE = 1.5
"""From this ratio of horizontal to vertical resolution on, tiles are half as high."""

_PAPER = 232
"""As light as this is paper, and no ground."""

_EVEN = 1
"""By how much the shades of a ground may differ: one that was painted is even, one that was photographed is not."""

_SMOOTHED = 24
"""By how much pixels beside a stroke may differ from the ground to the other side, as enlarging and JPEG leave them."""

_FEWEST = 4
"""So many even tiles lie around a stroke that is on a ground."""

_CONTRAST = 48
"""By how much a stroke differs from its ground."""

_REACH_INCHES = 0.12
"""How far from a stroke its ground is looked for, and how far what is around it is cleared in any case."""

_FAR_INCHES = 0.3
"""How far it is looked for when the strokes are too dense, or the picture was compressed and is uneven beside them."""

_DARK_SHARE, _LIGHT_SHARE = 0.3, 0.5
"""A pixel is of the stroke that is so much of the way from the ground to the ink."""

_NOWHERE, _BEYOND = -1, 256
"""Less and more than any shade."""

Shades = npt.NDArray[np.int16]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Survey:
    """For each tile: its darkest and lightest pixel, whether it is even and no paper, and the ground around it."""

    darkest: Shades
    lightest: Shades
    tinted: Marks
    ground: Shades
    reach: tuple[int, int]


def clear_grounds(grey: Pixels, dpi_x: float, dpi_y: float) -> Pixels:
    """Return the page with strokes on even grounds in black and white; `grey` itself where there are none.

    So many pixels an inch both ways.
    """
    wide = _TILE if dpi_x < _FINE else 2 * _TILE
    high = wide // 2 if dpi_x / dpi_y >= _COARSE else wide
    near, far = (
        (max(1, round(inches * dpi_y / high)), max(1, round(inches * dpi_x / wide)))
        for inches in (_REACH_INCHES, _FAR_INCHES)
    )
    part = _part_with_grounds(grey, high, wide, far)
    if part is None:
        return grey
    survey = _survey(grey[part], high, wide, near, far)
    dark, light = _strokes(survey)
    if not (dark.any() or light.any()):
        return grey
    page = grey.copy()
    _draw(page[part], survey, dark, light)
    return page


def _part_with_grounds(
    grey: Pixels, high: int, wide: int, far: tuple[int, int]
) -> tuple[slice, slice] | None:
    """Return the lines and columns of the part that has all grounds, in whole tiles, or None as for most pages.

    One pixel of each tile is looked at; a ground has several times four neighbours of one shade.
    """
    found = find_squares(grey, SquareKind(high, wide, 2, 1, _PAPER, _EVEN))
    if found.count < _FEWEST:
        return None
    rows, columns = grey.shape[0] // high, grey.shape[1] // wide
    top, bottom = max(0, found.rows.start - far[0]), min(rows, found.rows.stop + far[0])
    left, right = max(0, found.columns.start - far[1]), min(columns, found.columns.stop + far[1])
    return slice(top * high, bottom * high), slice(left * wide, right * wide)


def _survey(page: Pixels, high: int, wide: int, near: tuple[int, int], far: tuple[int, int]) -> _Survey:
    """Return what is known of the page in tiles `high` lines high and `wide` pixels wide."""
    lines = page.reshape(page.shape[0] // high, high, page.shape[1])
    darkest = _across_tiles(np.minimum, lines.min(axis=1), wide).astype(np.int16)
    lightest = _across_tiles(np.maximum, lines.max(axis=1), wide).astype(np.int16)
    tinted: Marks = (lightest - darkest <= _EVEN) & (lightest < _PAPER) & (darkest > 0)
    ground = _ground(darkest, lightest, tinted, near)
    ground = np.where(ground > _NOWHERE, ground, _ground(ground, ground, ground > _NOWHERE, far))
    return _Survey(darkest, lightest, tinted, ground, near)


def _across_tiles(choose: np.ufunc, lines: Pixels, wide: int) -> Pixels:
    """Return for each tile what `choose` takes of its columns; numpy does short rows slowly and long ones fast."""
    columns = lines.shape[1] // wide
    while lines.shape[1] > columns:
        lines = choose(lines[:, ::2], lines[:, 1::2])
    return lines


def _ground(darkest: Shades, lightest: Shades, tinted: Marks, reach: tuple[int, int]) -> Shades:
    """Return for each tile the shade that all even tiles within `reach` have, or _NOWHERE."""
    ground = _spread(np.where(tinted, lightest, np.int16(_NOWHERE)), reach)
    lowest = -_spread(np.where(tinted, -darkest, np.int16(-_BEYOND)), reach)
    ground[(_count(tinted, reach) < _FEWEST) | (ground - lowest > _EVEN)] = _NOWHERE
    return ground


def _strokes(survey: _Survey) -> tuple[Marks, Marks]:
    """Return which tiles have darker, and which have lighter strokes on their ground.

    The edge of a ground, where it borders on paper, is no stroke.
    """
    darker, lighter = survey.ground - survey.darkest, survey.lightest - survey.ground
    paper = (survey.darkest >= _PAPER).astype(np.int16)
    carried = (survey.ground > _NOWHERE) & ~survey.tinted & (_spread(paper, (1, 1)) == 0)
    dark: Marks = carried & (darker >= _CONTRAST) & (lighter <= _SMOOTHED)
    light: Marks = carried & (lighter >= _CONTRAST) & (darker <= _SMOOTHED)
    return dark, light


def _draw(page: Pixels, survey: _Survey, dark: Marks, light: Marks) -> None:
    """Make strokes, and their ground as far as it goes, black and white."""
    ink = -_spread(np.where(dark, -survey.darkest, np.int16(-_BEYOND)), survey.reach)
    shine = _spread(np.where(light, survey.lightest, np.int16(_NOWHERE)), survey.reach)
    ground = _spread(np.where(dark | light, survey.ground, np.int16(_NOWHERE)), survey.reach)
    by_dark = (ink < _BEYOND) & ((shine == _NOWHERE) | (ground - ink >= shine - ground))
    by_light = (shine > _NOWHERE) & ~by_dark
    plain = (survey.lightest - ground < _CONTRAST) & (ground - survey.darkest < _CONTRAST)
    plain &= ~survey.tinted | (abs(survey.lightest - ground) <= _EVEN)
    cleared = (plain | dark | light) & (by_dark | by_light)
    rows, columns = by_dark.shape
    tiles: Pixels = page.reshape(rows, page.shape[0] // rows, columns, page.shape[1] // columns)
    for chosen, end, share in (
        (cleared & by_dark, ink, _DARK_SHARE),
        (cleared & by_light, shine, _LIGHT_SHARE),
    ):
        down, across = np.nonzero(chosen)
        level = ground[down, across].astype(np.float32)
        limit = level + share * (end[down, across] - level)
        tiles[down, :, across, :] = np.where(tiles[down, :, across, :] >= limit[:, None, None], 255, 0)
    drawn = np.select(
        [cleared & by_dark, cleared & by_light], [np.int16(255), np.int16(0)], np.int16(_NOWHERE)
    )
    _draw_rest(tiles, survey.tinted, np.where(cleared, ground, survey.lightest), drawn)


def _draw_rest(tiles: Pixels, tinted: Marks, ground: Shades, drawn: Shades) -> None:
    """Make the rest of the grounds white or black, as their drawn tiles are: what `drawn` says of each, or _NOWHERE.

    `ground` is each tile's own shade, or that of the ground that its strokes are on.
    """
    rest = drawn == _NOWHERE
    _go_on(drawn.T, tinted.T, ground.T)
    _go_on(drawn, tinted, ground)
    down, across = np.nonzero(rest & (drawn > _NOWHERE))
    tiles[down, :, across, :] = drawn[down, across, None, None]
    for colour in (255, 0):
        beside = _spread(np.where(drawn == colour, ground, np.int16(_NOWHERE)), (1, 1))
        down, across = np.nonzero((drawn == _NOWHERE) & ~tinted & (beside > _NOWHERE))
        edges = tiles[down, :, across, :]
        is_ground = abs(edges - beside[down, across, None, None]) <= _SMOOTHED
        tiles[down, :, across, :] = np.where(is_ground, colour, edges)


def _go_on(drawn: Shades, tinted: Marks, ground: Shades) -> None:
    """Let each even tile that is not drawn be what the one before it is, where their ground is one; down, then up."""
    rows = range(len(drawn))
    for before, here in pairwise((*rows, *reversed(rows))):
        goes_on = tinted[here] & (drawn[here] == _NOWHERE) & (abs(ground[here] - ground[before]) <= _EVEN)
        np.copyto(drawn[here], drawn[before], where=goes_on)


def _spread(values: Shades, reach: tuple[int, int]) -> Shades:
    """Return for each tile the highest of the values within `reach` of it, down and across."""
    for axis in (0, 1):
        values = over(np.maximum, values, axis, reach[axis])
    return values


def _count(marks: Marks, reach: tuple[int, int]) -> Shades:
    """Return for each tile the number of marks within `reach` of it, down and across."""
    counts = marks.astype(np.int16)
    for axis in (0, 1):
        counts = over(np.add, counts, axis, reach[axis])
    return counts
