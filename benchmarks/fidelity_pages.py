"""The pages whose fidelity is measured: each a PDF of one A4 page, with what is known of it."""

import math
import random
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pypdfium2 as pdfium
from PIL import Image, ImageDraw, ImageFont, ImageOps
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from tests.peers.programs import MissingPeerError

from . import ours
from .textpdf import WORDS, write_pdf

PAGE_WIDTH, PAGE_HEIGHT = 595, 842
"""In points, as `write_pdf` makes them."""

PHOTO = Path(ours.__file__).parent.parent / "src/conneg/demo/samples/photo.jpg"
SCREEN_DPI = 96
PHOTO_DPI = 150

Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom, in points from the page's upper left corner."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: how it is judged, and what by."""

    name: str
    measure: str
    file: Path
    shown: Rectangle
    panels: tuple[tuple[Rectangle, str], ...] = ()
    language: str = "eng"
    lines: tuple[Rectangle, ...] = field(default=(), repr=False)
    original: Image.Image | None = field(default=None, repr=False)


COPIES = 5
"""So many pages of each kind of text, with other words: on one, a few characters decide."""


def write_pages(folder: Path) -> list[list[Page]]:
    """Write the PDFs into `folder`, and return what is known of them, by kind; the same every time."""
    folders = [folder / f"copy-{number}" for number in range(1, COPIES + 1)]
    for each in folders:
        each.mkdir(exist_ok=True)
    draws = [random.Random(8 + number) for number in range(COPIES)]
    copies = list(zip(folders, draws, strict=True))
    return [
        [_colours(*copy) for copy in copies],
        [_form(*copy) for copy in copies],
        [_screenshot(*copy) for copy in copies],
        [_type(*copy, "type 5 to 7 pt", (5, 6, 7)) for copy in copies],
        [_type(*copy, "type 8 to 12 pt", (8, 10, 12)) for copy in copies],
        [_japanese(*copy) for copy in copies],
        [_lines(folder)],
        [_photo(folder)],
        [_gradient(folder)],
        [_spectrum(folder)],
    ]


_COLOURS = (
    ("0 0 .5", "1 1 .6"),
    ("1 1 1", ".6 0 0"),
    (".8 0 0", "1 1 1"),
    ("0 0 0", ".85 .85 .85"),
    ("0 .35 0", "1 .85 .85"),
    ("1 1 1", "0 .2 .6"),
    (".4 .4 .4", "1 1 1"),
    ("1 .9 .3", ".1 .1 .1"),
)
"""Ink and ground."""


def _colours(folder: Path, draw: random.Random) -> Page:
    """Panels of 10 pt Helvetica, ink and ground in colours of little and of much difference."""
    content, panels = [], []
    for number, (ink, ground) in enumerate(_COLOURS):
        top = 60 + number * 90
        lines = _words(draw, 60, 85)[:4]
        content.append(f"{ground} rg 60 {PAGE_HEIGHT - top - 80} 470 80 re f {ink} rg")
        shown = " ".join(f"({line}) Tj T*" for line in lines)
        content.append(f"BT /F1 10 Tf 13 TL 70 {PAGE_HEIGHT - top - 20} Td {shown} ET")
        panels.append(((60, top, 530, top + 80), " ".join(lines)))
    file = folder / "colours.pdf"
    write_pdf(file, [" ".join(content).encode()], (b"Helvetica",))
    return Page("text on colours", "characters misread", file, (60, 145, 180, 225), _tight(file, panels))


def _form(folder: Path, draw: random.Random) -> Page:
    """Ruled boxes: a label of 7 pt on a light grey ground, and what was filled in, in 10 pt Times."""
    content, panels = [".5 w"], []
    for row in range(14):
        top = 60 + row * 52
        base = PAGE_HEIGHT - top
        label, filled = _words(draw, 8, 60)[0], _words(draw, 9, 75)[0]
        content.append(f".9 g 60 {base - 16} 470 16 re f 0 g")
        content.append(f"0 G 60 {base - 44} 470 44 re S 60 {base - 16} m 530 {base - 16} l S")
        content.append(
            f"BT /F1 7 Tf 66 {base - 11} Td ({label}) Tj ET BT /F2 10 Tf 66 {base - 34} Td ({filled}) Tj ET"
        )
        panels.append(((62, top + 1.5, 528, top + 15), label))
        panels.append(((62, top + 18, 528, top + 42), filled))
    file = folder / "form.pdf"
    write_pdf(file, [" ".join(content).encode()], (b"Helvetica", b"Times-Roman"))
    return Page("form", "characters misread", file, (60, 60, 180, 140), _tight(file, panels))


_SCREENS = (("#1a1a1a", "#ffffff"), ("#e6e6e6", "#24292e"), ("#24292e", "#f0f3f6"), ("#0b5cad", "#ffffff"))


def _screenshot(folder: Path, draw: random.Random) -> Page:
    """Windows of a screen, smoothed letters of 14 pixels, printed at 96 pixels an inch; light and dark ones."""
    scale = SCREEN_DPI / 72
    image = Image.new("RGB", (round(PAGE_WIDTH * scale), round(PAGE_HEIGHT * scale)), "white")
    paint, font, panels = ImageDraw.Draw(image), ImageFont.load_default(14), []
    for number, (ink, ground) in enumerate(_SCREENS):
        top = 60 + number * 180
        lines = _words(draw, 60, 72)[:6]
        window = (60, top, 530, top + 150)
        paint.rectangle([edge * scale for edge in window], ground, outline="#8a8f94")
        paint.multiline_text((72 * scale, (top + 12) * scale), "\n".join(lines), ink, font, spacing=8)
        panels.append(((62, top + 2, 528, top + 148), " ".join(lines)))
    file = folder / "screenshot.pdf"
    image.save(file, resolution=SCREEN_DPI)
    return Page("screenshot", "characters misread", file, (60, 230, 180, 310), tuple(panels))


_FACES = (b"Helvetica", b"Times-Roman", b"Courier", b"Helvetica-Bold", b"Times-Italic")


def _type(folder: Path, draw: random.Random, name: str, sizes: Sequence[int]) -> Page:
    """Three lines for each size of each face, black on white."""
    content, panels, top = [], [], 50.0
    for size in sizes:
        for face in range(1, len(_FACES) + 1):
            lines = _words(draw, 90, round((720 if _FACES[face - 1] == b"Courier" else 880) / size))[:3]
            shown = " ".join(f"({line}) Tj T*" for line in lines)
            content.append(
                f"BT /F{face} {size} Tf {size * 1.25:.2f} TL 60 {PAGE_HEIGHT - top - size:.2f} Td {shown} ET"
            )
            panels.append(((50, top - 2, 590, top + 3 * size * 1.25 + 3), " ".join(lines)))
            top += 3 * size * 1.25 + 8
    file = folder / f"type-{sizes[0]}.pdf"
    write_pdf(file, [" ".join(content).encode()], _FACES)
    return Page(name, "characters misread", file, (58, 48, 178, 128), tuple(panels))


_PHRASES = (
    "船体の検査は五月に行われた",
    "水線下の外板七枚を交換した",
    "報告書は本日お送りします",
    "船長の署名をお願いいたします",
    "次の検査は来年の秋です",
    "港の事務所に連絡してください",
    "機関室の写真を添付しました",
    "塗装の厚さは十分でした",
    "図面の縮尺を確認してください",
    "代理店が費用を支払います",
)
_JAPANESE_FONT = Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf")
_JAPANESE_LINES = 7


def _japanese(folder: Path, draw: random.Random) -> Page:
    """Japanese in Droid Sans Fallback, seven lines each of 8, 9, 10.5 and 12 points."""
    if not _JAPANESE_FONT.exists():
        raise MissingPeerError("needs a Japanese font: apt-get install fonts-droid-fallback")
    file, panels, top = folder / "japanese.pdf", [], 60.0
    page = Canvas(str(file), pagesize=(PAGE_WIDTH, PAGE_HEIGHT))
    pdfmetrics.registerFont(TTFont("Japanese", str(_JAPANESE_FONT)))
    for size in (8, 9, 10.5, 12):
        page.setFont("Japanese", size)
        lines = [_japanese_line(draw, int(460 / size)) for _ in range(_JAPANESE_LINES)]
        for number, line in enumerate(lines):
            page.drawString(60, PAGE_HEIGHT - top - size - number * size * 1.6, line)
        bottom = top + _JAPANESE_LINES * size * 1.6
        panels.append(((50, top - 4, 545, bottom + 2), "".join(lines)))
        top = bottom + 20
    page.save()
    return Page("Japanese", "characters misread", file, (58, 58, 178, 138), tuple(panels), language="jpn")


def _japanese_line(draw: random.Random, length: int) -> str:
    line = ""
    while len(line) < length - 14:
        line += draw.choice(_PHRASES) + "。"
    return line


def _lines(folder: Path) -> Page:
    """A fan of lines for each width from 0.1 to 0.5 pt, in black, grey and red."""
    content, lines = ["0 J"], []
    for row, width in enumerate((0.1, 0.25, 0.35, 0.5)):
        for column, ink in enumerate(("0 0 0", ".5 .5 .5", ".9 0 0")):
            x, y = 70 + column * 155, 80 + row * 180
            content.append(f"{width} w {ink} RG")
            for angle in range(0, 91, 6):
                end = (x + 140 * math.cos(math.radians(angle)), y + 140 * math.sin(math.radians(angle)))
                start = (x + 30 * math.cos(math.radians(angle)), y + 30 * math.sin(math.radians(angle)))
                content.append(
                    f"{start[0]:.3f} {PAGE_HEIGHT - start[1]:.3f} m {end[0]:.3f} {PAGE_HEIGHT - end[1]:.3f} l S"
                )
                lines.append((*start, *end))
    file = folder / "lines.pdf"
    write_pdf(file, [" ".join(content).encode()], (b"Helvetica",))
    return Page("thin lines", "of the lines missing", file, (225, 80, 345, 160), lines=tuple(lines))


def _photo(folder: Path) -> Page:
    with Image.open(PHOTO) as photo:
        small = photo.convert("RGB").resize(
            (980, round(980 * photo.height / photo.width)), Image.Resampling.LANCZOS
        )
    return _picture(folder, "photo", small.crop((0, 0, 980, min(small.height, 1400))))


def _gradient(folder: Path) -> Page:
    across = Image.linear_gradient("L").rotate(90).resize((980, 500))
    both = Image.new("L", (980, 1000))
    both.paste(across, (0, 0))
    both.paste(Image.radial_gradient("L").resize((980, 500)), (0, 500))
    return _picture(folder, "gradient", both.convert("RGB"))


def _spectrum(folder: Path) -> Page:
    """All hues from left to right, from white down to full colour, and from there to black."""
    hues = Image.linear_gradient("L").rotate(90).resize((980, 1000))
    down = Image.linear_gradient("L").resize((980, 500))
    full = Image.new("L", (980, 500), 255)
    saturation, value = Image.new("L", (980, 1000)), Image.new("L", (980, 1000))
    for upper, lower, both in ((down, full, saturation), (full, ImageOps.invert(down), value)):
        both.paste(upper, (0, 0))
        both.paste(lower, (0, 500))
    return _picture(folder, "colour gradient", Image.merge("HSV", (hues, saturation, value)).convert("RGB"))


def _picture(folder: Path, name: str, picture: Image.Image) -> Page:
    scale = PHOTO_DPI / 72
    page = Image.new("RGB", (round(PAGE_WIDTH * scale), round(PAGE_HEIGHT * scale)), "white")
    left, top = round(60 * scale), round(60 * scale)
    page.paste(picture, (left, top))
    file = folder / f"{name.replace(' ', '-')}.pdf"
    page.save(file, resolution=PHOTO_DPI, quality=95)
    rectangle = (60, 60, 60 + picture.width / scale, 60 + picture.height / scale)
    middle = (60 + picture.width / scale / 2, 60 + picture.height / scale / 2)
    shown = (middle[0] - 60, middle[1] - 40, middle[0] + 60, middle[1] + 40)
    return Page(name, "unlike the original", file, shown, ((rectangle, ""),), original=page)


def _tight(file: Path, panels: Sequence[tuple[Rectangle, str]]) -> tuple[tuple[Rectangle, str], ...]:
    """Return the panels drawn in to their letters, so that a screen beside them is not read as text."""
    found = []
    with pdfium.PdfDocument(file) as document:
        text = document[0].get_textpage()
        boxes = [text.get_rect(number) for number in range(text.count_rects())]
    for (left, top, right, bottom), words in panels:
        inside = [each for each in boxes if top <= PAGE_HEIGHT - (each[1] + each[3]) / 2 <= bottom]
        tight = (
            max(left, min(each[0] for each in inside) - 4),
            max(top, PAGE_HEIGHT - max(each[3] for each in inside) - 4),
            min(right, max(each[2] for each in inside) + 4),
            min(bottom, PAGE_HEIGHT - min(each[1] for each in inside) + 4),
        )
        found.append((tight, words))
    return tuple(found)


def _words(draw: random.Random, count: int, width: int) -> list[str]:
    words = [word for word in (re.sub(r"[^\w.,;:'-]", "", each, flags=re.ASCII) for each in WORDS) if word]
    return textwrap.wrap(" ".join(draw.choice(words) for _ in range(count)), width)
