"""Sessions with SMTP and LMTP servers: `connect` gives an `SmtpClient`, each of whose calls has its deadline.

An `asyncio.Protocol` around `conneg.smtp.ClientSession`. Calls come one after the other; a call that is cancelled, or
fails, leaves a dialogue of which nobody knows where it is, so the connection is then cut.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from conneg.errors import ConnegError, TemporaryError, UnavailableError
from conneg.net.deadlines import Deadlines
from conneg.net.link import Link
from conneg.net.securing import (
    ClientTls,
    TlsPolicy,
    TlsUnavailableError,
    begin_tls,
    check_tlsa,
    client_context,
)
from conneg.net.tls import TlsChannel, channel_of
from conneg.smtp import (
    AuthAnswered,
    ChunkAnswered,
    ClientConfig,
    ClientEvent,
    ClientSession,
    CommandAnswered,
    ContentAnswered,
    DataAnswered,
    Phase,
    RcptRequest,
    Reply,
    SessionEndedError,
    SessionReady,
    SessionRefused,
    StartTlsAnswered,
    TransactionOpened,
)
from conneg.smtp.data import check_newlines

__all__ = ["ClientTls", "RcptRequest", "SmtpClient", "TlsPolicy", "Transcript", "connect"]

_CHUNK = 256 * 1024

Content = bytes | Iterable[bytes] | AsyncIterable[bytes]


class Transcript(Protocol):
    """Told every line of the dialogue, without CRLF; not the content."""

    def sent(self, line: str) -> None:
        """A command line has been sent."""

    def received(self, line: str) -> None:
        """A reply line has come."""


class DeadlineError(TemporaryError):
    """The peer did not answer in time; the connection has been cut."""


class RefusedError(UnavailableError):
    """The server does not serve us: a negative greeting or reply to EHLO; `reply` says why."""

    def __init__(self, message: str, reply: Reply) -> None:
        super().__init__(message)
        self.reply = reply


_Wanted = TypeVar("_Wanted", bound=ClientEvent)


class SmtpClient:
    """A session with a server, introduced and ready. Not for use by two tasks at once.

    Every call raises `conneg.errors.TemporaryError` when the peer does not answer in time, ends the session or sends
    what is no reply; the client is `closed` then. Negative replies are returned, not raised.
    """

    def __init__(
        self, link: Link, peer: str, deadlines: Deadlines, transcript: Transcript | None = None
    ) -> None:
        self._link = link
        self._session = link.session
        self._deadlines = deadlines
        self._transcript = transcript
        self.peer = peer
        self.greeting: Reply | None = None
        self.is_verified = False
        """Whether the server has shown a trusted certificate for its name."""

    @property
    def extensions(self) -> Mapping[str, str]:
        """What the server's EHLO reply lists: keyword in capitals -> its parameters' text."""
        return self._session.extensions

    @property
    def limits(self) -> Mapping[str, int]:
        """What the server's LIMITS say: RCPTMAX, MAILMAX, RCPTDOMAINMAX (RFC 9422, 4)."""
        return self._session.limits

    @property
    def tls(self) -> TlsChannel | None:
        """What the connection is under; None without TLS."""
        return channel_of(self._link.transport)

    @property
    def lmtp(self) -> bool:
        """Whether this is an LMTP session."""
        return self._session.config.lmtp

    @property
    def closed(self) -> bool:
        """Whether nothing more can be sent."""
        return (
            not self._link.is_open or self._session.phase is Phase.CLOSED or self._link.transport.is_closing()
        )

    def supports(self, keyword: str) -> bool:
        """Whether the server lists this extension."""
        return self._session.supports(keyword)

    async def open_transaction(
        self,
        reverse_path: str,
        recipients: Sequence[RcptRequest],
        *,
        size: int | None = None,
        body: str | None = None,
        ret: str | None = None,
        envid: str | None = None,
        smtputf8: bool = False,
        requiretls: bool = False,
        with_data: bool = False,
    ) -> TransactionOpened:
        """Send MAIL and every RCPT, in one go where the server pipelines, and return all the replies.

        `with_data`: what will be sent depends on no answer, so DATA goes with them where the server pipelines, takes no
        BDAT, and no capability is asked for (RFC 2920, 3.1); `data` or `rset` must follow in any case.

        `orcpt` and `envid` are xtext, as they came. Where it was OPTIONAL and the server does not know CONNEG, RCPT is
        repeated without it; where it is REQUIRED and not listed, the recipient's result is our own 504 and nothing is
        sent for it. Raises `conneg.smtp.EnvelopeSyntaxError` for what no command can carry, before anything is sent.
        """
        self._session.open_transaction(
            reverse_path,
            recipients,
            size=size,
            body=body,
            ret=ret,
            envid=envid,
            smtputf8=smtputf8,
            requiretls=requiretls,
            with_data=with_data and self._may_group(recipients),
        )
        return await self._event(TransactionOpened, self._deadlines.reply)

    async def data(self, content: Content) -> tuple[Reply, ...]:
        """Send the content, by BDAT where the server takes it, else by DATA; return the reply.

        In LMTP there is one for each accepted recipient. A negative reply to DATA itself, or to a chunk, is returned in
        their place, and the transaction is over. `content` has CRLF line ends: a bare CR or LF raises
        `conneg.smtp.BareNewlineError`, before anything is sent if the content is bytes; else the connection is cut, so
        that no part of a message is taken for the whole.
        """
        if isinstance(content, bytes):
            self._check_newlines(content, is_binary=self._session.is_binary)
        if self._session.awaited:  # DATA went with RCPT
            return await self._send_after_354(content)
        self._session.check_content()
        if self._session.config.chunking and self.supports("CHUNKING"):
            return await self._send_chunks(content)
        self._session.send_data()
        return await self._send_after_354(content)

    def _may_group(self, recipients: Sequence[RcptRequest]) -> bool:
        is_bdat = self._session.config.chunking and self.supports("CHUNKING")
        return self.supports("PIPELINING") and not is_bdat and all(one.conneg is None for one in recipients)

    async def _send_after_354(self, content: Content) -> tuple[Reply, ...]:
        answered = await self._event(DataAnswered, self._deadlines.data)
        if self._session.phase is not Phase.CONTENT:
            if self._session.in_transaction:
                await self._end_transaction()
            return (answered.reply,) * (max(1, self._session.accepted) if self.lmtp else 1)
        try:
            await self._send_content(content)
            self._session.end_content()
        except BaseException:
            self.abort()
            raise
        return (await self._event(ContentAnswered, self._deadlines.final)).replies

    async def _take_data_back(self) -> None:
        await self._event(DataAnswered, self._deadlines.data)
        if self._session.phase is not Phase.CONTENT:
            return
        if self._session.accepted:
            self.abort()
            raise SessionEndedError(f"{self.peer}: the connection was cut, so that nothing is sent")
        self._session.end_content()
        await self._event(ContentAnswered, self._deadlines.final)

    async def _end_transaction(self) -> None:
        """Send RSET after a refusal, whose reply counts whatever comes of this (RFC 3030, 2; RFC 5321, 4.1.1.4)."""
        if not self.closed:
            with contextlib.suppress(TemporaryError):
                self._session.reset()
                await self._event(CommandAnswered, self._deadlines.quit)

    def _check_newlines(self, content: bytes, *, is_binary: bool) -> None:
        if self._session.config.bare_newlines == "refuse" and not is_binary:
            check_newlines(content)

    async def _send_chunks(self, content: Content) -> tuple[Reply, ...]:
        """Send the content as it is, piece by piece; a piece that is refused ends the transaction (RFC 3030, 2)."""
        pieces = _pieces(content)
        try:
            piece = await anext(pieces, b"")
            async for following in pieces:
                self._session.send_chunk(piece, is_last=False)
                answered = await self._event(ChunkAnswered, self._deadlines.final)
                if not answered.reply.is_positive:
                    await self._end_transaction()
                    return (answered.reply,) * (max(1, self._session.accepted) if self.lmtp else 1)
                piece = following
            self._session.send_chunk(piece, is_last=True)
        except BaseException:
            self.abort()
            raise
        replies = (await self._event(ContentAnswered, self._deadlines.final)).replies
        if not self.lmtp and not replies[0].is_positive:
            await self._end_transaction()
        return replies

    async def authenticate(self, username: str, password: str) -> Reply:
        """Prove to be `username`, by SCRAM-SHA-256 where the server knows it; return the last reply.

        Without TLS no password is sent in the clear. Raises `conneg.smtp.LocalProtocolError` if the server offers
        nothing that can be used, and `RemoteProtocolError` if it turns out not to know the password.
        """
        self._session.authenticate(username, password)
        return (await self._event(AuthAnswered, self._deadlines.reply)).reply

    async def rset(self) -> Reply:
        """Send RSET: the transaction is over, and what was learned of its recipients is void.

        Where DATA has gone already and is answered by 354, the final dot comes first: nothing else can follow; only
        where no recipient was accepted can that be done, else the connection is cut.
        """
        if self._session.awaited:
            await self._take_data_back()
        self._session.reset()
        return (await self._event(CommandAnswered, self._deadlines.reply)).reply

    async def quit(self) -> None:
        """Send QUIT, wait a little for the reply, close. Raises nothing but `asyncio.CancelledError`."""
        if not self.closed:
            with contextlib.suppress(ConnegError):
                self._session.quit()
                await self._event(CommandAnswered, self._deadlines.quit)
        self._link.transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._link.transport.abort()

    async def _ready(self) -> None:
        event = await self._event(SessionReady, self._deadlines.greeting)
        self.greeting = event.greeting

    async def _secure(self, tls: ClientTls, host: str) -> None:
        """Send STARTTLS, shake hands, say EHLO again; raises `TlsUnavailableError` if one of them fails.

        If STARTTLS is not offered or refused, the session can go on as it is; else the connection is cut.
        """
        if not self.supports("STARTTLS"):
            raise TlsUnavailableError(f"{self.peer} does not offer STARTTLS")
        context = client_context(tls)
        self._session.starttls()
        answered = await self._event(StartTlsAnswered, self._deadlines.reply)
        if not answered.reply.is_positive:
            raise TlsUnavailableError(f"{self.peer} refuses STARTTLS: {answered.reply}")
        link = self._link
        link.transport.pause_reading()
        try:
            name = tls.name or host
            link.transport = await begin_tls(link.transport, link, context, name, self._deadlines.connect)
            if tls.policy is TlsPolicy.DANE:
                check_tlsa(link.transport, tls, name)
            self._session.secured()
        except BaseException:
            self.abort()
            raise
        self.is_verified = tls.policy in (TlsPolicy.VERIFIED, TlsPolicy.DANE)
        await self._event(SessionReady, self._deadlines.greeting)

    async def _send_content(self, content: Content) -> None:
        async for chunk in _pieces(content):
            await self._send_chunk(chunk)

    async def _send_chunk(self, chunk: bytes) -> None:
        self._session.send_content(chunk)
        self._flush()
        try:
            async with asyncio.timeout(self._deadlines.block):
                await self._link.drain()
        except TimeoutError:
            raise DeadlineError(
                f"{self.peer} did not take the content in {self._deadlines.block:g} s"
            ) from None
        if not self._link.is_open:
            raise SessionEndedError(f"{self.peer} closed the connection while the content was sent")

    def _flush(self) -> None:
        data = self._session.data_to_send()
        self._tell()
        if data and self._link.is_open:
            self._link.transport.write(data)

    def _tell(self) -> None:
        sent, received = self._session.dialogue()
        if self._transcript is not None:
            for line in received:
                self._transcript.received(line)
            for line in sent:
                self._transcript.sent(line)

    async def _event(self, wanted: type[_Wanted], seconds: float) -> _Wanted:
        """Send what there is to send, wait for the event that it leads to; cut the connection if none comes."""
        try:
            async with asyncio.timeout(seconds) as deadline:
                event = await self._next_event(deadline, seconds)
        except TimeoutError:
            self.abort()
            raise DeadlineError(f"{self.peer} did not answer in {seconds:g} s") from None
        except BaseException:
            self.abort()
            raise
        if isinstance(event, SessionRefused):
            self.abort()
            raise RefusedError(f"{self.peer} refuses the session: {event.reply}", event.reply)
        if not isinstance(event, wanted):
            self.abort()
            raise TemporaryError(f"{self.peer}: {type(event).__name__} where {wanted.__name__} was due")
        return event

    async def _next_event(self, deadline: asyncio.Timeout, seconds: float) -> ClientEvent:
        """Wait for the next event; every whole reply that comes gives the peer `seconds` for the next one."""
        loop = asyncio.get_running_loop()
        self._flush()
        while True:
            self._link.mark_read()
            answered = self._session.answered
            event = self._session.next_event()
            if self._session.answered > answered:
                deadline.reschedule(loop.time() + seconds)
            self._flush()
            if event is not None:
                return event
            if not self._link.is_open:
                self._session.receive_eof()
                raise SessionEndedError(f"{self.peer} closed the connection")
            await self._link.news()


async def _pieces(content: Content) -> AsyncIterator[bytes]:
    if isinstance(content, bytes):
        for at in range(0, len(content), _CHUNK):
            yield content[at : at + _CHUNK]
    elif isinstance(content, AsyncIterable):
        async for chunk in content:
            yield chunk
    else:
        for chunk in content:
            yield chunk


_WITHOUT_TLS = ClientTls()


async def connect(
    host: str,
    port: int,
    *,
    helo: str,
    deadlines: Deadlines | None = None,
    transcript: Transcript | None = None,
    local_address: str | None = None,
    lmtp: bool = False,
    dialect: str = "draft",
    chunking: bool = True,
    tls: ClientTls = _WITHOUT_TLS,
    peer: str | None = None,
) -> SmtpClient:
    """Connect, read the greeting, say EHLO (LHLO; HELO if the server knows no EHLO); return the session.

    `peer` is what the server is called in errors and by `SmtpClient.peer`; None: host and port.
    `tls` says whether STARTTLS follows: where the policy is opportunistic and TLS fails, a second connection goes
    without. Raises OSError if there is no connection, `conneg.errors.TemporaryError` if the peer is too slow or no SMTP
    server (`TlsUnavailableError` if TLS is required and cannot be had), `RefusedError` (a
    `conneg.errors.UnavailableError`) if it does not want us.
    """
    config = ClientConfig(helo, lmtp=lmtp, dialect=dialect, chunking=chunking)
    again = partial(_open, host, port, config, deadlines or Deadlines(), transcript, local_address, peer)
    client = await again()
    if tls.policy is TlsPolicy.NONE:
        return client
    try:
        await client._secure(tls, host)
    except TlsUnavailableError:
        if tls.policy is not TlsPolicy.OPPORTUNISTIC:
            client.abort()
            raise
        return await again() if client.closed else client
    return client


async def _open(
    host: str,
    port: int,
    config: ClientConfig,
    deadlines: Deadlines,
    transcript: Transcript | None,
    local_address: str | None,
    peer: str | None,
) -> SmtpClient:
    session = ClientSession(config)
    loop = asyncio.get_running_loop()
    peer = peer or (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    try:
        async with asyncio.timeout(deadlines.connect):
            _, link = await loop.create_connection(
                lambda: Link(session),
                host,
                port,
                local_addr=None if local_address is None else (local_address, 0),
            )
    except TimeoutError:
        raise DeadlineError(f"no connection to {peer} in {deadlines.connect:g} s") from None
    client = SmtpClient(link, peer, deadlines, transcript)
    await client._ready()
    return client
