"""Mailboxes: RFC 5321, 4.1.2 and 4.1.3; RFC 6531, 3.3; fax addresses of RFC 3192."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.mail import AddressError, Mailbox, parse_mailbox


@pytest.mark.parametrize(
    ("text", "local_part", "domain"),
    [
        ("june@ifax1.jp", "june", "ifax1.jp"),
        ("FAX=+390408565@example.com", "FAX=+390408565", "example.com"),
        ("FAX=+39-40-226-338/T33S=6377@gw.example", "FAX=+39-40-226-338/T33S=6377", "gw.example"),
        ("a.b+c@x.example", "a.b+c", "x.example"),
        ('"two words"@x.example', "two words", "x.example"),
        (r'"a\"b\\c"@x.example', r"a\b".replace("\\b", '"b\\c'), "x.example"),
        ('"plain"@x.example', "plain", "x.example"),
        ('"a@b"@x.example', "a@b", "x.example"),
        ('""@x.example', "", "x.example"),
        ("a@[192.0.2.1]", "a", "[192.0.2.1]"),
        ("a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]"),
        ("a@[x-tag:content]", "a", "[x-tag:content]"),
        ("jürgen@grüße.example", "jürgen", "grüße.example"),
        ("a@host_with_underscore.example", "a", "host_with_underscore.example"),
        ("a@1.example", "a", "1.example"),
    ],
)
def test_mailboxes(text: str, local_part: str, domain: str) -> None:
    assert parse_mailbox(text) == Mailbox(local_part, domain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a..b@c",
        ".a@c",
        "a.@c",
        "a@.c",
        "a@c.",
        "a@-c",
        "a@c-",
        "a@b c",
        '"a@c',
        'a"b"@c',
        '"a"b@c',
        '"a\n"@c',
        "a\r\nb@c",
        "a@b\r\nRCPT",
        "a@[192.0.2]",
        "a@[192.0.2.1",
        "a@[IPv6:1]",
        "a@[]",
        "a@[:x]",
        "a\x80@c",
        "\ud800@c",
        "<a@c>",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_mailbox(text)
    assert "\n" not in str(caught.value)


def test_quoting_does_not_make_another_mailbox() -> None:
    """RFC 5321, 4.1.2: quoted and plain forms are equivalent."""
    assert parse_mailbox('"jo\\e"@x.example') == parse_mailbox("joe@x.example")
    assert str(parse_mailbox('"joe"@x.example')) == "joe@x.example"


def test_the_key_ignores_the_case_of_the_domain_only() -> None:
    """RFC 5321, 2.4."""
    assert parse_mailbox("June@IFAX1.jp").key == "June@ifax1.jp"
    assert parse_mailbox("a@GRÜSSE.example").key == parse_mailbox("a@gru\u0308sse.example").key


def test_ascii_or_not() -> None:
    assert parse_mailbox("a@b").is_ascii
    assert not parse_mailbox("ü@b").is_ascii
    assert not parse_mailbox("a@ü").is_ascii


def test_as_long_as_a_path_may_be() -> None:
    """RFC 5321, 4.5.3.1.3: 256 octets with the angle brackets."""
    domain = "x" * 200
    assert parse_mailbox("a" * (254 - 201) + "@" + domain).domain == domain
    with pytest.raises(AddressError, match=r"mail\.mailbox"):
        parse_mailbox("a" * (255 - 201) + "@" + domain)
    with pytest.raises(AddressError, match=r"mail\.mailbox"):
        parse_mailbox("ü" * 100 + "@" + "x" * 60)


_local_parts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)


@given(_local_parts, st.sampled_from(["x.example", "[192.0.2.1]", "ü.example"]))
def test_writing_and_reading_give_the_same(local_part: str, domain: str) -> None:
    mailbox = Mailbox(local_part, domain)
    assert parse_mailbox(str(mailbox)) == mailbox


@given(st.text(max_size=40))
def test_anything_is_a_mailbox_or_an_address_error(text: str) -> None:
    try:
        mailbox = parse_mailbox(text)
    except AddressError:
        return
    assert parse_mailbox(str(mailbox)) == mailbox
