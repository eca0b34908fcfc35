"""What else a server may be told to be: LMTP, behind a proxy, with bounds on clients that do not come to the point."""

import pytest

from conneg.smtp import (
    ClientConfig,
    ClientSession,
    ContentEnd,
    DataCommand,
    MailCommand,
    Phase,
    RcptAnswer,
    RcptBatch,
    Reply,
    ServerConfig,
    ServerSession,
    XclientCommand,
)

from .dialogue import answer_all, greeted, octets, say

OK = Reply(250, ("ok",), "2.1.5")


def codes(lines: list[str]) -> list[str]:
    return [line[:3] for line in lines]


def test_lmtp_answers_for_each_recipient() -> None:
    """RFC 2033, 4.2."""
    session = greeted(ServerConfig("mx.example", lmtp=True))
    assert codes(say(session, "EHLO c", "HELO c")) == ["500", "500"]
    say(session, "LHLO c", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>")
    session.receive_data(octets(["DATA", "x", "."]))
    while not isinstance(event := session.next_event(), ContentEnd):
        if isinstance(event, DataCommand):
            session.accept_content()
    with pytest.raises(ValueError, match="1 replies"):
        session.answer_content([OK])
    session.answer_content([OK, Reply(452, ("full",), "4.2.2")])
    assert codes(session.data_to_send().decode().split("\r\n")[1:-1]) == ["250", "452"]
    assert session.phase is Phase.READY


def test_lmtp_refuses_for_each_recipient() -> None:
    session = greeted(ServerConfig("mx.example", lmtp=True, max_message_octets=2))
    say(session, "LHLO c", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>", "DATA")
    assert codes(say(session, "too much", ".")) == ["552", "552"]
    say(session, "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>")
    session.receive_data(b"BDAT 3 LAST\r\nabc")
    assert codes(answer_all(session).decode().split("\r\n")[:-1]) == ["552", "552"]


def test_smtp_knows_no_lhlo() -> None:
    assert codes(say(greeted(), "LHLO c")) == ["502"]


def test_xclient_begins_again() -> None:
    """Postfix's XCLIENT_README: 220, and all that was said before is forgotten."""
    config = ServerConfig("mx.example", xclient=True)
    session = greeted(config)
    assert "250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN" in say(session, "EHLO proxy")
    session.receive_data(b"XCLIENT ADDR=192.0.2.7 PORT=1 NAME=[UNAVAILABLE] HELO=a+2Eb LOGIN=june\r\n")
    event = session.next_event()
    assert event == XclientCommand(
        {"ADDR": "192.0.2.7", "PORT": "1", "NAME": "", "HELO": "a.b", "LOGIN": "june"}
    )
    session.answer_xclient(ServerConfig("other.example"))
    assert session.data_to_send().startswith(b"220 other.example")
    assert (session.phase, session.helo) == (Phase.GREETED, None)


@pytest.mark.parametrize(
    "argument", ["", "ADDR", "ADDR=x", "PORT=99999", "FOO=1", "ADDR=::1 ADDR=::1", "HELO=a+0D+0Ab"]
)
def test_wrong_xclient(argument: str) -> None:
    session = greeted(ServerConfig("mx.example", xclient=True))
    say(session, "EHLO proxy")
    assert codes(say(session, f"XCLIENT {argument}")) == ["501"]


def test_xclient_is_not_for_everyone() -> None:
    session = greeted()
    say(session, "EHLO c")
    assert codes(say(session, "XCLIENT ADDR=192.0.2.7")) == ["502"]


def test_answers_to_rcpts_one_by_one() -> None:
    session = greeted()
    say(session, "EHLO c", "MAIL FROM:<a@b>")
    session.receive_data(octets(["RCPT TO:<c@d>", "RCPT TO:<e@f", "RCPT TO:<g@h>", "DATA"]))
    assert isinstance(session.next_event(), RcptBatch)
    assert session.answer_rcpts([RcptAnswer(OK)]) == (True,)
    assert codes(session.data_to_send().decode().split("\r\n")[:-1]) == ["250", "501"]
    assert session.rcpts_owed == 1
    assert session.next_event() is None
    assert session.answer_rcpts([RcptAnswer(OK)]) == (True,)
    assert session.rcpts_owed == 0
    assert isinstance(session.next_event(), DataCommand)


def test_idle_commands_have_an_end() -> None:
    session = greeted(ServerConfig("mx.example", max_idle_commands=3))
    assert codes(say(session, *["NOOP"] * 5)) == ["250", "250", "250", "421"]


def test_a_message_begins_the_count_anew() -> None:
    session = greeted(ServerConfig("mx.example", max_idle_commands=3))
    for _ in range(4):
        say(session, "EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "x", ".")
    assert session.phase is Phase.READY


def test_harvesting_has_an_end() -> None:
    session = greeted(ServerConfig("mx.example", max_refused_recipients=2))
    say(session, "EHLO c", "MAIL FROM:<a@b>")
    session.receive_data(octets([f"RCPT TO:<c{n}@d>" for n in range(5)]))
    event = session.next_event()
    assert isinstance(event, RcptBatch)
    session.answer_rcpts([RcptAnswer(Reply(550, ("nobody",), "5.1.1"))] * 5)
    assert codes(session.data_to_send().decode().split("\r\n")[:-1]) == ["550", "550", "550", "421"]


def test_a_session_has_only_so_many_transactions() -> None:
    session = greeted(ServerConfig("mx.example", max_transactions=2))
    assert "250-LIMITS RCPTMAX=1000 MAILMAX=2" in say(session, "EHLO c")
    lines = say(session, *["MAIL FROM:<a@b>", "RSET"] * 3)
    assert codes(lines) == ["250", "250", "250", "250", "421"]


def test_client_reads_limits() -> None:
    client = ClientSession(ClientConfig("c.example"))
    client.receive_data(b"220 hi\r\n")
    client.next_event()
    client.receive_data(b"250-mx\r\n250 LIMITS RCPTMAX=20 mailmax=5 FOO=x RCPTDOMAINMAX=0 BAR\r\n")
    client.next_event()
    assert client.limits == {"RCPTMAX": 20, "MAILMAX": 5}


def test_requiretls_only_under_tls() -> None:
    """RFC 8689, 2."""
    config = ServerConfig("mx.example", extensions=frozenset({"REQUIRETLS"}))
    assert codes(say(greeted(config), "EHLO c", "MAIL FROM:<a@b> REQUIRETLS"))[-1] == "555"
    session = ServerSession(config, is_secure=True)
    session.greet()
    session.receive_data(octets(["EHLO c", "MAIL FROM:<a@b> REQUIRETLS"]))
    session.next_event()
    event = session.next_event()
    assert isinstance(event, MailCommand)
    assert event.requiretls
