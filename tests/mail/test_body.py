"""Transfer encodings (RFC 2045, 6), as written and as received."""

import base64
import binascii
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.mail import decode_body, read_parts, write_base64
from conneg.mail.body import read_quoted_printable


def body(encoding: str, octets: bytes) -> bytes:
    content = f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + octets
    return decode_body(content, read_parts(content))


@given(st.binary(max_size=500), st.sampled_from([b"\r\n", b"\n"]))
def test_base64_and_back(octets: bytes, eol: bytes) -> None:
    written = write_base64(octets, eol)
    assert all(len(line) <= 76 for line in written.split(eol))
    assert base64.b64decode(written) == octets
    assert body("base64", written) == octets


@given(st.binary(max_size=300), st.booleans())
def test_quoted_printable_and_back(octets: bytes, is_text: bool) -> None:
    written = binascii.b2a_qp(octets, istext=is_text)
    assert body("quoted-printable", written) == quopri.decodestring(written)


@given(st.binary(max_size=300))
def test_any_octets_decode_to_something(octets: bytes) -> None:
    for encoding in ("base64", "quoted-printable", "x-unknown"):
        body(encoding, octets)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"a=3Db", b"a=b"),
        (b"a=3db", b"a=b"),
        (b"soft=\r\nbreak", b"softbreak"),
        (b"soft=\nbreak", b"softbreak"),
        (b"soft= \t\r\nbreak", b"softbreak"),
        (b"padded  \r\nline \t\r\n", b"padded\r\nline\r\n"),
        (b"at the end  ", b"at the end"),
        (b"not =ZZ coded", b"not =ZZ coded"),
        (b"raw \xfc", b"raw \xfc"),
    ],
)
def test_quoted_printable_as_received(written: bytes, meant: bytes) -> None:
    """RFC 2045, 6.7: white space at a line's end goes (rule 3); bad codings stay (note 1)."""
    assert read_quoted_printable(written) == meant


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "BINARY", "x-uuencode", ""])
def test_what_is_not_coded_stays(encoding: str) -> None:
    assert body(encoding, b"a=3D \xff\r\n") == b"a=3D \xff\r\n"


@pytest.mark.parametrize("encoding", ["Base64", " base64 ", "base64;"])
def test_the_name_is_read_leniently(encoding: str) -> None:
    assert body(encoding, b"aGVsbG8=") == b"hello"
