"""Signatures and encryption are recognised by their kind; what only speaks of them is not."""

import base64

import pytest

from conneg.mail import Protection, find_protected, outline, protection_of, read_parts
from tests.mail.test_outline import PDF, PLAIN, PNG, node

CMS = "06092a864886f70d01"


def kind(content: bytes) -> Protection | None:
    return protection_of(read_parts(content), content)


@pytest.mark.parametrize(
    ("media_type", "second", "found"),
    [
        ('multipart/signed; protocol="application/pkcs7-signature"', "x/y", Protection.SMIME_SIGNED),
        ("multipart/signed; protocol=application/X-PKCS7-signature", "x/y", Protection.SMIME_SIGNED),
        ('multipart/signed; protocol="application/pgp-signature"', "x/y", Protection.PGP_SIGNED),
        ("multipart/signed; protocol=application/other", "application/pgp-signature", Protection.SIGNED),
        ("multipart/signed", "application/pgp-signature", Protection.PGP_SIGNED),
        ("multipart/signed", "text/plain", Protection.SIGNED),
        ('multipart/encrypted; protocol="application/pgp-encrypted"', "x/y", Protection.PGP_ENCRYPTED),
        ("multipart/encrypted; protocol=x/y", "x/y", Protection.ENCRYPTED),
        ("multipart/mixed", "application/pgp-signature", None),
    ],
)
def test_multiparts_by_their_protocol(media_type: str, second: str, found: Protection | None) -> None:
    """RFC 1847, 2; RFC 8551, 3.5.3; RFC 3156, 4 and 5."""
    assert kind(node(media_type, PLAIN, node(second))) is found


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ("smime-type=signed-data", Protection.SMIME_SIGNED),
        ("smime-type=Enveloped-Data", Protection.SMIME_ENCRYPTED),
        ("smime-type=authEnveloped-data", Protection.SMIME_ENCRYPTED),
        ("smime-type=compressed-data", Protection.SMIME_COMPRESSED),
        ("smime-type=certs-only", Protection.SMIME_CERTIFICATES),
        ("name=smime.p7m", Protection.SMIME),
    ],
)
@pytest.mark.parametrize("media_type", ["application/pkcs7-mime", "application/x-pkcs7-mime"])
def test_smime_by_its_type(media_type: str, parameters: str, found: Protection) -> None:
    """RFC 8551, 3.2.2."""
    assert kind(node(f"{media_type}; {parameters}")) is found


@pytest.mark.parametrize(
    ("identifier", "found"),
    [
        ("0702", Protection.SMIME_SIGNED),
        ("0703", Protection.SMIME_ENCRYPTED),
        ("09100117", Protection.SMIME_ENCRYPTED),
        ("09100109", Protection.SMIME_COMPRESSED),
        ("0701", Protection.SMIME),
    ],
)
def test_smime_without_its_type_by_what_is_inside(identifier: str, found: Protection) -> None:
    octets = base64.b64encode(bytes.fromhex(f"3080{CMS}{identifier}a080"))
    content = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n" + octets
    assert kind(content) is found


def test_a_name_is_enough_for_what_old_clients_send() -> None:
    """RFC 8551, 3.9."""
    assert kind(node("application/octet-stream; name=smime.P7M")) is Protection.SMIME
    assert kind(node("application/octet-stream; name=survey.pdf")) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n", Protection.PGP_SIGNED),
        ("Hello\r\n-----BEGIN PGP MESSAGE-----\r\n", Protection.PGP_ENCRYPTED),
        ("> -----BEGIN PGP MESSAGE-----\r\n", None),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n", None),
        ("She wrote -----BEGIN PGP MESSAGE----- on the wall.\r\n", None),
    ],
)
def test_armour_inside_a_text(text: str, found: Protection | None) -> None:
    plain = b"Content-Type: text/plain\r\n\r\n" + text.encode()
    coded = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(
        text.encode()
    )
    assert kind(plain) is found
    assert kind(coded) is found


def test_the_outermost_protection_is_named_and_its_signature_is_no_content() -> None:
    inner = node(
        'multipart/signed; protocol="application/pgp-signature"', PDF, node("application/pgp-signature")
    )
    outer = node(
        'multipart/signed; protocol="application/pkcs7-signature"', inner, node("application/pkcs7-signature")
    )
    content = node("multipart/mixed", outer, PNG)
    root = read_parts(content)
    assert [(one.part.id, one.protection) for one in find_protected(root)] == [
        ("1.1", Protection.SMIME_SIGNED)
    ]
    found = outline(root, content)
    assert set(found.protections) == {"1.1.1.1", "1.1.1.2", "1.1.2"}
    assert set(found.protections.values()) == {Protection.SMIME_SIGNED}
    assert found.signatures == {"1.1.1.2", "1.1.2"}
