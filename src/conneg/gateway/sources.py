"""The tables of the gateway's configuration that say where its directory knows from: `[directory]`, `[[source]]`,
`[[lookup]]`.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from conneg.directory.sql import DEFAULT_STATEMENT
from conneg.gateway.networks import Network
from conneg.gateway.sections import DomainText, Section

BUILT_IN = ("file", "sqlite")
"""The names of the sources that `[directory]` itself has keys for."""


class DirectorySection(Section):
    """`[directory]`: who can take what, and in which order the sources are asked.

    `sources` names them; left out: `file`, `sqlite`, then the `[[source]]` tables as they stand. With `create_sqlite` a
    database that is not there is made, empty, at the first look-up; without, its absence is a directory that does not
    answer. `cache_entries`: how many answers are kept of each `[[source]]`.
    """

    file: Path | None = None
    sqlite: Path | None = None
    create_sqlite: bool = False
    sources: tuple[str, ...] | None = None
    cache_entries: int = Field(default=100_000, ge=1)


class LookupSection(Section):
    """`[[lookup]]`: the `sources` for recipients in these `domains`, in order, in place of those of `[directory]`."""

    domains: tuple[DomainText, ...] = Field(min_length=1)
    sources: tuple[str, ...]


class SourceSection(Section):
    """What every `[[source]]` has.

    `seconds`: for one question. An answer is `fresh_seconds` old at most (`negative_seconds` if nothing is known), then
    the source is asked again while the old answer is given for `stale_seconds` more. A source that fails is left alone
    for half a second, then longer each time, up to `longest_rest_seconds`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    seconds: float = Field(default=5, gt=0, le=60)
    fresh_seconds: float = Field(default=300, ge=0)
    negative_seconds: float = Field(default=60, ge=0)
    stale_seconds: float = Field(default=3600, ge=0)
    longest_rest_seconds: float = Field(default=10, gt=0, le=3600)

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in BUILT_IN:
            raise ValueError(f"{name!r} is what [directory] {name} is called; choose another")
        return name


class SqlSource(SourceSection):
    """`kind = "sql"`: a database at `url` (SQLAlchemy's form), asked by `statement` (`conneg.directory.SqlDirectory`).

    `password_file`: has the password, so that it need not stand in `url`.
    """

    kind: Literal["sql"]
    url: str
    password_file: Path | None = None
    statement: str = DEFAULT_STATEMENT

    @model_validator(mode="after")
    def _has_names(self) -> "SqlSource":
        if ":names" not in self.statement and ":addresses" not in self.statement:
            raise ValueError("statement has neither :names nor :addresses in it")
        return self


class LdapSource(SourceSection):
    """`kind = "ldap"`: one of the servers at `urls`, below the entry `base` (`conneg.directory.ldap`).

    `ldap://` goes on with STARTTLS unless `starttls` is false; the certificate is for the URL's host or `tls_name`,
    and signed by an authority in `authorities` (by default the system's). `match`: where an address stands
    (`mail={address}`) or a domain (`associatedDomain={domain}`). `filter`: what an entry must be, too.
    """

    kind: Literal["ldap"]
    urls: tuple[str, ...] = Field(min_length=1)
    base: str
    bind_dn: str = ""
    password_file: Path | None = None
    starttls: bool = True
    tls_name: str | None = None
    authorities: Path | None = None
    match: tuple[str, ...] = Field(default=("mail={address}",), min_length=1)
    filter: str = "(objectClass=*)"
    capability_attribute: str = "connegCapability"
    changed_attribute: str = "modifyTimestamp"

    @model_validator(mode="after")
    def _has_both(self) -> "LdapSource":
        if bool(self.bind_dn) != (self.password_file is not None):
            raise ValueError("bind_dn and password_file go together")
        return self


class HttpSource(SourceSection):
    """`kind = "http"`: a service asked over HTTPS at `url`, in which `{address}` stands for the recipient's.

    `token_file`: has the bearer token that it wants. `authorities`: who may have signed its certificate (by default the
    system's). What the service says of freshness (Cache-Control) goes before `fresh_seconds` and its like.
    """

    kind: Literal["http"]
    url: str = Field(pattern=r"^https://[^/{}]+/[^{}]*\{address\}[^{}]*$")
    token_file: Path | None = None
    authorities: Path | None = None


class CascadeSource(SourceSection):
    """`kind = "cascade"`: the next hop towards the destination is asked (draft, appendix B.1 (1)).

    `seconds`: for the next hop, and never more than half of `[conneg] lookup_seconds`. How each is reached stands in
    its `[[destination]]`; one with `conneg = "off"` is not asked.
    """

    kind: Literal["cascade"]
    seconds: float = Field(default=3, gt=0, le=60)
    fresh_seconds: float = Field(default=60, ge=0)


class LearnedSource(SourceSection):
    """`kind = "learned"`: what reports that came in said of devices (RFC 2530), in a SQLite database at `path`.

    `networks`: the clients whose reports are believed about anybody (`conneg.gateway.learning` has the rule). For
    `believe_days` what was learned stands in its place among the sources, then, until `forget_days`, behind them all.
    """

    kind: Literal["learned"]
    path: Path
    networks: tuple[Network, ...] = ()
    believe_days: float = Field(default=30, ge=0)
    forget_days: float = Field(default=90, ge=0)
    fresh_seconds: float = Field(default=60, ge=0)

    @model_validator(mode="after")
    def _fades(self) -> "LearnedSource":
        if self.forget_days < self.believe_days:
            raise ValueError("forget_days is less than believe_days")
        return self


AnySource = Annotated[
    SqlSource | LdapSource | HttpSource | CascadeSource | LearnedSource, Field(discriminator="kind")
]

SOURCE_KINDS = "sql, ldap, http, cascade, learned"
"""What `kind` may be, for people."""
