"""The content that a client sends: dots stuffed behind DATA (RFC 5321, 4.5.2), as it is behind BDAT (RFC 3030)."""

from conneg.smtp.data import BareNewlineError, ContentWriter, NewlineCheck


class OutgoingContent:
    """One message's content. But for BODY=BINARYMIME a CR or LF that is not part of CRLF is refused, or kept as it is.

    By either way content gets the CRLF at its end that it may lack, but for binary content. `has_failed`: a chunk was
    refused, so that no other may follow (RFC 3030, 2).
    """

    def __init__(self, bare_newlines: str, *, is_binary: bool = False) -> None:
        self.is_binary = is_binary
        self.has_failed = False
        self._writer = ContentWriter(bare_newlines=bare_newlines)
        self._check = NewlineCheck() if bare_newlines == "refuse" and not is_binary else None
        self._ends_line = True

    def stuffed(self, piece: bytes) -> bytes:
        """Return the octets for a piece behind 354. Raises `BareNewlineError`."""
        return self._writer.feed(piece)

    def finish(self) -> bytes:
        """Return the final dot, and what has to come before it. Raises `BareNewlineError`."""
        return self._writer.finish()

    def chunk(self, piece: bytes, *, is_last: bool) -> bytes:
        """Return the octets of a chunk. Raises `BareNewlineError`."""
        if self._check is not None:
            self._check.feed(piece)
            if self._check.found or (is_last and self._check.ends_with_cr):
                raise BareNewlineError("the content has a bare CR or LF", hint="end its lines with CRLF")
        if piece:
            self._ends_line = piece.endswith(b"\n")
        if is_last and not self.is_binary and not self._ends_line:
            return piece + b"\r\n"
        return piece
