"""multipart/signed (RFC 1847, 2.1): the signed entity and its signature taken out, and put together anew."""

from dataclasses import dataclass

from conneg.mail.body import decode_body, write_base64
from conneg.mail.fields import write_field
from conneg.mail.parts import Part
from conneg.mail.protection import PKCS7_SIGNATURES
from conneg.mail.splice import kept_fields, new_boundary
from conneg.mail.words import write_parameter

_EOL = b"\r\n"


@dataclass(frozen=True, slots=True)
class SignedEntity:
    """A MIME entity, header and body, in the octets that were signed; `signature` is detached, its coding undone."""

    entity: bytes
    signature: bytes


def read_signed(content: bytes, part: Part) -> SignedEntity | None:
    """Return what the multipart/signed `part` of `content` holds; None unless it is two parts, the second a CMS
    signature (RFC 8551, 3.5.3).

    The line end before the delimiter is the delimiter's, and not signed (RFC 1847, 2.1).
    """
    if len(part.children) != 2 or part.children[1].media_type not in PKCS7_SIGNATURES:
        return None
    entity, signature = part.children
    return SignedEntity(content[entity.header_start : entity.body_end], decode_body(content, signature))


def write_signed(content: bytes, root: Part, signed: SignedEntity, *, micalg: str) -> bytes:
    """Return the message `content` (its tree is `root`) with a body of `signed`; its own fields stay.

    The fields that describe a body are those of the new one. `micalg` is the hash's name (RFC 8551, 3.5.3.2).
    """
    boundary = new_boundary(content + signed.entity, root.id)
    parameters = {"protocol": "application/pkcs7-signature", "micalg": micalg, "boundary": boundary}
    written = "; ".join(write_parameter(name, value) for name, value in parameters.items())
    delimiter = b"--" + boundary.encode()
    mime_version = b"" if root.fields.first("MIME-Version") is not None else b"MIME-Version: 1.0\r\n"
    return b"".join(
        [
            kept_fields(content, root, _EOL),
            mime_version,
            write_field("Content-Type", f"multipart/signed; {written}"),
            _EOL,
            b"This is an S/MIME signed message.\r\n",
            delimiter + _EOL,
            signed.entity,
            _EOL + delimiter + _EOL,
            write_field("Content-Type", 'application/pkcs7-signature; name="smime.p7s"'),
            write_field("Content-Transfer-Encoding", "base64"),
            write_field("Content-Disposition", 'attachment; filename="smime.p7s"'),
            _EOL,
            write_base64(signed.signature),
            _EOL + delimiter + b"--" + _EOL,
        ]
    )
