"""Which entry speaks for a recipient: address, then longest pattern, then domain (design 5; RFC 5321, 2.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.directory import DirectoryError, EntryKind
from conneg.directory.names import Patterns, address_key, kind_of, name_key


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("June@ifax1.jp", "june@ifax1.jp"),
        ("<june@IFAX1.jp>", "june@ifax1.jp"),
        ("june@ifax1.jp.", "june@ifax1.jp"),
        ('"june"@ifax1.jp', "june@ifax1.jp"),
        ('"june smith"@ifax1.jp', '"june smith"@ifax1.jp'),
        ('"a@b"@ifax1.jp', '"a@b"@ifax1.jp'),
        ("FAX=+81-3-5434@ifax1.jp", "fax=+81-3-5434@ifax1.jp"),
        ("june@[192.0.2.1]", "june@[192.0.2.1]"),
        ("jünE@exämple.jp", "jüne@exämple.jp"),
        ("Postmaster", "postmaster"),
    ],
)
def test_spellings_of_one_recipient_have_one_key(spelling: str, key: str) -> None:
    assert address_key(spelling) == key


def test_a_name_shows_its_kind() -> None:
    assert kind_of("june@ifax1.jp") is EntryKind.ADDRESS
    assert kind_of("ifax1.jp") is EntryKind.DOMAIN
    assert kind_of("fax=*@ifax1.jp") is EntryKind.PATTERN
    assert kind_of("*.fax.example") is EntryKind.PATTERN


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EntryKind.ADDRESS, "ifax1.jp"),
        (EntryKind.ADDRESS, "@ifax1.jp"),
        (EntryKind.ADDRESS, "june@"),
        (EntryKind.ADDRESS, "fax=*@ifax1.jp"),
        (EntryKind.DOMAIN, "june@ifax1.jp"),
        (EntryKind.DOMAIN, ""),
        (EntryKind.DOMAIN, "ifax1 jp"),
        (EntryKind.PATTERN, "ifax1.jp"),
        (EntryKind.PATTERN, "fax=*"),
    ],
)
def test_a_name_that_cannot_be_what_it_should_is_refused(kind: EntryKind, name: str) -> None:
    with pytest.raises(DirectoryError):
        name_key(kind, name)


@pytest.mark.parametrize(
    ("address", "pattern"),
    [
        ("fax=81@example.org", "fax=*@example.org"),
        ("fax=1@fax.example.org", "*@fax.example.org"),
        ("june@a.fax.example", "*.fax.example"),
        ("june@fax.example", "*"),
        ("june@b.a.fax.example", "*.a.fax.example"),
    ],
)
def test_the_longest_pattern_that_fits_is_chosen(address: str, pattern: str) -> None:
    patterns = Patterns(
        ["*", "*.fax.example", "*.a.fax.example", "fax=*@example.org", "*@example.org", "*@fax.example.org"]
    )
    assert patterns.find(address) == pattern


def test_a_pattern_without_at_is_held_against_the_domain_only() -> None:
    assert Patterns(["*fax*"]).find("fax@example.org") is None
    assert Patterns(["*fax*"]).find("june@fax.example.org") == "*fax*"
    assert Patterns(["*.example.org"]).find("june@example.org") is None


def test_pieces_must_not_overlap() -> None:
    assert Patterns(["ab*ba@x"]).find("aba@x") is None
    assert Patterns(["ab*ba@x"]).find("abba@x") == "ab*ba@x"


def test_many_stars_are_answered_at_once() -> None:
    pattern = "*a" * 200 + "*@b"
    assert Patterns([pattern]).find("a" * 199 + "c" * 10_000 + "@b") is None


@given(st.text("ab@", max_size=8), st.lists(st.text("ab", max_size=3), min_size=2, max_size=4))
def test_fitting_agrees_with_a_regular_expression(text: str, pieces: list[str]) -> None:
    import re

    pattern = "*".join(pieces) + "@ab"
    address = text.replace("@", "") + "@ab"
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), address) is not None
    assert (Patterns([pattern]).find(address) == pattern) is expected
