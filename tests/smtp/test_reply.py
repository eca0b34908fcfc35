"""Replies: written strictly, read leniently and within bounds (RFC 5321, 4.2; RFC 2034, 4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.smtp import RemoteProtocolError, Reply, ReplyError, ReplyReader, Verdict, read_reply_lines
from conneg.smtp.reply import MAX_REPLY_LINE, MAX_REPLY_LINE_READ, MAX_REPLY_READ


def test_the_enhanced_code_is_on_every_line() -> None:
    reply = Reply(250, ("one", "two"), "2.1.5")
    assert reply.encode() == b"250-2.1.5 one\r\n250 2.1.5 two\r\n"
    assert reply.encode(enhanced=False) == b"250-one\r\n250 two\r\n"
    assert Reply(354, ("go",)).encode() == b"354 go\r\n"


@pytest.mark.parametrize("text", ["x\r\n250 injected", "a\nb", "nul\0", "ünïcode", "\x7f", "\x85"])
def test_no_text_can_end_a_line(text: str) -> None:
    octets = Reply(550, (text,), "5.0.0").encode()
    assert octets.count(b"\r\n") == 1
    assert octets.endswith(b"\r\n")
    assert all(32 <= octet < 127 for octet in octets[:-2])


def test_long_text_is_cut_into_lines() -> None:
    octets = Reply(250, ("x" * 2000,), "2.0.0").encode()
    lines = octets.split(b"\r\n")[:-1]
    assert all(len(line) + 2 <= MAX_REPLY_LINE.value for line in lines)
    assert b"".join(line[10:] for line in lines) == b"x" * 2000


@pytest.mark.parametrize("wrong", [Reply(99, ("x",)), Reply(600, ("x",)), Reply(250, ("x",), "5.0.0"),
                                   Reply(250, ("x", "y"), "2.0"), Reply(250, ("x",), "2 evil")])  # fmt: skip
def test_what_is_no_reply_is_not_written(wrong: Reply) -> None:
    with pytest.raises(ReplyError):
        wrong.encode()


@pytest.mark.parametrize(
    ("lines", "code", "enhanced", "texts"),
    [
        (["250"], 250, None, ("",)),
        (["250 "], 250, None, ("",)),
        (["250-a", "250 b"], 250, None, ("a", "b")),
        (["250 2.1.5 ok"], 250, "2.1.5", ("ok",)),
        (["250 2.1.5"], 250, "2.1.5", ("",)),
        (["250-2.1.5<a@b> ok", "250 2.1.5 b"], 250, "2.1.5", ("<a@b> ok", "b")),
        (["250 1.2.3.4 is my address"], 250, None, ("1.2.3.4 is my address",)),
        (["250 2.1.50000 x"], 250, None, ("2.1.50000 x",)),
        (["450 x"], 450, None, ("x",)),
    ],
)
def test_reading(lines: list[str], code: int, enhanced: str | None, texts: tuple[str, ...]) -> None:
    assert read_reply_lines(lines) == Reply(code, texts, enhanced)


def test_the_greeting_has_no_enhanced_code() -> None:
    reader = ReplyReader()
    reader.receive(b"220 2.0.1 is my release\r\n")
    assert reader.next_reply(enhanced=False) == Reply(220, ("2.0.1 is my release",))


@pytest.mark.shows("A6-2")
def test_different_codes_are_flagged() -> None:
    reply = read_reply_lines(["250-a", "550 b"])
    assert reply.mixed_codes
    assert reply.verdict is Verdict.PERMANENT


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"25 x\r\n",
        b"(color=Binary)\r\n",
        b"150 x\r\n",
        b"650 x\r\n",
        b"250x\r\n",
        b"250 a\n250 b\r\n",
        b"250 a\rb\r\n",
        b"250 x\n",
        b"\xb2\xb5\xb0 x\r\n",
    ],
)
def test_what_is_no_reply(octets: bytes) -> None:
    reader = ReplyReader()
    reader.receive(octets)
    with pytest.raises(RemoteProtocolError):
        reader.next_reply()


@pytest.mark.shows("C-7", "A5-20")
def test_bounds() -> None:
    reader = ReplyReader()
    reader.receive(b"250 " + b"x" * (MAX_REPLY_LINE_READ.value - 6) + b"\r\n")
    assert reader.next_reply() is not None
    for octets in (
        b"250 " + b"x" * MAX_REPLY_LINE_READ.value,
        b"250 " + b"x" * (MAX_REPLY_LINE_READ.value - 5) + b"\r\n",
    ):
        reader = ReplyReader()
        reader.receive(octets)
        with pytest.raises(RemoteProtocolError, match=r"smtp\.reply_line_read"):
            reader.next_reply()
    reader = ReplyReader()
    reader.receive(b"250-x\r\n" * (MAX_REPLY_READ.value // 7 + 1))
    with pytest.raises(RemoteProtocolError, match=r"smtp\.reply_read"):
        reader.next_reply()


@given(
    st.lists(
        st.tuples(st.integers(200, 599), st.lists(st.text("ab C<.25-\t", max_size=9), min_size=1, max_size=3))
    ),
    st.data(),
)
def test_what_is_written_is_read_over_any_cuts(
    parts: list[tuple[int, list[str]]], data: st.DataObject
) -> None:
    replies = [Reply(code, tuple(f"x{line}" for line in lines)) for code, lines in parts]
    stream = b"".join(reply.encode() for reply in replies)
    cut = data.draw(st.integers(0, len(stream)))
    reader, found = ReplyReader(), []
    for chunk in (stream[:cut], stream[cut:]):
        reader.receive(chunk)
        while (reply := reader.next_reply()) is not None:
            found.append(reply)
    assert found == replies
    assert not reader.pending
