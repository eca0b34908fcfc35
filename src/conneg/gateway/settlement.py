"""From results to the spool, and to the sender: facts are settled, failures reported, lateness told once.

A failure is settled only after its report is durable in the spool, so a crash in between repeats a report and never
loses one. No report is ever sent about a report (RFC 3461, 5.2: the null reverse-path).
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from conneg.gateway.events import Settled, Watcher
from conneg.gateway.journal import Journal
from conneg.gateway.result import Result
from conneg.gateway.retry import RetryPolicy
from conneg.mail import Action, Envelope, Recipient, RecipientReport, write_dsn
from conneg.spool import Outcome, RecipientState, Spool, SpooledMessage

_ADVICE = {
    "5.6.1": "The recipient's device cannot take this kind of document. Send it in another form, or ask the recipient.",
    "5.6.3": "The document would have to be converted for the recipient's device, and no form of it suits the device.",
    "5.6.5": "The document could not be converted for the recipient's device. It may be damaged or encrypted.",
    "5.3.3": "The recipient's server does not say what the recipient can take, or not so that it can be read. By this "
    "gateway's policy the message comes back then.",
    "5.1.1": "The address does not exist. Check the spelling.",
    "5.1.2": "The domain does not exist. Check the spelling.",
    "5.4.7": "The recipient's server could not be reached for too long. The message was tried many times.",
}

_ACTIONS = {RecipientState.FAILED: Action.FAILED, RecipientState.DEFERRED: Action.DELAYED}


class Settlement:
    """Settles the results of one message."""

    def __init__(
        self,
        message: SpooledMessage,
        content: bytes,
        spool: Spool,
        journal: Journal,
        *,
        hostname: str,
        retry: RetryPolicy,
        clock: Callable[[], float],
        watch: Watcher,
        wake: Callable[[], None],
        reports: bool = True,
        delay_after: float = 0.0,
        media_features: bool = True,
    ) -> None:
        """`delay_after`: after so many seconds the sender is told that the message waits (0: never); `media_features`:
        reports say what the recipient can take.
        """
        self._message = message
        self._content = content
        self._spool = spool
        self._journal = journal
        self._hostname = hostname
        self._retry = retry
        self._clock = clock
        self._watch = watch
        self._wake = wake
        self._reports = reports
        self._delay_after = delay_after
        self._media_features = media_features

    async def settle(self, results: Sequence[Result]) -> None:
        """Make `results` durable; report failures, and delays for the first time, to the sender before that."""
        now = self._clock()
        final = [self._give_up_if_late(result, now) for result in results]
        delayed = await self._delayed(final, now)
        await self._report([*(result for result in final if _is_to_be_reported(result)), *delayed])
        for result in delayed:
            self._journal.told_of_delay(result.recipient)
        outcomes = []
        for result in final:
            self._journal.settled(result)
            outcomes.append(self._outcome(result, now))
        await self._spool.settle(self._message.id, outcomes, records=self._journal.take())
        for result in final:
            self._watch(
                Settled(
                    self._message.id,
                    result.recipient.forward_path,
                    str(result.state),
                    result.text,
                    result.octets,
                )
            )

    def _give_up_if_late(self, result: Result, now: float) -> Result:
        if result.state is not RecipientState.DEFERRED or self._next_attempt(result, now) is not None:
            return result
        text = f"given up after {self._retry.give_up / 3600:.0f} hours; last: {result.text}"
        return Result(
            result.recipient, RecipientState.FAILED, "5.4.7", text, result.remote, result.diagnostic
        )

    def _next_attempt(self, result: Result, now: float) -> float | None:
        return self._retry.next_attempt(
            attempts=result.recipient.attempts + 1, received_at=self._message.received_at, now=now
        )

    def _outcome(self, result: Result, now: float) -> Outcome:
        deferred = result.state is RecipientState.DEFERRED
        return Outcome(
            recipient_id=result.recipient.id,
            state=result.state,
            next_attempt_at=self._next_attempt(result, now) if deferred else None,
            reply=result.text,
            next_hop=result.remote,
        )

    async def _delayed(self, results: Sequence[Result], now: float) -> list[Result]:
        """Return the deferred whose sender is to be told now that they wait: once each (RFC 3461, 4.1: DELAY)."""
        if not self._delay_after or now - self._message.received_at < self._delay_after:
            return []
        waiting = [
            result
            for result in results
            if result.state is RecipientState.DEFERRED
            and (result.recipient.notify is None or "DELAY" in result.recipient.notify)
        ]
        if not waiting:
            return []
        told = {
            record.recipient_id
            for record in await self._spool.records(self._message.id)
            if record.kind == "delay"
        }
        return [result for result in waiting if result.recipient.id not in told]

    async def _report(self, wanted: Sequence[Result]) -> None:
        """Put a DSN (RFC 3464) about `wanted` into the spool, for the sender."""
        envelope = self._message.envelope
        if not wanted or not envelope.reverse_path or not self._reports:
            return
        report = write_dsn(
            reporting_mta=self._hostname,
            to=envelope.reverse_path,
            original=self._content,
            envid=envelope.envid,
            ret="HDRS" if envelope.requiretls else envelope.ret,  # RFC 8689, 5
            reports=[self._recipient_report(result) for result in wanted],
            arrival_date=datetime.fromtimestamp(self._message.received_at, UTC),
            message_id=f"<{uuid.uuid4()}@{self._hostname}>",
            date=datetime.fromtimestamp(self._clock(), UTC),
        )
        incoming = self._spool.incoming()
        incoming.write(report)
        await incoming.commit(
            Envelope(
                reverse_path="",
                recipients=(Recipient(envelope.reverse_path),),
                smtputf8=not envelope.reverse_path.isascii(),
                requiretls=envelope.requiretls,
                is_ours=True,
            )
        )
        self._wake()

    def _recipient_report(self, result: Result) -> RecipientReport:
        action = _ACTIONS.get(result.state) or Action(result.success or "relayed")
        until = self._message.received_at + self._retry.give_up
        return RecipientReport(
            forward_path=result.recipient.forward_path,
            action=action,
            status=result.status,
            diagnostic=None if result.state is RecipientState.DELIVERED else result.diagnostic,
            remote_mta=result.remote,
            orcpt=result.recipient.orcpt,
            explanation=_sentences(result.text, _advice(result)),
            media_accept_features=result.accepts if self._media_features else None,
            will_retry_until=datetime.fromtimestamp(until, UTC) if action is Action.DELAYED else None,
        )


def _sentences(text: str, advice: str) -> str:
    if not text or not advice:
        return text or advice
    return f"{text} {advice}" if text.endswith((".", "!", "?")) else f"{text}. {advice}"


def _advice(result: Result) -> str:
    if result.loss:
        return f"It was converted for the recipient's device, and has lost: {result.loss}."
    return _ADVICE.get(result.status, "") if result.state is RecipientState.FAILED else ""


def _is_to_be_reported(result: Result) -> bool:
    """Whether the sender is told: of failures unless told not to, of success when asked (RFC 3461, 4.1 and 5.2)."""
    notify = result.recipient.notify
    if result.state is RecipientState.FAILED:
        return notify is None or "FAILURE" in notify
    is_delivered = result.state is RecipientState.DELIVERED
    return is_delivered and result.success is not None and notify is not None and "SUCCESS" in notify
