"""The listener: plain and awaiting handlers, limits with their replies, flow control, faults, the clean end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from conneg.net import MailCommand, Peer, SessionInfo
from conneg.smtp import Reply, ServerConfig

from .servers import ACCEPTED, AsyncRecorder, Recorder, Sink, listening, raw_client, until

MESSAGE = ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f> CONNEG", "DATA"]


async def scenario(handler: Recorder) -> None:
    """Two messages, pipelined as far as may be, one of them after RSET; VRFY; QUIT."""
    async with listening(handler) as listener, raw_client(listener.port) as client:
        client.say("MAIL FROM:<x@y>", "RSET", *MESSAGE)
        assert await client.codes(6) == ["250", "250", "250", "250", "250", "354"]
        client.say("hello", "..", ".", *MESSAGE)
        assert await client.codes(5) == ["250", "250", "250", "250", "354"]
        client.say(".", "VRFY june", "QUIT")
        assert await client.codes(3) == ["250", "252", "221"]
        assert await client.is_closed()
        await until(lambda: "disconnect" in handler.calls)
    assert handler.messages == [b"hello\r\n.\r\n", b""]
    assert handler.batches == [2, 2]
    assert handler.calls == [
        "connect", "mail", "reset", "mail", "rcpt", "data", "mail", "rcpt", "data", "vrfy", "disconnect"
    ]  # fmt: skip
    assert handler.sessions[0].helo == "client.example"
    assert handler.sessions[0].esmtp
    assert handler.sessions[0].transaction is None


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])
def test_scenario(run: Callable[[Coroutine[Any, Any, None]], None], kind: type[Recorder]) -> None:
    run(scenario(kind()))


async def test_recipients_that_count() -> None:
    class OneOnly(Recorder):
        def rcpt(self, session: SessionInfo, commands: Any) -> Any:
            answers = super().rcpt(session, commands)
            answers[0] = type(answers[0])(Reply(250, ("ok",), "2.1.5"))  # no capability although REQUIRED
            return answers

    handler = OneOnly()
    async with listening(handler) as listener, raw_client(listener.port) as client:
        client.say("MAIL FROM:<a@b>", "RCPT TO:<c@d> CONNEG", "RCPT TO:<e@f> CONNEG")
        assert await client.codes(3) == ["250", "404", "250"]
        assert handler.sessions[0].recipients == ["e@f"]


async def test_limits_on_connections() -> None:
    async with listening(Recorder(), max_connections_per_peer=2) as listener:
        async with raw_client(listener.port), raw_client(listener.port):
            async with raw_client(listener.port, greeted=False) as third:
                assert await third.reply() == ["421 too many connections from your address"]
                assert await third.is_closed()
        await until(lambda: listener.connections == 0)
        async with raw_client(listener.port):
            assert listener.connections == 1
    async with listening(Recorder(), max_connections=1) as listener:
        async with raw_client(listener.port), raw_client(listener.port, greeted=False) as second:
            assert await second.reply() == ["421 too many connections; try again later"]


async def test_a_refused_client() -> None:
    class Refuses(Recorder):
        def connect(self, peer: Peer) -> Any:
            assert peer.address == "127.0.0.1"
            return Reply(554, ("not you",), "5.7.1")

    handler = Refuses()
    async with listening(handler) as listener:
        async with raw_client(listener.port, greeted=False) as client:
            assert await client.reply() == ["554 not you"]
            assert await client.is_closed()
    assert "disconnect" not in handler.calls


async def test_a_slow_client() -> None:
    async with listening(Recorder(), command_seconds=0.1) as listener:
        async with raw_client(listener.port) as client:
            assert await client.reply() == ["421 4.4.2 timeout; the connection is closed"]
            assert await client.is_closed()


async def test_octets_alone_do_not_keep_a_session_open() -> None:
    async with listening(Recorder(), command_seconds=0.3) as listener:
        async with raw_client(listener.port) as client:

            async def drip() -> None:
                while True:
                    client.writer.write(b"x")
                    await asyncio.sleep(0.02)

            dripping = asyncio.create_task(drip())
            assert (await client.reply())[0].startswith("421 4.4.2")
            dripping.cancel()


@pytest.mark.parametrize("limits", [{"data_seconds": 0.1}, {"message_seconds": 0.1}])
async def test_a_message_that_does_not_come(limits: dict[str, float]) -> None:
    handler = Recorder()
    async with listening(handler, command_seconds=60, **limits) as listener:
        async with raw_client(listener.port) as client:
            await client.ask(*MESSAGE)
            client.say("begun")
            assert (await client.reply())[0].startswith("421 4.4.2")
            assert await client.is_closed()
        await until(lambda: "disconnect" in handler.calls)
    assert handler.messages == []
    assert handler.calls[-2:] == ["abort", "disconnect"]


async def test_a_message_too_large_is_aborted() -> None:
    handler = Recorder()
    async with listening(handler, ServerConfig("mx.example", max_message_octets=100)) as listener:
        async with raw_client(listener.port) as client:
            await client.ask(*MESSAGE)
            client.say("x" * 50)
            await until(lambda: listener.connections == 1)
            client.say("x" * 100, ".")
            assert (await client.reply())[0].startswith("552 5.3.4")
            assert await client.ask(*MESSAGE) == "354 okay, send data"
            assert await client.ask(".") == "250 2.0.0 message accepted"
    assert handler.calls.count("abort") == 1
    assert handler.messages == [b""]


class Broken(Recorder):
    """Raises where it is told to."""

    def __init__(self, where: str, *, late: bool) -> None:
        super().__init__()
        self._where, self._late = where, late

    def __getattribute__(self, name: str) -> Any:
        if name in ("connect", "mail", "rcpt", "data", "vrfy", "reset", "disconnect") and name == self._where:
            return self._fail_late if self._late else self._fail
        return super().__getattribute__(name)

    def _fail(self, *_: object) -> Any:
        raise RuntimeError("broken")

    async def _fail_late(self, *_: object) -> Any:
        await asyncio.sleep(0)
        raise RuntimeError("broken")


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("mail", ["451", "503", "503", "503"]),
        ("rcpt", ["250", "451", "451", "554"]),
        ("data", ["250", "250", "250", "451"]),
        ("vrfy", ["250", "250", "250", "354"]),
    ],
)
async def test_a_broken_handler(where: str, wanted: list[str], late: bool) -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    async with listening(Broken(where, late=late)) as listener, raw_client(listener.port) as client:
        client.say(*MESSAGE)
        assert await client.codes(4) == wanted
        if where == "vrfy":
            client.say(".", "VRFY x")
            assert await client.codes(2) == ["250", "451"]
        else:
            assert await client.ask("NOOP") == "250 2.0.0 ok"
    assert {str(report["exception"]) for report in reports} == {"broken"}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("where", ["connect", "reset", "disconnect"])
async def test_a_handler_broken_elsewhere(where: str, late: bool) -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    async with listening(Broken(where, late=late)) as listener:
        async with raw_client(listener.port, greeted=False) as client:
            assert (await client.reply())[0][:3] == ("421" if where == "connect" else "220")
            if where == "reset":
                assert await client.ask("EHLO c", "MAIL FROM:<a@b>", "RSET") == "250 2.0.0 ok"
        await until(lambda: listener.connections == 0)
    assert [str(report["exception"]) for report in reports] == ["broken"]


class BrokenSink(Sink):
    where = "write"

    def write(self, chunk: bytes) -> Any:
        if self.where == "write":
            raise OSError("disk full")

    async def finish(self) -> Reply:
        if self.where == "finish":
            raise OSError("disk full")
        return ACCEPTED


@pytest.mark.parametrize("where", ["write", "finish"])
async def test_a_broken_sink(where: str) -> None:
    class Handler(Recorder):
        def data(self, session: SessionInfo) -> Any:
            sink = BrokenSink(self)
            sink.where = where
            return sink

    asyncio.get_running_loop().set_exception_handler(lambda _, context: None)
    handler = Handler()
    async with listening(handler) as listener, raw_client(listener.port) as client:
        for _ in range(2):
            await client.ask(*MESSAGE)
            client.say("x", "y", ".")
            assert await client.reply() == ["451 4.3.0 local error; try again later"]
    assert handler.calls.count("abort") == 2


@pytest.mark.parametrize("wrong", [None, "250 ok", Reply(999, ("x",)), Reply(250, ("x",), "5.0.0")])
async def test_an_answer_that_is_none(wrong: Any) -> None:
    class Handler(Recorder):
        def mail(self, session: SessionInfo, command: MailCommand) -> Any:
            return wrong

    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    async with listening(Handler()) as listener, raw_client(listener.port) as client:
        assert (await client.ask("MAIL FROM:<a@b>")).startswith("421 4.3.0")
        assert await client.is_closed()
    assert len(reports) == 1


async def test_a_client_that_goes_in_the_middle() -> None:
    handler = Recorder()
    async with listening(handler) as listener:
        async with raw_client(listener.port) as client:
            await client.ask(*MESSAGE)
            client.say("begun")
            await client.writer.drain()
        await until(lambda: listener.connections == 0)
    assert handler.calls[-2:] == ["abort", "disconnect"]
    assert handler.messages == []


async def test_a_client_that_says_all_at_once_and_shuts_its_side() -> None:
    handler = AsyncRecorder()
    async with listening(handler) as listener, raw_client(listener.port) as client:
        client.say("MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "x", ".")
        client.writer.write_eof()
        assert await client.codes(4) == ["250", "250", "354", "250"]
        assert await client.is_closed()
    assert handler.messages == [b"x\r\n"]


async def test_a_sink_that_is_slow_stops_the_reading() -> None:
    class SlowSink(Sink):
        gate = asyncio.Event()
        most = 0

        def write(self, chunk: bytes) -> Any:
            self.content += chunk
            return self.gate.wait()

    class Handler(Recorder):
        def data(self, session: SessionInfo) -> Any:
            self.sink = SlowSink(self)
            return self.sink

    handler = Handler()
    async with listening(handler) as listener, raw_client(listener.port) as client:
        await client.ask(*MESSAGE)
        content = b"x" * 998 + b"\r\n"
        client.writer.write(content * 30_000 + b".\r\n")
        (connection,) = listener._connections
        await until(lambda: connection._reading_paused)
        for _ in range(20):
            await asyncio.sleep(0)
            assert connection.backlog < 1 << 20
        assert len(handler.sink.content) < 1 << 20
        SlowSink.gate.set()
        assert (await client.reply())[0].startswith("250")
    assert len(handler.messages[0]) == 30_000_000


async def test_a_client_that_does_not_read_is_not_answered_without_end() -> None:
    config = ServerConfig("mx.example", max_idle_commands=10**6)
    async with listening(Recorder(), config, command_seconds=0.5) as listener:
        async with raw_client(listener.port) as client:
            client.writer.transport.pause_reading()
            client.writer.write(b"HELP\r\n" * 500_000)
            (connection,) = listener._connections
            await until(lambda: connection._writing_paused)
            assert connection._reading_paused
            connection._transport.abort()


async def test_close_says_421_to_the_idle_and_lets_transactions_finish() -> None:
    handler = Recorder()
    async with listening(handler) as listener:
        async with raw_client(listener.port) as idle, raw_client(listener.port) as busy:
            await busy.ask(*MESSAGE)
            port = listener.port
            closing = asyncio.create_task(listener.close(10))
            assert await idle.reply() == ["421 4.3.2 the server is shutting down"]
            assert await idle.is_closed()
            with pytest.raises(OSError, match=r".+"):
                await asyncio.open_connection("127.0.0.1", port)
            busy.say("x", ".", *MESSAGE)
            assert await busy.codes(2) == ["250", "421"]
            await closing
    assert handler.messages == [b"x\r\n"]


async def test_close_cuts_what_does_not_finish() -> None:
    handler = Recorder()
    async with listening(handler) as listener, raw_client(listener.port) as busy:
        await busy.ask(*MESSAGE)
        busy.say("x")
        await listener.close(0.05)
        assert listener.connections == 0
        assert await busy.is_closed()
    assert handler.calls[-2:] == ["abort", "disconnect"]


async def test_close_cancels_a_handler_that_hangs() -> None:
    class Hangs(Recorder):
        async def mail(self, session: SessionInfo, command: MailCommand) -> Reply:
            await asyncio.Event().wait()
            raise AssertionError

    async with listening(Hangs()) as listener, raw_client(listener.port) as client:
        client.say("MAIL FROM:<a@b>")
        await until(
            lambda: bool(listener._connections) and next(iter(listener._connections))._task is not None
        )
        await listener.close(0.05)
        assert listener.connections == 0


async def test_many_clients_at_once() -> None:
    handler = AsyncRecorder()

    async def send(port: int, number: int) -> None:
        async with raw_client(port) as client:
            for _ in range(5):
                await client.ask(*MESSAGE)
                client.say(f"message {number}", ".")
                await client.reply()

    async with listening(handler) as listener:
        await asyncio.gather(*(send(listener.port, number) for number in range(30)))
    assert sorted(handler.messages) == sorted(
        f"message {n}\r\n".encode() for n in range(30) for _ in range(5)
    )
