"""The fuzz targets over streams made of what servers and clients really say, cut and spoiled."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz import fuzz_smtp_client, fuzz_smtp_server

_COMMANDS = st.sampled_from(
    [
        b"EHLO c",
        b"HELO c",
        b"MAIL FROM:<a@b>",
        b"MAIL FROM:<> SIZE=1 BODY=7BIT RET=FULL ENVID=x",
        b"RCPT TO:<a@b>",
        b"RCPT TO:<a@b> CONNEG",
        b"RCPT TO:<a@b> CONNEG = OPTIONAL NOTIFY=NEVER",
        b"DATA",
        b".",
        b"..",
        b"x" * 150,
        b"RSET",
        b"NOOP",
        b"VRFY a",
        b"HELP",
        b"QUIT",
        b"AUTH x",
        b"\xff",
        b"a\rb",
        b"\n.\n",
    ]
)
_REPLIES = st.sampled_from(
    [
        b"220 hi",
        b"250 ok",
        b"250-CONNEG (& (a=1)",
        b"250 CONNEG (b=2))",
        b"250-ok",
        b"250 CONNEG",
        b"354 go",
        b"404 no",
        b"421 bye",
        b"500 what",
        b"504 5.3.3 CONNEG",
        b"550 5.1.1 no",
        b"555 no",
        b"251 CONNEG (x=1)",
        b'250-CONNEG (a="',
        b"",
        b"x",
    ]
)
_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""])


def streams(pieces: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    lines = st.lists(st.tuples(pieces, _ENDS).map(b"".join), max_size=20).map(b"".join)
    return st.tuples(st.binary(min_size=2, max_size=2), lines | st.binary(max_size=200)).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(streams(_COMMANDS))
@example(b"\0\0QUIT\r\n")
def test_server(data: bytes) -> None:
    fuzz_smtp_server.fuzz_one(data)


@settings(max_examples=300, deadline=None)
@given(streams(_REPLIES))
@example(b"\4\0250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")
def test_client(data: bytes) -> None:
    fuzz_smtp_client.fuzz_one(data)
