"""How a server behaves in all its sessions: what it offers, what it refuses, and its limits."""

from dataclasses import dataclass, replace
from enum import Enum

from conneg.bounds import Bound
from conneg.smtp import conneg
from conneg.smtp.command import CommandRules
from conneg.smtp.extension import DEFAULT_EXTENSIONS, parameters_of
from conneg.smtp.grammar import is_hello_name

MAX_MESSAGE = Bound(
    name="smtp.message",
    value=50 * 1024 * 1024,
    unit="octets in a message",
    reason="an uncompressed scan of some pages must go through, and memory must not",
    answer="552 5.3.4, to MAIL if SIZE says so, else to the content",
)
MAX_RECIPIENTS = Bound(
    name="smtp.recipients",
    value=1000,
    unit="recipients in a transaction",
    reason="RFC 5321, 4.5.3.1.8 asks for at least 100",
    answer="452 4.5.3",
)
MAX_ERRORS = Bound(
    name="smtp.errors",
    value=20,
    unit="commands in a session that are wrong",
    reason="a client that goes on is no SMTP client, or means harm",
    answer="421 4.7.0 and the connection is closed",
)
MAX_DISCARDED = Bound(
    name="smtp.discarded",
    value=64 * 1024 * 1024,
    unit="octets read of a message that has been refused, beyond the size that a message may have",
    reason="552 and 554 can be said only after the final dot",
    answer="421 4.3.0 and the connection is closed",
)


class ConnegSupport(Enum):
    """What a server does about CONNEG."""

    ON = "on"
    """EHLO lists it."""
    OFF = "off"
    """EHLO does not; REQUIRED draws 504, OPTIONAL is taken as absent (draft 4.1)."""
    IGNORANT = "ignorant"
    """The server has never heard of it: 555, as from most servers there are."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How a server behaves in all its sessions.

    `hostname` stands in the greeting, `banner` after it. `extensions` is what EHLO lists besides CONNEG. `conneg` is
    "on", "off" or "ignorant" (`ConnegSupport`). `dialect` says what a bare `CONNEG` without argument means: "draft" and
    "both" take it as REQUIRED, "rfc4141" lets a recipient pass whose capabilities are not available. `bare_newlines`:
    "refuse" answers 554 5.6.0 to content with a CR or LF that is not part of CRLF, "keep" takes it as it is.
    `conneg_needs_tls`: until the connection is under TLS, CONNEG that is "on" counts as "off". Raises ValueError for
    other values.
    """

    hostname: str
    banner: str = "ESMTP conneg"
    extensions: frozenset[str] = DEFAULT_EXTENSIONS
    conneg: str = "on"
    conneg_needs_tls: bool = False
    dialect: str = "draft"
    bare_newlines: str = "refuse"
    max_message_octets: int = MAX_MESSAGE.value
    max_recipients: int = MAX_RECIPIENTS.value
    max_errors: int = MAX_ERRORS.value

    def __post_init__(self) -> None:
        ConnegSupport(self.conneg)
        if self.dialect not in ("draft", "rfc4141", "both"):
            raise ValueError(f"dialect is draft, rfc4141 or both, not {self.dialect!r}")
        if self.bare_newlines not in ("refuse", "keep"):
            raise ValueError(f"bare_newlines is refuse or keep, not {self.bare_newlines!r}")
        if not is_hello_name(self.hostname):
            raise ValueError(f"{self.hostname!r} is no host name")

    def under(self, *, is_secure: bool) -> "ServerConfig":
        """Return what holds with or without TLS: STARTTLS is not offered again, and CONNEG may have to wait for it."""
        if is_secure:
            return replace(self, extensions=self.extensions - {"STARTTLS"})
        if self.conneg_needs_tls and self.conneg == "on":
            return replace(self, conneg="off")
        return self

    @property
    def offered(self) -> frozenset[str]:
        """The keywords that EHLO lists."""
        return (
            self.extensions | {conneg.KEYWORD} if self.conneg == "on" else self.extensions - {conneg.KEYWORD}
        )

    @property
    def rules(self) -> CommandRules:
        """What MAIL and RCPT may carry."""
        ignorant = self.conneg == "ignorant"
        known = frozenset() if ignorant else frozenset({conneg.KEYWORD})
        refused = (
            frozenset() if ignorant else frozenset({"CONPERM", conneg.KEYWORD})
        )  # with codes of their own
        return CommandRules(
            mail_parameters=parameters_of(self.offered, "MAIL") | refused,
            rcpt_parameters=parameters_of(self.offered, "RCPT") | known,
            max_message_octets=self.max_message_octets,
            conneg=self.conneg == "on",
            ignorant=ignorant,
            bare_is_optional=self.dialect == "rfc4141",
        )
