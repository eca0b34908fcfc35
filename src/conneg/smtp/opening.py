"""A transaction on a client's way to being open: MAIL, then RCPT for each recipient, and what came of them."""

from collections import deque
from collections.abc import Sequence

from conneg.smtp.asking import Asking
from conneg.smtp.events import TransactionOpened
from conneg.smtp.reply import Reply


class Opening:
    """What is to be sent next, and what has been answered; `accepted` counts the recipients."""

    def __init__(self, recipients: Sequence[Asking], *, pipelining: bool) -> None:
        self._recipients = recipients
        self._pipelining = pipelining
        self._waiting = deque(recipient for recipient in recipients if recipient.result is None)
        self._in_hand: deque[Asking] = deque()
        self._mail: Reply | None = None
        self.accepted = 0

    def commands(self) -> list[str]:
        """Return the RCPT commands to send now: all that wait, or one if the server does not pipeline."""
        if self._in_hand or (self._mail is None and not self._pipelining):
            return []
        count = len(self._waiting) if self._pipelining else min(1, len(self._waiting))
        sent = [self._waiting.popleft() for _ in range(count)]
        self._in_hand.extend(sent)
        return [recipient.command() for recipient in sent]

    def take_mail(self, reply: Reply) -> None:
        """Take the reply to MAIL; after a negative one no further recipient is sent."""
        self._mail = reply
        if not reply.is_positive:
            self._waiting.clear()

    def take_rcpt(self, reply: Reply) -> bool:
        """Take the reply to the RCPT that was sent first of those not answered; True if it is accepted.

        Where the server did not know CONNEG the recipient may wait to be sent again, without it.
        """
        recipient = self._in_hand.popleft()
        goes_on = self._mail is not None and self._mail.is_positive
        if not recipient.answer(reply, may_repeat=goes_on):
            self._waiting.append(recipient)
            return False
        is_accepted = reply.is_positive and goes_on
        self.accepted += is_accepted
        return is_accepted

    @property
    def opened(self) -> TransactionOpened | None:
        """All the replies, once they have come."""
        if self._mail is None or self._in_hand or self._waiting:
            return None
        if not self._mail.is_positive:
            return TransactionOpened(self._mail, ())
        return TransactionOpened(
            self._mail, tuple(r.result for r in self._recipients if r.result is not None)
        )
