"""One transaction with one next hop of any kind: ask for the recipients, then send the content or take it back.

SMTP and LMTP go through a session; a Maildir accepts every recipient and says nothing of capabilities.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from conneg.errors import ConnegError, TemporaryError
from conneg.gateway.maildir import deliver_to_maildir, maildir_path
from conneg.gateway.routing import NextHop
from conneg.gateway.sessions import Session, Sessions
from conneg.gateway.signatures import Seal
from conneg.gateway.ways import Reliance
from conneg.mail import Envelope, in_seven_bits, is_seven_bits, needs_eight_bits, parse_mailbox
from conneg.net import RcptRequest, TlsChannel
from conneg.smtp import ConnegArgument, Reply
from conneg.spool import SpooledRecipient

_CAPABILITY_UNAVAILABLE = 404
_CLOSING = 421
_NO_UTF8_ADDRESS = Reply(550, ("the next hop takes no addresses outside ASCII (SMTPUTF8)",), "5.6.7")
_NO_UTF8_HEADER = Reply(550, ("the next hop takes no header outside ASCII (SMTPUTF8)",), "5.6.9")
_NEEDS_EIGHT_BITS = Reply(
    554, ("the content is signed and has octets above 127, and the next hop lacks 8BITMIME",), "5.6.3"
)


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """What the next hop said of one recipient; `capability` is what its CONNEG lines say, be it an expression or not.

    `asked` is how CONNEG was sent with the RCPT that `reply` answers; `refusal` what the next hop said to CONNEG
    before that, if it did not know it. `is_local`: nothing was sent, as it is not listed, and the reply is our own.
    """

    reply: Reply
    capability: str | None = None
    asked: ConnegArgument | None = None
    refusal: Reply | None = None
    is_local: bool = False


def is_crowded_out(reply: Reply) -> bool:
    """Say whether a recipient was refused because the transaction has as many as it can (RFC 5321, 4.5.3.1.10).

    452, or 552 from servers of old; another meaning of either has another enhanced status code.
    """
    return reply.code in (452, 552) and (reply.enhanced is None or reply.enhanced[1:] == ".5.3")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a transaction begins with: whom to ask for, and how.

    `argument` is CONNEG's, None where it is not asked; `or_without`: it may be given up where the next hop does not
    know it. `has_utf8_header`: the content has a header outside ASCII. `is_fixed`: what will be sent depends on no
    answer, so DATA may go with the recipients (RFC 2920, 3.1).
    """

    envelope: Envelope
    recipients: Sequence[SpooledRecipient]
    argument: ConnegArgument | None = None
    or_without: bool = False
    has_utf8_header: bool = False
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The content to send; `is_changed`: it is other than what came in. `seal` signs it as it goes out (DKIM)."""

    octets: bytes
    is_changed: bool = False
    seal: Seal | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """What a transaction goes over: the address, the TLS (None: plain text) and what was relied upon.

    `offers` are the extensions that the peer lists there, with their parameters.
    """

    peer: str
    address: str
    tls: TlsChannel | None
    is_verified: bool
    reliance: Reliance
    offers: tuple[str, ...] = ()


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
    max_octets: int | None
    """The largest message that it takes, where that is known (RFC 1870, 4)."""

    def room_for(self, recipients: Sequence[SpooledRecipient]) -> int:
        """Return how many of these, from the first, one transaction can have: at least one."""

    async def ask(self, inquiry: Inquiry) -> list[RecipientAnswer]:
        """Begin the transaction; one answer for each recipient, in order. Raises `StaleSessionError`."""

    async def send(self, content: Outgoing) -> list[Reply]:
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
            self.peer,
            str(session.endpoint),
            session.client.tls,
            self.is_verified,
            session.reliance,
            tuple(f"{keyword} {value}".rstrip() for keyword, value in session.client.extensions.items()),
        )
        self.success: str | None = "delivered" if self._lmtp else "relayed"
        if session.client.supports("DSN"):
            self.success = None
        size = session.client.extensions.get("SIZE", "")
        self.max_octets: int | None = int(size) if size.isascii() and size.isdigit() and int(size) else None

    def room_for(self, recipients: Sequence[SpooledRecipient]) -> int:
        """Keep to what the peer says by LIMITS: RCPTMAX, RCPTDOMAINMAX (RFC 9422, 4)."""
        limits = self._session.client.limits
        most = min(len(recipients), limits.get("RCPTMAX", len(recipients)))
        domains: set[str] = set()
        for count, recipient in enumerate(recipients[:most]):
            domains.add(parse_mailbox(recipient.forward_path).domain.lower())
            if len(domains) > limits.get("RCPTDOMAINMAX", len(domains)):
                return count
        return most

    async def ask(self, inquiry: Inquiry) -> list[RecipientAnswer]:
        """MAIL and every RCPT in one batch where the peer pipelines; without SIZE, since conversion changes it.

        Who cannot be reached without SMTPUTF8, where the peer does not offer it, fails here (RFC 6531, 3.2).
        """
        refused: dict[int, Reply] = {}
        if inquiry.envelope.smtputf8 and not self._session.client.supports("SMTPUTF8"):
            refused = _refused_without_utf8(inquiry)
        wanted = [recipient for recipient in inquiry.recipients if recipient.id not in refused]
        answers = {id: RecipientAnswer(reply) for id, reply in refused.items()}
        if wanted:
            given = await self._ask_or_say_stale(replace(inquiry, recipients=wanted))
            answers |= {recipient.id: answer for recipient, answer in zip(wanted, given, strict=True)}
        return [answers[recipient.id] for recipient in inquiry.recipients]

    async def _ask_or_say_stale(self, inquiry: Inquiry) -> list[RecipientAnswer]:
        try:
            answers = await self._ask(inquiry)
        except (ConnegError, OSError) as error:
            if self._session.fresh:
                raise
            raise StaleSessionError(str(error)) from error
        if not self._session.fresh and any(answer.reply.code == _CLOSING for answer in answers):
            raise StaleSessionError("the next hop has closed an idle session")
        return answers

    async def _ask(self, inquiry: Inquiry) -> list[RecipientAnswer]:
        client, envelope = self._session.client, inquiry.envelope
        # the client leaves out what the peer does not list
        requests = [
            RcptRequest(
                forward_path=recipient.forward_path,
                conneg=inquiry.argument,
                notify=recipient.notify,
                orcpt=recipient.orcpt,
                or_without=inquiry.or_without,
            )
            for recipient in inquiry.recipients
        ]
        opened = await client.open_transaction(
            envelope.reverse_path,
            requests,
            body=envelope.body,
            ret=envelope.ret,
            envid=envelope.envid,
            smtputf8=envelope.smtputf8,
            requiretls=envelope.requiretls,
            with_data=inquiry.is_fixed,
        )
        if opened.mail.code >= 400:
            return [RecipientAnswer(opened.mail) for _ in inquiry.recipients]
        answers = []
        for result in opened.rcpts:
            said = None if result.capability is None else result.capability.text
            answers.append(RecipientAnswer(result.reply, said, result.asked, result.refusal, result.is_local))
            if result.reply.code == _CAPABILITY_UNAVAILABLE:
                self._session.retire()
        self._accepted = sum(answer.reply.code < 400 for answer in answers)
        return answers

    async def send(self, content: Outgoing) -> list[Reply]:
        """DATA, the content, the final dot; in seven bits to a next hop that takes no more (RFC 6152, 3).

        What that would break, a signature inside, is not sent. Signed last, as it is sent: a signature over anything
        else would not hold.
        """
        octets, is_changed = content.octets, content.is_changed
        if not self._session.client.supports("8BITMIME") and not is_seven_bits(octets):
            if await asyncio.to_thread(needs_eight_bits, octets):
                await self.take_back()
                return [_NEEDS_EIGHT_BITS] * self._accepted
            octets, is_changed = await asyncio.to_thread(in_seven_bits, octets), True
        if content.seal is not None:
            octets = await asyncio.to_thread(content.seal, octets, is_changed)
        replies = await self._session.client.data(octets)
        return list(replies) if self._lmtp else [replies[0]] * self._accepted

    async def take_back(self) -> None:
        """RSET; the session stays usable."""
        await self._session.client.rset()


def _refused_without_utf8(inquiry: Inquiry) -> dict[int, Reply]:
    """Return, by recipient, why a next hop without SMTPUTF8 cannot have the message."""
    if not inquiry.envelope.reverse_path.isascii():
        return {recipient.id: _NO_UTF8_ADDRESS for recipient in inquiry.recipients}
    if inquiry.has_utf8_header:
        return {recipient.id: _NO_UTF8_HEADER for recipient in inquiry.recipients}
    return {r.id: _NO_UTF8_ADDRESS for r in inquiry.recipients if not r.forward_path.isascii()}


class MaildirExchange:
    """Final delivery into one Maildir a recipient."""

    peer = "maildir"
    is_verified = True
    success: str | None = "delivered"
    connection: Connection | None = None
    max_octets: int | None = None

    def __init__(self, hop: NextHop) -> None:
        self._template = hop.destination.path or ""
        self._recipients: Sequence[SpooledRecipient] = ()
        self._reverse_path = ""

    def room_for(self, recipients: Sequence[SpooledRecipient]) -> int:
        """Return the number of them: a file system knows no limit."""
        return len(recipients)

    async def ask(self, inquiry: Inquiry) -> list[RecipientAnswer]:
        """Accept everyone: whether the recipient exists was settled when the message came in."""
        self._recipients = inquiry.recipients
        self._reverse_path = inquiry.envelope.reverse_path
        return [
            RecipientAnswer(Reply(250, (f"<{r.forward_path}> recipient ok",), "2.1.5"))
            for r in inquiry.recipients
        ]

    async def send(self, content: Outgoing) -> list[Reply]:
        """Write the message for each recipient, Return-Path on top (RFC 5321, 4.4); it needs no seal at its end."""
        delivered = f"Return-Path: <{self._reverse_path}>\r\n".encode() + content.octets
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
async def open_exchange(
    hop: NextHop,
    sessions: Sessions,
    *,
    fresh: bool = False,
    is_alone: bool = False,
    requires_tls: bool = False,
) -> AsyncIterator[Exchange]:
    """Open a transaction with `hop`; `fresh` asks for a new session, `is_alone` for one that ends with it.

    `requires_tls`: only in a session that keeps to REQUIRETLS. Raises `conneg.gateway.sessions.UnprotectedError`.
    """
    if hop.destination.deliver == "maildir":
        yield MaildirExchange(hop)
        return
    async with sessions.lend(hop, fresh=fresh, is_alone=is_alone, requires_tls=requires_tls) as session:
        yield SessionExchange(session, hop)
