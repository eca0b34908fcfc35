"""S/MIME (RFC 8551): what a configured signer signed is taken out of its signature, and signed again once changed.

The rule: content is signed again only if the whole message was signed, once, its From field names one mailbox of a
configured signer, and the signature on it holds and was made with that very signer's certificate. So a signature is
never put over what had a broken one, or somebody else's, or none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from conneg.errors import BoundExceededError
from conneg.mail import (
    Mailbox,
    Part,
    Protection,
    SignedEntity,
    decode_body,
    find_protected,
    from_mailbox,
    in_seven_bits,
    is_seven_bits,
    protection_of,
    read_parts,
    read_signed,
    write_signed,
)
from conneg.signing.cms import MAX_SIGNATURE, read_signed_data
from conneg.signing.errors import SignatureError
from conneg.signing.keys import Identity

_MICALG = "sha-256"


@dataclass(frozen=True, slots=True)
class SmimeSigner:
    """Someone for whom we may sign: `addresses` are mailboxes, or domains for everyone there, in lower case."""

    addresses: tuple[str, ...]
    identity: Identity

    def signs_for(self, mailbox: Mailbox) -> bool:
        """Whether mail from that mailbox is signed with this identity."""
        return mailbox.key.lower() in self.addresses or mailbox.domain.lower() in self.addresses

    def sign(self, entity: bytes) -> bytes:
        """Return the detached signature, in DER, over a MIME entity in canonical form (RFC 8551, 3.1.1)."""
        identity = self.identity
        builder = pkcs7.PKCS7SignatureBuilder().set_data(entity)
        builder = builder.add_signer(identity.certificate, identity.key, hashes.SHA256())
        for certificate in identity.intermediates:
            builder = builder.add_certificate(certificate)
        options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
        return builder.sign(serialization.Encoding.DER, options)


@dataclass(frozen=True, slots=True)
class Opened:
    """A message whose signature holds and can be made again; `entity` is what was signed, header and body."""

    content: bytes
    root: Part
    entity: bytes
    signer: SmimeSigner
    author: Mailbox

    @property
    def words(self) -> str:
        """What is to be said of it behind "is"."""
        return f"S/MIME-signed by {self.author}"

    def sign(self, entity: bytes) -> bytes:
        """Return the message with `entity` in the place of what was signed, signed anew; in seven bits, since what is
        coded anew on the way would break the signature (RFC 8551, 3.1.3).
        """
        if not is_seven_bits(entity):
            entity = in_seven_bits(entity)
        signed = SignedEntity(entity, self.signer.sign(entity))
        return write_signed(self.content, self.root, signed, micalg=_MICALG)


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A message that is signed as a whole, and is not signed again because `reason`."""

    protection: Protection
    reason: str

    @property
    def words(self) -> str:
        """What is to be said of it behind "is"."""
        return f"{self.protection} ({self.reason})"


def open_signed(
    content: bytes,
    root: Part,
    signers: Sequence[SmimeSigner],
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Opened | LeftAlone | None:
    """Say what can be done with the message `content` (its tree is `root`); None unless all of it is S/MIME-signed."""
    if protection_of(root, content) is not Protection.SMIME_SIGNED:
        return None
    author = from_mailbox(root.fields)
    if author is None:
        return LeftAlone(Protection.SMIME_SIGNED, "its From field does not name one mailbox")
    signer = next((one for one in signers if one.signs_for(author)), None)
    if signer is None:
        return LeftAlone(Protection.SMIME_SIGNED, f"no key is configured to sign for {author}")
    if not signer.identity.is_valid_at(now()):
        return LeftAlone(Protection.SMIME_SIGNED, f"the certificate to sign for {author} is out of its dates")
    try:
        entity = _verified_entity(content, root, signer)
        inside = read_parts(entity)
    except (SignatureError, BoundExceededError) as error:
        return LeftAlone(Protection.SMIME_SIGNED, f"not signed again: {error}")
    protected = next(find_protected(inside, entity), None)
    if protected is not None:
        return LeftAlone(
            Protection.SMIME_SIGNED, f"not signed again: part of what was signed is {protected.protection}"
        )
    return Opened(content, root, entity, signer, author)


def _verified_entity(content: bytes, root: Part, signer: SmimeSigner) -> bytes:
    """Return what was signed. Raises `SignatureError` unless `signer` signed it and the signature holds."""
    if root.media_type != "multipart/signed":
        inside = read_signed_data(decode_body(content, root))
        inside.check_signer(signer.identity.certificate)
        return inside.content or b""
    signed = read_signed(content, root)
    if signed is None:
        raise SignatureError("it is not one part and its signature")
    MAX_SIGNATURE.check(len(signed.signature))
    read_signed_data(signed.signature).check_signer(signer.identity.certificate, signed.entity)
    return signed.entity
