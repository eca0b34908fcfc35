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
    "5.3.3": "The recipient's server does not say what the recipient can take, and this gateway was told to ask.",
    "5.1.1": "The address does not exist. Check the spelling.",
    "5.1.2": "The domain does not exist. Check the spelling.",
    "5.4.7": "The recipient's server could not be reached for too long. The message was tried many times.",
}


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
    ) -> None:
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

    async def settle(self, results: Sequence[Result]) -> None:
        """Make `results` durable; report the failures to the sender first."""
        now = self._clock()
        final = [self._give_up_if_late(result, now) for result in results]
        await self._report([result for result in final if _is_to_be_reported(result)])
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
            reports=[_recipient_report(result) for result in wanted],
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


def _is_to_be_reported(result: Result) -> bool:
    """Whether the sender is told: of failures unless told not to, of success when asked (RFC 3461, 4.1 and 5.2)."""
    notify = result.recipient.notify
    if result.state is RecipientState.FAILED:
        return notify is None or "FAILURE" in notify
    is_delivered = result.state is RecipientState.DELIVERED
    return is_delivered and result.success is not None and notify is not None and "SUCCESS" in notify


def _recipient_report(result: Result) -> RecipientReport:
    failed = result.state is RecipientState.FAILED
    advice = _ADVICE.get(result.status, "") if failed else ""
    return RecipientReport(
        forward_path=result.recipient.forward_path,
        action=Action("failed" if failed else result.success or "relayed"),
        status=result.status,
        diagnostic=result.diagnostic if failed else None,
        remote_mta=result.remote,
        orcpt=result.recipient.orcpt,
        explanation=" ".join(filter(None, [result.text, advice])),
        media_accept_features=None,
    )
