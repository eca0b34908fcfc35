"""Charsets of mail, judged by iconv; `format=flowed` by the examples and rules of RFC 3676."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content.errors import ContentRefusedError
from conneg.content.inspection import inspect
from conneg.content.page import Frame
from conneg.content.readers import fonts, open_document, shaping
from conneg.content.readers.charsets import codec_of, decode_text
from conneg.content.readers.flowed import unflow
from conneg.content.source import ReadLimits, Source
from tests.content import programs, samples

LIMITS = ReadLimits()

TEXTS = {
    "us-ascii": "plain",
    "utf-8": "Grüße, 日本, שלום",
    "utf-16le": "Grüße",
    "iso-8859-1": "Grüße",
    "iso-8859-2": "Zażółć gęślą",
    "iso-8859-5": "Привет",
    "iso-8859-6": "مرحبا",
    "iso-8859-7": "Γειά",
    "iso-8859-8": "שלום",
    "iso-8859-9": "İstanbul ğ",
    "iso-8859-15": "10 €",
    "windows-1250": "Zażółć „tak”",
    "windows-1251": "Привет",
    "windows-1252": "“quoted” €",
    "windows-1255": "שלום",
    "windows-1256": "مرحبا",
    "windows-1258": "Việt".replace("ệ", "ê\u0323"),
    "koi8-r": "Привет, мир",
    "koi8-u": "Їжак",
    "iso-2022-jp": "日本語テキスト",
    "euc-jp": "日本語テキスト",
    "shift_jis": "日本語テキスト",
    "iso-2022-kr": "한국어",
    "euc-kr": "한국어",
    "gb2312": "简体中文",
    "gb18030": "简体中文𠀀",
    "big5": "繁體中文",
    "tis-620": "ภาษาไทย",
    "macintosh": "Grüße",
    "cp866": "Привет",
    "utf-7": "Grüße, 日本",
}
"""By the name that a mail states."""

ICONV = {"windows-1258": "CP1258", "cp866": "CP866"}


@pytest.mark.parametrize("charset", TEXTS)
def test_a_text_that_iconv_wrote_is_read_by_the_name_of_its_charset(charset: str) -> None:
    text = TEXTS[charset]
    octets = programs.run(
        "libc-bin", "iconv", "-f", "UTF-8", "-t", ICONV.get(charset, charset), given=text.encode()
    )
    decoded = decode_text(octets, charset.upper())
    assert decoded.text == text
    assert decoded.notes(charset) == ()


@pytest.mark.parametrize(
    "charset",
    [
        "idna",
        "punycode",
        "unicode_escape",
        "raw-unicode-escape",
        "rot13",
        "zlib",
        "hex",
        "undefined",
        "",
        "\0",
    ],
)
def test_a_codec_of_python_that_is_no_charset_is_not_used(charset: str) -> None:
    assert codec_of(charset) is None
    assert decode_text(b"abc", charset).text == "abc"


def test_what_does_not_fit_the_charset_is_shown_as_such_and_noted(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a", b"a\xffb\xfe c")
    inspection = inspect(samples.source(path, "text/plain", "utf-8"), LIMITS)
    assert inspection.notes == ("2 places hold octets that are not utf-8, shown as a replacement",)
    unknown = inspect(samples.source(path, "text/plain", "x-nothing\x07"), LIMITS)
    assert unknown.notes[0] == "the charset x-nothing? is not known; read as cp1252"
    assert decode_text("\N{REPLACEMENT CHARACTER}".encode(), "utf-8").misfits == 0  # the text's own


@pytest.mark.parametrize(
    ("text", "delsp", "plain"),
    [
        ("One \ntwo \nthree\nfour", False, "One two three\nfour"),
        ("One \ntwo\n", True, "Onetwo\n"),
        ("Eins  \r\nzwei\r\n", True, "Eins zwei\n"),
        (">> deep \n>> down\n> up", False, ">> deep down\n> up"),
        ("> one \n>> two", False, "> one \n>> two"),  # 4.5: another depth ends the paragraph
        ("words \n-- \nname \nplace", False, "words \n-- \nname place"),
        (" From here\n  two\n >no quote", False, "From here\n two\n>no quote"),  # 4.4: unstuffed
        ("last ", False, "last "),
        ("", False, ""),
    ],
)
def test_flowed_lines_are_joined(text: str, delsp: bool, plain: str) -> None:
    assert unflow(text, delsp=delsp) == plain


def test_the_example_of_rfc_3676() -> None:
    """Section 4.5: levels of quoting with flowed lines among them."""
    flowed = (
        ">>>Take some more tea. \n>>T've had nothing yet, so I can't take more. \n>You mean you can't take \n"
        ">less, it's very easy to take \n>more than nothing.\n"
    )
    assert unflow(flowed, delsp=False).split("\n") == [
        ">>> Take some more tea. ",
        ">> T've had nothing yet, so I can't take more. ",
        "> You mean you can't take less, it's very easy to take more than nothing.",
        "",
    ]


def test_the_parameters_of_a_part_reach_the_reader(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a", "日本 \r\n語\r\n".encode("iso-2022-jp"))
    parameters = {"charset": "ISO-2022-JP", "format": "Flowed", "delsp": "YES"}
    source = Source.of_part(path, "text/plain", None, parameters)
    assert Source.from_json(source.as_json()) == source
    with open_document(source, LIMITS) as document:
        assert document.text() == "日本語\n"
    html = Source.of_part(path, "text/html", None, parameters)
    assert (html.flowed, html.delsp) == (False, False)


def drawn(tmp_path: Path, text: str) -> np.ndarray:  # type: ignore[type-arg]
    """Return the page at 144 dots an inch: two pixels a point."""
    path = samples.save(tmp_path / "a.txt", text.encode())
    frame = Frame(1191, 1684, 144, 144, colour=False, fill=True)  # type: ignore[arg-type]
    with open_document(samples.source(path, "text/plain", "utf-8"), LIMITS) as document:
        return document.pages[0].render(frame).pixels


@pytest.mark.system
@pytest.mark.parametrize("text", ["مرحبا", "السلام", "q̃x̂", "Ελλάδα", "Привет"])
def test_letters_are_shaped_as_pango_shapes_them(tmp_path: Path, text: str) -> None:
    """librsvg draws text through Pango. Both have edges of their own: nine tenths of the ink lie together."""
    if not shaping.is_there() or "DejaVuSansMono" not in " ".join(fonts.installed_fonts()):
        pytest.skip("needs uharfbuzz and fonts-dejavu-core")
    left, right = (595.276 - 504) / 2, (595.276 + 504) / 2
    rtl = text[0] > "\u0590"
    where = f'x="{right}" direction="rtl"' if rtl and text[0] < "\u0700" else f'x="{left}"'
    svg = samples.save(
        tmp_path / "a.svg",
        f'<svg xmlns="http://www.w3.org/2000/svg" width="595.276" height="841.89" viewBox="0 0 595.276 841.89">'
        f'<text {where} y="48" font-family="DejaVu Sans Mono" font-size="10.5">{text}</text></svg>'.encode(),
    )
    other = tmp_path / "a.png"
    programs.run("librsvg2-bin", "rsvg-convert", "-w", "1191", "-h", "1684", "-b", "white", "-o", other, svg)
    mine, theirs = 255.0 - drawn(tmp_path, text), 255.0 - np.asarray(Image.open(other).convert("L"))
    common = np.minimum(mine, theirs).sum() / max(mine.sum(), theirs.sum())
    assert mine.sum() > 0
    assert common > 0.75, common


def test_without_harfbuzz_text_is_still_drawn_and_in_the_order_of_display(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shaping, "is_there", lambda: False)
    fonts._face_of.cache_clear()
    try:
        page = drawn(tmp_path, "שלום (1)")
    finally:
        fonts._face_of.cache_clear()
    inked = np.flatnonzero((page < 128).any(axis=0))
    assert inked[0] > 900  # at the right


@pytest.mark.parametrize("octets", [b"a" * (16 << 20) + b"b"])
def test_too_much_text_is_refused(tmp_path: Path, octets: bytes) -> None:
    path = samples.save(tmp_path / "a", octets)
    with pytest.raises(ContentRefusedError, match=r"content\.text-octets"):
        open_document(samples.source(path, "text/plain"), LIMITS)
