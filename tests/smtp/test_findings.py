"""What fuzzing and stateful tests have found in the two cores, each as small as it could be made."""

import base64
import time

import pytest

from conneg.smtp import (
    Authenticated,
    ClientConfig,
    ClientSession,
    ContentChunk,
    DataCommand,
    EnvelopeSyntaxError,
    KeysWanted,
    LocalProtocolError,
    MailCommand,
    Phase,
    RcptRequest,
    Reply,
    ServerConfig,
    ServerEvent,
    ServerSession,
    SessionEnd,
    StartTlsCommand,
    XclientCommand,
)
from conneg.smtp.data import ContentReader
from conneg.smtp.sasl import SaslError, client_mechanism, derive_scram_keys, server_mechanism
from conneg.smtp.xclient import read_xclient

from .dialogue import answer_all, greeted, say

KEYS = derive_scram_keys("swordfish", salt=b"1", iterations=4096)


def codes(lines: list[str]) -> list[str]:
    return [line[:3] for line in lines]


def authenticated_with(behind: bytes, config: ServerConfig) -> tuple[ServerSession, ServerEvent | None]:
    """A session whose client sends `behind` in one piece with the last line of SCRAM, and the event that follows."""
    session = greeted(config)
    say(session, "EHLO c")
    client = client_mechanism({"SCRAM-SHA-256"}, "june", "swordfish", nonce=lambda: b"abc")
    assert client is not None
    first = base64.b64encode(client.initial() or b"")
    session.receive_data(b"AUTH SCRAM-SHA-256 %s\r\n" % first)
    assert session.next_event() == KeysWanted("june")
    session.answer_keys(KEYS)
    challenge = base64.b64decode(session.data_to_send()[4:])
    session.receive_data(base64.b64encode(client.respond(challenge)) + b"\r\n")
    assert session.next_event() is None
    signature = base64.b64decode(session.data_to_send()[4:])
    session.receive_data(base64.b64encode(client.respond(signature)) + b"\r\n" + behind)
    return session, session.next_event()


@pytest.mark.parametrize("behind", [b"", b"NOOP\r\n", b"MAIL FROM:<a@b>\r\n", b"QUIT\r\n"])
def test_authentication_is_told_before_what_is_behind_it(behind: bytes) -> None:
    config = ServerConfig("mx.example", auth=("SCRAM-SHA-256",))
    session, event = authenticated_with(behind, config)
    assert event == Authenticated("june")
    assert isinstance(session.next_event(), MailCommand) is behind.startswith(b"MAIL")


def test_authentication_without_tls_is_not_told_under_tls() -> None:
    config = ServerConfig("mx.example", auth=("SCRAM-SHA-256",), extensions=frozenset({"STARTTLS"}))
    session, event = authenticated_with(b"STARTTLS\r\n", config)
    assert event == Authenticated("june")
    assert session.next_event() == StartTlsCommand()
    session.secured()
    assert session.next_event() is None
    assert session.username is None


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_behind_xclient_is_not_lost(at_once: bool) -> None:
    config = ServerConfig("mx.example", xclient=True)
    session = greeted(config)
    say(session, "EHLO proxy")
    session.receive_data(b"XCLIENT ADDR=192.0.2.7\r\n" + (b"EHLO c\r\n" if at_once else b""))
    assert isinstance(session.next_event(), XclientCommand)
    session.answer_xclient(config)
    assert codes(say(session, *[] if at_once else ["EHLO c"]))[:2] == ["220", "250"]


@pytest.mark.parametrize("challenge", ["334 \u00e9", "334 =", "334 a", "334-AA==\r\n334 AA=="])
def test_client_gives_up_after_a_challenge_that_is_not_base64(challenge: str) -> None:
    client = ClientSession(ClientConfig("c.example"))
    client.receive_data(b"220 hi\r\n")
    client.next_event()
    client.receive_data(b"250-mx\r\n250 AUTH SCRAM-SHA-256\r\n")
    client.next_event()
    client.authenticate("june", "swordfish")
    client.data_to_send()
    client.receive_data(f"{challenge}\r\n".encode())
    assert client.next_event() is None
    assert client.data_to_send() == b"*\r\n"


@pytest.mark.parametrize("message", [b"\0\xc2\xad\0x", b"\0x\0\xc2\xad"])
def test_nothing_is_left_of_a_name_or_password_once_prepared(message: bytes) -> None:
    """RFC 4616, 2: the exchange fails then."""
    server = server_mechanism("PLAIN", nonce=lambda: b"n", decoy_secret=b"")
    assert server is not None
    with pytest.raises(SaslError):
        server.begin(message)


def test_nothing_is_left_of_a_name_in_scram() -> None:
    """RFC 5802, 5.1, at `n`."""
    server = server_mechanism("SCRAM-SHA-256", nonce=lambda: b"n", decoy_secret=b"")
    assert server is not None
    with pytest.raises(SaslError):
        server.begin(b"n,,n=\xc2\xad,r=abc")


@pytest.mark.parametrize("lmtp", [False, True])
def test_the_only_chunk_is_refused(lmtp: bool) -> None:
    """The last chunk ends the transaction; in LMTP it has a reply for each recipient, as the client expects."""
    session = greeted(ServerConfig("mx.example", lmtp=lmtp))
    say(session, "LHLO c" if lmtp else "EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>")
    session.receive_data(b"BDAT 3 LAST\r\na\r\nMAIL FROM:<a@b>\r\n")
    assert isinstance(session.next_event(), DataCommand)
    session.refuse_content(Reply(452, ("no room",), "4.3.1"))
    lines = answer_all(session).decode().split("\r\n")[:-1]
    assert codes(lines) == (["452", "452", "250"] if lmtp else ["452", "250"])
    assert session.phase is Phase.MAIL


@pytest.mark.parametrize("path", ["\udce9@b", "a@\udce9", '"\udce9"@b'])
def test_paths_that_no_octets_can_carry(path: str) -> None:
    """Lone surrogates, which text has that was read leniently: found before anything is sent."""
    client = ClientSession(ClientConfig("c.example"))
    client.receive_data(b"220 hi\r\n250 mx\r\n")
    client.next_event()
    client.data_to_send()
    with pytest.raises(EnvelopeSyntaxError):
        client.open_transaction(path, [RcptRequest("a@b")])
    with pytest.raises(EnvelopeSyntaxError):
        client.open_transaction("", [RcptRequest(path)])
    assert client.data_to_send() == b""


@pytest.mark.parametrize("line", [b"BDAT x", b"BDAT \xff", b"BDAT 3 FIRST"])
def test_a_chunk_of_unknown_size_ends_the_session_whatever_else_is_wrong(line: bytes) -> None:
    config = ServerConfig("mx.example", needs_tls=True, extensions=frozenset({"STARTTLS", "CHUNKING"}))
    for session in (greeted(config), greeted()):
        session.receive_data(b"EHLO c\r\n" + line + b"\r\nNOOP\r\n")
        assert codes(answer_all(session).decode().split("\r\n")[:-1])[-1] == "501"
        assert session.phase is Phase.CLOSED


def test_a_chunk_before_tls_is_read_before_it_is_answered() -> None:
    """RFC 3030, 2."""
    config = ServerConfig("mx.example", needs_tls=True, extensions=frozenset({"STARTTLS", "CHUNKING"}))
    session = greeted(config)
    session.receive_data(b"BDAT 6 LAST\r\nQUI")
    assert answer_all(session) == b""
    session.receive_data(b"T\r\nNOOP\r\n")
    assert codes(answer_all(session).decode().split("\r\n")[:-1]) == ["530", "250"]


def test_small_chunks_cost_no_copy_of_what_is_behind_them() -> None:
    session = greeted(ServerConfig("mx.example", bare_newlines="keep"))
    say(session, "EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<c@d>")
    session.receive_data(b"BDAT 1\r\nx" * 2000 + b"BDAT 20000000\r\n" + bytes(10_000_000))
    begin = time.process_time()
    assert answer_all(session).count(b"\r\n") == 2000
    assert time.process_time() - begin < 2


@pytest.mark.parametrize("address", ["fe80::1%<x>", "IPV6:fe80::1%eth0"])
def test_xclient_takes_no_zone(address: str) -> None:
    """Whatever stands behind "%" would go into Received fields and logs as if it were an address."""
    assert read_xclient(f"ADDR={address}") is None


@pytest.mark.parametrize("mailbox", ["a@[IPv6:fe80::1%x]", "a@[IPv6:fe80::1%]"])
def test_address_literals_have_no_zone(mailbox: str) -> None:
    """RFC 5321, 4.1.3."""
    session = greeted()
    say(session, "EHLO c")
    assert codes(say(session, f"MAIL FROM:<{mailbox}>")) == ["501"]


def test_client_drops_what_comes_after_the_end() -> None:
    client = ClientSession(ClientConfig("c.example"))
    client.receive_data(b"554 no\r\n")
    client.next_event()
    assert client.phase is Phase.CLOSED
    client.receive_data(b"x" * 100)
    assert client.backlog == 0


@pytest.mark.parametrize("stream", [b"x\r\n..\r\n.\r\n", b"..\r\n.\r\n", b"\r\n.\r\r\n.\r\n"])
def test_content_one_octet_at_a_time(stream: bytes) -> None:
    whole, reader = ContentReader().feed(stream)[0], ContentReader()
    assert b"".join(reader.feed(stream[at : at + 1])[0] for at in range(len(stream))) == whole


@pytest.mark.parametrize("step", [1, 3, 100])
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"12345678\n", "554"),
        (b"1234567890\n", "552"),
        (b"123456789\rx", "552"),
        (b"12345678\rx", "554"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_the_first_thing_that_is_wrong_counts_however_the_stream_is_cut(
    step: int, content: bytes, code: str, chunked: bool
) -> None:
    session = greeted(ServerConfig("mx.example", max_message_octets=10))
    say(session, "EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<c@d>")
    stream = b"BDAT %d LAST\r\n%s" % (len(content), content) if chunked else b"DATA\r\n%s\r\n.\r\n" % content
    said = b""
    for at in range(0, len(stream), step):
        session.receive_data(stream[at : at + step])
        said += answer_all(session)
    assert codes(said.decode().split("\r\n")[:-1])[-1] == code


@pytest.mark.parametrize("space", ["\x1d", "\x0b", "\x85", "\u00a0", "\u3000"])
def test_nothing_but_sp_parts_words(space: str) -> None:
    """RFC 5321, 4.1.2, and RFC 3030, 2; HTAB is tolerated. A next hop would see other words in such a line."""
    session = greeted(ServerConfig("mx.example", extensions=frozenset({"CHUNKING", "DSN", "8BITMIME"})))
    say(session, "EHLO c")
    session.receive_data(f"MAIL FROM:<a@b> RET=FULL{space}BODY=7BIT\r\n".encode())
    assert codes(answer_all(session).decode().split("\r\n")[:-1]) == ["501"]
    session.receive_data(f"BDAT {space}1\r\n".encode())
    assert codes(answer_all(session).decode().split("\r\n")[:-1]) == ["501"]
    assert session.phase is Phase.CLOSED
    assert read_xclient(f"ADDR=192.0.2.1{space}NAME=x") is None


def in_chunk(behind: bytes) -> ServerSession:
    """A session that has been sent `behind` after a recipient, and whose driver has accepted the first chunk."""
    session = greeted()
    say(session, "EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<c@d>")
    session.receive_data(behind)
    assert isinstance(session.next_event(), DataCommand)
    session.accept_content()
    return session


def test_the_end_is_told_after_a_chunk_without_end() -> None:
    session = in_chunk(b"BDAT 99999999999\r\nx")
    assert session.next_event() == SessionEnd()
    assert session.data_to_send().startswith(b"421")


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("last", [b"", b" LAST"])
def test_the_end_is_told_when_the_driver_closes_in_a_chunk(size: int, last: bytes) -> None:
    """Whether all of the chunk has come or not."""
    session = in_chunk(b"BDAT %d%s\r\na\r\n" % (size, last))
    assert session.next_event() == ContentChunk(b"a\r\n")
    session.close(Reply(421, ("no room",), "4.3.1"))
    assert session.next_event() == SessionEnd()
    assert session.next_event() is None
    assert session.data_to_send() == b"421 4.3.1 no room\r\n"


@pytest.mark.parametrize("line", ["VRFY june", "VRFY"])
def test_no_names_are_verified_before_tls(line: str) -> None:
    """RFC 3207, 4: 530 to every command but NOOP, EHLO, STARTTLS and QUIT."""
    session = greeted(ServerConfig("mx.example", needs_tls=True, extensions=frozenset({"STARTTLS"})))
    assert codes(say(session, "EHLO c", line)[-1:]) == ["530"]


def client_of(*extensions: str, is_open: bool = False) -> ClientSession:
    """A client whose server lists `extensions`; `is_open`: with a recipient that was accepted."""
    session = ClientSession(ClientConfig("c.example"))
    listed = "".join(f"250-{keyword}\r\n" for keyword in extensions)
    session.receive_data(f"220 hi\r\n250-mx\r\n{listed}250 HELP\r\n".encode())
    session.next_event()
    if is_open:
        session.open_transaction("a@b", [RcptRequest("c@d")])
        session.receive_data(b"250 ok\r\n250 ok\r\n")
        session.next_event()
    session.data_to_send()
    return session


def answered(session: ClientSession, octets: bytes) -> None:
    session.data_to_send()
    session.receive_data(octets)
    session.next_event()
    session.data_to_send()


def test_client_sends_chunks_only_where_they_are_known() -> None:
    """RFC 3030, 2."""
    with pytest.raises(LocalProtocolError):
        client_of("DSN", is_open=True).send_chunk(b"x\r\n", is_last=True)


@pytest.mark.parametrize("is_last", [False, True])
def test_client_sends_no_chunk_after_one_that_was_refused(is_last: bool) -> None:
    """RFC 3030, 2: RSET must be sent."""
    session = client_of("CHUNKING", is_open=True)
    session.send_chunk(b"x\r\n", is_last=False)
    answered(session, b"452 no room\r\n")
    with pytest.raises(LocalProtocolError):
        session.send_chunk(b"x\r\n", is_last=is_last)
    assert session.data_to_send() == b""
    session.reset()


def test_client_begins_tls_only_where_it_is_listed_and_once() -> None:
    """RFC 3207, 4, and 4.2: "A client MUST NOT attempt to start a TLS session if a TLS session is already active"."""
    with pytest.raises(LocalProtocolError):
        client_of("DSN").starttls()
    session = client_of("STARTTLS")
    session.starttls()
    answered(session, b"220 go\r\n")
    session.secured()
    answered(session, b"250-mx\r\n250 STARTTLS\r\n")
    with pytest.raises(LocalProtocolError):
        session.starttls()


def test_client_says_nothing_between_starttls_and_tls() -> None:
    session = client_of("STARTTLS")
    session.starttls()
    answered(session, b"220 go\r\n")
    for ask in (session.reset, session.quit):
        with pytest.raises(LocalProtocolError):
            ask()
    assert session.data_to_send() == b""
    session.secured()


def test_client_authenticates_once() -> None:
    """RFC 4954, 4: "After a successful AUTH command completes, no more AUTH commands may be issued"."""
    session = client_of("STARTTLS")
    session.starttls()
    answered(session, b"220 go\r\n")
    session.secured()
    answered(session, b"250-mx\r\n250 AUTH PLAIN\r\n")
    session.authenticate("june", "x")
    answered(session, b"535 no\r\n")
    session.authenticate("june", "swordfish")
    answered(session, b"235 yes\r\n250-mx\r\n250 AUTH PLAIN\r\n")
    with pytest.raises(LocalProtocolError):
        session.authenticate("june", "swordfish")


@pytest.mark.parametrize("content", [b"\r\n\0.\r\n\n", b"\n\r\n\0.\r\n"])
def test_what_may_hide_an_end_draws_one_reply_however_it_is_cut(content: bytes) -> None:
    """Of a bare newline and a dot behind NUL the first that is seen depends on where the pieces end."""
    said = set()
    for step in (1, 3, 100):
        session = greeted()
        say(session, "EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
        stream = content + b"\r\n.\r\n"
        for at in range(0, len(stream), step):
            session.receive_data(stream[at : at + step])
            reply = answer_all(session)
        said.add(reply)
    assert len(said) == 1
    assert said.pop().startswith(b"554 5.6.0 ")
