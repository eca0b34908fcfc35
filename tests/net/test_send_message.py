"""A whole message in one group of commands (RFC 2920, 3.1), and what is done when a part of it is refused."""

from collections.abc import Sequence

import pytest

from conneg.errors import TemporaryError
from conneg.net import RcptRequest, SmtpClient, connect
from conneg.smtp import (
    BareNewlineError,
    ClientConfig,
    ClientSession,
    ConnegArgument,
    LocalProtocolError,
    Reply,
    ServerConfig,
    TransactionOpened,
)

from .servers import HOST, Raw, Recorder, listening, scripted

CONTENT = b"Subject: x\r\n\r\n.dot\r\n"


async def send_message(
    client: SmtpClient, requests: Sequence[RcptRequest], content: bytes
) -> tuple[TransactionOpened, tuple[Reply, ...]]:
    opened = await client.open_transaction("a@b", requests, with_data=True)
    if any(result.reply.code == 250 for result in opened.rcpts):
        return opened, await client.data(content)
    await client.rset()
    return opened, ()


async def send_to(
    replies: Sequence[str], *, groups: Sequence[int], recipients: int = 1
) -> tuple[list[int], list[int], list[str]]:
    """Send to a server that reads a group of so many lines before it answers them; its replies in order.

    Returns the codes of the recipients, those of the content, and all lines that the server read.
    """
    read: list[str] = []

    async def script(server: Raw) -> None:
        server.say("220 mx")
        await server.reader.readline()
        server.say("250-mx\r\n250 PIPELINING")
        coming = iter(replies)
        for group in groups:
            for _ in range(group):
                read.append((await server.reader.readline()).decode().rstrip("\r\n"))
            for _ in range(1 if read[-1] == "." else group):
                server.say(next(coming))

    async with scripted(script) as port:
        client = await connect(HOST, port, helo="c")
        requests = [RcptRequest(f"r{number}@d") for number in range(recipients)]
        opened, final = await send_message(client, requests, CONTENT)
        assert not client.closed
    return [result.reply.code for result in opened.rcpts], [reply.code for reply in final], read


async def test_one_group_and_the_content() -> None:
    codes, final, read = await send_to(
        ["250 ok", "250 ok", "550 no", "354 go", "250 ok"], groups=[4, 4], recipients=2
    )
    assert (codes, final) == ([250, 550], [250])
    assert read == [
        "MAIL FROM:<a@b>",
        "RCPT TO:<r0@d>",
        "RCPT TO:<r1@d>",
        "DATA",
        "Subject: x",
        "",
        "..dot",
        ".",
    ]


async def test_data_that_is_refused_with_all_recipients() -> None:
    codes, final, read = await send_to(
        ["250 ok", "550 no", "554 no valid recipients", "250 reset"], groups=[3, 1]
    )
    assert (codes, final) == ([550], [])
    assert read[-1] == "RSET"


async def test_354_although_nobody_was_accepted_gets_nothing_but_the_final_dot() -> None:
    """RFC 2920, 3.1: "If none of the RCPT TO commands are accepted ... the client SHOULD send a single dot"."""
    codes, final, read = await send_to(
        ["250 ok", "550 no", "354 go", "554 no valid recipients", "250 reset"], groups=[3, 1, 1]
    )
    assert (codes, final) == ([550], [])
    assert read[3:] == [".", "RSET"]


async def test_mail_that_is_refused() -> None:
    codes, final, read = await send_to(["550 no", "503 no", "503 no", "250 reset"], groups=[3, 1])
    assert (codes, final) == ([], [])
    assert read[-2:] == ["DATA", "RSET"]


async def test_data_that_is_refused_for_now() -> None:
    codes, final, _ = await send_to(["250 ok", "250 ok", "451 later", "250 reset"], groups=[3, 1])
    assert (codes, final) == ([250], [451])


@pytest.mark.parametrize("chunking", [True, False])
async def test_against_our_listener(chunking: bool) -> None:
    handler = Recorder()
    async with listening(handler) as listener:
        client = await connect(HOST, listener.port, helo="c", chunking=chunking)
        for _ in range(2):
            opened, final = await send_message(client, [RcptRequest("c@d"), RcptRequest("e@f")], CONTENT)
            assert opened.mail.code == 250
            assert [reply.code for reply in final] == [250]
        await client.quit()
    assert handler.messages == [CONTENT] * 2


async def test_where_a_capability_is_asked_the_content_waits_for_the_answer() -> None:
    handler = Recorder()
    async with listening(handler) as listener:
        client = await connect(HOST, listener.port, helo="c", chunking=False)
        opened, _ = await send_message(client, [RcptRequest("c@d", ConnegArgument.REQUIRED)], CONTENT)
        await client.quit()
    assert opened.rcpts[0].capability is not None


async def test_what_is_not_sent_after_all_is_cut_short() -> None:
    async def script(server: Raw) -> None:
        server.say("220 mx")
        await server.reader.readline()
        server.say("250-mx\r\n250 PIPELINING")
        for _ in range(3):
            await server.reader.readline()
        server.say("250 ok\r\n250 ok\r\n354 go")
        rest.append(await server.reader.read())

    rest: list[bytes] = []
    async with scripted(script) as port:
        client = await connect(HOST, port, helo="c")
        await client.open_transaction("a@b", [RcptRequest("c@d")], with_data=True)
        with pytest.raises(TemporaryError):
            await client.rset()
        assert client.closed
    assert rest in ([b""], [])


async def test_bare_newlines_are_found_before_any_content_is_sent() -> None:
    handler = Recorder()
    async with listening(handler) as listener:
        client = await connect(HOST, listener.port, helo="c")
        with pytest.raises(BareNewlineError):
            await send_message(client, [RcptRequest("c@d")], b"a\nb\r\n")
        await client.rset()
        await client.quit()
    assert handler.messages == []


async def test_in_lmtp_there_is_a_reply_for_each_accepted_recipient() -> None:
    handler = Recorder()
    async with listening(handler, ServerConfig("mx.example", lmtp=True)) as listener:
        client = await connect(HOST, listener.port, helo="c", lmtp=True, chunking=False)
        _, final = await send_message(client, [RcptRequest("c@d"), RcptRequest("e@f")], CONTENT)
        await client.quit()
    assert [reply.code for reply in final] == [250, 250]


def test_the_core_sends_no_data_with_recipients_that_are_asked_about() -> None:
    client = ClientSession(ClientConfig("c"))
    client.receive_data(b"220 mx\r\n")
    client.next_event()
    client.receive_data(b"250-mx\r\n250-PIPELINING\r\n250 CONNEG\r\n")
    client.next_event()
    with pytest.raises(LocalProtocolError):
        client.open_transaction("a@b", [RcptRequest("c@d", ConnegArgument.OPTIONAL)], with_data=True)
