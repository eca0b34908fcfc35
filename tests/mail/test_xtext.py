"""xtext (RFC 3461, 4) and addresses of type utf-8 (RFC 6533, 3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.mail import read_xtext, write_xtext
from conneg.mail.xtext import read_utf8_address, write_utf8_address


@pytest.mark.parametrize(
    ("coded", "meant"),
    [
        ("FAX+3D+2B390408565", "FAX=+390408565"),
        ("plain", "plain"),
        ("+2b", "+"),
        ("+", "+"),
        ("+3", "+3"),
        ("+ZZ", "+ZZ"),
    ],
)
def test_reading(coded: str, meant: str) -> None:
    assert read_xtext(coded) == meant


@given(st.text(st.characters(max_codepoint=0x7F), max_size=40))
def test_writing_and_back(text: str) -> None:
    coded = write_xtext(text)
    assert all("!" <= char <= "~" and char != "=" for char in coded)
    assert read_xtext(coded) == text


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
def test_addresses_outside_ascii(text: str) -> None:
    coded = write_utf8_address(text)
    assert all("!" <= char <= "~" and char not in "+=" for char in coded)
    assert read_utf8_address(coded) == text


def test_what_is_no_code_point_stays() -> None:
    assert read_utf8_address(r"\x{D800}\x{110000}\x{FC}") == r"\x{D800}\x{110000}ü"
