"""CONNEG for programs that already use other mail libraries; each library is imported by its own module only.

`smtplib` and `aiosmtplib` are clients, `aiosmtpd` a server, `django` an e-mail backend. What the clients share is
`delivery` (the dialogue, sans-IO) and `alternatives` (the best that a message holds for a capability).
"""

from conneg.adapters.alternatives import Alternatives
from conneg.adapters.values import MailOptions, RecipientClass, RecipientOutcome, RecipientResult
from conneg.negotiation import RcptPolicy
from conneg.smtp import ConnegArgument, RcptRequest

__all__ = [
    "Alternatives",
    "ConnegArgument",
    "MailOptions",
    "RcptPolicy",
    "RcptRequest",
    "RecipientClass",
    "RecipientOutcome",
    "RecipientResult",
]
