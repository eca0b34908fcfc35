"""Plain text taken out of PDF and HTML, for receivers that take nothing else: words judged by poppler."""

from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import pytest

from conneg.content.conformance import verify_file
from conneg.content.conversion import ConversionJob, convert
from conneg.content.errors import ConversionError
from conneg.content.inspection import inspect
from conneg.content.offer import offer
from conneg.content.readers import open_document
from conneg.content.rendition import RenditionFile
from conneg.content.source import ReadLimits, Source
from conneg.features import choose, collection, default_preference, feature_set
from tests.content import programs, samples

LIMITS = ReadLimits()
TEXT_ONLY = feature_set('(type="text/plain")')
LETTER = b"""%!PS
/show-lines { { exch dup 3 1 roll 72 exch moveto show exch 16 sub } forall } def
/Times-Roman findfont 12 scalefont setfont
72 700 moveto (Dear Sir or Madam, office (parentheses) and 100% figures) show
72 680 moveto (of the second line of the first page.) show
showpage
/Courier-Bold findfont 12 scalefont setfont
72 700 moveto (The second page) show
300 700 moveto (has two columns) show
showpage
"""


def survey(tmp_path: Path) -> Path:
    return samples.save(tmp_path / "survey.pdf", (files("conneg.demo") / "samples/survey.pdf").read_bytes())


def letter(tmp_path: Path) -> Path:
    return programs.ghostscript_pdf(tmp_path / "letter.pdf", LETTER)


def drawing(tmp_path: Path) -> Path:
    svg = samples.save(
        tmp_path / "a.svg",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="100">'
        b'<text x="10" y="40" font-size="20">Drawn by cairo: \xc3\xa9t\xc3\xa9</text></svg>',
    )
    programs.run("librsvg2-bin", "rsvg-convert", "-f", "pdf", "-o", tmp_path / "a.pdf", svg)
    return tmp_path / "a.pdf"


def text_of(path: Path) -> str:
    with open_document(samples.source(path), LIMITS) as document:
        text = document.text()
    assert text is not None
    return text


def written(tmp_path: Path, target: str, *sources: Source) -> RenditionFile:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    (file,) = convert(ConversionJob(sources, collection(target), out, "a"), LIMITS).files
    return file


@pytest.mark.judged("text/plain, written", "poppler")
@pytest.mark.system
@pytest.mark.parametrize("make", [survey, letter, drawing])
def test_the_words_are_those_that_poppler_finds(tmp_path: Path, make: object) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    words = programs.words_of_pdf(path)
    assert len(words) >= 4
    text = (
        text_of(path).replace("-\n", "").replace(" %", "%")
    )  # a thin space is a space to one, to the other none
    assert sorted(text.split()) == words


@pytest.mark.system
def test_pages_are_parted_by_form_feeds_and_read_in_order(tmp_path: Path) -> None:
    first, second = text_of(letter(tmp_path)).split("\f")
    assert first.split("\n") == [
        "Dear Sir or Madam, office (parentheses) and 100% figures",
        "of the second line of the first page.",
    ]
    assert second.split() == ["The", "second", "page", "has", "two", "columns"]


def test_what_is_filled_into_a_form_is_text_too(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "form.pdf", samples.form_pdf(b"Filled in by hand"))
    assert "Filled in by hand" in text_of(path)
    assert "The quick brown fox" in text_of(path)


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        (samples.TEXT_PAGE, "us-ascii"),
        (b"BT /F1 12 Tf 72 700 Td (caf\\351) Tj ET", "utf-8"),
        (samples.RED_PAGE, None),
    ],
)
def test_text_is_offered_where_there_is_some(tmp_path: Path, content: bytes, charset: str | None) -> None:
    path = samples.save(tmp_path / "a.pdf", samples.pdf([content]))
    inspection = inspect(samples.source(path), LIMITS)
    assert inspection.text_charset == charset
    choice = choose(offer(inspection) & TEXT_ONLY, default_preference())
    if charset is None:
        assert choice is None
    else:
        assert choice is not None
        assert str(choice.collection["charset"]) == charset


def test_a_page_that_is_only_a_picture_keeps_text_from_being_offered(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.pdf", samples.pdf([samples.TEXT_PAGE, samples.RED_PAGE]))
    assert inspect(samples.source(path), LIMITS).text_charset is None
    blank = samples.save(tmp_path / "b.pdf", samples.pdf([samples.TEXT_PAGE, b""]))
    assert inspect(samples.source(blank), LIMITS).text_charset == "us-ascii"


def test_a_receiver_of_pages_and_of_text_gets_pages(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.pdf", samples.pdf([samples.TEXT_PAGE]))
    both = feature_set('(| (type="text/plain") (& (type="image/png") (pix-x<=500) (color=Grey)))')
    choice = choose(offer(inspect(samples.source(path), LIMITS)) & both, default_preference())
    assert choice is not None
    assert str(choice.collection["type"]) == '"image/png"'
    assert choice.collection["pix-x"] == Fraction(500)


@pytest.mark.parametrize(
    ("octets", "target", "made", "charset"),
    [
        (b"a\nb\r\n", '(type="text/plain")', b"a\r\nb\r\n", "us-ascii"),
        ("é\r\n".encode(), '(type="text/plain")', "é\r\n".encode(), "utf-8"),
        (b"a", '(& (type="text/plain") (charset=utf-8))', b"a", "utf-8"),
        (b"<p>a<p>b", '(type="text/plain")', b"a\r\n\r\nb\r\n", "us-ascii"),
    ],
)
def test_text_is_written_with_its_charset_stated(
    tmp_path: Path, octets: bytes, target: str, made: bytes, charset: str
) -> None:
    declared = "text/html" if octets.startswith(b"<") else "text/plain"
    source = samples.source(samples.save(tmp_path / "a", octets), declared)
    file = written(tmp_path, target, source)
    assert file.path.read_bytes() == made
    assert file.charset == charset
    assert not (feature_set(file.features) & feature_set(f"(charset={charset})")).is_empty


def test_a_text_that_is_not_ascii_does_not_conform_where_only_ascii_is_taken(tmp_path: Path) -> None:
    ascii_only = feature_set('(& (type="text/plain") (charset=us-ascii))')
    assert verify_file(samples.save(tmp_path / "a", b"a"), "text/plain", ascii_only) == ()
    (problem,) = verify_file(samples.save(tmp_path / "b", "é".encode()), "text/plain", ascii_only)
    assert "charset" in problem


def test_a_charset_that_does_not_hold_the_text_is_refused(tmp_path: Path) -> None:
    source = samples.source(samples.save(tmp_path / "a", "é".encode()), "text/plain")
    with pytest.raises(ConversionError, match="us-ascii has not"):
        written(tmp_path, '(& (type="text/plain") (charset=us-ascii))', source)
    with pytest.raises(ConversionError, match="not in iso-8859-1"):
        written(tmp_path, '(& (type="text/plain") (charset=iso-8859-1))', source)
