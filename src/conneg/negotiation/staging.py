"""Which parts may go to the retrieval server: only by policy, and only where the citation itself is accepted.

The citation is content, too, so what the recipient takes binds it: text/plain, in US-ASCII if nothing else is taken.
message/external-body (RFC 2046, 5.2.3) goes with it only where that type is accepted. A signed or encrypted part is
never staged by itself, which would break what protects it.
"""

from dataclasses import dataclass, field

from conneg.features import FeatureSet, feature_set
from conneg.negotiation.matching import is_accepted
from conneg.negotiation.offer import OfferedPart
from conneg.negotiation.plan import Stage, StageCause

CITATION_OCTETS = 4096
"""No citation is larger; a limit on octets is held against this."""

_UTF8 = feature_set('(& (type="text/plain") (charset=utf-8))')
_ASCII = feature_set('(& (type="text/plain") (charset=us-ascii))')
_EXTERNAL_BODY = feature_set('(type="message/external-body")')


@dataclass(frozen=True, slots=True)
class StagePolicy:
    """What the operator wants staged for a recipient who accepts `accepted`."""

    accepted: FeatureSet
    on_no_common_form: bool = False
    above_octets: int | None = None
    _takes_ascii: bool = field(init=False)

    def __post_init__(self) -> None:
        wanted = self.on_no_common_form or self.above_octets is not None
        object.__setattr__(self, "_takes_ascii", wanted and self._is_accepted(_ASCII))

    def is_too_large(self, part: OfferedPart) -> bool:
        """Whether the part is staged for its size, whatever the recipient takes."""
        return (
            self.above_octets is not None
            and part.octets > self.above_octets
            and self._takes_ascii
            and not part.protected
        )

    def takes(self, part: OfferedPart) -> bool:
        """Whether the part may be staged when there is no form of it that could be sent."""
        return self.is_too_large(part) or (
            self.on_no_common_form and self._takes_ascii and not part.protected
        )

    def action(self, part: OfferedPart, cause: StageCause, reason: str) -> Stage:
        """Return the decision to stage the part."""
        return Stage(
            part.id,
            cause,
            reason,
            is_ascii=not self._is_accepted(_UTF8),
            has_external_body=self._is_accepted(_EXTERNAL_BODY),
        )

    def _is_accepted(self, features: FeatureSet) -> bool:
        return is_accepted(features, self.accepted, CITATION_OCTETS)
