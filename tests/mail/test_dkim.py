"""DKIM-Signature fields are read by RFC 6376, 3.2 and 3.5; what is none is left out."""

import pytest

from conneg.mail import MAX_DKIM_SIGNATURES, DkimSignature, dkim_signatures, read_fields

GOOD = "v=1; a=rsa-sha256; d=Law.example; s=One; h=From : To:\r\n Subject; bh=x=; b=y\r\n z"


def read(*values: str) -> tuple[DkimSignature, ...]:
    return dkim_signatures(read_fields("".join(f"DKIM-Signature: {value}\r\n" for value in values).encode()))


def test_what_a_signature_covers() -> None:
    assert read(GOOD) == (DkimSignature("law.example", "one", ("from", "to", "subject")),)
    (partly,) = read(f"{GOOD}; l=120;")
    assert (partly.body_octets, partly.covers_body) == (120, True)
    (header_only,) = read(f"{GOOD}; l=0")
    assert not header_only.covers_body


@pytest.mark.parametrize(
    "value",
    [
        GOOD.replace("v=1", "v=2"),
        GOOD.replace("d=Law.example; ", ""),
        f"{GOOD}; d=other.example",
        f"{GOOD}; l=-1",
        f"{GOOD}; l={'9' * 77}",
        f"{GOOD}; nonsense",
        "",
        f"{GOOD}; x={' ' * 9000}y",
    ],
)
def test_what_is_no_signature_is_left_out(value: str) -> None:
    assert read(value, GOOD) == read(GOOD)


def test_only_so_many_are_read() -> None:
    assert len(read(*[GOOD] * 3000)) == MAX_DKIM_SIGNATURES.value
