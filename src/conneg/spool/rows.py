"""The values of `conneg.spool.model` as rows of the database, and back."""

import json

from conneg.errors import UsageError
from conneg.mail import Envelope
from conneg.spool.errors import SpoolError
from conneg.spool.ids import write_id
from conneg.spool.model import OUTCOME_EVENTS, Outcome, RecipientState, SpooledMessage, SpooledRecipient
from conneg.spool.operations import Row

quote = json.JSONEncoder(ensure_ascii=False).encode
"""A text as JSON has it."""


def storable(text: str) -> str:
    """Check text before it joins a group: half a character would make the whole group's write fail."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SpoolError(f"text that is not Unicode cannot be stored: {text[:60]!r}") from error
    if "\0" in text:
        raise SpoolError(f"text with NUL cannot be stored: {text[:60]!r}")
    return text


def outcome_row(number: int, outcome: Outcome) -> Row:
    """Return the row of an outcome. Raises `UsageError` for a state that no attempt can come to."""
    event = OUTCOME_EVENTS.get(outcome.state)
    if event is None:
        raise UsageError(f"an attempt cannot come to {outcome.state}")
    reply = None if outcome.reply is None else _one_line(outcome.reply)
    next_hop = None if outcome.next_hop is None else _one_line(outcome.next_hop)
    return [number, outcome.recipient_id, str(event), outcome.next_attempt_at, reply, next_hop]


def _one_line(text: str) -> str:
    """A peer's words may hold anything; what is kept of them is one line of Unicode."""
    return (
        text.encode("utf-8", "replace")
        .decode("utf-8")
        .replace("\0", " ")
        .replace("\r", " ")
        .replace("\n", " ")
    )


def new_message(number: int, envelope: Envelope, octets: int, now: float) -> SpooledMessage:
    """Return a message as it is just after it was accepted."""
    recipients = tuple(
        SpooledRecipient(
            id=position,
            forward_path=recipient.forward_path,
            notify=recipient.notify,
            orcpt=recipient.orcpt,
            state=RecipientState.QUEUED,
            attempts=0,
            next_attempt_at=now,
        )
        for position, recipient in enumerate(envelope.recipients, 1)
    )
    return SpooledMessage(write_id(number), envelope, octets, now, recipients)


def read_message(row: Row, only: set[int] | None = None) -> SpooledMessage:
    """Return the message of a row of `conneg.spool.database.read_messages`, with all recipients or `only` those."""
    number, text, octets, received_at, rows = row
    envelope = Envelope.from_json(text)
    recipients = []
    for position, state, attempts, next_attempt_at, last_reply, next_hop in rows:
        if only is None or position in only:
            given = envelope.recipients[position - 1]
            recipients.append(
                SpooledRecipient(
                    id=position,
                    forward_path=given.forward_path,
                    notify=given.notify,
                    orcpt=given.orcpt,
                    state=RecipientState(state),
                    attempts=attempts,
                    next_attempt_at=next_attempt_at,
                    last_reply=last_reply,
                    next_hop=next_hop,
                )
            )
    return SpooledMessage(write_id(number), envelope, octets, received_at, tuple(recipients))
