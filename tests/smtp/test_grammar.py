"""Paths, parameters and literals of RFC 5321, 4.1.2 and 4.1.3."""

import pytest

from conneg.smtp.grammar import (
    MAX_PARAMETERS,
    is_address_literal,
    is_path,
    is_too_long,
    is_xtext,
    read_forward_path,
    read_parameters,
    read_path,
)


@pytest.mark.parametrize(
    ("text", "mailbox", "rest"),
    [
        ("<a@b.example>", "a@b.example", ""),
        (" <a@b.example>", "a@b.example", ""),
        ("<>", "", ""),
        ("<a@b> SIZE=1 BODY=7BIT", "a@b", "SIZE=1 BODY=7BIT"),
        ("<@one,@two.example:a@b>", "a@b", ""),
        ('<"a b"@c>', '"a b"@c', ""),
        ('<"a\\"> x"@c>', '"a\\"> x"@c', ""),
        ("<a@[192.0.2.1]>", "a@[192.0.2.1]", ""),
        ("<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", ""),
        ("<a@[X400:c=no]>", "a@[X400:c=no]", ""),
        ("<FAX=+390408565/T33S=1@fax.example>", "FAX=+390408565/T33S=1@fax.example", ""),
        ("<jürgen@bücher.example>", "jürgen@bücher.example", ""),
    ],
)
def test_path(text: str, mailbox: str, rest: str) -> None:
    assert read_path(text) == (mailbox, rest)


@pytest.mark.parametrize(
    "text",
    ["a@b", "<a>", "<a@>", "<@b>", "<a b@c>", "<a@b", "<a@b>SIZE=1", "<a@b\x00>", "<a..b@c>", "<.a@c>", "<a@-b>",
     "<a@[300.1.1.1]>", "<a@[IPv6:zz]>", '<"a@b>', "<<a@b>>", "<a@b>\x00", "<@:a@b>", ""],
)  # fmt: skip
def test_no_path(text: str) -> None:
    assert read_path(text) is None


def test_postmaster_alone_is_a_forward_path_only() -> None:
    assert read_forward_path("<PostMaster> CONNEG") == ("PostMaster", "CONNEG")
    assert read_path("<Postmaster>") is None
    assert read_forward_path("<>") is None


def test_length_of_a_path() -> None:
    assert not is_too_long("a" * 250 + "@b.c")
    assert is_too_long("a" * 251 + "@b.c")
    assert is_too_long("ü" * 126 + "@b.c")


@pytest.mark.parametrize("good", ["", "a@b", '"a b"@c', "a@[192.0.2.1]"])
def test_what_may_be_sent(good: str) -> None:
    assert is_path(good)


@pytest.mark.parametrize(
    "bad", ["Postmaster", "a@b> CONNEG", "a@b\r\nDATA", "a", "@x:a@b", "a@b ", "ü" * 200 + "@b"]
)
def test_what_may_not(bad: str) -> None:
    assert not is_path(bad)


def test_parameters() -> None:
    assert read_parameters("size=10  Body=8BITMIME SMTPUTF8") == {
        "SIZE": "10",
        "BODY": "8BITMIME",
        "SMTPUTF8": "",
    }
    assert read_parameters("ORCPT=rfc822;a+2Bb@c") == {"ORCPT": "rfc822;a+2Bb@c"}
    for wrong in ("SIZE=", "=1", "SIZE=1 SIZE=2", "SIZE=1=2", "-A", "A=\x01", "= A"):
        assert read_parameters(wrong) is None
    count = MAX_PARAMETERS.value
    assert read_parameters(" ".join(f"A{n}" for n in range(count))) is not None
    assert read_parameters(" ".join(f"A{n}" for n in range(count + 1))) is None


def test_literals_and_xtext() -> None:
    assert is_address_literal("[192.0.2.1]")
    assert not is_address_literal("192.0.2.1")
    assert is_xtext("a+2Bb")
    for wrong in ("a+2b", "a+", "a=b", "a b", "ü"):
        assert not is_xtext(wrong)
