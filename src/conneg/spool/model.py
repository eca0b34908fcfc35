"""A queued message: the states of each recipient as a table, the values the spool gives and takes, and its
interface.

A recipient is in one state. What happens to it is an event; `TRANSITIONS` says what follows from it in each
state, and an event that a state has no row for changes nothing: final states are final, so settling twice is
harmless. Whether a delivery is under way is not a state but a claim, which lives no longer than the process
that holds it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from conneg.mail import Envelope


class RecipientState(StrEnum):
    """What became of the message for one recipient so far."""

    QUEUED = "queued"
    """Due at once."""
    DEFERRED = "deferred"
    """To be tried again at `next_attempt_at`."""
    HELD = "held"
    """Kept until an operator releases it."""
    DELIVERED = "delivered"
    FAILED = "failed"
    REMOVED = "removed"
    """Taken out by an operator."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self in FINAL


FINAL = frozenset({RecipientState.DELIVERED, RecipientState.FAILED, RecipientState.REMOVED})


class Event(StrEnum):
    """What can happen to a recipient: the outcomes of an attempt, then what an operator asks for."""

    PUT_BACK = "put back"
    DEFER = "defer"
    DELIVER = "deliver"
    FAIL = "fail"
    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"
    REMOVE = "remove"


TRANSITIONS: Mapping[tuple[RecipientState, Event], RecipientState] = {
    (RecipientState.QUEUED, Event.PUT_BACK): RecipientState.QUEUED,
    (RecipientState.QUEUED, Event.DEFER): RecipientState.DEFERRED,
    (RecipientState.QUEUED, Event.DELIVER): RecipientState.DELIVERED,
    (RecipientState.QUEUED, Event.FAIL): RecipientState.FAILED,
    (RecipientState.QUEUED, Event.HOLD): RecipientState.HELD,
    (RecipientState.QUEUED, Event.RETRY): RecipientState.QUEUED,
    (RecipientState.QUEUED, Event.REMOVE): RecipientState.REMOVED,
    (RecipientState.DEFERRED, Event.PUT_BACK): RecipientState.QUEUED,
    (RecipientState.DEFERRED, Event.DEFER): RecipientState.DEFERRED,
    (RecipientState.DEFERRED, Event.DELIVER): RecipientState.DELIVERED,
    (RecipientState.DEFERRED, Event.FAIL): RecipientState.FAILED,
    (RecipientState.DEFERRED, Event.HOLD): RecipientState.HELD,
    (RecipientState.DEFERRED, Event.RETRY): RecipientState.QUEUED,
    (RecipientState.DEFERRED, Event.REMOVE): RecipientState.REMOVED,
    # Held while an attempt was under way: a delivery or failure is a fact, but a deferral does not undo the
    # hold.
    (RecipientState.HELD, Event.PUT_BACK): RecipientState.HELD,
    (RecipientState.HELD, Event.DEFER): RecipientState.HELD,
    (RecipientState.HELD, Event.DELIVER): RecipientState.DELIVERED,
    (RecipientState.HELD, Event.FAIL): RecipientState.FAILED,
    (RecipientState.HELD, Event.RELEASE): RecipientState.QUEUED,
    (RecipientState.HELD, Event.REMOVE): RecipientState.REMOVED,
}

OUTCOME_EVENTS: Mapping[RecipientState, Event] = {
    RecipientState.QUEUED: Event.PUT_BACK,
    RecipientState.DEFERRED: Event.DEFER,
    RecipientState.HELD: Event.HOLD,
    RecipientState.DELIVERED: Event.DELIVER,
    RecipientState.FAILED: Event.FAIL,
}
"""Which event an `Outcome` with that state is."""


@dataclass(frozen=True, slots=True)
class SpooledRecipient:
    """One recipient as the spool knows it; `id` counts from 1 in the order of the envelope, times are UNIX
    seconds.

    `attempts` counts the deliveries tried; `last_reply` and `next_hop` are what the last `Outcome` said.
    """

    id: int
    forward_path: str
    notify: frozenset[str] | None
    orcpt: str | None
    state: RecipientState
    attempts: int
    next_attempt_at: float
    last_reply: str | None = None
    next_hop: str | None = None


@dataclass(frozen=True, slots=True)
class SpooledMessage:
    """One message; `recipients` are all, or from `claim` those that are claimed."""

    id: str
    envelope: Envelope
    octets: int
    received_at: float
    recipients: tuple[SpooledRecipient, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to for one recipient.

    `state` is DELIVERED, FAILED, DEFERRED (then `next_attempt_at` says until when), HELD, or QUEUED for one
    that is put back without an attempt. `reply` is one line for people.
    """

    recipient_id: int
    state: RecipientState
    next_attempt_at: float | None = None
    reply: str | None = None
    next_hop: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One decision or fact to keep with the message: its kind, a JSON text, and the recipient if it concerns
    one.
    """

    kind: str
    text: str
    recipient_id: int | None = None


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A kept record and when it was written (UNIX seconds)."""

    at: float
    kind: str
    text: str
    recipient_id: int | None


class Incoming(Protocol):
    """A message coming in: `write` as it arrives, then `commit` or `abort`."""

    @property
    def octets(self) -> int:
        """How many octets were written."""

    @property
    def content_in_memory(self) -> bytes | None:
        """The whole content if it was kept in memory, else None."""

    def write(self, chunk: bytes) -> None:
        """Append octets; a large message goes to a file as it comes. Raises `SpoolError`."""

    async def commit(
        self, envelope: Envelope, *, claim: bool = False, note: str | None = None
    ) -> SpooledMessage:
        """Make the message durable: when this returns it survives the death of the process and of the
        machine.

        With `claim` its recipients are claimed for the caller already. `note` is a JSON text, kept as a
        record of kind "note". Raises `SpoolError`, and then nothing of the message is kept.
        """

    def abort(self) -> None:
        """Forget the message; harmless after `commit` and after an error."""


class Acceptor(Protocol):
    """The queue for one who only accepts, beside the process that serves it."""

    def incoming(self) -> Incoming:
        """Begin to take a message in. Raises `SpoolError`."""

    async def close(self) -> None:
        """Finish what was begun and let the spool go. Raises `SpoolError`."""


class Spool(Acceptor, Protocol):
    """The queue. Everything may raise `SpoolError`; what is done is durable when a call returns."""

    async def claim(self, now: float, limit: int) -> list[SpooledMessage]:
        """Claim up to `limit` messages with recipients due at `now`, the longest due first; only those are
        listed.
        """

    async def content(self, message_id: str) -> bytes:
        """Return the content. Raises `UnknownMessageError` when it is not there any more."""

    async def settle(
        self, message_id: str, outcomes: Sequence[Outcome], *, records: Sequence[Record] = ()
    ) -> None:
        """Write down what an attempt came to and end the claims of those recipients; doing it twice changes
        nothing.

        The content goes when every recipient is in a final state; the records stay until `purge`.
        """

    async def release(self, message_id: str) -> None:
        """End all claims of a message, settled or not; what is due is due again."""

    async def next_due(self) -> float | None:
        """Return when the next unclaimed recipient is due."""

    async def changed(self) -> bool:
        """Say whether another process has changed the spool since this was last asked."""

    async def list(self, *, limit: int = 100, state: RecipientState | None = None) -> list[SpooledMessage]:
        """Return messages, oldest first: those not finished, or those with a recipient in `state`."""

    async def find(self, prefix: str, limit: int = 10) -> Sequence[str]:
        """Return the ids that begin with `prefix`."""

    async def show(self, message_id: str) -> SpooledMessage:
        """Return one message with all its recipients."""

    async def records(self, message_id: str) -> Sequence[RecordRow]:
        """Return what was recorded of a message, in order."""

    async def hold(self, message_id: str) -> int:
        """Keep the waiting recipients until released; each of these four returns how many recipients it
        changed.
        """

    async def release_held(self, message_id: str) -> int:
        """Make the held recipients due."""

    async def retry(self, message_id: str) -> int:
        """Make the waiting recipients due now."""

    async def remove(self, message_id: str) -> int:
        """Take the unfinished recipients out; nobody is told."""

    async def pull_in(self, beyond: float, now: float) -> int:
        """Make those due `now` who wait until `beyond` or longer; return how many recipients that were.

        No wait is that long: the clock was ahead when they were deferred, and has been set back.
        """

    async def purge(self, before: float) -> int:
        """Forget the messages that were finished before that time, with their records; return how many."""
