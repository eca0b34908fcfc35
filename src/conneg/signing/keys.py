"""Private keys and certificates from PEM files: read in the gateway's own process, checked before mail comes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from conneg.bounds import Bound
from conneg.signing.errors import SigningError

SmimeKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
DkimKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

MIN_RSA_BITS = Bound(
    name="signing.rsa-bits",
    value=2048,
    unit="bits of an RSA key",
    reason="shorter ones are not to be signed with (RFC 8551, 4.4; RFC 8301, 3.2)",
    answer="SigningError at start: the configuration is wrong",
)
_LARGEST_FILE = 1 << 20
_EMAIL_USAGES = frozenset({ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


@dataclass(frozen=True, slots=True)
class Identity:
    """A signer's certificate with its private key, and the certificates between it and its authority."""

    certificate: x509.Certificate
    key: SmimeKey
    intermediates: tuple[x509.Certificate, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The mail addresses in the certificate (RFC 8550, 3), as they are written there."""
        return _addresses(self.certificate)

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the certificate is within its dates."""
        return self.certificate.not_valid_before_utc <= moment <= self.certificate.not_valid_after_utc


def read_identity(certificate: Path, key: Path, intermediates: Path | None = None) -> Identity:
    """Read a signer for S/MIME; what it is worth now is checked too. Raises `SigningError`, naming the file."""
    chain = _certificates(certificate)
    if intermediates is not None:
        chain += _certificates(intermediates)
    private = _private_key(key)
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise SigningError(f"{key}: S/MIME is signed with RSA or EC keys, and this is neither")
    _check_bits(private, key)
    if _public_octets(private) != _public_octets(chain[0]):
        raise SigningError(f"{key}: the key does not belong to the certificate in {certificate}")
    identity = Identity(chain[0], private, tuple(chain[1:]))
    _check_use(identity, certificate)
    return identity


def read_dkim_key(path: Path) -> DkimKey:
    """Read a key for DKIM: RSA, or Ed25519 (RFC 8463). Raises `SigningError`, naming the file."""
    key = _private_key(path)
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise SigningError(f"{path}: DKIM is signed with RSA or Ed25519 keys, and this is neither")
    _check_bits(key, path)
    return key


def _private_key(path: Path) -> PrivateKeyTypes:
    read: Callable[..., PrivateKeyTypes] = serialization.load_pem_private_key
    try:
        return read(_octets(path), password=None)
    except TypeError as error:
        raise SigningError(
            f"{path}: the key is under a password; take it off, and let only us read it"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningError(f"{path}: no private key in PEM form") from error


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_octets(path))
    except ValueError as error:
        raise SigningError(f"{path}: no certificate in PEM form") from error


def _octets(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_FILE)
    except OSError as error:
        raise SigningError(f"{path}: cannot be read: {error.strerror}") from error


def _check_bits(key: PrivateKeyTypes, path: Path) -> None:
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < MIN_RSA_BITS.value:
        raise SigningError(f"{path}: an RSA key of {key.key_size} bits; {MIN_RSA_BITS.value} are the least")


def _check_use(identity: Identity, path: Path) -> None:
    """Within its dates, and for signing mail (RFC 8550, 4.4.2 and 4.4.4)."""
    certificate, now = identity.certificate, datetime.now(UTC)
    if now > certificate.not_valid_after_utc:
        raise SigningError(f"{path}: the certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if now < certificate.not_valid_before_utc:
        raise SigningError(
            f"{path}: the certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d} on"
        )
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.digital_signature and not usage.content_commitment:
            raise SigningError(f"{path}: the certificate is not for signatures (keyUsage)")
    except x509.ExtensionNotFound:
        pass
    try:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if _EMAIL_USAGES.isdisjoint(extended):
            raise SigningError(f"{path}: the certificate is not for mail (extendedKeyUsage)")
    except x509.ExtensionNotFound:
        pass


def _addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [str(name) for name in names.get_values_for_type(x509.RFC822Name)]
    except x509.ExtensionNotFound:
        found = []
    old = certificate.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS)
    return tuple(dict.fromkeys([*found, *(str(attribute.value) for attribute in old)]))


def _public_octets(owner: PrivateKeyTypes | x509.Certificate) -> bytes:
    return owner.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
