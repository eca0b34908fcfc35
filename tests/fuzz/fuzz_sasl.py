"""Fuzz target: any octets as what a client says in AUTH. Nothing but `SaslError`, and nobody gets in without proof."""

from conneg.smtp.sasl import (
    MECHANISMS,
    Challenge,
    Concluded,
    KeysWanted,
    PasswordClaim,
    SaslError,
    ScramKeys,
    derive_scram_keys,
    prepare,
    server_mechanism,
)

_KEYS = derive_scram_keys("swordfish", salt=b"salt", iterations=4096)


def fuzz_one(data: bytes) -> None:
    """The first octet chooses the mechanism; NUL NUL parts the messages. Raises only on a bug."""
    if not data:
        return
    _read_texts(data)
    mechanism = server_mechanism(
        MECHANISMS[data[0] % len(MECHANISMS)], nonce=lambda: b"nonce", decoy_secret=b"fuzz"
    )
    assert mechanism is not None
    messages = data[1:].split(b"\0\0")
    try:
        step = mechanism.begin(messages.pop(0))
        while True:
            match step:
                case PasswordClaim():
                    assert step.username
                    assert step.password
                    assert prepare(step.username) == step.username
                    step = mechanism.check(False)
                case KeysWanted():
                    step = mechanism.keys(_KEYS if data[0] & 128 else None)
                case Challenge():
                    if not messages:
                        return
                    step = mechanism.respond(messages.pop(0))
                case Concluded():
                    assert step.username is None, "somebody got in without a proof"
                    return
    except SaslError:
        pass


def _read_texts(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        keys = ScramKeys.parse(text)
    except SaslError:
        pass
    else:
        assert ScramKeys.parse(keys.to_text()) == keys
