"""The Received field: written for each message taken in (RFC 5321, 4.4), counted to notice loops (6.3). And fields by
which senders say how their message is to travel.
"""

import ipaddress
import re
from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from conneg.mail.fields import Field

_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)
_TLS_REQUIRED = re.compile(rb"^tls-required[ \t]*:((?:[^\n]|\n[ \t])*)$", re.IGNORECASE | re.MULTILINE)
_STRATEGY = re.compile(rb"^conneg-strategy[ \t]*:((?:[^\n]|\n[ \t])*)$", re.IGNORECASE | re.MULTILINE)
_EMPTY_LINE = re.compile(rb"^\r?$", re.MULTILINE)
_MAX_SHOWN = 40

HEAD_OCTETS = 1 << 18
"""What stands behind so many octets of a message is not looked at for its header."""

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9.\-_:\[\]]")


def write_received(
    *,
    helo: str,
    address: str,
    by: str,
    protocol: str,
    software: str,
    date: datetime,
    message_id: str | None = None,
) -> bytes:
    """Write the trace field of one message: `helo` is what the client said, `address` where it really came
    from.

    Characters of `helo` that no domain has are dropped, so that a client cannot write into the header.

    >>> from datetime import UTC, datetime
    >>> from conneg.mail import read_fields
    >>> written = write_received(helo="scan.example", address="192.0.2.7", by="fax.example", protocol="ESMTP",
    ...     software="conneg", date=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    >>> read_fields(written).get("Received").replace("\\t", " ")
    'from scan.example ([192.0.2.7]) by fax.example (conneg) with ESMTP; Fri, 02 Jan 2026 03:04:05 +0000'
    """
    identified = f" id {message_id}" if message_id else ""
    return (
        f"Received: from {_from_domain(helo, address)}\r\n"
        f"\tby {by} ({software}) with {protocol}{identified};\r\n"
        f"\t{_date_time(date.replace(microsecond=0))}\r\n"
    ).encode("ascii", "replace")


def count_received(fields: Iterable[Field]) -> int:
    """Return how many hosts have taken this message in."""
    return sum(field.name.lower() == "received" for field in fields)


def count_received_in(head: bytes) -> int:
    """Return the same from the octets a message begins with; what follows the header is not looked at."""
    return len(_RECEIVED.findall(head, 0, _header_end(head)))


def waives_tls(head: bytes) -> bool:
    """Say whether a header (octets a message begins with) has one `TLS-Required: No` (RFC 8689, 3).

    >>> waives_tls(b"Subject: your certificate\\r\\nTLS-Required: No\\r\\n\\r\\nhas expired\\r\\n")
    True
    """
    found = _TLS_REQUIRED.findall(head, 0, _header_end(head))
    return len(found) == 1 and found[0].strip().lower() == b"no"


def asked_strategies(content: bytes) -> tuple[str, ...]:
    """Return what the message's fields `Conneg-Strategy` say, in lower case, of a long value the beginning.

    >>> asked_strategies(b"Subject: to all\\r\\nConneg-Strategy: Common\\r\\n\\r\\nto all\\r\\n")
    ('common',)
    """
    found = _STRATEGY.findall(content, 0, _header_end(content, HEAD_OCTETS))
    values = (b" ".join(value.split()).decode("ascii", "replace").lower() for value in found)
    return tuple(value[:_MAX_SHOWN] for value in values)


def _header_end(head: bytes, limit: int | None = None) -> int:
    """Return where the header ends: before the first empty line, whose lines before it may end with CRLF or LF.

    Of a longer one it is where the first `limit` octets end.
    """
    end = len(head) if limit is None else min(limit, len(head))
    found = _EMPTY_LINE.search(head, 0, end)
    return found.start() if found is not None else end


@lru_cache(maxsize=1024)
def _from_domain(helo: str, address: str) -> str:
    """Extended-Domain of RFC 5321, 4.4: what a client says again and again, and where it says it from."""
    said = _NOT_IN_A_NAME.sub("", helo)[:255] or "unknown"
    return f"{said} ({_literal(address)})"


@lru_cache(maxsize=4)
def _date_time(date: datetime) -> str:
    """date-time of RFC 5322, 3.3; under load many messages come within one second."""
    return format_datetime(date)


def _literal(address: str) -> str:
    """address-literal of RFC 5321, 4.1.3; what is no IP address (a UNIX socket's peer) is `[unknown]`."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "[unknown]"
    return f"[{found}]" if found.version == 4 else f"[IPv6:{found}]"
