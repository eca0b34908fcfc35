"""Plain text: charsets, layout, drawing."""

import unicodedata
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.content.errors import ContentRefusedError
from conneg.content.page import Frame
from conneg.content.readers import fonts, layout, open_document
from conneg.content.readers.charsets import decode_text
from conneg.content.readers.layout import COLUMNS, LINES_A_PAGE, Line, character_width, lay_out
from conneg.content.readers.markup import text_of_html
from conneg.content.source import ReadLimits
from tests.content import samples

STANDARD = Frame(1728, 1146, Fraction(204), Fraction(98), colour=False, turn=True)


def written(line: Line) -> str:
    """Return the characters of a line in the order of reading."""
    return "".join(run.text for run in line)


def lines_of(text: str) -> list[str]:
    lines = lay_out(text, 10_000)
    assert lines is not None
    return [written(line) for line in lines]


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        (b"caf\xc3\xa9", "utf-8", "café"),
        (b"caf\xe9", "iso-8859-1", "café"),
        (b"caf\xe9", None, "café"),
        (b"caf\xc3\xa9", None, "café"),
        (b"caf\xc3\xa9", "us-ascii", "café"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "iso-8859-1", "café"),
        ("café".encode("utf-16"), None, "café"),
        (b"abc", "no-such-charset", "abc"),
        (b"abc", "rot13", "abc"),
        (b"abc", "zlib", "abc"),
        (b"abc", "utf\x008", "abc"),
        (b"a\xffb", "utf-8", "a\N{REPLACEMENT CHARACTER}b"),
        (b'\x1b$B$"\x1b(B', "iso-2022-jp", "あ"),
    ],
)
def test_a_text_is_decoded_whatever_its_charset_says(octets: bytes, charset: str | None, text: str) -> None:
    assert decode_text(octets, charset).text == text


def test_lines_break_at_spaces_and_words_that_are_too_long_anywhere() -> None:
    assert lines_of("word " * 20) == ["word " * 15 + "word", "word word word word"]
    assert lines_of("x" * 200) == ["x" * 80, "x" * 80, "x" * 40]


def test_paragraphs_blank_lines_and_line_ends_are_kept() -> None:
    assert lines_of("a\r\nb\rc\n\nd\n\n\n") == ["a", "b", "c", "", "d"]


def test_tabs_go_to_columns_of_eight() -> None:
    assert lines_of("\ta\tbc\td") == ["        a       bc      d"]


def test_a_form_feed_begins_a_page() -> None:
    lines = lines_of("one\ftwo")
    assert lines[0] == "one"
    assert lines[LINES_A_PAGE] == "two"
    assert len(lines) == LINES_A_PAGE + 1


def test_controls_and_directional_overrides_are_harmless() -> None:
    (line,) = lines_of("a\x07b\x1b[31mc\u202ed\u200be\xadf")
    assert line == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31mcdef"


def test_wide_characters_take_two_columns() -> None:
    assert [len(line) for line in lines_of("中" * 50)] == [40, 10]


def test_blank_text_has_no_lines() -> None:
    assert lay_out(" \r\n\t\n\f\n", 100) == []


def test_a_paragraph_without_end_is_refused_before_it_is_laid_out() -> None:
    text = "(\N{HEBREW LETTER ALEF})[a] " * 1_000_000
    seen: list[str] = []
    wrap = layout._wrap
    try:
        layout._wrap = lambda portion: (seen.append(portion), wrap(portion))[1]  # type: ignore[assignment]
        assert lay_out(text, 100) is None
    finally:
        layout._wrap = wrap
    assert sum(map(len, seen)) < 100_000


def test_more_lines_than_allowed_are_none() -> None:
    assert lay_out("a\n" * 101, 100) is None


@given(st.text(max_size=400))
def test_no_line_is_too_wide_and_no_visible_character_is_lost(text: str) -> None:
    lines = lines_of(text)
    assert all(sum(map(character_width, line)) <= COLUMNS for line in lines)
    assert all(
        character.isprintable() or character == "\N{REPLACEMENT CHARACTER}"
        for line in lines
        for character in line
    )

    def visible(characters: str) -> str:
        return "".join(
            character for character in unicodedata.normalize("NFC", characters)
            if character.isprintable() and not character.isspace() and character != "\N{REPLACEMENT CHARACTER}"
        )  # fmt: skip

    assert visible("".join(lines)) == visible(text)


def test_text_is_drawn_dark_inside_the_margins_with_as_many_lines_as_it_has(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.txt", b"Hamburgefonts HHHH\r\n" * 10)
    with open_document(samples.source(path, "text/plain"), ReadLimits()) as document:
        assert len(document.pages) == 1
        assert document.pages[0].geometry.colour == "Binary"
        pixels = document.pages[0].render(STANDARD).pixels
    assert pixels.shape == (1146, 1728)
    inked = (pixels < 100).any(axis=1)
    bands = np.count_nonzero(inked[1:] & ~inked[:-1])
    assert bands == 10  # text lines stay apart even at 98 lines an inch
    columns = np.flatnonzero((pixels < 100).any(axis=0))
    assert columns[0] > 100
    assert columns[-1] < 1628


@pytest.mark.parametrize("text", ["é", "€", "“", "ß", "Ø"])
def test_western_european_characters_have_a_picture_of_their_own(tmp_path: Path, text: str) -> None:
    def drawn(letters: str) -> bytes:
        path = samples.save(tmp_path / "a.txt", letters.encode())
        with open_document(samples.source(path, "text/plain", "utf-8"), ReadLimits()) as document:
            return document.pages[0].render(STANDARD).pixels.tobytes()

    assert drawn(text) not in {drawn("?"), drawn("\x01"), drawn("x")}


def test_a_script_without_a_face_is_shown_as_question_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "installed_fonts", tuple)
    fonts._face_of.cache_clear()
    try:
        pictures = []
        for text in ("中中中".encode(), b"?  ?  ?"):
            path = samples.save(tmp_path / "a.txt", text)
            with open_document(samples.source(path, "text/plain", "utf-8"), ReadLimits()) as document:
                pictures.append(int((document.pages[0].render(STANDARD).pixels < 128).sum()))
                notes = ["no font has 3 of its characters, shown as ?"] if len(pictures) == 1 else []
                assert list(document.notes) == notes
        assert pictures[0] == pytest.approx(pictures[1], rel=0.1)
    finally:
        fonts._face_of.cache_clear()


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One <b>bold</b>word.</p><p>Two</p>", "One boldword.\n\nTwo\n"),
        ("a<br>b<div>c</div>d", "a\nb\nc\nd\n"),
        ("<ul><li>x</li><li>y</li></ul>", "- x\n- y\n"),
        ("<head><title>t</title><style>p{}</style></head><body>x<script>alert(1)</script> y", "x y\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        ("<pre>a  b\n c</pre>", "a  b\n c\n"),
        ("caf&eacute; &lt;b&gt; <img src=x alt=logo>", "café <b> [logo]\n"),
        ("<p unclosed <<>> & &nosuch; text", "> & &nosuch; text\n"),
        ("", "\n"),
    ],
)
def test_html_is_read_as_its_text(markup: str, text: str) -> None:
    assert text_of_html(markup) == text


@given(st.text(alphabet="<>/abpd !-&;\"'=", max_size=200))
def test_no_markup_makes_the_text_of_html_fail(markup: str) -> None:
    assert text_of_html(markup).endswith("\n")


def test_an_html_body_has_pages(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a", b"<html><body><p>Hello</body></html>")
    with open_document(samples.source(path, "text/html"), ReadLimits()) as document:
        assert len(document.pages) == 1


def test_a_blank_text_has_no_pages(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.txt", b"\r\n \r\n")
    with open_document(samples.source(path, "text/plain"), ReadLimits()) as document:
        assert len(document.pages) == 0


def test_a_text_of_too_many_pages_is_refused(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.txt", b"a\n" * (LINES_A_PAGE * 3))
    with pytest.raises(ContentRefusedError, match="more than 2 pages"):
        open_document(samples.source(path, "text/plain"), ReadLimits(pages=2))
