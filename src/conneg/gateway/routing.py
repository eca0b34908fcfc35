"""From a forward-path to its next hop: the configured destination if one names the domain, else the DNS.

RFC 5321 section 5: mail exchangers in order of preference, the host itself when there is none (implicit MX); RFC 7505:
a null MX means that the domain takes no mail.
"""

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver

from conneg.errors import ConnegError, TemporaryError
from conneg.gateway.config import Config, DestinationSection
from conneg.gateway.endpoint import Endpoint

SMTP_PORT = 25
_DNS_LIFETIME_SECONDS = 20.0


class NoSuchNextHopError(ConnegError):
    """No mail can ever be delivered to this domain as things stand; `status` is the enhanced status code."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class NextHop:
    """Where the recipients of one transaction go, and under which policy. Equal next hops share sessions."""

    name: str
    destination: DestinationSection
    endpoint: Endpoint | None = None

    def __hash__(self) -> int:
        return hash(self.name)


class Resolver(Protocol):
    """What routing needs of the DNS."""

    async def mail_exchangers(self, domain: str) -> list[str]:
        """Return the hosts to try in order; raise `NoSuchNextHopError` or `TemporaryError`."""


class DnsResolver:
    """Mail exchangers through the system's resolver configuration (dnspython)."""

    async def mail_exchangers(self, domain: str) -> list[str]:
        """Return MX hosts by preference, equal ones shuffled (RFC 5321, 5.1), or the domain itself without any."""
        try:
            answer = await dns.asyncresolver.resolve(domain, "MX", lifetime=_DNS_LIFETIME_SECONDS)
        except dns.resolver.NXDOMAIN as error:
            raise NoSuchNextHopError(f"the domain {domain} does not exist", "5.1.2") from error
        except dns.resolver.NoAnswer:
            return [domain]
        except (dns.exception.DNSException, OSError) as error:
            raise TemporaryError(f"the DNS gives no answer for {domain}: {error}") from error
        records = sorted(answer, key=lambda record: (record.preference, random.random()))  # noqa: S311 - spreads load
        hosts = [record.exchange.to_text().rstrip(".") for record in records]
        if hosts == [""]:
            raise NoSuchNextHopError(f"the domain {domain} accepts no mail (null MX)", "5.1.10")
        return [host for host in hosts if host]


class Routes:
    """Finds next hops by a configuration."""

    def __init__(self, config: Config, resolver: Resolver | None = None) -> None:
        self._config = config
        self._resolver = resolver or DnsResolver()
        self._by_dns = DestinationSection(domains=("*",))
        self._find = lru_cache(maxsize=4096)(self._find_uncached)

    def destination(self, domain: str) -> DestinationSection | None:
        """Return the configured destination for `domain`: exact before `*.parent` before `*`; None if none fits."""
        return self._find(domain.lower())

    def _find_uncached(self, domain: str) -> DestinationSection | None:
        names = [domain]
        labels = domain.split(".")
        names += ["*." + ".".join(labels[index:]) for index in range(1, len(labels))]
        names.append("*")
        for name in names:
            for destination in self._config.destination:
                if name in destination.domains:
                    return destination
        return None

    def policy(self, domain: str) -> DestinationSection:
        """Return the destination whose policy holds for `domain`; one with defaults if none is configured."""
        return self.destination(domain) or self._by_dns

    def next_hop(self, domain: str) -> NextHop:
        """Return the next hop for `domain`; its endpoints are found by `endpoints`."""
        destination = self.policy(domain)
        match destination.deliver:
            case "maildir":
                return NextHop(f"maildir:{destination.path}", destination)
            case "mx":
                return NextHop(f"mx:{domain.lower()}", destination)
            case "smtp" | "lmtp":
                endpoint = Endpoint.parse(destination.host or "")
                return NextHop(f"{destination.deliver}:{endpoint}", destination, endpoint)

    async def endpoints(self, hop: NextHop) -> list[Endpoint]:
        """Return the endpoints of `hop` in the order to try; raise `NoSuchNextHopError` or `TemporaryError`."""
        if hop.endpoint is not None:
            return [hop.endpoint]
        domain = hop.name.removeprefix("mx:")
        if domain.startswith("["):
            return [Endpoint(domain.strip("[]").removeprefix("ipv6:"), SMTP_PORT)]
        return [Endpoint(host, SMTP_PORT) for host in await self._resolver.mail_exchangers(domain)]
