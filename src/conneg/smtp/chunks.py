"""BDAT on the server's side (RFC 3030): how much of the present chunk is still to come, and what became of it."""

from conneg.smtp import texts
from conneg.smtp.config import MAX_DISCARDED
from conneg.smtp.grammar import words_of
from conneg.smtp.lines import LineBuffer
from conneg.smtp.reply import Reply


def read_bdat(argument: str) -> tuple[int, bool] | None:
    """bdat-cmd = "BDAT" SP chunk-size [ SP "LAST" ] ; RFC 3030, 2: the octets, and whether it is the last chunk."""
    words = words_of(argument)
    if not 1 <= len(words) <= 2 or (len(words) == 2 and words[1].upper() != "LAST"):
        return None
    size = words[0]
    if not (size.isascii() and size.isdigit() and len(size) <= 20):
        return None
    return int(size), len(words) == 2


class Chunks:
    """The chunks of one message, one after the other.

    `is_open`: a chunk has begun and its end has not been answered; `left` of its `size` octets are still to come. A
    chunk that is refused is read all the same, and `refusal` said at its end; `has_failed`: no more chunks of this
    message can be taken.
    """

    __slots__ = ("has_failed", "is_last", "is_open", "is_refused", "left", "refusal", "size")

    def __init__(self) -> None:
        self.has_failed = self.is_last = self.is_open = self.is_refused = False
        self.left = self.size = 0
        self.refusal = texts.BDAT_FAILED

    def begin(self, size: int, is_last: bool) -> None:
        """A BDAT command has come."""
        self.size = self.left = size
        self.is_last, self.is_open, self.is_refused = is_last, True, False

    def refuse(self, reply: Reply) -> None:
        """Read the present chunk without keeping it, and say `reply` at its end."""
        self.is_refused = self.has_failed = True
        self.refusal = reply

    def take(self, lines: LineBuffer) -> bytes:
        """Return what of the octets in `lines` belongs to the chunk; what follows it stays there."""
        octets = lines.take(self.left)
        self.left -= len(octets)
        return octets

    def is_endless(self, max_message_octets: int) -> bool:
        """Whether more is still to come of the chunk than is worth reading."""
        return self.left > max_message_octets + MAX_DISCARDED.value
