"""T.30 frames from any octets: reads, describes, maps and writes them, or says why not; nothing else may happen."""

from conneg.errors import ConnegError
from conneg.features.t30 import (
    RFC2880,
    T30,
    BitOrder,
    Conventions,
    Frame,
    FrameKind,
    capability_of,
    describe_frame,
    frame_of,
    read_command,
    read_frame,
    write_command,
    write_frame,
)

_CONVENTIONS = (T30, RFC2880, T30._replace(has_large_paper=True, media=("stationery",)))


def fuzz_one(data: bytes) -> None:
    """Raise only for a bug. The first octet chooses kind, order and conventions; the rest is the frame."""
    control = data[0] if data else 0
    kind = list(FrameKind)[control % 3]
    order = list(BitOrder)[control // 3 % 2]
    given = _CONVENTIONS[control // 6 % 3]
    for whole in (None, True, False):
        try:
            frame = read_frame(data[1:], order, kind=kind if control & 0x80 else None, whole=whole)
        except ConnegError as error:
            _check_line(error)
            continue
        _check_octets(frame, order)
        assert len(describe_frame(frame, given)) == len(frame.bits)
        for read in (frame, frame._replace(kind=kind)):
            _check_meaning(read, given)


def _check_line(error: ConnegError) -> None:
    assert "\n" not in str(error)


def _check_octets(frame: Frame, order: BitOrder) -> None:
    again = read_frame(write_frame(frame, order), order, kind=frame.kind, whole=False)
    assert (again.kind, again.bits, again.notes) == (frame.kind, frame.bits, ())


def _check_meaning(frame: Frame, given: Conventions) -> None:
    if frame.kind is FrameKind.DCS:
        _check_command(frame, given)
        return
    found = capability_of(frame, given)
    made = frame_of(found.features, given, kind=frame.kind)
    again = capability_of(made.frame, given)
    assert again.features.equivalent(found.features)
    assert again.notes == ()


def _check_command(frame: Frame, given: Conventions) -> None:
    try:
        command = read_command(frame, given)
    except ConnegError as error:
        _check_line(error)
        return
    written = write_command(command.collection, command.left_to_data, given)
    assert read_command(written, given).collection == command.collection
