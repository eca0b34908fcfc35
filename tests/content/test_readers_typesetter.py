"""Text set by the typesetter is on the page as pdfium itself draws it, or is left to pdfium."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pikepdf
import pytest
from benchmarks.textpdf import write_pdf, write_text_pdf
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.content import native
from conneg.content.page import Frame, PageReader, Pixels
from conneg.content.readers import open_document, typesetter
from conneg.content.source import ReadLimits, Source
from tests.content.programs import require

ROOT = Path(__file__).parent.parent.parent
SURVEY = ROOT / "src/conneg/demo/samples/survey.pdf"
LIMITS = ReadLimits(pages=50)
STANDARD = Frame(1728, 2292, Fraction(204), Fraction(196), colour=False)
COARSE = Frame(1728, 1146, Fraction(204), Fraction(98), colour=False, bilevel=True)
FONTS = (b"Times-Roman", b"Helvetica-Bold", b"Courier")

ROUNDING = 3
"""Levels of grey by which pixels may differ where letters overlap: pdfium joins the letters of a run first."""

pytestmark = pytest.mark.skipif(native.typesetter is None, reason="the C module is not built")


@pytest.fixture(autouse=True)
def _always_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetter, "PAGES_BEFORE", 0)


class Count:
    """How many pages something was taken from."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages = 0
        take = typesetter.Typesetter.take

        def counted(setter: typesetter.Typesetter, *arguments: object) -> object:
            taken = take(setter, *arguments)  # type: ignore[arg-type]
            self.pages += taken is not None
            return taken

        monkeypatch.setattr(typesetter.Typesetter, "take", counted)


def pages_of(path: Path, frame: Frame, *, twice: bool = False) -> list[Pixels]:
    with open_document(Source(path, "application/pdf", path.name), LIMITS) as document:
        page: PageReader
        drawn = []
        for page in document.pages:
            first = page.render(frame).pixels.copy()
            if twice:
                assert (page.render(frame).pixels == first).all()
            drawn.append(first)
        return drawn


def drawn_by_pdfium(path: Path, frame: Frame) -> list[Pixels]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "typesetter", None)
        return pages_of(path, frame)


def is_alike(path: Path, frame: Frame) -> bool:
    for ours, theirs in zip(pages_of(path, frame, twice=True), drawn_by_pdfium(path, frame), strict=True):
        if np.abs(ours.astype(int) - theirs).max() > (0 if frame.bilevel else ROUNDING):
            return False
    return True


def document(tmp_path: Path, *contents: bytes) -> Path:
    write_pdf(tmp_path / "page.pdf", contents, FONTS, shared_fonts=True)
    return tmp_path / "page.pdf"


@pytest.mark.parametrize("frame", [STANDARD, COARSE], ids=["grey", "coarse lines"])
@pytest.mark.parametrize("shared", [False, True], ids=["fonts of their own", "shared fonts"])
def test_pages_of_text_are_as_pdfium_draws_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: Frame, shared: bool
) -> None:
    write_text_pdf(tmp_path / "text.pdf", 4, shared_fonts=shared)
    count = Count(monkeypatch)
    assert is_alike(tmp_path / "text.pdf", frame)
    assert count.pages == 8


def test_a_page_with_pictures_and_drawings_is_as_pdfium_draws_it(monkeypatch: pytest.MonkeyPatch) -> None:
    count = Count(monkeypatch)
    assert is_alike(SURVEY, STANDARD)
    assert count.pages > 0


def test_embedded_fonts_colours_and_tables_are_as_pdfium_draws_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weasyprint = pytest.importorskip("weasyprint")
    words = "Größe, naïve façade; Ελληνικά και Русский текст. " * 20
    html = (
        f"<h2 style='color:#1f3864'>{words[:30]}</h2><p>{words}</p><p style='color:#777'>{words}</p>"
        f"<p style='background:#222;color:#fff'>{words}</p><p style='opacity:.5'>{words}</p>"
        f"<p style='letter-spacing:1px;text-align:justify'>{words}</p>"
        f"<table border=1><tr><td>{words[:40]}<td><a href='http://example.com/'>{words[:9]}</a></table>"
    )
    weasyprint.HTML(string=html).write_pdf(tmp_path / "page.pdf")
    count = Count(monkeypatch)
    assert is_alike(tmp_path / "page.pdf", STANDARD)
    assert count.pages > 0


SET = {
    "spacing": b"BT /F1 11 Tf 2 Tc 5 Tw 60 700 Td (Two words, AVAVA) Tj ET",
    "saved state": b"q 3 Tc Q BT /F1 11 Tf 60 700 Td (plain again) Tj ET",
    "quotes": b"BT /F1 11 Tf 14 TL 60 700 Td (one) ' 4 1 (two words) \" (three) ' ET",
    "kerning": b"BT /F1 11 Tf 60 700 Td [ 50 (A) 120 -30 (V) -250 (A) 80 ] TJ ET",
    "escapes": rb"BT /F1 11 Tf 60 700 Td (a\(b\)c \101\102\7 (nested) \\) Tj <41 4243 4> Tj ET",
    "scaling": b"BT /F3 11 Tf 70 Tz 60 700 Td (narrow) Tj 3 Ts (high) Tj ET",
    "shades": b"0.4 g BT /F2 12 Tf 60 700 Td (grey) Tj 1 0 0 rg ( red) Tj 0 0 0 1 k ( black) Tj ET",
    "a wide clip": b"q 0 0 595 842 re W n BT /F1 11 Tf 60 700 Td (inside) Tj ET Q",
    "at the edge": b"BT /F1 11 Tf -3 700 Td (cut at the edge) Tj 0 139 Td (and above) Tj ET",
    "transformed": b"q 0.1 0 0 0.1 20 30 cm BT /F1 110 Tf 600 7000 Td (tenths) Tj ET Q",
    "under a drawing": b"BT /F1 11 Tf 60 700 Td (seen) Tj ET 300 300 50 50 re f",
    "white on black": b"50 690 200 30 re f 1 g BT /F1 11 Tf 60 700 Td (reversed) Tj ET",
}


@pytest.mark.parametrize("content", SET.values(), ids=SET)
def test_what_the_operators_say_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    count = Count(monkeypatch)
    assert is_alike(document(tmp_path, content), STANDARD)
    assert count.pages == 2


LEFT = {
    "turned": b"BT /F1 11 Tf 0 1 -1 0 300 300 Tm (turned) Tj ET",
    "outlined": b"BT /F1 11 Tf 1 Tr 60 700 Td (outlined) Tj ET",
    "invisible": b"BT /F1 11 Tf 3 Tr 60 700 Td (invisible) Tj ET",
    "a clip of text": b"q BT /F1 20 Tf 7 Tr 60 700 Td (clip) Tj ET 50 695 30 30 re f Q BT /F1 9 Tf 60 600 Td (a) Tj ET",
    "cut by a clip": b"q 60 695 20 20 re W n BT /F1 11 Tf 60 700 Td (cut by it) Tj ET Q",
    "covered": b"BT /F1 11 Tf 60 700 Td (covered) Tj ET 1 g 70 690 30 30 re f",
    "large": b"BT /F1 40 Tf 60 700 Td (large) Tj ET",
    "an inline image": b"BT /F1 11 Tf 60 700 Td (a) Tj ET q 9 0 0 9 9 9 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x80 EI Q",
    "damage": b"BT /F1 11 Tf 60 700 Td (never ends Tj ET",
    "nothing": b"BT /F1 11 Tf 60 700 Td () Tj [] TJ ET",
}


@pytest.mark.parametrize("content", LEFT.values(), ids=LEFT)
def test_what_is_no_plain_text_is_left_to_pdfium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    count = Count(monkeypatch)
    assert is_alike(document(tmp_path, content), STANDARD)
    assert count.pages == 0


def test_letters_that_are_drawings_are_left_to_pdfium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    font = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 750 750] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar 97"
        b" /LastChar 97 /Widths [1000] /Encoding << /Type /Encoding /Differences [97 /a] >>"
        b" /CharProcs << /a %d 0 R >> /Resources << >> >>"
    )
    content, drawing = b"BT /F1 20 Tf 60.3 700.4 Td (aaa) Tj ET", b"1000 0 0 0 750 750 d1 0 0 750 750 re f"
    write_pdf(tmp_path / "page.pdf", [content, drawing], [b"Times-Roman"], shared_fonts=True)
    octets = (tmp_path / "page.pdf").read_bytes()
    plain = b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>"
    number = int(octets[: octets.index(drawing)].rsplit(b" 0 obj", 1)[0].rsplit(b"\n", 1)[1])
    (tmp_path / "page.pdf").write_bytes(octets.replace(plain, font % number))
    with pikepdf.open(tmp_path / "page.pdf") as repaired:
        del repaired.pages[1:]
        repaired.save(tmp_path / "drawn.pdf")
    count = Count(monkeypatch)
    (page,) = drawn_by_pdfium(tmp_path / "drawn.pdf", STANDARD)
    assert (page == 0).sum() > 3 * 40 * 40
    assert is_alike(tmp_path / "drawn.pdf", STANDARD)
    assert count.pages == 0


def test_text_under_an_annotation_and_optional_content_are_left_to_pdfium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = document(tmp_path, SET["spacing"], b"/OC /Hidden BDC " + SET["spacing"] + b" EMC", SET["kerning"])
    with pikepdf.open(path, allow_overwriting_input=True) as made:
        group = made.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name("/OCG"), Name="hidden"))
        made.Root.OCProperties = pikepdf.Dictionary(OCGs=[group], D=pikepdf.Dictionary(OFF=[group]))
        made.pages[1].obj.Resources.Properties = pikepdf.Dictionary(Hidden=group)
        note = pikepdf.Dictionary(
            Type=pikepdf.Name("/Annot"),
            Subtype=pikepdf.Name("/Square"),
            Rect=[50, 690, 90, 720],
            IC=[1, 0, 0],
        )
        made.pages[2].obj.Annots = made.make_indirect(pikepdf.Array([note]))
        made.save(path)
    count = Count(monkeypatch)
    assert (drawn_by_pdfium(path, STANDARD)[1] == 255).all()
    assert is_alike(path, STANDARD)
    assert count.pages == 2  # the first page, twice


def test_no_more_fonts_and_sizes_are_kept_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [
        b"/F1 %d.%02d Tf 1 0 0 1 %d %d Tm (g) Tj"
        % (6 + n // 100, n % 100, 20 + n % 27 * 20, 20 + n // 27 * 22)
        for n in range(900)
    ]
    count = Count(monkeypatch)
    assert is_alike(document(tmp_path, b"BT " + b" ".join(sizes) + b" ET", SET["kerning"]), STANDARD)
    assert count.pages == 4


numbers = st.integers(-20, 60).map(lambda tenths: b"%.1f" % (tenths / 10))
letters = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
strings = letters.map(lambda text: b"<" + text.encode().hex().encode() + b">")
arrays = st.lists(st.one_of(strings, st.integers(-900, 900).map(lambda n: b"%d" % n)), max_size=6).map(
    lambda parts: b"[" + b" ".join(parts) + b"] TJ"
)
operations = st.one_of(
    st.builds(lambda n, name: n + b" " + name, numbers, st.sampled_from([b"Tc", b"Tw", b"Ts", b"TL"])),
    st.integers(20, 150).map(lambda percent: b"%d Tz" % percent),
    st.integers(0, 9).map(lambda tenths: b"0.%d g" % tenths),
    st.builds(lambda font, size: b"/F%d %d Tf" % (font, size), st.integers(1, 3), st.integers(3, 20)),
    st.builds(lambda x, y: b"%d %d Td" % (x, y), st.integers(-90, 90), st.integers(-90, 20)),
    st.builds(lambda text, name: text + name, strings, st.sampled_from([b"Tj", b"'"])),
    st.builds(lambda a, b, text: a + b" " + b + text + b'"', numbers, numbers, strings),
    arrays,
    st.sampled_from(
        [b"q", b"Q", b"ET 9 9 99 99 re S BT", b"1 Tr", b"0 Tr", b"/Span <</A (Tj)>> BDC", b"EMC"]
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(operations, max_size=25))
def test_whatever_operators_say_the_page_is_as_pdfium_draws_it(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]
) -> None:
    content = b"BT /F1 11 Tf 100 700 Td " + b"\n".join(parts) + b"\nET"
    assert is_alike(document(tmp_path_factory.mktemp("any"), content), STANDARD)


@pytest.mark.parametrize(("pages", "is_loaded"), [(20, False), (41, True)], ids=["short", "long"])
def test_only_a_long_document_is_worth_loading_pikepdf_for(
    tmp_path: Path, pages: int, is_loaded: bool
) -> None:
    write_text_pdf(tmp_path / "text.pdf", pages)
    program = (
        "import sys; from pathlib import Path; from benchmarks.ours import convert;"
        "convert(Path(sys.argv[1]), Path(sys.argv[2])); print('pikepdf' in sys.modules)"
    )
    command = [sys.executable, "-c", program, tmp_path / "text.pdf", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    assert done.stdout.split()[-1] == str(is_loaded)


def test_a_stream_whose_coding_is_damaged_is_left_to_pdfium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = document(tmp_path, SET["spacing"], SET["kerning"])
    with pikepdf.open(path, allow_overwriting_input=True) as made:
        for page, coding in zip(made.pages, (b"GhQ'!~~>", b"\x78\x9cno"), strict=True):
            names = ["/FlateDecode"] if coding[0] == 0x78 else ["/ASCII85Decode", "/FlateDecode"]
            page.obj.Contents.write(coding, filter=pikepdf.Array([pikepdf.Name(name) for name in names]))
        made.save(path, stream_decode_level=pikepdf.StreamDecodeLevel.none, compress_streams=False)
    count = Count(monkeypatch)
    assert is_alike(path, STANDARD)
    assert count.pages == 0


def test_content_that_inflates_beyond_the_bound_is_left_to_pdfium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Count(monkeypatch)
    path = document(tmp_path, SET["spacing"] + b" " * typesetter.MAX_CONTENT_OCTETS.value)
    assert is_alike(path, STANDARD)
    assert count.pages == 0


def test_reading_strings_is_safe_on_any_octets(tmp_path: Path) -> None:
    compiler, program = require("gcc", "gcc"), tmp_path / "fuzz"
    flags = ["-std=c11", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    sources = [ROOT / "tests/fuzz/typeset.c", ROOT / "src/typeset/strings.c"]
    subprocess.run([compiler, *flags, *sources, "-o", program], timeout=100, check=True)
    done = subprocess.run([program, "4141", "50000"], text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no finding" in done.stdout
