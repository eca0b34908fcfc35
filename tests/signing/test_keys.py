"""Keys that cannot be signed with are told at once: which file, and what is wrong with it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conneg.gateway.config import parse_config
from conneg.gateway.signatures import open_signatures
from conneg.signing import SigningError, read_dkim_key, read_identity
from tests.signing.people import Person, openssl, person


@pytest.fixture(scope="module")
def amy(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return person(tmp_path_factory.mktemp("keys"), "amy@law.example", "ec")


def test_a_signer_is_read(amy: Person) -> None:
    identity = read_identity(amy.certificate, amy.key, amy.authority)
    assert identity.addresses == ("amy@law.example",)
    assert len(identity.intermediates) == 1
    now = datetime.now(UTC)
    assert identity.is_valid_at(now)
    assert not identity.is_valid_at(now + timedelta(days=4))


def test_the_key_of_somebody_else(amy: Person) -> None:
    bob = person(amy.certificate.parent, "bob@law.example", "ec")
    with pytest.raises(
        SigningError, match=r"bob.*\.key: the key does not belong to the certificate in .*amy"
    ):
        read_identity(amy.certificate, bob.key)


@pytest.mark.parametrize(
    ("kind", "options", "what"),
    [
        ("ec", {"days": -1}, r"\.pem: the certificate expired on 20"),
        ("ec", {"usage": "keyAgreement"}, "not for signatures"),
        ("ec", {"purpose": "serverAuth"}, "not for mail"),
        ("weak", {}, r"\.key: an RSA key of 1024 bits; 2048 are the least"),
        ("ed25519", {}, "RSA or EC keys"),
    ],
)
def test_a_certificate_that_is_no_good(
    tmp_path: Path, kind: str, options: dict[str, object], what: str
) -> None:
    eve = person(tmp_path, "eve@law.example", kind, **options)  # type: ignore[arg-type]
    with pytest.raises(SigningError, match=what) as caught:
        read_identity(eve.certificate, eve.key)
    assert str(tmp_path) in str(caught.value)


def test_files_that_hold_something_else(tmp_path: Path, amy: Person) -> None:
    with pytest.raises(SigningError, match="missing: cannot be read: No such file"):
        read_identity(amy.certificate, tmp_path / "missing")
    with pytest.raises(SigningError, match="no private key in PEM form"):
        read_dkim_key(amy.certificate)
    with pytest.raises(SigningError, match="no certificate in PEM form"):
        read_identity(amy.key, amy.key)
    with pytest.raises(SigningError, match="RSA or Ed25519"):
        read_dkim_key(amy.key)
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", amy.key, "-aes128", "-passout", "pass:secret", "-out", locked)
    with pytest.raises(SigningError, match="under a password; take it off"):
        read_dkim_key(locked)


def test_the_certificate_has_to_be_for_the_address(amy: Person) -> None:
    settings = amy.settings()
    assert len(open_signatures(parse_config(settings)).smime) == 1
    assert (
        len(open_signatures(parse_config(settings.replace("amy@law.example", "law.example", 1))).smime) == 1
    )
    with pytest.raises(
        SigningError, match=r"the certificate is for amy@law\.example, not for bob@law\.example"
    ):
        open_signatures(parse_config(settings.replace("amy@law.example", "bob@law.example", 1)))
