"""Fractal noise and blurs in numpy, from fixed seeds: the raw material of the synthetic photograph."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]

TABLE = 512


def fractal(u: Plane, v: Plane, *, octaves: int, seed: int, gain: float = 0.5) -> Plane:
    """Value noise summed over `octaves`, each turned and twice as fine; about -1 to 1, mean about 0."""
    random = np.random.default_rng(seed)
    total = np.zeros(np.broadcast(u, v).shape, np.float32)
    amplitude, norm = 1.0, 0.0
    for octave in range(octaves):
        table = random.uniform(-1, 1, (TABLE, TABLE)).astype(np.float32)
        turn = 0.6 + 1.9 * octave
        scale = 2.03**octave
        a = (u * np.cos(turn) - v * np.sin(turn)) * scale + 17.3 * octave
        b = (u * np.sin(turn) + v * np.cos(turn)) * scale - 9.1 * octave
        total += amplitude * _lattice(table, a, b)
        norm += amplitude
        amplitude *= gain
    return (total * (1.6 / norm)).astype(np.float32)


def _lattice(table: Plane, a: Plane, b: Plane) -> Plane:
    """Value noise: the table's entries at whole numbers, quintic interpolation between them."""
    whole_a, whole_b = np.floor(a), np.floor(b)
    fa, fb = _quintic(a - whole_a), _quintic(b - whole_b)
    i, j = whole_a.astype(np.int32) % TABLE, whole_b.astype(np.int32) % TABLE
    i1, j1 = (i + 1) % TABLE, (j + 1) % TABLE
    low = table[j, i] * (1 - fa) + table[j, i1] * fa
    high = table[j1, i] * (1 - fa) + table[j1, i1] * fa
    return (low * (1 - fb) + high * fb).astype(np.float32)


def _quintic(t: Plane) -> Plane:
    return (t * t * t * (t * (t * 6 - 15) + 10)).astype(np.float32)


def smoothstep(low: float, high: float, x: Plane) -> Plane:
    """0 below `low`, 1 above `high`, and an S between them."""
    t = np.clip((x - low) / (high - low), 0, 1)
    curve: Plane = (t * t * (3 - 2 * t)).astype(np.float32)
    return curve


def blur(image: Plane, radius: float) -> Plane:
    """Nearly Gaussian: three box blurs along each of the first two axes; `radius` in pixels."""
    width = max(1, round(radius))
    result = image.astype(np.float32)
    for axis in (0, 1):
        for _ in range(3):
            result = _box(result, width, axis)
    return result


def _box(image: Plane, width: int, axis: int) -> Plane:
    pad = [(0, 0)] * image.ndim
    pad[axis] = (width + 1, width)
    sums = np.cumsum(np.pad(image, pad, mode="edge"), axis=axis, dtype=np.float64)
    count = 2 * width + 1
    high = np.take(sums, range(count, sums.shape[axis]), axis=axis)
    low = np.take(sums, range(sums.shape[axis] - count), axis=axis)
    return ((high - low) / count).astype(np.float32)


def shrink(image: Plane, factor: int) -> Plane:
    """Mean over squares of `factor` pixels; height and width must be multiples of it."""
    height, width = image.shape[:2]
    blocks = image.reshape(height // factor, factor, width // factor, factor, *image.shape[2:])
    means: Plane = blocks.mean(axis=(1, 3)).astype(np.float32)
    return means


def enlarge(image: Plane, factor: int) -> Plane:
    """Bilinear enlargement by a whole `factor`."""
    for axis in (0, 1):
        size = image.shape[axis]
        at = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
        low = np.floor(at).astype(int)
        shape = [1] * image.ndim
        shape[axis] = -1
        part = (at - low).astype(np.float32).reshape(shape)
        image = (
            np.take(image, low, axis) * (1 - part)
            + np.take(image, np.minimum(low + 1, size - 1), axis) * part
        )
    return image.astype(np.float32)


def bloom(light: Plane, radii: tuple[tuple[float, float], ...]) -> Plane:
    """What a lens spreads: `light` blurred by each (radius in pixels, weight); worked at quarter size."""
    small = shrink(light, 4)
    total = np.zeros_like(small)
    for radius, weight in radii:
        total += np.float32(weight) * blur(small, radius / 4)
    return enlarge(total, 4)
