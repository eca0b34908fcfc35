"""CMS SignedData (RFC 5652, 5): read, and held against the one certificate that is meant to have made it.

Nothing else is asked of a signature here than whether this certificate's key made it over this content: no chain is
followed, and the certificates that come with it are not even read.
"""

from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyasn1.codec.ber import decoder as ber
from pyasn1.codec.der import encoder as der
from pyasn1.error import PyAsn1Error
from pyasn1.type import namedtype, tag, univ
from pyasn1_modules import rfc5280, rfc5652

from conneg.bounds import Bound
from conneg.signing.errors import SignatureError

MAX_SIGNATURE = Bound(
    name="signing.signature",
    value=64 * 1024,
    unit="octets of a detached signature",
    reason="one with a chain of certificates has under 10 KiB; larger ones bring revocation lists, or harm",
    answer="the signature counts as one that cannot be verified: what it signs is left alone",
)
MAX_OPAQUE = Bound(
    name="signing.opaque",
    value=16 * 1024 * 1024,
    unit="octets of a SignedData with its content inside",
    reason="reading one takes several times its size in memory",
    answer="the signature counts as one that cannot be verified: what it signs is left alone",
)
MAX_ELEMENTS = Bound(
    name="signing.elements",
    value=20_000,
    unit="elements of one SignedData",
    reason="mail programs cut long content into some thousand pieces; each element costs time, however short it is",
    answer="the signature counts as one that cannot be verified: what it signs is left alone",
)

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_DATA = "1.2.840.113549.1.7.1"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_RSA = frozenset(f"1.2.840.113549.1.1.{n}" for n in (1, 11, 12, 13))
_RSA_PSS = "1.2.840.113549.1.1.10"
_ECDSA = frozenset(f"1.2.840.10045.4.3.{n}" for n in (2, 3, 4))
_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}


class _ItemDecoder(ber.SingleItemDecoder):  # type: ignore[misc]
    """pyasn1's decoder of one element, counting; made for one SignedData."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._elements = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self._elements += 1
        MAX_ELEMENTS.check(self._elements, "a signature")
        return super().__call__(*args, **options)


class _StreamingDecoder(ber.StreamingDecoder):  # type: ignore[misc]
    SINGLE_ITEM_DECODER = _ItemDecoder


class _Decoder(ber.Decoder):  # type: ignore[misc]
    STREAMING_DECODER = _StreamingDecoder


def _context(number: int, *, constructed: bool = False) -> tag.Tag:
    form = tag.tagFormatConstructed if constructed else tag.tagFormatSimple
    return tag.Tag(tag.tagClassContext, form, number)


_ANY_SET = univ.SetOf(componentType=univ.Any())
_SIGNER_IDENTIFIER = univ.Choice(
    componentType=namedtype.NamedTypes(
        namedtype.NamedType(
            "issuerAndSerialNumber",
            univ.Sequence(
                componentType=namedtype.NamedTypes(
                    namedtype.NamedType("issuer", univ.Any()),
                    namedtype.NamedType("serialNumber", univ.Integer()),
                )
            ),
        ),
        namedtype.NamedType("subjectKeyIdentifier", univ.OctetString().subtype(implicitTag=_context(0))),
    )
)
_SIGNER_INFO = univ.Sequence(
    componentType=namedtype.NamedTypes(
        namedtype.NamedType("version", univ.Integer()),
        namedtype.NamedType("sid", _SIGNER_IDENTIFIER),
        namedtype.NamedType("digestAlgorithm", rfc5280.AlgorithmIdentifier()),
        namedtype.OptionalNamedType(
            "signedAttrs", rfc5652.SignedAttributes().subtype(implicitTag=_context(0))
        ),
        namedtype.NamedType("signatureAlgorithm", rfc5280.AlgorithmIdentifier()),
        namedtype.NamedType("signature", univ.OctetString()),
        namedtype.OptionalNamedType("unsignedAttrs", _ANY_SET.subtype(implicitTag=_context(1))),
    )
)
"""SignerInfo        ; RFC 5652, 5.3; names and attributes that are not needed stay octets."""
_SIGNED_DATA_TYPE = univ.Sequence(
    componentType=namedtype.NamedTypes(
        namedtype.NamedType("version", univ.Integer()),
        namedtype.NamedType("digestAlgorithms", _ANY_SET),
        namedtype.NamedType("encapContentInfo", rfc5652.EncapsulatedContentInfo()),
        namedtype.OptionalNamedType("certificates", _ANY_SET.subtype(implicitTag=_context(0))),
        namedtype.OptionalNamedType("crls", _ANY_SET.subtype(implicitTag=_context(1))),
        namedtype.NamedType("signerInfos", univ.SetOf(componentType=_SIGNER_INFO)),
    )
)
_CONTENT_INFO = univ.Sequence(
    componentType=namedtype.NamedTypes(
        namedtype.NamedType("contentType", univ.ObjectIdentifier()),
        namedtype.NamedType("content", _SIGNED_DATA_TYPE.subtype(explicitTag=_context(0))),
    )
)
"""ContentInfo with SignedData        ; RFC 5652, 3 and 5.1."""
_UNREADABLE = (PyAsn1Error, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What pyasn1 raises for octets that are none of its types."""


@dataclass(frozen=True, slots=True)
class SignedData:
    """One SignedData; `content` is what it carries inside, None if its signatures are detached."""

    content: bytes | None
    _signers: tuple[Any, ...] = field(repr=False)

    def check_signer(self, certificate: x509.Certificate, content: bytes | None = None) -> None:
        """Return if the one signature in it was made by the key of `certificate`, over `content` (None: its own).

        Raises `SignatureError`: also when others have signed beside, or the hash is one that no longer proves much.
        """
        content = self.content if content is None else content
        if content is None:
            raise SignatureError("the signature is detached, and what it signs is not there")
        if len(self._signers) != 1:
            raise SignatureError(f"it has {len(self._signers)} signatures, and one is expected")
        try:
            _check(self._signers[0], certificate, content)
        except InvalidSignature as error:
            raise SignatureError("the signature does not hold over the content") from error
        except (*_UNREADABLE, UnsupportedAlgorithm) as error:
            raise SignatureError("the signature cannot be read") from error


def read_signed_data(octets: bytes) -> SignedData:
    """Read a ContentInfo that holds a SignedData, in BER as mail programs write it.

    Raises `SignatureError`, and `BoundExceededError` above `MAX_OPAQUE` and `MAX_ELEMENTS`.
    """
    MAX_OPAQUE.check(len(octets))
    try:
        read, _ = _Decoder()(octets, asn1Spec=_CONTENT_INFO)
        if str(read["contentType"]) != _SIGNED_DATA:
            raise SignatureError("it is no SignedData")
        inside = read["content"]["encapContentInfo"]
        if str(inside["eContentType"]) != _DATA:
            raise SignatureError("it signs something other than data")
        content = bytes(inside["eContent"]) if inside["eContent"].hasValue() else None
        return SignedData(content, tuple(read["content"]["signerInfos"]))
    except _UNREADABLE as error:
        raise SignatureError("the signature cannot be read") from error


def _check(signer: Any, certificate: x509.Certificate, content: bytes) -> None:
    if not _names(signer["sid"], certificate):
        raise SignatureError("the signature was made with another certificate")
    hash_type = _HASHES.get(str(signer["digestAlgorithm"]["algorithm"]))
    if hash_type is None:
        raise SignatureError("the signature uses a hash that is not SHA-256, SHA-384 or SHA-512")
    if not signer["signedAttrs"].hasValue():
        # the octets of somebody's signed attributes, sent as content, would have a signature that holds
        raise SignatureError("the signature has no signed attributes")
    _check_attributes(signer["signedAttrs"], _digest(content, hash_type()))
    # what is signed is a SET OF in DER, whatever was sent (RFC 5652, 5.4)
    signed = der.encode(signer["signedAttrs"].clone(tagSet=univ.SetOf.tagSet, cloneValueFlag=True))
    _verify(
        certificate,
        str(signer["signatureAlgorithm"]["algorithm"]),
        bytes(signer["signature"]),
        signed,
        hash_type(),
    )


def _names(identifier: Any, certificate: x509.Certificate) -> bool:
    """Whether a SignerIdentifier means this certificate        ; RFC 5652, 5.3."""
    if identifier.getName() == "issuerAndSerialNumber":
        named = identifier["issuerAndSerialNumber"]
        issuer = certificate.issuer.public_bytes()
        return bytes(named["issuer"]) == issuer and int(named["serialNumber"]) == certificate.serial_number
    try:
        own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return False
    return bytes(identifier["subjectKeyIdentifier"]) == own


def _check_attributes(attributes: Any, digest: bytes) -> None:
    """content-type and message-digest, each once and with one value        ; RFC 5652, 11.1 and 11.2."""
    found: dict[str, list[bytes]] = {}
    for attribute in attributes:
        found.setdefault(str(attribute["attrType"]), []).extend(
            bytes(value) for value in attribute["attrValues"]
        )
    if found.get(_CONTENT_TYPE) != [der.encode(univ.ObjectIdentifier(_DATA))]:
        raise SignatureError("the signature is about another type of content")
    if found.get(_MESSAGE_DIGEST) != [der.encode(univ.OctetString(digest))]:
        raise SignatureError("the content is not what was signed")


def _digest(content: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(content)
    return digest.finalize()


def _verify(
    certificate: x509.Certificate,
    algorithm: str,
    signature: bytes,
    signed: bytes,
    digest: hashes.HashAlgorithm,
) -> None:
    """Raises `InvalidSignature`, or `SignatureError` for an algorithm that is not of the certificate's key."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and algorithm in _RSA:
        key.verify(signature, signed, padding.PKCS1v15(), digest)
    elif isinstance(key, rsa.RSAPublicKey) and algorithm == _RSA_PSS:
        key.verify(signature, signed, padding.PSS(padding.MGF1(digest), padding.PSS.AUTO), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm in _ECDSA:
        key.verify(signature, signed, ec.ECDSA(digest))
    else:
        raise SignatureError("the signature uses an algorithm that is not one of its certificate's key")
