"""BDAT on both sides (RFC 3030): chunks in any cuts, refused chunks read and forgotten, no mixing with DATA."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.smtp import (
    BareNewlineError,
    ClientConfig,
    ClientSession,
    ContentAnswered,
    ContentChunk,
    ContentRefused,
    Phase,
    RcptRequest,
    Reply,
    ServerConfig,
    ServerSession,
)

from .dialogue import answer_all, greeted, say


def opened(config: ServerConfig | None = None, mail: str = "MAIL FROM:<a@b>") -> ServerSession:
    session = greeted(config)
    say(session, "EHLO client.example", mail, "RCPT TO:<c@d>")
    return session


def feed(session: ServerSession, data: bytes) -> tuple[list[str], bytes]:
    """The lines that the session answers, and the content it tells."""
    events: list[object] = []
    session.receive_data(data)
    lines = answer_all(session, events=events).decode().split("\r\n")[:-1]
    return lines, b"".join(e.octets for e in events if isinstance(e, ContentChunk))


def codes(lines: list[str]) -> list[str]:
    return [line[:9] for line in lines]


def test_a_message_in_two_chunks() -> None:
    """RFC 3030, 4.2: each chunk has a reply, and no dot is a dot."""
    session = opened()
    lines, content = feed(session, b"BDAT 6\r\na\r\n.\r\nBDAT 5 LAST\r\n..b\r\nRSET\r\n")
    assert lines == ["250 2.0.0 6 octets received", "250 2.0.0 message accepted", "250 2.0.0 ok"]
    assert content == b"a\r\n.\r\n..b\r\n"


def test_an_empty_last_chunk() -> None:
    """RFC 3030, 2: "The chunk-size may be zero"."""
    session = opened()
    lines, content = feed(session, b"BDAT 3\r\na\r\nBDAT 0 LAST\r\n")
    assert codes(lines) == ["250 2.0.0", "250 2.0.0"]
    assert content == b"a\r\n"
    assert session.phase is Phase.READY


@given(st.lists(st.integers(1, 12), max_size=30), st.lists(st.binary(max_size=9), min_size=1, max_size=5))
def test_any_cut_of_the_stream_gives_the_same(cuts: list[int], chunks: list[bytes]) -> None:
    config = ServerConfig("mx.example", bare_newlines="keep")
    stream = b"".join(
        b"BDAT %d%s\r\n%s" % (len(chunk), b" LAST" if place == len(chunks) - 1 else b"", chunk)
        for place, chunk in enumerate(chunks)
    )
    session, said, content = opened(config), [], b""
    for cut in cuts:
        piece, stream = stream[:cut], stream[cut:]
        lines, octets = feed(session, piece)
        said, content = said + lines, content + octets
    lines, octets = feed(session, stream)
    assert content + octets == b"".join(chunks)
    assert codes(said + lines) == ["250 2.0.0"] * len(chunks)


def test_commands_in_a_refused_chunk_are_not_obeyed() -> None:
    """RFC 3030, 2: the data of a BDAT that fails is accepted and discarded before the reply."""
    session = greeted()
    say(session, "EHLO client.example")
    hidden = b"MAIL FROM:<evil@b>\r\n"
    lines, _ = feed(session, b"BDAT %d LAST\r\n%sNOOP\r\n" % (len(hidden), hidden))
    assert codes(lines) == ["503 5.5.1", "250 2.0.0"]
    assert session.phase is Phase.READY


def test_chunks_in_the_pipeline_behind_a_refused_one() -> None:
    session = opened(ServerConfig("mx.example", max_message_octets=4))
    lines, _ = feed(session, b"BDAT 6\r\naaaa\r\nBDAT 6 LAST\r\nRSET\r\nRSET\r\n")
    assert codes(lines) == ["552 5.3.4", "503 5.5.1", "250 2.0.0"]
    assert session.phase is Phase.READY


@pytest.mark.shows("D-6")
def test_data_and_bdat_do_not_mix() -> None:
    session = opened()
    assert codes(feed(session, b"BDAT 3\r\na\r\nDATA\r\n")[0]) == ["250 2.0.0", "503 5.5.1"]
    assert codes(say(session, "RCPT TO:<e@f>", "MAIL FROM:<a@b>")) == ["503 5.5.1", "503 5.5.1"]


@pytest.mark.parametrize("argument", ["", "x", "-1", "1 2", "1 LAST x", "99999999999999999999999", "٣"])
def test_a_size_that_cannot_be_read_ends_the_session(argument: str) -> None:
    """What follows could be content or commands, and nobody knows where one begins."""
    session = opened()
    lines, _ = feed(session, f"BDAT {argument}\r\nNOOP\r\n".encode())
    assert codes(lines) == ["501 5.5.4"]
    assert session.phase is Phase.CLOSED


def test_a_chunk_without_end_is_not_waited_for() -> None:
    lines, _ = feed(opened(), b"BDAT 99999999999\r\nx")
    assert lines[-1].startswith("421")


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r"])
def test_bare_newlines(content: bytes) -> None:
    """A next hop that gets it by DATA could see the content end there."""
    stream = b"BDAT %d LAST\r\n%s" % (len(content), content)
    assert codes(feed(opened(), stream)[0]) == ["554 5.6.0"]
    config = ServerConfig("mx.example", extensions=frozenset({"CHUNKING", "BINARYMIME", "8BITMIME"}))
    session = opened(config, "MAIL FROM:<a@b> BODY=BINARYMIME")
    assert feed(session, stream) == (["250 message accepted"], content)


def test_binarymime_needs_bdat() -> None:
    """RFC 3030, 3: BINARYMIME is only for BDAT."""
    config = ServerConfig("mx.example", extensions=frozenset({"CHUNKING", "BINARYMIME"}))
    assert say(opened(config, "MAIL FROM:<a@b> BODY=BINARYMIME"), "DATA")[0].startswith("503")
    assert say(greeted(), "EHLO c", "MAIL FROM:<a@b> BODY=BINARYMIME")[-1].startswith("501")


def test_cr_and_lf_in_different_chunks_are_a_line_end() -> None:
    lines, content = feed(opened(), b"BDAT 2\r\na\rBDAT 1 LAST\r\n\n")
    assert codes(lines) == ["250 2.0.0", "250 2.0.0"]
    assert content == b"a\r\n"


def test_the_driver_refuses_the_first_chunk() -> None:
    session = opened()
    session.receive_data(b"BDAT 3 LAST\r\na\r\nNOOP\r\n")
    session.next_event()
    session.refuse_content(Reply(452, ("no room",), "4.3.1"))
    lines = answer_all(session).decode().split("\r\n")[:-1]
    assert codes(lines) == ["452 4.3.1", "250 2.0.0"]


def test_a_refused_message_is_told_once() -> None:
    session, events = opened(ServerConfig("mx.example", max_message_octets=2)), []
    session.receive_data(b"BDAT 3\r\nabcBDAT 3 LAST\r\nabc")
    answer_all(session, events=events)
    assert sum(isinstance(event, ContentRefused) for event in events) == 1


def client(*extensions: str, body: str | None = None) -> ClientSession:
    session = ClientSession(ClientConfig("c.example"))
    lines = ["mx.example", *extensions]
    listing = "".join(f"250{'-' if n < len(lines) - 1 else ' '}{line}\r\n" for n, line in enumerate(lines))
    session.receive_data(b"220 hi\r\n")
    session.next_event()
    session.receive_data(listing.encode())
    session.next_event()
    session.open_transaction("a@b", [RcptRequest("c@d")], body=body)
    session.receive_data(b"250 ok\r\n")
    session.next_event()
    session.receive_data(b"250 ok\r\n")
    session.next_event()
    session.data_to_send()
    return session


def test_client_chunks() -> None:
    session = client("CHUNKING")
    session.send_chunk(b"a\r\n", is_last=False)
    assert session.data_to_send() == b"BDAT 3\r\na\r\n"
    session.receive_data(b"250 ok\r\n")
    session.next_event()
    session.send_chunk(b".b", is_last=True)
    assert session.data_to_send() == b"BDAT 4 LAST\r\n.b\r\n"
    session.receive_data(b"250 2.0.0 done\r\n")
    event = session.next_event()
    assert isinstance(event, ContentAnswered)
    assert session.phase is Phase.READY


def test_client_refuses_bare_newlines_but_in_binarymime() -> None:
    with pytest.raises(BareNewlineError):
        client("CHUNKING").send_chunk(b"a\nb", is_last=True)
    session = client("CHUNKING", "BINARYMIME", body="BINARYMIME")
    session.send_chunk(b"a\nb", is_last=True)
    assert session.data_to_send() == b"BDAT 3 LAST\r\na\nb"


def test_client_says_binarymime_only_where_it_is_offered() -> None:
    session = client("CHUNKING", "8BITMIME")
    session.reset()
    session.receive_data(b"250 ok\r\n")
    session.next_event()
    session.data_to_send()
    session.open_transaction("a@b", [RcptRequest("c@d")], body="BINARYMIME")
    assert session.data_to_send().startswith(b"MAIL FROM:<a@b>\r\n")
