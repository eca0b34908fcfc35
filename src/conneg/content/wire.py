"""How a worker and its parent talk: four octets of length, most significant first, then JSON. One value a
message.

The reader of a worker's messages does not trust it: a length above the bound is an error, never an
allocation.
"""

import json
import struct
from typing import Any, BinaryIO

from conneg.bounds import Bound

_LENGTH = struct.Struct(">I")
LENGTH_OCTETS = _LENGTH.size

MAX_MESSAGE = Bound(
    name="content.worker-message",
    value=16 << 20,
    unit="octets",
    reason="an inspection of five hundred pages has 150 kB",
    answer="the worker is replaced and the call raises ContentRefusedError",
)


def encode(value: dict[str, Any]) -> bytes:
    """Return one message."""
    body = json.dumps(value, separators=(",", ":")).encode()
    MAX_MESSAGE.check(len(body), "a message between worker and parent")
    return _LENGTH.pack(len(body)) + body


def body_length(head: bytes) -> int:
    """Return how many octets follow `head`; raises BoundExceededError."""
    (length,) = _LENGTH.unpack(head)
    MAX_MESSAGE.check(length, "a message between worker and parent")
    return int(length)


def decode(body: bytes) -> dict[str, Any]:
    """Return the value of a message; raises ValueError when it is no JSON object."""
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("a message that is no object")
    return value


def read_message(stream: BinaryIO) -> dict[str, Any] | None:
    """Return the next message, or None where the stream ends."""
    head = stream.read(LENGTH_OCTETS)
    if len(head) < LENGTH_OCTETS:
        return None
    length = body_length(head)
    body = stream.read(length)
    return decode(body) if len(body) == length else None


def write_message(stream: BinaryIO, value: dict[str, Any]) -> None:
    """Write one message and flush."""
    stream.write(encode(value))
    stream.flush()
