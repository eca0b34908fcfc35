"""The demo's photograph: a harbour at dusk, 4000 by 3000 pixels, in linear light, developed like film.

Sky and clouds from fractal noise; the things of `sprites`; the water a field of some eighty wave trains in
perspective, each pixel reflecting the ray that its slope sends up; then the lens (bloom, softness, vignette)
and grain.
"""

import io
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from .noise import Plane, bloom, blur, enlarge, fractal, smoothstep
from .sprites import HEIGHT, WIDTH, Sprite, draw_boat, draw_bollard, draw_quay, draw_ship

HORIZON = 1640
FOCAL = 3100.0
"""Focal length in pixels: what a 28 mm lens gives on full-frame film."""
EYE = 4.0
"""The camera's height above the water, in metres."""
SUN_X, SUN_BELOW = 1050, 40
QUALITY = 88


def make_photo() -> bytes:
    """The photograph as a JPEG file: sRGB profile, 72 dpi, EXIF with orientation 1."""
    pixels = develop(_expose())
    image = Image.fromarray(pixels, "RGB")
    exif = Image.Exif()
    exif[0x0112] = 1
    exif[0x011A], exif[0x011B], exif[0x0128] = 72.0, 72.0, 2
    exif[0x010E] = "Harbour at dusk (synthetic)"
    exif[0x0131] = "conneg tools/make_samples.py"
    exif[0x8298] = "The conneg authors, Apache-2.0"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # the profile's header holds its time of making (octets 24 to 35, ICC.1 7.2): cleared: runs agree
    profile = profile[:24] + bytes(12) + profile[36:]
    out = io.BytesIO()
    image.save(
        out,
        "JPEG",
        quality=QUALITY,
        subsampling="4:2:0",
        optimize=True,
        exif=exif,
        dpi=(72, 72),
        icc_profile=profile,
    )
    return out.getvalue()


def _expose() -> Plane:
    """The scene in linear light, before lens and film."""
    quay = draw_quay(*_stand(395))
    ship = draw_ship(*_stand(350))
    boat = draw_boat(*_stand(62))
    backdrop = _sky()
    _add_hills(backdrop)
    mirrored = backdrop.copy()
    for sprite in (quay, ship, boat):
        _lay(mirrored, sprite, shift=-round(2 * (sprite.waterline - HORIZON)))
    picture = backdrop
    picture[HORIZON:] = _water(mirrored)
    for sprite in (quay, ship, boat):
        _lay(picture, sprite)
    _add_wake(picture, boat)
    _lay(picture, draw_bollard(), soft=5, light=np.array((0.48, 0.37, 0.28), np.float32))
    return picture


def _stand(distance: float) -> tuple[float, float, float]:
    """Waterline row, pixels a metre, and distance, of a thing `distance` metres away."""
    return HORIZON + EYE * FOCAL / distance, FOCAL / distance, distance


def _sky() -> Plane:
    """Dusk: from blue overhead to the afterglow, under broken cloud lit from below; full picture size."""
    step = 2
    rows = np.arange(0, HEIGHT, step, dtype=np.float32)[:, None]
    columns = np.arange(0, WIDTH, step, dtype=np.float32)[None, :]
    up = np.maximum((HORIZON - rows) / FOCAL, 0.0008)
    aside = (columns - SUN_X) / FOCAL
    near_sun = np.exp(-(np.hypot(aside * 0.75, up * 1.9 + SUN_BELOW / FOCAL) ** 1.2) / 0.26)
    colours = [
        np.array(c, np.float32)
        for c in ((0.035, 0.085, 0.20), (0.13, 0.19, 0.32), (0.40, 0.27, 0.25), (0.62, 0.31, 0.16))
    ]
    stops = (0.55, 0.24, 0.10, 0.0)
    sky: Plane = np.zeros((len(rows), columns.shape[1], 3), np.float32)
    sky += colours[0]
    for (upper, lower), colour in zip(pairwise(stops), colours[1:], strict=True):
        share = smoothstep(lower, upper, up)[:, :, None]
        sky = sky * share + colour * (1 - share)
    sky += near_sun[:, :, None] * np.array((1.55, 0.56, 0.10), np.float32)
    sky += (near_sun**4)[:, :, None] * np.array((1.5, 0.86, 0.28), np.float32)
    return enlarge(_clouded(sky, up, aside, near_sun), step)


def _clouded(sky: Plane, up: Plane, aside: Plane, near_sun: Plane) -> Plane:
    """Two decks of cloud on planes overhead, seen in perspective, with light from the sun's side."""
    for seed, height, scale, cover, thick in ((31, 1.0, 2.3, 0.02, 1.0), (32, 2.0, 1.5, 0.16, 0.55)):
        away = np.float32(height) / (up + 0.035)
        u, v = scale * aside * away * 0.55, scale * away * 0.9
        warp = fractal(u * 0.7, v * 0.7, octaves=3, seed=seed + 10)
        density = fractal(u + 0.8 * warp, v - 0.5 * warp, octaves=7, seed=seed, gain=0.55)
        toward = fractal(
            u + 0.8 * warp - 0.10 * np.tanh(4 * aside), v - 0.5 * warp + 0.22, octaves=4, seed=seed, gain=0.55
        )
        body = smoothstep(cover, cover + 0.55, density) * np.float32(thick)
        lit = np.exp(-2.6 * np.maximum(toward - cover, 0)) * (0.25 + 1.5 * near_sun)
        shade = np.array((0.085, 0.095, 0.15), np.float32) + near_sun[:, :, None] * np.array(
            (0.20, 0.08, 0.05), np.float32
        )
        glow = np.array((1.15, 0.42, 0.22), np.float32) * lit[:, :, None]
        fade = smoothstep(0.0, 0.05, up)
        share = (body * (0.25 + 0.72 * fade))[:, :, None]
        sky = sky * (1 - share) + (shade + glow) * share
    return sky.astype(np.float32)


def _add_hills(picture: Plane) -> None:
    """Two ridges in haze and a town's lights at their feet, written into `picture`."""
    columns = np.arange(WIDTH, dtype=np.float32)
    random = np.random.default_rng(41)
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    for seed, base, rise, colour, wide in (
        (42, 46, 70, (0.30, 0.215, 0.235), 900),
        (43, 14, 44, (0.135, 0.115, 0.155), 420),
    ):
        ridge = base + rise * fractal(columns / wide, columns * 0 + seed, octaves=7, seed=seed, gain=0.45)
        ridge *= smoothstep(500, 2600, columns) * 0.8 + 0.2
        cover = np.clip(HORIZON - ridge - rows, -0.5, 0.5) * -1 + 0.5
        cover = (cover * (rows < HORIZON))[:, :, None].astype(np.float32)
        picture *= 1 - cover
        picture += cover * np.array(colour, np.float32)
    for _ in range(420):
        x = (
            int(random.triangular(1300, 1750, 2100))
            if random.random() < 0.6
            else int(random.integers(0, WIDTH))
        )
        y = HORIZON - 3 - int(random.exponential(7))
        picture[y : y + 2, x : x + 2] += np.array((1.0, 0.72, 0.4), np.float32) * float(
            random.uniform(0.3, 2.0)
        )


def _lay(
    picture: Plane, sprite: Sprite, *, shift: int = 0, soft: float = 0, light: Plane | None = None
) -> None:
    """Light the sprite (sky behind the camera, own lamps) and lay it over `picture`, `shift` rows lower."""
    ambient = np.array((0.080, 0.090, 0.125), np.float32) * 1.5 if light is None else light
    glow = bloom(sprite.lamps, ((10, 0.35), (28, 0.8), (90, 1.1)))
    lit = sprite.paint * (ambient + 1.6 * glow)
    haze = np.float32(1 - np.exp(-sprite.distance / 3800))
    lit = lit * (1 - haze) + haze * np.array((0.46, 0.32, 0.27), np.float32) + sprite.lamps
    mask: Plane = sprite.mask[:, :, None]
    over: Plane = lit * mask + sprite.lamps * (1 - mask)
    if soft:
        mask, over = blur(mask, soft), blur(over, soft)
    top = sprite.top + shift
    end = min(HEIGHT, top + len(over))
    picture[top:end] = picture[top:end] * (1 - mask[: end - top]) + over[: end - top]


def _water(mirrored: Plane) -> Plane:
    """The water below the horizon, reflecting `mirrored`: the scene as still water would show it."""
    rows = np.arange(HORIZON, HEIGHT, dtype=np.float32)[:, None] + 0.5
    columns = np.arange(WIDTH, dtype=np.float32)[None, :]
    distance = EYE * FOCAL / (rows - HORIZON)
    x = (columns - WIDTH / 2) * distance / FOCAL
    slope_x, slope_z, rest = _slopes(x, distance)
    view_x, view_y = (columns - WIDTH / 2) / FOCAL, -(rows - HORIZON) / FOCAL
    random = np.random.default_rng(51)
    shape = x.shape
    total = np.zeros((*shape, 3), np.float32)
    samples = 7
    for _ in range(samples):
        sx = slope_x + rest * random.standard_normal(shape, np.float32) * 0.8
        # a wave's far side is hidden at a grazing view: what is seen leans toward the camera
        sz = slope_z + rest * (np.abs(random.standard_normal(shape, np.float32)) * 0.9 - 0.15)
        norm = 1 / np.sqrt(sx * sx + sz * sz + 1)
        length = 1 / np.sqrt(view_x**2 + view_y**2 + 1)
        facing = (-view_x * sx + view_y - sz) * norm * length
        out_x = view_x * length + 2 * facing * sx * norm
        out_y = view_y * length - 2 * facing * norm
        out_z = length + 2 * facing * sz * norm
        out_z = np.maximum(out_z, 0.15)
        row = HORIZON - FOCAL * np.maximum(out_y, 0.0012) / out_z
        column = WIDTH / 2 + FOCAL * out_x / out_z
        i = np.clip(row, 0, HORIZON - 1).astype(np.int32)
        j = (
            (WIDTH - 1 - np.abs(WIDTH - 1 - np.abs(column) % (2 * WIDTH - 2)))
            .astype(np.int32)
            .clip(0, WIDTH - 1)
        )
        fresnel = 0.02 + 0.98 * np.clip(1 + facing, 0, 1) ** 5
        total += fresnel[:, :, None] * mirrored[i, j]
        total += (1 - fresnel)[:, :, None] * np.array((0.012, 0.026, 0.034), np.float32)
    return total / samples


def _slopes(x: Plane, z: Plane) -> tuple[Plane, Plane, Plane]:
    """Slopes across and along the view, and the r.m.s. slope of the waves too fine for the pixel."""
    random = np.random.default_rng(52)
    footprint = (z * z / (EYE * FOCAL)).astype(np.float32)
    slope_x, slope_z = np.zeros(x.shape, np.float32), np.zeros(x.shape, np.float32)
    variance = np.zeros(z.shape, np.float32)
    trains = 84
    calm = 0.62 + 0.38 * fractal(x / 26, z / 60 + 0 * x, octaves=3, seed=53)
    for index in range(trains):
        length = 0.16 * 60 ** (index / trains)
        angle = 1.15 + float(random.normal(0, 0.62))
        steep = 0.0122 * (1.0 if length < 2 else 0.8)
        number = 2 * np.pi / length
        kx, kz = number * np.cos(angle), number * np.sin(angle)
        fade = np.exp(-((1.7 * footprint / length) ** 2)).astype(np.float32)
        phase = np.float32(random.uniform(0, 2 * np.pi))
        # crests a little sharper than troughs
        wave = np.cos((kx * x + kz * z + phase).astype(np.float32))
        wave = (wave + 0.35 * (wave * wave - 0.5)) * (steep * fade)
        slope_x += wave * np.float32(np.cos(angle))
        slope_z += wave * np.float32(np.sin(angle))
        variance += np.float32(steep**2 / 2) * (1 - fade**2)
    return slope_x * calm, slope_z * calm, np.sqrt(variance) * calm


def _add_wake(picture: Plane, boat: Sprite) -> None:
    """Foam at the pilot boat's bow and stern, written into `picture`."""
    base = int(boat.waterline)
    rows, columns = np.mgrid[base - 40 : base + 70, 900:1860].astype(np.float32)
    grain = fractal(columns / 16, rows / 4, octaves=5, seed=61, gain=0.6)
    down = rows - base - 17 - 3 * fractal(columns / 40, rows * 0, octaves=3, seed=62)
    bow = np.exp(-(((columns - 1700) / 95) ** 2)) * 11
    stern = np.where(
        columns < 1170, 7 * np.exp(-(1170 - columns) / 130), 4.0 * np.exp(-np.maximum(columns - 1760, 0) / 20)
    )
    reach = 3 + bow + stern
    foam = smoothstep(-0.1, 0.7, grain + 0.9 - (down / reach) ** 2)
    foam *= (
        smoothstep(-9, 0, down)
        * np.exp(-np.maximum(columns - 1790, 0) / 22)
        * np.exp(-np.maximum(1140 - columns, 0) / 120)
    )
    share = 0.75 * foam[:, :, None]
    area = picture[base - 40 : base + 70, 900:1860]
    area *= 1 - share
    area += share * np.array((0.34, 0.30, 0.30), np.float32)


def develop(scene: Plane) -> NDArray[np.uint8]:
    """Lens and film: bloom, vignette, a filmic curve, softness, grain; 8 bits in sRGB."""
    bright = np.maximum(scene - 0.9, 0)
    scene = scene + bloom(np.minimum(bright, 30), ((6, 0.10), (24, 0.10), (90, 0.055), (260, 0.02)))
    rows = (np.arange(HEIGHT, dtype=np.float32)[:, None] - HEIGHT / 2) / (WIDTH / 2)
    columns = (np.arange(WIDTH, dtype=np.float32)[None, :] - WIDTH / 2) / (WIDTH / 2)
    scene *= (1 / (1 + 0.30 * (rows**2 + columns**2)) ** 2)[:, :, None]
    light = scene * 0.98
    light = np.maximum(light + 0.05 * (light - light.mean(axis=2, keepdims=True)), 0)
    # a filmic curve: a toe, a straight part, a shoulder that keeps colour in the glow
    film = (light * (2.51 * light + 0.03)) / (light * (2.43 * light + 0.59) + 0.14)
    film = np.clip(film, 0, 1)
    encoded = np.where(
        film <= 0.0031308, 12.92 * film, 1.055 * np.power(np.maximum(film, 1e-6), 1 / 2.4) - 0.055
    )
    encoded = 0.45 * encoded + 0.55 * _soften(encoded)
    random = np.random.default_rng(71)
    mono = random.standard_normal((HEIGHT, WIDTH), np.float32)
    mono = 0.55 * mono + 0.9 * _soften(mono)
    tone = encoded.mean(axis=2)
    strength = 0.0125 * (0.45 + 1.1 * np.sqrt(np.clip(tone, 0, 1)) * (1.15 - tone))
    encoded = encoded + (strength * mono)[:, :, None]
    encoded += 0.0035 * random.standard_normal(encoded.shape, np.float32)
    pixels: NDArray[np.uint8] = np.clip(encoded * 255 + 0.5, 0, 255).astype(np.uint8)
    return pixels


def _soften(image: Plane) -> Plane:
    """A 3 by 3 binomial blur."""
    for axis in (0, 1):
        image = 0.5 * image + 0.25 * (np.roll(image, 1, axis) + np.roll(image, -1, axis))
    return image.astype(np.float32)
