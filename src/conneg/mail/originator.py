"""Who a message says it is from: the one mailbox of its From field (RFC 5322, 3.6.2)."""

from email.utils import getaddresses

from conneg.bounds import Bound
from conneg.mail.address import AddressError, Mailbox, parse_mailbox
from conneg.mail.fields import Fields

MAX_FROM = Bound(
    name="mail.from",
    value=4096,
    unit="characters of a From field that is read for its mailbox",
    reason="one mailbox and a display name have a hundred",
    answer="the message counts as one that does not say who it is from",
)


def from_mailbox(fields: Fields) -> Mailbox | None:
    """Return the author's mailbox; None unless there is one From field with one mailbox in it.

    Two From fields, or two mailboxes, are read differently by different programs: nothing is signed on their word.
    """
    values = fields.get_all("From")
    if len(values) != 1 or len(values[0]) > MAX_FROM.value:
        return None
    addresses = getaddresses(values)
    if len(addresses) != 1:
        return None
    try:
        return parse_mailbox(addresses[0][1])
    except AddressError:
        return None
