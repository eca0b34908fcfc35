"""A few hundred inputs through the fuzz target: random octets, and the vectors damaged."""

import random

from tests.fuzz.fuzz_t30 import fuzz_one

from .test_frame import VECTORS

SEEDS = [bytes.fromhex(octets) for _, _, octets in VECTORS]
SEEDS += [
    bytes.fromhex(front) + seed
    for seed in SEEDS
    for front in ("FF C8 01", "FF 13 80", "FF C8 C1", "FF 13 82")
]


def test_random_octets() -> None:
    rng = random.Random(2880)
    for length in range(30):
        for _ in range(2):
            fuzz_one(rng.randbytes(length))
    fuzz_one(b"\x00" + b"\xff" * 128)
    fuzz_one(b"\x00" + b"\xff" * 129)


def test_damaged_frames() -> None:
    rng = random.Random(30)
    for seed in SEEDS:
        fuzz_one(bytes([rng.randrange(256)]) + seed)
        for _ in range(2):
            data = bytearray(seed)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            fuzz_one(bytes([rng.randrange(256)]) + data[: rng.randrange(len(data) + 1)])
