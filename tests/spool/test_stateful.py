"""The spool against a model in memory: whatever is done in whatever order, both say the same."""

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from conneg.mail import Envelope, Recipient
from conneg.spool import Event, Outcome, RecipientState, UnknownMessageError, open_spool
from conneg.spool.model import OUTCOME_EVENTS, TRANSITIONS
from tests.spool.conftest import Clock

T = TypeVar("T")
FACTS = {Event.DELIVER, Event.FAIL}
ATTEMPTS = {Event.DELIVER, Event.FAIL, Event.DEFER}


@dataclass
class ModelRecipient:
    due: float
    claimed: bool
    state: RecipientState = RecipientState.QUEUED
    attempts: int = 0

    def happens(self, event: Event, due: float | None) -> bool:
        """Apply an event as the table says; tell whether the table has a row for it."""
        after = TRANSITIONS.get((self.state, event))
        if after is None:
            return False
        self.state = after
        self.due = self.due if due is None else due
        self.attempts += event in ATTEMPTS
        return True


@dataclass
class ModelMessage:
    content: bytes
    recipients: list[ModelRecipient] = field(default_factory=list)
    done_at: float | None = None

    def note_end(self, now: float) -> None:
        if self.done_at is None and all(recipient.state.is_final for recipient in self.recipients):
            self.done_at = now


class SpoolMachine(RuleBasedStateMachine):
    messages = Bundle("messages")

    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = Path(self.scratch.name) / "spool"
        self.clock = Clock()
        self.runner = asyncio.Runner()
        self.model: dict[str, ModelMessage] = {}
        self.open()

    def open(self) -> None:
        self.spool = open_spool(self.folder, blob_threshold=50, clock=self.clock)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.spool.close())
        self.runner.close()
        self.scratch.cleanup()

    @rule(
        target=messages,
        recipients=st.integers(1, 3),
        octets=st.sampled_from([0, 10, 50, 51, 500]),
        claim=st.booleans(),
    )
    def accept(self, recipients: int, octets: int, claim: bool) -> str:
        content = b"%d" % len(self.model) * octets
        incoming = self.spool.incoming()
        incoming.write(content)
        envelope = Envelope("", tuple(Recipient(f"{n}@x.example") for n in range(recipients)))
        message = self.run(incoming.commit(envelope, claim=claim))
        listed = [ModelRecipient(self.clock.now, claim) for _ in range(recipients)]
        self.model[message.id] = ModelMessage(content, listed)
        return message.id

    @rule(seconds=st.integers(0, 100))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        now = self.clock.now
        due: dict[str, dict[int, ModelRecipient]] = {}
        for message_id, message in self.model.items():
            for number, recipient in enumerate(message.recipients, 1):
                if _is_due(recipient) and recipient.due <= now:
                    due.setdefault(message_id, {})[number] = recipient
        claimed = self.run(self.spool.claim(now, limit))
        assert len(claimed) == min(limit, len(due))
        longest = sorted(min(r.due for r in listed.values()) for listed in due.values())[: len(claimed)]
        assert [min(r.due for r in due[m.id].values()) for m in claimed] == longest
        for found in claimed:
            assert [recipient.id for recipient in found.recipients] == list(due[found.id])
            for recipient in due[found.id].values():
                recipient.claimed = True

    @rule(message_id=messages, data=st.data())
    def settle(self, message_id: str, data: st.DataObject) -> None:
        message = self.model.get(message_id)
        if message is None:
            return
        numbers = data.draw(st.sets(st.integers(1, len(message.recipients)), min_size=1))
        outcomes = []
        for number in sorted(numbers):
            state = data.draw(st.sampled_from(sorted(OUTCOME_EVENTS)))
            due = self.clock.now + data.draw(st.integers(0, 60)) if state is RecipientState.DEFERRED else None
            outcomes.append(Outcome(number, state, due))
            recipient, event = message.recipients[number - 1], OUTCOME_EVENTS[state]
            if recipient.claimed or event in FACTS:
                recipient.happens(event, due)
            recipient.claimed = False
        message.note_end(self.clock.now)
        self.run(self.spool.settle(message_id, outcomes))

    @rule(message_id=messages)
    def release(self, message_id: str) -> None:
        self.run(self.spool.release(message_id))
        for recipient in self.model[message_id].recipients if message_id in self.model else ():
            recipient.claimed = False

    @rule(message_id=messages, action=st.sampled_from(["hold", "release_held", "retry", "remove"]))
    def operate(self, message_id: str, action: str) -> None:
        if message_id not in self.model:
            return
        message = self.model[message_id]
        event = {
            "hold": Event.HOLD,
            "release_held": Event.RELEASE,
            "retry": Event.RETRY,
            "remove": Event.REMOVE,
        }[action]
        due = self.clock.now if action in {"release_held", "retry"} else None
        count = sum(recipient.happens(event, due) for recipient in message.recipients)
        message.note_end(self.clock.now)
        assert self.run(getattr(self.spool, action)(message_id)) == count

    @rule()
    def start_again(self) -> None:
        self.run(self.spool.close())
        self.open()
        for message in self.model.values():
            for recipient in message.recipients:
                recipient.claimed = False

    @rule(age=st.integers(0, 50))
    def purge(self, age: int) -> None:
        before = self.clock.now - age
        gone = [
            m for m, message in self.model.items() if message.done_at is not None and message.done_at < before
        ]
        assert self.run(self.spool.purge(before)) == len(gone)
        for message_id in gone:
            del self.model[message_id]

    @rule(message_id=consumes(messages))
    def forget_about(self, message_id: str) -> None:
        """Leave a message alone from here on."""

    @invariant()
    def they_agree(self) -> None:
        self.run(self._compare())

    async def _compare(self) -> None:
        waiting = [r.due for message in self.model.values() for r in message.recipients if _is_due(r)]
        assert await self.spool.next_due() == min(waiting, default=None)
        unfinished = [message_id for message_id, message in self.model.items() if message.done_at is None]
        assert [message.id for message in await self.spool.list(limit=1000)] == unfinished
        for message_id, message in self.model.items():
            shown = await self.spool.show(message_id)
            assert [(r.state, r.attempts, r.next_attempt_at) for r in shown.recipients] == [
                (r.state, r.attempts, r.due) for r in message.recipients
            ]
            try:
                assert await self.spool.content(message_id) == message.content
                assert message.done_at is None
            except UnknownMessageError:
                assert message.done_at is not None


def _is_due(recipient: ModelRecipient) -> bool:
    return recipient.state in {RecipientState.QUEUED, RecipientState.DEFERRED} and not recipient.claimed


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
