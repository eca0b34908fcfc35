"""Message ids: written and read, cut short, and never twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.spool.ids import ID_LENGTH, Ticks, read_id, read_prefix, write_id

numbers = st.integers(min_value=0, max_value=32**ID_LENGTH - 1)


@given(numbers)
def test_written_and_read(number: int) -> None:
    text = write_id(number)
    assert len(text) == ID_LENGTH
    assert read_id(text) == number
    assert read_id(text.upper()) == number


@given(numbers, st.integers(1, ID_LENGTH), numbers)
def test_a_beginning_is_a_remainder(number: int, length: int, other: int) -> None:
    split = read_prefix(write_id(number)[:length])
    assert split is not None
    rest, modulus = split
    assert number % modulus == rest
    assert (other % modulus == rest) == write_id(other).startswith(write_id(number)[:length])


@pytest.mark.parametrize("text", ["", "0" * 10, "0" * 12, "../../../..", "0000000000u", "ü0000000000"])
def test_what_is_no_id(text: str) -> None:
    assert read_id(text) is None


@pytest.mark.parametrize("text", ["", "0" * 12, "u", ".", "%"])
def test_what_begins_no_id(text: str) -> None:
    assert read_prefix(text) is None


def test_ticks_only_grow_whatever_the_clock_does() -> None:
    times = iter([5.0, 5.0, 3.0, 6.0])
    ticks = Ticks(lambda: next(times), last=4_000_000)
    assert [ticks.next() for _ in range(4)] == [5_000_000, 5_000_001, 5_000_002, 6_000_000]


def test_ticks_go_on_from_the_last() -> None:
    assert Ticks(lambda: 1.0, last=9_000_000).next() == 9_000_001
