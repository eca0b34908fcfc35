"""Which octets a request wants (RFC 9110, 14): the value of a Range field in, a span out. Pure."""

import re
from dataclasses import dataclass

from conneg.errors import ConnegError

_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{1,18})?-([0-9]{1,18})?[ \t]*", re.IGNORECASE)


class UnsatisfiableRangeError(ConnegError):
    """A range outside the content: 416 (RFC 9110, 15.5.17)."""


@dataclass(frozen=True, slots=True)
class Span:
    """The octets from `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def octets(self) -> int:
        """How many they are."""
        return self.end - self.start

    def content_range(self, complete: int) -> str:
        """Return the value of Content-Range for a content of `complete` octets (RFC 9110, 14.4)."""
        return f"bytes {self.start}-{self.end - 1}/{complete}"


def read_range(value: str | None, octets: int) -> Span | None:
    """Return the span of a content of so many octets that a Range field asks for; None for the whole.

    Whatever is no single range of bytes is ignored, as a server may (14.2): nobody who downloads a file needs several.
    Raises `UnsatisfiableRangeError`.
    """
    found = _ONE_RANGE.fullmatch(value or "")
    if found is None:
        return None
    first, last = (None if text is None else int(text) for text in found.groups())
    if first is None:
        return None if last is None else _suffix(last, octets)
    if last is not None and last < first:
        return None  # invalid, and so ignored (14.1.1)
    if first >= octets:
        raise UnsatisfiableRangeError(f"the content has {octets} octets")
    return Span(first, octets if last is None else min(last + 1, octets))


def _suffix(length: int, octets: int) -> Span | None:
    """suffix-range = "-" suffix-length        ; RFC 9110, 14.1.2."""
    if length == 0:
        raise UnsatisfiableRangeError("the last 0 octets")
    return Span(max(0, octets - length), octets) if octets else None
