"""File names and types in header fields: read back by another program's reader, and never more than one line."""

import email.policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.web.headers import attachment, content_type


def read_back(value: str) -> str | None:
    """The file name as the standard library reads it, which knows RFC 2231's form of RFC 8187."""
    message = BytesParser(policy=email.policy.default).parsebytes(
        f"Content-Disposition: {value}\n\n".encode()
    )
    assert isinstance(message, EmailMessage)
    assert message.get_content_disposition() == "attachment"
    return message.get_filename()


@given(st.text(max_size=300))
def test_any_name_is_one_safe_line(name: str) -> None:
    value = attachment(name)
    assert value.isascii()
    assert value.isprintable()
    assert "/" not in value.replace("UTF-8''", "")
    assert len(value) < 2500


@pytest.mark.parametrize(
    ("name", "saved_as"),
    [
        ("plan.step", "plan.step"),
        ("two words.pdf", "two words.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\scans\\fax.tif", "fax.tif"),
        ('say "hi".txt', "say _hi_.txt"),
        ("a\r\nSet-Cookie: x", "a__Set-Cookie_ x"),
        ("...", "file"),
        ("", "file"),
        ("x" * 500 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_names(name: str, saved_as: str) -> None:
    assert read_back(attachment(name)) == saved_as


def test_a_name_outside_ascii_stands_twice() -> None:
    value = attachment("Grüße 日本.pdf")
    assert 'filename="Gr__e __.pdf"' in value
    assert "filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E6%97%A5%E6%9C%AC.pdf" in value


@pytest.mark.parametrize(
    ("media_type", "charset", "wanted"),
    [
        ("text/plain", "utf-8", "text/plain; charset=utf-8"),
        ("text/plain", None, "text/plain"),
        ("application/pdf", "utf-8", "application/pdf"),
        ("Image/SVG+xml", None, "image/svg+xml"),
        ("nonsense", None, "application/octet-stream"),
        ("text/html\r\nX: y", None, "application/octet-stream"),
        ("text/plain", "utf-8\r\nX: y", "text/plain"),
    ],
)
def test_types(media_type: str, charset: str | None, wanted: str) -> None:
    assert content_type(media_type, charset) == wanted
