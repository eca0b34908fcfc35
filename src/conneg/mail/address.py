"""Mailboxes of SMTP (RFC 5321, 4.1.2 and 4.1.3; RFC 6531, 3.3): text in, a value whose equal forms are equal,
text out.

A quoted local-part and the same local-part written plainly are the same mailbox (RFC 5321, 4.1.2), so the
value keeps what the local-part means and writes quotes only where they are needed.
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

from conneg.bounds import Bound
from conneg.errors import ConnegError

MAX_MAILBOX = Bound(
    name="mail.mailbox",
    value=254,
    unit="octets in an address",
    reason="a path is 256 octets with its angle brackets (RFC 5321, 4.5.3.1.3)",
    answer="AddressError; an SMTP server answers 553 5.1.3",
)

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e\x80-\U0010ffff]|\\[\x20-\x7e])*)"')
_QUOTED_PAIR = re.compile(r"\\(.)")
# The underscore is not in the grammar of sub-domain, but hosts with one do send and receive mail.
_LABEL = r"[A-Za-z0-9_\x80-\U0010ffff](?:[A-Za-z0-9_\-\x80-\U0010ffff]*[A-Za-z0-9_\x80-\U0010ffff])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_GENERAL_LITERAL = re.compile(r"\[[A-Za-z0-9\-]*[A-Za-z0-9]:[\x21-\x5a\x5e-\x7e]+\]")


class AddressError(ConnegError):
    """Text that is no mailbox; the message says which part of it is wrong."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox. `local_part` is what it means, without quotes; `domain` is a domain name or `[...]`
    literal.
    """

    local_part: str
    domain: str

    @property
    def key(self) -> str:
        """The mailbox with its domain in lower case: equal for addresses that are the same.

        The local-part keeps its case, as only its own host may say that it does not matter (RFC 5321, 2.4).
        """
        return f"{_write_local_part(self.local_part)}@{unicodedata.normalize('NFC', self.domain).lower()}"

    @property
    def is_ascii(self) -> bool:
        """Whether it can be used without SMTPUTF8 (RFC 6531)."""
        return self.local_part.isascii() and self.domain.isascii()

    def __str__(self) -> str:
        return f"{_write_local_part(self.local_part)}@{self.domain}"


def parse_mailbox(text: str) -> Mailbox:
    """Mailbox = Local-part "@" ( Domain / address-literal )        ; RFC 5321, 4.1.2; RFC 6531, 3.3.

    `text` stands without angle brackets. Raises `AddressError`.
    """
    if _octets(text) > MAX_MAILBOX.value:
        raise AddressError(f"an address is too long: {MAX_MAILBOX.exceeded()}")
    local_part, rest = _read_local_part(text)
    if not rest.startswith("@"):
        raise AddressError(f"{text!r}: '@' expected after the local-part", hint="write user@domain")
    return Mailbox(local_part, _read_domain(rest[1:], text))


def _octets(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _read_local_part(text: str) -> tuple[str, str]:
    """Local-part = Dot-string / Quoted-string; returns its meaning and what follows."""
    if quoted := _QUOTED_STRING.match(text):
        return _QUOTED_PAIR.sub(r"\1", _printable(quoted[1], text)), text[quoted.end() :]
    plain = _DOT_STRING.match(text)
    if plain is None:
        raise AddressError(f"{text!r}: the local-part is missing or begins with a character it cannot have")
    return _printable(plain[0], text), text[plain.end() :]


def _printable(found: str, text: str) -> str:
    """UTF8-non-ascii (RFC 6531, 3.3) is a whole character: no lone surrogate, no control."""
    if not found.isascii() and any(unicodedata.category(char) in {"Cc", "Cs"} for char in found):
        raise AddressError(f"{text!r}: a control character or a broken one")
    return found


def _read_domain(domain: str, text: str) -> str:
    if domain.startswith("["):
        return _read_literal(domain, text)
    if _DOMAIN.fullmatch(domain) is None:
        raise AddressError(f"{text!r}: {domain!r} is no domain name", hint="write user@domain")
    return _printable(domain, text)


def _read_literal(literal: str, text: str) -> str:
    """address-literal = "[" ( IPv4 / "IPv6:" IPv6 / General ) "]"        ; RFC 5321, 4.1.3."""
    inner = literal[1:-1] if literal.endswith("]") else ""
    try:
        if inner.lower().startswith("ipv6:"):
            ipaddress.IPv6Address(inner[5:])
        elif not _GENERAL_LITERAL.fullmatch(literal):
            ipaddress.IPv4Address(inner)
    except ValueError as error:
        raise AddressError(f"{text!r}: {literal!r} is no address literal ({error})") from error
    return literal


def _write_local_part(local_part: str) -> str:
    if _DOT_STRING.fullmatch(local_part):
        return local_part
    return '"' + re.sub(r'([\\"])', r"\\\1", local_part) + '"'
