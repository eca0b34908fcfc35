"""The names that entries go by: an address, a pattern or a domain; and which of them speaks for a recipient.

The most particular entry wins: the address itself, then the longest pattern that fits, then the domain. Names compare
without regard to case. RFC 5321 (2.4) lets a local-part be case-sensitive, but advises against making use of it, and
the draft's own examples spell one recipient both `June@` and `june@`.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

from conneg.directory.model import DirectoryError

_QUOTED_ATOM = re.compile(r'"([^\s"\\@()<>,;:\[\]]+)"')
_DOMAIN = re.compile(r"\[[^\s\[\]]+\]|[^\s@\[\]()<>,;:\"=/+!#$%&'?^`{|}~*]+")
_DOMAIN_PATTERN = re.compile(r"[^\s@\[\]()<>,;:\"=/+!#$%&'?^`{|}~]+")


class EntryKind(StrEnum):
    """What an entry's name stands for."""

    ADDRESS = "address"
    PATTERN = "pattern"
    DOMAIN = "domain"


def kind_of(name: str) -> EntryKind:
    """Tell what `name` is by its looks: `*` makes a pattern, `@` an address, anything else is a domain."""
    if "*" in name:
        return EntryKind.PATTERN
    return EntryKind.ADDRESS if "@" in name else EntryKind.DOMAIN


def name_key(kind: EntryKind, name: str) -> str:
    """Return the form of `name` in which entries are stored and compared.

    Raises `DirectoryError` when `name` cannot be what `kind` says.
    """
    key = name.strip().lower()
    match kind:
        case EntryKind.ADDRESS:
            if "*" in name:
                raise DirectoryError(f"{name!r} is a pattern, not an address; it belongs with the patterns")
            key = address_key(name)
            local_part, at, domain = key.rpartition("@")
            if not at or not local_part or not _DOMAIN.fullmatch(domain):
                raise DirectoryError(f"{name!r} is not an address (write local-part@domain)")
        case EntryKind.PATTERN:
            if "*" not in key:
                raise DirectoryError(f"{name!r} is not a pattern: it has no *")
            if "@" not in key and not _DOMAIN_PATTERN.fullmatch(key):
                raise DirectoryError(f"{name!r} is not a pattern for domains; one for addresses has an @")
        case EntryKind.DOMAIN:
            key = _domain_key(key)
            if not _DOMAIN.fullmatch(key):
                raise DirectoryError(f"{name!r} is not a domain")
    return key


def address_key(address: str) -> str:
    """Return `address` in the form it is looked up by: no `<>`, small letters, no needless quotes or final dot."""
    text = address.strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    local_part, at, domain = text.rpartition("@")
    if not at:
        return text.lower()
    quoted = _QUOTED_ATOM.fullmatch(local_part)
    return f"{quoted[1] if quoted else local_part}@{_domain_key(domain)}".lower()


def domain_of(key: str) -> str:
    """Return the domain in the address `key`; nothing when it has none."""
    return key.rpartition("@")[2] if "@" in key else ""


class Patterns:
    """Patterns in the order in which they are tried: the one with most literal characters first."""

    __slots__ = ("_rows",)

    def __init__(self, patterns: Iterable[str]) -> None:
        """Take pattern keys, as `name_key` gives them."""
        ordered = sorted(set(patterns), key=lambda key: (key.count("*") - len(key), "@" not in key, key))
        self._rows = tuple((key, "@" in key, tuple(key.split("*"))) for key in ordered)

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, key: str) -> str | None:
        """Return the pattern that speaks for the address `key`; one without `@` is held against its domain."""
        domain = domain_of(key)
        for pattern, whole, pieces in self._rows:
            if _fits(pieces, key if whole else domain):
                return pattern
        return None


def _domain_key(domain: str) -> str:
    return domain.lower().removesuffix(".")


def _fits(pieces: tuple[str, ...], text: str) -> bool:
    """Tell whether `text` is `pieces` with anything between them; time grows with the lengths only, never with both
    powers of them, as it would with a regular expression of many stars."""
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    position, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True
