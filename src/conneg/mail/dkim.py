"""What DKIM-Signature fields say they cover (RFC 6376, 3.5); nothing is verified here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from conneg.bounds import Bound
from conneg.mail.fields import Fields

MAX_DKIM_SIGNATURES = Bound(
    name="mail.dkim-signatures",
    value=10,
    unit="DKIM-Signature fields that are read",
    reason="real mail has one to four; a verifier may stop at any number (RFC 6376, 6.1)",
    answer="the others are counted, not read",
)
_TAG = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9_]*)[ \t]*=(.*)", re.DOTALL)
_LONGEST_TAG_LIST = 8192


@dataclass(frozen=True, slots=True)
class DkimSignature:
    """One signature: the signing `domain` (d=), its `selector` (s=), the header `fields` that it covers (h=, in lower
    case), and how many octets of the canonical body it covers (l=; None: all of it).
    """

    domain: str
    selector: str
    fields: tuple[str, ...]
    body_octets: int | None = None

    @property
    def covers_body(self) -> bool:
        """Whether the body, or the beginning of it, is covered: all but `l=0`."""
        return self.body_octets != 0


def dkim_signatures(fields: Fields) -> tuple[DkimSignature, ...]:
    """Return the signatures of a header, topmost first; what is no signature of DKIM's version 1 is left out.

    Reads at most `MAX_DKIM_SIGNATURES` fields of at most 8 KiB each.
    """
    values = fields.get_all("DKIM-Signature")[: MAX_DKIM_SIGNATURES.value]
    read = (_signature(read_tags(value)) for value in values if len(value) <= _LONGEST_TAG_LIST)
    return tuple(signature for signature in read if signature is not None)


def read_tags(value: str) -> Mapping[str, str]:
    """tag-list = tag-spec *( ";" tag-spec ) [ ";" ]        ; RFC 6376, 3.2.

    Empty where a tag is wrong or comes twice.
    """
    tags: dict[str, str] = {}
    for spec in value.split(";"):
        if not spec.strip():
            continue
        found = _TAG.fullmatch(spec)
        if found is None or found[1] in tags:
            return {}
        tags[found[1]] = found[2].strip()
    return tags


def _signature(tags: Mapping[str, str]) -> DkimSignature | None:
    if tags.get("v") != "1" or not all(tags.get(tag) for tag in ("a", "b", "bh", "d", "h", "s")):
        return None
    length = tags.get("l")
    if length is not None and re.fullmatch(r"[0-9]{1,76}", length) is None:
        return None
    return DkimSignature(
        domain=tags["d"].lower(),
        selector=tags["s"].lower(),
        fields=tuple(name.strip().lower() for name in tags["h"].split(":")),
        body_octets=None if length is None else int(length),
    )
