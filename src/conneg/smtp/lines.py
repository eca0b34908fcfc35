"""Command lines out of a stream of octets: a line ends with CRLF and with nothing else.

A bare CR or LF never ends a line. It makes the whole line up to the real CRLF a `BadLine`, since a peer that takes it
for a line end would see other commands in it (request smuggling).
"""

from enum import Enum

from conneg.bounds import Bound

MAX_COMMAND_LINE = Bound(
    name="smtp.command_line",
    value=4096,
    unit="octets in a command line, with CRLF",
    reason="512 by RFC 5321, 4.5.3.1.4; extensions add to it (DSN's ORCPT 500, NOTIFY 28, CONNEG 18, SMTPUTF8 10)",
    answer="500 5.5.2, once the line has ended; none of it is kept",
)


class BadLine(Enum):
    """A line that is no command line, whatever stands in it."""

    BARE = "bare CR or LF: a line ends with CRLF"
    LONG = "line too long"


class LineBuffer:
    """Octets received and not yet read, as lines or, by `take_all` and `put_back`, as content."""

    __slots__ = ("_at", "_data", "_discarding", "_scanned")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._scanned = 0
        self._discarding = False

    def __len__(self) -> int:
        return len(self._data) - self._at

    def receive(self, data: bytes) -> None:
        """Take octets from the peer."""
        if self._at < len(self._data):
            self._data = self._data[self._at :] + data
            self._scanned -= self._at
        else:
            self._data = data
            self._scanned = 0
        self._at = 0

    def next_line(self) -> bytes | BadLine | None:
        """Return the next line without its CRLF, what is wrong with it, or None for "more octets needed"."""
        data, at = self._data, self._at
        if at == len(data):
            return None
        end = data.find(b"\r\n", self._scanned if self._scanned > at else at)
        if end < 0:
            self._wait()
            return None
        self._at = self._scanned = end + 2
        if self._discarding:
            self._discarding = False
            return BadLine.LONG
        if end + 2 - at > MAX_COMMAND_LINE.value:
            return BadLine.LONG
        line = data[at:end]
        if b"\n" in line or b"\r" in line:
            return BadLine.BARE
        return line

    def peek(self, start: bytes) -> bool:
        """Whether the octets not yet read begin with `start`, in any letter case."""
        return self._data[self._at : self._at + len(start)].upper() == start

    def take_all(self) -> bytes:
        """Return everything that has not been read."""
        data = self._data[self._at :] if self._at else self._data
        self._data = b""
        self._at = self._scanned = 0
        return data

    def take(self, count: int) -> bytes:
        """Return at most `count` octets; the others are not copied."""
        at = self._at
        self._at = self._scanned = min(at + count, len(self._data))
        return self._data[at : self._at]

    def put_back(self, data: bytes) -> None:
        """Give back what `take_all` returned too much, before anything else is received."""
        self._data = data
        self._at = self._scanned = 0

    def _wait(self) -> None:
        """Remember how far the search went; drop what is longer than a line may be, but a CR that may begin CRLF."""
        ends_with_cr = self._data.endswith(b"\r")
        if self._discarding or len(self) > MAX_COMMAND_LINE.value:
            self._discarding = True
            self._data = b"\r" if ends_with_cr else b""
            self._at = self._scanned = 0
            return
        self._scanned = len(self._data) - ends_with_cr
