"""The client's core: what it sends when, how it reads, and what it does where a server does not know CONNEG."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.smtp import (
    BareNewlineError,
    ClientConfig,
    ClientEvent,
    ClientSession,
    CommandAnswered,
    ConnegArgument,
    ContentAnswered,
    DataAnswered,
    EnvelopeSyntaxError,
    LocalProtocolError,
    Phase,
    RcptRequest,
    RcptResult,
    RemoteProtocolError,
    SessionEndedError,
    SessionReady,
    SessionRefused,
    TransactionOpened,
)

from .dialogue import octets

REQUIRED, OPTIONAL = ConnegArgument.REQUIRED, ConnegArgument.OPTIONAL


def hear(session: ClientSession, *lines: str) -> ClientEvent | None:
    session.receive_data(octets(lines))
    return session.next_event()


def said(session: ClientSession) -> list[str]:
    return session.data_to_send().decode().split("\r\n")[:-1]


def ready(*extensions: str, lmtp: bool = False, dialect: str = "draft") -> ClientSession:
    session = ClientSession(ClientConfig("client.example", lmtp=lmtp, dialect=dialect))
    assert hear(session, "220 mx.example ESMTP") is None
    assert said(session) == ["LHLO client.example" if lmtp else "EHLO client.example"]
    lines = ["mx.example", *extensions]
    event = hear(session, *(f"250{'-' if n < len(lines) - 1 else ' '}{line}" for n, line in enumerate(lines)))
    assert isinstance(event, SessionReady)
    return session


def open_for(session: ClientSession, *arguments: ConnegArgument | None) -> None:
    session.open_transaction("a@b", [RcptRequest(f"{n}@c", argument) for n, argument in enumerate(arguments)])


def result(event: ClientEvent | None, place: int = 0) -> RcptResult:
    assert isinstance(event, TransactionOpened)
    return event.rcpts[place]


def test_extensions() -> None:
    session = ready("SIZE 1000", "AUTH=LOGIN PLAIN", "conneg", "8BITMIME", " ", "X.NOT", "-")
    assert session.extensions == {"SIZE": "1000", "AUTH": "LOGIN PLAIN", "CONNEG": "", "8BITMIME": ""}
    assert session.supports("Conneg")


def test_helo_where_ehlo_is_not_known() -> None:
    session = ClientSession(ClientConfig("client.example"))
    hear(session, "220 old.example")
    said(session)
    assert hear(session, "500 what?") is None
    assert said(session) == ["HELO client.example"]
    event = hear(session, "250-old.example", "250 CONNEG")
    assert isinstance(event, SessionReady)
    assert event.extensions == {}


@pytest.mark.parametrize("lines", [["554 no"], ["220 hi", "421 no"], ["220 hi", "500 no", "500 no"]])
def test_a_server_that_does_not_want_us(lines: list[str]) -> None:
    session = ClientSession(ClientConfig("client.example"))
    assert isinstance(hear(session, *lines), SessionRefused)
    assert session.phase is Phase.CLOSED


@pytest.mark.shows("C-1", "G-4", "D-1", "D-2")
def test_pipelining_stops_before_data() -> None:
    session = ready("PIPELINING", "CONNEG")
    open_for(session, REQUIRED, OPTIONAL, None)
    assert said(session) == [
        "MAIL FROM:<a@b>",
        "RCPT TO:<0@c> CONNEG=REQUIRED",
        "RCPT TO:<1@c> CONNEG=OPTIONAL",
        "RCPT TO:<2@c>",
    ]
    with pytest.raises(LocalProtocolError):
        session.send_data()
    assert hear(session, "250 ok", "250-ok", "250-CONNEG (& (a=1)", "250 CONNEG (b=2))", "250 ok") is None
    event = hear(session, "550 5.1.1 no")
    assert isinstance(event, TransactionOpened)
    assert [r.reply.code for r in event.rcpts] == [250, 250, 550]
    assert [r.asked for r in event.rcpts] == [REQUIRED, OPTIONAL, None]
    assert event.rcpts[0].capability is not None
    assert event.rcpts[0].capability.expression == "(& (a=1) (b=2))"
    assert event.rcpts[1].capability is None
    session.send_data()
    assert said(session) == ["DATA"]


def test_without_pipelining_one_at_a_time() -> None:
    session = ready()
    open_for(session, None, None)
    assert said(session) == ["MAIL FROM:<a@b>"]
    hear(session, "250 ok")
    assert said(session) == ["RCPT TO:<0@c>"]
    assert hear(session, "250 ok") is None
    assert said(session) == ["RCPT TO:<1@c>"]
    assert isinstance(hear(session, "250 ok"), TransactionOpened)


def test_mail_refused() -> None:
    session = ready("PIPELINING")
    open_for(session, None)
    assert hear(session, "451 4.3.0 later") is None
    event = hear(session, "503 5.5.1 MAIL first")
    assert isinstance(event, TransactionOpened)
    assert event.mail.code == 451
    assert event.rcpts == ()
    assert session.phase is Phase.READY


def test_parameters_of_extensions_that_are_not_listed_are_left_out() -> None:
    request = RcptRequest("c@d", notify=frozenset({"SUCCESS", "DELAY"}), orcpt="rfc822;c@d")
    session = ready()
    session.open_transaction("a@b", [request], size=5, body="8BITMIME", ret="FULL", envid="x", smtputf8=True)
    assert said(session) == ["MAIL FROM:<a@b>"]
    session = ready("PIPELINING", "SIZE", "8BITMIME", "DSN", "SMTPUTF8")
    session.open_transaction("a@b", [request], size=5, body="8BITMIME", ret="FULL", envid="x", smtputf8=True)
    assert said(session) == [
        "MAIL FROM:<a@b> SIZE=5 BODY=8BITMIME RET=FULL ENVID=x SMTPUTF8",
        "RCPT TO:<c@d> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c@d",
    ]


@pytest.mark.shows("C-2", "A5-17", "A7-1")
@pytest.mark.parametrize(("argument", "code", "local"), [(REQUIRED, 504, True), (OPTIONAL, 250, False)])
def test_conneg_is_never_sent_unannounced(argument: ConnegArgument, code: int, local: bool) -> None:
    """C-2; digest A5, item 17: REQUIRED fails here as if by 504."""
    session = ready("PIPELINING")
    open_for(session, argument, None)
    assert not any("CONNEG" in line for line in said(session))
    event = hear(session, *["250 ok"] * (2 if local else 3))
    assert (result(event).reply.code, result(event).is_local) == (code, local)
    assert result(event, 1).reply.code == 250
    assert session.accepted == (1 if local else 2)


@pytest.mark.shows("C-3", "A5-15", "A5-16", "A7-7")
@pytest.mark.parametrize(
    "reply", ["500 what", "501 5.5.4 no", "502 no", "504 5.3.3 no", "555 5.5.4 Unsupported option"]
)
def test_optional_is_repeated_once_without_the_parameter(reply: str) -> None:
    """Digest A5, items 15 and 16."""
    session = ready("PIPELINING", "CONNEG")
    open_for(session, OPTIONAL, OPTIONAL)
    said(session)
    assert hear(session, "250 ok", reply, "250 ok") is None
    assert said(session) == ["RCPT TO:<0@c>"]
    event = hear(session, reply)
    assert result(event).repeated
    assert result(event).asked is None
    assert result(event).reply.code == int(reply[:3])
    assert not result(event, 1).repeated
    assert session.accepted == 1


@pytest.mark.shows("A5-15", "A7-8")
@pytest.mark.parametrize(
    "reply", ["550 5.1.1 no", "501 5.1.3 bad address", "404 5.3.3 CONNEG", "451 4.3.0 later"]
)
def test_what_is_not_about_conneg_is_not_repeated(reply: str) -> None:
    session = ready("PIPELINING", "CONNEG")
    open_for(session, OPTIONAL)
    event = hear(session, "250 ok", reply)
    assert result(event).reply.code == int(reply[:3])
    assert not result(event).repeated


@pytest.mark.shows("C-3")
def test_required_is_not_repeated() -> None:
    session = ready("PIPELINING", "CONNEG")
    open_for(session, REQUIRED)
    assert result(hear(session, "250 ok", "555 5.5.4 no")).reply.code == 555


def open_or_without(session: ClientSession, count: int = 1) -> None:
    """Ask as REQUIRED, and say that it may be given up."""
    session.open_transaction("a@b", [RcptRequest(f"{n}@c", REQUIRED, or_without=True) for n in range(count)])


@pytest.mark.shows("C-2", "A7-1")
def test_required_that_may_be_given_up_is_not_sent_unannounced() -> None:
    """Draft 4.2."""
    session = ready("PIPELINING")
    open_or_without(session)
    assert said(session) == ["MAIL FROM:<a@b>", "RCPT TO:<0@c>"]
    found = result(hear(session, "250 ok", "250 ok"))
    assert (found.reply.code, found.asked, found.repeated, found.is_local) == (250, None, False, False)


@pytest.mark.shows("A5-15", "A7-7")
@pytest.mark.parametrize("dialect", ["draft", "both"])
@pytest.mark.parametrize("extensions", [(), ("CONPERM",)])
def test_required_that_may_be_given_up_is_repeated_once_without_it(
    extensions: tuple[str, ...], dialect: str
) -> None:
    session = ready("PIPELINING", "CONNEG", *extensions, dialect=dialect)
    open_or_without(session, 2)
    assert all("CONNEG" in line for line in said(session)[1:])
    assert hear(session, "250 ok", "504 5.3.3 no", "250 ok") is None
    assert said(session) == ["RCPT TO:<0@c>"]
    event = hear(session, "555 5.5.4 no")
    assert [one.reply.code for one in (result(event), result(event, 1))] == [555, 250]
    assert result(event).asked is None
    refusal = result(event).refusal
    assert refusal is not None
    assert (refusal.code, refusal.enhanced) == (504, "5.3.3")
    assert not result(event, 1).repeated


@pytest.mark.shows("A5-22", "A7-6")
@pytest.mark.parametrize("extensions", [(), ("CONPERM",)])
@pytest.mark.parametrize("reply", ["404 4.3.3 CONNEG", "451 4.3.0 later", "550 5.1.1 no", "501 5.1.3 no"])
def test_required_that_may_be_given_up_is_not_because_of_another_reply(
    reply: str, extensions: tuple[str, ...]
) -> None:
    session = ready("PIPELINING", "CONNEG", *extensions)
    open_or_without(session)
    found = result(hear(session, "250 ok", reply))
    assert (found.reply.code, found.repeated, found.asked) == (int(reply[:3]), False, REQUIRED)


@pytest.mark.shows("4G-2")
def test_conperm_means_rfc_4141() -> None:
    session = ready("PIPELINING", "CONNEG", "CONPERM")
    open_for(session, REQUIRED, OPTIONAL)
    assert said(session)[1:] == ["RCPT TO:<0@c> CONNEG", "RCPT TO:<1@c> CONNEG"]
    # To a server of the draft the bare parameter is REQUIRED, so its 404 is an answer that OPTIONAL must not get.
    assert hear(session, "250 ok", "250 ok", "404 4.3.3 CONNEG") is None
    assert said(session) == ["RCPT TO:<1@c>"]
    assert result(hear(session, "250 ok"), 1).reply.code == 250


def test_both_dialects() -> None:
    """Digest part C: bare for REQUIRED; OPTIONAL refused is tried bare, then without."""
    session = ready("PIPELINING", "CONNEG", dialect="both")
    open_for(session, REQUIRED, OPTIONAL)
    assert said(session)[1:] == ["RCPT TO:<0@c> CONNEG", "RCPT TO:<1@c> CONNEG=OPTIONAL"]
    assert hear(session, "250 ok", "250 ok", "501 5.5.4 no") is None
    assert said(session) == ["RCPT TO:<1@c> CONNEG"]
    assert hear(session, "555 5.5.4 no") is None
    assert said(session) == ["RCPT TO:<1@c>"]
    assert result(hear(session, "250 ok"), 1).repeated


def accepted(count: int = 1, *, lmtp: bool = False) -> ClientSession:
    session = ready("PIPELINING", lmtp=lmtp)
    open_for(session, *[None] * count)
    hear(session, *["250 ok"] * (count + 1))
    session.send_data()
    assert hear(session, "354 go") == DataAnswered(session_reply(354, "go"))
    session.data_to_send()
    return session


def session_reply(code: int, text: str) -> object:
    from conneg.smtp import Reply

    return Reply(code, (text,))


def test_content() -> None:
    session = accepted()
    session.send_content(b".a\r\n")
    session.send_content(b"b")
    session.end_content()
    assert session.data_to_send() == b"..a\r\nb\r\n.\r\n"
    event = hear(session, "250 2.0.0 ok")
    assert isinstance(event, ContentAnswered)
    assert [reply.code for reply in event.replies] == [250]
    assert session.phase is Phase.READY
    open_for(session, None)


def test_lmtp_has_a_reply_for_each_accepted_recipient() -> None:
    session = ready("PIPELINING", lmtp=True)
    open_for(session, None, None, None)
    hear(session, "250 ok", "250 ok", "550 no", "250 ok")
    session.send_data()
    hear(session, "354 go")
    session.end_content()
    assert hear(session, "250 2.1.5 <0@c> delivered") is None
    event = hear(session, "452 4.2.2 <2@c> over quota")
    assert isinstance(event, ContentAnswered)
    assert [reply.code for reply in event.replies] == [250, 452]


def test_data_refused() -> None:
    session = ready("PIPELINING")
    open_for(session, None)
    hear(session, "250 ok", "250 ok")
    session.send_data()
    assert isinstance(hear(session, "451 4.3.0 later"), DataAnswered)
    with pytest.raises(LocalProtocolError):
        session.send_content(b"x")
    session.reset()
    assert isinstance(hear(session, "250 ok"), CommandAnswered)
    assert session.phase is Phase.READY


def test_bare_newlines_are_refused() -> None:
    session = accepted()
    with pytest.raises(BareNewlineError):
        session.send_content(b"a\n.\nMAIL FROM:<evil@x>\r\n")


@pytest.mark.parametrize("path", ["a@b> CONNEG", "a@b\r\nDATA", "nobody"])
def test_nothing_can_be_injected(path: str) -> None:
    session = ready("PIPELINING")
    with pytest.raises(EnvelopeSyntaxError):
        session.open_transaction(path, [RcptRequest("c@d")])
    with pytest.raises(EnvelopeSyntaxError):
        session.open_transaction("", [RcptRequest("c@d"), RcptRequest(path)])
    assert session.data_to_send() == b""
    with pytest.raises(EnvelopeSyntaxError):
        session.open_transaction("", [RcptRequest("")])
    with pytest.raises(EnvelopeSyntaxError):
        session.open_transaction("", [])


@pytest.mark.parametrize(("ret", "envid"), [("FULL EVIL=1", None), (None, "a b"), (None, "a\r\nDATA")])
def test_nothing_can_be_injected_in_parameters(ret: str | None, envid: str | None) -> None:
    session = ready("DSN")
    with pytest.raises(EnvelopeSyntaxError):
        session.open_transaction("a@b", [RcptRequest("c@d")], ret=ret, envid=envid)
    with pytest.raises(EnvelopeSyntaxError):
        session.open_transaction("a@b", [RcptRequest("c@d", orcpt=envid or "a b")])


def test_a_reply_that_nobody_waits_for() -> None:
    session = ready()
    with pytest.raises(RemoteProtocolError):
        hear(session, "250 surprise")
    assert session.phase is Phase.CLOSED


def test_421_at_any_time() -> None:
    session = ready()
    with pytest.raises(SessionEndedError):
        hear(session, "421 4.3.2 shutting down")
    session = ready("PIPELINING")
    open_for(session, None, None)
    with pytest.raises(SessionEndedError):
        hear(session, "250 ok", "421 4.3.2 shutting down")
    assert session.phase is Phase.CLOSED


def test_the_end_of_the_connection() -> None:
    session = ready()
    session.receive_eof()
    assert session.phase is Phase.CLOSED
    session = ready()
    session.quit()
    with pytest.raises(SessionEndedError):
        session.receive_eof()


def test_quit() -> None:
    session = ready()
    session.quit()
    assert said(session) == ["QUIT"]
    assert isinstance(hear(session, "221 bye"), CommandAnswered)
    assert session.phase is Phase.CLOSED
    assert session.next_event() is None


def test_the_dialogue_for_a_transcript() -> None:
    session = ready("CONNEG")
    sent, received = session.dialogue()
    assert sent == ["EHLO client.example"]
    assert received == ["220 mx.example ESMTP", "250-mx.example", "250 CONNEG"]
    assert session.dialogue() == ([], [])


@pytest.mark.parametrize(
    "wrong", [{"helo": "a b"}, {"helo": "x", "dialect": "y"}, {"helo": "x", "bare_newlines": "y"}]
)
def test_wrong_settings(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ClientConfig(**wrong)


@given(st.data())
def test_the_same_events_however_the_replies_are_cut(data: st.DataObject) -> None:
    stream = octets(
        ["250 ok", "250-2.1.5<a@b> ok", "250-CONNEG (& (a=1)", "250 CONNEG (b=2))", "504 5.3.3 no", "251 ok"]
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))

    def run(pieces: list[bytes]) -> list[ClientEvent]:
        session, events = ready("PIPELINING", "CONNEG"), []
        open_for(session, REQUIRED, REQUIRED, OPTIONAL)
        for piece in pieces:
            session.receive_data(piece)
            while (event := session.next_event()) is not None:
                events.append(event)
        return events

    assert run([stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]) == run([stream])
    assert len(run([stream])) == 1
