"""The tables of the gateway's configuration, one class each: their keys, their defaults, and what a value may be."""

import re
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from conneg.accounts import DEFAULT_QUERY
from conneg.errors import ConnegError
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.networks import LOOPBACK, Network
from conneg.mail import AddressError, parse_mailbox
from conneg.negotiation import LOSSES, Loss, OnNotSupported, OnUnreadable, Provenance, read_capability
from conneg.net.listener import CONNECTIONS_PER_MINUTE, DATA_SECONDS, MESSAGE_SECONDS
from conneg.smtp.config import (
    MAX_AUTH_FAILURES,
    MAX_ERRORS,
    MAX_IDLE_COMMANDS,
    MAX_REFUSED_RECIPIENTS,
    MAX_TRANSACTIONS,
)


def _endpoint(text: str) -> str:
    Endpoint.parse(text)
    return text


def _domain(text: str) -> str:
    if not re.fullmatch(r"(\*\.)?[a-z0-9_\-.\u0080-\uffff]+|\[(ipv6:)?[0-9a-f:.]+\]|\*", text.lower()):
        raise ValueError(f"{text!r} is not a domain (write example.org, *.example.org or *)")
    return text.lower()


def _address(text: str) -> str:
    try:
        parse_mailbox(text)
    except AddressError as error:
        raise ValueError(str(error)) from error
    return text


def _capability(text: str) -> str:
    if text != AS_IS:
        try:
            read_capability(text, Provenance.BASELINE, "configuration")
        except ConnegError as error:
            raise ValueError(str(error)) from error
    return text


def lower_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Check addresses and domains; addresses are compared without regard to case."""
    for pattern in patterns:
        _domain(pattern.rpartition("@")[2])
    return tuple(pattern.lower() for pattern in patterns)


AS_IS = "as-is"
"""The baseline that changes nothing: what a recipient of whom nothing is known gets is the message as it came."""

StrategyName = Literal["single", "common", "batch", "auto"]
"""The ways to several recipients (draft, Appendix A)."""

EndpointText = Annotated[str, AfterValidator(_endpoint)]
AddressText = Annotated[str, AfterValidator(_address)]
DomainText = Annotated[str, AfterValidator(_domain)]
CapabilityText = Annotated[str, AfterValidator(_capability)]


class Section(BaseModel):
    """A table: every key that is not known is a mistake, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSection(Section):
    """`[server]`: where the gateway listens and what it takes from one client.

    On `listen` STARTTLS is offered if there is a certificate; on `listen_tls` connections begin with TLS. `receivers`:
    how many processes accept mail beside the serving one; with 0 that one does it.
    """

    hostname: str = "localhost"
    listen: tuple[EndpointText, ...] = ("127.0.0.1:2525",)
    listen_tls: tuple[EndpointText, ...] = ()
    max_message_octets: int = Field(default=52_428_800, ge=65_536)
    max_recipients: int = Field(default=1000, ge=100)
    max_connections: int = Field(default=500, ge=1)
    max_connections_per_peer: int = Field(default=100, ge=1)
    command_seconds: float = Field(default=300, gt=0)
    stop_within_seconds: float = Field(default=30, ge=0)
    receivers: int = Field(default=0, ge=0, le=64)


class ListenerSection(Section):
    """`[[listener]]`: one more place to listen, and what is special there.

    `role`: "relay" takes what `[server] listen` takes; "delivery" takes mail for the configured destinations only,
    whoever sends it; "submission" takes mail from users who have proved who they are, and completes it (RFC 6409).
    `auth`: whether users may do so; left out, that is where the role is "submission".

    `tls`: "starttls" offers it where there is a certificate, "required" takes no mail without it, "implicit" begins
    with it, "off" does not offer it. `proxy_networks`: clients that begin with a header of the PROXY protocol;
    `xclient_networks`: those that may say by XCLIENT for whom they speak.
    """

    listen: EndpointText
    role: Literal["relay", "delivery", "submission"] = "relay"
    protocol: Literal["smtp", "lmtp"] = "smtp"
    tls: Literal["off", "starttls", "required", "implicit"] = "starttls"
    auth: bool | None = None
    proxy_networks: tuple[Network, ...] = ()
    xclient_networks: tuple[Network, ...] = ()

    @property
    def takes_auth(self) -> bool:
        """Whether users may prove here who they are."""
        return self.role == "submission" if self.auth is None else self.auth

    @model_validator(mode="after")
    def _has_users(self) -> "ListenerSection":
        if self.role == "submission" and not self.takes_auth:
            raise ValueError('role = "submission" is for users, so auth cannot be false')
        return self


class AccountsSection(Section):
    """`[accounts]`: who the users are: in a `file` that `conneg account` writes, or in a database.

    `sql` is its address in SQLAlchemy's form; `query` finds the columns `argon2` and `scram` of `:username`.
    `mechanisms`: what is offered; PLAIN and LOGIN only under TLS, whatever stands here.
    """

    file: Path | None = None
    sql: str | None = None
    query: str = DEFAULT_QUERY
    seconds: float = Field(default=5, gt=0, le=60)
    mechanisms: tuple[Literal["SCRAM-SHA-256", "PLAIN", "LOGIN"], ...] = Field(
        default=("SCRAM-SHA-256", "PLAIN", "LOGIN"), min_length=1
    )

    @model_validator(mode="after")
    def _one_place(self) -> "AccountsSection":
        if (self.file is None) == (self.sql is None):
            raise ValueError("write either file or sql")
        if ":username" not in self.query:
            raise ValueError("query has no :username in it")
        return self


class LimitsSection(Section):
    """`[limits]`: how much of what leads nowhere one client may do; what is beyond it draws 421 (docs/security.md).

    `errors`, `auth_failures`, `idle_commands`, `refused_recipients` and `transactions` are those of a session;
    `data_seconds` those between octets of a message, `message_seconds` those of all of it.
    """

    errors: int = Field(default=MAX_ERRORS.value, ge=1)
    auth_failures: int = Field(default=MAX_AUTH_FAILURES.value, ge=1)
    idle_commands: int = Field(default=MAX_IDLE_COMMANDS.value, ge=10)
    refused_recipients: int = Field(default=MAX_REFUSED_RECIPIENTS.value, ge=1)
    transactions: int = Field(default=MAX_TRANSACTIONS.value, ge=1)
    connections_per_minute: int = Field(default=CONNECTIONS_PER_MINUTE.value, ge=1)
    data_seconds: float = Field(default=DATA_SECONDS.value, gt=0)
    message_seconds: float = Field(default=MESSAGE_SECONDS.value, gt=0)


class DisclosureSection(Section):
    """`[[disclosure]]`: who may be told what recipients can take; the first rule that fits holds, else nobody.

    `recipients`: addresses or domains. `networks`, `tls`, `authenticated`: what the client must be, where said. `tags`:
    "all", "none", or those of the capability that are shown; what is left out is not limited for the client, and the
    gateway converts what then comes.
    """

    recipients: tuple[str, ...] = ("*",)
    networks: tuple[Network, ...] | None = None
    tls: bool | None = None
    authenticated: bool | None = None
    tags: Literal["all", "none"] | tuple[str, ...] = "all"

    @field_validator("recipients")
    @classmethod
    def _lower(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return lower_patterns(patterns)


class CertificateSection(Section):
    """`[[certificate]]`: a certificate for clients, the first one for those that name no host; `names` are for SNI."""

    file: Path
    key: Path | None = None
    names: tuple[DomainText, ...] = ()


class ConnegSection(Section):
    """`[conneg]`: what the server says of its recipients, and to whom: with `needs_tls` only to clients under TLS, with
    `needs_auth` only to users who have proved who they are, and only to those in `networks` if that is given.
    """

    advertise: bool = True
    needs_tls: bool = False
    needs_auth: bool = False
    networks: tuple[Network, ...] | None = None
    understands: bool = True
    lookup_seconds: float = Field(default=10, gt=0, le=240)


class SpoolSection(Section):
    """`[spool]`: where accepted mail lives, how long the records of finished messages are kept, and how much of the
    disk must stay free: no message is taken that would leave less.
    """

    path: Path = Path("spool")
    min_free_mib: int = Field(default=100, ge=0)
    keep_records_days: float = Field(default=30, ge=0)


class RelaySection(Section):
    """`[relay]`: the networks whose clients may send to any domain."""

    networks: tuple[Network, ...] = LOOPBACK


class RetrySection(Section):
    """`[retry]`: when a deferred recipient is tried again, and when the gateway gives up."""

    first_seconds: float = Field(default=60, gt=0)
    factor: float = Field(default=2, ge=1)
    longest_seconds: float = Field(default=4 * 3600, gt=0)
    give_up_seconds: float = Field(default=5 * 86400, gt=0)


class ReportsSection(Section):
    """`[reports]`: what senders are told (RFC 3461).

    `delay_after_seconds`: when they first hear that a message still waits (0: never), unless they asked not to.
    `media_features`: whether a report says what the recipient's device can take (RFC 2530); left out, it does where
    there is no `[[disclosure]]` rule.
    """

    delay_after_seconds: float = Field(default=4 * 3600, ge=0)
    media_features: bool | None = None

    def tells_features(self, has_rules: bool) -> bool:
        """Whether reports say what devices can take, where there are rules of disclosure or are none."""
        return not has_rules if self.media_features is None else self.media_features


class ContentSection(Section):
    """`[content]`: the limits on the processes that read and convert documents.

    `sandbox`: "best" fences them in as far as this machine can, "required" does not start where network, files and
    processes are not all fenced off. `cache_mib`: how much is kept of renditions, for messages that have the same
    documents; 0 keeps none. `office`: "auto" lets LibreOffice make office documents readable, where it is installed and
    can be fenced in as `sandbox` says; "off" leaves them as they are.
    """

    sandbox: Literal["best", "required"] = "best"
    office: Literal["auto", "off"] = "auto"
    workers: int = Field(default=2, ge=1, le=64)
    memory_mib: int = Field(default=1536, ge=256)
    seconds: float = Field(default=120, gt=0)
    pages: int = Field(default=500, ge=1)
    megapixels: float = Field(default=200, gt=0)
    cache_mib: int = Field(default=256, ge=0)


class DeliverySection(Section):
    """`[delivery]`: how many messages and connections at once, and how patient the client is.

    `accept_delay_seconds`: how long the answer to a message waits for a place among `messages_at_once`, so that no more
    comes in than goes out; the message is then taken all the same, and waits in the spool.
    """

    messages_at_once: int = Field(default=100, ge=1)
    accept_delay_seconds: float = Field(default=1, ge=0, le=60)
    connections_per_next_hop: int = Field(default=20, ge=1)
    idle_seconds: float = Field(default=20, ge=0)
    connect_seconds: float = Field(default=30, gt=0)
    reply_seconds: float = Field(default=300, gt=0)
    open_transaction_seconds: float = Field(default=60, ge=0)


class DestinationSection(Section):
    """`[[destination]]`: the recipients' domains, the next hop, and the policy for those recipients.

    `deliver`: `smtp` or `lmtp` (to `host`, "name:port"), `maildir` (below `path`, where `{domain}` and `{local_part}`
    stand for the recipient's) or `mx` (by the DNS). `conneg`: what to ask the next hop; `on_not_supported` and
    `on_unreadable`: what follows if it does not know that, and if its answer is none
    (`conneg.negotiation.RcptPolicy`). `baseline`: what a recipient
    can take of whom nothing is known: "as-is", a profile's name or an expression. `convert = false` passes every
    message on as it came. `ensure_conversion`: clients that ask are told of everything that can be turned into what
    the recipient takes (draft, Appendix B.1 (2)), for one of whom nothing is known into the baseline. `cover_page`:
    what becomes one document of pages begins with one that says who sends it, to whom, when, and what about.
    `strategy` is the draft's Appendix A: a session for each recipient ("single"), the best form that all can take
    ("common"), a transaction for each class of like capability ("batch"), or the same with near classes brought
    together ("auto"), by which nobody gets worse in any of `losses`. `on_no_common_form`: "return" it to the sender,
    send the "original", or "stage" it: put it on the retrieval server and send a link; `stage_above_octets`: do so
    with every larger part. `on_illegible`: "send" a message whose small type the device cannot show, and say so in
    the record, or "return" it. `on_downgrade`: when what the next hop says over an unauthenticated channel leads to a
    worse form than an authenticated source has led to expect (draft, 8), "believe" it, "record" that, "keep" the
    better form, "defer" the message, or ask again under verified "tls". `tls` is how much of it the next hop's
    sessions need (`conneg.net.TlsPolicy`); for "verified" the certificate is for the next hop's name, or for
    `tls_name`, and signed by an authority in `tls_authorities` (by default the system's). "dane" goes by the TLSA
    records that DNSSEC vouches for, and is "opportunistic" where there are none; it is the default for `mx`, as
    "opportunistic" is for the others. With `mta_sts` the policies of MTA-STS are kept to as well (`mx` only). `port`
    is that of the hosts which the DNS names; `local_address` are the addresses that connections come from, one of
    each version. `username`: who the gateway is at `host`, and `password_file` what proves it (RFC 4954), without TLS
    only by SCRAM.
    """

    domains: tuple[DomainText, ...] = Field(min_length=1)
    deliver: Literal["smtp", "lmtp", "maildir", "mx"] = "mx"
    host: EndpointText | None = None
    path: str | None = None
    port: int = Field(default=25, ge=1, le=65535)
    local_address: tuple[IPv4Address | IPv6Address, ...] = ()
    tls: Literal["none", "opportunistic", "dane", "required", "verified"] | None = None
    tls_name: str | None = None
    tls_authorities: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    mta_sts: bool = True
    conneg: Literal["required", "optional", "off"] = "optional"
    on_not_supported: OnNotSupported = "return"
    on_unreadable: OnUnreadable | None = None
    strategy: StrategyName = "auto"
    losses: tuple[Loss, ...] = LOSSES
    baseline: CapabilityText = AS_IS
    convert: bool = True
    ensure_conversion: bool = False
    cover_page: bool = False
    on_no_common_form: Literal["return", "original", "stage"] = "return"
    stage_above_octets: int | None = Field(default=None, ge=4096)
    on_downgrade: Literal["believe", "record", "keep", "defer", "tls"] = "record"
    on_protected: Literal["keep", "return"] = "keep"
    on_illegible: Literal["send", "return"] = "send"
    recipients: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _complete(self) -> "DestinationSection":
        if self.deliver in ("smtp", "lmtp") and self.host is None:
            raise ValueError(f'deliver = "{self.deliver}" needs host = "name:port"')
        if self.deliver == "maildir" and self.path is None:
            raise ValueError('deliver = "maildir" needs path = "/var/mail/{domain}/{local_part}"')
        if self.deliver == "maildir" and self.path is not None:
            _check_template(self.path)
        if self.stages and not self.convert:
            raise ValueError("convert = false passes everything on as it came, so nothing can be staged")
        if self.ensure_conversion and not self.convert:
            raise ValueError("ensure_conversion = true promises what convert = false does not do")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file go together")
        if self.username is not None and self.host is None:
            raise ValueError("username is for one host: a password is not sent to whom the DNS names")
        versions = [address.version for address in self.local_address]
        if len(versions) > len(set(versions)):
            raise ValueError("local_address has two addresses of one version")
        return self

    @property
    def stages(self) -> bool:
        """Whether content may be put on the retrieval server."""
        return self.on_no_common_form == "stage" or self.stage_above_octets is not None

    @property
    def tls_policy(self) -> str:
        """`tls`, or the default for this kind of delivery."""
        return self.tls or ("dane" if self.deliver == "mx" else "opportunistic")


class AlternateSection(Section):
    """`[[alternate]]`: more `addresses` of a `recipient`, who gets each message at the one that can show most of it."""

    recipient: AddressText
    addresses: tuple[AddressText, ...] = Field(min_length=1)


class DnsSection(Section):
    """`[dns]`: whom the gateway asks for hosts, addresses, TLSA and MTA-STS records, and whether what they say
    of DNSSEC is believed.

    `servers`: their addresses (left out: those of the system), all at `port`. `seconds`: for one question. `trust_ad`:
    whether the AD bit of an answer means that DNSSEC vouches for it; left out: only if every resolver is on this
    machine, since anybody on the way may set a bit (RFC 6840, 5.7; RFC 7672, 2.2).
    """

    servers: tuple[IPv4Address | IPv6Address, ...] = ()
    port: int = Field(default=53, ge=1, le=65535)
    seconds: float = Field(default=20, gt=0, le=240)
    trust_ad: bool | None = None


def _check_template(path: str) -> None:
    try:
        path.format(domain="example.org", local_part="june")
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"path {path!r} may hold only {{domain}} and {{local_part}}") from error
