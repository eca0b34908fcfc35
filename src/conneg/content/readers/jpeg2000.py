"""What a JPEG 2000 file says of its samples, read from its SIZ marker segment (T.800, A.5.1).

Needed because Pillow (13.0) turns samples of other than eight bits into octets by shifting them: white of sixteen
bits comes out black, white of two bits grey. Only a single component of more than eight bits comes out right.
"""

from pathlib import Path

from conneg.content.errors import ContentRefusedError

_LOOKED_AT = 1 << 20
"""Octets in which the codestream must begin: what stands before it are profiles and metadata."""

_CODESTREAM = b"\xff\x4f\xff\x51"
_COMPONENTS = 40
"""Where the number of components stands, from the beginning of the codestream; after it three octets for each."""


def check_samples(path: Path, label: str) -> None:
    """Raise ContentRefusedError where Pillow would not give the samples that the file has."""
    with path.open("rb") as file:
        head = file.read(_LOOKED_AT)
    start = head.find(_CODESTREAM)
    if start < 0:
        raise ContentRefusedError(f"{label}: a JPEG 2000 file without a codestream")
    place = start + _COMPONENTS
    components = int.from_bytes(head[place : place + 2], "big")
    depths = {(octet & 0x7F) + 1 for octet in head[place + 2 : place + 2 + 3 * components : 3]}
    if depths != {8} and not (components == 1 and min(depths, default=0) > 8):
        bits = ", ".join(map(str, sorted(depths)))
        raise ContentRefusedError(f"{label}: JPEG 2000 with samples of {bits} bits is not read")
