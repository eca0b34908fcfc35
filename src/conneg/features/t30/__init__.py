"""T.30 frames and media feature sets: what a fax machine says of itself, and back (RFC 2880).

`read_frame` and `write_frame` deal with octets; `capability_of` turns DIS or DTC into a feature set, `frame_of` a
feature set into a frame; `read_command` and `write_command` do the same for DCS and one feature collection;
`describe_frame` tells what each bit says. `Conventions` hold what T.30 leaves open.
"""

from conneg.features.t30.bits import BITS, MEDIA_BITS, Bit
from conneg.features.t30.capability import Capability, capability_of
from conneg.features.t30.command import Command, read_command
from conneg.features.t30.composing import write_command
from conneg.features.t30.conventions import RFC2880, T30, Conventions, MrcOrder
from conneg.features.t30.description import BitRow, describe_frame
from conneg.features.t30.frame import BitOrder, Frame, FrameKind, Note, make_frame, read_frame, write_frame
from conneg.features.t30.promise import Promise, frame_of

__all__ = [
    "BITS",
    "MEDIA_BITS",
    "RFC2880",
    "T30",
    "Bit",
    "BitOrder",
    "BitRow",
    "Capability",
    "Command",
    "Conventions",
    "Frame",
    "FrameKind",
    "MrcOrder",
    "Note",
    "Promise",
    "capability_of",
    "describe_frame",
    "frame_of",
    "make_frame",
    "read_command",
    "read_frame",
    "write_command",
    "write_frame",
]
