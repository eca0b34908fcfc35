"""Composite features by reference (RFC 2938 section 3)."""

import hashlib

import pytest

from conneg.features import FeatureReferenceError, FeatureSyntaxError, feature_set, hash_name, is_hash_name

from .vectors import Vector, vectors

HASHED = [vector for vector in vectors().values() if vector.hash]
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"


def plain_hash(normalised: str) -> str:
    """Section 3.1: the base-32 digits of the MD5 of a normalised text, five bits each, spare bits zero."""
    bits = "".join(f"{octet:08b}" for octet in hashlib.md5(normalised.encode("ascii")).digest())
    bits += "0" * (-len(bits) % 5)
    return "".join(DIGITS[int(bits[at : at + 5], 2)] for at in range(0, len(bits), 5))


@pytest.mark.parametrize("vector", HASHED, ids=lambda vector: vector.id)
def test_calculation(vector: Vector) -> None:
    """3.1.1: white space away, letters to capitals (no strings in these); 3.1.2: 26 digits."""
    normalised = "".join(vector.good.split()).upper()
    assert plain_hash(normalised) == vector.hash
    assert hash_name(vector.good) == f"h.{vector.hash}"
    assert len(vector.hash) == 26


def test_the_printed_hash_of_the_third_sample_is_wrong() -> None:
    """Section 4; erratum 1080, verified."""
    printed, definition = vectors()["2938 §4 (3)"], vectors()["2938 §4 (3, definition)"]
    assert "h.QGEOPMCF02P09QC016CEPU22FO" in printed.text
    assert hash_name(definition.text) == "h.U965DKFHDGT0344VRHI6OONIBS"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(a=1)", " ( A\t=\r\n1 ) "),
        ('(x="a b")', '(X = "a b")'),
        ("(a=1);q=0.5", "(A=1) ; Q = 0.5"),
    ],
)
def test_normalisation(one: str, other: str) -> None:
    """3.1.1."""
    assert hash_name(one) == hash_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('(x="a b")', '(x="ab")'),
        ('(x="a")', '(x="A")'),
        ("(a=1)", "(a=1);q=0.5"),
        ("(a=1)", "(a=[1])"),
        ("(dpi-xyratio=1)", "(dpi-xyratio=200/200)"),
        ("(& (a=1) (b=1))", "(& (b=1) (a=1))"),
    ],
)
def test_the_hash_is_of_the_text(one: str, other: str) -> None:
    """3.1.1: strings are left alone, parameters belong to the filter, and nothing else is normalised."""
    assert hash_name(one) != hash_name(other)


@pytest.mark.parametrize(
    "name", ["h.SBB5REAOMHC09CP2GM4V07PQP0", "H.sbb5reaomhc09cp2gm4v07pqp0", "h.0", "h.V"]
)
def test_reference_names(name: str) -> None:
    """3.1: "h." 1*BASE32DIGIT in upper or lower case."""
    assert is_hash_name(name)


@pytest.mark.parametrize("name", ["h.", "h.W", "h.z0", "h.SBB5-", "SBB5", "g.0", "h0"])
def test_other_names(name: str) -> None:
    assert not is_hash_name(name)


def test_an_inline_definition_must_have_its_hash() -> None:
    """3.2.2: it is an error if it does not."""
    vector = vectors()["2938 §3.2.2 (1)"]
    with pytest.raises(FeatureSyntaxError):
        feature_set(vector.text.replace("150", "151"))


@pytest.mark.parametrize("value", ["(& (pix-x<=200) (pix-y<=151) )", "(& (pix-y<=150) (pix-x<=200) )"])
def test_a_wrong_answer_is_rejected(value: str) -> None:
    """3: failure to return the correct expression is detectable; 3.2: it may not be substituted."""
    vector = vectors()["2938 §3 (reference)"]
    with pytest.raises(FeatureReferenceError):
        feature_set(vector.text, resolver=lambda name: value)


def test_letter_case_of_a_reference_does_not_matter() -> None:
    """3.1, with RFC 2506 section 2.2."""
    reference = vectors()["2938 §3 (reference)"].text
    definition = vectors()["2938 §3 (referenced)"].text
    small = reference.replace("SBB5REAOMHC09CP2GM4V07PQP0", "sbb5reaomhc09cp2gm4v07pqp0")
    one, other = (feature_set(text, resolver=lambda name: definition) for text in (reference, small))
    assert one.unresolved == other.unresolved == ()
    assert one.equivalent(other)
