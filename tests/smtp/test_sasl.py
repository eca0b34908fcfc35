"""SASL: the RFCs' examples, both sides against each other, and messages that are none."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.smtp.sasl import (
    MECHANISMS,
    Challenge,
    Concluded,
    KeysWanted,
    PasswordClaim,
    SaslError,
    ScramKeys,
    client_mechanism,
    derive_scram_keys,
    prepare,
    server_mechanism,
)

# RFC 7677, 3
CLIENT_NONCE = b"rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_scram_by_the_example_of_rfc_7677() -> None:
    keys = derive_scram_keys("pencil", salt=base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), iterations=4096)
    server = server_mechanism("SCRAM-SHA-256", nonce=lambda: SERVER_NONCE, decoy_secret=b"x")
    client = client_mechanism({"SCRAM-SHA-256"}, "user", "pencil", nonce=lambda: CLIENT_NONCE)
    assert server is not None
    assert client is not None
    assert client.initial() == FIRST
    assert server.begin(FIRST) == KeysWanted("user")
    assert server.keys(keys) == Challenge(SERVER_FIRST)
    assert client.respond(SERVER_FIRST) == FINAL
    assert server.respond(FINAL) == Challenge(SERVER_FINAL)
    assert client.respond(SERVER_FINAL) == b""
    client.conclude()
    assert server.respond(b"") == Concluded("user")


def test_plain_by_the_example_of_rfc_4616() -> None:
    server = server_mechanism("plain", nonce=lambda: b"", decoy_secret=b"")
    assert server is not None
    assert server.begin(None) == Challenge(b"")
    assert server.respond(b"\0tim\0tanstaaftanstaaf") == PasswordClaim("tim", "tanstaaftanstaaf")
    assert server.check(True) == Concluded("tim")
    other = server_mechanism("PLAIN", nonce=lambda: b"", decoy_secret=b"")
    assert other is not None
    with pytest.raises(SaslError):
        other.begin(b"Ursel\0Kurt\0xipj3plmq")  # in another user's name, which nobody here may do


def exchange(name: str, username: str, password: str, kept: str | None) -> str | None:
    """Who the server takes the client to be; `kept` is the password it knows, None if no such user."""
    server = server_mechanism(name, nonce=lambda: b"server", decoy_secret=b"secret")
    client = client_mechanism({name}, username, password, nonce=lambda: b"client")
    assert server is not None
    assert client is not None
    step = server.begin(client.initial())
    while True:
        match step:
            case PasswordClaim():
                step = server.check(step.password == (kept and prepare(kept)))
            case KeysWanted():
                step = server.keys(
                    None if kept is None else derive_scram_keys(kept, salt=b"12", iterations=4096)
                )
            case Challenge(octets=octets):
                step = server.respond(client.respond(octets))
            case Concluded(username=found):
                if found is not None:
                    client.conclude()
                return found


@pytest.mark.parametrize("name", MECHANISMS)
def test_both_sides(name: str) -> None:
    assert exchange(name, "june", "swordfish", "swordfish") == "june"
    assert exchange(name, "jü,n=e", "pässwörd", "pässwörd") == "jü,n=e"
    assert exchange(name, "june", "swordfish", "other") is None
    assert exchange(name, "june", "swordfish", None) is None


def test_a_user_that_there_is_not_looks_like_one() -> None:
    def salt(secret: bytes, username: bytes) -> Challenge:
        server = server_mechanism("SCRAM-SHA-256", nonce=lambda: b"n", decoy_secret=secret)
        assert server is not None
        server.begin(b"n,,n=" + username + b",r=abc")
        step = server.keys(None)
        assert isinstance(step, Challenge)
        return step

    assert salt(b"s", b"a") == salt(b"s", b"a")
    assert salt(b"s", b"a") != salt(b"s", b"b")
    assert salt(b"s", b"a") != salt(b"t", b"a")


def test_a_server_that_does_not_know_the_password_is_found_out() -> None:
    client = client_mechanism({"SCRAM-SHA-256"}, "june", "swordfish", nonce=lambda: b"abc")
    assert client is not None
    with pytest.raises(SaslError):
        client.conclude()
    client.respond(b"r=abcdef,s=MTI=,i=4096")
    with pytest.raises(SaslError):
        client.respond(b"v=AAAA")
    for wrong in (
        b"r=xyz,s=MTI=,i=4096",
        b"r=abc,s=MTI=,i=4096",
        b"r=abcd,s=MTI=,i=1",
        b"r=abcd,s=MTI=,i=99999999",
    ):
        other = client_mechanism({"SCRAM-SHA-256"}, "june", "swordfish", nonce=lambda: b"abc")
        assert other is not None
        with pytest.raises(SaslError):
            other.respond(wrong)


def test_channel_binding_is_refused() -> None:
    server = server_mechanism("SCRAM-SHA-256", nonce=lambda: b"n", decoy_secret=b"")
    assert server is not None
    with pytest.raises(SaslError):
        server.begin(b"p=tls-unique,,n=user,r=abc")


def test_keys_as_text() -> None:
    keys = derive_scram_keys("x", salt=b"salt", iterations=4096)
    assert ScramKeys.parse(keys.to_text()) == keys
    for wrong in ("", "SCRAM-SHA-256$4096:c2FsdA==$AA==:AA==", "SCRAM-SHA-1$4096:a$b:c", "$argon2id$x"):
        with pytest.raises(SaslError):
            ScramKeys.parse(wrong)


@pytest.mark.parametrize(
    ("text", "prepared"),
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX")],
)
def test_saslprep_by_the_examples_of_rfc_4013(text: str, prepared: str) -> None:
    assert prepare(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031"])
def test_saslprep_prohibits(text: str) -> None:
    """RFC 4013, 3: the last two examples."""
    with pytest.raises(SaslError):
        prepare(text)


@given(st.sampled_from(MECHANISMS), st.lists(st.binary(max_size=60), max_size=5))
def test_what_is_no_message_raises_only_sasl_errors(name: str, messages: list[bytes]) -> None:
    server = server_mechanism(name, nonce=lambda: b"n", decoy_secret=b"")
    assert server is not None
    with contextlib.suppress(SaslError):
        server.begin(None)
        for message in messages:
            step = server.respond(message)
            if isinstance(step, KeysWanted):
                server.keys(None)
