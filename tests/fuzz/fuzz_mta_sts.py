"""MTA-STS records and policies, and certificates for DANE, from any octets: read, or refused in one line."""

from conneg.errors import ConnegError
from conneg.net.dane import public_key_info
from conneg.net.mta_sts import MAX_STS_AGE, policy_id, read_policy


def fuzz_one(data: bytes) -> None:
    """Raise only for a bug."""
    _policy(data)
    _record(data)
    _certificate(data)


def _policy(data: bytes) -> None:
    try:
        policy = read_policy(data)
    except ConnegError as error:
        _check_line(error)
        return
    assert 0 <= policy.max_age <= MAX_STS_AGE.value
    for pattern in policy.mx:
        assert policy.has_host(pattern.replace("*", "x"))


def _record(data: bytes) -> None:
    text = data.decode("latin-1")
    try:
        found = policy_id([text, f"v=STSv1; {text}"])
    except ConnegError as error:
        _check_line(error)
        return
    assert found is None or found.isalnum()


def _certificate(data: bytes) -> None:
    try:
        assert public_key_info(data) in data
    except ConnegError as error:
        _check_line(error)


def _check_line(error: ConnegError) -> None:
    assert "\n" not in str(error)
