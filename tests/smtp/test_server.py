"""The server's core: order of commands, parameters, bounds, CONNEG in all its settings, smuggling."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.smtp import (
    ContentChunk,
    ContentEnd,
    ContentRefused,
    DataCommand,
    Hello,
    LocalProtocolError,
    MailCommand,
    Phase,
    RcptAnswer,
    RcptBatch,
    RcptCommand,
    Reply,
    ServerConfig,
    ServerSession,
    SessionEnd,
    TransactionReset,
    VrfyCommand,
)
from conneg.smtp import config as bounds
from conneg.smtp.lines import MAX_COMMAND_LINE

from .dialogue import answer_all, greeted, octets, say

OK = Reply(250, ("ok",), "2.1.0")


def opened(config: ServerConfig | None = None) -> ServerSession:
    session = greeted(config)
    say(session, "EHLO client.example", "MAIL FROM:<a@b>")
    return session


def codes(lines: list[str]) -> list[str]:
    return [line[:9] for line in lines if line[3] == " "]


@pytest.mark.shows("G-2")
def test_ehlo_lists_the_table_in_order() -> None:
    lines = say(greeted(ServerConfig("mx.example", max_message_octets=1000)), "EHLO client.example")
    assert lines == [
        "250-mx.example",
        "250-PIPELINING",
        "250-SIZE 1000",
        "250-8BITMIME",
        "250-ENHANCEDSTATUSCODES",
        "250-DSN",
        "250-CHUNKING",
        "250-LIMITS RCPTMAX=1000 MAILMAX=10000",
        "250 CONNEG",
    ]
    assert say(greeted(), "HELO client.example") == ["250 mx.example"]


@pytest.mark.shows("C-2")
@pytest.mark.parametrize("mode", ["off", "ignorant"])
def test_conneg_is_listed_only_where_it_is_on(mode: str) -> None:
    assert not any(
        "CONNEG" in line for line in say(greeted(ServerConfig("mx.example", conneg=mode)), "EHLO c")
    )


def test_after_helo_no_enhanced_codes() -> None:
    session = greeted()
    assert say(session, "HELO c", "MAIL FROM:<a@b>") == ["250 mx.example", "250 <a@b> sender ok"]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("MAIL FROM:<a@b>", "503 5.5.1"),
        ("RCPT TO:<a@b>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("RSET", "250 2.0.0"),
        ("NOOP anything", "250 2.0.0"),
        ("VRFY june", "252 2.1.5"),
        ("HELP", "214 2.0.0"),
        ("EXPN list", "502 5.5.1"),
        ("STARTTLS", "502 5.5.1"),
        ("LHLO c", "502 5.5.1"),
        ("FROB", "500 5.5.2"),
        ("MAILX FROM:<a@b>", "500 5.5.2"),
        ("", "500 5.5.2"),
        ("EHLO", "501 5.5.4"),
        ("EHLO two words", "501 5.5.4"),
        ("RSET x", "501 5.5.4"),
        ("DATA x", "501 5.5.4"),
        ("QUIT x", "501 5.5.4"),
        ("VRFY", "501 5.5.4"),
        ("QUIT", "221 2.0.0"),
        ("quit  ", "221 2.0.0"),
    ],
)
def test_commands_before_a_transaction(line: str, wanted: str) -> None:
    session = greeted()
    say(session, "EHLO c")
    if wanted.startswith("503") and line.startswith("MAIL"):
        session = greeted()
        assert say(session, line) == ["503 EHLO first"]
        return
    assert codes(say(session, line)) == [wanted]


@pytest.mark.shows("B4-2")
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("MAIL FROM:<>", "250 2.1.0"),
        ("mail from: <a@b>  size=10 body=8bitmime", "250 2.1.0"),
        ("MAIL FROM:<a@b> RET=HDRS ENVID=QQ+2B314159", "250 2.1.0"),
        ("MAIL FROM:<@x:a@b>", "250 2.1.0"),
        ("MAIL TO:<a@b>", "501 5.5.4"),
        ("MAIL FROM:a@b", "501 5.1.7"),
        ("MAIL FROM:<" + "a" * 260 + "@b>", "501 5.1.7"),
        ("MAIL FROM:<a@b> SIZE=x", "501 5.5.4"),
        ("MAIL FROM:<a@b> SIZE=99999999999", "552 5.3.4"),
        ("MAIL FROM:<a@b> BODY=9BIT", "501 5.5.4"),
        ("MAIL FROM:<a@b> RET=SOME", "501 5.5.4"),
        ("MAIL FROM:<a@b> ENVID=a+2b", "501 5.5.4"),
        ("MAIL FROM:<a@b> AUTH=<>", "555 5.5.4"),
        ("MAIL FROM:<a@b> CONNEG", "501 5.5.4"),  # digest B4, 2
        ("MAIL FROM:<a@b> CONPERM", "504 5.3.3"),  # RFC 4141, 4.2
        ("MAIL FROM:<a@b> SMTPUTF8", "555 5.5.4"),
        ("MAIL FROM:<ü@b>", "553 5.6.7"),
    ],
)
def test_mail(line: str, wanted: str) -> None:
    session = greeted()
    say(session, "EHLO c")
    session.receive_data(f"{line}\r\n".encode())
    assert codes(answer_all(session).decode().split("\r\n")[:-1]) == [wanted]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("RCPT TO:<Postmaster>", "250 2.1.5"),
        ("RCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b", "250 2.1.5"),
        ("RCPT TO:<>", "501 5.1.3"),
        ("RCPT TO:<a>", "501 5.1.3"),
        ("RCPT FROM:<a@b>", "501 5.5.4"),
        ("RCPT TO:<a@b> NOTIFY=NEVER,DELAY", "501 5.5.4"),
        ("RCPT TO:<a@b> NOTIFY=SOMETIMES", "501 5.5.4"),
        ("RCPT TO:<a@b> ORCPT=rfc822", "501 5.5.4"),
        ("RCPT TO:<a@b> SIZE=1", "555 5.5.4"),
        ("MAIL FROM:<a@b>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
    ],
)
def test_rcpt(line: str, wanted: str) -> None:
    assert codes(say(opened(), line)) == [wanted]


@pytest.mark.shows("S-1", "S-3", "S-7", "4S-4")
@pytest.mark.parametrize(
    ("mode", "parameter", "wanted"),
    [
        ("on", "CONNEG=REQUIRED", "250"),
        ("off", "CONNEG=REQUIRED", "504 5.3.3"),
        ("off", "CONNEG", "504 5.3.3"),
        ("off", "CONNEG = REQUIRED", "504 5.3.3"),
        ("off", "CONNEG=OPTIONAL", "250 2.1.5"),
        ("off", "CONNEG=MAYBE", "501 5.5.4"),
        ("ignorant", "CONNEG=REQUIRED", "555 5.5.4"),
        ("ignorant", "CONNEG=OPTIONAL", "555 5.5.4"),
        ("ignorant", "CONNEG = REQUIRED", "501 5.5.4"),
    ],
)
def test_stands_on_conneg(mode: str, parameter: str, wanted: str) -> None:
    lines = say(opened(ServerConfig("mx.example", conneg=mode)), f"RCPT TO:<june@ifax1.jp> {parameter}")
    assert lines[-1].startswith(wanted)
    assert (len(lines) > 1) == (mode == "on")


@pytest.mark.shows("G-3", "4G-2", "B4-5")
@pytest.mark.parametrize(
    ("dialect", "argument"), [("draft", "REQUIRED"), ("both", "REQUIRED"), ("rfc4141", "OPTIONAL")]
)
def test_what_a_bare_parameter_means(dialect: str, argument: str) -> None:
    session = opened(ServerConfig("mx.example", dialect=dialect))
    session.receive_data(b"RCPT TO:<a@b> CONNEG\r\n")
    event = session.next_event()
    assert isinstance(event, RcptBatch)
    assert event.commands[0].conneg == argument


@pytest.mark.shows("S-4", "S-9", "A5-18", "A5-19")
@pytest.mark.parametrize(
    ("argument", "capability", "wanted"),
    [
        ("REQUIRED", None, "404 4.3.3"),
        ("REQUIRED", "ünreadable", "504 5.3.3"),
        ("REQUIRED", '(a="' + "x" * 600 + '")', "504 5.3.3"),
        ("OPTIONAL", None, "250 2.1.5"),
        ("OPTIONAL", "ünreadable", "250 2.1.5"),
    ],
)
def test_a_capability_that_cannot_be_sent(argument: str, capability: str | None, wanted: str) -> None:
    """S-4: no plain 250 to REQUIRED, whatever the handler says."""
    session = opened()
    session.receive_data(f"RCPT TO:<a@b> CONNEG={argument}\r\n".encode())
    assert isinstance(session.next_event(), RcptBatch)
    accepted = session.answer_rcpts([RcptAnswer(Reply(250, ("<a@b> ok",), "2.1.5"), capability)])
    assert session.data_to_send().decode().startswith(wanted)
    assert accepted == (wanted.startswith("250"),)
    assert session.phase is (Phase.RCPT if accepted[0] else Phase.MAIL)


def test_a_capability_cannot_end_a_line() -> None:
    session = opened()
    session.receive_data(b"RCPT TO:<a@b> CONNEG\r\n")
    session.next_event()
    session.answer_rcpts([RcptAnswer(OK, '(a="x\n250 y\r\nz")')])
    assert session.data_to_send() == b'250-2.1.0 ok\r\n250 2.1.0 CONNEG (a="x 250 y z")\r\n'


@pytest.mark.shows("S-5", "A5-21")
def test_251_with_capability_becomes_250() -> None:
    session = opened()
    session.receive_data(b"RCPT TO:<a@b> CONNEG\r\n")
    session.next_event()
    session.answer_rcpts([RcptAnswer(Reply(251, ("will forward",), "2.1.5"), "(a=1)")])
    assert session.data_to_send() == b"250-2.1.5 will forward\r\n250 2.1.5 CONNEG (a=1)\r\n"


@pytest.mark.shows("G-4", "D-1")
def test_rcpts_that_come_together_are_one_batch_and_replies_stay_in_order() -> None:
    session = greeted()
    session.receive_data(
        octets(
            [
                "EHLO c",
                "MAIL FROM:<a@b>",
                "RCPT TO:<1@b>",
                "rcpt to:<2@b> CONNEG",
                "RCPT TO:<bad>",
                "RCPT TO:<3@b>",
                "DATA",
            ]
        )
    )
    assert session.next_event() == Hello("c", True)
    session.data_to_send()
    assert session.next_event() == MailCommand("a@b")
    assert session.next_event() is None
    assert not session.wants_data
    session.answer_mail(OK)
    event = session.next_event()
    assert isinstance(event, RcptBatch)
    assert [command.forward_path for command in event.commands] == ["1@b", "2@b", "3@b"]
    refusal = Reply(550, ("no",), "5.1.1")
    assert session.answer_rcpts([RcptAnswer(OK), RcptAnswer(OK, "(a=1)"), RcptAnswer(refusal)]) == (
        True,
        True,
        False,
    )
    assert session.next_event() == DataCommand()
    session.accept_content()
    assert codes(session.data_to_send().decode().split("\r\n")[:-1]) == [
        "250 2.1.0",
        "250 2.1.0",
        "250 2.1.0",
        "501 5.1.3",
        "550 5.1.1",
        "354 okay,",
    ]


def test_data_without_valid_recipients() -> None:
    session = opened()
    session.receive_data(b"RCPT TO:<a@b>\r\nDATA\r\n")
    session.next_event()
    session.answer_rcpts([RcptAnswer(Reply(550, ("no",), "5.1.1"))])
    assert session.next_event() is None
    assert session.data_to_send().decode().split("\r\n")[1] == "554 5.5.1 no valid recipients"


def test_content_and_what_follows_it() -> None:
    session = opened()
    events: list[object] = []
    session.receive_data(
        octets(["RCPT TO:<a@b>", "DATA", "..x", "y", ".", "MAIL FROM:<c@d>", "QUIT", "NOOP"])
    )
    said = answer_all(session, events=events).decode()
    assert [type(event) for event in events] == [
        RcptBatch, DataCommand, ContentChunk, ContentEnd, MailCommand, SessionEnd
    ]  # fmt: skip
    assert events[2] == ContentChunk(b".x\r\ny\r\n")
    assert codes(said.split("\r\n")[:-1]) == ["250 2.1.5", "354 okay,", "250 2.0.0", "250 2.1.0", "221 2.0.0"]
    assert session.phase is Phase.CLOSED


def test_empty_message() -> None:
    session = opened()
    events: list[object] = []
    session.receive_data(octets(["RCPT TO:<a@b>", "DATA", "."]))
    answer_all(session, events=events)
    assert events[-1] == ContentEnd()


def test_a_refused_data_leaves_the_transaction_open() -> None:
    session = opened()
    say(session, "RCPT TO:<a@b>")
    session.receive_data(b"DATA\r\n")
    session.next_event()
    session.refuse_content(Reply(451, ("later",), "4.3.0"))
    assert session.phase is Phase.RCPT
    assert codes(say(session, "RSET", "DATA"))[-2:] == ["250 2.0.0", "503 5.5.1"]


@pytest.mark.shows("D-4")
@pytest.mark.parametrize("line", ["RSET", "EHLO again", "HELO again"])
def test_rset_and_ehlo_end_a_transaction(line: str) -> None:
    session = opened()
    say(session, "RCPT TO:<a@b>")
    events: list[object] = []
    session.receive_data(octets([line]))
    answer_all(session, events=events)
    assert isinstance(events[0], TransactionReset | Hello)
    assert codes(say(session, "RCPT TO:<a@b>"))[0].startswith("503")


@pytest.mark.parametrize("step", [1, 1000])
def test_a_message_too_large(step: int) -> None:
    session = opened(ServerConfig("mx.example", max_message_octets=100))
    say(session, "RCPT TO:<a@b>", "DATA")
    events: list[object] = []
    content = octets(["x" * 98, "y", ".", "NOOP"])
    said = b""
    for at in range(0, len(content), step):
        session.receive_data(content[at : at + step])
        said += answer_all(session, events=events)
    assert sum(isinstance(event, ContentRefused) for event in events) == 1
    assert ContentEnd() not in events
    assert codes(said.decode().split("\r\n")[:-1]) == ["552 5.3.4", "250 2.0.0"]
    assert session.phase is Phase.READY


def test_the_largest_message() -> None:
    session = opened(ServerConfig("mx.example", max_message_octets=100))
    assert codes(say(session, "RCPT TO:<a@b>", "DATA", "x" * 98, "."))[-1] == "250 2.0.0"


def test_a_refused_message_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    session = opened(ServerConfig("mx.example", max_message_octets=100))
    say(session, "RCPT TO:<a@b>", "DATA")
    said = b""
    chunk = b"x" * (1 << 20)
    for _ in range(bounds.MAX_DISCARDED.value // len(chunk) + 2):
        session.receive_data(chunk)
        said += answer_all(session)
    assert said.startswith(b"421 4.3.0")
    assert session.phase is Phase.CLOSED


def test_too_many_recipients() -> None:
    session = opened(ServerConfig("mx.example", max_recipients=2))
    lines = say(session, *(f"RCPT TO:<{n}@b>" for n in range(4)))
    assert codes(lines) == ["250 2.1.5", "250 2.1.5", "452 4.5.3", "452 4.5.3"]


def test_too_many_errors() -> None:
    session = greeted(ServerConfig("mx.example", max_errors=3))
    lines = say(session, "EHLO c", *["FROB"] * 10, "NOOP")
    assert codes(lines)[1:] == ["500 5.5.2"] * 4 + ["421 4.7.0"]
    assert session.phase is Phase.CLOSED


def test_refused_recipients_are_no_errors() -> None:
    session = opened(ServerConfig("mx.example", max_errors=3, conneg="off"))
    assert len(say(session, *["RCPT TO:<a@b> CONNEG=REQUIRED"] * 10, "NOOP")) == 11


@pytest.mark.parametrize(
    "line", [b"NOOP\nQUIT\r\n", b"NOOP\rQUIT\r\n", b"\nQUIT\r\n", b"QUIT\n\r\n", b"QUIT\r\r\n"]
)
def test_a_bare_newline_never_ends_a_command(line: bytes) -> None:
    session = greeted()
    session.receive_data(line + b"NOOP\r\n")
    assert answer_all(session) == b"500 bare CR or LF: a line ends with CRLF\r\n250 ok\r\n"
    assert session.phase is Phase.GREETED


def test_a_line_too_long() -> None:
    session = greeted()
    session.receive_data(b"NOOP " + b"x" * MAX_COMMAND_LINE.value)
    assert answer_all(session) == b""
    session.receive_data(b"\r\nNOOP\r\n")
    assert answer_all(session) == b"500 line too long\r\n250 ok\r\n"


SMUGGLING = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r\n.\r\r\n"]


@pytest.mark.parametrize("mode", ["refuse", "keep"])
@pytest.mark.parametrize("end", SMUGGLING)
def test_smuggling(end: bytes, mode: str) -> None:
    """Only CRLF.CRLF ends; what would be a second message is never seen as commands, wherever the stream is cut."""
    inner = octets(["MAIL FROM:<admin@victim>", "RCPT TO:<x@victim>", "DATA", "evil"])
    stream = b"Subject: x\r\n\r\nbody" + end + inner + b".\r\n"
    for cut in (0, 20, 21, 22, 23, 24, 25, len(stream)):
        session = opened(ServerConfig("mx.example", bare_newlines=mode))
        say(session, "RCPT TO:<a@b>", "DATA")
        events: list[object] = []
        said = b""
        for piece in (stream[:cut], stream[cut:]):
            session.receive_data(piece)
            said += answer_all(session, events=events)
        assert not any(isinstance(event, MailCommand) for event in events)
        if mode == "refuse":
            assert said.startswith(b"554 5.6.0")
            assert not any(isinstance(event, ContentEnd) for event in events)
        else:
            content = b"".join(event.octets for event in events if isinstance(event, ContentChunk))
            assert content.endswith(inner)
            assert said.startswith(b"250")


def test_abandoned_content() -> None:
    session = opened()
    say(session, "RCPT TO:<a@b>", "DATA")
    session.receive_data(b"a\r\nb")
    assert isinstance(session.next_event(), ContentChunk)
    session.abandon_content(Reply(451, ("disk full",), "4.3.1"))
    session.receive_data(b"c\r\n.\r\n")
    assert session.next_event() is None
    assert session.data_to_send() == b"451 4.3.1 disk full\r\n"


def test_vrfy_and_refused_greeting() -> None:
    session = greeted()
    session.receive_data(b"VRFY june\r\n")
    assert session.next_event() == VrfyCommand("june")
    session.answer_vrfy(Reply(252, ("who knows",), "2.1.5"))
    refused = ServerSession(ServerConfig("mx.example"))
    refused.greet(Reply(554, ("go away",), "5.7.1"))
    assert refused.data_to_send() == b"554 go away\r\n"
    assert refused.next_event() == SessionEnd()
    assert refused.next_event() is None
    refused.receive_data(b"NOOP\r\n")
    assert refused.backlog == 0


def test_421_from_a_handler_ends_the_session() -> None:
    session = greeted()
    session.receive_data(b"EHLO c\r\nMAIL FROM:<a@b>\r\nNOOP\r\n")
    session.next_event()
    session.next_event()
    session.answer_mail(Reply(421, ("bye",), "4.3.2"))
    assert session.next_event() == SessionEnd()


def test_answers_out_of_turn() -> None:
    session = greeted()
    with pytest.raises(LocalProtocolError):
        session.answer_mail(OK)
    with pytest.raises(LocalProtocolError):
        session.abandon_content(OK)
    session = opened()
    session.receive_data(b"RCPT TO:<a@b>\r\n")
    session.next_event()
    with pytest.raises(ValueError, match="2 answers to 1"):
        session.answer_rcpts([RcptAnswer(OK)] * 2)


@pytest.mark.parametrize(
    "wrong", [{"conneg": "maybe"}, {"dialect": "x"}, {"bare_newlines": "x"}, {"hostname": "a b"}]
)
def test_wrong_settings(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ServerConfig(**({"hostname": "mx.example"} | wrong))


def test_smtputf8() -> None:
    config = ServerConfig("mx.example", extensions=frozenset({"SMTPUTF8"}))
    session = greeted(config)
    session.receive_data("EHLO c\r\nMAIL FROM:<ü@b> SMTPUTF8\r\nRCPT TO:<jürgen@bücher>\r\n".encode())
    events: list[object] = []
    answer_all(session, events=events)
    assert events[-1] == RcptBatch((RcptCommand("jürgen@bücher"),))
    session.receive_data(b"NOOP \xff\r\n")
    assert answer_all(session).startswith(b"500")


_PIECES = st.sampled_from(
    [
        "EHLO c",
        "HELO c",
        "MAIL FROM:<a@b>",
        "MAIL FROM:<> SIZE=3",
        "RCPT TO:<a@b>",
        "RCPT TO:<b@c> CONNEG",
        "RCPT TO:<x>",
        "RCPT TO:<c@d> CONNEG = OPTIONAL",
        "DATA",
        "text",
        "..dot",
        ".",
        "RSET",
        "NOOP",
        "VRFY x",
        "QUIT",
        "FROB",
        "a\nb",
        "c\rd",
        "x" * 5000,
    ]
)


def run(chunks: list[bytes]) -> tuple[bytes, list[object]]:
    session, said, events = greeted(), b"", []
    for chunk in chunks:
        session.receive_data(chunk)
        said += answer_all(session, events=events)
    return said, merged(events)


def merged(events: list[object]) -> list[object]:
    """Content and RCPTs, which come in pieces as the stream does, put together."""
    found: list[object] = []
    for event in events:
        last = found[-1] if found else None
        if isinstance(event, ContentChunk) and isinstance(last, ContentChunk):
            found[-1] = ContentChunk(last.octets + event.octets)
        elif isinstance(event, RcptBatch) and isinstance(last, RcptBatch):
            found[-1] = RcptBatch(last.commands + event.commands)
        else:
            found.append(event)
    # Octets that come before it is known that the message is refused: nobody keeps them.
    return [e for n, e in enumerate(found) if not (isinstance(e, ContentChunk) and refused_after(found, n))]


def refused_after(events: list[object], place: int) -> bool:
    return place + 1 < len(events) and isinstance(events[place + 1], ContentRefused)


@settings(deadline=None)
@given(st.lists(_PIECES, max_size=14), st.data())
def test_the_same_events_however_the_stream_is_cut(lines: list[str], data: st.DataObject) -> None:
    stream = octets(["EHLO c", *lines])
    # What follows a message that has not ended is held back differently; end it.
    stream += b"\r\n.\r\nQUIT\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert run(pieces) == run([stream])


def test_octet_by_octet() -> None:
    stream = octets(
        [
            "EHLO c",
            "MAIL FROM:<a@b>",
            "RCPT TO:<a@b> CONNEG",
            "RCPT TO:<c@d>",
            "DATA",
            "..a",
            "b",
            ".",
            "QUIT",
        ]
    )
    assert run([stream[at : at + 1] for at in range(len(stream))]) == run([stream])
