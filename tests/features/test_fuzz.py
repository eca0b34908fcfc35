"""A few hundred inputs through the fuzz target: pieces of the grammar thrown together, and published texts damaged."""

import random

from tests.fuzz.fuzz_features import fuzz_one

from .schema import DOCUMENTS, RECEIVERS

_WORDS = """( ( ( ) ) ) & | ! = >= <= > < [ ] , .. ; : :- q=0.5 q=0 where end h.0 dpi color x a.b/c% TRUE Binary 1 200
"image/png" "" 3/2 -1 +7 1/0 4A 72dpi (dpi=200) (color=Binary) (x=[1..3]) (P) (P x) é \x00"""
PIECES = [*_WORDS.split(), " ", "\r\n ", "\t"]
SEEDS = [text.encode() for text in (*RECEIVERS, *(text for text, _ in DOCUMENTS.values()))]


def test_pieces_of_the_grammar() -> None:
    rng = random.Random(2533)
    for _ in range(600):
        inner = "".join(rng.choice(PIECES) for _ in range(rng.randrange(12)))
        fuzz_one(inner.encode())
        fuzz_one(f"(& (dpi=200) ({inner}) (x={inner}))".encode())


def test_damaged_texts() -> None:
    rng = random.Random(2879)
    for _ in range(150):
        data = bytearray(rng.choice(SEEDS))
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(data))
            data[place : place + rng.randrange(3)] = rng.choice(
                [b"", b"(", b")", b"=", b"!", b"|", b"\xff", b'"']
            )
        fuzz_one(bytes(data))


def test_seeds() -> None:
    for seed in SEEDS:
        fuzz_one(seed)
