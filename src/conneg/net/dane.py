"""DANE for SMTP: does a server's certificate chain agree with its TLSA records? (RFC 6698, 7671, 7672.)

Records and certificates go in as octets, a verdict comes out; no look-up, no connection, no clock but the one that a
trust anchor's validity needs. What records there are, and whether DNSSEC vouches for them, is the caller's to know.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from conneg.bounds import Bound
from conneg.errors import ConnegError

MAX_TLSA_RECORDS = Bound(
    name="net.tlsa_records",
    value=64,
    unit="TLSA records of one server",
    reason="two are published while a key changes; each costs a comparison with each certificate of the chain",
    answer="the server is not used, and the recipient is deferred",
)
MAX_CHAIN = Bound(
    name="net.dane_chain",
    value=16,
    unit="certificates in a chain that is held against TLSA records",
    reason="real chains have up to five; the search for a path to a trust anchor costs signatures",
    answer="the connection is cut, and the recipient is deferred",
)


class Usage(IntEnum):
    """What a record's certificate is to the server (RFC 7218, 2.1)."""

    PKIX_TA = 0
    PKIX_EE = 1
    DANE_TA = 2
    DANE_EE = 3


class Selector(IntEnum):
    """What of a certificate the record holds (RFC 7218, 2.2)."""

    CERT = 0
    SPKI = 1


class Matching(IntEnum):
    """In which form it holds it (RFC 7218, 2.3); of two digests the greater one is the stronger."""

    FULL = 0
    SHA2_256 = 1
    SHA2_512 = 2


_DIGEST_OCTETS = {Matching.SHA2_256: 32, Matching.SHA2_512: 64}
_DANE_USAGES = (Usage.DANE_TA, Usage.DANE_EE)
_SEQUENCE, _EXPLICIT_0 = 0x30, 0xA0


class DaneError(ConnegError):
    """A certificate chain that does not agree with the TLSA records; the message says why."""


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """A TLSA record as the DNS has it (RFC 6698, 2.1); the numbers may be ones that nobody has defined."""

    usage: int
    selector: int
    matching: int
    data: bytes

    @property
    def is_usable(self) -> bool:
        """Whether SMTP can go by this record.

        PKIX-TA and PKIX-EE cannot be used (RFC 7672, 3.1.3), nor numbers that are not known or data that no certificate
        could give.
        """
        if self.usage not in _DANE_USAGES or self.selector not in tuple(Selector):
            return False
        if self.matching == Matching.FULL:
            return _is_whole(self.data)
        return self.matching in _DIGEST_OCTETS and len(self.data) == _DIGEST_OCTETS[Matching(self.matching)]

    def agrees(self, certificate: bytes) -> bool:
        """Whether `certificate` (DER) is the one that the record describes; a usable record only."""
        selected = certificate if self.selector == Selector.CERT else public_key_info(certificate)
        match Matching(self.matching):
            case Matching.FULL:
                return selected == self.data
            case Matching.SHA2_256:
                return hashlib.sha256(selected).digest() == self.data
            case Matching.SHA2_512:
                return hashlib.sha512(selected).digest() == self.data

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data[:4].hex()}..."


def usable(records: Sequence[TlsaRecord]) -> tuple[TlsaRecord, ...]:
    """Return the records to go by: of one usage and selector those with the strongest digest, and the whole ones.

    Digest algorithm agility (RFC 7671, 9; RFC 7672, 5): a weaker digest beside a stronger one is not looked at. When
    nothing is left of a set that is not empty, TLS is still mandatory, without authentication (RFC 7672, 2.2).
    Raises `conneg.errors.BoundExceededError` (`net.tlsa_records`).
    """
    MAX_TLSA_RECORDS.check(len(records))
    found = [record for record in records if record.is_usable]
    strongest: dict[tuple[int, int], int] = {}
    for record in found:
        kind = (record.usage, record.selector)
        strongest[kind] = max(strongest.get(kind, 0), record.matching)
    return tuple(
        record
        for record in found
        if record.matching in (Matching.FULL, strongest[record.usage, record.selector])
    )


def authenticate(
    records: Sequence[TlsaRecord], chain: Sequence[bytes], names: Sequence[str], *, at: datetime | None = None
) -> TlsaRecord:
    """Return the record that vouches for the server; raise `DaneError` if none does.

    `records` are usable; `chain` is what the server has shown, in DER, its own certificate first; `names` are the
    reference identifiers (RFC 7672, 3.2.2), one of which a certificate under a DANE-TA record must be for. `at` is the
    moment for which certificates must be valid (None: now). DANE-EE looks at the server's own certificate only, and
    neither at its names nor at its validity (RFC 7672, 3.1.1).
    """
    if not chain:
        raise DaneError("the server has shown no certificate")
    if len(chain) > MAX_CHAIN.value:
        raise DaneError(str(MAX_CHAIN.exceeded()))
    for record in records:
        if record.usage == Usage.DANE_EE and record.agrees(chain[0]):
            return record
    reason = "no TLSA record agrees with the certificate"
    for record in records:
        if record.usage == Usage.DANE_TA:
            for anchor in _anchors(record, chain):
                try:
                    _check_path(anchor, chain, names, at)
                except DaneError as error:
                    reason = str(error)
                else:
                    return record
    raise DaneError(reason)


def _anchors(record: TlsaRecord, chain: Sequence[bytes]) -> list[bytes]:
    """Return the trust anchors that `record` describes: issuers in the chain, or the whole certificate in the record.

    A server must send the anchor's certificate (RFC 7671, 5.2.1 and 5.2.2); only one that is whole in the record
    can be done without.
    """
    found = [certificate for certificate in chain[1:] if record.agrees(certificate)]
    is_whole_certificate = (record.selector, record.matching) == (Selector.CERT, Matching.FULL)
    return found or ([record.data] if is_whole_certificate else [])


def _check_path(anchor: bytes, chain: Sequence[bytes], names: Sequence[str], at: datetime | None) -> None:
    """Check that a path of good signatures leads from the server's certificate to `anchor`, and that its name is
    wanted. Raises `DaneError`.
    """
    try:
        from conneg.net.trust_anchor import check_path
    except ImportError:
        raise DaneError(
            "DANE-TA records need the library cryptography: pip install conneg[gateway]"
        ) from None
    reason = check_path(anchor, chain, names, at)
    if reason is not None:
        raise DaneError(f"the certificate does not lead to the trust anchor of the TLSA record: {reason}")


def public_key_info(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of `certificate` (both DER), octet for octet as it stands there.

    Certificate = SEQUENCE { tbsCertificate SEQUENCE { [0] version OPTIONAL, serialNumber, signature, issuer, validity,
    subject, subjectPublicKeyInfo, ... } ... }        ; RFC 5280, 4.1. Raises `DaneError`.
    """
    start, _ = _element(certificate, 0, _SEQUENCE)
    at, end = _element(certificate, start, _SEQUENCE)
    if certificate[at : at + 1] == bytes([_EXPLICIT_0]):
        _, at = _element(certificate, at)
    for _ in ("serialNumber", "signature", "issuer", "validity", "subject"):
        _, at = _element(certificate, at)
    _, after = _element(certificate, at, _SEQUENCE)
    if after > end:
        raise DaneError("the certificate is damaged: its public key is longer than what it is in")
    return certificate[at:after]


def _element(data: bytes, at: int, tag: int | None = None) -> tuple[int, int]:
    """Return where the content of the element at `at` begins and where it ends. Raises `DaneError`."""
    if at + 2 > len(data) or (tag is not None and data[at] != tag):
        raise DaneError("the certificate is damaged: it is not in DER")
    length, start = data[at + 1], at + 2
    if length >= 0x80:
        width = length - 0x80
        length, start = int.from_bytes(data[start : start + width]), start + width
        if not 1 <= width <= 4:
            raise DaneError("the certificate is damaged: a length that is not in DER")
    if start + length > len(data):
        raise DaneError("the certificate is damaged: it ends too early")
    return start, start + length


def _is_whole(data: bytes) -> bool:
    """Whether `data` is one DER element, as a certificate and a public key are."""
    try:
        return _element(data, 0, _SEQUENCE)[1] == len(data)
    except DaneError:
        return False
