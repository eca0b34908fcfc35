"""Dot-stuffing over any cuts of the stream (RFC 5321, 4.5.2), and every octet sequence that was used to smuggle."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conneg.smtp import BareNewlineError, ContentReader, ContentWriter, write_content
from conneg.smtp.data import NulDotCheck

_LETTERS = st.lists(st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"\r\n.\r\n", b"\r\n..", b"\0"])).map(
    b"".join
)


def read(*chunks: bytes) -> tuple[bytes, bytes | None, bool]:
    reader, content = ContentReader(), b""
    for place, chunk in enumerate(chunks):
        piece, rest = reader.feed(chunk)
        content += piece
        if rest is not None:
            return content, rest + b"".join(chunks[place + 1 :]), reader.has_bare_newlines
    return content, None, reader.has_bare_newlines


def oracle(stream: bytes) -> tuple[bytes, bytes] | None:
    """The rule in one line each: CRLF.CRLF ends; of any other dot after CRLF one is taken away."""
    stream = b"\r\n" + stream
    end = stream.find(b"\r\n.\r\n")
    if end < 0:
        return None
    return stream[2 : end + 2].replace(b"\r\n.", b"\r\n")[
        0 if stream[2:3] != b"." or end == 0 else 1 :
    ], stream[end + 5 :]


@given(_LETTERS)
@example(b".\r\n")
@example(b"..\r\n.\r\n")
@example(b".\r.\r\n.\r\n")
def test_against_the_rule(stream: bytes) -> None:
    content, rest, _ = read(stream)
    wanted = oracle(stream)
    assert (rest is None) == (wanted is None)
    if wanted is not None:
        assert (content, rest) == wanted


@given(_LETTERS, st.data())
def test_cuts_do_not_matter(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole = read(stream)
    if whole[1] is None:  # what is held back at the end is not content yet
        reader = ContentReader()
        octet_by_octet = b"".join(reader.feed(stream[at : at + 1])[0] for at in range(len(stream)))
        assert whole[0] == octet_by_octet
    assert read(*pieces) == whole
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == whole


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n",
        b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\n\n.\n\n", b"\r\r\n.\r\r\n", b"\r\n.\r\r\n",
    ],
)  # fmt: skip
def test_no_other_sequence_ends_the_content(end: bytes) -> None:
    stream = b"body" + end + b"MAIL FROM:<evil@example>\r\n"
    assert read(stream)[1] is None
    content, rest, bare = read(stream + b".\r\nNOOP\r\n")
    assert b"MAIL FROM:<evil@example>\r\n" in content
    assert rest == b"NOOP\r\n"
    assert bare or b"\0" in end


def test_bare_newlines_are_noticed_wherever_the_stream_is_cut() -> None:
    for stream in (b"a\nb\r\n.\r\n", b"a\rb\r\n.\r\n", b"a\r\r\n.\r\n", b"\n\r\n.\r\n"):
        for cut in range(len(stream)):
            assert read(stream[:cut], stream[cut:])[2]
    for cut in range(13):
        assert not read(b"a\r\n..b\r\n\r\n.\r\n"[:cut], b"a\r\n..b\r\n\r\n.\r\n"[cut:])[2]


@given(st.lists(st.lists(st.sampled_from([b"\r\n", b".", b"a", b"\r\n."])).map(b"".join)))
def test_what_is_written_is_read(chunks: list[bytes]) -> None:
    content = b"".join(chunks)
    sent = b"".join(write_content(chunks))
    found, rest, bare = read(sent)
    assert rest == b""
    assert not bare
    assert found == (content if not content or content.endswith(b"\r\n") else content + b"\r\n")
    assert sent == b"".join(write_content(content))


@pytest.mark.parametrize("content", [b"a\nb", b"a\rb", b"\n.\r\n", b"a\r", b"\r\r\n"])
def test_bare_newlines_are_not_sent(content: bytes) -> None:
    with pytest.raises(BareNewlineError):
        list(write_content(content))
    with pytest.raises(BareNewlineError):
        list(write_content([content[at : at + 1] for at in range(len(content))]))
    assert b"".join(write_content(content, bare_newlines="keep")).endswith(b"\r\n.\r\n")


def test_crlf_cut_between_chunks_is_not_bare() -> None:
    writer = ContentWriter()
    assert (
        writer.feed(b"a\r") + writer.feed(b"\n") + writer.feed(b".b") + writer.finish()
        == b"a\r\n..b\r\n.\r\n"
    )


def has_nul_dot(content: bytes) -> bool:
    """Whether a line consists of NULs and one dot, a NUL first; slow and obvious."""
    lines = content.split(b"\r\n")[:-1]
    return any(line[:1] == b"\0" and line.replace(b"\0", b"") == b"." for line in lines)


@given(
    pieces=st.lists(st.sampled_from([b"\r\n", b"\0", b".", b"a", b"\r", b"\n", b"\0\0\0"]), max_size=14),
    cuts=st.lists(st.integers(0, 30), max_size=6),
)
def test_a_dot_behind_nul_is_found_however_the_octets_are_cut(pieces: list[bytes], cuts: list[int]) -> None:
    content = b"".join(pieces)
    check, begin = NulDotCheck(), 0
    for end in [*sorted(cuts), len(content)]:
        check.feed(content[begin:end])
        begin = max(begin, end)
    assert check.found is has_nul_dot(content)


def test_nul_without_end_costs_no_memory() -> None:
    check = NulDotCheck()
    for _ in range(50):
        check.feed(bytes(100_000))
    assert len(check._tail) < 8
    check.feed(b".\r")
    check.feed(b"\n")
    assert check.found
