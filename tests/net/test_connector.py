"""The connector: against our listener, and against servers that are slow, odd or hostile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from conneg.errors import TemporaryError, UnavailableError
from conneg.net import DeadlineError, Deadlines, RcptRequest, RefusedError, SmtpClient, connect
from conneg.smtp import (
    BareNewlineError,
    ConnegArgument,
    EnvelopeSyntaxError,
    LocalProtocolError,
    ServerConfig,
)
from tests.smtp.dialogue import K_7

from .servers import HOST, AsyncRecorder, Raw, Recorder, listening, scripted, until

REQUIRED, OPTIONAL = ConnegArgument.REQUIRED, ConnegArgument.OPTIONAL
REQUEST = RcptRequest("c@d")


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def sent(self, line: str) -> None:
        self.lines.append(f"C: {line}")

    def received(self, line: str) -> None:
        self.lines.append(f"S: {line}")


async def client_of(port: int, **options: Any) -> SmtpClient:
    return await connect(HOST, port, helo="client.example", **options)


async def scenario(handler: Recorder) -> None:
    heard = Heard()
    async with listening(handler) as listener:
        client = await client_of(listener.port, transcript=heard)
        assert client.peer == f"127.0.0.1:{listener.port}"
        assert client.supports("conneg")
        assert client.extensions["SIZE"].isdigit()
        opened = await client.open_transaction(
            "a@b",
            [RcptRequest("c@d", REQUIRED), RcptRequest("e@f", notify=frozenset({"NEVER"}))],
            size=10,
            envid="x",
        )
        assert opened.mail.code == 250
        assert [result.reply.code for result in opened.rcpts] == [250, 250]
        assert opened.rcpts[0].capability is not None
        assert opened.rcpts[0].capability.expression == K_7
        assert opened.rcpts[1].capability is None
        assert [reply.code for reply in await client.data(b".one\r\n")] == [250]
        await client.open_transaction("", [REQUEST])
        assert (await client.rset()).code == 250
        await client.open_transaction("", [REQUEST])
        big = b"x" * 998 + b"\r\n"
        assert (await client.data(big for _ in range(5000)))[0].code == 250
        assert not client.closed
        await client.quit()
        assert client.closed
    assert handler.messages == [b".one\r\n", big * 5000]
    assert handler.batches[0] == 2
    assert heard.lines[:2] == ["S: 220 mx.example ESMTP conneg", "C: EHLO client.example"]
    assert "C: RCPT TO:<c@d> CONNEG=REQUIRED" in heard.lines
    assert heard.lines[-2:] == ["C: QUIT", "S: 221 2.0.0 goodbye"]
    assert "C: ..one" not in heard.lines


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])
def test_scenario(run: Callable[[Coroutine[Any, Any, None]], None], kind: type[Recorder]) -> None:
    run(scenario(kind()))


@pytest.mark.parametrize(
    ("mode", "recipient", "argument", "code", "asked"),
    [
        ("on", "known", REQUIRED, 250, REQUIRED),
        ("on", "unavailable", REQUIRED, 404, REQUIRED),
        ("on", "unknown", REQUIRED, 504, REQUIRED),
        ("on", "unavailable", OPTIONAL, 250, OPTIONAL),
        ("off", "known", REQUIRED, 504, None),
        ("off", "known", OPTIONAL, 250, None),
        ("ignorant", "known", OPTIONAL, 250, None),
    ],
)
async def test_conneg_against_our_listener(
    mode: str, recipient: str, argument: ConnegArgument, code: int, asked: ConnegArgument | None
) -> None:
    async with listening(Recorder(recipient), ServerConfig("mx.example", conneg=mode)) as listener:
        client = await client_of(listener.port)
        (result,) = (await client.open_transaction("a@b", [RcptRequest("c@d", argument)])).rcpts
        assert (result.reply.code, result.asked) == (code, asked)
        assert (result.capability is not None) == (code == 250 and recipient == "known" and mode == "on")
        await client.quit()


async def test_chunks_from_an_async_iterable() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a\r"
        await asyncio.sleep(0)
        yield b"\n.b"

    handler = Recorder()
    async with listening(handler) as listener:
        client = await client_of(listener.port)
        await client.open_transaction("a@b", [REQUEST])
        await client.data(chunks())
        await client.quit()
    assert handler.messages == [b"a\r\n.b\r\n"]


async def test_bare_newlines_in_bytes_are_found_before_anything_is_sent() -> None:
    handler = Recorder()
    async with listening(handler) as listener:
        client = await client_of(listener.port)
        await client.open_transaction("a@b", [REQUEST])
        with pytest.raises(BareNewlineError):
            await client.data(b"a\nb")
        assert not client.closed
        assert (await client.data(b"a\r\n"))[0].code == 250
        await client.quit()


async def test_content_that_breaks_off_cuts_the_connection() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"a\r\n"
        raise OSError("the disk is gone")

    handler = Recorder()
    async with listening(handler) as listener:
        client = await client_of(listener.port)
        await client.open_transaction("a@b", [REQUEST])
        with pytest.raises(OSError, match="the disk is gone"):
            await client.data(chunks())
        assert client.closed
        client = await client_of(listener.port)
        await client.open_transaction("a@b", [REQUEST])
        with pytest.raises(BareNewlineError):
            await client.data([b"a\nb"])
        assert client.closed
    assert handler.messages == []


async def test_what_cannot_be_sent_leaves_the_session_usable() -> None:
    async with listening(Recorder()) as listener:
        client = await client_of(listener.port)
        with pytest.raises(EnvelopeSyntaxError):
            await client.open_transaction("a@b", [RcptRequest("c@d> CONNEG\r\nDATA")])
        with pytest.raises(LocalProtocolError):
            await client.data(b"")
        assert not client.closed
        assert (await client.rset()).code == 250
        await client.quit()
        await client.quit()


async def hello(server: Raw, *extensions: str) -> None:
    server.say("220 odd.example")
    await server.reader.readline()
    lines = ["odd.example", *extensions]
    server.say(*(f"250{'-' if n < len(lines) - 1 else ' '}{line}" for n, line in enumerate(lines)))


async def silent(server: Raw) -> None:
    await asyncio.Event().wait()


async def test_a_server_that_does_not_greet() -> None:
    async with scripted(silent) as port:
        with pytest.raises(DeadlineError, match=r"did not answer in 0.05 s"):
            await client_of(port, deadlines=Deadlines(greeting=0.05))


async def test_a_server_that_stops_answering() -> None:
    async def script(server: Raw) -> None:
        await hello(server)
        await silent(server)

    async with scripted(script) as port:
        client = await client_of(port, deadlines=Deadlines(reply=0.05))
        with pytest.raises(TemporaryError):
            await client.open_transaction("a@b", [REQUEST])
        assert client.closed


@pytest.mark.parametrize("phase", ["data", "final"])
async def test_deadlines_of_content(phase: str) -> None:
    async def script(server: Raw) -> None:
        await hello(server)
        await server.reader.readline()
        server.say("250 ok")
        await server.reader.readline()
        server.say("250 ok")
        if phase == "final":
            await server.reader.readline()
            server.say("354 go")
        await silent(server)

    async with scripted(script) as port:
        client = await client_of(port, deadlines=Deadlines(**{phase: 0.05}))
        await client.open_transaction("a@b", [REQUEST])
        with pytest.raises(DeadlineError):
            await client.data(b"x\r\n")
        assert client.closed


async def test_a_server_that_does_not_take_the_content() -> None:
    async def script(server: Raw) -> None:
        await hello(server, "PIPELINING")
        for reply in ("250 ok", "250 ok", "354 go"):
            await server.reader.readline()
            server.say(reply)
        await silent(server)

    async with scripted(script) as port:
        client = await client_of(port, deadlines=Deadlines(block=0.1))
        await client.open_transaction("a@b", [REQUEST])
        with pytest.raises(DeadlineError, match="did not take the content"):
            await client.data(b"x" * 998 + b"\r\n" for _ in range(100_000))
        assert client.closed


@pytest.mark.parametrize(
    "greeting", ["HTTP/1.1 400 Bad Request", "220-a", "220 a\n250 b", "250-" + "x" * 5000]
)
async def test_what_is_no_smtp_server(greeting: str) -> None:
    async def script(server: Raw) -> None:
        server.say(greeting)

    async with scripted(script) as port:
        with pytest.raises(TemporaryError):
            await client_of(port, deadlines=Deadlines(greeting=5))


@pytest.mark.parametrize("refusal", ["554 no", "421 busy"])
async def test_a_server_that_does_not_want_us(refusal: str) -> None:
    async def script(server: Raw) -> None:
        server.say(refusal)
        await silent(server)

    async with scripted(script) as port:
        with pytest.raises(RefusedError) as caught:
            await client_of(port)
    assert isinstance(caught.value, UnavailableError)
    assert caught.value.reply.code == int(refusal[:3])


async def test_nobody_there() -> None:
    async with scripted(silent) as port:
        pass
    with pytest.raises(OSError, match=r".+"):
        await client_of(port)


async def test_a_server_that_goes_away() -> None:
    async def script(server: Raw) -> None:
        await hello(server, "PIPELINING")
        await server.reader.readline()
        server.say("250 ok")

    async with scripted(script) as port:
        client = await client_of(port)
        with pytest.raises(TemporaryError):
            await client.open_transaction("a@b", [REQUEST, REQUEST])
        assert client.closed
        client.abort()


async def test_a_call_that_is_cancelled_cuts_the_connection() -> None:
    async def script(server: Raw) -> None:
        await hello(server)
        await silent(server)

    async with scripted(script) as port:
        client = await client_of(port)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.open_transaction("a@b", [REQUEST])
        assert client.closed


async def test_each_reply_gives_time_for_the_next() -> None:
    async def script(server: Raw) -> None:
        await hello(server, "PIPELINING")
        for _ in range(6):
            await asyncio.sleep(0.1)
            server.say("250 ok")
        await silent(server)

    async with scripted(script) as port:
        client = await client_of(port, deadlines=Deadlines(reply=0.4))
        assert len((await client.open_transaction("a@b", [REQUEST] * 5)).rcpts) == 5
        client.abort()


async def test_a_server_that_speaks_without_being_asked() -> None:
    async def script(server: Raw) -> None:
        await hello(server)
        for _ in range(400):
            server.writer.write(b"250-" + b"x" * 65536 + b"\r\n")
            await server.writer.drain()

    async with scripted(script) as port:
        client = await client_of(port)
        await until(lambda: client._link._is_paused)
        assert client._session.backlog < 2 << 20
        with pytest.raises(TemporaryError):
            await client.rset()
        assert client.closed


async def test_lmtp() -> None:
    said: list[bytes] = []

    async def script(server: Raw) -> None:
        server.say("220 lmtp.example")
        said.append(await server.reader.readline())
        server.say("250-lmtp.example", "250-PIPELINING", "250 ENHANCEDSTATUSCODES")
        for reply in ("250 2.1.0 ok", "250 2.1.5 ok", "550 5.1.1 no", "250 2.1.5 ok", "354 go"):
            await server.reader.readline()
            server.say(reply)
        while await server.reader.readline() != b".\r\n":
            pass
        server.say("250 2.0.0 <a@x> delivered", "452 4.2.2 <c@x> full")
        await silent(server)

    async with scripted(script) as port:
        client = await client_of(port, lmtp=True, deadlines=Deadlines(quit=0.05))
        assert client.lmtp
        opened = await client.open_transaction("a@b", [RcptRequest(f"{name}@x") for name in "abc"])
        assert [result.reply.code for result in opened.rcpts] == [250, 550, 250]
        assert [(reply.code, reply.enhanced) for reply in await client.data(b"x\r\n")] == [
            (250, "2.0.0"),
            (452, "4.2.2"),
        ]
        await client.quit()
    assert said == [b"LHLO client.example\r\n"]


async def test_lmtp_data_refused() -> None:
    async def script(server: Raw) -> None:
        server.say("220 lmtp.example")
        await server.reader.readline()
        server.say("250-lmtp.example", "250 PIPELINING")
        for reply in ("250 ok", "250 ok", "250 ok", "451 4.3.0 later", "250 reset"):
            read.append(await server.reader.readline())
            server.say(reply)
        await silent(server)

    read: list[bytes] = []
    async with scripted(script) as port:
        client = await client_of(port, lmtp=True)
        await client.open_transaction("a@b", [REQUEST, REQUEST])
        assert [reply.code for reply in await client.data(b"x\r\n")] == [451, 451]
        assert read[-1] == b"RSET\r\n"  # the session can be used again
        client.abort()


async def test_a_server_that_goes_away_after_it_has_refused_data() -> None:
    async def script(server: Raw) -> None:
        await hello(server, "PIPELINING")
        for reply in ("250 ok", "250 ok", "451 4.3.0 later"):
            await server.reader.readline()
            server.say(reply)

    async with scripted(script) as port:
        client = await client_of(port)
        await client.open_transaction("a@b", [REQUEST])
        assert [reply.code for reply in await client.data(b"x\r\n")] == [451]
        assert client.closed


async def test_an_ignorant_server_that_lists_the_keyword() -> None:
    async def script(server: Raw) -> None:
        await hello(server, "PIPELINING", "CONNEG")
        for reply in ("250 ok", "555 5.5.4 Unsupported option: CONNEG=OPTIONAL", "250 ok"):
            await server.reader.readline()
            server.say(reply)
        await silent(server)

    async with scripted(script) as port:
        client = await client_of(port)
        (result,) = (await client.open_transaction("a@b", [RcptRequest("c@d", OPTIONAL)])).rcpts
        assert (result.reply.code, result.repeated, result.capability) == (250, True, None)
        client.abort()
