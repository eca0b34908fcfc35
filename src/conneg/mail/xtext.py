"""xtext, the coding of ENVID and ORCPT values (RFC 3461, section 4), and the `utf-8` address type (RFC 6533,
section 3).
"""

import re

_HEXCHAR = re.compile(r"\+([0-9A-Fa-f]{2})")
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_PLAIN = frozenset(range(0x21, 0x7F)) - {ord("+"), ord("=")}


def read_xtext(text: str) -> str:
    """Return what `text` means; a `+` that two hexadecimal digits do not follow stays as it is.

    >>> read_xtext("rfc822;FAX+3D+2B390408565@fax.example")
    'rfc822;FAX=+390408565@fax.example'
    """
    return _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), text)


def write_xtext(text: str) -> str:
    """xtext = *( xchar / hexchar ). Characters outside ASCII are coded as the octets of their UTF-8 form.

    >>> write_xtext("FAX=+390408565")
    'FAX+3D+2B390408565'
    """
    return "".join(
        chr(octet) if octet in _PLAIN else f"+{octet:02X}" for octet in text.encode("utf-8", "replace")
    )


def write_utf8_address(address: str) -> str:
    r"""utf-8-addr-xtext: an address in ASCII only, other characters as `\x{HEXPOINT}` (RFC 6533, section 3).

    >>> print(write_utf8_address("jürgen@fax.example"))
    j\x{FC}rgen@fax.example
    """
    return "".join(
        char if ord(char) in _PLAIN and char != "\\" else rf"\x{{{ord(char):02X}}}" for char in address
    )


def read_utf8_address(text: str) -> str:
    r"""Return the address that `write_utf8_address` wrote; what is no code point stays as it is."""
    return _EMBEDDED.sub(_embedded_character, text)


def _embedded_character(found: re.Match[str]) -> str:
    point = int(found[1], 16)
    return found[0] if point > 0x10FFFF or 0xD800 <= point < 0xE000 else chr(point)
