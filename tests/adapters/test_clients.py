"""What the clients' adapters have in common, asked of each of them."""

import pytest

from conneg.adapters import (
    ConnegArgument,
    MailOptions,
    RcptPolicy,
    RcptRequest,
    RecipientClass,
    RecipientOutcome,
    RecipientResult,
)
from conneg.negotiation import OnUnreadable
from conneg.smtp import BareNewlineError, EnvelopeSyntaxError, Reply, ServerConfig
from conneg.smtp.extension import DEFAULT_EXTENSIONS
from tests.net.servers import listening

from .servers import HTML, HTML_OTHERWISE, TEXT, Answer, Office, Script, capability, send

pytestmark = pytest.mark.parametrize("kind", ["smtplib", "aiosmtplib"])

PLAIN = b"Subject: x\r\n\r\nplain\r\n"
RICH = b"Subject: x\r\nContent-Type: text/html\r\n\r\n<p>rich\r\n"
A, B, C, D = "a@x.example", "b@x.example", "c@x.example", "d@x.example"


def rich_or_plain(recipients: RecipientClass) -> bytes:
    return RICH if recipients.accepts('(type="text/html")') else PLAIN


def outcomes(results: list[RecipientResult]) -> list[tuple[str, str]]:
    return [(result.request.forward_path, str(result.outcome)) for result in results]


async def test_each_class_gets_what_is_chosen_for_it_in_a_transaction_of_its_own(kind: str) -> None:
    office = Office({A: HTML, B: TEXT, C: HTML_OTHERWISE, D: None})
    seen: list[RecipientClass] = []

    def choose(recipients: RecipientClass) -> bytes:
        seen.append(recipients)
        return rich_or_plain(recipients)

    async with listening(office) as listener:
        results = await send(kind, listener.port, [B, A, "nobody@x.example", C, D], choose)
    assert [(found.recipients, found.expression) for found in seen] == [
        ((B,), TEXT),
        ((A, C), HTML),
        ((D,), None),
    ]
    assert [(one.paths, one.content) for one in office.delivered] == [
        ([B], PLAIN),
        ([A, C], RICH),
        ([D], RICH),
    ]
    assert outcomes(results) == [
        (B, "sent"),
        (A, "sent"),
        ("nobody@x.example", "refused"),
        (C, "sent"),
        (D, "sent"),
    ]
    assert [result.capability and result.capability.expression for result in results] == [
        TEXT,
        HTML,
        None,
        HTML_OTHERWISE,
        None,
    ]
    assert results[2].reply == Reply(550, ("<nobody@x.example> is not here",), "5.1.1")
    asked = [command.conneg for one in office.delivered for command in one.recipients]
    assert asked == [ConnegArgument.OPTIONAL] * 4  # asked again where it is sent


async def test_one_class_needs_one_transaction(kind: str) -> None:
    script = Script(answer=lambda line, count: capability(TEXT) if "CONNEG" in line else None)
    async with script.serve() as port:
        results = await send(kind, port, [A, B], rich_or_plain)
    assert [result.is_sent for result in results] == [True, True]
    assert script.envelope == [
        "MAIL FROM:<may@b.example>",
        f"RCPT TO:<{A}> CONNEG=OPTIONAL",
        f"RCPT TO:<{B}> CONNEG=OPTIONAL",
        "DATA",
        ".",
    ]
    assert script.contents == [PLAIN + b".\r\n"]


async def test_a_class_for_which_nothing_is_chosen_gets_nothing(kind: str) -> None:
    office = Office({A: HTML, B: TEXT})
    async with listening(office) as listener:
        results = await send(
            kind, listener.port, [A, B], lambda r: RICH if r.accepts('(type="text/html")') else None
        )
    assert outcomes(results) == [(A, "sent"), (B, "not chosen")]
    assert results[1].reply is None
    assert [one.paths for one in office.delivered] == [[A]]


async def test_required_is_refused_locally_where_conneg_is_not_listed(kind: str) -> None:
    script = Script(ehlo=("250 mx.example",))
    async with script.serve() as port:
        results = await send(kind, port, [A], rich_or_plain, conneg=ConnegArgument.REQUIRED)
    assert outcomes(results) == [(A, "refused")]
    assert results[0].reply is not None
    assert (results[0].reply.code, results[0].is_local) == (504, True)
    assert script.envelope == []  # draft 4.2: MUST NOT


@pytest.mark.shows("A5-19", "A5-25", "D-4")
async def test_each_recipient_may_be_asked_in_its_own_way(kind: str) -> None:
    script = Script()
    requests = [RcptRequest(A, ConnegArgument.REQUIRED), RcptRequest(B), C]
    async with script.serve() as port:
        results = await send(kind, port, requests, rich_or_plain)
    assert script.envelope[1:4] == [
        f"RCPT TO:<{A}> CONNEG=REQUIRED",
        f"RCPT TO:<{B}>",
        f"RCPT TO:<{C}> CONNEG=OPTIONAL",
    ]
    # REQUIRED and accepted without a capability: as by 404.
    assert outcomes(results) == [(A, "deferred"), (B, "sent"), (C, "sent")]
    # A was accepted and is to get nothing, so the transaction that has it is taken back.
    assert script.envelope[4:] == [
        "RSET",
        "MAIL FROM:<may@b.example>",
        f"RCPT TO:<{B}>",
        f"RCPT TO:<{C}> CONNEG=OPTIONAL",
        "DATA",
        ".",
    ]


async def test_404_defers_and_504_refuses(kind: str) -> None:
    def answer(line: str, count: int) -> Answer | None:
        if "REQUIRED" in line:
            return "404 CONNEG unavailable" if A in line else "504 CONNEG not supported"
        return None

    script = Script(answer=answer)
    async with script.serve() as port:
        results = await send(kind, port, [A, B], rich_or_plain, conneg=ConnegArgument.REQUIRED)
    assert outcomes(results) == [(A, "deferred"), (B, "refused")]
    assert script.envelope[-1] == "RSET"


@pytest.mark.parametrize("reply", ["504 CONNEG?", "555 unknown parameter", None])
async def test_required_may_be_given_up_by_policy(kind: str, reply: str | None) -> None:
    """None: CONNEG is not even listed, and so not sent (draft 4.2)."""
    script = Script(
        ehlo=("250 mx.example",) if reply is None else ("250-mx.example", "250 CONNEG"),
        answer=lambda line, count: reply if "CONNEG" in line else None,
    )
    options = MailOptions(policy=RcptPolicy(on_not_supported="baseline"))
    async with script.serve() as port:
        results = await send(kind, port, [A], rich_or_plain, conneg=ConnegArgument.REQUIRED, options=options)
    assert outcomes(results) == [(A, "sent")]
    assert results[0].capability is None
    asked = [] if reply is None else [f"RCPT TO:<{A}> CONNEG=REQUIRED"]
    assert script.envelope[1:-2] == [*asked, f"RCPT TO:<{A}>"]


@pytest.mark.parametrize(
    ("choice", "outcome"),
    [(None, "deferred"), ("return", "refused"), ("baseline", "sent"), ("original", "sent")],
)
async def test_what_cannot_be_read_goes_by_policy(
    kind: str, choice: OnUnreadable | None, outcome: str
) -> None:
    script = Script(answer=lambda line, count: capability("(color=") if "CONNEG" in line else None)
    options = MailOptions(policy=RcptPolicy(on_unreadable=choice))
    async with script.serve() as port:
        results = await send(kind, port, [A], rich_or_plain, conneg=ConnegArgument.REQUIRED, options=options)
    assert outcomes(results) == [(A, outcome)]
    assert (script.envelope[-1] == "RSET") is (outcome != "sent")


@pytest.mark.parametrize("reply", ["555 unknown parameter", "504 CONNEG?", "501 syntax"])
async def test_optional_is_repeated_without_conneg_in_every_transaction(kind: str, reply: str) -> None:
    script = Script(answer=lambda line, count: reply if "CONNEG" in line else None)
    async with script.serve() as port:
        results = await send(kind, port, [A], rich_or_plain)
    assert [result.is_sent for result in results] == [True]
    assert script.envelope[1:3] == [f"RCPT TO:<{A}> CONNEG=OPTIONAL", f"RCPT TO:<{A}>"]


async def test_what_is_sent_before_the_connection_drops_is_known(kind: str) -> None:
    """The results of the first class stay; who may have the content and who may not can be told apart."""

    def answer(line: str, count: int) -> Answer | None:
        if "CONNEG" in line:
            return capability({A: TEXT, B: HTML, C: '(type="image/png")'}[line[9 : line.index(">")]])
        return "drop" if line == "." and count == 2 else None

    script = Script(answer=answer)
    async with script.serve() as port:
        results = await send(kind, port, [C, B, A], rich_or_plain)
    assert outcomes(results) == [(C, "sent"), (B, "in doubt"), (A, "deferred")]
    assert [result.is_local for result in results] == [False, True, True]


async def test_what_choose_raises_comes_before_anything_is_sent(kind: str) -> None:
    def choose(recipients: RecipientClass) -> bytes:
        if recipients.recipients == (B,):
            raise LookupError("no form for b")
        return PLAIN

    script = Script(
        answer=lambda line, count: capability(TEXT if A in line else HTML) if "CONNEG" in line else None
    )
    async with script.serve() as port:
        with pytest.raises(LookupError):
            await send(kind, port, [A, B], choose)
    assert script.contents == []
    assert script.envelope[-1] == "RSET"


@pytest.mark.parametrize("content", [b"bare\nnewline\r\n", b"bare\rreturn\r\n"])
async def test_bare_newlines_are_refused_before_anything_is_sent(kind: str, content: bytes) -> None:
    script = Script()
    async with script.serve() as port:
        with pytest.raises(BareNewlineError):
            await send(kind, port, [A], lambda recipients: content)
    assert script.envelope[-1] == "RSET"


async def test_dots_are_stuffed_and_the_last_line_ended(kind: str) -> None:
    office = Office({A: TEXT})
    async with listening(office) as listener:
        await send(kind, listener.port, [A], lambda recipients: b".\r\n..x\r\nend")
    assert [one.content for one in office.delivered] == [b".\r\n..x\r\nend\r\n"]


COMMANDS = [
    ("MAIL FROM:<may@b.example>", ["deferred", "deferred"]),
    (f"RCPT TO:<{A}> CONNEG=OPTIONAL", ["deferred", "deferred"]),
    (f"RCPT TO:<{B}> CONNEG=OPTIONAL", ["deferred", "deferred"]),
    ("DATA", ["deferred", "deferred"]),
    (".", ["deferred", "deferred"]),
]


@pytest.mark.parametrize(("command", "expected"), COMMANDS)
async def test_421_ends_the_session_with_results(kind: str, command: str, expected: list[str]) -> None:
    """RFC 5321, 3.8: 421 may come at any command, and the connection is closed after it."""
    script = Script(answer=lambda line, count: "421 4.3.2 shutting down" if line == command else None)
    async with script.serve() as port:
        results = await send(kind, port, [A, B], rich_or_plain)
    assert [str(result.outcome) for result in results] == expected
    assert {result.reply and result.reply.code for result in results} == {421}
    assert not any(result.is_local for result in results)
    assert script.heard[-1] == command  # nothing was said after it


async def test_who_was_refused_before_421_stays_refused(kind: str) -> None:
    replies = {A: "550 5.1.1 not here", B: "421 4.3.2 shutting down"}
    script = Script(
        answer=lambda line, count: next((reply for path, reply in replies.items() if path in line), None)
    )
    async with script.serve() as port:
        results = await send(kind, port, [A, B, C], rich_or_plain)
    assert outcomes(results) == [(A, "refused"), (B, "deferred"), (C, "deferred")]


async def test_421_between_classes_leaves_those_before_it_sent(kind: str) -> None:
    def answer(line: str, count: int) -> Answer | None:
        if "CONNEG" in line:
            return capability(TEXT if A in line else HTML)
        return "421 4.3.2 enough" if line.startswith("MAIL") and count == 3 else None

    script = Script(answer=answer)
    async with script.serve() as port:
        results = await send(kind, port, [A, B], rich_or_plain)
    assert outcomes(results) == [(A, "sent"), (B, "deferred")]


@pytest.mark.parametrize("command", [command for command, _ in COMMANDS])
async def test_a_lost_connection_is_a_result(kind: str, command: str) -> None:
    script = Script(answer=lambda line, count: "drop" if line == command else None)
    async with script.serve() as port:
        results = await send(kind, port, [A, B], rich_or_plain)
    expected = RecipientOutcome.IN_DOUBT if command == "." else RecipientOutcome.DEFERRED
    assert [result.outcome for result in results] == [expected, expected]
    assert all(result.is_local for result in results)


async def test_what_is_no_reply_is_a_result(kind: str) -> None:
    script = Script(answer=lambda line, count: "nonsense" if line.startswith("RCPT") else None)
    async with script.serve() as port:
        results = await send(kind, port, [A], rich_or_plain)
    assert outcomes(results) == [(A, "deferred")]


async def test_a_refused_mail_or_data_is_a_result_and_the_session_goes_on(kind: str) -> None:
    script = Script(answer=lambda line, count: "552 5.2.2 full" if line == "DATA" else None)
    async with script.serve() as port:
        assert outcomes(await send(kind, port, [A], rich_or_plain)) == [(A, "refused")]
    assert script.envelope[-2:] == ["DATA", "RSET"]
    script = Script(answer=lambda line, count: "451 4.7.1 later" if line.startswith("MAIL") else None)
    async with script.serve() as port:
        assert outcomes(await send(kind, port, [A], rich_or_plain)) == [(A, "deferred")]
    assert script.heard[-1].upper() == "QUIT"


async def test_who_answers_otherwise_in_its_transaction_is_deferred(kind: str) -> None:
    """A capability holds only in its transaction: content chosen for another one is not sent (draft 4.2)."""

    def answer(line: str, count: int) -> Answer | None:
        if "CONNEG" not in line:
            return None
        if A in line:
            return capability(HTML if count == 1 else TEXT)
        return capability(HTML if B in line else TEXT)

    script = Script(answer=answer)
    async with script.serve() as port:
        results = await send(kind, port, [A, B, C], rich_or_plain)
    assert outcomes(results) == [(A, "deferred"), (B, "sent"), (C, "sent")]
    assert results[0].reply is not None
    assert (results[0].reply.code, results[0].is_local) == (451, True)
    assert script.contents == [RICH + b".\r\n", PLAIN + b".\r\n"]
    # The transaction with A in it is taken back: the last one before the first content has B only.
    first = script.envelope.index("DATA")
    assert script.envelope[first - 3 : first] == [
        "RSET",
        "MAIL FROM:<may@b.example>",
        f"RCPT TO:<{B}> CONNEG=OPTIONAL",
    ]


async def test_no_capability_changes_for_ever(kind: str) -> None:
    texts = [f'(type="text/{word}")' for word in "abcdefghijkl"]

    def answer(line: str, count: int) -> Answer | None:
        if "CONNEG" not in line:
            return None
        place = int(line[line.index("<") + 1 : line.index("@")])
        return capability(TEXT) if place >= count else capability(texts[count])

    script = Script(answer=answer)
    recipients = [f"{place}@x.example" for place in range(1, 9)]
    async with script.serve() as port:
        results = await send(kind, port, [*recipients, "99@x.example", "0@x.example"], lambda r: PLAIN)
    assert len(results) == 10
    assert {str(result.outcome) for result in results[:8]} == {"deferred"}
    assert script.contents == []


async def test_dsn_parameters_go_where_dsn_is_listed(kind: str) -> None:
    request = RcptRequest(A, ConnegArgument.OPTIONAL, frozenset({"SUCCESS", "FAILURE"}), f"rfc822;{A}")
    options = MailOptions(ret="HDRS", envid="QQ+2B1")
    office = Office({A: HTML, B: TEXT})
    async with listening(office) as listener:
        await send(kind, listener.port, [request, B], rich_or_plain, options=options)
    assert [(one.mail.ret, one.mail.envid) for one in office.delivered] == [("HDRS", "QQ+2B1")] * 2
    assert office.delivered[0].recipients[0].notify == {"SUCCESS", "FAILURE"}
    assert office.delivered[0].recipients[0].orcpt == f"rfc822;{A}"
    script = Script()
    async with script.serve() as port:
        await send(kind, port, [request], rich_or_plain, options=options)
    assert script.envelope[:2] == ["MAIL FROM:<may@b.example>", f"RCPT TO:<{A}> CONNEG=OPTIONAL"]


async def test_size_is_declared_where_the_content_is_known(kind: str) -> None:
    office = Office({A: HTML, B: TEXT})
    async with listening(office) as listener:
        await send(kind, listener.port, [A, B], rich_or_plain)
    assert [one.mail.size for one in office.delivered] == [len(RICH), len(PLAIN)]


async def test_content_above_the_servers_limit_is_not_sent(kind: str) -> None:
    script = Script(ehlo=("250-mx.example", "250-CONNEG", "250 SIZE 1000"))
    async with script.serve() as port:
        results = await send(kind, port, [A], lambda recipients: b"x" * 998 + b"\r\n" + b"y\r\n")
    assert outcomes(results) == [(A, "refused")]
    assert results[0].reply is not None
    assert (results[0].reply.enhanced, script.contents) == ("5.3.4", [])


UMLAUT = (
    "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nü\r\n"
)


async def test_octets_above_127_are_declared(kind: str) -> None:
    office = Office({A: TEXT})
    async with listening(office) as listener:
        await send(kind, listener.port, [A], lambda recipients: UMLAUT.encode())
    assert [(one.mail.body, one.content) for one in office.delivered] == [("8BITMIME", UMLAUT.encode())]


async def test_octets_above_127_are_encoded_where_8bitmime_is_not_listed(kind: str) -> None:
    office = Office({A: TEXT})
    config = ServerConfig("mx.example", extensions=DEFAULT_EXTENSIONS - {"8BITMIME"})
    async with listening(office, config) as listener:
        results = await send(kind, listener.port, [A], lambda recipients: UMLAUT.encode())
    assert [result.is_sent for result in results] == [True]
    assert office.delivered[0].content.isascii()
    assert b"Content-Transfer-Encoding: base64" in office.delivered[0].content


async def test_signed_content_is_not_encoded_anew(kind: str) -> None:
    """draft 8: who changes signed content must sign it again."""
    signed = (
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n"
        f"{UMLAUT}\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"
    ).encode()
    script = Script()
    async with script.serve() as port:
        results = await send(kind, port, [A], lambda recipients: signed)
    assert outcomes(results) == [(A, "refused")]
    assert script.contents == []


async def test_addresses_outside_ascii_need_smtputf8(kind: str) -> None:
    path = "jürgen@x.example"
    office = Office({path: TEXT})
    config = ServerConfig("mx.example", extensions=DEFAULT_EXTENSIONS | {"SMTPUTF8"})
    async with listening(office, config) as listener:
        results = await send(kind, listener.port, [path], rich_or_plain)
    assert [result.is_sent for result in results] == [True]
    assert office.delivered[0].mail.smtputf8
    assert office.delivered[0].paths == [path]
    script = Script()
    async with script.serve() as port:
        results = await send(kind, port, [path], rich_or_plain)
    assert outcomes(results) == [(path, "refused")]
    assert script.envelope == []


@pytest.mark.parametrize(
    "path", ["no address", "a@b.example>\r\nRCPT TO:<x@y.example", "", "a@b.example CONNEG"]
)
async def test_what_no_command_can_carry_is_raised_before_anything_is_sent(kind: str, path: str) -> None:
    script = Script()
    async with script.serve() as port:
        with pytest.raises(EnvelopeSyntaxError):
            await send(kind, port, [A, path], rich_or_plain)
    assert script.envelope == []


async def test_no_recipients_are_an_error(kind: str) -> None:
    script = Script()
    async with script.serve() as port:
        with pytest.raises(EnvelopeSyntaxError):
            await send(kind, port, [], rich_or_plain)


async def test_a_quoted_local_part_is_not_quoted_again(kind: str) -> None:
    path = '"may june"@x.example'
    office = Office({path: HTML, A: TEXT})
    async with listening(office) as listener:
        results = await send(kind, listener.port, [path, A], rich_or_plain)
    assert [result.is_sent for result in results] == [True, True]
    assert office.delivered[0].paths == [path]


async def test_the_null_reverse_path(kind: str) -> None:
    office = Office({A: HTML})
    async with listening(office) as listener:
        await send(kind, listener.port, [A], rich_or_plain, reverse_path="")
    assert office.delivered[0].mail.reverse_path == ""


async def test_a_recipient_given_twice_has_two_results(kind: str) -> None:
    office = Office({A: HTML})
    async with listening(office) as listener:
        results = await send(kind, listener.port, [A, A], rich_or_plain)
    assert outcomes(results) == [(A, "sent"), (A, "sent")]


async def test_a_long_capability_in_many_lines(kind: str) -> None:
    many = " ".join(f'(type="application/x-{number}")' for number in range(60))
    office = Office({A: f"(| {many})"})
    async with listening(office) as listener:
        results = await send(
            kind, listener.port, [A], lambda r: PLAIN if r.accepts('(type="application/x-59")') else None
        )
    assert [result.is_sent for result in results] == [True]
