"""The text of a cover page: what people want to know of a fax, and nothing that could act on who reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.mail import read_fields, write_cover
from conneg.mail.cover import COLUMNS


def cover(header: bytes, pages: int | None = None) -> str:
    return write_cover(read_fields(header + b"\r\n"), pages)


def test_what_is_absent_is_left_out() -> None:
    text = cover(b"From: may@sender.example\r\n")
    assert "From:      may@sender.example" in text.splitlines()
    assert not any(name in text for name in ("To:", "Cc:", "Subject:", "Pages:"))


def test_encoded_words_and_folding_are_undone() -> None:
    text = cover(b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n aus =?iso-8859-1?q?K=F6ln?=\r\n")
    assert "Subject:   Grüße aus Köln" in text.splitlines()


def test_all_names_are_in_order_with_the_pages_last() -> None:
    text = cover(b"Subject: s\r\nDate: d\r\nFrom: f\r\nCc: c\r\nTo: t\r\n", 12)
    names = [line.split(":")[0] for line in text.splitlines() if ":" in line]
    assert names == ["To", "Cc", "From", "Date", "Subject", "Pages"]
    assert "Pages:     12, this one included" in text.splitlines()


def test_a_long_list_is_cut() -> None:
    text = cover(b"To: " + b", ".join(b"name%d@example.com" % n for n in range(500)) + b"\r\n")
    assert len(text.splitlines()) < 20
    assert "..." in text


@pytest.mark.parametrize("subject", [b"a\x1b[2Jb", b"a\x00b", b"=?utf-8?q?a=0D=0Ab?=", "a\u202eb".encode()])
def test_nothing_acts_on_who_reads_it(subject: bytes) -> None:
    line = next(line for line in cover(b"Subject: " + subject + b"\r\n").splitlines() if "Subject" in line)
    assert line.isprintable()


@given(st.binary(max_size=300))
def test_any_header_fits_the_page(header: bytes) -> None:
    assert all(len(line) <= COLUMNS for line in cover(header, 1).splitlines())
