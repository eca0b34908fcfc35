"""The path from a server's certificate to a trust anchor of DANE-TA (RFC 7671, 5.2), by the library cryptography.

Stricter than RFC 5280 where the library is (keys and digests that are weak are refused), and no stricter than mail
needs: certificates of private authorities lack extensions that browsers ask for.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

_GOOD_FOR = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)


def check_path(
    anchor: bytes, chain: Sequence[bytes], names: Sequence[str], at: datetime | None = None
) -> str | None:
    """Return None if a path leads from `chain[0]` to `anchor` (DER) and it is for one of `names`; else why not.

    Names are compared with the certificate's DNS-IDs, `*` standing for the whole first label (RFC 7672, 3.2.3); its
    common name is not looked at. `at` is the moment for which certificates must be valid (None: now).
    """
    try:
        certificates = [x509.load_der_x509_certificate(one) for one in chain]
        builder = (
            PolicyBuilder()
            .store(Store([x509.load_der_x509_certificate(anchor)]))
            .time(at or datetime.now(UTC))
            .extension_policies(ca_policy=_AUTHORITY, ee_policy=_SERVER)
        )
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        return _one_line(error)
    reason = "no name to compare with"
    for name in names:
        try:
            builder.build_server_verifier(x509.DNSName(name)).verify(certificates[0], certificates[1:])
        except (
            VerificationError,
            ValueError,
            UnsupportedAlgorithm,
            x509.UnsupportedGeneralNameType,
        ) as error:
            reason = _one_line(error)
        else:
            return None
    return reason


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split(" (encountered")[0].split())


def _may_sign(policy: Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    """KeyUsage, where an authority has it, lets it sign certificates (RFC 5280, 4.2.1.3)."""
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an authority whose key may not sign certificates")


def _is_for_servers(
    policy: Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    """ExtendedKeyUsage, where a certificate has it, names servers (RFC 5280, 4.2.1.12)."""
    if usage is not None and not any(one in usage for one in _GOOD_FOR):
        raise ValueError("a certificate that is not for servers")


_AUTHORITY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
)
_SERVER = (
    ExtensionPolicy.permit_all()
    .require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _is_for_servers)
)
