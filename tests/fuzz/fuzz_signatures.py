"""What was signed by whom, from any octets: S/MIME messages, SignedData, DKIM fields; read, or refused in one line.

The corpus has signatures over `ENTITY` by the key that is made here: nothing else may ever count as signed.
"""

import contextlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from conneg.errors import ConnegError
from conneg.mail import dkim_signatures, find_protected, from_mailbox, read_fields, read_parts
from conneg.signing import Identity, LeftAlone, SmimeSigner, open_signed
from conneg.signing.cms import read_signed_data
from conneg.signing.dkim import relaxed_body

ENTITY = b"Content-Type: text/plain\r\n\r\nhello\r\n"


def _identity() -> Identity:
    key = ec.derive_private_key(12345, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "amy")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    return Identity(builder.sign(key, hashes.SHA256()), key)


_SIGNER = SmimeSigner(("law.example",), _identity())


def fuzz_one(data: bytes) -> None:
    """Raise only for a bug: nothing that comes from outside was signed with a key made here."""
    _signed_data(data)
    _fields(data)
    _message(data)


def _signed_data(data: bytes) -> None:
    with contextlib.suppress(ConnegError):
        read_signed_data(data).check_signer(_SIGNER.identity.certificate, ENTITY)
    try:
        read_signed_data(data).check_signer(_SIGNER.identity.certificate, ENTITY + b"x")
    except ConnegError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - no test of pytest's
    else:
        raise AssertionError("a signature that nobody made")


def _fields(data: bytes) -> None:
    for field in (b"DKIM-Signature: ", b"DKIM-Signature: v=1; a=a; b=b; bh=b; h=from; s=s; "):
        for found in dkim_signatures(read_fields(field + data)):
            assert found.domain
            assert found.body_octets is None or found.body_octets >= 0
    author = from_mailbox(read_fields(b"From: " + data))
    assert author is None or "@" in str(author)
    body = relaxed_body(data)
    assert relaxed_body(body) == body


def _message(data: bytes) -> None:
    content = b"From: amy@law.example\r\n" + data
    try:
        root = read_parts(content)
    except ConnegError:
        return
    list(find_protected(root, content))
    opened = open_signed(content, root, [_SIGNER])
    assert opened is None or isinstance(opened, LeftAlone) or opened.entity == ENTITY
