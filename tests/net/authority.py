"""Certificate authorities of the tests: certificates with chains, also such as no authority would sign."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conneg.net import CertificateFiles

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key."""

    x509: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.x509.public_bytes(serialization.Encoding.DER)

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def pem(self) -> bytes:
        return self.x509.public_bytes(serialization.Encoding.PEM)


def authority(name: str = "The Authority", issuer: Certificate | None = None) -> Certificate:
    """A self-signed authority, or one below `issuer`."""
    return _make(name, (), issuer, is_authority=True)


def server(
    *names: str, issuer: Certificate | None = None, days: int = 2, is_client: bool = False
) -> Certificate:
    """A certificate for host `names`, self-signed without `issuer`; it ends in `days`, which may be negative."""
    return _make(names[0], names, issuer, days=days, is_client=is_client)


def write(folder: Path, name: str, shown: Certificate, *above: Certificate) -> CertificateFiles:
    """Write what a server needs to show this chain, to clients that ask for the names in it."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(b"".join(one.pem for one in (shown, *above)))
    key.write_bytes(
        shown.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return CertificateFiles(certificate, key, (name,))


def _make(
    name: str,
    hosts: tuple[str, ...],
    issuer: Certificate | None,
    *,
    days: int = 30,
    is_authority: bool = False,
    is_client: bool = False,
) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    end = datetime.now(UTC) + days * _DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.x509.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - 90 * _DAY)
        .not_valid_after(end)
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    if is_authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if is_client:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(usage, critical=False)
    return Certificate(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)
