"""The transfer encodings of MIME (RFC 2045, section 6): octets of a part's body to what they stand for, and
back.
"""

import binascii
import re

from conneg.mail.parts import Part
from conneg.mail.words import read_base64

_LINE_LENGTH = 76  # RFC 2045, 6.8
_SPACE_BEFORE_LINE_END = re.compile(rb"[ \t](?:\r?\n|\Z)")


def decode_body(content: bytes, part: Part) -> bytes:
    """Return the body of `part`, its transfer encoding undone; never raises.

    An encoding that is not known leaves the octets as they are, as do 7bit, 8bit and binary.
    """
    body = content[part.body_start : part.body_end]
    match part.encoding:
        case "base64":
            return read_base64(body)
        case "quoted-printable":
            return read_quoted_printable(body)
        case _:
            return body


def read_quoted_printable(octets: bytes) -> bytes:
    """Decode quoted-printable (RFC 2045, 6.7); what is no valid coding stays as it is."""
    if _SPACE_BEFORE_LINE_END.search(octets):
        # White space at a line's end was added on the way (6.7, rule 3).
        octets = b"\n".join(_strip_padding(line) for line in octets.split(b"\n"))
    return binascii.a2b_qp(octets)


def _strip_padding(line: bytes) -> bytes:
    return line[:-1].rstrip(b" \t") + b"\r" if line.endswith(b"\r") else line.rstrip(b" \t")


def octets_in_base64(octets: int) -> int:
    """Return how many octets so many are in base64, in lines of 76 characters that end in CRLF (RFC 2045, 6.8)."""
    characters = -(-octets // 3) * 4
    return characters + 2 * -(-characters // 76)


def write_base64(octets: bytes, eol: bytes = b"\r\n") -> bytes:
    """Encode as base64 in lines of 76 characters; the last has no line end."""
    coded = binascii.b2a_base64(octets, newline=False)
    return eol.join(coded[start : start + _LINE_LENGTH] for start in range(0, len(coded), _LINE_LENGTH))


def write_quoted_printable(octets: bytes, eol: bytes = b"\r\n") -> bytes | None:
    """Encode lines of text as quoted-printable (RFC 2045, 6.7) with `eol` for their ends.

    None for what that would not give back octet for octet: a line end of another kind, or a CR by itself.
    """
    lines = octets.replace(eol, b"\n")
    if b"\r" in lines or lines.count(b"\n") != octets.count(eol):
        return None
    return binascii.b2a_qp(lines, istext=True).replace(b"\n", eol)
