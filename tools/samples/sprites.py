"""The things that stand in the synthetic photograph: quay and cranes, container ship, pilot boat, bollard.

Each is drawn in metres, side on, into a `Sprite` (paint, mask, lamps), at twice the picture's size and then
averaged, so that thin members keep their true weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .noise import Plane, fractal, shrink

WIDTH, HEIGHT = 4000, 3000
SUPERSAMPLE = 2

Colour = tuple[int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sprite:
    """A band of the picture, `top` to `top + height`, across its full width.

    `paint` is albedo (0 to 1), `mask` coverage, `lamps` light given off (linear, 1 is paper white);
    `waterline` is the row where the thing meets the water, `distance` its distance from the camera in metres.
    """

    top: int
    paint: Plane
    mask: Plane
    lamps: Plane
    waterline: float
    distance: float


class Canvas:
    """Draws in metres: x to the right of `origin_x` (a column), y up from the waterline (a row)."""

    def __init__(self, top: int, height: int, origin_x: float, waterline: float, scale: float) -> None:
        size = (WIDTH * SUPERSAMPLE, height * SUPERSAMPLE)
        self.top, self.height = top, height
        self.paint, self.mask = Image.new("RGB", size), Image.new("L", size)
        self.lamps = np.zeros((height, WIDTH, 3), np.float32)
        self._paint, self._mask = ImageDraw.Draw(self.paint), ImageDraw.Draw(self.mask)
        self.origin_x, self.waterline, self.scale = origin_x, waterline, scale

    def place(self, origin_x: float, scale: float) -> None:
        """Go on drawing from another origin, at another number of pixels a metre."""
        self.origin_x, self.scale = origin_x, scale

    def at(self, x: float, y: float) -> Point:
        """Supersampled pixel of a place in metres."""
        column = self.origin_x + x * self.scale
        row = self.waterline - y * self.scale - self.top
        return column * SUPERSAMPLE, row * SUPERSAMPLE

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""
        pixels = [self.at(*point) for point in points]
        self._paint.polygon(pixels, fill=colour)
        self._mask.polygon(pixels, fill=255)

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A filled rectangle from its lower left corner."""
        self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour)

    def line(self, points: Sequence[Point], metres: float, colour: Colour) -> None:
        """A line `metres` thick, never thinner than one supersampled pixel."""
        pixels = [self.at(*point) for point in points]
        width = max(1, round(metres * self.scale * SUPERSAMPLE))
        self._paint.line(pixels, fill=colour, width=width)
        self._mask.line(pixels, fill=255, width=width)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """A filled ellipse around its centre."""
        (left, upper), (right, lower) = self.at(x - rx, y + ry), self.at(x + rx, y - ry)
        self._paint.ellipse((left, upper, right, lower), fill=colour)
        self._mask.ellipse((left, upper, right, lower), fill=255)

    def lamp(
        self,
        x: float,
        y: float,
        strength: float,
        colour: Sequence[float] = (1.0, 0.72, 0.38),
        size: float = 1.6,
    ) -> None:
        """A point of light with a soft core of `size` pixels."""
        column, row = (value / SUPERSAMPLE for value in self.at(x, y))
        reach = int(size * 3) + 1
        left, upper = max(0, int(column) - reach), max(0, int(row) - reach)
        right, lower = min(WIDTH, int(column) + reach + 1), min(self.height, int(row) + reach + 1)
        if left >= right or upper >= lower:
            return
        across = np.arange(left, right)[None, :] - column
        down = np.arange(upper, lower)[:, None] - row
        core = np.exp(-(across**2 + down**2) / (2 * size**2))[:, :, None]
        self.lamps[upper:lower, left:right] += (strength * core * np.asarray(colour)).astype(np.float32)

    def window(self, x: float, y: float, width: float, height: float, light: Sequence[float]) -> None:
        """A lit pane."""
        (left, upper), (right, lower) = self.at(x, y + height), self.at(x + width, y)
        box = [round(value / SUPERSAMPLE) for value in (left, upper, right, lower)]
        self.lamps[max(0, box[1]) : max(box[3], box[1] + 1), max(0, box[0]) : max(box[2], box[0] + 1)] += (
            np.asarray(light, np.float32)
        )

    def sprite(self, distance: float, *, seed: int, wear: float = 0.25, patch: float = 1.1) -> Sprite:
        """The finished drawing, its paint weathered by streaks about `patch` metres wide."""
        paint = shrink(np.asarray(self.paint, np.float32) / 255, SUPERSAMPLE) ** 2.2
        mask = shrink(np.asarray(self.mask, np.float32) / 255, SUPERSAMPLE)
        rows, columns = np.mgrid[0 : self.height, 0:WIDTH].astype(np.float32)
        streaks = fractal(
            columns / (patch * self.scale), rows / (4 * patch * self.scale), octaves=6, seed=seed, gain=0.65
        )
        paint *= np.clip(1 + wear * streaks, 0.2, 2)[:, :, None]
        return Sprite(self.top, paint, mask, self.lamps, self.waterline, distance)


STEEL: Colour = (92, 96, 104)
CRANE_BLUE: Colour = (62, 92, 126)
CONTAINERS: tuple[Colour, ...] = (
    (128, 58, 44),
    (46, 82, 112),
    (150, 118, 62),
    (74, 98, 72),
    (132, 132, 128),
    (104, 44, 48),
    (54, 62, 78),
)
WARM, COLD, GREEN, RED = (1.0, 0.66, 0.30), (0.85, 0.94, 1.0), (0.1, 1.0, 0.45), (1.0, 0.10, 0.06)


def draw_quay(waterline: float, scale: float, distance: float) -> Sprite:
    """The terminal at the left: quay wall, stacks, sheds, masts, three gantry cranes (one boom raised)."""
    random = np.random.default_rng(11)
    canvas = Canvas(top=820, height=900, origin_x=0, waterline=waterline, scale=scale)
    canvas.box(-5, -1, 196, 5.2, (70, 68, 66))
    for x in np.arange(2.0, 190, 5):
        canvas.box(x, -1, 0.8, 4.4, (34, 34, 34))
    for x in np.arange(2.0, 130, 6.4):
        for level in range(int(random.integers(1, 5))):
            canvas.box(x, 4.2 + 2.6 * level, 6.1, 2.5, CONTAINERS[int(random.integers(len(CONTAINERS)))])
    canvas.polygon([(132, 4), (132, 11), (145, 14.5), (158, 11), (158, 4)], (86, 84, 88))
    for x in (134.0, 139.0, 144.0, 149.0, 154.0):
        canvas.window(x, 7.4, 2.2, 1.2, (1.5, 0.95, 0.45))
    _crane(canvas, 74.0, scale * 1.0, raised=False, trolley=-24)
    _crane(canvas, 128.0, scale * 0.86, raised=True, trolley=0)
    _crane(canvas, 176.0, scale * 0.78, raised=False, trolley=-37)
    canvas.place(0, scale)
    for x in (14.0, 48.0, 112.0, 168.0, 186.0):
        canvas.line([(x, 4), (x, 30)], 0.35, STEEL)
        for offset in (-0.9, 0.0, 0.9):
            canvas.lamp(x + offset, 30.3, 22, WARM if x < 100 else COLD, 1.9)
    for x in np.arange(6.0, 190, 11):
        canvas.lamp(x, 5.6, 5, WARM, 1.3)
    return canvas.sprite(distance, seed=21)


def _crane(canvas: Canvas, base: float, scale: float, *, raised: bool, trolley: float) -> None:
    """A ship-to-shore gantry crane, waterside leg at `base` metres, boom to the left."""
    origin = canvas.origin_x, canvas.scale
    canvas.place(origin[0] + base * origin[1], scale)
    blue = CRANE_BLUE
    for x in (0.0, 24.0):
        canvas.line([(x, 4), (x, 46)], 1.7, blue)
        canvas.line([(x - 3, 4.6), (x + 3, 4.6)], 1.4, blue)
    canvas.line([(0, 17), (24, 17)], 1.6, blue)
    canvas.line([(0, 46), (24, 17)], 0.8, blue)
    canvas.line([(0, 40), (4, 72)], 1.2, blue)
    canvas.line([(24, 46), (4, 72)], 0.9, blue)
    canvas.line([(4, 72), (46, 45)], 0.5, blue)
    _truss(canvas, (0, 44.5), (48, 44.5), blue)
    canvas.box(20, 47, 15, 6, (120, 122, 124))
    canvas.window(21, 49, 1.2, 1.2, (0.9, 0.8, 0.55))
    tip = (-11.0, 98.0) if raised else (-58.0, 44.5)
    _truss(canvas, (0, 44.5), tip, blue)
    if raised:
        canvas.line([(4, 72), (-6, 76)], 0.35, blue)
        canvas.line([(4, 72), (-10, 92)], 0.35, blue)
    else:
        canvas.line([(4, 72), (-28, 46)], 0.4, blue)
        canvas.line([(4, 72), (-56, 46)], 0.4, blue)
        for x in np.arange(-54.0, 0, 9):
            canvas.lamp(x, 43.4, 4.5, COLD, 1.2)
        canvas.box(trolley - 3, 42, 6, 1.6, STEEL)
        for side in (-2.5, 2.5):
            canvas.line([(trolley + side, 42), (trolley + side, 28)], 0.15, STEEL)
        canvas.box(trolley - 6, 25.2, 12.2, 2.6, CONTAINERS[0])
        canvas.box(trolley - 5, 27.8, 10, 0.6, (150, 120, 40))
        canvas.box(trolley + 4, 39, 2.2, 2.4, (180, 180, 176))
        canvas.window(trolley + 4.2, 39.4, 1.6, 1.2, (1.3, 1.2, 0.9))
    canvas.lamp(4, 73, 14, RED, 2.2)
    canvas.lamp(tip[0], tip[1] + 1, 12, RED, 2.0)
    canvas.place(*origin)


def _truss(canvas: Canvas, start: Point, end: Point, colour: Colour) -> None:
    """A lattice girder 2.6 m deep between two places."""
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    along = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    across = (-along[1], along[0]) if along[0] >= 0 else (along[1], -along[0])

    def at(t: float, side: float) -> Point:
        return start[0] + along[0] * t + across[0] * side, start[1] + along[1] * t + across[1] * side

    canvas.line([at(0, 0), at(length, 0)], 0.9, colour)
    canvas.line([at(0, 2.6), at(length, 2.6)], 0.6, colour)
    steps = max(2, round(length / 3))
    for step in range(steps):
        near, far = length * step / steps, length * (step + 1) / steps
        canvas.line([at(near, 0), at((near + far) / 2, 2.6), at(far, 0)], 0.3, colour)


def draw_ship(waterline: float, scale: float, distance: float) -> Sprite:
    """The container ship at the right, bow to the left, her house aft with lit windows."""
    random = np.random.default_rng(5)
    canvas = Canvas(top=1100, height=640, origin_x=1870, waterline=waterline, scale=scale)
    hull, boot = (42, 56, 78), (112, 40, 34)
    canvas.polygon(
        [(0, 15.5), (14, 11.5), (205, 11.5), (226, 12.5), (229, 6), (224, -1), (11, -1), (8, 3)], hull
    )
    canvas.polygon([(8.4, 2.2), (224, 2.2), (223, -1), (10, -1)], boot)
    canvas.line([(9, 2.3), (226, 2.3)], 0.25, (190, 190, 186))
    canvas.line([(0, 15.5), (14, 12.2), (60, 12.2)], 0.3, (150, 150, 150))
    canvas.polygon([(52, 4.6), (52, 8.6), (108, 8.6), (108, 4.6)], hull)
    for index, x in enumerate(np.arange(54.5, 104, 6.6)):
        _letter(canvas, x, 5.0, "MERIDIAN"[index])
    for bay in range(10):
        x = 20 + bay * 13.0
        height = int(random.integers(4, 8)) if bay not in (4,) else 2
        for level in range(height):
            if bay in (2, 6, 7):
                for half in (0.0, 6.15):
                    _container(canvas, x + half, 12.6 + 2.62 * level, 6.0, random)
            else:
                _container(canvas, x, 12.6 + 2.62 * level, 12.1, random)
        canvas.box(x + 12.25, 11.5, 0.5, 9, (80, 82, 84))
    _house(canvas, 158.0, random)
    for bay in range(3):
        x = 184 + bay * 13.0
        for level in range(int(random.integers(3, 6))):
            _container(canvas, x, 12.6 + 2.62 * level, 12.1, random)
    canvas.line([(10, 12), (10, 29)], 0.6, (170, 170, 166))
    canvas.lamp(10, 29.4, 22, COLD, 2.0)
    canvas.line([(46, 31), (43.5, 12)], 0.2, STEEL)
    for x in np.arange(18.0, 226, 16):
        canvas.lamp(x, 12.5, 6, WARM, 1.5)
    return canvas.sprite(distance, seed=22, wear=0.3)


GLYPHS: dict[str, list[Point]] = {
    "M": [(0, 0), (0, 1), (0.5, 0.4), (1, 1), (1, 0)],
    "E": [(1, 0), (0, 0), (0, 0.5), (0.8, 0.5), (0, 0.5), (0, 1), (1, 1)],
    "R": [(0, 0), (0, 1), (1, 1), (1, 0.5), (0, 0.5), (1, 0)],
    "I": [(0.5, 0), (0.5, 1)],
    "D": [(0, 0), (0, 1), (0.7, 1), (1, 0.7), (1, 0.3), (0.7, 0), (0, 0)],
    "A": [(0, 0), (0.5, 1), (1, 0), (0.75, 0.4), (0.25, 0.4)],
    "N": [(0, 0), (0, 1), (1, 0), (1, 1)],
}


def _letter(canvas: Canvas, x: float, y: float, letter: str) -> None:
    canvas.line([(x + 3.4 * px, y + 3.2 * py) for px, py in GLYPHS[letter]], 0.62, (206, 208, 204))


def _container(canvas: Canvas, x: float, y: float, length: float, random: np.random.Generator) -> None:
    colour = CONTAINERS[int(random.integers(len(CONTAINERS)))]
    canvas.box(x, y, length, 2.52, colour)
    dark = (int(colour[0] * 0.75), int(colour[1] * 0.75), int(colour[2] * 0.75))
    for rib in np.arange(x + 0.4, x + length - 0.2, 0.75):
        canvas.line([(rib, y + 0.2), (rib, y + 2.3)], 0.12, dark)
    if random.random() < 0.4:
        canvas.box(x + length * 0.3, y + 1.1, length * 0.4, 0.55, (180, 178, 170))


def _house(canvas: Canvas, x: float, random: np.random.Generator) -> None:
    white = (158, 158, 154)
    canvas.box(x, 11.5, 17, 27, white)
    canvas.box(x - 2.5, 35.2, 22, 3.6, white)
    canvas.box(x + 2, 38.8, 12, 3, white)
    canvas.line([(x + 7, 41), (x + 7, 52)], 0.6, white)
    canvas.line([(x + 4, 47), (x + 10, 47)], 0.35, white)
    canvas.line([(x + 3, 50), (x + 11, 44)], 0.1, STEEL)
    canvas.box(x + 17.5, 11.5, 8, 23, (44, 58, 84))
    canvas.box(x + 18.5, 34.5, 5, 4, (36, 36, 38))
    canvas.box(x + 17.5, 28, 8, 3, (168, 120, 40))
    for deck in range(8):
        y = 13.2 + 2.75 * deck
        canvas.line([(x, y - 0.8), (x + 17, y - 0.8)], 0.18, (120, 120, 118))
        for column in range(8):
            canvas.box(x + 1.1 + 2 * column, y, 1.0, 1.0, (26, 30, 36))
            if random.random() < 0.62:
                level = float(random.uniform(0.5, 2.2))
                tint = WARM if random.random() < 0.75 else COLD
                canvas.window(x + 1.1 + 2 * column, y, 1.0, 1.0, [level * part for part in tint])
    canvas.window(x - 1.8, 36.6, 20.6, 1.2, (0.32, 0.30, 0.24))
    canvas.lamp(x + 7, 52.2, 24, COLD, 2.2)
    canvas.lamp(x - 2.3, 37.6, 10, GREEN, 1.9)
    for side in (-0.4, 17.4):
        for y in (16.5, 24.8, 33.0):
            canvas.lamp(x + side, y, 10, WARM, 1.7)


def draw_boat(waterline: float, scale: float, distance: float) -> Sprite:
    """A pilot boat, coming in, nearer than everything else afloat."""
    canvas = Canvas(top=int(waterline) - 420, height=480, origin_x=1130, waterline=waterline, scale=scale)
    hull = (140, 76, 46)
    canvas.polygon(
        [
            (0, 1.0),
            (0.4, 1.35),
            (8, 1.5),
            (11.4, 2.15),
            (12.4, 2.25),
            (10.9, 0.2),
            (10.4, -0.35),
            (0.3, -0.35),
        ],
        hull,
    )
    canvas.polygon([(0.1, 0.35), (10.95, 0.35), (10.4, -0.4), (0.3, -0.4)], (36, 38, 44))
    canvas.line([(0.0, 1.12), (8, 1.25), (12.2, 2.0)], 0.16, (24, 24, 26))
    canvas.polygon([(2.4, 1.3), (2.7, 3.5), (6.3, 3.6), (7.3, 2.7), (8.6, 2.5), (9.1, 1.5)], (196, 196, 190))
    canvas.polygon([(2.5, 3.5), (2.4, 3.75), (6.7, 3.85), (6.4, 3.55)], (90, 92, 96))
    for left, right in ((3.0, 3.9), (4.1, 5.0), (5.2, 6.1)):
        canvas.box(left, 2.55, right - left, 0.75, (20, 24, 30))
        canvas.window(left + 0.05, 2.6, right - left - 0.1, 0.62, (0.85, 0.62, 0.30))
    canvas.polygon([(6.3, 3.4), (7.1, 2.72), (6.4, 2.62), (6.3, 3.0)], (24, 28, 36))
    canvas.line([(4.6, 3.8), (4.5, 6.4)], 0.1, (170, 170, 170))
    canvas.line([(3.7, 5.0), (5.4, 5.0)], 0.07, (170, 170, 170))
    canvas.ellipse(4.55, 4.45, 0.55, 0.12, (205, 205, 200))
    canvas.line([(4.5, 6.3), (0.5, 1.4)], 0.03, STEEL)
    canvas.line([(4.5, 6.3), (12.2, 2.4)], 0.03, STEEL)
    for x in (0.4, 1.1, 1.8, 9.2, 10.1, 11.0, 11.8):
        deck = 1.35 if x < 8 else 1.5 + (x - 8) * 0.19
        canvas.line([(x, deck), (x, deck + 0.9)], 0.05, (180, 180, 178))
    canvas.line([(0.4, 2.2), (1.8, 2.25)], 0.045, (180, 180, 178))
    canvas.line([(9.2, 2.6), (11.8, 3.1)], 0.045, (180, 180, 178))
    for x in (1.5, 4.0, 6.5):
        canvas.ellipse(x, 0.85, 0.34, 0.34, (22, 22, 24))
    canvas.ellipse(1.7, 2.25, 0.2, 0.45, (60, 64, 70))
    for x in (8.3, 8.75):
        canvas.ellipse(x, 2.35, 0.05, 0.3, (40, 42, 46))
    canvas.box(0.9, 1.3, 1.2, 0.5, (84, 86, 88))
    canvas.ellipse(9.7, 2.35, 0.17, 0.42, (160, 74, 30))
    canvas.ellipse(9.7, 2.85, 0.13, 0.14, (120, 96, 80))
    canvas.line([(2.7, 1.75), (8.9, 1.85)], 0.05, (60, 62, 66))
    canvas.line([(2.9, 2.35), (6.2, 2.4)], 0.03, (110, 112, 112))
    canvas.box(2.75, 1.4, 0.62, 1.7, (128, 130, 130))
    canvas.line([(5.6, 3.85), (5.7, 5.6)], 0.03, STEEL)
    canvas.line([(3.2, 3.75), (3.0, 6.0)], 0.025, STEEL)
    canvas.lamp(4.5, 6.5, 34, (1.0, 0.97, 0.9), 3.2)
    canvas.lamp(4.5, 6.05, 16, RED, 2.6)
    canvas.lamp(7.0, 3.95, 12, GREEN, 2.6)
    canvas.lamp(2.3, 3.3, 14, WARM, 2.6)
    return canvas.sprite(distance, seed=23, wear=0.3, patch=0.35)


def draw_bollard() -> Sprite:
    """The near quay at the lower right, out of focus: coping stones, a bollard, a mooring line."""
    canvas = Canvas(top=2200, height=800, origin_x=0, waterline=3000, scale=400)
    canvas.polygon([(6.35, -0.1), (7.15, 0.62), (10.1, 0.86), (10.1, -0.1)], (118, 110, 100))
    canvas.polygon([(6.35, -0.1), (7.15, 0.62), (7.1, 0.50), (6.45, -0.1)], (60, 56, 52))
    for x in (7.9, 8.75, 9.6):
        canvas.line([(x, 0.68 + (x - 7.15) * 0.08), (x - 0.42, -0.1)], 0.018, (46, 44, 40))
    canvas.line([(6.75, 0.3), (10.1, 0.42)], 0.012, (70, 66, 60))
    canvas.polygon([(8.52, 0.50), (8.58, 1.20), (8.92, 1.20), (8.98, 0.50)], (74, 64, 58))
    canvas.ellipse(8.75, 0.50, 0.30, 0.09, (58, 52, 48))
    canvas.ellipse(8.75, 1.24, 0.31, 0.13, (84, 74, 66))
    canvas.line([(8.5, 0.82), (8.99, 0.90)], 0.085, (168, 146, 104))
    canvas.line([(8.5, 0.93), (8.99, 1.01)], 0.085, (156, 134, 96))
    canvas.line(
        [(8.54, 0.86), (8.0, 0.70), (7.5, 0.60), (7.12, 0.56), (6.86, 0.36), (6.62, 0.02), (6.5, -0.3)],
        0.075,
        (160, 138, 98),
    )
    return canvas.sprite(6, seed=24, wear=0.7, patch=0.22)
