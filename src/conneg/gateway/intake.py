"""The receiving side: who may send to whom, what each recipient's device can take, and the spool before the 250.

Answers to `CONNEG` follow the draft, section 4.3: known is 250 with the capability, unknown is 504 for REQUIRED, a
directory that cannot answer in time is 404 for REQUIRED, and OPTIONAL then gets the ordinary 250.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from conneg import __version__
from conneg.directory import Answer, DomainDirectory, Known, Unavailable, Unknown
from conneg.errors import ConnegError
from conneg.gateway.assurance import ensured
from conneg.gateway.config import Config
from conneg.gateway.disclosure import Disclosure
from conneg.gateway.disk import DiskSpace
from conneg.gateway.events import Accepted, Watcher, ignore
from conneg.gateway.grouping import baseline_of
from conneg.gateway.learning import Learner
from conneg.gateway.reception import Reception
from conneg.gateway.routing import Routes
from conneg.gateway.sections import DisclosureSection, ListenerSection
from conneg.mail import AddressError, Envelope, Mailbox, Recipient, parse_mailbox, write_received
from conneg.mail.trace import count_received_in, waives_tls
from conneg.net import MailCommand, MessageSink, Peer, RcptAnswer, RcptCommand, SessionInfo
from conneg.smtp import ConnegArgument, Reply
from conneg.spool import Acceptor, Incoming, SpooledMessage, SpoolFullError

MAX_RECEIVED_FIELDS = 100
"""A message with more Received fields than this is taken to be in a loop (RFC 5321, 6.3: normally at least 100)."""

_OK = Reply(250, ("ok",), "2.0.0")
_SENDER_OK = "sender ok"
_NO_RELAY = Reply(550, ("relaying denied: this server takes mail for its own domains only",), "5.7.1")
_LOOP = Reply(554, ("too many Received fields: the message is in a loop",), "5.4.6")
_DISK_FULL = Reply(452, ("not enough room on the disk; try again later",), "4.3.1")
_SPOOL_FAILS = Reply(451, ("the message could not be written to disk; try again later",), "4.3.0")

Submit = Callable[[SpooledMessage, bytes | None], None]
Report = Callable[[str, BaseException], None]


def _leave(message: SpooledMessage, content: bytes | None) -> None:
    """Leave a message where it is."""


def _wake_nobody() -> None:
    """There is nobody here who delivers."""


def _tell_nobody(what: str, error: BaseException) -> None:
    """There is no log."""


async def _never() -> bool:
    return False


@dataclass(slots=True)
class _Transaction:
    """What this server keeps of one client's transaction, from MAIL to the final reply."""

    reverse_path: str
    body: str | None
    ret: str | None
    envid: str | None
    smtputf8: bool
    requiretls: bool
    is_ours: bool
    recipients: list[Recipient] = field(default_factory=list)


class Intake:
    """The gateway's `SmtpHandler`: checks the envelope, asks the directory, and writes the message to the spool.

    `claims` says whether the schedule has room for one more message, after a while if need be; then `submit` is given
    the accepted message, claimed, with its content where that is still in memory, and else `wake` is called. Without
    them the message waits in the spool for the process that delivers. `report` is told of messages that cannot be kept.
    """

    def __init__(
        self,
        config: Config,
        routes: Routes,
        directory: DomainDirectory,
        spool: Acceptor,
        *,
        submit: Submit = _leave,
        wake: Callable[[], None] = _wake_nobody,
        claims: Callable[[], Awaitable[bool]] = _never,
        watch: Watcher = ignore,
        learners: Sequence[Learner] = (),
        report: Report = _tell_nobody,
    ) -> None:
        self._role = "relay"
        self._lmtp = False
        self._config = config
        self._disclosure = Disclosure(config)
        self._routes = routes
        self._directory = directory
        self._spool = spool
        self._submit = submit
        self._wake = wake
        self._claims = claims
        self._watch = watch
        self._learners = tuple(learners)
        self._report = report
        self._ensures = any(destination.ensure_conversion for destination in config.destination)
        self._disk = DiskSpace(config.spool.path, config.spool.min_free_mib << 20)

    def for_listener(self, listener: ListenerSection) -> "Intake":
        """Return the handler of one place to listen, with its role."""
        other = copy(self)
        other._role = listener.role
        other._lmtp = listener.protocol == "lmtp"
        return other

    def connect(self, peer: Peer) -> Reply | None:
        """Greet everyone as usual."""
        return None

    def mail(self, session: SessionInfo, command: MailCommand) -> Reply:
        """Begin a transaction, if the disk has room for its message (RFC 1870, 6.1 (3))."""
        if not self._disk.has_room_for(command.size or 0):
            return _DISK_FULL
        session.transaction = _Transaction(
            reverse_path=command.reverse_path,
            body=command.body,
            ret=command.parameters.get("RET"),
            envid=command.parameters.get("ENVID"),
            smtputf8="SMTPUTF8" in command.parameters,
            requiretls="REQUIRETLS" in command.parameters,
            is_ours=self._may_relay(session),
        )
        return Reply(250, (f"<{command.reverse_path}> {_SENDER_OK}",), "2.1.0")

    def rcpt(
        self, session: SessionInfo, commands: Sequence[RcptCommand]
    ) -> Sequence[RcptAnswer] | AsyncIterator[RcptAnswer]:
        """Answer all RCPT commands of a batch in order; only those that ask for a capability wait for the directory.

        All of them are looked up together, and each is answered as soon as it and those before it are known.
        """
        checked = [self._check(session, command.forward_path) for command in commands]
        if all(command.conneg is None for command in commands):
            return [
                self._answer(session, command, mailbox, None)
                for command, mailbox in zip(commands, checked, strict=True)
            ]
        asks_like_us = not session.transaction.reverse_path
        rules = [
            None
            if command.conneg is None
            or isinstance(mailbox, Reply)
            or (asks_like_us and self._is_circle(session, command))
            else self._disclosure.rule_for(session, mailbox)
            for command, mailbox in zip(commands, checked, strict=True)
        ]
        wanted = [
            command.forward_path for command, rule in zip(commands, rules, strict=True) if rule is not None
        ]
        known = self._directory.answers_now(wanted)
        if known is None:
            return self._answer_as_known(session, commands, checked, rules, wanted)
        return [
            self._answer(
                session, command, mailbox, self._shown(known.get(command.forward_path), rule, mailbox)
            )
            for command, mailbox, rule in zip(commands, checked, rules, strict=True)
        ]

    def _is_circle(self, session: SessionInfo, command: RcptCommand) -> bool:
        """Say whether a client that asks as our own cascade does is being asked the same itself: then nobody knows."""
        return command.conneg is ConnegArgument.REQUIRED and self._directory.is_asking(
            command.forward_path, session.peer.address
        )

    async def _answer_as_known(
        self,
        session: SessionInfo,
        commands: Sequence[RcptCommand],
        checked: Sequence[Mailbox | Reply],
        rules: Sequence[DisclosureSection | None],
        wanted: Sequence[str],
    ) -> AsyncIterator[RcptAnswer]:
        known: dict[str, Answer] = {}
        coming = self._directory.answers(wanted, self._config.conneg.lookup_seconds)
        for command, mailbox, rule in zip(commands, checked, rules, strict=True):
            while rule is not None and command.forward_path not in known:
                known |= await anext(coming)
            shown = self._shown(known.get(command.forward_path), rule, mailbox)
            yield self._answer(session, command, mailbox, shown)
        await coming.aclose()

    def _shown(
        self, known: Answer | None, rule: DisclosureSection | None, mailbox: Mailbox | Reply
    ) -> Answer:
        """Return what of an answer is told; nothing is told as if nothing were known.

        Where the destination's policy ensures conversion, what can be converted is told as well.
        """
        if rule is None or known is None or isinstance(mailbox, Reply):
            return Unknown()
        destination = self._routes.destination(mailbox.domain) if self._ensures else None
        ensures = destination is not None and destination.ensure_conversion
        if isinstance(known, Unknown) and destination is not None and ensures:
            assumed = baseline_of(destination)
            known = known if assumed is None else Known(assumed)
        if not isinstance(known, Known):
            return known
        said = known.capability.expression
        shown = self._disclosure.show(said, rule)
        if shown is None:
            return Unknown()
        if ensures:
            shown = ensured(replace(known.capability, expression=shown))
        return known if shown is said else Known(replace(known.capability, expression=shown))

    def _answer(
        self, session: SessionInfo, command: RcptCommand, mailbox: Mailbox | Reply, known: Answer | None
    ) -> RcptAnswer:
        if isinstance(mailbox, Reply):
            return RcptAnswer(mailbox)
        answer = _conneg_answer(command, known)
        if answer.reply.code < 400:
            transaction: _Transaction = session.transaction
            transaction.recipients.append(
                Recipient(command.forward_path, notify=command.notify, orcpt=command.orcpt)
            )
        return answer

    def _check(self, session: SessionInfo, forward_path: str) -> Mailbox | Reply:
        """Return the mailbox, or the reply that refuses it."""
        try:
            mailbox = parse_mailbox(self._complete(forward_path))
        except AddressError as error:
            return Reply(553, (str(error),), "5.1.3")
        destination = self._routes.destination(mailbox.domain)
        if destination is None and not self._may_relay(session):
            return _NO_RELAY
        if destination is not None and destination.recipients is not None:
            names = {name.lower() for name in destination.recipients}
            if mailbox.local_part.lower() not in names and mailbox.key.lower() not in names:
                return Reply(550, (f"<{forward_path}> no such recipient here",), "5.1.1")
        return mailbox

    def _may_relay(self, session: SessionInfo) -> bool:
        if self._role == "delivery":
            return False
        if session.username is not None:
            return True
        return self._role == "relay" and self._config.may_relay(session.peer.address)

    def _complete(self, forward_path: str) -> str:
        """`<Postmaster>` without a domain is ours (RFC 5321, 4.1.1.3)."""
        if forward_path.lower() == "postmaster":
            return f"{forward_path}@{self._config.server.hostname}"
        return forward_path

    def data(self, session: SessionInfo) -> MessageSink | Reply:
        """Open the spool for the message that follows."""
        transaction: _Transaction = session.transaction
        # a positive answer that could not be sent (a capability that no line can hold) was sent as a negative one
        if len(transaction.recipients) != len(session.recipients):
            accepted = set(session.recipients)
            transaction.recipients = [r for r in transaction.recipients if r.forward_path in accepted]
        incoming = self._spool.incoming()
        incoming.write(
            write_received(
                helo=session.helo or "unknown",
                address=session.peer.address,
                by=self._config.server.hostname,
                protocol=_protocol(session, transaction.smtputf8, self._lmtp),
                software=f"conneg {__version__}",
                date=datetime.now(UTC),
            )
        )
        completed_for = self._config.server.hostname if self._role == "submission" else None
        # every report has the null reverse-path (RFC 3464, 2; RFC 8098, 3)
        learners = () if transaction.reverse_path else self._learners
        hearing = [partial(one.hear, session.peer.address, session.username) for one in learners]
        return Reception(
            incoming,
            partial(self.finish, transaction, incoming),
            self.refuse,
            completed_for=completed_for,
            hearing=hearing,
        )

    def reset(self, session: SessionInfo) -> None:
        """Forget the transaction."""
        session.transaction = None

    def disconnect(self, session: SessionInfo) -> None:
        """Forget the client."""
        session.transaction = None

    def vrfy(self, session: SessionInfo, argument: str) -> Reply:
        """Confirm nothing, as RFC 5321, 3.5.3 allows."""
        return Reply(252, ("cannot verify; send and see",), "2.1.5")

    def refuse(self, error: BaseException) -> Reply:
        """Return the reply to a message that could not be kept, for now, and tell the operator."""
        self._report("a message cannot be taken in", error)
        return _DISK_FULL if isinstance(error, SpoolFullError) else _SPOOL_FAILS

    async def finish(self, transaction: _Transaction, incoming: Incoming, head: bytes) -> Reply:
        """Make the message durable and say so; anything else is a transient reply and leaves nothing behind."""
        if count_received_in(head) > MAX_RECEIVED_FIELDS:
            incoming.abort()
            return _LOOP
        envelope = Envelope(
            reverse_path=transaction.reverse_path,
            recipients=tuple(transaction.recipients),
            body=transaction.body,
            envid=transaction.envid,
            ret=transaction.ret,
            smtputf8=transaction.smtputf8,
            requiretls=transaction.requiretls,
            tls_optional=not transaction.requiretls and waives_tls(head),
            is_ours=transaction.is_ours,
        )
        claim = await self._claims()
        try:
            message = await incoming.commit(envelope, claim=claim)
        except (ConnegError, OSError) as error:
            incoming.abort()
            return self.refuse(error)
        self._watch(
            Accepted(
                message.id,
                envelope.reverse_path,
                tuple(recipient.forward_path for recipient in envelope.recipients),
                message.octets,
            )
        )
        if claim:
            self._submit(message, incoming.content_in_memory)
        else:
            self._wake()
        return Reply(250, (f"message accepted as {message.id}",), "2.0.0")


def _conneg_answer(command: RcptCommand, known: Answer | None) -> RcptAnswer:
    """Return the draft's answer (section 4.3) for an acceptable address."""
    accepted = Reply(250, (f"<{command.forward_path}> recipient ok",), "2.1.5")
    if command.conneg is None or known is None:
        return RcptAnswer(accepted)
    match known:
        case Known(capability=capability):
            return RcptAnswer(accepted, capability.expression)
        case Unknown() if command.conneg is ConnegArgument.REQUIRED:
            return RcptAnswer(Reply(504, (f"CONNEG <{command.forward_path}> not supported",), "5.3.3"))
        case Unavailable() if command.conneg is ConnegArgument.REQUIRED:
            return RcptAnswer(
                Reply(404, (f"CONNEG <{command.forward_path}> capability temporarily unavailable",), "4.3.3")
            )
        case _:
            return RcptAnswer(accepted)


def _protocol(session: SessionInfo, smtputf8: bool = False, lmtp: bool = False) -> str:
    """Return what Received says behind "with" (RFC 3848; for SMTPUTF8 RFC 6531, 4.3)."""
    if not session.esmtp:
        return "SMTP"
    base = ("UTF8LMTP" if lmtp else "UTF8SMTP") if smtputf8 else ("LMTP" if lmtp else "ESMTP")
    return base + ("S" if session.tls is not None else "") + ("A" if session.username is not None else "")
