"""The survey report's drawings and charts: hull plan, midship section, detail, bars, trend."""

import math
from collections.abc import Sequence
from itertools import pairwise

from reportlab.lib.colors import Color, HexColor, black
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas

NAVY, RED, GREEN, AMBER, GREY = (HexColor(c) for c in ("#12355b", "#b3261e", "#2e7d4f", "#d98e04", "#6b7280"))

Strake = tuple[str, str, float, float, float]
"""Letter, name, and thickness in mm: as built, mean, least."""

# the plan's outline: places along the length, and the width there, as shares of length and half beam
OUTLINE = (
    (0.0, 0.62), (0.02, 0.74), (0.06, 0.88), (0.12, 0.97), (0.2, 1.0), (0.68, 1.0),
    (0.78, 0.95), (0.86, 0.80), (0.92, 0.58), (0.97, 0.28), (1.0, 0.0),
)  # fmt: skip


def draw_hull_plan(canvas: Canvas, x: float, y: float, length: float, half: float) -> None:
    """Deck plan: the outline about the centre line, frames, holds, findings, dimension lines."""

    def at(share: float, beam: float) -> tuple[float, float]:
        return x + share * length, y + beam * half * 0.82

    canvas.setStrokeColor(black)
    canvas.setLineWidth(0.7)
    for side in (1, -1):
        path = canvas.beginPath()
        path.moveTo(*at(0, 0))  # the transom: from the centre line out
        for share, beam in OUTLINE:
            path.lineTo(*at(share, beam * side))
        canvas.drawPath(path)
    canvas.setLineWidth(0.12)
    for frame in range(0, 160, 2):
        share = frame / 160
        beam = _beam(share)
        canvas.line(*at(share, -beam), *at(share, beam))
    canvas.setLineWidth(0.35)
    for hold in range(5):
        left = 0.2 + hold * 0.135
        canvas.rect(*at(left, -0.72), 0.118 * length, 1.44 * half * 0.82)
        canvas.setFont("Sans", 7)
        canvas.setFillColor(Color(1, 1, 1))
        canvas.rect(at(left + 0.038, 0)[0], y + 5, 0.042 * length, 9, stroke=0, fill=1)
        canvas.setFillColor(black)
        canvas.drawCentredString(at(left + 0.059, 0)[0], y + 7, f"hold {5 - hold}")
    canvas.setDash(6, 2)
    canvas.setLineWidth(0.2)
    canvas.line(x - 4 * mm, y, x + length + 4 * mm, y)
    canvas.setDash()
    canvas.setFillColor(Color(0.70, 0.15, 0.12, alpha=0.55))
    canvas.rect(*at(0.445, 0.86), 0.075 * length, 0.14 * half * 0.82, stroke=0, fill=1)
    canvas.setFillColor(AMBER)
    canvas.circle(*at(0.481, 1.0), 1.3 * mm, stroke=1, fill=1)
    canvas.setFillColor(black)
    for label, share, beam, dx in (("A", 0.481, 1.0, -8), ("B", 0.515, 0.93, 8)):
        px, py = at(share, beam)
        canvas.line(px, py, px + dx * mm, py + 8 * mm)
        canvas.setFont("Sans-Bold", 8)
        canvas.drawCentredString(px + (dx + math.copysign(2, dx)) * mm, py + 8 * mm, label)
    _dimension(canvas, at(0, -1)[0], at(1, 0)[0], y - half - 8 * mm, "172,400")
    _dimension(canvas, at(0.2, -1)[0], at(0.858, 0)[0], y - half - 2.5 * mm, "5 × 22,640")
    canvas.setFont("Mono", 6)
    for frame in range(0, 161, 20):
        canvas.drawCentredString(at(frame / 160, 0)[0], y + half * 0.82 + 2.5 * mm, f"fr {frame}")


def _beam(share: float) -> float:
    for (a, low), (b, high) in pairwise(OUTLINE):
        if a <= share <= b:
            return low + (high - low) * (share - a) / (b - a)
    return 0.0


def _dimension(canvas: Canvas, x1: float, x2: float, y: float, text: str) -> None:
    """A dimension line with extension lines, arrow heads and its figure."""
    canvas.setLineWidth(0.15)
    canvas.line(x1, y, x2, y)
    for x, way in ((x1, 1), (x2, -1)):
        canvas.line(x, y - 1.5 * mm, x, y + 4 * mm)
        path = canvas.beginPath()
        path.moveTo(x, y)
        path.lineTo(x + way * 2 * mm, y + 0.5 * mm)
        path.lineTo(x + way * 2 * mm, y - 0.5 * mm)
        path.close()
        canvas.setFillColor(black)
        canvas.drawPath(path, stroke=0, fill=1)
    width = pdfmetrics.stringWidth(text, "Mono", 6.5) + 2 * mm
    canvas.setFillColor(Color(1, 1, 1))
    canvas.rect((x1 + x2 - width) / 2, y - 1 * mm, width, 2.2 * mm, stroke=0, fill=1)
    canvas.setFillColor(black)
    canvas.setFont("Mono", 6.5)
    canvas.drawCentredString((x1 + x2) / 2, y - 0.8 * mm, text)


def draw_midship(canvas: Canvas, x: float, y: float) -> None:
    """Midship section, port half: shell, double bottom, girders, side tank, strake letters."""
    beam, depth, bilge = 52 * mm, 54 * mm, 9 * mm
    canvas.setLineWidth(0.9)
    path = canvas.beginPath()
    path.moveTo(x + beam, y)
    path.lineTo(x + bilge, y)
    path.curveTo(x + bilge * 0.4, y, x, y + bilge * 0.4, x, y + bilge)
    path.lineTo(x, y + depth)
    path.lineTo(x + 9 * mm, y + depth)
    canvas.drawPath(path)
    canvas.setLineWidth(0.5)
    canvas.lines(
        [
            (x + 2 * mm, y + 7 * mm, x + beam, y + 7 * mm),
            (x + 9 * mm, y + 7 * mm, x + 9 * mm, y + depth),
            (x, y + 34 * mm, x + 9 * mm, y + 34 * mm),
            (x, y + 46 * mm, x + 9 * mm, y + 46 * mm),
        ]
    )
    canvas.setLineWidth(0.2)
    for step in range(10):
        girder = x + (12 + 4.2 * step) * mm
        canvas.line(girder, y, girder, y + 7 * mm)
        canvas.circle(girder + 2.1 * mm, y + 3.5 * mm, 1.1 * mm)
    for step in range(22):
        level = y + (9 + 2 * step) * mm
        canvas.line(x, level, x + 1.1 * mm, level)
        canvas.line(x + 9 * mm, level, x + 7.9 * mm, level)
    for row in range(4):
        for column in range(4):
            canvas.setStrokeColor(GREY)
            canvas.rect(x + (10.5 + 10.2 * column) * mm, y + (8.3 + 10 * row) * mm, 9.6 * mm, 9.5 * mm)
    canvas.setStrokeColor(black)
    canvas.setDash(6, 2)
    canvas.line(x + beam, y - 4 * mm, x + beam, y + depth + 3 * mm)
    canvas.setDash()
    canvas.setFont("Sans", 6)
    for letter, level in zip("FGHJK", (12, 21, 31, 40, 50), strict=True):
        canvas.circle(x - 5 * mm, y + level * mm, 1.8 * mm)
        canvas.drawCentredString(x - 5 * mm, y + level * mm - 2, letter)
        canvas.line(x - 3.2 * mm, y + level * mm, x, y + level * mm)
    canvas.setStrokeColor(RED)
    canvas.setLineWidth(2)
    canvas.line(x, y + 27 * mm, x, y + 35 * mm)
    canvas.setStrokeColor(HexColor("#2b6cb0"))
    canvas.setLineWidth(0.5)
    canvas.line(x - 12 * mm, y + 30 * mm, x, y + 30 * mm)
    canvas.setStrokeColor(black)
    _dimension(canvas, x, x + beam, y - 8 * mm, "13,800")
    canvas.setFont("Sans", 7)
    canvas.drawString(x, y - 12.5 * mm, "Midship section at frame 77, looking forward")


def draw_detail(canvas: Canvas, x: float, y: float) -> None:
    """Detail of the indent: plating grid with contour lines of depth, hatched renewal area."""
    width, height = 66 * mm, 52 * mm
    canvas.setLineWidth(0.5)
    canvas.rect(x, y, width, height)
    canvas.setLineWidth(0.15)
    for step in range(1, 12):
        canvas.line(x + step * width / 12, y, x + step * width / 12, y + height)
    for step in range(1, 4):
        canvas.setLineWidth(0.4)
        canvas.line(x, y + step * height / 4, x + width, y + step * height / 4)
    cx, cy = x + width * 0.52, y + height * 0.53
    for index in range(8):
        canvas.setStrokeColor(Color(0.7, 0.15 + 0.06 * index, 0.1, alpha=1))
        canvas.setLineWidth(0.3)
        path = canvas.beginPath()
        for step in range(73):
            angle = step * math.pi / 36
            wobble = 1 + 0.08 * math.sin(3 * angle + index) + 0.05 * math.cos(5 * angle)
            px = cx + (3 + 3.1 * index) * mm * wobble * math.cos(angle)
            py = cy + (2 + 2.0 * index) * mm * wobble * math.sin(angle)
            path.moveTo(px, py) if step == 0 else path.lineTo(px, py)
        canvas.drawPath(path)
        if index % 2 == 0:
            canvas.setFont("Mono", 5)
            canvas.drawString(cx + (3.3 + 3.1 * index) * mm, cy + 0.4 * mm, str(38 - 5 * index))
    canvas.setStrokeColor(RED)
    canvas.setLineWidth(0.2)
    for step in range(42):
        at = x + width * 0.08 + step * 1.3 * mm
        canvas.line(at, y + height * 0.25, at + 2.6 * mm, y + height * 0.5)
    canvas.setDash(3, 1.5)
    canvas.setLineWidth(0.6)
    canvas.rect(x + width * 0.08, y + height * 0.25, 57.5 * mm, height * 0.25)
    canvas.setDash()
    canvas.setStrokeColor(black)
    canvas.setFont("Mono", 6)
    for step in range(0, 13, 2):
        canvas.drawCentredString(x + step * width / 12, y + height + 1.2 * mm, str(71 + step))
    _dimension(canvas, x + width * 0.08, x + width * 0.08 + 57.5 * mm, y - 6 * mm, "9,600 (frames 72 to 82)")
    canvas.setFont("Sans", 7)
    canvas.drawString(x, y - 10.5 * mm, "Detail A, B: depth of the indent; hatched: to be renewed")


def draw_bars(canvas: Canvas, strakes: Sequence[Strake], x: float, y: float) -> None:
    """Bars of the greatest loss by strake: green, amber, red, with the limit as a dashed line."""
    height = 40 * mm
    canvas.setLineWidth(0.15)
    for percent in range(0, 26, 5):
        level = y + height * percent / 25
        canvas.setStrokeColor(GREY)
        canvas.line(x, level, x + 74 * mm, level)
        canvas.setFillColor(black)
        canvas.setFont("Sans", 6)
        canvas.drawRightString(x - 1 * mm, level - 2, f"{percent} %")
    for index, (letter, _, built, _, least) in enumerate(strakes):
        lost = 100 * (built - least) / built
        canvas.setFillColor(RED if lost > 20 else AMBER if lost > 12 else GREEN)
        canvas.rect(x + (2 + 7.2 * index) * mm, y, 5 * mm, height * lost / 25, stroke=0, fill=1)
        canvas.setFillColor(black)
        canvas.setFont("Sans", 7)
        canvas.drawCentredString(x + (4.5 + 7.2 * index) * mm, y - 3.2 * mm, letter)
    canvas.setStrokeColor(RED)
    canvas.setLineWidth(0.7)
    canvas.setDash(4, 2)
    canvas.line(x, y + height * 20 / 25, x + 74 * mm, y + height * 20 / 25)
    canvas.setDash()


def draw_trend(canvas: Canvas, x: float, y: float) -> None:
    """Mean thickness of three strakes over the surveys, as coloured lines with markers."""
    width, height = 66 * mm, 40 * mm
    canvas.setStrokeColor(black)
    canvas.setLineWidth(0.4)
    canvas.lines([(x, y, x + width, y), (x, y, x, y + height)])
    years = (2004, 2009, 2014, 2019, 2024)
    canvas.setFont("Sans", 6)
    for index, year in enumerate(years):
        canvas.drawCentredString(x + (3 + 14.5 * index) * mm, y - 3 * mm, str(year))
    lines = (
        ("bilge E", HexColor("#2b6cb0"), (15.0, 14.8, 14.3, 13.8, 13.3)),
        ("bottom C", GREEN, (14.0, 13.9, 13.7, 13.4, 13.2)),
        ("side H", RED, (12.5, 12.3, 11.9, 11.3, 10.6)),
    )
    for name, colour, values in lines:
        canvas.setStrokeColor(colour)
        canvas.setFillColor(colour)
        canvas.setLineWidth(1)
        points = [
            (x + (3 + 14.5 * i) * mm, y + (value - 10) / 5.5 * height) for i, value in enumerate(values)
        ]
        for (x1, y1), (x2, y2) in pairwise(points):
            canvas.line(x1, y1, x2, y2)
        for px, py in points:
            canvas.circle(px, py, 0.8 * mm, stroke=0, fill=1)
        canvas.drawString(points[-1][0] + 1.5 * mm, points[-1][1] + (1 if name == "bilge E" else -4), name)
    canvas.setFillColor(black)
    for value in range(10, 16):
        level = y + (value - 10) / 5.5 * height
        canvas.drawRightString(x - 1 * mm, level - 2, str(value))
