"""Squares of one kind are found where a slow look at every one of them finds them, with the C module and without."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.content import native
from conneg.content.page import Pixels
from conneg.content.squares import SquareKind, Squares, find_squares


def slowly(grey: Pixels, kind: SquareKind) -> tuple[int, set[int], set[int]]:
    """How many there are, and the rows and columns of tiles that are in any."""
    rows, columns = grey.shape[0] // kind.tile_height, grey.shape[1] // kind.tile_width
    count, down, across = 0, set(), set()
    for row in range(rows - kind.side + 1):
        for column in range(columns - kind.side + 1):
            inside = [
                int(
                    grey[
                        y * kind.tile_height + kind.tile_height // 2,
                        x * kind.tile_width + kind.tile_width // 2,
                    ]
                )
                for y in range(row, row + kind.side)
                for x in range(column, column + kind.side)
            ]
            if (
                min(inside) >= kind.darkest
                and max(inside) < kind.lighter_than
                and max(inside) - min(inside) <= kind.range
            ):
                count += 1
                down |= set(range(row, row + kind.side))
                across |= set(range(column, column + kind.side))
    return count, down, across


@st.composite
def cases(draw: st.DrawFn) -> tuple[Pixels, SquareKind]:
    kind = SquareKind(
        tile_height=draw(st.integers(1, 8)),
        tile_width=draw(st.integers(1, 16)),
        side=draw(st.integers(1, 4)),
        darkest=draw(st.integers(0, 200)),
        lighter_than=draw(st.integers(1, 255)),
        range=draw(st.integers(0, 255)),
    )
    height, width = draw(st.integers(1, 60)), draw(st.integers(1, 120))
    shades = draw(st.lists(st.integers(0, 255), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.choice(np.array(shades, dtype=np.uint8), (height, width)), kind


@pytest.mark.parametrize("with_module", [True, False])
@given(cases())
@settings(max_examples=200, deadline=None)
def test_what_is_found_is_what_is_there(with_module: bool, case: tuple[Pixels, SquareKind]) -> None:
    grey, kind = case
    with pytest.MonkeyPatch.context() as patch:
        if not with_module:
            patch.setattr(native, "bilevel", None)
        found = find_squares(grey, kind)
    count, down, across = slowly(grey, kind)
    if not count:
        assert found == Squares(0, slice(0, 0), slice(0, 0))
    else:
        assert found.count == count
        assert (found.rows.start, found.rows.stop) == (min(down), max(down) + 1)
        assert (found.columns.start, found.columns.stop) == (min(across), max(across) + 1)


@pytest.mark.skipif(
    native.bilevel is None, reason="needs the C module: apt-get install gcc libc6-dev python3-dev"
)
@pytest.mark.parametrize(
    ("width", "height", "tile_width", "tile_height", "side"),
    [
        (4, 4, 0, 1, 1),
        (4, 4, 1, 0, 1),
        (4, 4, 1, 1, 0),
        (4, 5, 1, 1, 1),
        (16, 1, 1, 1, 65),
        (1 << 21, 0, 1, 1, 1),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    width: int, height: int, tile_width: int, tile_height: int, side: int
) -> None:
    assert native.bilevel is not None
    with pytest.raises(ValueError, match="size"):
        native.bilevel.squares(bytes(16), width, height, tile_width, tile_height, side, 0, 255, 255)
