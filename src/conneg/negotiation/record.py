"""The record of a decision: whose capability, said by whom, led to which plan, and why; values in, text out.

The spool keeps the JSON; `conneg queue explain` and the console show the lines.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from conneg.negotiation.capability import Capability
from conneg.negotiation.plan import ByPart, Plan
from conneg.negotiation.summary import describe_capability


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One plan and the recipients it was made for; `capability` is None when nothing was known of them."""

    recipients: tuple[str, ...]
    capability: Capability | None
    plan: Plan

    def lines(self) -> tuple[str, ...]:
        """Return the story in plain words, one fact a line: what is known, what was decided, then part by part."""
        who = ", ".join(self.recipients)
        told = [_known(self.capability), f"{who}: {self.plan.reason}"]
        if isinstance(self.plan, ByPart):
            told += [f"part {action.part_id}: {action.reason}" for action in self.plan.actions]
        return tuple(told)

    def to_json(self) -> str:
        """Return the record as one JSON object."""
        values = {
            "recipients": list(self.recipients),
            "capability": None if self.capability is None else capability_values(self.capability),
            "plan": json.loads(self.plan.to_json()),
        }
        return json.dumps(values, ensure_ascii=False)


def capability_values(capability: Capability) -> dict[str, Any]:
    """Return `capability` as values for JSON; `obtained_at` is Unix time."""
    return {
        "summary": describe_capability(capability),
        "expression": capability.expression,
        "provenance": capability.provenance.value,
        "source": capability.source,
        "obtained_at": capability.obtained_at,
        "authenticated": capability.authenticated,
    }


def _known(capability: Capability | None) -> str:
    if capability is None:
        return "nothing is known of what can be taken"
    said = {
        "reply": f"{capability.source} said in its reply to RCPT",
        "directory": f"the directory has ({capability.source})",
        "learned": f"an earlier report said ({capability.source})",
        "baseline": f"nobody knows, so the baseline holds ({capability.source})",
    }[capability.provenance.value]
    age = ""
    if capability.obtained_at is not None:
        at = datetime.fromtimestamp(capability.obtained_at, UTC)
        age = f", as of {at:%Y-%m-%d %H:%M} UTC"
    return f"{said}{age}: {describe_capability(capability)}"
