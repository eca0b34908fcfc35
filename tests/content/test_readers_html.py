"""HTML bodies laid out: structure, pictures of the message in place, and nothing from anywhere else."""

import http.server
import signal
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content import formats
from conneg.content.errors import ContentRefusedError
from conneg.content.inspection import inspect
from conneg.content.page import Frame, Pixels
from conneg.content.readers import html, open_document
from conneg.content.readers.charsets import decode_html
from conneg.content.source import ReadLimits, Source
from tests.content import programs, samples

LIMITS = ReadLimits(pages=5, pixels=1_000_000)
PAGE = Frame(827, 1169, Fraction(100), Fraction(100), colour=True, fill=True)

needs_layout = pytest.mark.skipif(
    not formats.html_is_laid_out(), reason="needs WeasyPrint and Pango: pip install conneg[html]"
)


def body(tmp_path: Path, markup: str, *inline: tuple[str, Path]) -> Source:
    path = samples.save(tmp_path / "body", f"<html><body>{markup}</body></html>".encode())
    return Source(path, "text/html", charset="utf-8", inline=inline)


def drawn(source: Source) -> Pixels:
    with open_document(source, LIMITS) as document:
        return document.pages[0].render(PAGE).pixels


def bands(pixels: Pixels) -> list[tuple[int, int]]:
    """Return top and height of each run of scan lines with ink."""
    inked = np.concatenate(([False], (pixels < 128).any(axis=(1, 2)), [False])).astype(int)
    starts, ends = np.flatnonzero(np.diff(inked) == 1), np.flatnonzero(np.diff(inked) == -1)
    return [(int(start), int(end - start)) for start, end in zip(starts, ends, strict=True)]


@needs_layout
def test_a_heading_is_larger_than_text_and_items_are_indented(tmp_path: Path) -> None:
    pixels = drawn(body(tmp_path, "<h1>HHHH</h1><p>HHHH</p><ul><li>HHHH</li></ul>"))
    heading, text, item = bands(pixels)
    assert heading[1] > 1.6 * text[1]

    def first_column(band: tuple[int, int]) -> int:
        lines = pixels[band[0] : band[0] + band[1]]
        return int(np.flatnonzero((lines < 128).any(axis=(0, 2)))[0])

    assert first_column(heading) == pytest.approx(first_column(text), abs=3)
    assert first_column(item) > first_column(text) + 20


@needs_layout
def test_cells_of_a_table_stand_side_by_side_in_columns(tmp_path: Path) -> None:
    rows = "<tr><td>HH</td><td>HH</td></tr><tr><td>HHHHHHHHHHHH</td><td>HH</td></tr>"
    pixels = drawn(body(tmp_path, f"<table>{rows}</table>"))
    first, second = bands(pixels)
    ends = []
    for top, height in (first, second):
        columns = np.flatnonzero((pixels[top : top + height] < 128).any(axis=(0, 2)))
        ends.append(int(columns[-1]))
    assert ends[0] == pytest.approx(ends[1], abs=2)


@needs_layout
def test_a_picture_of_the_message_is_shown_where_the_body_names_it(tmp_path: Path) -> None:
    logo = tmp_path / "logo"
    Image.new("RGB", (96, 48), (0, 0, 255)).save(logo, "PNG")
    source = body(tmp_path, '<p>HHHH</p><img src="cid:logo%40example"><p>HHHH</p>', ("logo@example", logo))
    blue = np.argwhere((drawn(source) == (0, 0, 255)).all(axis=2))
    height, width = blue.max(axis=0) - blue.min(axis=0) + 1
    assert (width, height) == pytest.approx((100, 50), abs=2)  # 96 CSS pixels are an inch
    inspection = inspect(source, LIMITS)
    assert (inspection.pages[0].colour, inspection.notes) == ("Full", ())
    assert inspection.shows == ("logo@example",)
    assert inspection.text_charset == "us-ascii"


@needs_layout
def test_nothing_is_fetched_and_no_file_is_opened(tmp_path: Path) -> None:
    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    secret = tmp_path / "secret.png"
    Image.new("RGB", (96, 96), (255, 0, 0)).save(secret)
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{server.server_port}"
        source = body(
            tmp_path,
            f'<base href="{there}/"><link rel=stylesheet href="{there}/a.css"><img src="{there}/b.png">'
            f'<style>@import "{there}/c.css"; @font-face {{ font-family: x; src: url("{there}/d.ttf") }}'
            f' p {{ font-family: x; background: url("{there}/e.png") }}</style><p>HHHH</p>'
            f'<img src="file://{secret}"><img src="{secret}"><object data="file://{secret}"></object>'
            f'<embed src="file://{secret}"><iframe src="{there}/f"></iframe><img src="relative.png">'
            f'<link rel=attachment href="file://{secret}"><svg width=96 height=96>'
            f'<image href="file://{secret}" width=96 height=96 /></svg><a href="{there}/g">HHHH</a>',
        )
        pixels = drawn(source)
        notes = inspect(source, LIMITS).notes
        server.shutdown()
    assert asked == []
    assert not (pixels == (255, 0, 0)).all(axis=2).any()
    assert len(notes) == 1
    assert "is left out" in notes[0]


@needs_layout
def test_a_picture_of_too_many_pixels_is_left_out(tmp_path: Path) -> None:
    large = tmp_path / "large"
    Image.new("1", (2000, 2000)).save(large, "PNG")
    inspection = inspect(body(tmp_path, '<p>x</p><img src="cid:a">', ("a", large)), LIMITS)
    assert inspection.notes == ("what 1 references in the HTML lead to is left out",)


@needs_layout
def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentRefusedError, match="more than 5 pages"):
        open_document(body(tmp_path, "<p style='break-after: page'>x</p>" * 7), LIMITS)


@needs_layout
def test_what_cannot_be_laid_out_is_shown_as_the_text_in_it(tmp_path: Path) -> None:
    deep = body(tmp_path, "<div>" * 5000 + "HHHH")
    large = body(tmp_path / "..", f"<p>HHHH</p><!--{'x' * html.MAX_HTML_OCTETS.value}-->")
    for source, why in ((deep, "cannot be laid out"), (large, "octets of HTML")):
        inspection = inspect(source, LIMITS)
        assert inspection.problem is None
        assert len(inspection.pages) == 1
        assert why in inspection.notes[0]


@needs_layout
def test_damaged_pictures_are_refused_after_html_was_laid_out(tmp_path: Path) -> None:
    """WeasyPrint, when it is loaded, tells Pillow to fill them up with grey."""
    assert inspect(body(tmp_path, "<p>x</p>"), LIMITS).problem is None
    samples.photo(300, 200).save(tmp_path / "whole.jpg")
    octets = (tmp_path / "whole.jpg").read_bytes()
    cut = samples.save(tmp_path / "cut.jpg", octets[: len(octets) // 2])
    assert "damaged" in (inspect(samples.source(cut), LIMITS).problem or "")


@needs_layout
def test_a_layout_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_HTML_SECONDS", html.MAX_HTML_SECONDS._replace(value=1))
    cells = "<table>" + "<tr><td>a</td><td>b</td></tr>" * 6000 + "</table>"
    inspection = inspect(body(tmp_path, cells), ReadLimits())
    assert inspection.problem is None
    assert inspection.notes == ("shown as bare text: its layout takes more than 1 seconds",)
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


@needs_layout
@pytest.mark.parametrize("markup", ["", "<p> </p>", "<script>alert(1)</script>"])
def test_a_blank_body_has_no_pages(tmp_path: Path, markup: str) -> None:
    inspection = inspect(body(tmp_path, markup), LIMITS)
    assert (inspection.pages, inspection.problem) == ((), None)


@needs_layout
def test_every_word_of_a_body_is_on_its_pages(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(900)]
    source = body(tmp_path, "<p>".join(words))
    made = html._lay_out(source.path.read_text(), html._Parts(source, LIMITS), "body", ReadLimits())
    path = samples.save(tmp_path / "a.pdf", made)
    assert programs.words_of_pdf(path) == sorted(words)


def test_without_the_library_the_text_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from conneg.content import readers

    monkeypatch.setattr(readers, "html_is_laid_out", lambda: False)
    with open_document(body(tmp_path, "<p>HHHH</p>"), LIMITS) as document:
        assert document.text() == "HHHH\n"
        assert len(document.pages) == 1
        assert document.pages[0].geometry.kind == "text"


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        (b'<meta charset="iso-8859-2">\xb1', None, "ą"),
        (b'<meta http-equiv=Content-Type content="text/html; charset=koi8-r">\xc1', None, "а"),
        (b'<meta charset="koi8-r">\xe9', "iso-8859-1", "é"),  # what the mail states comes first
        (b'<meta charset="utf-16">\xc3\xa9', None, "é"),
        (b"\xe9", None, "é"),
    ],
)
def test_the_charset_of_html(octets: bytes, charset: str | None, text: str) -> None:
    assert decode_html(octets, charset).text.endswith(text)
