"""One transaction with one next hop of any kind: ask for the recipients, then send the content or take it back.

SMTP and LMTP go through a session; a Maildir accepts every recipient and says nothing of capabilities.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from conneg.errors import ConnegError, TemporaryError
from conneg.gateway.maildir import deliver_to_maildir, maildir_path
from conneg.gateway.routing import NextHop
from conneg.gateway.sessions import Session, Sessions
from conneg.gateway.ways import Reliance
from conneg.mail import Envelope, in_seven_bits, is_seven_bits, parse_mailbox
from conneg.net import RcptRequest, TlsChannel
from conneg.smtp import ConnegArgument, Reply
from conneg.spool import SpooledRecipient

_CAPABILITY_UNAVAILABLE = 404
_CLOSING = 421


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """What the next hop said of one recipient; `capability` is the expression text it reported, if it did."""

    reply: Reply
    capability: str | None = None
    asked: ConnegArgument | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """What a transaction goes over: the address, the TLS (None: plain text) and what was relied upon."""

    peer: str
    address: str
    tls: TlsChannel | None
    is_verified: bool
    reliance: Reliance


class StaleSessionError(TemporaryError):
    """A session that had been idle was ended by the next hop when we came back to it; a new one may do."""


class Exchange(Protocol):
    """A transaction that has not been ended."""

    peer: str
    is_verified: bool
    """Whether the peer has shown that it is who we mean, by a certificate or by being this machine."""
    success: str | None
    """What a report of success has to say (RFC 3461, 5.2); None where the next hop makes it."""
    connection: Connection | None
    """What it goes over; None if over nothing."""

    async def ask(
        self,
        envelope: Envelope,
        recipients: Sequence[SpooledRecipient],
        argument: ConnegArgument | None,
    ) -> list[RecipientAnswer]:
        """Begin the transaction with these recipients; one answer each, in order. Raises `StaleSessionError`."""

    async def send(self, content: bytes) -> list[Reply]:
        """Send the content to the accepted recipients; one reply for each of them, in order."""

    async def take_back(self) -> None:
        """End the transaction without sending anything."""


class SessionExchange:
    """A transaction in an SMTP or LMTP session."""

    def __init__(self, session: Session, hop: NextHop) -> None:
        self._session = session
        self._lmtp = hop.destination.deliver == "lmtp"
        self._accepted = 0
        self.peer = session.client.peer
        self.is_verified = session.client.is_verified
        self.connection: Connection | None = Connection(
            self.peer, str(session.endpoint), session.client.tls, self.is_verified, session.reliance
        )
        self.success: str | None = "delivered" if self._lmtp else "relayed"
        if session.client.supports("DSN"):
            self.success = None

    async def ask(
        self,
        envelope: Envelope,
        recipients: Sequence[SpooledRecipient],
        argument: ConnegArgument | None,
    ) -> list[RecipientAnswer]:
        """MAIL and every RCPT in one batch where the peer pipelines; without SIZE, since conversion changes it."""
        try:
            answers = await self._ask(envelope, recipients, argument)
        except (ConnegError, OSError) as error:
            if self._session.fresh:
                raise
            raise StaleSessionError(str(error)) from error
        if not self._session.fresh and any(answer.reply.code == _CLOSING for answer in answers):
            raise StaleSessionError("the next hop has closed an idle session")
        return answers

    async def _ask(
        self,
        envelope: Envelope,
        recipients: Sequence[SpooledRecipient],
        argument: ConnegArgument | None,
    ) -> list[RecipientAnswer]:
        client = self._session.client
        dsn = client.supports("DSN")
        requests = [
            RcptRequest(
                forward_path=recipient.forward_path,
                conneg=argument,
                notify=recipient.notify if dsn else None,
                orcpt=recipient.orcpt if dsn else None,
            )
            for recipient in recipients
        ]
        opened = await client.open_transaction(
            envelope.reverse_path,
            requests,
            body=envelope.body if client.supports("8BITMIME") else None,
            ret=envelope.ret if dsn else None,
            envid=envelope.envid if dsn else None,
        )
        if opened.mail.code >= 400:
            return [RecipientAnswer(opened.mail) for _ in recipients]
        answers = []
        for result in opened.rcpts:
            capability = result.capability.expression if result.capability is not None else None
            answers.append(RecipientAnswer(result.reply, capability, result.asked))
            if result.reply.code == _CAPABILITY_UNAVAILABLE:
                self._session.retire()
        self._accepted = sum(answer.reply.code < 400 for answer in answers)
        return answers

    async def send(self, content: bytes) -> list[Reply]:
        """DATA, the content, the final dot; in seven bits to a next hop that takes no more (RFC 6152, 3)."""
        if not self._session.client.supports("8BITMIME") and not is_seven_bits(content):
            content = await asyncio.to_thread(in_seven_bits, content)
        replies = await self._session.client.data(content)
        return list(replies) if self._lmtp else [replies[0]] * self._accepted

    async def take_back(self) -> None:
        """RSET; the session stays usable."""
        await self._session.client.rset()


class MaildirExchange:
    """Final delivery into one Maildir a recipient."""

    peer = "maildir"
    is_verified = True
    success: str | None = "delivered"
    connection: Connection | None = None

    def __init__(self, hop: NextHop) -> None:
        self._template = hop.destination.path or ""
        self._recipients: Sequence[SpooledRecipient] = ()
        self._reverse_path = ""

    async def ask(
        self,
        envelope: Envelope,
        recipients: Sequence[SpooledRecipient],
        argument: ConnegArgument | None,
    ) -> list[RecipientAnswer]:
        """Accept everyone: whether the recipient exists was settled when the message came in."""
        self._recipients = recipients
        self._reverse_path = envelope.reverse_path
        return [
            RecipientAnswer(Reply(250, (f"<{r.forward_path}> recipient ok",), "2.1.5")) for r in recipients
        ]

    async def send(self, content: bytes) -> list[Reply]:
        """Write the message for each recipient, Return-Path on top (RFC 5321, 4.4)."""
        delivered = f"Return-Path: <{self._reverse_path}>\r\n".encode() + content
        return [await self._deliver(recipient, delivered) for recipient in self._recipients]

    async def _deliver(self, recipient: SpooledRecipient, content: bytes) -> Reply:
        folder = maildir_path(self._template, parse_mailbox(recipient.forward_path))
        try:
            path = await deliver_to_maildir(folder, content)
        except (OSError, ConnegError) as error:
            return Reply(451, (f"{folder}: {error}",), "4.2.0")
        return Reply(250, (f"written as {path.name}",), "2.0.0")

    async def take_back(self) -> None:
        """Nothing was begun that would have to end."""


@asynccontextmanager
async def open_exchange(hop: NextHop, sessions: Sessions, *, fresh: bool = False) -> AsyncIterator[Exchange]:
    """Open a transaction with `hop`; `fresh` asks for a session of its own."""
    if hop.destination.deliver == "maildir":
        yield MaildirExchange(hop)
        return
    async with sessions.lend(hop, fresh=fresh) as session:
        yield SessionExchange(session, hop)
