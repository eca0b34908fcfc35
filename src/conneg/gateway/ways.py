"""The ways to a next hop: its hosts and their addresses in the order to try, and the TLS that each of them needs.

What is trusted comes from three sources: the configuration, DANE (RFC 7672) and MTA-STS (RFC 8461). DANE goes first: a
host with usable TLSA records is held against them, and no policy of MTA-STS makes good what DANE finds wrong (RFC 8461,
2). A host whose TLSA records cannot be had is passed over, as somebody may be keeping them from us (RFC 7672, 2.1.2).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from conneg.errors import TemporaryError
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.resolver import (
    MAX_ADDRESSES,
    Addresses,
    NoSuchNextHopError,
    Resolver,
    host_name,
    is_host_name,
)
from conneg.gateway.routing import NextHop
from conneg.gateway.sections import DestinationSection
from conneg.gateway.sts_policies import StsAnswer, StsPolicies
from conneg.net import ClientTls, TlsPolicy
from conneg.net.dane import usable
from conneg.net.mta_sts import StsMode
from conneg.net.policy_host import PolicyHost


class Basis(StrEnum):
    """Why a session's TLS is as it is."""

    CONFIGURED = "configured"
    """The configuration says so: none, required or verified."""
    OPPORTUNISTIC = "opportunistic"
    """Nothing is known of the host: TLS if it offers it."""
    DANE = "dane"
    """The host's TLSA records (RFC 7672, 2.2)."""
    DANE_UNUSABLE = "dane-unusable"
    """The host has TLSA records, none of which can be used: TLS, without authentication (RFC 7672, 2.2)."""
    MTA_STS = "mta-sts"
    """The domain's policy, in mode enforce (RFC 8461, 5)."""
    REQUIRETLS = "requiretls"
    """The message must go under TLS to a host that has shown who it is (RFC 8689)."""


@dataclass(frozen=True, slots=True)
class Reliance:
    """What a connection relies upon, and in `problems` what was found wrong on the way to it, a line each."""

    basis: Basis = Basis.OPPORTUNISTIC
    problems: tuple[str, ...] = ()

    def having(self, *problems: str) -> "Reliance":
        """Return the same with more problems."""
        return replace(self, problems=(*self.problems, *filter(None, problems)))


@dataclass(frozen=True, slots=True)
class Way:
    """A host with its addresses, and what to ask of a session with it: the first of `tls` that can be had.

    `is_name_sure`: nobody but the domain's owner can have named this host (the configuration, DNSSEC or MTA-STS did).
    """

    host: str
    addresses: tuple[str, ...]
    port: int
    tls: tuple[ClientTls, ...]
    reliance: Reliance
    is_name_sure: bool = False

    def protected(self) -> "Way | None":
        """Return the way as REQUIRETLS wants it (RFC 8689, 4.2.1); None if who may be met there is not sure."""
        if self.reliance.basis in (Basis.DANE, Basis.MTA_STS):
            return self
        if not self.is_name_sure:
            return None
        tls = replace(self.tls[0], policy=TlsPolicy.VERIFIED)
        return replace(self, tls=(tls,), reliance=replace(self.reliance, basis=Basis.REQUIRETLS))

    @property
    def peer(self) -> str:
        """What the host is called in reports: its name and port."""
        return str(Endpoint(self.host, self.port))


@dataclass(frozen=True, slots=True)
class NoWay:
    """A host that is passed over, and why; `is_final` if that will not change, as it has no address."""

    host: str
    reason: str
    is_final: bool = False


class Ways:
    """Finds the ways to next hops; `policies` is None where nobody asks for MTA-STS."""

    def __init__(self, resolver: Resolver, policies: StsPolicies | None = None) -> None:
        self._resolver = resolver
        self._policies = policies

    async def find(self, hop: NextHop) -> AsyncIterator[Way | NoWay]:
        """Yield the ways to `hop`, best first; what a host needs is looked up when its turn comes.

        Raises `NoSuchNextHopError` if it takes no mail, `TemporaryError` if the DNS does not answer.
        """
        if hop.endpoint is not None:
            yield await self._configured(hop.destination, hop.endpoint)
        elif hop.domain is not None and hop.domain.startswith("["):
            yield _literal(hop.destination, hop.domain)
        elif hop.domain is not None:
            async for way in self._by_dns(hop.destination, host_name(hop.domain)):
                yield way

    async def _configured(self, destination: DestinationSection, endpoint: Endpoint) -> Way | NoWay:
        """Return the way to a host that the configuration names: addresses are the system's affair, trust the DNS's."""
        base = _configured_way(destination, endpoint.host, (endpoint.host,), endpoint.port)
        base = replace(base, is_name_sure=True)
        if _is_address(endpoint.host):
            return base
        try:
            way = replace(base, addresses=await _system_addresses(endpoint))
            if destination.tls_policy != TlsPolicy.DANE:
                return way
            found = await self._resolver.addresses(endpoint.host)
            return await self._by_dane(way, found, (), destination.tls_authorities)
        except (TemporaryError, NoSuchNextHopError) as error:
            return NoWay(endpoint.host, str(error))

    async def _by_dns(self, destination: DestinationSection, domain: str) -> AsyncIterator[Way | NoWay]:
        exchangers = await self._resolver.mail_exchangers(domain)
        sts = StsAnswer(None)
        if self._policies is not None and destination.mta_sts and destination.tls_policy != TlsPolicy.NONE:
            sts = await self._policies.policy(domain)
        for host in exchangers.hosts:
            if not is_host_name(host):
                yield NoWay(host, "it is no name of a host", is_final=True)
                continue
            try:
                found = await self._resolver.addresses(host)
                if not found.addresses:
                    yield NoWay(host, "it has no address", is_final=True)
                    continue
                way = _configured_way(destination, host, found.addresses, destination.port)
                way = replace(way, is_name_sure=exchangers.is_secure)
                checked = _by_policy(way, sts, destination)
                if (
                    isinstance(checked, Way)
                    and destination.tls_policy == TlsPolicy.DANE
                    and exchangers.is_secure
                ):
                    checked = await self._by_dane(checked, found, (domain,), destination.tls_authorities)
            except (TemporaryError, NoSuchNextHopError) as error:
                checked = NoWay(host, str(error))
            yield checked

    async def _by_dane(
        self, way: Way, found: Addresses, domains: Sequence[str], authorities: Path | None
    ) -> Way | NoWay:
        """Return `way` as the TLSA records of its host want it: the first base domain that has any counts (RFC 7672,
        2.2.3). Raises `TemporaryError` if they cannot be had.
        """
        for base in found.base_domains:
            records = await self._resolver.tlsa(f"_{way.port}._tcp.{base}")
            if not records:
                continue
            good = usable(records)
            if good:
                names = tuple(dict.fromkeys((way.host, *domains)))
                tls = ClientTls(
                    TlsPolicy.DANE, base, None, good, tuple(name for name in names if name != base)
                )
                return replace(way, tls=(tls,), reliance=replace(way.reliance, basis=Basis.DANE))
            problem = f"{way.host}: none of its {len(records)} TLSA records can be used"
            if way.reliance.basis is Basis.MTA_STS:  # stronger than TLS without authentication
                return replace(way, reliance=way.reliance.having(problem))
            tls = ClientTls(TlsPolicy.REQUIRED, base)
            return replace(
                way, tls=(tls,), reliance=replace(way.reliance, basis=Basis.DANE_UNUSABLE).having(problem)
            )
        return way


def policy_host(resolver: Resolver) -> PolicyHost:
    """Return where policies of MTA-STS are fetched from, by the addresses that `resolver` gives."""

    async def addresses(host: str) -> tuple[str, ...]:
        return (await resolver.addresses(host)).addresses

    return PolicyHost(addresses)


def _by_policy(way: Way, sts: StsAnswer, destination: DestinationSection) -> Way | NoWay:
    """Return `way` as the domain's MTA-STS policy wants it (RFC 8461, 4.1 and 5)."""
    way = replace(way, reliance=way.reliance.having(sts.problem and f"MTA-STS: {sts.problem}"))
    if sts.policy is None:
        return way
    verified = ClientTls(TlsPolicy.VERIFIED, destination.tls_name or way.host, destination.tls_authorities)
    mismatch = (
        "" if sts.policy.has_host(way.host) else f"{way.host} is not one of the domain's MTA-STS policy"
    )
    if sts.policy.mode is StsMode.ENFORCE:
        if mismatch:
            return NoWay(way.host, mismatch)
        return replace(way, tls=(verified,), reliance=replace(way.reliance, basis=Basis.MTA_STS))
    if mismatch:
        return replace(way, reliance=way.reliance.having(f"{mismatch}, which is in mode testing"))
    if way.tls[0].policy is TlsPolicy.VERIFIED:
        return way
    return replace(way, tls=(verified, *way.tls))


def _configured_way(destination: DestinationSection, host: str, addresses: Sequence[str], port: int) -> Way:
    """Return the way as the configuration wants it, before anybody else is asked."""
    wanted = TlsPolicy(destination.tls_policy)
    policy = TlsPolicy.OPPORTUNISTIC if wanted is TlsPolicy.DANE else wanted
    basis = Basis.OPPORTUNISTIC if policy is TlsPolicy.OPPORTUNISTIC else Basis.CONFIGURED
    tls = ClientTls(policy, destination.tls_name or host, destination.tls_authorities)
    return Way(host, tuple(addresses), port, (tls,), Reliance(basis))


def _literal(destination: DestinationSection, domain: str) -> Way:
    """Return the way to an address literal, which is its own host: no mail exchanger, DANE or MTA-STS.

    Raises `NoSuchNextHopError` for a General-address-literal, as no other kind is known (RFC 5321, 4.1.3).
    """
    text = domain.strip("[]")
    try:
        address = IPv6Address(text[5:]) if text.startswith("ipv6:") else IPv4Address(text)
    except ValueError:
        raise NoSuchNextHopError(f"{domain} is no address literal of a known kind", "5.1.2") from None
    return _configured_way(destination, str(address), (str(address),), destination.port)


async def _system_addresses(endpoint: Endpoint) -> tuple[str, ...]:
    """Return what the system says, /etc/hosts among it. Raises `TemporaryError`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise TemporaryError(f"{endpoint.host} has no address: {error.strerror or error}") from error
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))[: MAX_ADDRESSES.value]


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
