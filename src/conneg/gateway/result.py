"""How one recipient of one message fared in one attempt, as a value."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from conneg.smtp import Reply
from conneg.spool import RecipientState, SpooledRecipient


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one attempt for `recipient`.

    `status` is the enhanced status code (RFC 3463); `text` says why in one line; `remote` is the next hop if one
    answered, and `diagnostic` its reply; `octets` is the size of what was sent, `form` the rendition's feature
    collection or what else was done. `success` is the action that a report of success has to name (RFC 3461, 5.2.2 and
    5.2.3: "delivered" or "relayed"), None where the next hop has taken that duty over. `accepts` is the expression of
    what the recipient can take, if anybody has said that; `loss` what of the original the recipient did not get.
    """

    recipient: SpooledRecipient
    state: RecipientState
    status: str
    text: str
    remote: str | None = None
    diagnostic: str | None = None
    octets: int = 0
    form: str = ""
    success: str | None = None
    accepts: str | None = None
    loss: str = ""


Settle = Callable[[Sequence[Result]], Awaitable[None]]
"""Takes what became of recipients, to be recorded at once."""


def delivered(recipient: SpooledRecipient, reply: Reply, *, remote: str, octets: int, form: str) -> Result:
    """The next hop has taken responsibility."""
    return Result(
        recipient,
        RecipientState.DELIVERED,
        reply.enhanced or "2.0.0",
        one_line(reply),
        remote,
        one_line(reply),
        octets,
        form,
    )


def deferred(
    recipient: SpooledRecipient, why: str | Reply, status: str, *, remote: str | None = None
) -> Result:
    """Try again later."""
    return _unsettled(recipient, RecipientState.DEFERRED, why, status, remote)


def failed(
    recipient: SpooledRecipient, why: str | Reply, status: str, *, remote: str | None = None
) -> Result:
    """Never to be delivered; the sender is told."""
    return _unsettled(recipient, RecipientState.FAILED, why, status, remote)


def from_final_reply(
    recipient: SpooledRecipient, reply: Reply, *, remote: str, octets: int, form: str
) -> Result:
    """Read the reply to the content by its first digit (RFC 5321, 4.2.1)."""
    if reply.code < 300:
        return delivered(recipient, reply, remote=remote, octets=octets, form=form)
    if reply.code < 500:
        return deferred(recipient, reply, "4.3.0", remote=remote)
    return failed(recipient, reply, "5.0.0", remote=remote)


CONVERTED_WITH_LOSS = "2.6.4"
"""Delivered, and the conversion that it took lost something (RFC 3463, 3.7)."""


def with_loss(result: Result, loss: str) -> Result:
    """Return a result whose content had lost something on its way, if it had and was delivered."""
    if not loss or result.state is not RecipientState.DELIVERED:
        return result
    return replace(result, status=CONVERTED_WITH_LOSS, loss=loss)


def one_line(reply: Reply) -> str:
    """Return a reply's code and text as one line."""
    words = [str(reply.code), reply.enhanced or "", *reply.lines]
    return " ".join(word for word in words if word)


def _unsettled(
    recipient: SpooledRecipient, state: RecipientState, why: str | Reply, status: str, remote: str | None
) -> Result:
    if not isinstance(why, Reply):
        return Result(recipient, state, status, why, remote)
    text = one_line(why)
    good = why.enhanced if why.enhanced and why.enhanced[0] == status[0] else status
    return Result(recipient, state, good, text, remote, text)
