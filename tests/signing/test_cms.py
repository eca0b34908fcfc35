"""SignedData as mail programs write it is held against one certificate; anything else is an error in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder as ber
from pyasn1.codec.ber.encoder import encode as write_ber
from pyasn1.codec.der import encoder as der
from pyasn1.type import univ

from conneg.errors import BoundExceededError, ConnegError
from conneg.signing import SignatureError, read_identity
from conneg.signing.cms import _CONTENT_INFO, _SIGNER_INFO, MAX_ELEMENTS, MAX_OPAQUE, read_signed_data
from tests.signing.people import Person, openssl, person

ENTITY = b"Content-Type: text/plain\r\n\r\nhello\r\n"
OID_SIGNED, OID_DATA = bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("06092a864886f70d010701")


@pytest.fixture(scope="module")
def amy(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return person(tmp_path_factory.mktemp("keys"), "amy@law.example")


def signed(who: Person, *options: str, entity: bytes = ENTITY) -> bytes:
    """What openssl makes in DER (or BER, with -stream)."""
    return openssl("cms", "-sign", "-binary", "-signer", who.certificate, "-inkey", who.key, "-outform", "DER",
                   *options, given=entity)  # fmt: skip


def check(octets: bytes, who: Person, content: bytes | None = None) -> None:
    read_signed_data(octets).check_signer(read_identity(who.certificate, who.key).certificate, content)


@pytest.mark.parametrize(
    "options",
    [
        ("-md", "sha256"),
        ("-md", "sha512"),
        ("-keyid", "-md", "sha384"),
        ("-keyopt", "rsa_padding_mode:pss", "-md", "sha256"),
        ("-nocerts", "-md", "sha256"),
    ],
)
def test_signatures_of_openssl_hold(amy: Person, options: tuple[str, ...]) -> None:
    octets = signed(amy, *options)
    check(octets, amy, ENTITY)
    with pytest.raises(SignatureError):
        check(octets, amy, ENTITY + b"x")


@pytest.mark.parametrize("options", [("-nodetach",), ("-nodetach", "-stream")])
def test_content_inside_is_what_was_signed(amy: Person, options: tuple[str, ...]) -> None:
    octets = signed(amy, *options, entity=ENTITY * 2000)
    assert read_signed_data(octets).content == ENTITY * 2000
    check(octets, amy)
    at = octets.index(b"hello")
    with pytest.raises(SignatureError, match="not what was signed"):
        check(octets[:at] + b"jello" + octets[at + 5 :], amy)


@pytest.mark.parametrize("options", [(), ("-nodetach",)])
def test_lengths_that_are_said_at_the_end_are_read(
    tmp_path: Path, amy: Person, options: tuple[str, ...]
) -> None:
    """BER with no length known before, as Thunderbird and Apple Mail write it: everything that can be is so here."""
    whole, _ = ber.decode(signed(amy, *options), asn1Spec=_CONTENT_INFO)
    octets = write_ber(whole, defMode=False, maxChunkSize=10)
    assert octets.startswith(b"\x30\x80")
    content = tmp_path / "content"
    content.write_bytes(ENTITY)
    openssl("cms", "-verify", "-noverify", "-inform", "DER", "-binary", "-content", content, given=octets)
    check(octets, amy, ENTITY)


def test_a_weak_hash_proves_nothing(amy: Person) -> None:
    with pytest.raises(SignatureError, match="a hash that is not SHA-256"):
        check(signed(amy, "-md", "sha1"), amy, ENTITY)


def test_attributes_that_say_another_digest_are_not_enough(amy: Person) -> None:
    """The octets of the signature are over the attributes: those of another letter do not fit this one."""
    with pytest.raises(SignatureError, match="not what was signed"):
        check(signed(amy, entity=b"another"), amy, ENTITY)


def without_attributes(octets: bytes) -> tuple[bytes, bytes]:
    """Return the same signature with its attributes taken out of it, and those in DER, as the content it then has."""
    whole, _ = ber.decode(octets, asn1Spec=_CONTENT_INFO)
    (signer,) = whole["content"]["signerInfos"]
    attributes = der.encode(signer["signedAttrs"].clone(tagSet=univ.SetOf.tagSet, cloneValueFlag=True))
    bare = _SIGNER_INFO.clone()
    for name in ("version", "sid", "digestAlgorithm", "signatureAlgorithm", "signature"):
        bare[name] = signer[name]
    whole["content"]["signerInfos"].clear()
    whole["content"]["signerInfos"].append(bare)
    return der.encode(whole), attributes


def test_attributes_sent_as_content_do_not_count(tmp_path: Path, amy: Person) -> None:
    """Amy never signed those octets as a letter; openssl takes them for one."""
    forged, content = without_attributes(signed(amy))
    path = tmp_path / "content"
    path.write_bytes(content)
    openssl("cms", "-verify", "-CAfile", amy.authority, "-purpose", "smimesign", "-binary", "-inform", "DER",
            "-content", path, given=forged)  # fmt: skip
    with pytest.raises(SignatureError, match="no signed attributes"):
        check(forged, amy, content)


def test_a_changed_signature_does_not_hold(amy: Person) -> None:
    octets = bytearray(signed(amy))
    octets[-1] ^= 1
    with pytest.raises(SignatureError, match="does not hold"):
        check(bytes(octets), amy, ENTITY)


def test_an_encrypted_message_is_no_signature(amy: Person) -> None:
    octets = openssl("cms", "-encrypt", "-aes128", "-outform", "DER", amy.certificate, given=ENTITY)
    with pytest.raises(SignatureError):
        read_signed_data(octets)


def opaque(segments: bytes) -> bytes:
    """SignedData without signers, its content in these elements."""
    content = b"\x30\x80" + OID_DATA + b"\xa0\x80\x24\x80" + segments + b"\0\0\0\0\0\0"
    return (
        b"\x30\x80" + OID_SIGNED + b"\xa0\x80\x30\x80\x02\x01\x01\x31\x00" + content + b"\x31\x00\0\0\0\0\0\0"
    )


def test_elements_are_bounded() -> None:
    assert read_signed_data(opaque(b"\x04\x01A" * 1000)).content == b"A" * 1000
    with pytest.raises(BoundExceededError, match=r"signing\.elements"):
        read_signed_data(opaque(b"\x04\x01A" * MAX_ELEMENTS.value))
    with pytest.raises(BoundExceededError, match=r"signing\.opaque"):
        read_signed_data(b"\x30" * (MAX_OPAQUE.value + 1))


@pytest.mark.parametrize(
    "octets",
    [b"\x30\x80" * 5000, b"\x24\x80" * 5000, b"\xa0\x80" * 60_000, b"\x1f" + b"\xff" * 9999],
)
def test_nesting_and_tags_without_end_are_refused(octets: bytes) -> None:
    with pytest.raises(ConnegError):
        read_signed_data(octets)
    with pytest.raises(ConnegError):
        read_signed_data(opaque(octets))


def test_an_element_that_claims_more_than_there_is_costs_nothing(amy: Person) -> None:
    """In a process of its own, that may have 300 MiB more than it needs."""
    code = (
        "import resource; from conneg.signing.cms import read_signed_data\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "try: read_signed_data(bytes.fromhex('308807ffffffffffffff06092a864886f70d010702'))\n"
        "except Exception as error: print(type(error).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "SignatureError\n", done.stderr


@pytest.fixture(scope="module")
def octets(amy: Person) -> bytes:
    return signed(amy)


@pytest.fixture(scope="module")
def certificate(amy: Person) -> x509.Certificate:
    return read_identity(amy.certificate, amy.key).certificate


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_never_makes_it_hold_over_another_content(
    certificate: x509.Certificate, octets: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(octets) - 1))
    damaged = octets[:at] + bytes([data.draw(st.integers(0, 255))]) + octets[at + 1 :]
    with pytest.raises(ConnegError) as caught:
        read_signed_data(damaged).check_signer(certificate, b"another content")
    assert "\n" not in str(caught.value)
