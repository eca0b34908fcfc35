"""Content in octets above 127 for a next hop that takes only seven bits (RFC 6152, 3): the same parts, in base64.

A body that is seven bits already stays octet for octet, and so does every header field but Content-Transfer-Encoding.
"""

from conneg.mail.body import decode_body, write_base64
from conneg.mail.parts import Part, read_parts
from conneg.mail.protection import find_protected

_ENCODING = "Content-Transfer-Encoding"


def is_seven_bits(content: bytes) -> bool:
    """Whether no octet is above 127."""
    return content.isascii()


def needs_eight_bits(content: bytes) -> bool:
    """Whether a signed or encrypted part has octets above 127, so that coding it anew would break what protects it.

    Raises the bounds of `read_parts`.
    """
    return any(
        not content[found.part.body_start : found.part.body_end].isascii()
        for found in find_protected(read_parts(content), content)
    )


def in_seven_bits(content: bytes) -> bytes:
    """Return `content` with each part that has octets above 127 in base64; raises the bounds of `read_parts`.

    Octets above 127 in header fields stay: only SMTPUTF8 could carry those rightly, and no encoding of ours could.
    """
    root = read_parts(content)
    eol = b"\r\n" if b"\r\n" in content else b"\n"
    edits: list[tuple[int, int, bytes]] = []
    for part in root.walk():
        if content[part.body_start : part.body_end].isascii():
            continue
        edits.append(_encoding_field(content, part, b"7bit" if part.children else b"base64", eol))
        if not part.children:
            edits.append((part.body_start, part.body_end, _body(content, part, eol)))
    pieces, position = [], 0
    for start, end, octets in sorted(edits):
        pieces += [content[position:start], octets]
        position = end
    return b"".join([*pieces, content[position:]])


def _body(content: bytes, part: Part, eol: bytes) -> bytes:
    ended = content[part.body_start : part.body_end].endswith(eol)
    return write_base64(decode_body(content, part), eol) + (eol if ended else b"")


def _encoding_field(content: bytes, part: Part, encoding: bytes, eol: bytes) -> tuple[int, int, bytes]:
    """Return the edit that makes the header say `encoding`."""
    line = _ENCODING.encode() + b": " + encoding + eol
    old = part.fields.first(_ENCODING)
    if old is not None:
        return (old.start, old.end, line)
    end = part.fields[-1].end if len(part.fields) else part.header_start
    return (end, end, line)
