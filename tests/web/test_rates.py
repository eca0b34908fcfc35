"""How often a client may: a bucket against a list of moments, addresses by their networks."""

import pytest

from conneg.bounds import Bound
from conneg.web.rates import ADDRESSES, RateLimit

FIVE = Bound("test", 5, "events", "a test", "none")


def spent_after(limit: RateLimit, address: str, moments: list[float]) -> list[bool]:
    found = []
    for at in moments:
        found.append(limit.is_spent(address, at))
        limit.note(address, at)
    return found


def test_five_at_once_and_the_next_when_a_fifth_of_the_time_has_gone() -> None:
    limit = RateLimit(FIVE, 50)
    assert spent_after(limit, "192.0.2.1", [0, 0, 0, 0, 0]) == [False] * 5
    assert limit.is_spent("192.0.2.1", 9.9)
    assert not limit.is_spent("192.0.2.1", 10.1)
    assert not limit.is_spent("192.0.2.2", 0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unix:", "unix:", True),
    ],
)
def test_whose_events_are_counted_together(one: str, other: str, same: bool) -> None:
    limit = RateLimit(FIVE, 50)
    spent_after(limit, one, [0] * 5)
    assert limit.is_spent(other, 0) is same


def test_addresses_without_end_take_bounded_room() -> None:
    limit = RateLimit(FIVE, 50)
    for number in range(ADDRESSES.value + 100):
        limit.note(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0)
    assert len(limit._filled) == ADDRESSES.value
