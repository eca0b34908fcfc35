"""XCLIENT (Postfix's XCLIENT_README): a proxy that is trusted says for which client it speaks."""

import ipaddress
import re
from collections.abc import Mapping

from conneg.smtp.grammar import words_of

XCLIENT_ATTRIBUTES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN")
"""Those that are understood; EHLO lists them."""

UNKNOWN = frozenset({"[UNAVAILABLE]", "[TEMPUNAVAIL]"})
"""How a proxy says that it does not know a value."""

_HEX = re.compile(r"\+([0-9A-F]{2})")


def read_xclient(argument: str) -> Mapping[str, str] | None:
    """xclient = "XCLIENT" 1*( SP attribute-name "=" attribute-value ), values in xtext.

    Returns attribute name in capitals -> value, "" for one that the proxy does not know; None if the form is wrong, an
    attribute is unknown or comes twice, or an address or port is none.
    """
    attributes: dict[str, str] = {}
    for word in words_of(argument):
        name, separator, value = word.partition("=")
        name = name.upper()
        if not separator or name not in XCLIENT_ATTRIBUTES or name in attributes:
            return None
        value = "" if value.upper() in UNKNOWN else _decode(value)
        if not value.isprintable() or (value and not _is_right(name, value)):
            return None
        attributes[name] = value.removeprefix("IPV6:") if name == "ADDR" else value
    return attributes or None


def _decode(value: str) -> str:
    octets = _HEX.sub(lambda found: chr(int(found[1], 16)), value)
    try:
        return octets.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return octets


def _is_right(name: str, value: str) -> bool:
    match name:
        case "ADDR":
            if "%" in value:  # a zone, which is anything at all and means nothing on another host
                return False
            try:
                ipaddress.ip_address(value.removeprefix("IPV6:"))
            except ValueError:
                return False
            return True
        case "PORT":
            return value.isascii() and value.isdigit() and int(value) < 65536
        case "PROTO":
            return value in ("SMTP", "ESMTP")
        case _:
            return len(value) <= 255 and not any(char in value for char in "<>()\\ ")
