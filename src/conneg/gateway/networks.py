"""Networks, and whether a client is in one."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def is_in(networks: Sequence[Network], address: str) -> bool:
    """Say whether IP `address` is in one of `networks`; an IPv4 address written as IPv6 counts as what it is."""
    try:
        client = ip_address(address)
    except ValueError:
        return False
    if client.version == 6 and client.ipv4_mapped is not None:
        client = client.ipv4_mapped
    return any(client.version == network.version and client in network for network in networks)
