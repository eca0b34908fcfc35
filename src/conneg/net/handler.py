"""What a server is made of: the `SmtpHandler` that a listener asks, and the values that it is given."""

from collections.abc import AsyncIterator, Awaitable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from conneg.net.tls import TlsChannel
from conneg.smtp import MailCommand, RcptAnswer, RcptCommand, Reply, ScramKeys


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, as its address and port say."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class SessionInfo:
    """What a handler may know of a session, and two places for what it wants to keep.

    `transaction` is the handler's; the listener sets it to None when a transaction is over. `state` is the handler's
    for the whole session. `recipients` are the forward-paths that the session has accepted in this transaction: what
    counts where a positive answer could not be sent (CONNEG=REQUIRED and no capability that can be). `tls` says what
    the connection is under, None without TLS; `username` who the client has proved to be, None if nobody.
    """

    __slots__ = ("esmtp", "helo", "peer", "recipients", "state", "tls", "transaction", "username")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.helo: str | None = None
        self.esmtp = False
        self.tls: TlsChannel | None = None
        self.username: str | None = None
        self.recipients: list[str] = []
        self.transaction: Any = None
        self.state: dict[str, Any] = {}


class MessageSink(Protocol):
    """Where a message's octets go; for each message exactly one of `finish` and `abort` is called at last.

    If `finish` raises, the client gets 451 and `abort` is called too.
    """

    def write(self, chunk: bytes) -> Awaitable[None] | None:
        """Take octets, without stuffed dots. An awaitable means "no more until this is done"."""

    def finish(self) -> Awaitable[Reply | Sequence[Reply]] | Reply | Sequence[Reply]:
        """All octets have come. A positive reply means that the message is accepted: durable, or wherever it goes.

        In LMTP there may be a reply for each accepted recipient, in order (RFC 2033, 4.2); one counts for all.
        """

    def abort(self) -> None:
        """The message will not be accepted: forget it."""


class SmtpHandler(Protocol):
    """Who answers. Every method may be a coroutine function, or return its value plainly, which costs no task.

    One session calls one method at a time. An exception becomes 451 4.3.0 and is reported to the event loop's exception
    handler; a method that takes long should have its own deadline, well below the five minutes that clients wait.
    """

    def connect(self, peer: Peer) -> Awaitable[Reply | None] | Reply | None:
        """Return None to greet as usual; a reply is sent instead of the greeting, and the connection closed."""

    def mail(self, session: SessionInfo, command: MailCommand) -> Awaitable[Reply] | Reply:
        """Answer MAIL."""

    def rcpt(
        self, session: SessionInfo, commands: Sequence[RcptCommand]
    ) -> Awaitable[Sequence[RcptAnswer]] | Sequence[RcptAnswer] | AsyncIterator[RcptAnswer]:
        """Answer all RCPT commands that came together, one answer each in order.

        An async iterator gives them one by one: each leaves at once, and a late one holds up only those behind it.
        """

    def data(self, session: SessionInfo) -> Awaitable[MessageSink | Reply] | MessageSink | Reply:
        """Return where the content goes, or a negative reply to DATA."""

    def reset(self, session: SessionInfo) -> Awaitable[None] | None:
        """The client has ended the transaction; `session.transaction` is still what it was."""

    def disconnect(self, session: SessionInfo) -> Awaitable[None] | None:
        """The session is over, with or without QUIT; not called when `connect` refused it."""

    def vrfy(self, session: SessionInfo, argument: str) -> Awaitable[Reply] | Reply:
        """Answer VRFY."""


class Authenticator(Protocol):
    """Who knows the users. `conneg.errors.TemporaryError` means that it cannot be told now: the client gets 454."""

    @property
    def mechanisms(self) -> Collection[str]:
        """Those of `conneg.smtp.sasl.MECHANISMS` that can be offered."""

    async def check_password(self, username: str, password: str) -> bool:
        """Say whether that is the user's password; as long for a user that there is not."""

    async def scram_keys(self, username: str) -> ScramKeys | None:
        """Return the user's keys for SCRAM-SHA-256, None if there is no such user."""
