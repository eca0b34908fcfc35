"""T.30 frames as octets and as numbered bits: the information field of DIS, DTC and DCS, alone or in a whole frame.

Bit n is in octet ceil(n/8) of the information field, at place (n-1) mod 8 from the bit that is transmitted first (fax
schema digest, section 7). Programs keep octets in two ways, so the order of bits is a parameter. Bits 24, 32, 40 and so
on say whether another octet follows; they are no part of `Frame.bits`.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from conneg.bounds import Bound
from conneg.features.errors import FeatureError

MAX_OCTETS = Bound(
    name="features.t30-octets",
    value=128,
    unit="octets of a T.30 frame",
    reason="the last bit that has a meaning is in octet 16",
    answer="BoundExceededError; the frame is not read",
)

_ADDRESS = 0xFF
_CONTROLS = (0xC0, 0xC8)
"""A frame that another one follows, and a final one; the first transmitted bit is the highest."""
_SHORTEST = 3
"""Octets that an information field has in any case: the first extension bit is bit 24."""


class BitOrder(StrEnum):
    """Where the bit that is transmitted first is kept in an octet."""

    MSB_FIRST = "msb-first"
    LSB_FIRST = "lsb-first"


class FrameKind(StrEnum):
    """What a frame is: DIS and DTC say what a machine can do, DCS what is used for the next pages."""

    DIS = "DIS"
    DTC = "DTC"
    DCS = "DCS"


class Note(NamedTuple):
    """Something odd in a frame, in words, with the numbers of the bits that it is about."""

    bits: tuple[int, ...]
    text: str

    def __str__(self) -> str:
        return self.text


class Frame(NamedTuple):
    """A frame by its set bits, extension bits left out.

    `has_x_bit` counts only for a DCS in a whole frame: the first bit of its control field. `ignored` are octets behind
    the field's end, where an extension bit is 0, highest bit first. `notes` say what was odd in the octets.
    """

    kind: FrameKind
    bits: frozenset[int]
    has_x_bit: bool = False
    ignored: bytes = b""
    notes: tuple[Note, ...] = ()


def make_frame(kind: FrameKind, bits: Iterable[int]) -> Frame:
    """Return the frame in which `bits` are set, numbered from 1; extension bits among them are left out.

    Raises `FeatureError` for a number below 1, `BoundExceededError` for one behind `MAX_OCTETS`.
    """
    numbers = frozenset(bits)
    if numbers and min(numbers) < 1:
        raise FeatureError(f"bit {min(numbers)} does not exist: the bits of a frame are numbered from 1")
    MAX_OCTETS.check(max(map(_octet_of, numbers), default=0))
    return Frame(kind, frozenset(number for number in numbers if not is_extension(number)))


def read_frame(
    octets: bytes,
    order: BitOrder | None = None,
    *,
    kind: FrameKind | None = None,
    whole: bool | None = None,
) -> Frame:
    """Return the frame that `octets` are.

    `whole` says whether they begin with address, control and facsimile control field. None finds out: they are whole if
    these three octets are all right, since no information field begins with FF, which would set reserved bits. `order`
    may be None for a whole frame, whose control field shows it. `kind` is what an information field alone belongs to
    (None: DIS), and what a whole frame must be. Missing octets are 0; octets behind the end are in `ignored`.

    Raises `FeatureError` if the octets are not what was said, `BoundExceededError` if there are too many.
    """
    MAX_OCTETS.check(len(octets))
    if whole is not False:
        found = _whole_order(octets)
        if found is not None:
            return _read_whole(octets, found, order, kind)
        if whole:
            raise FeatureError(
                "this is no whole frame: it must begin with FF, C0 or C8 (03 or 13), and the code of DIS, DTC or DCS"
            )
    if order is None:
        raise FeatureError(
            "an information field alone does not show its order of bits: say msb-first or lsb-first"
        )
    return _read_field(_in_order(octets, order), kind or FrameKind.DIS)


def write_frame(frame: Frame, order: BitOrder, *, whole: bool = False, is_final: bool = True) -> bytes:
    """Return the octets of `frame`, extension bits set, without zero octets at the end that nothing needs.

    `whole` puts address, control and facsimile control field in front; `is_final` says that no other frame follows.
    """
    length = max((_SHORTEST, *map(_octet_of, frame.bits)))
    extensions = {8 * octet for octet in range(_SHORTEST, length)}
    field = bytearray(length)
    for number in frame.bits | extensions:
        field[_octet_of(number) - 1] |= _mask(number)
    if whole:
        field[:0] = bytes((_ADDRESS, _CONTROLS[is_final], _control_code(frame)))
    return _in_order(bytes(field), order)


def is_extension(number: int) -> bool:
    """Tell whether a bit says only that another octet follows."""
    return number >= 8 * _SHORTEST and number % 8 == 0


def _octet_of(number: int) -> int:
    return (number + 7) // 8


def _mask(number: int) -> int:
    return 0x80 >> ((number - 1) % 8)


def _in_order(octets: bytes, order: BitOrder) -> bytes:
    """Return octets of that order highest bit first, or the other way round: it is the same."""
    if order is BitOrder.MSB_FIRST:
        return octets
    return bytes(int(f"{octet:08b}"[::-1], 2) for octet in octets)


def _kind_of(code: int) -> tuple[FrameKind, bool] | None:
    """Return what a facsimile control field names, and its X bit: DIS 0000 0001, DTC 1000 0001, DCS X100 0001."""
    match code:
        case 0x01:
            return FrameKind.DIS, False
        case 0x81:
            return FrameKind.DTC, False
        case 0x41 | 0xC1:
            return FrameKind.DCS, code == 0xC1
    return None


def _control_code(frame: Frame) -> int:
    match frame.kind:
        case FrameKind.DIS:
            return 0x01
        case FrameKind.DTC:
            return 0x81
        case FrameKind.DCS:
            return 0xC1 if frame.has_x_bit else 0x41


def _whole_order(octets: bytes) -> BitOrder | None:
    """Return the order of bits in which `octets` begin like a whole frame; no octets do so in both."""
    for order in BitOrder:
        front = _in_order(octets[:3], order)
        if len(front) == 3 and front[0] == _ADDRESS and front[1] in _CONTROLS and _kind_of(front[2]):
            return order
    return None


def _read_whole(octets: bytes, found: BitOrder, order: BitOrder | None, kind: FrameKind | None) -> Frame:
    if order not in (None, found):
        raise FeatureError(f"the control field of this frame is {found}, not {order}")
    straight = _in_order(octets, found)
    named = _kind_of(straight[2])
    if named is None or kind not in (None, named[0]):
        raise FeatureError(f"this frame is {named[0] if named else 'none of DIS, DTC and DCS'}, not {kind}")
    return _read_field(straight[3:], *named)


def _read_field(field: bytes, kind: FrameKind, has_x_bit: bool = False) -> Frame:
    """Read an information field whose octets are highest bit first."""
    end = next((n for n in range(_SHORTEST, len(field) + 1) if not field[n - 1] & 1), len(field))
    notes: list[Note] = []
    if end < len(field):
        count = len(field) - end
        notes.append(
            Note((8 * end,), f"bit {8 * end} is 0: {count} more octet{'s' * (count > 1)} not looked at")
        )
    elif end >= _SHORTEST and field[-1] & 1:
        notes.append(Note((8 * end,), f"bit {8 * end} is 1, and no octet follows: the rest is read as 0"))
    elif end < _SHORTEST:
        notes.append(Note((), f"{end} octets where there must be {_SHORTEST}: the rest is read as 0"))
    numbers = (number for number in range(1, 8 * end + 1) if field[(number - 1) // 8] & _mask(number))
    bits = frozenset(number for number in numbers if not is_extension(number))
    return Frame(kind, bits, has_x_bit, field[end:], tuple(notes))
