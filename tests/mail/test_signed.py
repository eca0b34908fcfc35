"""multipart/signed is taken apart where it was put together, octet for octet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.mail import SignedEntity, read_parts, read_signed, write_signed
from tests.mail.test_outline import PLAIN, node

HEADS = [
    b"",
    b"Subject: x\r\n",
    b"From: a@b.test\r\nContent-Type: image/png\r\nX: y\r\n",
    b"MIME-Version: 1.0\r\n",
]


@given(
    st.sampled_from(HEADS),
    st.sampled_from([b"Content-Type: text/plain\r\n\r\n", b"\r\n"]),
    st.text(alphabet="a-=\r\n \t", max_size=40).map(str.encode),
    st.binary(max_size=80),
)
def test_what_was_put_in_comes_out(head: bytes, fields: bytes, body: bytes, signature: bytes) -> None:
    content = head + b"\r\nold body"
    signed = SignedEntity(fields + body, signature)
    new = write_signed(content, read_parts(content), signed, micalg="sha-256")
    root = read_parts(new)
    assert read_signed(new, root) == signed
    assert root.parameters["protocol"] == "application/pkcs7-signature"
    assert root.fields.get_all("MIME-Version") == ["1.0"]
    assert len(root.fields.get_all("Content-Type")) == 1
    kept = [line for line in head.splitlines() if not line.startswith((b"Content", b"MIME"))]
    assert [line for line in kept if line in new] == kept


@pytest.mark.parametrize("parts", [1, 3])
def test_only_one_part_and_its_signature_will_do(parts: int) -> None:
    content = node("multipart/signed", *[PLAIN] * (parts - 1), node("application/pkcs7-signature"))
    assert read_signed(content, read_parts(content)) is None
