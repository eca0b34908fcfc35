"""One message as a server takes it in: the dots off, and refused as soon as it is too large or has bare newlines."""

from conneg.smtp import texts
from conneg.smtp.config import MAX_DISCARDED, ServerConfig
from conneg.smtp.data import ContentReader
from conneg.smtp.events import ContentChunk, ContentRefused
from conneg.smtp.reply import Reply


class ContentIntake:
    """Feed it the octets after 354; `refusal` is the reply that the final dot gets if the message is not taken."""

    __slots__ = ("_config", "_octets", "_reader", "refusal")

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._reader = ContentReader()
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

    def _take(self, content: bytes) -> ContentChunk | ContentRefused | None:
        self._octets += len(content)
        if self.refusal is not None:
            return None
        if self._reader.has_bare_newlines and self._config.bare_newlines == "refuse":
            self.refusal = texts.BARE_CONTENT
        elif self._octets > self._config.max_message_octets:
            self.refusal = texts.too_large(self._config.max_message_octets)
        else:
            return ContentChunk(content)
        return ContentRefused(self.refusal)
