"""From a forward-path to its next hop: the configured destination if one names the domain, else the DNS.

Which hosts a next hop has, and how far they are trusted, `conneg.gateway.ways` finds out when a session is wanted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from conneg.gateway.config import Config
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.resolver import NoSuchNextHopError
from conneg.gateway.sections import DestinationSection
from conneg.mail import parse_mailbox
from conneg.spool import SpooledRecipient

__all__ = ["SMTP_PORT", "NextHop", "NoSuchNextHopError", "Routes"]

SMTP_PORT = 25


@dataclass(frozen=True, slots=True)
class NextHop:
    """Where the recipients of one transaction go, and under which policy. Equal next hops share sessions.

    `endpoint` is a configured one; `domain` that of the recipients, where the DNS is to say.
    """

    name: str
    destination: DestinationSection
    endpoint: Endpoint | None = None
    domain: str | None = None

    def __hash__(self) -> int:
        return hash(self.name)

    def without_policies(self) -> "NextHop":
        """Return the hop for a message whose sender waives what the domain asks of TLS (RFC 8689, 4.2.2).

        What the operator has configured holds all the same.
        """
        changes: dict[str, object] = {"mta_sts": False}
        if self.destination.tls_policy == "dane":
            changes["tls"] = "opportunistic"
        return replace(self, destination=self.destination.model_copy(update=changes))

    def with_verified_tls(self) -> "NextHop":
        """Return the hop for a message that is to go only where TLS proves whom it goes to."""
        if self.destination.tls_policy in ("verified", "dane"):
            return self
        return replace(self, destination=self.destination.model_copy(update={"tls": "verified"}))


class Routes:
    """Finds next hops by a configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
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

    def by_next_hop(self, recipients: Iterable[SpooledRecipient]) -> dict[NextHop, list[SpooledRecipient]]:
        """Group recipients by their next hops."""
        by_hop: dict[NextHop, list[SpooledRecipient]] = {}
        for recipient in recipients:
            hop = self.next_hop(parse_mailbox(recipient.forward_path).domain)
            by_hop.setdefault(hop, []).append(recipient)
        return by_hop

    def next_hop(self, domain: str) -> NextHop:
        """Return the next hop for `domain`."""
        destination = self.policy(domain)
        match destination.deliver:
            case "maildir":
                return NextHop(f"maildir:{destination.path}", destination)
            case "mx":
                return NextHop(f"mx:{domain.lower()}", destination, domain=domain.lower())
            case "smtp" | "lmtp":
                endpoint = Endpoint.parse(destination.host or "")
                return NextHop(f"{destination.deliver}:{endpoint}", destination, endpoint)
