"""Alternate addressing (draft, Appendix B.2 (4)): a recipient with several addresses gets the content at the one whose
device can show most of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from conneg.directory import Directory, Known, Unavailable
from conneg.gateway.grouping import baseline_of, plan_for
from conneg.gateway.renditions import MessageRenditions
from conneg.gateway.result import Result, Settle
from conneg.gateway.routing import Routes
from conneg.gateway.sections import AlternateSection
from conneg.mail import parse_mailbox, write_xtext
from conneg.negotiation import (
    AsItIs,
    ByPart,
    Capability,
    Convert,
    MessageOffer,
    OneDocument,
    Plan,
    Undeliverable,
)
from conneg.spool import RecipientState, SpooledRecipient

Rank = tuple[object, ...]
"""The higher the better, among plans for one message."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The address that was chosen for a recipient, who has it already; `reason` says in a line what the others were.

    `others` are the addresses to try if that one refuses the message, the best first.
    """

    recipient: SpooledRecipient
    asked_for: str
    reason: str
    others: tuple[str, ...] = ()

    def next(self, why: str) -> "Choice":
        """Return the choice of the next address, after this one has refused for that reason."""
        reason = f"<{self.recipient.forward_path}> refused: {why}"
        recipient = _readdressed(self.recipient, self.others[0])
        return Choice(recipient, self.asked_for, reason, self.others[1:])


class Readdressed:
    """The recipients of one message for whom an address was chosen, while it is delivered."""

    def __init__(self, choices: Sequence[Choice] = ()) -> None:
        self._choices = {choice.recipient.id: choice for choice in choices}
        self._refused: list[Choice] = []

    def among(self, recipients: Sequence[SpooledRecipient]) -> list[Choice]:
        """Return what was chosen for these recipients."""
        return [self._choices[one.id] for one in recipients if one.id in self._choices]

    def before(self, settle: Settle) -> Settle:
        """Return what settles results but for refusals of recipients who have another address to try."""
        if not self._choices:
            return settle

        async def settle_others(results: Sequence[Result]) -> None:
            final = []
            for result in results:
                choice = self._choices.get(result.recipient.id)
                if result.state is RecipientState.FAILED and choice is not None and choice.others:
                    self._refused.append(choice.next(result.text))
                else:
                    final.append(result)
            if final:
                await settle(final)

        return settle_others

    def next_addresses(self) -> list[SpooledRecipient]:
        """Return whose address has refused, at the next one."""
        refused, self._refused = self._refused, []
        self._choices |= {choice.recipient.id: choice for choice in refused}
        return [choice.recipient for choice in refused]


class Alternates:
    """Chooses among the addresses of those recipients who have several."""

    def __init__(
        self,
        sections: Iterable[AlternateSection],
        directory: Directory,
        routes: Routes,
        *,
        lookup_seconds: float,
    ) -> None:
        self._addresses = {
            parse_mailbox(section.recipient).key: (section.recipient, *section.addresses)
            for section in sections
        }
        self._directory = directory
        self._routes = routes
        self._lookup_seconds = lookup_seconds

    def concerns(self, recipients: Iterable[SpooledRecipient]) -> bool:
        """Whether any of these has several addresses."""
        return bool(self._addresses) and any(self._of(recipient) for recipient in recipients)

    async def choose(
        self, recipients: Sequence[SpooledRecipient], renditions: MessageRenditions
    ) -> tuple[list[SpooledRecipient], list[Choice]]:
        """Return the recipients with the addresses at which they get the message, and what was chosen for whom.

        All addresses are looked up together. The one that a message was sent to stays if of none anything is known, and
        where another is no better.
        """
        addresses = {recipient.id: self._of(recipient) for recipient in recipients}
        wanted = list(dict.fromkeys(address for all_of in addresses.values() for address in all_of))
        answers = await self._directory.lookup(wanted, self._lookup_seconds)
        offer = await renditions.offer()
        plans: dict[str, tuple[Rank, str]] = {}
        for address in wanted:
            answer = answers.get(address)
            policy = self._routes.policy(parse_mailbox(address).domain)
            known = answer.capability if isinstance(answer, Known) else baseline_of(policy)
            plan = await plan_for(known, policy, renditions)
            plans[address] = (_rank(plan, known, offer), _words(plan, known, isinstance(answer, Unavailable)))
        chosen: list[SpooledRecipient] = []
        choices: list[Choice] = []
        for recipient in recipients:
            if not addresses[recipient.id]:
                chosen.append(recipient)
                continue
            best, *others = sorted(addresses[recipient.id], key=lambda one: plans[one][0], reverse=True)
            reason = "; ".join(f"<{address}>: {plans[address][1]}" for address in addresses[recipient.id])
            chosen.append(_readdressed(recipient, best))
            choices.append(Choice(chosen[-1], recipient.forward_path, reason, tuple(others)))
        return chosen, choices

    def _of(self, recipient: SpooledRecipient) -> tuple[str, ...]:
        return self._addresses.get(parse_mailbox(recipient.forward_path).key, ())


def _readdressed(recipient: SpooledRecipient, address: str) -> SpooledRecipient:
    """Return the recipient at another address; reports still name the one that the sender wrote (RFC 3461, 5.2.7)."""
    if address == recipient.forward_path:
        return recipient
    original = recipient.orcpt or f"rfc822;{write_xtext(recipient.forward_path)}"
    return replace(recipient, forward_path=address, orcpt=original)


def _rank(plan: Plan, known: Capability | None, offer: MessageOffer) -> Rank:
    """Rank by how much of the message is left: as it came, then part by part, then as pages.

    Behind them comes an address of which nothing is known, and last one that nothing can be sent to.
    """
    match plan:
        case Undeliverable():
            return (0,)
        case _ if known is None:
            return (1,)
        case OneDocument(target=target):
            return (
                2,
                *(
                    criterion.key({tag: target[tag] for tag in criterion.tags if tag in target})
                    for criterion in offer.document_preference
                ),
            )
        case ByPart(actions=actions):
            converted = sum(isinstance(action, Convert) for action in actions)
            return (3, -len(plan.staged), -converted, _pixels(actions))
        case AsItIs():
            return (4,)


def _pixels(actions: Sequence[object]) -> Fraction:
    """Return how many pixels the converted parts may have across, all together; one without a limit counts as many."""
    unlimited = Fraction(1 << 32)
    widths = [action.target.get("pix-x", unlimited) for action in actions if isinstance(action, Convert)]
    return sum((width for width in widths if isinstance(width, Fraction)), Fraction(0))


def _words(plan: Plan, known: Capability | None, is_silent: bool) -> str:
    if is_silent:
        return "cannot be asked now"
    return "nothing is known" if known is None else plan.summary
