"""Letters of many strokes on coarse lines: the white between their strokes stays; other text is as it was."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from conneg.content import native
from conneg.content.halftone import bilevel, unpack
from conneg.content.page import Frame, Pixels
from conneg.content.readers import open_document
from conneg.content.readers.denseletters import are_dense
from conneg.content.readers.fonts import without_face
from conneg.content.source import ReadLimits
from tests.content import samples
from tests.system import lacking

JAPANESE = "船体の検査は五月に行われた。水線下の外板七枚を交換した。"


@pytest.mark.parametrize("text", [JAPANESE, "漢們這", "한국어 2026", "カタカナ", "𠮷野家"])
def test_letters_of_many_strokes_are_known(text: str) -> None:
    assert are_dense(text)


@pytest.mark.parametrize("text", ["", "2026", "Grüße", "שלום", "ажяї", "see 漢 and 字 in the annex"])
def test_others_are_not(text: str) -> None:
    assert not are_dense(text)


def ink(grey: Pixels, dpi: tuple[float, float], *, dense: bool) -> int:
    return int((~unpack(bilevel(grey, *dpi, dense=dense), grey.shape[1])).sum())


@pytest.mark.parametrize("with_module", [True, False])
def test_the_threshold_is_lower_on_coarse_lines_only(
    with_module: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pixel a quarter of which is ink belongs to a thin stroke of Latin letters, and to the white between others'."""
    if not with_module:
        monkeypatch.setattr(native, "bilevel", None)
    grey = np.full((64, 128), 255, dtype=np.uint8)
    grey[8:56, 10:120:6] = 0
    grey[8:56, 11:120:6] = 180
    assert ink(grey, (204, 98), dense=True) == 48 * 19
    assert ink(grey, (204, 98), dense=False) == 2 * 48 * 19
    assert ink(grey, (204, 196), dense=True) == ink(grey, (204, 196), dense=False)


def drawn(path: Path, media_type: str, lines: int = 98) -> int:
    """The ink of the first page."""
    frame = Frame(1728, None, Fraction(204), Fraction(lines), colour=False, bilevel=True)
    with open_document(samples.source(path, media_type), ReadLimits()) as document:
        bits = document.pages[0].render(frame).bits
    assert bits is not None
    return int(np.bitwise_count(bits).sum())


@pytest.mark.parametrize(("media_type", "suffix"), [("text/plain", "txt"), ("text/html", "html")])
def test_pages_in_japanese_are_lighter(
    tmp_path: Path, media_type: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTML becomes a PDF, whose fonts have codes of their own: there the letters are found by the text of the page."""
    if without_face("漢"):
        lacking("needs a font: apt-get install fonts-droid-fallback")
    if suffix == "html":
        pytest.importorskip("weasyprint")
    text = "\r\n".join([JAPANESE] * 20)
    path = samples.save(tmp_path / f"a.{suffix}", (f"<p>{text}</p>" if suffix == "html" else text).encode())
    kept, kept_fine = drawn(path, media_type), drawn(path, media_type, 196)
    for module in ("text", "pdf"):
        monkeypatch.setattr(f"conneg.content.readers.{module}.are_dense", lambda text: False)
    assert kept < 0.95 * drawn(path, media_type)
    assert kept_fine == drawn(path, media_type, 196)


def test_pages_in_english_are_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = samples.save(tmp_path / "text.pdf", samples.pdf([samples.TEXT_PAGE]))
    before = drawn(path, "application/pdf")
    monkeypatch.setattr("conneg.content.readers.pdf.are_dense", lambda text: False)
    assert drawn(path, "application/pdf") == before
