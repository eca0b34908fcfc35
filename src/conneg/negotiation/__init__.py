"""Who gets what: capabilities, plans and their reasons, as pure values and functions.

`capability` reads what a recipient can take; `offer` describes what a message holds and could become; `planner`
brings the two together into a `plan`; `classes` and `strategy` bring recipients together; `reply` is the table of what
follows from a reply to RCPT; `summary` and `record` put it all into words. Nothing here reads, converts or sends an
octet.
"""

from conneg.negotiation.capability import (
    Capability,
    CapabilityError,
    Provenance,
    baseline,
    profile_expression,
    read_capability,
)
from conneg.negotiation.classes import CapabilityClass, capability_classes
from conneg.negotiation.matching import OCTETS_TAG, common_forms, is_accepted
from conneg.negotiation.offer import MessageOffer, OfferedPart
from conneg.negotiation.plan import (
    AsItIs,
    ByPart,
    Convert,
    Drop,
    Keep,
    OneDocument,
    PartAction,
    Plan,
    Stage,
    StageCause,
    Undeliverable,
)
from conneg.negotiation.planner import PlanPolicy, make_plan
from conneg.negotiation.record import DecisionRecord, capability_values
from conneg.negotiation.reply import Outcome, RcptPolicy, after_rcpt, failure_status, when_not_listed
from conneg.negotiation.strategy import Strategy, batches, common, single
from conneg.negotiation.summary import describe_capability, describe_form

__all__ = [
    "OCTETS_TAG",
    "AsItIs",
    "ByPart",
    "Capability",
    "CapabilityClass",
    "CapabilityError",
    "Convert",
    "DecisionRecord",
    "Drop",
    "Keep",
    "MessageOffer",
    "OfferedPart",
    "OneDocument",
    "Outcome",
    "PartAction",
    "Plan",
    "PlanPolicy",
    "Provenance",
    "RcptPolicy",
    "Stage",
    "StageCause",
    "Strategy",
    "Undeliverable",
    "after_rcpt",
    "baseline",
    "batches",
    "capability_classes",
    "capability_values",
    "common",
    "common_forms",
    "describe_capability",
    "describe_form",
    "failure_status",
    "is_accepted",
    "make_plan",
    "profile_expression",
    "read_capability",
    "single",
    "when_not_listed",
]
