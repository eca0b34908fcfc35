"""The author is the one mailbox of the one From field, or nobody."""

import pytest

from conneg.mail import from_mailbox, read_fields


@pytest.mark.parametrize(
    "value",
    [
        "amy@law.example",
        "Amy <amy@law.example>",
        '"May, Amy" <amy@law.example> (at work)',
        "<amy@law.example>",
        "(her (own) \\) hand) amy@law.example",
        "=?utf-8?q?Amy_M=C3=A4y?= <amy@law.example>",
        '"eve@elsewhere.example" <amy@law.example>',
        '"amy"@law.example',
    ],
)
def test_one_mailbox(value: str) -> None:
    assert str(from_mailbox(read_fields(f"From: {value}\r\n".encode()))) == "amy@law.example"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "From: \r\n",
        "From: amy\r\n",
        "From: amy@law.example, bob@law.example\r\n",
        "From: amy@law.example\r\nFROM: eve@elsewhere.example\r\n",
        "From: undisclosed:;\r\n",
        "From: eve@elsewhere.example <amy@law.example>\r\n",
        "From: May, Amy <amy@law.example>\r\n",
        "From: <amy@law.example> <eve@elsewhere.example>\r\n",
        "From: amy@law.example (never ended\r\n",
        "From: amy@law.example) eve@elsewhere.example\r\n",
        'From: "never ended <amy@law.example>\r\n',
        f"From: {'a' * 5000} <amy@law.example>\r\n",
    ],
)
def test_anything_else_is_nobody(header: str) -> None:
    assert from_mailbox(read_fields(header.encode())) is None


@pytest.mark.parametrize(
    "value", ["(" * 4000 + "a@b.test", ":" * 4000, "<" * 4000, '"' * 4000, "\\" * 4000, '"a"' * 1300]
)
def test_nothing_nested_is_followed_down(value: str) -> None:
    """The standard library's reader ends in RecursionError at the first two."""
    assert from_mailbox(read_fields(f"From: {value}\r\n".encode())) is None


def test_comments_are_taken_out_however_deep() -> None:
    nested = "(" * 2000 + ")" * 2000
    assert str(from_mailbox(read_fields(f"From: {nested}amy@law.example\r\n".encode()))) == "amy@law.example"
