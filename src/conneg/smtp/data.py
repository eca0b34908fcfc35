"""The content after DATA: dot-stuffing taken off and put on, over any cuts of the stream (RFC 5321, 4.5.2).

Only CRLF.CRLF ends the content. A bare CR or LF never does, nor does it make a dot that follows it a stuffed one:
`LF.LF`, `CR.CR`, `LF.CRLF` and `CRLF.LF` are content like any other, and `ContentReader` says that it saw such octets.
"""

import re
from collections.abc import Iterable, Iterator

from conneg.errors import ConnegError

_END = b"\r\n.\r\n"


class BareNewlineError(ConnegError):
    """Content with a CR or LF that is not part of CRLF, which servers read in different ways: it is not sent."""


class ContentReader:
    """Takes the dots off one message; a new reader for each.

    `feed` returns the content octets and, once the final dot has come, what follows it. `has_bare_newlines` is set as
    soon as a bare CR or LF has been seen.
    """

    __slots__ = ("_held", "_starts_line", "has_bare_newlines")

    def __init__(self) -> None:
        # The CRLF of the DATA command counts as that of the first line: `.` CRLF alone is the empty message.
        self._starts_line = True
        self._held = b""
        self.has_bare_newlines = False

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Return (content, rest): `rest` is None until the final dot, then the octets after it."""
        if self._held:
            data = self._held + data
            self._held = b""
        content, rest = self._split(data)
        if content and not self.has_bare_newlines:
            pairs = content.count(b"\r\n")
            self.has_bare_newlines = content.count(b"\n") != pairs or content.count(b"\r") != pairs
        return content, rest

    def _split(self, data: bytes) -> tuple[bytes, bytes | None]:
        begin = 0
        pieces: list[bytes] = []
        if self._starts_line:
            if data[:1] == b".":
                if data[:3] == b".\r\n":
                    return b"", data[3:]
                if data in (b".", b".\r"):
                    self._held = data
                    return b"", None
                begin = 1
            elif not data:
                return b"", None
            self._starts_line = False
        at = begin
        while True:
            dot = data.find(b"\r\n.", at)
            if dot < 0:
                break
            follows = data[dot + 3 : dot + 5]
            if follows == b"\r\n":
                pieces.append(data[begin : dot + 2])
                return pieces[0] if len(pieces) == 1 else b"".join(pieces), data[dot + 5 :]
            if follows in (b"", b"\r"):  # cannot be told yet
                pieces.append(data[begin:dot])
                self._held = data[dot:]
                return b"".join(pieces), None
            pieces.append(data[begin : dot + 2])
            begin = at = dot + 3
        end = len(data)
        if data.endswith(b"\r\n") and end - 2 >= begin:
            end -= 2
        elif data.endswith(b"\r") and end - 1 >= begin:
            end -= 1
        self._held = data[end:]
        pieces.append(data[begin:end])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), None


class NewlineCheck:
    """Looks for a CR or LF that is not part of CRLF in octets cut anywhere; `ends_with_cr`: the last one may be one."""

    __slots__ = ("ends_with_cr", "found")

    def __init__(self) -> None:
        self.found = False
        self.ends_with_cr = False

    def feed(self, data: bytes) -> None:
        """Look at the next octets."""
        if self.found or not data:
            return
        if self.ends_with_cr:
            data = b"\r" + data
        self.ends_with_cr = data.endswith(b"\r")
        pairs = data.count(b"\r\n")
        self.found = data.count(b"\n") != pairs or data.count(b"\r") - self.ends_with_cr != pairs


class NulDotCheck:
    """Looks for a line of NULs and a dot behind the first of them, in octets cut anywhere.

    Dot-stuffing does not see that dot. A next hop that drops NUL before it looks at lines would see the final dot in
    it, and commands in what follows.
    """

    __slots__ = ("_tail", "found")

    def __init__(self) -> None:
        self.found = False
        self._tail = b"\r\n"
        """The end of what has come, as far as such a line may begin in it; a run of NULs as one."""

    def feed(self, data: bytes) -> None:
        """Look at the next octets."""
        if self.found or not data:
            return
        if b"\r\n" not in data or b"\0" in data or b"\0" in self._tail:
            data = self._tail + data
            self.found = _NUL_DOT.search(data) is not None
        last = data.rfind(b"\r\n")
        begun = _NUL_DOT_BEGUN.fullmatch(data, last) if last >= 0 else None
        if begun is not None:
            self._tail = _NULS.sub(b"\0", begun[0])
        else:
            self._tail = b"\r" if data.endswith(b"\r") else b""


_NUL_DOT = re.compile(rb"\r\n\0+\.\0*\r\n")
_NUL_DOT_BEGUN = re.compile(rb"\r\n(?:\0+(?:\.\0*)?)?\r?")
_NULS = re.compile(rb"\0+")


class ContentWriter:
    """Puts the dots on one message, chunk by chunk; `finish` returns the end.

    Refuses a bare CR or LF with `BareNewlineError` unless `bare_newlines` is "keep": a server that takes one for a line
    end would see the content end, and commands after it, where somebody else wrote them.
    """

    def __init__(self, *, bare_newlines: str = "refuse") -> None:
        self._refuses = bare_newlines != "keep"
        self._starts_line = True
        self._ends_with_cr = False

    def feed(self, chunk: bytes) -> bytes:
        """Return the octets to send for `chunk`."""
        if not chunk:
            return b""
        data = b"\r" + chunk if self._ends_with_cr else chunk
        self._ends_with_cr = data[-1:] == b"\r"
        if self._ends_with_cr:
            data = data[:-1]
        if self._refuses:
            check_newlines(data)
        if not data:
            return b""
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        if self._starts_line and data[:1] == b".":
            stuffed = b"." + stuffed
        self._starts_line = data[-2:] == b"\r\n"
        return stuffed

    def finish(self) -> bytes:
        """Return the final dot, with the CRLF before it that the content may lack (RFC 5321, 4.1.1.4)."""
        if self._ends_with_cr:
            if self._refuses:
                raise BareNewlineError("the content ends with a bare CR", hint="end its lines with CRLF")
            return b"\r\r\n.\r\n"
        return b".\r\n" if self._starts_line else b"\r\n.\r\n"


def check_newlines(content: bytes) -> None:
    """Raise `BareNewlineError` if `content` has a CR or LF that is not part of CRLF."""
    pairs = content.count(b"\r\n")
    if content.count(b"\n") != pairs or content.count(b"\r") != pairs:
        raise BareNewlineError(
            "the content has a bare CR or LF, which some servers take for a line end",
            hint="end its lines with CRLF",
        )


def write_content(content: bytes | Iterable[bytes], *, bare_newlines: str = "refuse") -> Iterator[bytes]:
    """Yield the octets that carry `content`, the final dot last. Raises `BareNewlineError`."""
    writer = ContentWriter(bare_newlines=bare_newlines)
    for chunk in (content,) if isinstance(content, bytes) else content:
        yield writer.feed(chunk)
    yield writer.finish()
