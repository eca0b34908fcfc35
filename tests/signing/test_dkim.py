"""Our DKIM signatures: the canonical form against a slow reading of the RFC, the field against two verifiers."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.mail import read_fields
from conneg.signing import DkimSigner, read_dkim_key
from conneg.signing.dkim import relaxed_body, relaxed_field
from tests.gateway.zones import resolver
from tests.signing.verifiers import by_mail_dkim, by_opendkim, key_pair, txt

DOMAIN = "law.plain.test"
LETTERS = [
    b"From: amy@law.plain.test\r\n\r\n",
    b"From: amy@law.plain.test\r\n\r\n\r\n\r\n",
    b"From: amy@law.plain.test\r\n\r\nno line end",
    b"FROM:   Amy\t <amy@law.plain.test>\r\nSubject:\r\n\t folded  \t twice\r\n   over\r\n\r\n a  b \t\r\n\t\r\n\r\n",
    b"From: amy@law.plain.test\r\nTo: a@b.test\r\nTo: c@d.test\r\nSubject:\r\n\r\n \r\nx \r\n",
    "From: amy@law.plain.test\r\nSubject: grüße\r\n\r\nGrüße\r\n.\r\n..\r\n".encode(),
]


def slow_body(body: bytes) -> bytes:
    """RFC 6376, 3.4.4, line by line and word by word."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"\r", b"\n", b"."]), max_size=40).map(b"".join))
def test_the_relaxed_body_is_that_of_the_rfc(body: bytes) -> None:
    assert relaxed_body(body) == slow_body(body)


@pytest.mark.parametrize(
    "body", [b" " * 4_000_000 + b"x", b"\r\n" * 2_000_000, b" \t" * 2_000_000, b" \r\n" * 1_000_000]
)
def test_blanks_without_end_are_no_work(body: bytes) -> None:
    """A regular expression that tries every blank anew would take hours: the test's own limit of time tells."""
    assert len(relaxed_body(body)) <= 4


@pytest.mark.parametrize(
    ("raw", "relaxed"),
    [
        (b"A: X\r\n", b"a:X\r\n"),
        (b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"),
        (b"C:\r\n", b"c:\r\n"),
    ],
)
def test_fields_as_in_the_rfc(raw: bytes, relaxed: bytes) -> None:
    """RFC 6376, 3.4.5, has the first two."""
    assert relaxed_field(raw) == relaxed


def test_every_letter_verifies_and_no_other(tmp_path: Path) -> None:
    rsa, rsa_record = key_pair(tmp_path, "one")
    edwards, edwards_record = key_pair(tmp_path, "two", "ed25519")
    records = {f"one._domainkey.{DOMAIN}": rsa_record, f"two._domainkey.{DOMAIN}": edwards_record}
    by_rsa = DkimSigner(DOMAIN, "one", read_dkim_key(rsa), (DOMAIN,))
    by_edwards = DkimSigner(DOMAIN, "two", read_dkim_key(edwards), (DOMAIN,))
    with resolver(tmp_path, [], plain=[txt("one._domainkey.law", rsa_record)]) as port:
        for letter in LETTERS:
            content = by_rsa.field_for(letter, at=1_700_000_000) + letter
            assert by_mail_dkim(port, content) == [(DOMAIN, "pass")], letter
            content = by_edwards.field_for(content, at=1_700_000_000) + content
            assert by_opendkim(tmp_path, content, records) == [("two", "pass"), ("one", "pass")], letter
            for change in (b"Subject: another\r\n", b"To: eve@e.test\r\n", b"From: eve@e.test\r\n"):
                verdicts = dict(by_opendkim(tmp_path, change + content, records))
                assert "pass" not in verdicts.values(), (change, letter)


def test_what_is_signed_is_named_and_once_more(tmp_path: Path) -> None:
    key, _ = key_pair(tmp_path, "one")
    signer = DkimSigner(DOMAIN, "one", read_dkim_key(key), (DOMAIN,), fields=("from", "X-Case"))
    field = signer.field_for(b"X-Case: 1\r\nFrom: a@law.plain.test\r\nx-case: 2\r\n\r\n", at=0)
    assert b"h=from:from:X-Case:X-Case;" in field
    assert max(map(len, field.split(b"\r\n"))) < 79


@pytest.mark.parametrize(
    ("author", "signs"),
    [
        ("amy@law.plain.test", True),
        ("amy@LAW.plain.test", True),
        ("amy@sub.law.plain.test", False),
        ("amy@w.plain.test", False),
    ],
)
def test_whose_mail_is_signed(tmp_path: Path, author: str, signs: bool) -> None:
    key, _ = key_pair(tmp_path, "one", "ed25519")
    header = read_fields(f"From: {author}\r\n".encode())
    assert DkimSigner(DOMAIN, "one", read_dkim_key(key), (DOMAIN,)).signs_for(header) is signs
    assert DkimSigner(DOMAIN, "one", read_dkim_key(key), (f"*.{DOMAIN}",)).signs_for(header) is (
        "sub" in author
    )
    assert DkimSigner(DOMAIN, "one", read_dkim_key(key), ("*",)).signs_for(header)
