"""A certificate chain against TLSA records: RFC 6698, 2.1; RFC 7671, 5 and 9; RFC 7672, 3."""

import contextlib
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from conneg.errors import BoundExceededError
from conneg.net.dane import (
    MAX_CHAIN,
    MAX_TLSA_RECORDS,
    DaneError,
    TlsaRecord,
    authenticate,
    public_key_info,
    usable,
)

from .authority import Certificate, authority, server

ROOT = authority()
MIDDLE = authority("The Deputy", ROOT)
LEAF = server("mx.test", "*.wild.test", issuer=MIDDLE)
CHAIN = [LEAF.der, MIDDLE.der, ROOT.der]


def record(usage: int, selector: int, matching: int, certificate: Certificate) -> TlsaRecord:
    selected = certificate.der if selector == 0 else certificate.spki
    hashed = {0: selected, 1: hashlib.sha256(selected).digest(), 2: hashlib.sha512(selected).digest()}
    return TlsaRecord(usage, selector, matching, hashed[matching])


def is_good(record: TlsaRecord, chain: list[bytes], *names: str) -> bool:
    try:
        return authenticate([record], chain, names) is record
    except DaneError:
        return False


@pytest.mark.parametrize("usage", [2, 3])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_every_combination_that_smtp_knows(usage: int, selector: int, matching: int) -> None:
    right = record(usage, selector, matching, LEAF if usage == 3 else ROOT)
    wrong = record(usage, selector, matching, ROOT if usage == 3 else authority())
    assert right.is_usable
    assert is_good(right, CHAIN, "mx.test")
    assert not is_good(wrong, CHAIN, "mx.test")


def test_an_end_entity_is_right_whatever_its_name_and_dates() -> None:
    """RFC 7672, 3.1.1: names and expiration must be ignored."""
    old = server("elsewhere.test", days=-400)
    assert is_good(record(3, 1, 1, old), [old.der], "mx.test")


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("mx.test", True),
        ("MX.Test", True),
        ("a.wild.test", True),
        ("wild.test", False),
        ("a.b.wild.test", False),
        ("other.test", False),
    ],
)
def test_under_a_trust_anchor_the_name_counts(name: str, good: bool) -> None:
    assert is_good(record(2, 0, 1, ROOT), CHAIN, name) is good


def test_any_of_the_reference_identifiers_will_do() -> None:
    assert is_good(record(2, 0, 1, ROOT), CHAIN, "other.test", "mx.test")


def test_an_authority_in_the_middle_may_be_the_anchor() -> None:
    assert is_good(record(2, 1, 1, MIDDLE), CHAIN[:2], "mx.test")


def test_a_digest_needs_the_anchor_in_the_chain_and_a_whole_certificate_does_not() -> None:
    """RFC 7671, 5.2.1: a digest of a certificate that the server does not show is of no use."""
    assert not is_good(record(2, 0, 1, ROOT), CHAIN[:2], "mx.test")
    assert is_good(record(2, 0, 0, ROOT), CHAIN[:2], "mx.test")


def test_under_a_trust_anchor_dates_count() -> None:
    old = server("mx.test", issuer=ROOT, days=-1)
    assert not is_good(record(2, 0, 1, ROOT), [old.der, ROOT.der], "mx.test")
    at = datetime.now(UTC) - timedelta(days=3)
    assert authenticate([record(2, 0, 1, ROOT)], [old.der, ROOT.der], ["mx.test"], at=at)


def test_an_anchor_that_has_not_signed_is_no_anchor() -> None:
    """Anybody can put the right authority's certificate into a chain."""
    forged = server("mx.test")
    assert not is_good(record(2, 0, 1, ROOT), [forged.der, ROOT.der], "mx.test")
    impostor = authority("The Deputy")
    forged = server("mx.test", issuer=impostor)
    assert not is_good(record(2, 0, 1, ROOT), [forged.der, impostor.der, ROOT.der], "mx.test")


def test_a_server_is_no_authority() -> None:
    signed_by_a_server = server("mx.test", issuer=LEAF)
    assert not is_good(record(2, 0, 1, ROOT), [signed_by_a_server.der, *CHAIN], "mx.test")


def test_a_certificate_for_clients_only_is_not_one_for_servers() -> None:
    client = server("mx.test", issuer=ROOT, is_client=True)
    assert not is_good(record(2, 0, 1, ROOT), [client.der, ROOT.der], "mx.test")


def test_the_server_itself_is_not_its_trust_anchor() -> None:
    assert not is_good(record(2, 0, 1, LEAF), CHAIN, "mx.test")


@pytest.mark.parametrize(
    "one",
    [
        TlsaRecord(0, 0, 1, bytes(32)),
        TlsaRecord(1, 1, 1, bytes(32)),
        TlsaRecord(4, 1, 1, bytes(32)),
        TlsaRecord(255, 1, 1, bytes(32)),
        TlsaRecord(3, 2, 1, bytes(32)),
        TlsaRecord(3, 1, 3, bytes(32)),
        TlsaRecord(3, 1, 1, bytes(31)),
        TlsaRecord(3, 1, 2, bytes(32)),
        TlsaRecord(3, 1, 0, b""),
        TlsaRecord(3, 1, 0, b"0" * 40),
    ],
)
def test_what_cannot_be_used(one: TlsaRecord) -> None:
    """RFC 7672, 3.1.3: PKIX-TA and PKIX-EE; RFC 7671, 4 and 5: unknown numbers, data that cannot be right."""
    assert not one.is_usable
    assert usable([one]) == ()


def test_of_two_digests_the_stronger_one_counts() -> None:
    """RFC 7671, 9: digest algorithm agility, within one usage and selector."""
    weak, strong = record(3, 1, 1, LEAF), TlsaRecord(3, 1, 2, bytes(64))
    other, whole = record(3, 0, 1, LEAF), record(3, 1, 0, LEAF)
    assert usable([weak, strong]) == (strong,)
    assert usable([weak, strong, other, whole]) == (strong, other, whole)


def test_bounds() -> None:
    with pytest.raises(BoundExceededError, match=r"net\.tlsa_records"):
        usable([record(3, 1, 1, LEAF)] * (MAX_TLSA_RECORDS.value + 1))
    with pytest.raises(DaneError, match=r"net\.dane_chain"):
        authenticate([record(3, 1, 1, LEAF)], [LEAF.der] * (MAX_CHAIN.value + 1), ["mx.test"])


def test_no_certificate_at_all() -> None:
    with pytest.raises(DaneError, match="no certificate"):
        authenticate([record(3, 1, 1, LEAF)], [], ["mx.test"])


def test_the_public_key_is_found_octet_for_octet() -> None:
    for one in (ROOT, MIDDLE, LEAF):
        assert public_key_info(one.der) == one.spki


@given(st.integers(0, len(LEAF.der) - 1), st.binary(max_size=4))
def test_a_damaged_certificate_is_an_error_and_nothing_else(at: int, put: bytes) -> None:
    damaged = LEAF.der[:at] + put + LEAF.der[at + len(put) :]
    for selector in (0, 1):
        with contextlib.suppress(DaneError):
            authenticate([TlsaRecord(3, selector, 1, bytes(32))], [damaged], ["mx.test"])
    with contextlib.suppress(DaneError):
        authenticate([record(2, 1, 1, ROOT)], [damaged, MIDDLE.der, ROOT.der], ["mx.test"])
    with contextlib.suppress(DaneError):
        authenticate([record(2, 1, 1, ROOT)], [LEAF.der, damaged, ROOT.der], ["mx.test"])


def test_a_certificate_of_a_version_that_nobody_knows() -> None:
    """The version is the first field, [0] EXPLICIT INTEGER (RFC 5280, 4.1.2.1); the reader's error is no ValueError."""
    at = LEAF.der.index(b"\xa0\x03\x02\x01\x02") + 4
    damaged = LEAF.der[:at] + b"\x07" + LEAF.der[at + 1 :]
    with pytest.raises(DaneError):
        authenticate([record(2, 1, 1, ROOT)], [damaged, MIDDLE.der, ROOT.der], ["mx.test"])


@given(st.binary(max_size=300))
def test_octets_that_are_no_certificate(octets: bytes) -> None:
    with contextlib.suppress(DaneError):
        public_key_info(octets)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=80))
def test_any_record_is_usable_or_not(usage: int, selector: int, matching: int, data: bytes) -> None:
    one = TlsaRecord(usage, selector, matching, data)
    if one.is_usable:
        with contextlib.suppress(DaneError):
            authenticate([one], CHAIN, ["mx.test"])
    assert str(one)


def test_keys_of_other_kinds() -> None:
    """What a key is matters only to a path of signatures; the digest of its octets is what DANE-EE compares."""
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        assert TlsaRecord(3, 1, 0, spki).is_usable
