"""What delivery and disposition reports say of their recipients' devices: Media-Accept-Features (RFC 2530).

In a DSN the field stands among those of a recipient (RFC 3464, 2.3), in an MDN among all (RFC 8098, 3.1).
Content-Features says in which form something went, not what can be taken, and is not looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from conneg.bounds import Bound
from conneg.mail.address import AddressError, parse_mailbox
from conneg.mail.body import decode_body
from conneg.mail.fields import Fields, read_fields
from conneg.mail.parts import Part, read_parts
from conneg.mail.xtext import read_utf8_address

MAX_REPORTED = Bound(
    name="mail.reported",
    value=1000,
    unit="recipients of one report whose devices are told of",
    reason="a report is about the recipients of one transaction",
    answer="what stands behind them is not read",
)

_DSN = frozenset({"message/delivery-status", "message/global-delivery-status"})
_MDN = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
_ADDRESS_TYPES = frozenset({"rfc822", "utf-8"})


@dataclass(frozen=True, slots=True)
class Reported:
    """That the recipient at `address`, as the sender wrote it, can take what `expression` says. Not checked."""

    address: str
    expression: str


def read_reported(content: bytes) -> tuple[Reported, ...]:
    """Return what a message reports; nothing if it is no report, or says nothing of devices.

    The end of `content` may be missing. Raises `conneg.errors.BoundExceededError`, as `read_parts` does.
    """
    root = read_parts(content)
    if root.media_type != "multipart/report":
        return ()
    found: list[Reported] = []
    for part in root.children:
        for fields in _groups(content, part):
            one = _read(fields)
            if one is not None and len(found) < MAX_REPORTED.value:
                found.append(one)
    return tuple(found)


def _groups(content: bytes, part: Part) -> Iterator[Fields]:
    """Yield the fields of each recipient in a report's machine-readable part; those about the message come first."""
    if part.media_type not in _DSN | _MDN:
        return
    body = decode_body(content, part)
    start = 0
    while start < len(body):
        fields = read_fields(body, start)
        if fields.body_start == start:  # a line that is no field
            return
        start = fields.body_start
        yield fields


def _read(fields: Fields) -> Reported | None:
    """Return what one group says; None if that is nothing to be kept.

    What came with `alternative-preferred` holds for that message only (RFC 3297, 6.2).
    """
    expression = fields.get("Media-Accept-Features")
    disposition = (fields.get("Disposition") or "").lower()
    if not expression or "alternative-preferred" in disposition:
        return None
    address = _address(fields.get("Original-Recipient")) or _address(fields.get("Final-Recipient"))
    return None if address is None else Reported(address, expression)


def _address(value: str | None) -> str | None:
    """address-type ";" generic-address (RFC 3464, 2.3.1); None for types that are not mail."""
    kind, semicolon, address = (value or "").partition(";")
    kind, address = kind.strip().lower(), address.strip().removeprefix("<").removesuffix(">")
    if not semicolon or kind not in _ADDRESS_TYPES:
        return None
    try:
        return str(parse_mailbox(read_utf8_address(address) if kind == "utf-8" else address))
    except AddressError:
        return None
