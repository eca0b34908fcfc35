"""Header fields: where they stand, what they say, and how they are written."""

import email.parser
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.errors import BoundExceededError
from conneg.mail import FieldError, read_fields, write_content_features, write_field, write_words

HEADER = b"From: a@example\r\nSubject: a\r\n long\r\n\tone\r\nsubject: again\r\n\r\nbody: no field\r\n"


def test_names_values_and_places() -> None:
    fields = read_fields(HEADER)
    assert [field.name for field in fields] == ["From", "Subject", "subject"]
    assert fields.get("SUBJECT") == "a long\tone"
    assert fields.get_all("subject") == ["a long\tone", "again"]
    assert fields.get("Absent") is None
    assert HEADER[fields.body_start :] == b"body: no field\r\n"
    assert all(HEADER[field.start : field.end] == field.raw for field in fields)
    assert [field.name for field in fields[1:]] == ["Subject", "subject"]


@pytest.mark.parametrize(
    ("content", "names", "body"),
    [
        (b"", [], b""),
        (b"\r\nbody", [], b"body"),
        (b"no field at all\r\n\r\n", [], b"no field at all\r\n\r\n"),
        (b"A: 1\nB: 2\n\nbody", ["A", "B"], b"body"),
        (b"A: 1\r\nnot a field\r\nB: 2\r\n", ["A"], b"not a field\r\nB: 2\r\n"),
        (b"A : obsolete\r\n\r\n", ["A"], b""),
        (b"A: 1", ["A"], b""),
        (b"A:\r\n \r\n\r\nx", ["A"], b"x"),
        (b"From me Thu Jan  1\r\nA: 1\r\n\r\nx", ["A"], b"x"),
        (b"A: bare\rB: cr\r\n\r\nx", ["A"], b"x"),
        (b": no name\r\n\r\n", [], b": no name\r\n\r\n"),
    ],
)
def test_headers_of_all_kinds(content: bytes, names: list[str], body: bytes) -> None:
    fields = read_fields(content)
    assert [field.name for field in fields] == names
    assert content[fields.body_start :] == body


def test_values_are_utf8_or_latin1() -> None:
    assert read_fields("Subject: Grüße\r\n".encode()).get("subject") == "Grüße"
    assert read_fields("Subject: Grüße\r\n".encode("latin-1")).get("subject") == "Grüße"


def test_encoded_words_are_for_people_only() -> None:
    field = read_fields(b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n")[0]
    assert (field.value, field.text) == ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße")


def test_comments_in_content_features_stay() -> None:
    """A filter begins with `(` as a comment does: no comment is ever taken out of it (RFC 2912)."""
    assert read_fields(b"Content-Features: (& (color=Binary)\r\n (dpi=204))\r\n").get("content-features") == (
        "(& (color=Binary) (dpi=204))"
    )


def test_a_header_that_is_too_long() -> None:
    with pytest.raises(BoundExceededError, match=r"mail\.header"):
        read_fields(b"A: b\r\n" * 100_000)
    with pytest.raises(BoundExceededError, match=r"mail\.header"):
        read_fields(b"A: " + b"b" * 600_000)


_words = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=300)


@given(_words)
def test_written_fields_read_back(value: str) -> None:
    written = write_field("X-Test", value)
    assert read_fields(written + b"\r\nbody").get("x-test") == value.strip()
    lines = written.removesuffix(b"\r\n").split(b"\r\n")
    assert all(line.strip() for line in lines) or not value.strip()
    assert all(len(line) <= 76 or b" " not in line.strip().removeprefix(b"X-Test: ") for line in lines)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=100))
def test_the_standard_library_reads_what_is_written(text: str) -> None:
    written = write_field("Subject", write_words(text))
    parsed = email.parser.BytesParser(policy=email.policy.default).parsebytes(written + b"\r\n")
    assert str(parsed["subject"]).split() == text.split()


@pytest.mark.parametrize(
    ("name", "value"), [("A", "b\r\nBcc: c"), ("A", "b\nc"), ("A", "b\0"), ("A B", "c"), ("", "c")]
)
def test_what_cannot_be_written(name: str, value: str) -> None:
    with pytest.raises(FieldError):
        write_field(name, value)


def test_a_line_that_cannot_be_folded() -> None:
    with pytest.raises(FieldError, match=r"mail\.line"):
        write_field("A", "x" * 1000)


def test_content_features() -> None:
    """RFC 2912; folds stand between lexical elements only."""
    expression = (
        "(& (color=Binary) (image-file-structure=TIFF-minimal) (dpi=[200,204]) (image-coding=[MH,MMR]))"
    )
    written = write_content_features(expression)
    assert written.startswith(b"Content-Features: (&")
    assert max(map(len, written.split(b"\r\n"))) <= 76
    assert read_fields(written).get("content-features").split() == expression.split()  # type: ignore[union-attr]
