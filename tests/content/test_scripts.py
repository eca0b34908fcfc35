"""Which scripts can be drawn is what fontconfig says of the fonts that are there, and what cannot be drawn is noted."""

from pathlib import Path

import pytest

from conneg.content import formats
from conneg.content.inspection import inspect
from conneg.content.readers.fonts import installed_fonts
from conneg.content.readers.pangofonts import without_glyph
from conneg.content.readers.scripts import SCRIPTS, Script
from conneg.content.source import ReadLimits, Source
from tests.content import programs, samples

CUNEIFORM = "\N{CUNEIFORM SIGN A}\N{CUNEIFORM SIGN A TIMES A}"

needs_layout = pytest.mark.skipif(
    not formats.html_is_laid_out(), reason="needs WeasyPrint and Pango: pip install conneg[html]"
)


def fonts_with(letter: str) -> set[str]:
    found = programs.run("fontconfig", "fc-list", f":charset={ord(letter):x}", "file").decode()
    return {line.strip().rstrip(":") for line in found.splitlines()}


def notes_of(path: Path, media_type: str) -> tuple[str, ...]:
    return inspect(Source(path, media_type, charset="utf-8"), ReadLimits()).notes


@pytest.mark.system
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_drawn_if_a_font_has_its_letters(script: Script, tmp_path: Path) -> None:
    has_all = all(
        letter in "aéßž" or fonts_with(letter) & set(installed_fonts()) for letter in script.letters
    )
    assert script.is_drawn == has_all
    path = samples.save(tmp_path / "text", f"{script.letters}\n".encode())
    assert bool(notes_of(path, "text/plain")) == (not script.is_drawn)


@pytest.mark.system
@pytest.mark.parametrize("letters", ["漢们か", "한국어"])
def test_east_asia_is_drawn_where_the_fonts_are_that_are_named(letters: str) -> None:
    """`fonts-droid-fallback` alone has no Korean."""
    if not all(fonts_with(letter) for letter in letters):
        programs.lacking("needs fonts: apt-get install fonts-droid-fallback fonts-nanum")
    assert Script("", letters, "").is_drawn


@needs_layout
@pytest.mark.system
def test_what_no_font_has_is_noted_of_html_and_the_rest_is_not(tmp_path: Path) -> None:
    if fonts_with(CUNEIFORM[0]):
        pytest.skip("a font here has cuneiform")
    known = "é Ж λ " + ("漢" if fonts_with("漢") else "")
    path = samples.save(tmp_path / "body", f"<html><body><p>{known} {CUNEIFORM}</p></body></html>".encode())
    assert notes_of(path, "text/html") == ("no font has 2 of its characters, shown as boxes",)
    path.write_text(f"<html><body><p>{known}</p></body></html>")
    assert notes_of(path, "text/html") == ()


@needs_layout
@pytest.mark.system
def test_each_character_counts_as_often_as_it_stands_there() -> None:
    if fonts_with(CUNEIFORM[0]):
        pytest.skip("a font here has cuneiform")
    assert without_glyph("plain words\n") == 0
    assert without_glyph(f"é {CUNEIFORM[0]} and {CUNEIFORM[0]}") == 2
