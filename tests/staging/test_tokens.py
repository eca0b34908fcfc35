"""Tokens: what was signed is read back, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.staging import ExpiredTokenError, ForgedTokenError, Purpose, Tokens
from conneg.staging.tokens import TOKEN_LENGTH

KEYS = st.binary(min_size=32, max_size=32)
TIMES = st.integers(1, 2**32 - 1)
NAMES = st.text(max_size=30)


@given(KEYS, NAMES, NAMES, st.lists(NAMES), TIMES, st.sampled_from(Purpose))
def test_a_token_is_read_back_in_any_letter_case(
    key: bytes, message: str, part: str, recipients: list[str], until: int, purpose: Purpose
) -> None:
    tokens = Tokens(key)
    item_id = tokens.item_id(message, part, "0" * 64, recipients)
    token = tokens.write(purpose, item_id, until)
    assert len(token) == TOKEN_LENGTH
    assert token.isalnum()
    assert tokens.read(purpose, token, until - 1) == (item_id, until)
    assert tokens.read(purpose, token.upper(), until - 1) == (item_id, until)
    with pytest.raises(ExpiredTokenError):
        tokens.read(purpose, token, until)


@given(KEYS, TIMES, st.integers(0, TOKEN_LENGTH - 1), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_no_character_can_be_changed(key: bytes, until: int, place: int, char: str) -> None:
    tokens = Tokens(key)
    token = tokens.write(Purpose.LINK, tokens.item_id("m", "1", "", []), until)
    forged = token[:place] + char + token[place + 1 :]
    if forged != token:
        with pytest.raises(ForgedTokenError):
            tokens.read(Purpose.LINK, forged, 0)


@given(KEYS, st.text(max_size=100))
def test_anything_else_is_a_forgery(key: bytes, text: str) -> None:
    with pytest.raises(ForgedTokenError):
        Tokens(key).read(Purpose.LINK, text, 0)


@given(KEYS, KEYS, TIMES)
def test_another_key_or_purpose_is_a_forgery(key: bytes, other: bytes, until: int) -> None:
    tokens = Tokens(key)
    token = tokens.write(Purpose.LINK, tokens.item_id("m", "1", "", []), until)
    with pytest.raises(ForgedTokenError):
        tokens.read(Purpose.SESSION, token, 0)
    if other != key:
        with pytest.raises(ForgedTokenError):
            Tokens(other).read(Purpose.LINK, token, 0)


@given(KEYS, st.lists(NAMES, unique=True), st.lists(NAMES, unique=True))
def test_ids_differ_as_their_recipients_do(key: bytes, some: list[str], others: list[str]) -> None:
    tokens = Tokens(key)
    same = tokens.item_id("m", "1", "", some) == tokens.item_id("m", "1", "", others)
    assert same == (sorted(some) == sorted(others))


def test_what_is_named_is_not_run_together() -> None:
    tokens = Tokens(bytes(32))
    assert tokens.item_id("m1", "1", "", []) != tokens.item_id("m", "11", "", [])
