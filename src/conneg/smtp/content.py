"""One message as a server takes it in, by DATA or in chunks; refused as soon as it is too large or breaks lines."""

from conneg.smtp import texts
from conneg.smtp.config import MAX_DISCARDED, ServerConfig
from conneg.smtp.data import ContentReader, NewlineCheck, NulDotCheck
from conneg.smtp.events import ContentChunk, ContentRefused
from conneg.smtp.reply import Reply


class ContentIntake:
    """Feed it the octets after 354; `refusal` is the reply that the final dot gets if the message is not taken.

    Content in chunks goes to `take_chunk`, and `end_chunks` follows the last one. `is_binary`: the message came
    with BODY=BINARYMIME, in which CR and LF are octets like any other (RFC 3030, 3).
    """

    __slots__ = ("_config", "_newlines", "_nul_dots", "_octets", "_reader", "refusal")

    def __init__(self, config: ServerConfig, *, is_binary: bool = False) -> None:
        self._config = config
        self._reader = ContentReader()
        is_checked = not is_binary and config.bare_newlines == "refuse"
        self._newlines = NewlineCheck() if is_checked else None
        self._nul_dots = NulDotCheck() if is_checked else None
        self._octets = 0
        self.refusal: Reply | None = None

    @property
    def is_endless(self) -> bool:
        """Whether more of a refused message has come than is worth reading."""
        return (
            self.refusal is not None and self._octets > self._config.max_message_octets + MAX_DISCARDED.value
        )

    def feed(self, data: bytes) -> tuple[ContentChunk | ContentRefused | None, bytes | None]:
        """Return the event for the content in `data`, if there is one, and what follows the final dot, if it came."""
        content, rest = self._reader.feed(data)
        return self._take(content) if content else None, rest

    def take_chunk(self, data: bytes) -> ContentChunk | ContentRefused | None:
        """Take octets of a chunk; return the event for them, if there is one."""
        if self._newlines is not None:
            self._newlines.feed(data[: self._room])
        return self._take(data)

    def end_chunks(self) -> ContentRefused | None:
        """The last chunk has come: content that ends with a bare CR is refused only now."""
        if self._newlines is None or self.refusal is not None or not self._newlines.ends_with_cr:
            return None
        self.refusal = texts.HIDES_AN_END
        return ContentRefused(self.refusal)

    @property
    def _room(self) -> int:
        return max(self._config.max_message_octets - self._octets, 0)

    def _has_bare_newlines(self, content: bytes) -> bool:
        """Whether such octets have come, and not behind the one that made the message too large."""
        if self._newlines is not None and self._newlines.found:
            return True
        if not self._reader.has_bare_newlines or len(content) <= self._room:
            return self._reader.has_bare_newlines
        check = NewlineCheck()
        check.feed(content[: self._room])
        return check.found

    def _take(self, content: bytes) -> ContentChunk | ContentRefused | None:
        if self.refusal is not None:
            self._octets += len(content)
            return None
        if self._nul_dots is not None:
            self._nul_dots.feed(content[: self._room])
        is_bare = self._config.bare_newlines == "refuse" and self._has_bare_newlines(content)
        self._octets += len(content)
        if is_bare or (self._nul_dots is not None and self._nul_dots.found):
            self.refusal = texts.HIDES_AN_END
        elif self._octets > self._config.max_message_octets:
            self.refusal = texts.too_large(self._config.max_message_octets)
        else:
            return ContentChunk(content)
        return ContentRefused(self.refusal)
