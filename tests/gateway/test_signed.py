"""Signed mail through the gateway: converted and signed again by the rule, or left alone; judged by openssl and gpg."""

import email
import email.policy
import io
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from conneg.spool import RecipientState
from tests.content.samples import TEXT_PAGE, pdf
from tests.gateway.post import Hop, Post, post_office
from tests.gateway.test_next_hops import Mailbox, SevenBitsOnly
from tests.signing.people import Person, person, verified
from tests.system import require

pytestmark = pytest.mark.asyncio(loop_scope="module")


def entity(text: str = "The survey is below.\r\n") -> bytes:
    """What is signed: a text and a PDF."""
    message = EmailMessage()
    message.set_content(text, cte="7bit")
    message.add_attachment(pdf([TEXT_PAGE]), maintype="application", subtype="pdf", filename="survey.pdf")
    del message["MIME-Version"]
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


def letter(body: bytes, author: str = "amy@law.example") -> bytes:
    """A message from `author` whose MIME fields and body are `body`."""
    head = (
        f"From: Amy <{author}>\r\nTo: june@devices.test\r\nSubject: survey\r\nMessage-ID: <1@law.example>\r\n"
    )
    return head.encode() + body


@pytest.fixture(scope="module")
def amy(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return person(tmp_path_factory.mktemp("keys"), "amy@law.example")


@pytest.fixture(scope="module")
def bob(amy: Person) -> Person:
    """One with an elliptic key, below the same authority."""
    return person(amy.certificate.parent, "bob@law.example", "ec")


@pytest.fixture(scope="module")
def eve(amy: Person) -> Person:
    """One whose key the gateway does not have."""
    return person(amy.certificate.parent, "eve@law.example")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def post(tmp_path_factory: pytest.TempPathFactory, amy: Person, bob: Person) -> AsyncIterator[Post]:
    hops = {
        "devices.test": Hop(Mailbox()),
        "strict.test": Hop(Mailbox(), 'on_protected = "return"'),
        "seven.test": Hop(SevenBitsOnly()),
        "cover.test": Hop(Mailbox(), "cover_page = true"),
    }
    folder = tmp_path_factory.mktemp("post")
    async with post_office(folder, amy.settings() + bob.settings(), hops) as office:
        yield office


@pytest.mark.shows("C-8")
@pytest.mark.parametrize("options", [(), ("-nodetach",), ("-nodetach", "-stream"), ("-keyid",)])
async def test_a_signed_letter_to_a_fax_machine_is_signed_again(
    post: Post, amy: Person, options: tuple[str, ...]
) -> None:
    out = await post.deliver(letter(amy.sign(entity(), *options)), "fax@devices.test")
    assert out.types == ["multipart/signed", "image/tiff", "application/pkcs7-signature"]
    assert out.message["From"] == "Amy <amy@law.example>"
    assert out.message["Message-ID"] == "<1@law.example>"
    assert out.message.get_param("micalg") == "sha-256"
    tiff = email.message_from_bytes(verified(out.content, amy))
    assert tiff.get_content_type() == "image/tiff"
    assert tiff.get_payload(decode=True)[:2] in (b"II", b"MM")  # type: ignore[index]
    assert "it is S/MIME-signed by amy@law.example, and signed again" in out.reason


async def test_of_a_signed_letter_to_a_reader_of_tiff_only_the_pdf_is_converted(
    post: Post, amy: Person
) -> None:
    out = await post.deliver(letter(amy.sign(entity())), "reader@devices.test")
    signed = email.message_from_bytes(verified(out.content, amy), policy=email.policy.default)
    assert [part.get_content_type() for part in signed.walk()] == [
        "multipart/mixed",
        "text/plain",
        "image/tiff",
    ]
    assert next(signed.iter_parts()).get_content() == "The survey is below.\r\n"  # type: ignore[attr-defined]


async def test_an_elliptic_key_signs_too(post: Post, bob: Person) -> None:
    content = letter(bob.sign(entity()), "bob@law.example")
    out = await post.deliver(content, "fax@devices.test")
    verified(out.content, bob)


async def test_a_letter_that_is_accepted_as_it_is_keeps_its_signature(post: Post, amy: Person) -> None:
    content = letter(amy.sign(entity()))
    out = await post.deliver(content, "desk@devices.test")
    assert out.content.endswith(content)
    verified(out.content, amy)


def _tampered(content: bytes) -> bytes:
    assert b"survey is below" in content
    return content.replace(b"survey is below", b"survey is above")


def _two_authors(content: bytes) -> bytes:
    return b"From: Eve <eve@law.example>\r\n" + content


@pytest.mark.shows("C-8")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_tampered, "not signed again: the content is not what was signed"),
        (_two_authors, "its From field does not name one mailbox"),
    ],
)
async def test_what_is_not_as_it_was_signed_is_never_signed_again(
    post: Post, amy: Person, change: Any, why: str
) -> None:
    content = change(letter(amy.sign(entity())))
    out = await post.deliver(content, "fax@devices.test")
    assert out.content.endswith(content)
    assert f"S/MIME-signed ({why}) and not converted; policy sends the message as it is" in out.reason


async def test_somebody_elses_signature_is_not_replaced_by_the_authors(
    post: Post, amy: Person, eve: Person
) -> None:
    content = letter(eve.sign(entity()), "amy@law.example")
    out = await post.deliver(content, "fax@devices.test")
    assert out.content.endswith(content)
    assert "the signature was made with another certificate" in out.reason


async def test_a_letter_that_two_have_signed_is_left_alone(post: Post, amy: Person, eve: Person) -> None:
    both = ("-signer", str(eve.certificate), "-inkey", str(eve.key))
    content = letter(amy.sign(entity(), *both))
    out = await post.deliver(content, "fax@devices.test")
    assert out.content.endswith(content)
    assert "it has 2 signatures, and one is expected" in out.reason


async def test_a_letter_signed_inside_is_left_alone(post: Post, amy: Person) -> None:
    content = letter(amy.sign(amy.sign(entity())))
    out = await post.deliver(content, "fax@devices.test")
    assert out.content.endswith(content)
    assert "part of what was signed is S/MIME-signed" in out.reason


async def test_without_the_signers_key_policy_decides(post: Post, eve: Person) -> None:
    content = letter(eve.sign(entity()), "eve@law.example")
    kept = await post.deliver(content, "fax@devices.test")
    assert kept.content.endswith(content)
    verified(kept.content, eve)
    assert "S/MIME-signed (no key is configured to sign for eve@law.example)" in kept.reason
    returned = await post.deliver(content, "fax@strict.test")
    assert returned.state == RecipientState.FAILED
    assert "no key is configured to sign for eve@law.example" in returned.reason


async def test_encrypted_mail_is_never_converted(post: Post, amy: Person) -> None:
    content = letter(amy.encrypt(entity()))
    kept = await post.deliver(content, "fax@devices.test")
    assert kept.content.endswith(content)
    assert "is S/MIME-encrypted and not converted" in kept.reason
    returned = await post.deliver(content, "fax@strict.test")
    assert returned.state == RecipientState.FAILED


def pages(content: bytes) -> int:
    """Return how many pages the TIFF file of a MIME entity has."""
    with Image.open(io.BytesIO(email.message_from_bytes(content).get_payload(decode=True))) as image:  # type: ignore[arg-type]
        return int(getattr(image, "n_frames", 1))


async def test_a_signed_letter_gets_no_cover_page(post: Post, amy: Person) -> None:
    """What is on it was never signed."""
    signed = await post.deliver(letter(amy.sign(entity())), "fax@cover.test")
    plain = await post.deliver(letter(b"MIME-Version: 1.0\r\n" + entity()), "fax@cover.test")
    assert pages(verified(signed.content, amy)) == 2
    assert pages(plain.content) == 3


@contextmanager
def gpg(folder: Path) -> Iterator[list[str]]:
    """A keyring with a new key for amy; yields how gpg is called."""
    program = require("gpg", "gnupg")
    require("gpg-agent", "gpg-agent")
    folder.mkdir(mode=0o700)
    call = [program, "--homedir", str(folder), "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run(
        [*call, "--quick-gen-key", "amy@law.example", "ed25519", "sign", "never"],
        check=True,
        capture_output=True,
    )
    try:
        yield call
    finally:
        subprocess.run(["gpgconf", "--homedir", str(folder), "--kill", "all"], check=False)


def run(call: list[str], given: bytes) -> bytes:
    done = subprocess.run(call, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


async def test_pgp_mime_is_recognised_and_left_alone(post: Post, tmp_path: Path) -> None:
    with gpg(tmp_path / "gpg") as call:
        signed = entity()
        signature = run([*call, "--detach-sign", "--armor", "--digest-algo", "SHA256"], signed)
        content = letter(
            b'Content-Type: multipart/signed; protocol="application/pgp-signature"; micalg=pgp-sha256; boundary=b\r\n'
            b"MIME-Version: 1.0\r\n\r\n--b\r\n" + signed + b"\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n"
            + signature.replace(b"\n", b"\r\n") + b"--b--\r\n"
        )  # fmt: skip
        out = await post.deliver(content, "fax@devices.test")
        assert out.content.endswith(content)
        assert "OpenPGP-signed and not converted" in out.reason
        parsed = email.message_from_bytes(out.content)
        (tmp_path / "signature").write_bytes(parsed.get_payload(1).get_payload(decode=True))  # type: ignore[union-attr,arg-type]
        start = out.content.index(b"--b\r\n") + 5
        run([*call, "--verify", str(tmp_path / "signature"), "-"], out.content[start : start + len(signed)])


async def test_armour_inside_a_text_is_recognised(post: Post, tmp_path: Path) -> None:
    with gpg(tmp_path / "gpg") as call:
        clear = run([*call, "--clear-sign"], b"Pay Bob ten pounds.\n")
    content = letter(b"Content-Type: text/plain\r\n\r\n" + clear.replace(b"\n", b"\r\n"))
    out = await post.deliver(content, "fax@devices.test")
    assert out.content.endswith(content)
    assert "OpenPGP-signed and not converted" in out.reason


async def test_a_signature_over_eight_bits_is_not_broken_for_a_next_hop_of_seven(
    post: Post, amy: Person
) -> None:
    body = (
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n".encode()
    )
    content = letter(amy.sign(body, "-binary"))
    out = await post.deliver(content, "desk@seven.test")
    assert out.state == RecipientState.FAILED
    assert "the content is signed and has octets above 127" in out.text
    verified((await post.deliver(content, "fax@seven.test")).content, amy)


async def test_an_unsigned_letter_from_a_signer_is_not_signed(post: Post, amy: Person) -> None:
    out = await post.deliver(letter(b"MIME-Version: 1.0\r\n" + entity()), "fax@devices.test")
    assert out.types == ["image/tiff"]
