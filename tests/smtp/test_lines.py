"""Command lines end with CRLF and nothing else, are bounded, and do not depend on how the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.smtp.lines import MAX_COMMAND_LINE, BadLine, LineBuffer


def lines(*chunks: bytes) -> list[bytes | BadLine]:
    buffer, found = LineBuffer(), []
    for chunk in chunks:
        buffer.receive(chunk)
        while (line := buffer.next_line()) is not None:
            found.append(line)
    return found


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        (b"NOOP\r\n", [b"NOOP"]),
        (b"\r\n", [b""]),
        (b"A\r\nB\r\n", [b"A", b"B"]),
        (b"A\nB\r\n", [BadLine.BARE]),
        (b"A\rB\r\n", [BadLine.BARE]),
        (b"A\r\r\n", [BadLine.BARE]),
        (b"\nA\r\nB\r\n", [BadLine.BARE, b"B"]),
        (b"A\n", []),
        (b"A\r", []),
    ],
)
def test_only_crlf_ends_a_line(stream: bytes, wanted: list[bytes | BadLine]) -> None:
    assert lines(stream) == wanted
    assert lines(*(stream[at : at + 1] for at in range(len(stream)))) == wanted


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"A", b"NOOP"])).map(b"".join), st.data())
def test_cuts_do_not_matter(stream: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(stream)))
    assert lines(stream[:cut], stream[cut:]) == lines(stream)


@pytest.mark.parametrize("step", [1, 7, 4095, 100_000])
def test_a_line_too_long_is_one_bad_line_and_is_not_kept(step: int) -> None:
    stream = b"x" * (3 * MAX_COMMAND_LINE.value) + b"\r\nNOOP\r\n"
    buffer, found = LineBuffer(), []
    for at in range(0, len(stream), step):
        buffer.receive(stream[at : at + step])
        while (line := buffer.next_line()) is not None:
            found.append(line)
        assert len(buffer) <= MAX_COMMAND_LINE.value + step
    assert found == [BadLine.LONG, b"NOOP"]


@pytest.mark.shows("A5-28")
def test_the_longest_line() -> None:
    longest = b"x" * (MAX_COMMAND_LINE.value - 2)
    assert lines(longest + b"\r\n") == [longest]
    assert lines(longest + b"x\r\n") == [BadLine.LONG]


def test_take_all_and_put_back() -> None:
    buffer = LineBuffer()
    buffer.receive(b"DATA\r\nabc\r\n.\r\nQUIT\r\n")
    assert buffer.next_line() == b"DATA"
    assert buffer.take_all() == b"abc\r\n.\r\nQUIT\r\n"
    assert len(buffer) == 0
    buffer.put_back(b"QUIT\r\n")
    assert buffer.peek(b"QUIT")
    assert buffer.next_line() == b"QUIT"
