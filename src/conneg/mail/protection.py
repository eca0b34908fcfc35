"""What protects the parts of a message: signatures and encryption of S/MIME (RFC 8551) and OpenPGP (RFC 3156).

Recognition only: nothing here says that a signature is right, or whose it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from conneg.mail.body import decode_body
from conneg.mail.parts import Part

PKCS7_SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
PKCS7_MIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
PGP_SIGNATURE = "application/pgp-signature"
_PGP_ENCRYPTED = "application/pgp-encrypted"

_ARMOUR = re.compile(rb"^-----BEGIN PGP (SIGNED MESSAGE|MESSAGE)-----[ \t]*\r?$", re.MULTILINE)
_SMIME_EXTENSION = re.compile(r"\.p7[mcsz]$", re.IGNORECASE)
_CONTENT_TYPE_PREFIX = bytes.fromhex("2a864886f70d01")
"""The object identifiers 1.2.840.113549.1 in DER; 7.n are those of PKCS #7, 9.16.1.n those of S/MIME."""
_FIRST_OCTETS = 64
"""A ContentInfo begins with its type: two headers of at most six octets stand before it."""


class Protection(StrEnum):
    """What was done to a part, in words that fit between "is" and "by"."""

    SMIME_SIGNED = "S/MIME-signed"
    SMIME_ENCRYPTED = "S/MIME-encrypted"
    SMIME_COMPRESSED = "S/MIME-compressed"
    SMIME_CERTIFICATES = "a bag of S/MIME certificates"
    SMIME = "S/MIME-signed or encrypted"
    PGP_SIGNED = "OpenPGP-signed"
    PGP_ENCRYPTED = "OpenPGP-encrypted"
    SIGNED = "signed"
    ENCRYPTED = "encrypted"


@dataclass(frozen=True, slots=True)
class ProtectedPart:
    """A part, or all that is in it, that cannot be changed without breaking `protection`."""

    part: Part
    protection: Protection


def find_protected(root: Part, content: bytes | None = None) -> Iterator[ProtectedPart]:
    """Yield the protected parts at or below `root`, outermost only, in order.

    `content` is what `root` was read from: without it OpenPGP armour inside texts is not looked for, and an S/MIME
    message that does not say its `smime-type` is not looked into.
    """
    protection = protection_of(root, content)
    if protection is not None:
        yield ProtectedPart(root, protection)
        return
    for child in root.children:
        yield from find_protected(child, content)


def protection_of(part: Part, content: bytes | None = None) -> Protection | None:
    """Return what protects `part` and everything in it; None if nothing does."""
    match part.media_type:
        case "multipart/signed":
            return _signed(part)
        case "multipart/encrypted":
            is_pgp = part.parameters.get("protocol", "").lower() == _PGP_ENCRYPTED
            return Protection.PGP_ENCRYPTED if is_pgp else Protection.ENCRYPTED
        case "application/pgp-encrypted":
            return Protection.PGP_ENCRYPTED
        case "text/plain" if content is not None and not part.children:
            return _armoured(decode_body(content, part))
        case _ if part.media_type in PKCS7_MIME or _is_smime_by_name(part):
            return _smime(part, content)
        case _:
            return None


def _signed(part: Part) -> Protection:
    """multipart/signed; protocol=...        ; RFC 1847, 2.1; the second part's type where it does not say."""
    protocol = part.parameters.get("protocol", "").lower()
    if not protocol and len(part.children) > 1:
        protocol = part.children[1].media_type
    if protocol in PKCS7_SIGNATURES:
        return Protection.SMIME_SIGNED
    return Protection.PGP_SIGNED if protocol == PGP_SIGNATURE else Protection.SIGNED


def _is_smime_by_name(part: Part) -> bool:
    """Old clients send application/octet-stream, and a name that tells (RFC 8551, 3.9)."""
    named = part.filename or ""
    return part.media_type == "application/octet-stream" and _SMIME_EXTENSION.search(named) is not None


def _smime(part: Part, content: bytes | None) -> Protection:
    """Tell by smime-type (RFC 8551, 3.2.2), else by the type of the ContentInfo itself."""
    match part.parameters.get("smime-type", "").lower():
        case "signed-data" | "signed-receipt":
            return Protection.SMIME_SIGNED
        case "enveloped-data" | "authenveloped-data":
            return Protection.SMIME_ENCRYPTED
        case "compressed-data":
            return Protection.SMIME_COMPRESSED
        case "certs-only":
            return Protection.SMIME_CERTIFICATES
        case _:
            return Protection.SMIME if content is None else _by_content_type(decode_body(content, part))


def _by_content_type(octets: bytes) -> Protection:
    """contentType of a ContentInfo        ; RFC 5652, 3; RFC 5083; RFC 3274."""
    _, found, rest = octets[:_FIRST_OCTETS].partition(_CONTENT_TYPE_PREFIX)
    if not found:
        return Protection.SMIME
    if rest.startswith(b"\x07\x02"):
        return Protection.SMIME_SIGNED
    if rest.startswith((b"\x07\x03", b"\x09\x10\x01\x17")):
        return Protection.SMIME_ENCRYPTED
    return Protection.SMIME_COMPRESSED if rest.startswith(b"\x09\x10\x01\x09") else Protection.SMIME


def _armoured(text: bytes) -> Protection | None:
    """OpenPGP armour in a text        ; RFC 9580, 6.2 and 7."""
    found = _ARMOUR.search(text)
    if found is None:
        return None
    return Protection.PGP_SIGNED if found[1] == b"SIGNED MESSAGE" else Protection.PGP_ENCRYPTED
