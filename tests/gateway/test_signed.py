"""Signed mail through the gateway: converted and signed again by the rule, or left alone; judged by openssl and gpg."""

import email
import email.policy
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from conneg.gateway.events import Settled
from conneg.spool import RecipientState
from tests.content.samples import TEXT_PAGE, pdf
from tests.gateway.servers import PROFILE_S, messages_in, running, submit, until
from tests.gateway.test_delivery import receiver, sender
from tests.signing.people import Person, person, verified
from tests.system import require

TIFF_READER = '(| (type="text/plain") (& (type="image/tiff") (color=Binary) (dpi=200)))'
ANYTHING = '(type=["application/pdf","text/plain","image/jpeg"])'
DEVICES = {"fax": PROFILE_S, "reader": TIFF_READER, "desk": ANYTHING}


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
def eve(amy: Person) -> Person:
    """Another one below the same authority."""
    return person(amy.certificate.parent, "eve@law.example")


class Outcome:
    """What arrived (None: nothing), how it was settled, and the record of the plan."""

    def __init__(self, content: bytes | None, state: str, plan: dict[str, Any]) -> None:
        self._content = content
        self.state = state
        self.reason = plan["reason"]
        self.notes = plan["notes"]

    @property
    def content(self) -> bytes:
        assert self._content is not None
        return self._content

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def types(self) -> list[str]:
        return [part.get_content_type() for part in self.message.walk()]


async def deliver(folder: Path, content: bytes, to: str, *, settings: str = "", more: str = "") -> Outcome:
    """Send `content` through a gateway with `settings` to one of `DEVICES`."""
    address = f"{to}@devices.test"
    async with running(receiver(folder / "mx", {f"{n}@devices.test": c for n, c in DEVICES.items()})) as (
        mx,
        _,
    ):
        async with running(sender(folder / "gw", mx, tail=settings, more=more)) as (gateway, events):
            await submit(gateway, content, [address])
            await until(lambda: bool(events.of(Settled)))
            state = events.of(Settled)[0].state
            records = await gateway.spool.records(events.of(Settled)[0].message_id)
        arrived = folder / f"mx/mail/devices.test/{to}"
        if state == RecipientState.DELIVERED:
            await until(lambda: bool(messages_in(arrived)))
    plan = next(json.loads(record.text) for record in records if record.kind == "plan")
    return Outcome(next(iter(messages_in(arrived)), None), state, plan)


@pytest.mark.shows("C-8")
@pytest.mark.parametrize("options", [(), ("-nodetach",), ("-nodetach", "-stream"), ("-keyid",)])
async def test_a_signed_letter_to_a_fax_machine_is_signed_again(
    tmp_path: Path, amy: Person, options: tuple[str, ...]
) -> None:
    out = await deliver(tmp_path, letter(amy.sign(entity(), *options)), "fax", settings=amy.settings())
    assert out.types == ["multipart/signed", "image/tiff", "application/pkcs7-signature"]
    assert out.message["From"] == "Amy <amy@law.example>"
    assert out.message["Message-ID"] == "<1@law.example>"
    assert out.message.get_param("micalg") == "sha-256"
    tiff = email.message_from_bytes(verified(out.content, amy))
    assert tiff.get_content_type() == "image/tiff"
    assert tiff.get_payload(decode=True)[:2] in (b"II", b"MM")  # type: ignore[index]
    assert "it is S/MIME-signed by amy@law.example, and signed again" in out.reason


async def test_of_a_signed_letter_to_a_reader_of_tiff_only_the_pdf_is_converted(
    tmp_path: Path, amy: Person
) -> None:
    out = await deliver(tmp_path, letter(amy.sign(entity())), "reader", settings=amy.settings())
    signed = email.message_from_bytes(verified(out.content, amy), policy=email.policy.default)
    assert [part.get_content_type() for part in signed.walk()] == [
        "multipart/mixed",
        "text/plain",
        "image/tiff",
    ]
    assert next(signed.iter_parts()).get_content() == "The survey is below.\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["ec"])
async def test_an_elliptic_key_signs_too(tmp_path: Path, amy: Person, kind: str) -> None:
    bob = person(amy.certificate.parent, "bob@law.example", kind)
    content = letter(bob.sign(entity()), "bob@law.example")
    out = await deliver(tmp_path, content, "fax", settings=bob.settings())
    verified(out.content, bob)


async def test_a_letter_that_is_accepted_as_it_is_keeps_its_signature(tmp_path: Path, amy: Person) -> None:
    content = letter(amy.sign(entity()))
    out = await deliver(tmp_path, content, "desk", settings=amy.settings())
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
    tmp_path: Path, amy: Person, change: Any, why: str
) -> None:
    content = change(letter(amy.sign(entity())))
    out = await deliver(tmp_path, content, "fax", settings=amy.settings())
    assert out.content.endswith(content)
    assert f"S/MIME-signed ({why}) and not converted; policy sends the message as it is" in out.reason


async def test_somebody_elses_signature_is_not_replaced_by_the_authors(
    tmp_path: Path, amy: Person, eve: Person
) -> None:
    content = letter(eve.sign(entity()), "amy@law.example")
    out = await deliver(tmp_path, content, "fax", settings=amy.settings())
    assert out.content.endswith(content)
    assert "the signature was made with another certificate" in out.reason


async def test_a_letter_that_two_have_signed_is_left_alone(tmp_path: Path, amy: Person, eve: Person) -> None:
    both = ("-signer", str(eve.certificate), "-inkey", str(eve.key))
    content = letter(amy.sign(entity(), *both))
    out = await deliver(tmp_path, content, "fax", settings=amy.settings())
    assert out.content.endswith(content)
    assert "it has 2 signatures, and one is expected" in out.reason


async def test_a_letter_signed_inside_is_left_alone(tmp_path: Path, amy: Person) -> None:
    content = letter(amy.sign(amy.sign(entity())))
    out = await deliver(tmp_path, content, "fax", settings=amy.settings())
    assert out.content.endswith(content)
    assert "part of what was signed is S/MIME-signed" in out.reason


async def test_without_the_signers_key_policy_decides(tmp_path: Path, amy: Person) -> None:
    content = letter(amy.sign(entity()))
    kept = await deliver(tmp_path / "keep", content, "fax")
    assert kept.content.endswith(content)
    verified(kept.content, amy)
    assert "S/MIME-signed (no key is configured to sign for amy@law.example)" in kept.reason
    returned = await deliver(tmp_path / "return", content, "fax", more='on_protected = "return"')
    assert returned.state == RecipientState.FAILED
    assert "no key is configured to sign for amy@law.example" in returned.reason


async def test_encrypted_mail_is_never_converted(tmp_path: Path, amy: Person) -> None:
    content = letter(amy.encrypt(entity()))
    kept = await deliver(tmp_path / "keep", content, "fax", settings=amy.settings())
    assert kept.content.endswith(content)
    assert "is S/MIME-encrypted and not converted" in kept.reason
    returned = await deliver(tmp_path / "return", content, "fax", more='on_protected = "return"')
    assert returned.state == RecipientState.FAILED


async def test_a_signed_letter_gets_no_cover_page(tmp_path: Path, amy: Person) -> None:
    """What is on it was never signed."""
    content = letter(amy.sign(entity()))
    plain = await deliver(tmp_path / "plain", content, "fax", settings=amy.settings())
    cover = await deliver(
        tmp_path / "cover", content, "fax", settings=amy.settings(), more="cover_page = true"
    )
    assert verified(plain.content, amy).count(b"\n") == verified(cover.content, amy).count(b"\n")


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


async def test_pgp_mime_is_recognised_and_left_alone(tmp_path: Path, amy: Person) -> None:
    with gpg(tmp_path / "gpg") as call:
        signed = entity()
        signature = run([*call, "--detach-sign", "--armor", "--digest-algo", "SHA256"], signed)
        content = letter(
            b'Content-Type: multipart/signed; protocol="application/pgp-signature"; micalg=pgp-sha256; boundary=b\r\n'
            b"MIME-Version: 1.0\r\n\r\n--b\r\n" + signed + b"\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n"
            + signature.replace(b"\n", b"\r\n") + b"--b--\r\n"
        )  # fmt: skip
        out = await deliver(tmp_path, content, "fax", settings=amy.settings())
        assert out.content.endswith(content)
        assert "OpenPGP-signed and not converted" in out.reason
        parsed = email.message_from_bytes(out.content)
        (tmp_path / "signature").write_bytes(parsed.get_payload(1).get_payload(decode=True))  # type: ignore[union-attr,arg-type]
        start = out.content.index(b"--b\r\n") + 5
        run([*call, "--verify", str(tmp_path / "signature"), "-"], out.content[start : start + len(signed)])


async def test_armour_inside_a_text_is_recognised(tmp_path: Path) -> None:
    with gpg(tmp_path / "gpg") as call:
        clear = run([*call, "--clear-sign"], b"Pay Bob ten pounds.\n")
    content = letter(b"Content-Type: text/plain\r\n\r\n" + clear.replace(b"\n", b"\r\n"))
    out = await deliver(tmp_path, content, "fax")
    assert out.content.endswith(content)
    assert "OpenPGP-signed and not converted" in out.reason


async def test_an_unsigned_letter_from_a_signer_is_not_signed(tmp_path: Path, amy: Person) -> None:
    out = await deliver(tmp_path, letter(b"MIME-Version: 1.0\r\n" + entity()), "fax", settings=amy.settings())
    assert out.types == ["image/tiff"]
