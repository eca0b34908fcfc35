"""`[dns]`: whom the gateway asks for mail exchangers, addresses, TLSA records and MTA-STS records."""

from ipaddress import IPv4Address, IPv6Address

from pydantic import BaseModel, ConfigDict, Field


class DnsSection(BaseModel):
    """The resolvers, and whether what they say of DNSSEC is believed.

    `servers`: their addresses (left out: those of the system), all at `port`. `seconds`: for one question. `trust_ad`:
    whether the AD bit of an answer means that DNSSEC vouches for it; left out: only if every resolver is on this
    machine, since anybody on the way may set a bit (RFC 6840, 5.7; RFC 7672, 2.2).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    servers: tuple[IPv4Address | IPv6Address, ...] = ()
    port: int = Field(default=53, ge=1, le=65535)
    seconds: float = Field(default=20, gt=0, le=240)
    trust_ad: bool | None = None
