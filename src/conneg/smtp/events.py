"""What a session core tells its driver; all frozen. `ServerEvent` and `ClientEvent` list them for `match`."""

from collections.abc import Mapping
from dataclasses import dataclass

from conneg.smtp.command import MailCommand, RcptCommand
from conneg.smtp.conneg import CapabilityRead, ConnegArgument
from conneg.smtp.reply import Reply
from conneg.smtp.sasl import KeysWanted, PasswordClaim


@dataclass(frozen=True, slots=True)
class Hello:
    """The client has said who it is; `esmtp` is False after HELO. Ends a transaction; the core has answered."""

    name: str
    esmtp: bool


@dataclass(frozen=True, slots=True)
class RcptBatch:
    """All RCPT commands that have come together; wants `answer_rcpts` with one answer for each."""

    commands: tuple[RcptCommand, ...]


@dataclass(frozen=True, slots=True)
class RcptAnswer:
    """The answer to one RCPT: its reply, and if that is positive and CONNEG was asked, the capability to report."""

    reply: Reply
    capability: str | None = None


@dataclass(frozen=True, slots=True)
class DataCommand:
    """DATA, or the first BDAT, may be answered: wants `accept_content` or `refuse_content`."""


@dataclass(frozen=True, slots=True)
class ContentChunk:
    """Octets of the content without their stuffed dots, never empty."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class ContentEnd:
    """All of the content has come; wants `answer_content`."""


@dataclass(frozen=True, slots=True)
class ContentRefused:
    """The content will not be taken: forget what has come. The core sends `reply` when the final dot has come."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class TransactionReset:
    """RSET: the transaction, if there was one, is over; the core has answered."""


@dataclass(frozen=True, slots=True)
class VrfyCommand:
    """VRFY; wants `answer_vrfy`."""

    argument: str


@dataclass(frozen=True, slots=True)
class StartTlsCommand:
    """STARTTLS has been answered with 220: send that, begin TLS, and call `secured`; read nothing in between."""


@dataclass(frozen=True, slots=True)
class XclientCommand:
    """A proxy says for whom it speaks; wants `answer_xclient`. Attribute -> value, "" for one not known."""

    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The client has proved to be `username`; the core has answered."""

    username: str


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """The session is over, by QUIT or by a 421; send what there is to send, then close."""


ServerEvent = (
    Hello
    | MailCommand
    | RcptBatch
    | DataCommand
    | ContentChunk
    | ContentEnd
    | ContentRefused
    | TransactionReset
    | VrfyCommand
    | StartTlsCommand
    | PasswordClaim
    | KeysWanted
    | Authenticated
    | XclientCommand
    | SessionEnd
)


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The server has greeted and answered EHLO (LHLO, HELO); `extensions` is keyword -> parameters' text."""

    greeting: Reply
    hello: Reply
    extensions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SessionRefused:
    """The server will not serve us: its greeting or its reply to HELO is negative."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class RcptResult:
    """How one recipient fared: the last `reply` given, and what its CONNEG lines said, if it had any.

    `asked` is how CONNEG was sent in the command that `reply` answers, None if it was not. The command was repeated
    if the server did not know CONNEG: `refusal` is what it said then. `is_local`: nothing was sent, as CONNEG=REQUIRED
    must not be sent to a server that does not list it (draft 4.2), and `reply` is our own 504.
    """

    request_path: str
    reply: Reply
    capability: CapabilityRead | None = None
    asked: ConnegArgument | None = None
    refusal: Reply | None = None
    is_local: bool = False

    @property
    def repeated(self) -> bool:
        """Whether the command was sent again in another form, because the server did not know CONNEG."""
        return self.refusal is not None


@dataclass(frozen=True, slots=True)
class TransactionOpened:
    """All replies to MAIL and RCPT have come; `rcpts` has one result a recipient, none if MAIL was refused."""

    mail: Reply
    rcpts: tuple[RcptResult, ...]


@dataclass(frozen=True, slots=True)
class DataAnswered:
    """The reply to DATA; after 354 the content may be sent."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class ChunkAnswered:
    """The reply to a chunk that was not the last one; after a negative one nothing but RSET may follow."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class AuthAnswered:
    """The last reply of an exchange that AUTH began."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class ContentAnswered:
    """The replies to the content: one, or in LMTP one for each accepted recipient in order (RFC 2033, 4.2)."""

    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """The reply to RSET, NOOP or QUIT."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class StartTlsAnswered:
    """The reply to STARTTLS; after 220 nothing may be sent or read before TLS is there and `secured` called."""

    reply: Reply


ClientEvent = (
    SessionReady
    | SessionRefused
    | TransactionOpened
    | DataAnswered
    | ChunkAnswered
    | ContentAnswered
    | AuthAnswered
    | CommandAnswered
    | StartTlsAnswered
)
