"""`[[strategy]]`: rules by which messages get another way to several recipients than their destination's."""

from pydantic import Field, field_validator

from conneg.gateway.sections import Section, StrategyName, lower_patterns
from conneg.negotiation import Loss


class StrategySection(Section):
    """`[[strategy]]`: the strategy to `use` for the messages that it fits; the first rule that fits holds.

    `senders`: addresses or domains of the reverse-path. `at_least_recipients`: of the message, behind one next hop.
    `above_octets`: the message is larger. What is left out holds for every message. `losses`: by "auto", as a
    destination's, and left out that of the destination.
    """

    use: StrategyName
    senders: tuple[str, ...] = Field(default=("*",), min_length=1)
    at_least_recipients: int = Field(default=1, ge=1)
    above_octets: int = Field(default=0, ge=0)
    losses: tuple[Loss, ...] | None = None

    @field_validator("senders")
    @classmethod
    def _lower(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return lower_patterns(patterns)

    @property
    def fits_all(self) -> bool:
        """Whether there is no message that it does not fit."""
        return "*" in self.senders and self.at_least_recipients == 1 and self.above_octets == 0
