"""The fuzz targets over streams made of what servers and clients really say, cut and spoiled."""

import re

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.fuzz import fuzz_proxy, fuzz_sasl, fuzz_smtp_client, fuzz_smtp_engine, fuzz_smtp_server

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
_ENGINE = _COMMANDS | st.sampled_from(
    [
        b"LHLO c",
        b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>",
        b"LHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>",
        b"MAIL FROM:<a@b> BODY=BINARYMIME",
        b"MAIL FROM:<a@b> REQUIRETLS SMTPUTF8",
        b"BDAT 0 LAST",
        b"BDAT 5",
        b"BDAT 7 LAST\r\nab\r\ncd",
        b"BDAT 5 LAST\r\na\nb",
        b"BDAT 6\r\nQUIT",
        b"BDAT 400 LAST\r\n" + b"x" * 400,
        b"BDAT x",
        b"BDAT 99999999999",
        b"STARTTLS",
        b"AUTH PLAIN AGp1bmUAeA==",
        b"AUTH LOGIN",
        b"AUTH SCRAM-SHA-256 biwsbj1qdW5lLHI9YWJj",
        b"anVuZQ==",
        b"*",
        b"XCLIENT ADDR=192.0.2.1 PORT=25",
        b"XCLIENT ADDR=[UNAVAILABLE] NAME=x",
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


def engine_streams() -> st.SearchStrategy[bytes]:
    lines = st.lists(st.tuples(_ENGINE, _ENDS).map(b"".join), max_size=20).map(b"".join)
    return st.tuples(st.binary(min_size=3, max_size=3), lines).map(b"".join)


@settings(max_examples=1500, deadline=None)
@given(engine_streams())
@example(
    b"\x01\0\0LHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nBDAT 5 LAST\r\na\nb\r\nQUIT\r\n"
)
def test_server_with_every_extension(data: bytes) -> None:
    fuzz_smtp_engine.fuzz_one(data)


@settings(max_examples=300, deadline=None)
@given(engine_streams(), st.integers(1, 30))
def test_any_cut_of_the_stream_gives_the_same(data: bytes, step: int) -> None:
    assume(
        b"STARTTLS" not in data.upper()
    )  # what comes with it ends the session, what comes behind it is under TLS
    whole, cut = (
        re.sub(rb"334 [^\r]*", b"334 nonce", fuzz_smtp_engine.replies_to(data[:2] + bytes([one]) + data[3:]))
        for one in (0, step)
    )
    assert whole == cut


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120) | engine_streams())
@example(b"\1june\0\0swordfish")
@example(b"\x81n,,n=june,r=abc\0\0c=biws,r=abcnonce,p=" + b"A" * 43 + b"=")
@example(b"PROXY TCP4 192.0.2.1 192.0.2.2 5 25\r\n")
@example(b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12))
def test_who_the_client_is(data: bytes) -> None:
    fuzz_sasl.fuzz_one(data)
    fuzz_proxy.fuzz_one(data)
