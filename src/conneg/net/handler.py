"""What a server is made of: the `SmtpHandler` that a listener asks, and the values that it is given."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from conneg.net.tls import TlsChannel
from conneg.smtp import MailCommand, RcptAnswer, RcptCommand, Reply


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
    the connection is under, None without TLS.
    """

    __slots__ = ("esmtp", "helo", "peer", "recipients", "state", "tls", "transaction")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.helo: str | None = None
        self.esmtp = False
        self.tls: TlsChannel | None = None
        self.recipients: list[str] = []
        self.transaction: Any = None
        self.state: dict[str, Any] = {}


class MessageSink(Protocol):
    """Where a message's octets go; for each message exactly one of `finish` and `abort` is called at last.

    If `finish` raises, the client gets 451 and `abort` is called too.
    """

    def write(self, chunk: bytes) -> Awaitable[None] | None:
        """Take octets, without stuffed dots. An awaitable means "no more until this is done"."""

    def finish(self) -> Awaitable[Reply] | Reply:
        """All octets have come. A positive reply means that the message is accepted: durable, or wherever it goes."""

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
    ) -> Awaitable[Sequence[RcptAnswer]] | Sequence[RcptAnswer]:
        """Answer all RCPT commands that came together, one answer each in order."""

    def data(self, session: SessionInfo) -> Awaitable[MessageSink | Reply] | MessageSink | Reply:
        """Return where the content goes, or a negative reply to DATA."""

    def reset(self, session: SessionInfo) -> Awaitable[None] | None:
        """The client has ended the transaction; `session.transaction` is still what it was."""

    def disconnect(self, session: SessionInfo) -> Awaitable[None] | None:
        """The session is over, with or without QUIT; not called when `connect` refused it."""

    def vrfy(self, session: SessionInfo, argument: str) -> Awaitable[Reply] | Reply:
        """Answer VRFY."""
