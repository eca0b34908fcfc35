"""The client's driver: a session with one server over asyncio, every wait under a deadline."""

import asyncio
from collections.abc import AsyncIterable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from conneg.errors import TemporaryError, UnavailableError
from conneg.smtp import (
    NOT_SUPPORTED_CODES,
    CapabilityRead,
    ConnegArgument,
    PeerProtocolError,
    RcptRequest,
    Reply,
    ReplyReader,
    conneg_parameter,
    read_capability,
    read_extensions,
    stuff_dots,
    write_mail,
    write_rcpt,
)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each wait may take, in seconds (RFC 5321, 4.5.3.2)."""

    connect: float = 30
    reply: float = 300
    final: float = 600


class Transcript(Protocol):
    """Sees every command and reply line, never the content."""

    def sent(self, line: str) -> None:
        """A command went out."""

    def received(self, line: str) -> None:
        """A reply line came in."""


@dataclass(frozen=True, slots=True)
class RcptResult:
    """The final reply to one RCPT, what it reported, and what was asked in the end (None: without CONNEG)."""

    reply: Reply
    capability: CapabilityRead | None = None
    asked: ConnegArgument | None = None


@dataclass(frozen=True, slots=True)
class TransactionOpened:
    """The replies to MAIL and to each RCPT; without a positive MAIL there are no results."""

    mail: Reply
    rcpts: tuple[RcptResult, ...] = ()


class ConnectionLostError(TemporaryError):
    """The server closed the connection, or it broke."""


class _Stream(asyncio.Protocol):
    """Gathers replies; writers wait for it while the transport is full."""

    def __init__(self) -> None:
        self.reader = ReplyReader()
        self.replies: list[Reply] = []
        self.waiter: asyncio.Future[None] | None = None
        self.error: Exception | None = None
        self.transport: asyncio.Transport
        self.can_write = asyncio.Event()
        self.can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self.replies += self.reader.receive(data)
        except PeerProtocolError as error:
            self.error = error
            self.transport.abort()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = self.error or ConnectionLostError(f"the connection was lost: {exc or 'closed by the server'}")
        self.can_write.set()
        self._wake()

    def pause_writing(self) -> None:
        self.can_write.clear()

    def resume_writing(self) -> None:
        self.can_write.set()

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def reply(self, seconds: float) -> Reply:
        while not self.replies:
            if self.error is not None:
                raise self.error
            self.waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds):
                    await self.waiter
            except TimeoutError as error:
                raise TemporaryError(f"no reply within {seconds:g} seconds") from error
        return self.replies.pop(0)


class SmtpClient:
    """A session; made by `connect`. After any error other than a negative reply the session is of no more use."""

    def __init__(
        self, stream: _Stream, peer: str, deadlines: Deadlines, transcript: Transcript | None, lmtp: bool
    ) -> None:
        self._stream = stream
        self._deadlines = deadlines
        self._transcript = transcript
        self._lmtp = lmtp
        self._accepted = 0
        self.peer = peer
        self.extensions: dict[str, str] = {}

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self._stream.error is not None or self._stream.transport.is_closing()

    def supports(self, keyword: str) -> bool:
        """Whether the server's EHLO reply lists `keyword`."""
        return keyword.upper() in self.extensions

    async def greet(self, helo: str) -> None:
        """Read the greeting and introduce ourselves: EHLO (LHLO for LMTP), or HELO to a server that knows no EHLO."""
        greeting = await self._reply(self._deadlines.connect)
        if greeting.code != 220:
            raise _refused("the greeting", greeting)
        reply = await self._command(f"{'LHLO' if self._lmtp else 'EHLO'} {helo}")
        if reply.code == 250:
            self.extensions = read_extensions(reply)
            return
        if self._lmtp or reply.code < 500:
            raise _refused("EHLO", reply)
        reply = await self._command(f"HELO {helo}")
        if reply.code != 250:
            raise _refused("HELO", reply)

    async def open_transaction(
        self,
        reverse_path: str,
        recipients: Sequence[RcptRequest],
        *,
        size: int | None = None,
        body: str | None = None,
        ret: str | None = None,
        envid: str | None = None,
    ) -> TransactionOpened:
        """MAIL and every RCPT, in one batch where the server pipelines; the content comes after all replies are read."""
        mail = write_mail(
            reverse_path,
            size=size if self.supports("SIZE") else None,
            body=body if self.supports("8BITMIME") else None,
            ret=ret,
            envid=envid,
        )
        rcpts = [write_rcpt(r, conneg_parameter(r.conneg, self.extensions)) for r in recipients]
        self._accepted = 0
        if self.supports("PIPELINING"):
            self._send(mail, *rcpts)
            replies = [await self._reply() for _ in range(len(rcpts) + 1)]
        else:
            replies = [await self._command(mail)]
            if replies[0].code < 400:
                replies += [await self._command(rcpt) for rcpt in rcpts]
        if replies[0].code >= 400:
            return TransactionOpened(replies[0])
        results = [await self._result(r, reply) for r, reply in zip(recipients, replies[1:], strict=True)]
        self._accepted = sum(result.reply.code < 400 for result in results)
        return TransactionOpened(replies[0], tuple(results))

    async def _result(self, request: RcptRequest, reply: Reply) -> RcptResult:
        """Read one RCPT's reply; an OPTIONAL that a server does not know is repeated once without (draft A5 16)."""
        asked = request.conneg if conneg_parameter(request.conneg, self.extensions) else None
        if request.conneg is ConnegArgument.REQUIRED and asked is None and reply.code < 400:
            pass  # the caller decides: what was not announced was not sent
        if asked is ConnegArgument.OPTIONAL and reply.code in NOT_SUPPORTED_CODES:
            reply = await self._command(write_rcpt(request, None))
            return RcptResult(reply)
        capability = read_capability(reply) if asked is not None and reply.code < 300 else None
        return RcptResult(reply, capability, asked)

    async def data(self, content: bytes | Iterable[bytes] | AsyncIterable[bytes]) -> tuple[Reply, ...]:
        """Send the content; one reply, or with LMTP one for each accepted recipient in order."""
        octets = content if isinstance(content, bytes) else await _gather(content)
        reply = await self._command("DATA")
        if reply.code != 354:
            count = self._accepted if self._lmtp else 1
            return (reply,) * count
        self._stream.transport.write(stuff_dots(octets))
        async with asyncio.timeout(self._deadlines.final):
            await self._stream.can_write.wait()
        if not self._lmtp:
            return (await self._reply(self._deadlines.final),)
        return tuple([await self._reply(self._deadlines.final) for _ in range(self._accepted)])

    async def rset(self) -> Reply:
        """End the transaction."""
        return await self._command("RSET")

    async def quit(self) -> None:
        """End the session politely."""
        await self._command("QUIT")
        self._stream.transport.close()

    def abort(self) -> None:
        """End the session at once."""
        self._stream.transport.abort()

    async def _command(self, command: str) -> Reply:
        self._send(command)
        return await self._reply()

    def _send(self, *commands: str) -> None:
        if self._transcript is not None:
            for command in commands:
                self._transcript.sent(command)
        self._stream.transport.write("".join(f"{command}\r\n" for command in commands).encode("utf-8"))

    async def _reply(self, seconds: float | None = None) -> Reply:
        reply = await self._stream.reply(self._deadlines.reply if seconds is None else seconds)
        if self._transcript is not None:
            for line in reply.encode(enhanced=True).decode("utf-8", "replace").splitlines():
                self._transcript.received(line)
        return reply


async def _gather(content: Iterable[bytes] | AsyncIterable[bytes]) -> bytes:
    if isinstance(content, AsyncIterable):
        return b"".join([chunk async for chunk in content])
    return b"".join(content)


def _refused(what: str, reply: Reply) -> UnavailableError | TemporaryError:
    text = f"{what} was answered with {reply.code} {' '.join(reply.lines)}"
    return UnavailableError(text) if reply.code >= 500 else TemporaryError(text)


async def connect(
    host: str,
    port: int,
    *,
    helo: str = "localhost",
    deadlines: Deadlines | None = None,
    transcript: Transcript | None = None,
    local_address: str | None = None,
    lmtp: bool = False,
) -> SmtpClient:
    """Open a session with the server at `host`, `port`. Raises OSError, `TemporaryError`, `UnavailableError`."""
    deadlines = deadlines or Deadlines()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(deadlines.connect):
            _, stream = await loop.create_connection(
                _Stream, host, port, local_addr=(local_address, 0) if local_address else None
            )
    except TimeoutError as error:
        raise TemporaryError(f"no connection within {deadlines.connect:g} seconds") from error
    peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    client = SmtpClient(stream, peer, deadlines, transcript, lmtp)
    try:
        await client.greet(helo)
    except BaseException:
        client.abort()
        raise
    return client
