"""Who gets what: capabilities, plans and their reasons, as pure values and functions.

`capability` reads what a recipient can take; `offer` describes what a message holds and could become; `planner`
brings the two together into a `plan`, and `shrinking` finds smaller ones; `legibility` says whether small type can be
read in a form; `classes`, `strategy` and `merging` bring recipients together, and `cost` says at what price; `reply`
is the table of what follows from a reply to RCPT; `summary` and `record` put it all into words. Nothing here reads,
converts or sends an octet.
"""

from conneg.features.private import OCTETS_TAG
from conneg.negotiation.capability import (
    Capability,
    CapabilityError,
    Provenance,
    baseline,
    profile_expression,
    read_capability,
)
from conneg.negotiation.classes import CapabilityClass, capability_classes
from conneg.negotiation.cost import estimate
from conneg.negotiation.legibility import choose_legible, describe_made
from conneg.negotiation.matching import common_forms, is_accepted
from conneg.negotiation.merging import LOSSES, Loss, ServedClass, cheapest_plans, worse_by
from conneg.negotiation.offer import MessageOffer, OfferedPart, SmallType
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
    loss_of,
)
from conneg.negotiation.planner import PlanPolicy, make_plan
from conneg.negotiation.record import DecisionRecord, capability_values
from conneg.negotiation.reply import (
    NOT_SUPPORTED_STATUS,
    OnNotSupported,
    OnUnreadable,
    Outcome,
    RcptCase,
    RcptPolicy,
    after_rcpt,
    failure_status,
    rcpt_case,
    when_not_listed,
)
from conneg.negotiation.shrinking import smaller_forms, smaller_plans, staging_plans
from conneg.negotiation.strategy import Strategy, batches, common, single
from conneg.negotiation.summary import describe_capability, describe_form

__all__ = [
    "LOSSES",
    "NOT_SUPPORTED_STATUS",
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
    "Loss",
    "MessageOffer",
    "OfferedPart",
    "OnNotSupported",
    "OnUnreadable",
    "OneDocument",
    "Outcome",
    "PartAction",
    "Plan",
    "PlanPolicy",
    "Provenance",
    "RcptCase",
    "RcptPolicy",
    "ServedClass",
    "SmallType",
    "Stage",
    "StageCause",
    "Strategy",
    "Undeliverable",
    "after_rcpt",
    "baseline",
    "batches",
    "capability_classes",
    "capability_values",
    "cheapest_plans",
    "choose_legible",
    "common",
    "common_forms",
    "describe_capability",
    "describe_form",
    "describe_made",
    "estimate",
    "failure_status",
    "is_accepted",
    "loss_of",
    "make_plan",
    "profile_expression",
    "rcpt_case",
    "read_capability",
    "single",
    "smaller_forms",
    "smaller_plans",
    "staging_plans",
    "when_not_listed",
    "worse_by",
]
