"""The demo's survey report: two A4 pages with what makes documents hard to fax.

Small type (6 and 7 pt), a table of figures, a hull plan in thin strokes with dimension lines, coloured
diagrams, and an embedded photograph. Fonts (Liberation, DejaVu) are embedded as subsets.
"""

import io
from pathlib import Path

from PIL import Image
from reportlab.lib.colors import HexColor, black
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from .drawings import (
    GREY,
    NAVY,
    RED,
    Strake,
    draw_bars,
    draw_detail,
    draw_hull_plan,
    draw_midship,
    draw_trend,
)

FONTS = Path("/usr/share/fonts/truetype")
FACES = {
    "Serif": "liberation/LiberationSerif-Regular.ttf",
    "Serif-Italic": "liberation/LiberationSerif-Italic.ttf",
    "Sans": "liberation/LiberationSans-Regular.ttf",
    "Sans-Bold": "liberation/LiberationSans-Bold.ttf",
    "Mono": "dejavu/DejaVuSansMono.ttf",
}
LEFT, RIGHT = 20 * mm, A4[0] - 20 * mm

STRAKES: tuple[Strake, ...] = (
    ("A", "keel plate", 16.0, 15.6, 15.5),
    ("B", "garboard", 14.0, 13.7, 13.4),
    ("C", "bottom", 14.0, 13.2, 12.9),
    ("D", "bottom", 14.0, 13.1, 12.6),
    ("E", "bilge", 15.0, 13.3, 12.4),
    ("F", "bilge, upper", 15.0, 12.9, 12.1),
    ("G", "side", 12.5, 11.9, 11.6),
    ("H", "side, wind and water", 12.5, 10.6, 9.8),
    ("J", "side", 12.5, 12.0, 11.9),
    ("K", "sheer", 18.0, 17.4, 17.1),
)


def make_survey(photo: bytes) -> bytes:
    """The report as a PDF file; a part of `photo` (a JPEG) is embedded on page 2."""
    for name, file in FACES.items():
        pdfmetrics.registerFont(TTFont(name, FONTS / file))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=True, pageCompression=1, initialFontName="Serif")
    canvas.setTitle("Hull survey report NMS 2217/A, m.v. Meridian")
    canvas.setAuthor("Northgate Marine Surveyors (fictitious)")
    canvas.setSubject("Sample document of conneg")
    _first_page(canvas)
    canvas.showPage()
    _second_page(canvas, photo)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _first_page(canvas: Canvas) -> None:
    y = _letterhead(canvas, 1)
    canvas.setFont("Sans-Bold", 17)
    canvas.drawString(LEFT, y, "Hull survey: m.v. Meridian")
    y -= 5.5 * mm
    canvas.setFont("Serif-Italic", 11)
    canvas.drawString(LEFT, y, "Ultrasonic thickness gauging and visual examination afloat, Berth 7")
    y = _particulars(canvas, y - 9 * mm)
    y = _heading(canvas, y - 4 * mm, "1  Findings")
    y = _paragraph(
        canvas,
        y,
        "Shell plating was gauged at 412 points between frames 18 and 143. Mean diminution is 6.9 % of "
        "the thickness as "
        "built. Strake H, port side, frames 71 to 83, in the wind-and-water belt, has lost up to 21.6 % "
        "and is now 0.2 mm "
        "below the limit at which renewal is called for.¹ No cracks were found at the hatch corners. The "
        "coating of the "
        "bilge strakes E and F is broken over some 14 m² on the port side; pitting under it is up to 2.2 "
        "mm deep.²",
    )
    y = _paragraph(
        canvas,
        y - 1 * mm,
        "The indent at frame 77, first reported in March, has not grown: 38 mm over a length of 1,240 "
        "mm, smooth, no buckled "
        "frames behind it. It is shown in the plan below (A) with the area proposed for renewal (B).",
    )
    y = _heading(canvas, y - 4 * mm, "2  Place of the findings")
    draw_hull_plan(canvas, LEFT + 6 * mm, y - 29 * mm, RIGHT - LEFT - 12 * mm, 21 * mm)
    draw_midship(canvas, LEFT + 20 * mm, y - 121 * mm)
    draw_detail(canvas, LEFT + 98 * mm, y - 119 * mm)
    _footnotes(
        canvas,
        (
            "¹ Limit taken as 80 % of the thickness as built, less 0.2 mm for the uncertainty of the "
            "instrument (k = 2). Probe 5 MHz, "
            "twin crystal; velocity 5,920 m/s, checked on the step wedge before and after each tank.",
            "² Pit depths by needle gauge, mean of the five deepest in each square metre; see sheet 14 "
            "of the field notes.",
        ),
        (
            "Dimensions in millimetres unless stated. Do not scale from this drawing. Datum: base line, "
            "frame 0 at the aft perpendicular.",
        ),
    )


def _letterhead(canvas: Canvas, page: int) -> float:
    top: float = A4[1] - 16 * mm
    canvas.setFillColor(NAVY)
    canvas.circle(LEFT + 5 * mm, top - 1 * mm, 5 * mm, stroke=0, fill=1)
    canvas.setFillColor(HexColor("#ffffff"))
    canvas.setFont("Sans-Bold", 12)
    canvas.drawCentredString(LEFT + 5 * mm, top - 2.5 * mm, "N")
    canvas.setFillColor(NAVY)
    canvas.setFont("Sans-Bold", 12.5)
    canvas.drawString(LEFT + 13 * mm, top, "Northgate Marine Surveyors")
    canvas.setFont("Sans", 7)
    canvas.setFillColor(GREY)
    canvas.drawString(
        LEFT + 13 * mm,
        top - 4 * mm,
        "4 Harbour Street, Eastquay    telephone 555 0142    fax 555 0143    office@northgate.example",
    )
    canvas.drawRightString(RIGHT, top, "Report NMS 2217/A")
    canvas.drawRightString(RIGHT, top - 4 * mm, f"page {page} of 2")
    canvas.setStrokeColor(NAVY)
    canvas.setLineWidth(0.8)
    canvas.line(LEFT, top - 8 * mm, RIGHT, top - 8 * mm)
    canvas.setFillColor(black)
    return float(top - 17 * mm)


def _particulars(canvas: Canvas, y: float) -> float:
    rows = (
        ("Type", "container ship, 1,740 TEU", "Length between perpendiculars", "172.40 m"),
        ("Built", "2004, yard no. 318", "Moulded breadth, depth", "27.60 m, 15.90 m"),
        ("Class survey due", "14 November", "Draught at survey (fwd, aft)", "6.84 m, 7.52 m"),
    )
    canvas.setLineWidth(0.25)
    canvas.setStrokeColor(GREY)
    for row in rows:
        for at, text, face in zip(
            (0, 30, 84, 136), row, ("Sans", "Sans-Bold", "Sans", "Sans-Bold"), strict=True
        ):
            canvas.setFont(face, 8.5)
            canvas.drawString(LEFT + at * mm, y, text)
        canvas.line(LEFT, y - 1.5 * mm, RIGHT, y - 1.5 * mm)
        y -= 5.2 * mm
    return y


def _heading(canvas: Canvas, y: float, text: str) -> float:
    canvas.setFillColor(NAVY)
    canvas.setFont("Sans-Bold", 11)
    canvas.drawString(LEFT, y, text)
    canvas.setFillColor(black)
    return float(y - 5.5 * mm)


def _paragraph(
    canvas: Canvas, y: float, text: str, *, face: str = "Serif", size: float = 10, lead: float = 4.6
) -> float:
    canvas.setFont(face, size)
    line = ""
    for word in [*text.split(), ""]:
        longer = f"{line} {word}".strip()
        if word and pdfmetrics.stringWidth(longer, face, size) <= RIGHT - LEFT:
            line = longer
            continue
        canvas.drawString(LEFT, y, line)
        y -= lead * mm
        line = word
    return y


def _footnotes(canvas: Canvas, notes: tuple[str, ...], small: tuple[str, ...]) -> None:
    y = 14 * mm + 3.1 * mm * (len(notes) + 1 + len(small))
    canvas.setLineWidth(0.3)
    canvas.setStrokeColor(black)
    canvas.line(LEFT, y + 3 * mm, LEFT + 45 * mm, y + 3 * mm)
    for note in notes:
        y = _paragraph(canvas, y, note, size=7, lead=3.0)
    for note in small:
        y = _paragraph(canvas, y, note, face="Sans", size=6, lead=2.7)


def _second_page(canvas: Canvas, photo: bytes) -> None:
    y = _letterhead(canvas, 2)
    y = _heading(canvas, y + 1 * mm, "3  Thickness by strake (mm)")
    y = _table(canvas, y)
    y = _heading(canvas, y - 5 * mm, "4  Diminution, and trend since the ship was built")
    draw_bars(canvas, STRAKES, LEFT + 8 * mm, y - 42 * mm)
    draw_trend(canvas, LEFT + 98 * mm, y - 42 * mm)
    y = _heading(canvas, y - 54 * mm, "5  The ship at Berth 7, evening of the survey")
    picture = (
        Image.open(io.BytesIO(photo))
        .crop((1760, 1160, 3980, 2270))
        .resize((1140, 570), Image.Resampling.LANCZOS)
    )
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=86, optimize=True)
    width = RIGHT - LEFT
    canvas.drawImage(ImageReader(io.BytesIO(jpeg.getvalue())), LEFT, y + 2 * mm - width / 2, width, width / 2)
    y = _paragraph(
        canvas,
        y - width / 2 - 3 * mm,
        "We recommend renewal of strake H between frames 72 and 82, port, before the class survey is due.",
    )
    canvas.setFont("Serif-Italic", 13)
    canvas.setFillColor(NAVY)
    canvas.drawString(LEFT, y - 3 * mm, "I. Sandvik")
    canvas.setFillColor(black)
    canvas.setFont("Sans", 7)
    canvas.drawString(LEFT + 28 * mm, y - 3 * mm, "surveyor in charge, Eastquay, 9 October")
    _footnotes(
        canvas,
        (
            "Findings are those of the day and of the places gauged. Nothing in this report is a "
            "warranty; it is made for the owner and the "
            "owner's agent, and may be shown to the classification society.",
        ),
        (
            "Ship, persons and firms in this document are invented. Type on this page goes down to six "
            "points on purpose: it should stay legible.",
        ),
    )


def _table(canvas: Canvas, y: float) -> float:
    columns = (0, 14, 62, 84, 106, 128, 150)
    heads = ("strake", "name", "as built", "mean", "least", "lost, mean", "lost, most")
    canvas.setFillColor(HexColor("#e8eef5"))
    canvas.rect(LEFT, y - 1.4 * mm, RIGHT - LEFT, 4.8 * mm, stroke=0, fill=1)
    canvas.setFillColor(black)
    canvas.setFont("Sans-Bold", 8)
    for at, head in zip(columns, heads, strict=True):
        (canvas.drawString if at < 60 else canvas.drawRightString)(
            LEFT + (at + 1 if at < 60 else at + 18) * mm, y, head
        )
    canvas.setStrokeColor(GREY)
    canvas.setLineWidth(0.2)
    for letter, name, built, mean, least in STRAKES:
        y -= 4.4 * mm
        most = 100 * (built - least) / built
        figures = (
            f"{built:.1f}",
            f"{mean:.1f}",
            f"{least:.1f}",
            f"{100 * (built - mean) / built:.1f} %",
            f"{most:.1f} %",
        )
        canvas.setFillColor(RED if most > 20 else black)
        canvas.setFont("Sans", 8)
        canvas.drawString(LEFT + 3 * mm, y, letter)
        canvas.drawString(LEFT + 15 * mm, y, name)
        canvas.setFont("Mono", 7.5)
        for at, figure in zip(columns[2:], figures, strict=True):
            canvas.drawRightString(LEFT + (at + 18) * mm, y, figure)
        canvas.line(LEFT, y - 1.2 * mm, RIGHT, y - 1.2 * mm)
    canvas.setFillColor(black)
    return float(y - 4 * mm)
