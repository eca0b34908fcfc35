"""What the clients' adapters take and give: options of MAIL, classes of recipients, results; and replies read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from conneg.features import FeatureSet, feature_set
from conneg.negotiation import Capability, RcptPolicy, is_accepted
from conneg.smtp import ConnegArgument, RcptRequest, Reply, read_reply_lines


@dataclass(frozen=True, slots=True)
class MailOptions:
    """What MAIL says beside the reverse-path, as far as the server lists the extension, and a policy for RCPT.

    `ret` is FULL or HDRS and `envid` xtext (RFC 3461, 4.3 and 4.4). `smtputf8`: the header has UTF-8 (RFC 6531);
    addresses outside ASCII imply it. SIZE and BODY follow from the content. `policy`: what follows where the server
    does not know CONNEG=REQUIRED, or answers CONNEG with what is no capability; by "baseline" and "original" alike the
    recipient is in the class of which nothing is known.
    """

    ret: str | None = None
    envid: str | None = None
    smtputf8: bool = False
    policy: RcptPolicy = field(default_factory=RcptPolicy)


@dataclass(frozen=True, slots=True)
class RecipientClass:
    """Accepted recipients whose capabilities mean the same; `capability` is None where nothing is known of them."""

    recipients: tuple[str, ...]
    capability: Capability | None

    @property
    def expression(self) -> str | None:
        """The capability as the server wrote it (RFC 2533)."""
        return None if self.capability is None else self.capability.expression

    def accepts(self, features: str | FeatureSet, octets: int | None = None) -> bool:
        """Whether content that `features` describes is accepted as it is; True where nothing is known.

        Raises `conneg.features.FeatureSyntaxError` for text that is no expression.
        """
        if self.capability is None:
            return True
        described = feature_set(features) if isinstance(features, str) else features
        return is_accepted(described, self.capability.features, octets)


class RecipientOutcome(StrEnum):
    """What became of one recipient."""

    SENT = "sent"
    """The server has taken the content for it."""
    REFUSED = "refused"
    """It will never do: a permanent negative reply, or what the draft makes of the server's silence."""
    DEFERRED = "deferred"
    """It may do later: a transient negative reply, or the session ended before the content was sent."""
    NOT_CHOSEN = "not chosen"
    """`choose` gave no content for its class."""
    IN_DOUBT = "in doubt"
    """The content was sent and the connection lost before the reply: to send again may make a duplicate."""


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """How one recipient fared.

    `reply` is what settled it, None if no content was chosen; `is_local` says that no server gave it. `capability` is
    what the server announced, None if nothing that can be used.
    """

    request: RcptRequest
    outcome: RecipientOutcome
    reply: Reply | None
    capability: Capability | None = None
    is_local: bool = False

    @property
    def is_sent(self) -> bool:
        """Whether the server has taken the content for this recipient."""
        return self.outcome is RecipientOutcome.SENT


def requests_of(recipients: Sequence[str | RcptRequest], conneg: ConnegArgument) -> list[RcptRequest]:
    """Return a request for each recipient; `conneg` is how those are asked that are given as text."""
    return [RcptRequest(one, conneg) if isinstance(one, str) else one for one in recipients]


def as_reply(code: int, text: str | bytes) -> Reply:
    """Return the reply that a library gave as its code and its lines. Raises `conneg.smtp.RemoteProtocolError`."""
    octets = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    lines = octets.decode("utf-8", "replace").split("\n")
    last = len(lines) - 1
    return read_reply_lines([f"{code}{'-' if at < last else ' '}{line}" for at, line in enumerate(lines)])
