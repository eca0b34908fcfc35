"""What the DNS says of a domain: mail exchangers, addresses, TLSA and TXT records, and whether DNSSEC vouches for it.

RFC 5321, 5: mail exchangers in order of preference, the domain itself when there is none (implicit MX); RFC 7505: a
null MX means that the domain takes no mail. DNSSEC is the resolver's work (RFC 7672, 2.1): an answer is secure if the
resolver says so by the AD bit and may be believed, insecure if it does not; what is bogus does not answer at all.
"""

import asyncio
import random
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Protocol

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.resolver

from conneg.bounds import Bound
from conneg.errors import ConnegError, TemporaryError
from conneg.gateway.sections import DnsSection
from conneg.net.dane import MAX_TLSA_RECORDS, TlsaRecord

MAX_EXCHANGERS = Bound(
    name="gateway.mail_exchangers",
    value=50,
    unit="mail exchangers of a domain that are looked at",
    reason="large providers list five; each costs look-ups and a wait",
    answer="those after them in preference are passed over",
)
MAX_ADDRESSES = Bound(
    name="gateway.host_addresses",
    value=20,
    unit="addresses of a host that are tried",
    reason="RFC 5321, 5.1 wants two at least; a message must not wait for a list without end",
    answer="the others are passed over",
)
MAX_ANSWERS = Bound(
    name="gateway.dns_answers",
    value=10_000,
    unit="answers of the DNS that are remembered",
    reason="a busy gateway meets some thousands of domains an hour; an answer has some hundreds of octets",
    answer="the one used longest ago is forgotten",
)

_HOST_NAME = re.compile(r"[a-z0-9_\-]{1,63}(?:\.[a-z0-9_\-]{1,63})*")
_EDNS_OCTETS = 1232
"""What fits into a datagram everywhere; longer answers come by TCP (DNS Flag Day 2020)."""


class NoSuchNextHopError(ConnegError):
    """No mail can ever be delivered to this domain as things stand; `status` is the enhanced status code."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Exchangers:
    """The hosts of a domain in the order to try; `is_secure` if DNSSEC vouches for them."""

    hosts: tuple[str, ...]
    is_secure: bool = False


@dataclass(frozen=True, slots=True)
class Addresses:
    """The IP addresses of a host in the order to try, and its candidate TLSA base domains (RFC 7672, 2.2.3): none if
    DNSSEC does not vouch for them.
    """

    addresses: tuple[str, ...]
    base_domains: tuple[str, ...] = ()


class Resolver(Protocol):
    """What the gateway needs of the DNS. Every method raises `TemporaryError` when there is no answer now."""

    async def mail_exchangers(self, domain: str) -> Exchangers:
        """Return the mail exchangers of `domain`; raise `NoSuchNextHopError` if it takes no mail."""

    async def addresses(self, host: str) -> Addresses:
        """Return the addresses of `host`, none if it has none."""

    async def tlsa(self, name: str) -> tuple[TlsaRecord, ...]:
        """Return the TLSA records at `name` that DNSSEC vouches for, none if there are none."""

    async def texts(self, name: str) -> tuple[str, ...]:
        """Return the TXT records at `name`, the strings of each joined."""


class DnsResolver:
    """A `Resolver` that asks the configured resolvers (dnspython)."""

    def __init__(self, settings: DnsSection | None = None) -> None:
        self._settings = settings or DnsSection()
        self._client: dns.asyncresolver.Resolver | None = None
        self._trusts = False

    async def mail_exchangers(self, domain: str) -> Exchangers:
        """Return MX hosts by preference, equal ones shuffled (RFC 5321, 5.1), or the domain itself without any."""
        try:
            answer = await self._ask(_name(domain), "MX")
        except dns.resolver.NXDOMAIN as error:
            raise NoSuchNextHopError(f"the domain {domain} does not exist", "5.1.2") from error
        is_secure = self._is_secure(answer)
        if answer.rrset is None:
            return Exchangers((host_name(domain),), is_secure)
        records = sorted(answer, key=lambda record: (record.preference, random.random()))  # noqa: S311 - spreads load
        hosts = [_text(record.exchange) for record in records]
        if hosts == [""]:
            raise NoSuchNextHopError(f"the domain {domain} accepts no mail (null MX)", "5.1.10")
        return Exchangers(tuple(host for host in hosts if host)[: MAX_EXCHANGERS.value], is_secure)

    async def addresses(self, host: str) -> Addresses:
        """Ask for A and AAAA at once; one that fails does no harm if the other has addresses."""
        name = _name(host)
        both = await asyncio.gather(self._ask(name, "AAAA"), self._ask(name, "A"), return_exceptions=True)
        answers = []
        failure: BaseException | None = None
        for answer in both:
            if isinstance(answer, dns.resolver.NXDOMAIN):
                continue
            if isinstance(answer, BaseException):
                failure = answer
            else:
                answers.append(answer)
        found = _in_turns(
            [[record.address for record in answer] if answer.rrset else [] for answer in answers]
        )
        if not found:
            if failure is not None:
                raise failure
            return Addresses(())
        return Addresses(tuple(found[: MAX_ADDRESSES.value]), await self._base_domains(name, answers))

    async def _base_domains(self, name: dns.name.Name, answers: list[dns.resolver.Answer]) -> tuple[str, ...]:
        """Return the name that secure aliases end at, then the one asked for (RFC 7672, 2.2.2 and 2.2.3); only this one
        if it is a secure alias into a zone that is not signed.
        """
        end = next((answer.canonical_name for answer in answers if answer.rrset), name)
        if any(self._is_secure(answer) for answer in answers):
            return tuple(filter(is_host_name, dict.fromkeys((_text(end), _text(name)))))
        if end != name and self._is_secure(await self._ask(name, "CNAME")):
            return (_text(name),)
        return ()

    async def tlsa(self, name: str) -> tuple[TlsaRecord, ...]:
        """Return secure records; insecure ones are as good as none (RFC 7672, 2.1.1)."""
        try:
            answer = await self._ask(_name(name), "TLSA")
        except (dns.resolver.NXDOMAIN, NoSuchNextHopError):
            return ()
        if answer.rrset is None or not self._is_secure(answer):
            return ()
        if len(answer.rrset) > MAX_TLSA_RECORDS.value:
            raise TemporaryError(str(MAX_TLSA_RECORDS.exceeded(name)))
        return tuple(TlsaRecord(one.usage, one.selector, one.mtype, one.cert) for one in answer)

    async def texts(self, name: str) -> tuple[str, ...]:
        """Return TXT records; octets that are not ASCII stand as the characters of Latin-1."""
        try:
            answer = await self._ask(_name(name), "TXT")
        except (dns.resolver.NXDOMAIN, NoSuchNextHopError):
            return ()
        return tuple(b"".join(one.strings).decode("latin-1") for one in answer) if answer.rrset else ()

    async def _ask(self, name: dns.name.Name, kind: str) -> dns.resolver.Answer:
        """Return the answer, which may be that there is nothing. Raises `NXDOMAIN` of dnspython or `TemporaryError`."""
        try:
            if self._client is None:
                self._client = self._open()
            return await self._client.resolve(name, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            raise
        except (dns.exception.DNSException, OSError) as error:
            raise TemporaryError(f"the DNS gives no answer for {_text(name)} {kind}: {error}") from error

    def _open(self) -> dns.asyncresolver.Resolver:
        settings = self._settings
        client = dns.asyncresolver.Resolver(configure=not settings.servers)
        if settings.servers:
            client.nameservers = [str(address) for address in settings.servers]
        client.port = settings.port
        client.lifetime = settings.seconds
        client.flags = (
            dns.flags.RD | dns.flags.AD
        )  # AD in a question asks for it in the answer (RFC 6840, 5.7)
        client.use_edns(0, 0, _EDNS_OCTETS)
        client.cache = dns.resolver.LRUCache(MAX_ANSWERS.value)
        self._trusts = settings.trust_ad if settings.trust_ad is not None else _are_local(client)
        return client

    def _is_secure(self, answer: dns.resolver.Answer) -> bool:
        return self._trusts and bool(answer.response.flags & dns.flags.AD)


def host_name(text: str) -> str:
    """Return a domain in A-labels and lower case, without a final dot. Raises `NoSuchNextHopError`."""
    return _text(_name(text))


def is_host_name(text: str) -> bool:
    """Whether `text` is made as names of hosts are, underscores allowed; the DNS has names of any octets."""
    return _HOST_NAME.fullmatch(text) is not None


def _name(text: str) -> dns.name.Name:
    """Raises `NoSuchNextHopError` for what can be no name in the DNS, such as a label of 64 octets."""
    try:
        return dns.name.from_text(text.lower())
    except (dns.exception.DNSException, UnicodeError) as error:
        raise NoSuchNextHopError(f"{text!r} is no name of the DNS: {error}", "5.1.2") from error


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).rstrip(".").lower()


def _in_turns(lists: list[list[str]]) -> list[str]:
    """Return the members of all lists, one from each in turn: a network without IPv6 costs one wait, not all."""
    longest = max(map(len, lists), default=0)
    return [one[place] for place in range(longest) for one in lists if place < len(one)]


def _are_local(client: Any) -> bool:
    return bool(client.nameservers) and all(
        isinstance(server, str) and _is_loopback(server) for server in client.nameservers
    )


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
