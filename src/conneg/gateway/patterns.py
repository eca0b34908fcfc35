"""Patterns for addresses, as rules have them: an address, a domain, `*.parent`, or `*` for all."""

from conneg.mail import Mailbox


def is_named(pattern: str, mailbox: Mailbox) -> bool:
    """Whether `pattern`, which is in lower case, is for this mailbox."""
    domain = mailbox.domain.lower()
    if "@" in pattern:
        return pattern == f"{mailbox.local_part.lower()}@{domain}"
    if pattern.startswith("*."):
        return domain.endswith(pattern[1:])
    return pattern in ("*", domain)
