"""Envelopes: as JSON and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.mail import Envelope, EnvelopeError, Recipient

_texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_notify = st.none() | st.frozensets(st.sampled_from(["NEVER", "SUCCESS", "FAILURE", "DELAY"]))
_recipients = st.builds(Recipient, _texts, _notify, st.none() | _texts)
_envelopes = st.builds(
    Envelope,
    _texts,
    st.lists(_recipients, max_size=4).map(tuple),
    st.sampled_from([None, "7BIT", "8BITMIME"]),
    st.none() | _texts,
    st.sampled_from([None, "FULL", "HDRS"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(_envelopes)
def test_json_and_back(envelope: Envelope) -> None:
    text = envelope.to_json()
    assert "\n" not in text
    assert Envelope.from_json(text) == envelope


def test_what_is_absent_is_left_out() -> None:
    envelope = Envelope("", (Recipient("june@ifax1.jp"),))
    assert json.loads(envelope.to_json()) == {"from": "", "to": [{"path": "june@ifax1.jp"}]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "1",
        '{"from":"a"}',
        '{"to":3}',
        '{"to":[{}]}',
        '{"to":[{"path":1}]}',
        '{"from":1,"to":[]}',
        "[" * 9,
    ],
)
def test_what_is_no_envelope(text: str) -> None:
    with pytest.raises(EnvelopeError):
        Envelope.from_json(text)


def test_json_nested_without_end() -> None:
    with pytest.raises(EnvelopeError):
        Envelope.from_json("[" * 100_000)
