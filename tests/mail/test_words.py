"""Text outside ASCII in header fields: the examples of RFC 2047 and RFC 2231, and what real mail makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.mail import read_parameters, read_words, write_parameter, write_words
from conneg.mail.words import decode, read_base64

_texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=80)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        # RFC 2047, 8
        ("=?ISO-8859-1?Q?a?=", "a"),
        ("=?ISO-8859-1?Q?a?= b", "a b"),
        ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
        ("=?ISO-8859-1?Q?a_b?=", "a b"),
        ("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        ("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"),
        # RFC 2231, 5: with a language
        ("=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        # a character cut in two by a careless writer
        ("=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),
        ("=?utf-8?b?w?= x", " x"),
        ("=?unknown-8bit?q?=FC?=", "ü"),
        ("=?punycode?q?abc?=", "abc"),
        ("=?x?y?z?=", "=?x?y?z?="),
        ("=?utf-8?q?unfinished", "=?utf-8?q?unfinished"),
        ("plain = ? text", "plain = ? text"),
    ],
)
def test_encoded_words(written: str, meant: str) -> None:
    assert read_words(written) == meant


@given(_texts)
def test_written_words_read_back(text: str) -> None:
    written = write_words(text)
    assert written.isascii()
    assert read_words(written) == text
    assert all(len(word) <= 75 for word in written.split(" ")) or text.isascii()


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    read_words(text)
    read_parameters(text)


@pytest.mark.parametrize(
    ("written", "value", "parameters"),
    [
        ("Text/Plain; Charset=UTF-8", "text/plain", {"charset": "UTF-8"}),
        ('text/plain; charset="us-ascii" (Plain text)', "text/plain", {"charset": "us-ascii"}),
        ("text/plain (a (nested) comment); charset=x", "text/plain", {"charset": "x"}),
        ('a/b; name="semi;colon"; x=y', "a/b", {"name": "semi;colon", "x": "y"}),
        ('a/b; name="quote\\"d"', "a/b", {"name": 'quote"d'}),
        ('a/b; name="unfinished', "a/b", {"name": "unfinished"}),
        ("a/b; x=1; X=2", "a/b", {"x": "1"}),
        ("a/b;; ;x = 1 ;y", "a/b", {"x": "1"}),
        ("a/b; boundary=a(b)c", "a/b", {"boundary": "a(b)c"}),
        ("", "", {}),
        # RFC 2231, 3 and 4
        (
            'message/external-body; access-type=URL; URL*0="ftp://"; URL*1="cs.utk.edu/pub/moore"',
            "message/external-body",
            {"access-type": "URL", "url": "ftp://cs.utk.edu/pub/moore"},
        ),
        (
            "application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
            "application/x-stuff",
            {"title": "This is ***fun***"},
        ),
        (
            "application/x-stuff; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*0*=us-ascii'en'This%20is%20even%20more%20;"
            ' title*2="isn\'t it!"',
            "application/x-stuff",
            {"title": "This is even more ***fun*** isn't it!"},
        ),
    ],
)
def test_parameters(written: str, value: str, parameters: dict[str, str]) -> None:
    assert read_parameters(written) == (value, parameters)


@given(st.sampled_from(["name", "filename"]), _texts)
def test_written_parameters_read_back(name: str, text: str) -> None:
    text = text.strip()
    assert read_parameters(f"a/b; {write_parameter(name, text)}; x=y") == ("a/b", {name: text, "x": "y"})


def test_half_characters_never_come_out() -> None:
    assert decode(b"+2AA-", "utf-7") == "?"


@pytest.mark.parametrize(
    "octets", [b"aGVsbG8=", b"aGVs\r\nbG8", b"aG!Vs bG8===", b"aGVsbG8=\r\n-- \r\nfooter"]
)
def test_base64_as_mail_has_it(octets: bytes) -> None:
    assert read_base64(octets) == b"hello"


@pytest.mark.parametrize(
    "text",
    [
        "=?" * 100_000,
        "=?utf-8?q?" * 30_000,
        "=?a?q?b?= " * 30_000,
        "; a" * 100_000,
        ';a="' * 100_000,
        "(" * 200_000,
        "; a*0*=x" * 30_000,
        " " * 200_000,
        "; " + " " * 200_000 + "x",
    ],
)
def test_hostile_text_costs_no_more_than_its_length(text: str) -> None:
    """A way whose cost is quadratic runs into the time limit of the tests here."""
    read_words(text)
    read_parameters("a/b" + text)
