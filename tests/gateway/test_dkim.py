"""DKIM on the way in and out: what stays, what is signed, what the record says; judged by OpenDKIM and Mail::DKIM."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.content.samples import TEXT_PAGE, pdf
from tests.gateway.post import Hop, Post, post_office
from tests.gateway.servers import text_message
from tests.gateway.test_next_hops import Mailbox, SevenBitsOnly
from tests.gateway.zones import resolver
from tests.signing.people import Person, person, verified
from tests.signing.verifiers import by_mail_dkim, by_opendkim, key_pair, signed_by_mail_dkim, txt

DOMAIN = "law.plain.test"
DOMAINS = (DOMAIN, "gw.test", "both.plain.test", "changed.plain.test", "none.plain.test")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Keys:
    """Keys of DKIM by selector, and their records in the DNS by name."""

    files: dict[str, Path]
    records: dict[str, str]
    folder: Path

    def table(self, selector: str, domain: str = DOMAIN, more: str = "") -> str:
        return f'[[dkim]]\ndomain = "{domain}"\nselector = "{selector}"\nkey = "{self.files[selector]}"\n{more}\n'

    def verdicts(self, content: bytes) -> list[tuple[str, str]]:
        return by_opendkim(self.folder, content, self.records)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("dkim")
    made = {selector: key_pair(folder, selector, kind) for selector, kind in
            (("author", "rsa"), ("gateway", "rsa"), ("edwards", "ed25519"))}  # fmt: skip
    records = {
        f"{selector}._domainkey.{domain}": text for domain in DOMAINS for selector, (_, text) in made.items()
    }
    return Keys({selector: key for selector, (key, _) in made.items()}, records, folder)


def letter(domain: str = DOMAIN) -> bytes:
    """A text and a PDF from amy at `domain`."""
    message = text_message(To="fax@hop.test")
    message.replace_header("From", f"Amy <amy@{domain}>")
    message.add_attachment(pdf([TEXT_PAGE]), maintype="application", subtype="pdf", filename="survey.pdf")
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


@pytest.fixture(scope="module")
def amy(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return person(tmp_path_factory.mktemp("keys"), f"amy@{DOMAIN}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def post(tmp_path_factory: pytest.TempPathFactory, keys: Keys, amy: Person) -> AsyncIterator[Post]:
    """Signs for law.plain.test with one key, for both.plain.test with two, for changed.plain.test what was changed."""
    tables = [
        keys.table("gateway"),
        keys.table("gateway", "both.plain.test"),
        keys.table("edwards", "both.plain.test"),
        keys.table("gateway", "changed.plain.test", 'sign = "changed"'),
        keys.table("gateway", "gw.test"),
        amy.settings(),
    ]
    hops = {"hop.test": Hop(Mailbox()), "seven.test": Hop(SevenBitsOnly()), "back.test": Hop(Mailbox())}
    outside = '[[listener]]\nlisten = "127.0.0.1:0"\nrole = "delivery"\n'
    folder = tmp_path_factory.mktemp("post")
    async with post_office(folder, "".join(tables) + outside, hops) as office:
        yield office


async def test_what_is_not_changed_keeps_the_authors_signature(post: Post, keys: Keys) -> None:
    content = signed_by_mail_dkim(
        letter("none.plain.test"), "none.plain.test", "author", keys.files["author"]
    )
    out = await post.deliver(content, "desk@hop.test")
    assert out.content.endswith(content)
    assert keys.verdicts(out.content) == [("author", "pass")]
    assert out.notes == [
        "the content is covered by the DKIM signature of none.plain.test (selector author) and not changed"
    ]


async def test_what_is_converted_is_signed_by_the_gateway(post: Post, keys: Keys, tmp_path: Path) -> None:
    """The author's field stays, though it no longer holds (RFC 6376, 4.2)."""
    content = signed_by_mail_dkim(letter(), DOMAIN, "author", keys.files["author"])
    out = await post.deliver(content, "fax@hop.test")
    assert out.types == ["image/tiff"]
    assert keys.verdicts(out.content) == [("gateway", "pass"), ("author", "fail")]
    records = [txt(name.removesuffix(".plain.test"), text) for name, text in keys.records.items()]
    with resolver(tmp_path, [], plain=records) as port:
        assert by_mail_dkim(port, out.content) == [(DOMAIN, "pass"), (DOMAIN, "fail")]
    assert out.notes == [
        f"the content was covered by the DKIM signature of {DOMAIN} (selector author) and is changed, so that no "
        "longer holds; its field stays",
        f"signed on the way out: DKIM of {DOMAIN} (selector gateway)",
    ]


async def test_without_a_key_the_record_says_that_the_signature_no_longer_holds(
    post: Post, keys: Keys
) -> None:
    content = signed_by_mail_dkim(
        letter("none.plain.test"), "none.plain.test", "author", keys.files["author"]
    )
    out = await post.deliver(content, "fax@hop.test")
    assert keys.verdicts(out.content) == [("author", "fail")]
    assert "no longer holds" in out.notes[0]
    assert out.notes[1].startswith("no DKIM signature takes its place: no key for its author")


async def test_keys_of_both_kinds_sign_at_once(post: Post, keys: Keys) -> None:
    """RFC 8463, 5: a verifier that does not know Ed25519 has the other one."""
    out = await post.deliver(letter("both.plain.test"), "desk@hop.test")
    assert sorted(keys.verdicts(out.content)) == [("edwards", "pass"), ("gateway", "pass")]


async def test_only_what_was_changed_may_be_signed(post: Post, keys: Keys) -> None:
    content = letter("changed.plain.test")
    out = await post.deliver(content, "desk@hop.test")
    assert out.content.endswith(content)
    assert keys.verdicts(out.content) == []
    out = await post.deliver(content, "fax@hop.test")
    assert keys.verdicts(out.content) == [("gateway", "pass")]


@pytest.mark.parametrize("domain", ["elsewhere.test", f"sub.{DOMAIN}"])
async def test_mail_of_other_authors_is_not_signed(post: Post, domain: str) -> None:
    out = await post.deliver(letter(domain), "fax@hop.test")
    assert b"DKIM-Signature" not in out.content


async def test_two_from_fields_are_never_signed(post: Post) -> None:
    out = await post.deliver(b"From: eve@elsewhere.test\r\n" + letter(), "fax@hop.test")
    assert b"DKIM-Signature" not in out.content


async def test_what_comes_from_outside_is_not_signed_whatever_its_from_says(post: Post) -> None:
    """Anybody may write our domain; our clients are those who may send anywhere."""
    out = await post.deliver(letter(), "fax@hop.test", listener=1)
    assert out.types == ["image/tiff"]
    assert b"DKIM-Signature" not in out.content


async def test_a_report_of_the_gateways_own_is_signed(post: Post, keys: Keys) -> None:
    await post.deliver(letter("none.plain.test"), "nobody@hop.test", sender="amy@back.test")
    report = await post.next_at("back.test")
    assert b"From: Mail Delivery System <MAILER-DAEMON@gw.test>" in report
    assert keys.verdicts(report) == [("gateway", "pass")]


async def test_what_goes_out_in_seven_bits_is_signed_in_seven_bits(post: Post, keys: Keys) -> None:
    head = (
        f"From: amy@{DOMAIN}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n".encode()
    )
    content = head + "Grüße\r\n".encode()
    out = await post.deliver(content, "desk@seven.test")
    assert out.content.isascii()
    assert keys.verdicts(out.content) == [("gateway", "pass")]


async def test_a_letter_signed_again_by_smime_is_covered_by_dkim(post: Post, keys: Keys, amy: Person) -> None:
    content = f"From: amy@{DOMAIN}\r\n".encode() + amy.sign(b"Content-Type: text/plain\r\n\r\nhello\r\n")
    out = await post.deliver(content, "fax@hop.test")
    assert out.types == ["multipart/signed", "image/tiff", "application/pkcs7-signature"]
    verified(out.content, amy)
    assert keys.verdicts(out.content) == [("gateway", "pass")]


async def test_thousands_of_signatures_are_counted_not_read(post: Post, keys: Keys) -> None:
    field = b"DKIM-Signature: v=1; a=rsa-sha256; d=x.test; s=a; h=From; bh=x; b=y\r\n"
    out = await post.deliver(field * 5000 + letter(), "desk@hop.test")
    assert out.content.count(b"DKIM-Signature:") == 5001
    assert len(out.notes) == 12
    assert "4990 more DKIM-Signature fields are not read" in out.notes
