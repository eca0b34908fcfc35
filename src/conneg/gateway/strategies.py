"""Which of the draft's ways to several recipients (Appendix A) a message goes, and why: its own wish, the first
`[[strategy]]` rule that fits it, or else its destination's.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from conneg.gateway.patterns import is_named
from conneg.gateway.routing import NextHop, Routes
from conneg.gateway.sections import DestinationSection, StrategyName
from conneg.gateway.strategy_section import StrategySection
from conneg.mail import AddressError, parse_mailbox
from conneg.mail.trace import asked_strategies
from conneg.negotiation import Loss
from conneg.spool import SpooledMessage

BY_DESTINATION = "by the destination"
_STRATEGIES: tuple[StrategyName, ...] = get_args(StrategyName)


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """The strategy for a message's recipients behind one next hop, what nobody may lose by it, and why it was chosen.

    `ignored` says what of the message's own wish could not be followed, if it had one.
    """

    use: StrategyName
    losses: tuple[Loss, ...]
    reason: str
    ignored: str = ""

    @property
    def is_by_destination(self) -> bool:
        """Whether neither the message nor a rule had anything to say."""
        return self.reason == BY_DESTINATION and not self.ignored

    def applied_to(self, destination: DestinationSection) -> DestinationSection:
        """Return the destination's policy with this strategy."""
        if (self.use, self.losses) == (destination.strategy, destination.losses):
            return destination
        return destination.model_copy(update={"strategy": self.use, "losses": self.losses})


def choose_strategy(
    rules: Sequence[StrategySection],
    destination: DestinationSection,
    *,
    reverse_path: str,
    recipients: int,
    octets: int,
    asked: Sequence[str] = (),
) -> StrategyChoice:
    """Return the strategy for a message with so many `recipients` behind the destination's next hop.

    `asked` is what its Conneg-Strategy fields say, of a sender who may ask: one of the strategies is obeyed, and
    anything else ignored.
    """
    ignored = ""
    if asked:
        wish = next((name for name in _STRATEGIES if list(asked) == [name]), None)
        if wish is not None:
            return StrategyChoice(wish, destination.losses, "asked for by the message's Conneg-Strategy")
        one = f"{asked[0]!r} is none of {', '.join(_STRATEGIES)}"
        ignored = f"Conneg-Strategy: {one if len(asked) == 1 else f'there are {len(asked)} of them'}"
    for number, rule in enumerate(rules, start=1):
        if _fits(rule, reverse_path, recipients, octets):
            losses = destination.losses if rule.losses is None else rule.losses
            return StrategyChoice(rule.use, losses, f"by rule {number} of [[strategy]]", ignored)
    return StrategyChoice(destination.strategy, destination.losses, BY_DESTINATION, ignored)


def _fits(rule: StrategySection, reverse_path: str, recipients: int, octets: int) -> bool:
    if recipients < rule.at_least_recipients or octets <= rule.above_octets:
        return False
    if "*" in rule.senders:
        return True
    try:
        sender = parse_mailbox(reverse_path)
    except AddressError:  # the null reverse-path: nobody's
        return False
    return any(is_named(pattern, sender) for pattern in rule.senders)


class StrategyChoices:
    """The strategies for one message, by next hop."""

    def __init__(
        self, message: SpooledMessage, content: bytes, rules: Sequence[StrategySection], routes: Routes
    ) -> None:
        self._message = message
        self._rules = rules
        self._routes = routes
        # who may not send to any domain has no say in what it costs
        self._asked = asked_strategies(content) if message.envelope.is_ours else ()

    @cached_property
    def _behind(self) -> Counter[NextHop]:
        """How many of all recipients are behind each next hop, those included who are not due now."""
        paths = [recipient.forward_path for recipient in self._message.envelope.recipients]
        return Counter(self._routes.next_hop(parse_mailbox(path).domain) for path in paths)

    def of(self, hop: NextHop, due: int) -> StrategyChoice:
        """Return what holds for `hop`, behind which so many recipients are `due`."""
        counts = any(rule.at_least_recipients > 1 for rule in self._rules)
        return choose_strategy(
            self._rules,
            hop.destination,
            reverse_path=self._message.envelope.reverse_path,
            recipients=max(due, self._behind[hop]) if counts else due,
            octets=self._message.octets,
            asked=self._asked,
        )
