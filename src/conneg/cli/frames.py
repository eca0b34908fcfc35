"""T.30 frames for `conneg features`: what a fax machine says of itself, bit by bit and as a capability, and back."""

from collections.abc import Callable

import click

from conneg.cli.colours import label, paint, say
from conneg.cli.options import print_json
from conneg.errors import UsageError


def read_octets(text: str, option: str) -> bytes:
    """Return the octets that hexadecimal digits stand for; white space and colons between them do not count."""
    try:
        return bytes.fromhex(text.replace(":", " "))
    except ValueError:
        raise UsageError(
            f"{option} takes octets in hexadecimal, such as '00 C0 88', not {text!r:.60}"
        ) from None


def show_frame(
    text: str, option: str, *, msb_first: bool, as_json: bool, explain: Callable[[str], None]
) -> None:
    """Print what the DIS (`option` is --dis) or DCS (--dcs) in `text` says; `explain` goes on with its expression."""
    from conneg.features import write
    from conneg.features.t30 import (
        BitOrder,
        FrameKind,
        capability_of,
        describe_frame,
        read_command,
        read_frame,
    )

    octets = read_octets(text, option)
    order = BitOrder.MSB_FIRST if msb_first else BitOrder.LSB_FIRST
    is_whole = octets[:1] == b"\xff"
    kind = FrameKind.DCS if option == "--dcs" else None
    if not octets:
        raise UsageError(f"{option} takes octets in hexadecimal, such as '00 C0 88'")
    frame = read_frame(octets, None if is_whole and len(octets) > 1 else order, kind=kind)
    if frame.kind is FrameKind.DCS:
        command = read_command(frame)
        said, notes = str(command.collection), command.notes
    else:
        capability = capability_of(frame)
        said, notes = write(capability.expression), capability.notes
    rows = describe_frame(frame)
    if as_json:
        print_json(
            {
                "kind": str(frame.kind),
                "expression": said,
                "bits": [row._asdict() for row in rows],
                "notes": [{"bits": note.bits, "text": note.text} for note in notes],
            }
        )
        return
    for row in rows:
        say(
            f"{click.style(f'bit {row.bit:<4}', bold=True)} {row.meaning:<44} {paint(row.contributes)}",
            err=True,
        )
    for note in notes:
        say(f"{label('note')} {note}", err=True)
    say(paint(said))
    explain(said)


def show_as_frame(expression: str, *, msb_first: bool, as_json: bool) -> None:
    """Print the DIS that promises as much of a capability as it can."""
    from conneg.features import feature_set
    from conneg.features.t30 import BitOrder, frame_of, write_frame

    order = BitOrder.MSB_FIRST if msb_first else BitOrder.LSB_FIRST
    promise = frame_of(feature_set(expression, lenient=True))
    octets = write_frame(promise.frame, order).hex(" ").upper()
    if as_json:
        print_json(
            {"dis": octets, "order": str(order), "bits": sorted(promise.frame.bits), "unsaid": promise.unsaid}
        )
        return
    say(octets)
    for left_out in promise.unsaid:
        say(f"{label('left out')} {left_out}", err=True)
