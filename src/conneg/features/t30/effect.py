"""Which bits of a DIS count: contradictions are read so that the machine promises less, and noted."""

from typing import NamedTuple

from conneg.features.t30.bits import (
    BITS,
    ERROR_CORRECTION,
    INCH,
    MEDIA_BITS,
    METRIC,
    NEEDS_ERROR_CORRECTION,
    NOT_DESCRIBED,
    Bit,
)
from conneg.features.t30.conventions import Conventions
from conneg.features.t30.frame import Note


class Effect(NamedTuple):
    """The bits of media that count, and notes about those that do not."""

    bits: frozenset[int]
    notes: tuple[Note, ...]


def effect(bits: frozenset[int], conventions: Conventions) -> Effect:
    """Return which of `bits` count.

    17 with 18 is read as 18 (RFC 2880 5.4), 19 with 20, which is invalid, as the shorter, 19. A bit that needs another
    one is dropped without it, with a note; one that merely says nothing without another is dropped in silence.
    """
    counting = set(bits & MEDIA_BITS)
    present = bits | {ERROR_CORRECTION} if conventions.is_media_only else bits
    notes = [*_drop_doubles(counting), *_drop_needy(counting, present)]
    if not conventions.is_media_only:
        notes += _unit_notes(bits, counting)
    notes += [
        Note((number,), f"bit {number}: {name} cannot be said in a feature set")
        for number, name in NOT_DESCRIBED.items()
        if number in bits
    ]
    notes += [
        Note((number,), f"bit {number} is reserved or unknown")
        for number in sorted(bits)
        if number not in BITS
    ]
    return Effect(frozenset(counting), tuple(notes))


def stated(counting: frozenset[int], conventions: Conventions) -> frozenset[int]:
    """Return `counting` with what a valid DIS must say besides: error correction, and that both units are welcome."""
    if conventions.is_media_only:
        return counting
    units = {INCH, METRIC} if counting & {15, 43} else set()
    correction = {ERROR_CORRECTION} if counting & NEEDS_ERROR_CORRECTION else set()
    return counting | units | correction


def _drop_doubles(counting: set[int]) -> list[Note]:
    notes = []
    if {17, 18} <= counting:
        counting.discard(17)
        notes.append(Note((17, 18), "bits 17 and 18 are both 1: read as 18, scan lines up to 303 mm"))
    if {19, 20} <= counting:
        counting.discard(20)
        notes.append(Note((19, 20), "bits 19 and 20 are both 1: read as 19, pages up to 364 mm"))
    return notes


def _drop_needy(counting: set[int], present: frozenset[int]) -> list[Note]:
    """Drop bits until none is left without what it needs; a bit that is no bit of media counts if it is present."""
    notes: list[Note] = []
    while True:
        have = counting | (present - MEDIA_BITS)
        dropped = [(BITS[number], _missing(BITS[number], have)) for number in sorted(counting)]
        dropped = [(bit, missing) for bit, missing in dropped if missing is not None]
        if not dropped:
            return notes
        for bit, missing in dropped:
            counting.discard(bit.number)
            if missing:
                wanted = " or ".join(map(str, missing))
                text = f"bit {bit.number} ({bit.meaning}) needs bit {wanted}: read as 0"
                notes.append(Note((bit.number, *missing), text))


def _missing(bit: Bit, have: set[int] | frozenset[int]) -> tuple[int, ...] | None:
    """Return bits of which `bit` needs one and has none; () if it merely serves nothing; None if nothing is missing."""
    for alternatives in bit.needs:
        if not have.intersection(alternatives):
            return alternatives
    if bit.serves and not have.intersection(bit.serves):
        return ()
    return None


def _unit_notes(bits: frozenset[int], counting: set[int]) -> list[Note]:
    if counting & {15, 43} and not bits & {INCH, METRIC}:
        return [Note((INCH, METRIC), "bits 44 and 45 are both 0 beside 15 or 43: both units are accepted")]
    return []
