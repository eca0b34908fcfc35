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
        f"From: {'a' * 5000} <amy@law.example>\r\n",
    ],
)
def test_anything_else_is_nobody(header: str) -> None:
    assert from_mailbox(read_fields(header.encode())) is None
