"""Waits grow, stay below the longest, and end (RFC 5321, 4.5.4.1)."""

from hypothesis import given
from hypothesis import strategies as st

from conneg.gateway.retry import RetryPolicy

POLICY = RetryPolicy(first=60, factor=2, longest=3600, give_up=86400)


def test_waits_double_up_to_the_longest() -> None:
    assert [POLICY.wait(n) for n in (1, 2, 3, 7, 8, 1000)] == [60, 120, 240, 3600, 3600, 3600]


def test_gives_up_when_the_time_has_come() -> None:
    assert POLICY.next_attempt(attempts=9, received_at=0, now=86400) is None
    assert POLICY.next_attempt(attempts=9, received_at=0, now=86399) == 86400


@given(st.integers(1, 10_000), st.floats(0, 86399))
def test_the_next_attempt_is_later_and_not_past_the_end(attempts: int, now: float) -> None:
    at = POLICY.next_attempt(attempts=attempts, received_at=0, now=now)
    assert at is not None
    assert now < at <= 86400
