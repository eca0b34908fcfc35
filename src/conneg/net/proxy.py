"""The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): which client a trusted proxy speaks for.

`read_header` is pure; `receive_header` reads exactly a header's octets from a socket, so that TLS may follow at once.
"""

import asyncio
import ipaddress
import re
import socket
import struct

from conneg.bounds import Bound
from conneg.errors import ConnegError
from conneg.net.handler import Peer

PROXY_SECONDS = Bound(
    name="net.proxy_header_seconds",
    value=5,
    unit="seconds for the header of the PROXY protocol",
    reason="a proxy sends it at once",
    answer="the connection is cut",
)
MAX_PROXY_HEADER = Bound(
    name="net.proxy_header",
    value=4096,
    unit="octets in a header of the PROXY protocol",
    reason="addresses take at most 216; proxies add what they know of TLS",
    answer="the connection is cut",
)

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_MAX_V1 = 107
_FIXED = 16
_V1 = re.compile(
    rb"PROXY (?:(TCP[46]) ([0-9A-Fa-f.:]+) [0-9A-Fa-f.:]+ (\d{1,5}) \d{1,5}|UNKNOWN[^\r\n]*)\r\n"
)


class ProxyHeaderError(ConnegError):
    """What a proxy sent first is no header of the PROXY protocol."""


def read_header(octets: bytes) -> Peer | None:
    """Return the client that a whole header names; None if the proxy speaks for itself or does not know.

    Raises `ProxyHeaderError`.
    """
    if octets.startswith(_SIGNATURE):
        return _read_v2(octets)
    found = _V1.fullmatch(octets)
    if found is None or len(octets) > _MAX_V1:
        raise ProxyHeaderError("not a header of the PROXY protocol")
    family, address, port = found.groups()
    return (
        None if family is None else _peer(address.decode("ascii"), int(port), 4 if family == b"TCP4" else 6)
    )


def _read_v2(octets: bytes) -> Peer | None:
    if len(octets) < _FIXED:
        raise ProxyHeaderError("a header of version 2 of the PROXY protocol that is cut")
    version, family, length = struct.unpack_from("!BBH", octets, len(_SIGNATURE))
    if version >> 4 != 2 or len(octets) != _FIXED + length:
        raise ProxyHeaderError(
            "a header of version 2 of the PROXY protocol that is cut or of another version"
        )
    command = version & 0xF
    if command == 0:  # LOCAL: the proxy itself, looking whether we are well
        return None
    if command != 1:
        raise ProxyHeaderError(f"command {command} of the PROXY protocol is not known")
    body = octets[_FIXED:]
    if family >> 4 == 1 and len(body) >= 12:
        return Peer(str(ipaddress.IPv4Address(body[:4])), int.from_bytes(body[8:10], "big"))
    if family >> 4 == 2 and len(body) >= 36:
        return Peer(str(ipaddress.IPv6Address(body[:16])), int.from_bytes(body[32:34], "big"))
    if family >> 4 in (1, 2):
        raise ProxyHeaderError("a header of version 2 of the PROXY protocol without its addresses")
    return None


def _peer(address: str, port: int, version: int) -> Peer:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        raise ProxyHeaderError(f"{address!r} is no IP address") from None
    if found.version != version or port > 65535:
        raise ProxyHeaderError("address or port of another kind than the header says")
    return Peer(str(found), port)


async def receive_header(connection: socket.socket) -> Peer | None:
    """Read a header from a non-blocking socket, and not an octet more.

    Raises `ProxyHeaderError`, also when it does not come in time, and OSError.
    """
    try:
        async with asyncio.timeout(PROXY_SECONDS.value):
            return read_header(await _receive(connection))
    except TimeoutError:
        raise ProxyHeaderError("the header of the PROXY protocol did not come in time") from None


async def _receive(connection: socket.socket) -> bytes:
    start = await _exactly(connection, len(_SIGNATURE))
    if start == _SIGNATURE:
        start += await _exactly(connection, _FIXED - len(start))
        length = int.from_bytes(start[14:16], "big")
        if length > MAX_PROXY_HEADER.value - _FIXED:
            raise ProxyHeaderError(str(MAX_PROXY_HEADER.exceeded()))
        return start + await _exactly(connection, length)
    while not start.endswith(b"\n") and len(start) < _MAX_V1:
        start += await _exactly(connection, 1)
    return start


async def _exactly(connection: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    octets = b""
    while len(octets) < count:
        piece = await loop.sock_recv(connection, count - len(octets))
        if not piece:
            raise ProxyHeaderError("the connection ended in the header of the PROXY protocol")
        octets += piece
    return octets
