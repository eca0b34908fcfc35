"""What the recipients of one transaction can take: asked of the next hop, then of the directory, then assumed.

What follows from an answer is decided by `conneg.negotiation.RcptPolicy`; here it is done, and put on record.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from conneg.directory import Directory, Known, Unavailable
from conneg.gateway.exchange import Exchange, Inquiry, RecipientAnswer, is_crowded_out
from conneg.gateway.grouping import baseline_of
from conneg.gateway.journal import Journal
from conneg.gateway.renditions import MessageRenditions
from conneg.gateway.result import Result, deferred, failed, one_line
from conneg.gateway.sections import DestinationSection
from conneg.mail import Envelope
from conneg.negotiation import (
    NOT_SUPPORTED_STATUS,
    Capability,
    Outcome,
    Provenance,
    RcptCase,
    RcptPolicy,
    rcpt_case,
    read_capability,
)
from conneg.smtp import ConnegArgument
from conneg.spool import SpooledRecipient

MAX_QUOTED = 200
"""So many characters of an answer that cannot be read stand in records and reports."""

_ARGUMENT = {"required": ConnegArgument.REQUIRED, "optional": ConnegArgument.OPTIONAL, "off": None}
_REFUSED = "5.0.0"
_NOT_NOW = "4.3.3"


@dataclass(slots=True)
class Answers:
    """What one transaction's RCPT replies and the directory led to; who was `crowded_out` is for another one.

    `has_left_out`: the next hop has accepted somebody who must not get what is sent in this transaction.
    """

    capabilities: list[tuple[SpooledRecipient, Capability | None]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    crowded_out: list[SpooledRecipient] = field(default_factory=list)
    has_left_out: bool = False


class Enquiry:
    """Asks for one message, as often as its recipients are asked for."""

    def __init__(
        self,
        envelope: Envelope,
        policy: DestinationSection,
        renditions: MessageRenditions,
        *,
        directory: Directory,
        lookup_seconds: float,
        journal: Journal,
    ) -> None:
        self._envelope = envelope
        self._policy = policy
        self._rcpt_policy = RcptPolicy(policy.on_not_supported, policy.on_unreadable)
        may_ask = policy.convert and policy.deliver != "maildir"  # a folder knows nothing of devices
        self._argument = _ARGUMENT[policy.conneg] if may_ask else None
        self._renditions = renditions
        self._directory = directory
        self._lookup_seconds = lookup_seconds
        self._journal = journal

    async def ask(self, exchange: Exchange, recipients: Sequence[SpooledRecipient]) -> Answers:
        """Ask for every recipient, then the directory for those of whom the next hop said nothing."""
        if exchange.connection is not None:
            self._journal.connected(recipients, exchange.connection)
        replies = await exchange.ask(
            Inquiry(
                self._envelope,
                recipients,
                self._argument,
                or_without=self._rcpt_policy.may_go_without(self._argument),
                has_utf8_header=self._envelope.smtputf8 and self._renditions.has_utf8_header,
                is_fixed=not self._policy.convert,
            )
        )
        answers = Answers()
        silent: list[SpooledRecipient] = []
        is_anybody_accepted = any(answer.reply.is_positive for answer in replies)
        for recipient, answer in zip(recipients, replies, strict=True):
            if is_anybody_accepted and is_crowded_out(answer.reply):
                self._journal.answered(recipient, exchange.peer, answer.reply, None)
                answers.crowded_out.append(recipient)
            elif self._is_silent(recipient, answer, exchange, answers):
                silent.append(recipient)
        await self._look_up(silent, answers)
        return answers

    def _is_silent(
        self, recipient: SpooledRecipient, answer: RecipientAnswer, exchange: Exchange, answers: Answers
    ) -> bool:
        """Do what follows from one answer; True if the directory is to say what the recipient can take."""
        case = rcpt_case(
            answer.reply.code,
            self._argument,
            answer.capability,
            enhanced=answer.reply.enhanced,
            is_given_up=answer.asked is None and not answer.is_local,
        )
        self._tell(recipient, answer, exchange.peer, case)
        is_said = not (answer.reply.is_positive or answer.is_local)
        why = answer.reply if is_said else _reason(case, answer, exchange.peer)
        match self._rcpt_policy.outcome(case, self._argument):
            case Outcome.CAPABILITY:
                said = read_capability(
                    answer.capability or "",
                    Provenance.REPLY,
                    exchange.peer,
                    authenticated=exchange.is_verified,
                )
                answers.capabilities.append((recipient, said))
            case Outcome.BASELINE:
                return True
            case Outcome.ORIGINAL:
                answers.capabilities.append((recipient, None))
            case Outcome.DEFER:
                answers.results.append(deferred(recipient, why, _NOT_NOW, remote=exchange.peer))
                answers.has_left_out |= answer.reply.is_positive
            case Outcome.FAIL | Outcome.REPEAT:  # the client has repeated what may be repeated
                is_about_conneg = case in (RcptCase.NOT_SUPPORTED, RcptCase.UNREADABLE)
                status = NOT_SUPPORTED_STATUS if is_about_conneg else _REFUSED
                answers.results.append(failed(recipient, why, status, remote=exchange.peer))
                answers.has_left_out |= answer.reply.is_positive
        return False

    def _tell(self, recipient: SpooledRecipient, answer: RecipientAnswer, peer: str, case: RcptCase) -> None:
        """Put on record what was answered, and by which policy what follows if it is not what was asked for."""
        if not answer.is_local and (answer.asked is not None or answer.reply.code >= 400):
            said = answer.capability if case is RcptCase.CAPABILITY else None
            self._journal.answered(recipient, peer, answer.reply, said)
        reason = _reason(case, answer, peer)
        if case is RcptCase.UNREADABLE:
            choice = self._rcpt_policy.unreadable(self._argument)
            self._journal.by_policy(recipient, reason, "on_unreadable", choice)
        elif reason and self._argument is ConnegArgument.REQUIRED:
            self._journal.by_policy(recipient, reason, "on_not_supported", self._rcpt_policy.on_not_supported)

    async def _look_up(self, recipients: Sequence[SpooledRecipient], answers: Answers) -> None:
        """Find what the next hop did not say: the directory, then the baseline; a silent directory defers."""
        if not recipients or not self._policy.convert:
            answers.capabilities += [(recipient, None) for recipient in recipients]
            return
        found = await self._directory.lookup([r.forward_path for r in recipients], self._lookup_seconds)
        for recipient in recipients:
            match found.get(recipient.forward_path):
                case Known(capability=capability):
                    answers.capabilities.append((recipient, capability))
                case Unavailable(reason=reason):
                    why = f"the directory gives no answer: {reason}"
                    answers.results.append(deferred(recipient, why, "4.4.3"))
                    answers.has_left_out = True
                case _:
                    answers.capabilities.append((recipient, baseline_of(self._policy)))


def _reason(case: RcptCase, answer: RecipientAnswer, peer: str) -> str:
    """Return why what was asked for was not answered; nothing where it was, or where the reply itself says it."""
    match case:
        case RcptCase.GIVEN_UP | RcptCase.NOT_SUPPORTED if answer.refusal is not None:
            return f"{peer} does not know CONNEG: {_quoted(one_line(answer.refusal))}"
        case RcptCase.GIVEN_UP | RcptCase.NOT_SUPPORTED if answer.is_local or answer.reply.is_positive:
            return f"{peer} does not list CONNEG"
        case RcptCase.NOT_SUPPORTED:
            return f"{peer} does not know CONNEG: {_quoted(one_line(answer.reply))}"
        case RcptCase.UNREADABLE if answer.capability is not None:
            return f"what {peer} says the recipient can take cannot be read: {_quoted(answer.capability)}"
        case RcptCase.UNREADABLE:
            reply = _quoted(one_line(answer.reply))
            return f"{peer} takes the recipient and does not say what it can take, though it was required to: {reply}"
        case _:
            return ""


def _quoted(said: str) -> str:
    """Return what a next hop said as it may stand in a line for people."""
    text = "".join(char if char.isprintable() else "?" for char in " ".join(said.split()))
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."
