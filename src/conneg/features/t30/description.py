"""A frame for people: each set bit with its meaning and what it adds to the capability or the command."""

from typing import NamedTuple

from conneg.features.errors import FeatureError
from conneg.features.t30.bits import BITS, MEDIA_BITS, MRC_MODE
from conneg.features.t30.command import read_command
from conneg.features.t30.conventions import T30, Conventions, mrc_mode
from conneg.features.t30.effect import effect
from conneg.features.t30.frame import Frame, FrameKind

_TAGS = {
    **dict.fromkeys((15, 41, 42, 43, 97, 98, *range(105, 112)), ("dpi", "dpi-xyratio")),
    **dict.fromkeys((16, 31, 36, 68, 78), ("image-coding", "image-coding-constraint")),
    **dict.fromkeys((17, 18), ("size-x",)),
    **dict.fromkeys((76, 77), ("paper-size",)),
    **dict.fromkeys(MRC_MODE, ("MRC-mode",)),
    19: ("size-y",),
    37: ("image-interleave",),
    69: ("color",),
    71: ("color-levels",),
    73: ("color-subsampling",),
}
"""Which tags of a command a bit decides."""


class BitRow(NamedTuple):
    """One set bit: its number, its meaning, and what it adds, "" if it says nothing of media."""

    bit: int
    meaning: str
    contributes: str


def describe_frame(frame: Frame, conventions: Conventions = T30) -> tuple[BitRow, ...]:
    """Return a row for each set bit, the lowest number first."""
    adds = _command_parts(frame, conventions) if frame.kind is FrameKind.DCS else _parts(frame, conventions)
    return tuple(
        BitRow(number, _meaning(number, frame, conventions), adds.get(number, ""))
        for number in sorted(frame.bits)
    )


def _meaning(number: int, frame: Frame, conventions: Conventions) -> str:
    bit = BITS.get(number)
    if bit is None:
        return "reserved or unknown"
    if number in MRC_MODE:
        return f"{bit.meaning}, mode {mrc_mode(frame.bits, conventions.mrc_order)}"
    return bit.used if frame.kind is FrameKind.DCS and bit.used else bit.meaning


def _parts(frame: Frame, conventions: Conventions) -> dict[int, str]:
    """Return what each bit of media adds to the capability, or why it adds nothing."""
    counting, notes = effect(frame.bits, conventions)
    reasons = {note.bits[0]: note.text for note in reversed(notes) if note.bits}
    parts = {number: BITS[number].feature for number in counting}
    mode = mrc_mode(counting, conventions.mrc_order)
    parts.update((number, f"(MRC-mode<={mode})") for number in counting.intersection(MRC_MODE))
    for number in frame.bits & MEDIA_BITS - counting:
        parts[number] = f"nothing: {reasons.get(number, 'it is of use only beside other bits')}"
    return parts


def _command_parts(frame: Frame, conventions: Conventions) -> dict[int, str]:
    """Return what each bit of media says is used; nothing if the frame contradicts itself."""
    try:
        command = read_command(frame, conventions)
    except FeatureError:
        return {}
    parts = {}
    for number in frame.bits & MEDIA_BITS:
        said = [
            f"({tag}={command.collection[tag]})" for tag in _TAGS.get(number, ()) if tag in command.collection
        ]
        open_text = "left to the image data" if number in command.left_to_data else ""
        parts[number] = " ".join(said) or open_text
    return parts
