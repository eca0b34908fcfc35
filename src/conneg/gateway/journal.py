"""The record of every decision about one message, gathered as it happens and written with the next settlement.

Each entry is a kind and a JSON object; `conneg queue explain` reads them back. Kinds: `connection` (with whom, under
which TLS, what was relied upon, what was found wrong on the way), `address` (which of a recipient's addresses was
chosen), `answer` (what a next hop said of a recipient), `policy` (what follows since that was not what was asked for),
`capability` (what it can take and who says so), `doubt` (whether that may have been made worse on its way), `plan`
(what it gets and why), `check` (how legible and like what was made for it is), `delay` (the sender was told that it
waits), `result`; and of all behind one next hop `strategy` (which of the ways to several recipients it goes, and why).
"""

import json
from collections.abc import Sequence
from typing import Any

from conneg.gateway.exchange import Connection
from conneg.gateway.result import Result, one_line
from conneg.gateway.strategies import StrategyChoice
from conneg.negotiation import Capability, Plan
from conneg.smtp import Reply
from conneg.spool import Record, SpooledRecipient


class Journal:
    """Entries waiting to be written."""

    def __init__(self) -> None:
        self._entries: list[Record] = []
        self._connected: dict[int, Connection] = {}

    def connected(self, recipients: Sequence[SpooledRecipient], connection: Connection) -> None:
        """These recipients are asked for over `connection`; told once for as long as it is the same."""
        channel = connection.tls
        for recipient in recipients:
            if self._connected.get(recipient.id) == connection:
                continue
            self._connected[recipient.id] = connection
            self._add(
                "connection",
                recipient,
                peer=connection.peer,
                address=connection.address,
                tls=channel and f"{channel.protocol} {channel.cipher}",
                verified=connection.is_verified,
                basis=str(connection.reliance.basis),
                problems=list(connection.reliance.problems),
                offers=list(connection.offers),
            )

    def served(self, next_hop: str, choice: StrategyChoice) -> None:
        """The recipients behind `next_hop` are served by a strategy."""
        values = {"next_hop": next_hop, "use": choice.use, "reason": choice.reason, "ignored": choice.ignored}
        self._entries.append(Record("strategy", json.dumps(values, ensure_ascii=False)))

    def answered(self, recipient: SpooledRecipient, peer: str, reply: Reply, capability: str | None) -> None:
        """The next hop `peer` answered RCPT."""
        self._add("answer", recipient, peer=peer, reply=one_line(reply), capability=capability)

    def by_policy(self, recipient: SpooledRecipient, reason: str, key: str, choice: str) -> None:
        """The next hop did not answer as it was asked; `key` of the destination says what follows."""
        self._add("policy", recipient, reason=reason, key=key, choice=choice)

    def capability(self, recipient: SpooledRecipient, capability: Capability, summary: str) -> None:
        """What the recipient can take is known."""
        self._add(
            "capability",
            recipient,
            summary=summary,
            expression=capability.expression,
            provenance=str(capability.provenance),
            source=capability.source,
        )

    def doubted(self, recipient: SpooledRecipient, reason: str, policy: str) -> None:
        """The next hop's word may have been made worse on its way; `policy` says what follows."""
        self._add("doubt", recipient, reason=reason, policy=policy)

    def readdressed(self, recipient: SpooledRecipient, asked_for: str, reason: str) -> None:
        """The recipient, to whom the message was `asked_for` at one address, gets it at the one that it has now."""
        self._add("address", recipient, asked_for=asked_for, reason=reason)

    def planned(self, recipients: Sequence[SpooledRecipient], plan: Plan, notes: Sequence[str] = ()) -> None:
        """These recipients get what `plan` says; `notes` are what was found strange in the message's parts."""
        for recipient in recipients:
            self._add(
                "plan", recipient, plan=json.loads(plan.to_json()), reason=plan.reason, notes=list(notes)
            )

    def told_of_delay(self, recipient: SpooledRecipient) -> None:
        """The sender is told that the message still waits for this recipient."""
        self._add("delay", recipient)

    def checked(self, recipients: Sequence[SpooledRecipient], findings: Sequence[str]) -> None:
        """What these recipients get was made, and this was found of it."""
        for recipient in recipients:
            self._add("check", recipient, findings=list(findings))

    def settled(self, result: Result) -> None:
        """A recipient reached a state."""
        self._add(
            "result",
            result.recipient,
            state=str(result.state),
            status=result.status,
            text=result.text,
            remote=result.remote,
            octets=result.octets,
            form=result.form,
        )

    def take(self) -> list[Record]:
        """Return the entries gathered since the last call, and forget them."""
        entries, self._entries = self._entries, []
        return entries

    def _add(self, kind: str, recipient: SpooledRecipient, **values: Any) -> None:
        text = json.dumps({"recipient": recipient.forward_path, **values}, ensure_ascii=False)
        self._entries.append(Record(kind, text, recipient.id))
