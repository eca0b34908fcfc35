"""One message on its way from a client into the spool."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from conneg.errors import ConnegError
from conneg.mail.submission import ends_header, missing_fields
from conneg.mail.trace import HEAD_OCTETS
from conneg.smtp import Reply
from conneg.spool import Incoming


class Reception:
    """Takes one message's octets into the spool; remembers its header to count the hops it has made.

    Of a message that is submitted the header is held back until it has come whole, and completed then. What comes after
    octets that could not be kept is forgotten: a client can be answered only when it has sent all of them.
    """

    def __init__(
        self,
        incoming: Incoming,
        finish: Callable[[bytes], Awaitable[Reply]],
        refuse: Callable[[BaseException], Reply],
        *,
        completed_for: str | None = None,
        hearing: Sequence[Callable[[bytes], None]] = (),
    ) -> None:
        """`finish` makes the message durable, given its beginning, and `refuse` says that it cannot be kept.

        `completed_for`: the host in the Message-ID of a message that has none; None to add nothing. `hearing` are told
        the beginning of the message once it is accepted.
        """
        self._incoming = incoming
        self._finish = finish
        self._refuse = refuse
        self._hearing = hearing
        self._completed_for = completed_for
        self._head = bytearray()
        self._is_held = completed_for is not None
        self._refusal: Reply | None = None

    def write(self, chunk: bytes) -> None:
        """Keep octets."""
        if self._refusal is None:
            self._guarded(lambda: self._write(chunk))

    def _write(self, chunk: bytes) -> None:
        before = len(self._head)
        if before == 0 and chunk[:1] in (b" ", b"\t"):
            # the line would go on in the Received field in front of it (RFC 5322, 2.2.3): there is no header
            self._incoming.write(b"\r\n")
        if before < HEAD_OCTETS:
            self._head += chunk[: HEAD_OCTETS - before]
        if not self._is_held:
            self._incoming.write(chunk)
        elif len(self._head) >= HEAD_OCTETS or ends_header(self._head, max(0, before - 1)):
            kept = len(self._head) - before
            self._let_go()
            self._incoming.write(chunk[kept:])

    async def finish(self) -> Reply:
        """All octets have come: make them durable, and say so."""
        if self._is_held and self._refusal is None:
            self._guarded(self._let_go)
        if self._refusal is not None:
            return self._refusal
        head = bytes(self._head)
        reply = await self._finish(head)
        if reply.is_positive:
            for hear in self._hearing:
                hear(head)
        return reply

    def abort(self) -> None:
        """Forget the message."""
        self._incoming.abort()

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (ConnegError, OSError) as error:
            self._incoming.abort()
            self._refusal = self._refuse(error)

    def _let_go(self) -> None:
        """Write what was held back, and in front of it what was missing."""
        self._is_held = False
        head = bytes(self._head)
        message_id = f"<{uuid.uuid4()}@{self._completed_for}>"
        self._incoming.write(missing_fields(head, date=datetime.now(UTC), message_id=message_id))
        self._incoming.write(head)
