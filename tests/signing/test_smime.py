"""By which rule a message is opened to be signed again; hostile ones are left alone in bounded time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conneg.mail import read_parts, write_base64
from conneg.signing import LeftAlone, Opened, SmimeSigner, open_signed, read_identity
from conneg.signing.cms import MAX_SIGNATURE
from tests.signing.people import Person, openssl, person, verified

ENTITY = b"Content-Type: text/plain\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def amy(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return person(tmp_path_factory.mktemp("keys"), "amy@law.example")


@pytest.fixture(scope="module")
def signer(amy: Person) -> SmimeSigner:
    return SmimeSigner(("amy@law.example",), read_identity(amy.certificate, amy.key, amy.authority))


def letter(body: bytes, author: str = "Amy@Law.example") -> bytes:
    return f"From: {author}\r\n".encode() + body


def opened(content: bytes, *signers: SmimeSigner) -> Opened | LeftAlone | None:
    return open_signed(content, read_parts(content), signers)


def why(content: bytes, *signers: SmimeSigner) -> str:
    found = opened(content, *signers)
    assert isinstance(found, LeftAlone)
    return found.words


@pytest.mark.parametrize("options", [(), ("-nodetach",)])
def test_what_was_signed_comes_out_and_goes_back(
    amy: Person, signer: SmimeSigner, options: tuple[str, ...]
) -> None:
    found = opened(letter(amy.sign(ENTITY, *options)), signer)
    assert isinstance(found, Opened)
    assert found.entity == ENTITY
    assert found.words == "S/MIME-signed by Amy@Law.example"
    again = found.sign(b"Content-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n")
    assert again.isascii()
    assert b"R3LDvMOfZQ0K" in verified(again, amy)
    assert isinstance(opened(again, signer), Opened)


def test_the_certificates_between_go_with_the_signature(amy: Person, signer: SmimeSigner) -> None:
    shown = openssl("pkcs7", "-inform", "DER", "-print_certs", given=signer.sign(ENTITY)).decode()
    assert "CN = amy" in shown.replace("CN=", "CN = ")
    assert shown.count("BEGIN CERTIFICATE") == 2


def test_a_domain_is_everyone_there(amy: Person, signer: SmimeSigner) -> None:
    domain = SmimeSigner(("law.example",), signer.identity)
    content = amy.sign(ENTITY)
    assert isinstance(opened(letter(content), domain), Opened)
    assert "no key is configured to sign for" in why(letter(content, "amy@sub.law.example"), domain)


def test_a_certificate_that_has_run_out_signs_no_more(amy: Person, signer: SmimeSigner) -> None:
    content = letter(amy.sign(ENTITY))
    later = datetime.now(UTC) + timedelta(days=4)
    found = open_signed(content, read_parts(content), [signer], now=lambda: later)
    assert isinstance(found, LeftAlone)
    assert "is out of its dates" in found.words


@pytest.mark.parametrize(
    "content",
    [ENTITY, b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\n", b""],
)
def test_what_is_not_signed_is_none_of_it(signer: SmimeSigner, content: bytes) -> None:
    assert opened(letter(content), signer) is None


def multipart(signature: bytes, *more: bytes) -> bytes:
    parts = b"".join(b"--b\r\n" + part + b"\r\n" for part in (ENTITY, *more))
    return letter(
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b\r\n\r\n' + parts
        + b"--b\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + write_base64(signature) + b"\r\n--b--\r\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (multipart(b""), "the signature cannot be read"),
        (multipart(b"\x30\x80" * 30_000), "the signature cannot be read"),
        (multipart(b"\x30\x80" + b"\xa0\x80" * 90), "the signature cannot be read"),
        (multipart(b"\x30" * (MAX_SIGNATURE.value + 1)), "signing.signature"),
        (multipart(b"x", ENTITY), "it is not one part and its signature"),
        (
            letter(b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\nMIAG"),
            "cannot be read",
        ),
        (
            letter(b"Content-Type: multipart/signed; protocol=application/pkcs7-signature\r\n\r\n"),
            "not one part",
        ),
    ],
)
def test_what_cannot_be_read_is_left_alone(signer: SmimeSigner, content: bytes, reason: str) -> None:
    assert reason in why(content, signer)


def test_a_certificate_as_large_as_a_book_is_not_read(amy: Person, signer: SmimeSigner) -> None:
    """It is the certificates of the message that are large: all but the configured one only cost their octets."""
    ordinary = letter(amy.sign(ENTITY, "-certfile", str(_large_certificate(amy, 30_000))))
    assert len(ordinary) > 40_000
    assert isinstance(opened(ordinary, signer), Opened)
    assert "signing.signature" in why(
        letter(amy.sign(ENTITY, "-certfile", str(_large_certificate(amy, 70_000)))), signer
    )


def _large_certificate(beside: Person, octets: int) -> Path:
    path = beside.certificate.with_name(f"{octets}.pem")
    openssl("req", "-x509", "-key", beside.key, "-subj", "/CN=large", "-addext", f"nsComment={'x' * octets}",
            "-out", path)  # fmt: skip
    return path
