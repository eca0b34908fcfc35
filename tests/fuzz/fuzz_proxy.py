"""Fuzz target: any octets as what says who a client is and what a server can: PROXY, XCLIENT, BDAT, EHLO's lines."""

import ipaddress

from conneg.net.proxy import ProxyHeaderError, read_header
from conneg.smtp.chunks import read_bdat
from conneg.smtp.extension import read_limits, read_listing
from conneg.smtp.xclient import XCLIENT_ATTRIBUTES, read_xclient


def fuzz_one(data: bytes) -> None:
    """Raises only on a bug."""
    try:
        peer = read_header(data)
    except ProxyHeaderError:
        peer = None
    if peer is not None:
        ipaddress.ip_address(peer.address)
        assert 0 <= peer.port <= 65535
    text = data.decode("utf-8", "replace")
    attributes = read_xclient(text)
    if attributes is not None:
        assert set(attributes) <= set(XCLIENT_ATTRIBUTES)
    size = read_bdat(text)
    assert size is None or size[0] >= 0
    assert all(1 <= limit <= 999_999 for limit in read_limits(text).values())
    for keyword in read_listing(tuple(text.split("\n"))):
        assert keyword == keyword.upper()
        assert keyword.isascii()
