"""What a client may be told of what recipients can take (draft, 8): rules, the first that fits holds.

A client that may be told nothing gets the answers of a server that does not know the recipient: 504 to REQUIRED, and
for OPTIONAL the ordinary 250. The directory is not asked for it at all, so that neither the words nor the time it takes
say whether there is anything to know.
"""

from functools import lru_cache

from conneg.errors import ConnegError
from conneg.features import feature_set, keep_tags
from conneg.gateway.config import Config
from conneg.gateway.networks import is_in
from conneg.gateway.patterns import is_named
from conneg.gateway.sections import DisclosureSection
from conneg.mail import Mailbox
from conneg.net import SessionInfo

_EVERYTHING = DisclosureSection()


class Disclosure:
    """Decides by the rules of a configuration; without rules everyone is told everything."""

    def __init__(self, config: Config) -> None:
        self._rules = config.disclosure

    def rule_for(self, session: SessionInfo, recipient: Mailbox) -> DisclosureSection | None:
        """Return the rule that holds, None if the client may be told nothing."""
        if not self._rules:
            return _EVERYTHING
        found = next((rule for rule in self._rules if _fits(rule, session, recipient)), None)
        return None if found is None or found.tags == "none" else found

    def show(self, expression: str, rule: DisclosureSection) -> str | None:
        """Return what of a capability is shown by `rule`; None if it cannot be cut down."""
        return expression if rule.tags == "all" else _cut_down(expression, tuple(rule.tags))


@lru_cache(maxsize=1024)
def _cut_down(expression: str, tags: tuple[str, ...]) -> str | None:
    try:
        return str(keep_tags(feature_set(expression, lenient=True), tags))
    except ConnegError:
        return None


def _fits(rule: DisclosureSection, session: SessionInfo, recipient: Mailbox) -> bool:
    if rule.tls is not None and rule.tls != (session.tls is not None):
        return False
    if rule.authenticated is not None and rule.authenticated != (session.username is not None):
        return False
    if rule.networks is not None and not is_in(rule.networks, session.peer.address):
        return False
    return any(is_named(pattern, recipient) for pattern in rule.recipients)
