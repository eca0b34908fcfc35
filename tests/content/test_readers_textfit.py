"""Text for coarse lines: small letters a whole number of lines high, everything else as it was."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from conneg.content.halftone import Packed
from conneg.content.page import Frame
from conneg.content.readers import open_document
from conneg.content.readers.textfit import Fit
from conneg.content.source import ReadLimits
from tests.content import samples

X_HEIGHT = 0.523
"""Of Helvetica, in shares of the size (Adobe's font metrics: XHeight 523)."""


def page_of(path: Path, content: bytes) -> Path:
    return samples.save(path, samples.pdf([content]))


def draw(path: Path, dpi_x: int = 204, dpi_y: int = 98, times: int = 1) -> Packed:
    """The page as a facsimile of these resolutions, drawn so many times from one reader; the last drawing."""
    frame = Frame(1728, None, Fraction(dpi_x), Fraction(dpi_y), colour=False, bilevel=True)
    with open_document(samples.source(path, "application/pdf"), ReadLimits()) as reader:
        for _ in range(times):
            bits = reader.pages[0].render(frame).bits
        assert bits is not None
        return bits


def inked_lines(bits: Packed) -> int:
    return int(np.any(bits, axis=1).sum())


@pytest.mark.parametrize("size", [4.0, 5.0, 6.5, 7.3, 8.0, 9.1, 10.0, 12.0, 14.0])
def test_small_letters_are_whole_lines_high(tmp_path: Path, size: float) -> None:
    """z has straight edges above and below, and is as high as an x: what there is of another line fills it."""
    path = page_of(tmp_path / "z.pdf", b"BT /F1 %f Tf 72 700.3 Td (zzzzzz) Tj ET" % size)
    natural = X_HEIGHT * size * 98 / 72
    assert inked_lines(draw(path)) == math.ceil(natural)


def test_only_coarse_lines_are_served(tmp_path: Path) -> None:
    """At 196 lines an inch letters are drawn as they are, and their height grows with the size, not in steps."""
    heights = []
    for size in (10.0, 10.2, 10.4):
        path = page_of(tmp_path / "z.pdf", b"BT /F1 %f Tf 72 700.3 Td (zzzzzz) Tj ET" % size)
        heights.append(inked_lines(draw(path, 204, 196)))
    assert heights[0] >= X_HEIGHT * 10 * 196 / 72


def test_large_and_turned_text_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"BT /F1 40 Tf 72 700.3 Td (zzz) Tj ET BT /F1 8 Tf 0 1 -1 0 300 300 Tm (zzz) Tj ET"
    path = page_of(tmp_path / "large.pdf", content)
    fitted = draw(path)
    monkeypatch.setattr("conneg.content.readers.pdf.fit_text", lambda page, lines: Fit(False, False))
    assert (draw(path) == fitted).all()


def test_a_turned_page_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is upright in its own coordinates is not upright on the sheet."""
    path = samples.save(tmp_path / "turned.pdf", samples.pdf([samples.TEXT_PAGE], extra=b"/Rotate 90"))
    fitted = draw(path)
    monkeypatch.setattr("conneg.content.readers.pdf.fit_text", lambda page, lines: Fit(False, False))
    assert (draw(path) == fitted).all()


def test_drawn_twice_it_is_fitted_once(tmp_path: Path) -> None:
    path = page_of(tmp_path / "text.pdf", samples.TEXT_PAGE)
    assert (draw(path, times=3) == draw(path)).all()


def test_lines_of_drawings_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = page_of(tmp_path / "box.pdf", b"2 w 100 100 200 200 re S 0 0 m 500 500 l S")
    fitted = draw(path)
    monkeypatch.setattr("conneg.content.readers.pdf.fit_text", lambda page, lines: Fit(False, False))
    assert (draw(path) == fitted).all()
