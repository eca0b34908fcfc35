"""The planner's decisions as values: what a recipient's copy of the message is made of, and why.

Every plan has `reason`, one line in plain words for the operator; `summary`, a few words for a table; `key`, which is
equal for plans that lead to the same content; and `to_json`, the text that the spool keeps.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from conneg.features import Conflict, FeatureCollection
from conneg.negotiation.summary import describe_form


@dataclass(frozen=True, slots=True)
class Keep:
    """The part stays, octet for octet."""

    part_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Convert:
    """The part is replaced by its rendition at the point `target`, which is both offered and accepted.

    `loss` says what of the original the rendition has not, nothing if it has all.
    """

    part_id: str
    target: FeatureCollection
    reason: str
    loss: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """The part (or container), an alternative that was not chosen, is left out."""

    part_id: str
    reason: str


class StageCause(StrEnum):
    """Why a part goes to the retrieval server."""

    NOT_ACCEPTED = "not accepted"
    """The recipient takes no form of it."""
    TOO_LARGE = "too large"
    """It has more octets than policy sends."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The part goes to the retrieval server, and a citation in text/plain takes its place.

    `is_ascii`: the recipient takes no text outside US-ASCII; `has_external_body`: message/external-body is taken, too.
    """

    part_id: str
    cause: StageCause
    reason: str
    is_ascii: bool = False
    has_external_body: bool = True


PartAction = Keep | Convert | Drop | Stage


@dataclass(frozen=True, slots=True)
class AsItIs:
    """The content goes out octet for octet."""

    reason: str

    @property
    def key(self) -> str:
        """The same for plans that lead to the same content."""
        return "as it is"

    @property
    def summary(self) -> str:
        """The form in a few words."""
        return "as it is"

    def to_json(self) -> str:
        """Return the plan as one JSON object."""
        return _json("as it is", self.summary, self.reason, {})


@dataclass(frozen=True, slots=True)
class ByPart:
    """Each body part by itself; what no action names stays as it is."""

    actions: tuple[PartAction, ...]
    reason: str

    @property
    def staged(self) -> tuple[Stage, ...]:
        """What goes to the retrieval server."""
        return tuple(action for action in self.actions if isinstance(action, Stage))

    @property
    def key(self) -> str:
        """The same for plans that lead to the same content."""
        return "; ".join(_action_key(action) for action in self.actions if not isinstance(action, Keep))

    @property
    def summary(self) -> str:
        """The form in a few words."""
        forms = dict.fromkeys(describe_form(a.target) for a in self.actions if isinstance(a, Convert))
        dropped = sum(isinstance(action, Drop) for action in self.actions)
        words = list(forms)
        if dropped:
            words.append("one alternative dropped" if dropped == 1 else f"{dropped} alternatives dropped")
        if self.staged:
            count = len(self.staged)
            words.append("one part staged" if count == 1 else f"{count} parts staged")
        return "; ".join(words) or "as it is"

    def to_json(self) -> str:
        """Return the plan as one JSON object."""
        return _json("by part", self.summary, self.reason, {"parts": [_action_json(a) for a in self.actions]})


@dataclass(frozen=True, slots=True)
class OneDocument:
    """The parts `part_ids` become the pages of one document at the point `target`, and nothing else is sent.

    `loss` is as in `Convert`.
    """

    target: FeatureCollection
    part_ids: tuple[str, ...]
    reason: str
    loss: str = ""

    @property
    def key(self) -> str:
        """The same for plans that lead to the same content."""
        return f"{' '.join(self.part_ids)} as {self.target}"

    @property
    def summary(self) -> str:
        """The form in a few words."""
        return describe_form(self.target)

    def to_json(self) -> str:
        """Return the plan as one JSON object."""
        values = {"target": str(self.target), "parts": list(self.part_ids)}
        return _json("one document", self.summary, self.reason, values)


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """There is no form that could be sent; `status` is the enhanced status code for the report (RFC 3463, 3.7)."""

    status: str
    reason: str
    conflicts: tuple[Conflict, ...] = ()

    @property
    def key(self) -> str:
        """The same for plans that lead to the same report."""
        return f"{self.status} {self.reason}"

    @property
    def summary(self) -> str:
        """The outcome in a few words."""
        return "not deliverable"

    def to_json(self) -> str:
        """Return the plan as one JSON object."""
        conflicts = [
            {"tag": c.tag, "offered": c.offered.describe(), "accepted": c.accepted.describe()}
            for c in self.conflicts
        ]
        values = {"status": self.status, "conflicts": conflicts}
        return _json("undeliverable", self.summary, self.reason, values)


Plan = AsItIs | ByPart | OneDocument | Undeliverable


def loss_of(plan: Plan) -> str:
    """Return what of the original nobody gets who gets this, in a few words; nothing if all of it is there."""
    match plan:
        case OneDocument(loss=loss):
            return loss
        case ByPart(actions=actions):
            lost = (action.loss for action in actions if isinstance(action, Convert))
            return ", ".join(dict.fromkeys(filter(None, lost)))
        case _:
            return ""


def _action_key(action: PartAction) -> str:
    match action:
        case Convert(part_id=part_id, target=target):
            return f"{part_id} as {target}"
        case Drop(part_id=part_id):
            return f"{part_id} dropped"
        case Keep(part_id=part_id):
            return f"{part_id} kept"
        case Stage(part_id=part_id, is_ascii=is_ascii, has_external_body=has_external_body):
            return f"{part_id} staged {is_ascii:d}{has_external_body:d}"


def _action_json(action: PartAction) -> Mapping[str, Any]:
    values = {"part": action.part_id, "action": type(action).__name__.lower(), "reason": action.reason}
    if isinstance(action, Convert):
        values["target"] = str(action.target)
        values["summary"] = describe_form(action.target)
    if isinstance(action, Stage):
        values["cause"] = str(action.cause)
    return values


def _json(kind: str, summary: str, reason: str, values: Mapping[str, Any]) -> str:
    return json.dumps({"plan": kind, "summary": summary, "reason": reason, **values}, ensure_ascii=False)
