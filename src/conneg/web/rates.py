"""How often one client may do something: a bucket for each of a bounded number of addresses. No clock of its own."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

from conneg.bounds import Bound

GUESSES = Bound(
    name="web.guesses",
    value=30,
    unit="links that are none of ours, or wrong codes, from one address (IPv6: /64) in ten minutes",
    reason="a link that was cut in copying is tried a few times; a search has to try 2^128",
    answer="429 until ten minutes have gone by without one",
)
CODE_REQUESTS = Bound(
    name="web.code-requests",
    value=10,
    unit="requests for a code from one address (IPv6: /64) in an hour",
    reason="each is a mail to a recipient",
    answer="429",
)
ADDRESSES = Bound(
    name="web.addresses",
    value=10_000,
    unit="addresses that are remembered",
    reason="each takes some hundred octets",
    answer="the one seen least lately is forgotten",
)


class RateLimit:
    """At most `bound` events from one address in `seconds`, after which the place of each is free again."""

    def __init__(self, bound: Bound, seconds: float) -> None:
        self._most = bound.value
        self._seconds = seconds
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def note(self, address: str, now: float) -> None:
        """An event happened."""
        key = _network(address)
        self._filled[key] = (self._level(key, now) + 1, now)
        self._filled.move_to_end(key)
        if len(self._filled) > ADDRESSES.value:
            self._filled.popitem(last=False)

    def is_spent(self, address: str, now: float) -> bool:
        """Whether there must be no further event now."""
        return self._level(_network(address), now) > self._most - 1

    def _level(self, key: str, now: float) -> float:
        """How full the bucket is: it runs empty in `seconds`."""
        level, at = self._filled.get(key, (0.0, now))
        return max(0.0, level - (now - at) * self._most / self._seconds)


def _network(address: str) -> str:
    """Return what one client has to itself: an address, of IPv6 a /64 network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)
