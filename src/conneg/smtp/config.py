"""How a server behaves in all its sessions (what it offers, what it refuses, its limits), and how a client does."""

import secrets
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property, lru_cache

from conneg.bounds import Bound
from conneg.smtp import conneg
from conneg.smtp.command import CommandRules
from conneg.smtp.extension import DEFAULT_EXTENSIONS, listing, parameters_of
from conneg.smtp.grammar import is_hello_name
from conneg.smtp.xclient import XCLIENT_ATTRIBUTES

PLAIN_TEXT_MECHANISMS = frozenset({"PLAIN", "LOGIN"})
"""Those that send the password as it is."""

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
MAX_AUTH_FAILURES = Bound(
    name="smtp.auth_failures",
    value=3,
    unit="failed authentications in a session",
    reason="who guesses passwords must come back for each few of them",
    answer="421 4.7.0 and the connection is closed",
)
MAX_IDLE_COMMANDS = Bound(
    name="smtp.idle_commands",
    value=200,
    unit="commands in a row that begin no transaction and send nothing (NOOP, RSET, VRFY, HELP, EHLO)",
    reason="a client has no need of them, and each costs a reply",
    answer="421 4.7.0 and the connection is closed",
)
MAX_REFUSED_RECIPIENTS = Bound(
    name="smtp.refused_recipients",
    value=100,
    unit="recipients of a session that are refused for good",
    reason="who tries names until one is taken is harvesting addresses",
    answer="421 4.7.0 and the connection is closed",
)
MAX_TRANSACTIONS = Bound(
    name="smtp.transactions",
    value=10_000,
    unit="transactions in a session",
    reason="a session that never ends keeps a place; clients read it in LIMITS (RFC 9422)",
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


@dataclass(frozen=True)
class ServerConfig:
    """How a server behaves in all its sessions.

    `hostname` stands in the greeting, `banner` after it. `extensions` is what EHLO lists besides CONNEG. `conneg` is
    "on", "off" or "ignorant" (`ConnegSupport`). `dialect` says what a bare `CONNEG` without argument means: "draft" and
    "both" take it as REQUIRED, "rfc4141" lets a recipient pass whose capabilities are not available. `bare_newlines`:
    "refuse" answers 554 5.6.0 to content with a CR or LF that is not part of CRLF, "keep" takes it as it is.
    `conneg_needs_tls`, `conneg_needs_auth`: until the connection is under TLS, and the client has proved who it is,
    CONNEG that is "on" counts as "off".

    `lmtp`: LHLO in place of EHLO, and a reply to the content for each recipient (RFC 2033). `auth`: the mechanisms that
    are offered; those that send a password in the clear only under TLS. `needs_tls`, `needs_auth`: what has to come
    before MAIL (530). `xclient`: the client is a proxy that may say for whom it speaks. `decoy_secret` makes up the
    salt of users that there are not, so that nobody can tell (`conneg.smtp.sasl`). Raises ValueError for other values.
    """

    hostname: str
    banner: str = "ESMTP conneg"
    extensions: frozenset[str] = DEFAULT_EXTENSIONS
    conneg: str = "on"
    conneg_needs_tls: bool = False
    conneg_needs_auth: bool = False
    lmtp: bool = False
    auth: tuple[str, ...] = ()
    needs_tls: bool = False
    needs_auth: bool = False
    xclient: bool = False
    decoy_secret: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)
    dialect: str = "draft"
    bare_newlines: str = "refuse"
    max_message_octets: int = MAX_MESSAGE.value
    max_recipients: int = MAX_RECIPIENTS.value
    max_errors: int = MAX_ERRORS.value
    max_auth_failures: int = MAX_AUTH_FAILURES.value
    max_idle_commands: int = MAX_IDLE_COMMANDS.value
    max_refused_recipients: int = MAX_REFUSED_RECIPIENTS.value
    max_transactions: int = MAX_TRANSACTIONS.value

    def __post_init__(self) -> None:
        ConnegSupport(self.conneg)
        if self.dialect not in ("draft", "rfc4141", "both"):
            raise ValueError(f"dialect is draft, rfc4141 or both, not {self.dialect!r}")
        if self.bare_newlines not in ("refuse", "keep"):
            raise ValueError(f"bare_newlines is refuse or keep, not {self.bare_newlines!r}")
        if not is_hello_name(self.hostname):
            raise ValueError(f"{self.hostname!r} is no host name")

    def under(self, *, is_secure: bool, is_authenticated: bool = False) -> "ServerConfig":
        """Return what holds with or without TLS, and before or after AUTH: what is offered then, and CONNEG's turn."""
        return _under(self, is_secure, is_authenticated)

    @cached_property
    def listed(self) -> tuple[str, ...]:
        """The lines of the reply to EHLO after the first."""
        return listing(
            self.offered,
            {
                "SIZE": str(self.max_message_octets),
                "AUTH": " ".join(self.auth),
                "LIMITS": f"RCPTMAX={self.max_recipients} MAILMAX={self.max_transactions}",
                "XCLIENT": " ".join(XCLIENT_ATTRIBUTES),
            },
        )

    @cached_property
    def offered(self) -> frozenset[str]:
        """The keywords that EHLO lists."""
        on = {conneg.KEYWORD: self.conneg == "on", "AUTH": bool(self.auth), "XCLIENT": self.xclient}
        return (self.extensions - set(on)) | {keyword for keyword, is_on in on.items() if is_on}

    @cached_property
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
            binary="BINARYMIME" in self.offered,
            conneg=self.conneg == "on",
            ignorant=ignorant,
            bare_is_optional=self.dialect == "rfc4141",
        )


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """How a client behaves.

    `dialect` says how CONNEG is written when the server does not list CONPERM (a server of RFC 4141 gets it bare in any
    case): "draft" with its argument; "both" bare for REQUIRED, which both documents know. `bare_newlines`: "refuse"
    raises for content with a CR or LF that is not part of CRLF, "keep" sends it. `chunking`: content goes by BDAT where
    the server takes it (RFC 3030). Raises ValueError for other values.
    """

    helo: str
    lmtp: bool = False
    dialect: str = "draft"
    bare_newlines: str = "refuse"
    chunking: bool = True

    def __post_init__(self) -> None:
        if not is_hello_name(self.helo) or not self.helo.isascii():
            raise ValueError(f"{self.helo!r} is no host name")
        if self.dialect not in ("draft", "both"):
            raise ValueError(f"dialect is draft or both, not {self.dialect!r}")
        if self.bare_newlines not in ("refuse", "keep"):
            raise ValueError(f"bare_newlines is refuse or keep, not {self.bare_newlines!r}")


@lru_cache(maxsize=256)
def _under(config: ServerConfig, is_secure: bool, is_authenticated: bool) -> ServerConfig:
    extensions, auth, conneg = config.extensions, config.auth, config.conneg
    if is_secure:
        extensions = extensions - {"STARTTLS"}
    else:
        extensions = extensions - {"REQUIRETLS"}  # RFC 8689, 2: only under TLS
        auth = tuple(name for name in auth if name not in PLAIN_TEXT_MECHANISMS)
    waits = (config.conneg_needs_tls and not is_secure) or (config.conneg_needs_auth and not is_authenticated)
    if waits and conneg == "on":
        conneg = "off"
    return replace(config, extensions=extensions, auth=auth, conneg=conneg)
