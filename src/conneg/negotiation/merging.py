"""Near classes brought together: a form made for one class of recipients may do for another (draft, Appendix A (3)).

A plan does for a recipient if it leaves nothing that the recipient does not take, and if by no criterion that counts as
a loss it is worse than the recipient's own plan. Of the plans that were made, the cheapest few are kept that do for
everyone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from conneg.features import Criterion, FeatureCollection
from conneg.negotiation.capability import Capability
from conneg.negotiation.matching import is_accepted
from conneg.negotiation.offer import MessageOffer
from conneg.negotiation.plan import AsItIs, ByPart, Convert, Drop, OneDocument, PartAction, Plan, Stage

Loss = Literal["colour", "resolution", "chroma", "lossless", "type", "paper", "pix-x", "pix-y"]
LOSSES: tuple[Loss, ...] = get_args(Loss)
"""The criteria of `conneg.features.default_preference` by which a form can be worse than another; a larger coding loses
nothing.
"""

_FORM = "form"
_WHOLE = ""
"""Stands for the id of a part where all of them become one document."""

Cost = Callable[[Plan], float]
"""What it costs to make the content of a plan and to send it once, in any unit above zero."""


@dataclass(frozen=True, slots=True)
class ServedClass:
    """A class of recipients with what it can take and its own plan, the best for it alone."""

    capability: Capability
    plan: Plan


def cheapest_plans(
    classes: Sequence[ServedClass],
    offer: MessageOffer,
    cost: Cost,
    *,
    losses: Collection[str] = LOSSES,
    others: Sequence[Plan] = (),
) -> list[Plan]:
    """Return the plan for each class: its own, another's, or one of `others`, so that together they cost little.

    `losses` are the criteria by which nobody may get worse than by the own plan. The choice is the greedy one: again
    and again the plan that costs least for each class it is new to; with n classes it costs at most
    1 + 1/2 + ... + 1/n times what the cheapest would.
    """
    counted = frozenset((*losses, _FORM))
    plans = list({plan.key: plan for plan in (*(one.plan for one in classes), *others)}.values())
    serves = {
        plan.key: [at for at, one in enumerate(classes) if _does(plan, one, offer, counted)] for plan in plans
    }
    chosen: dict[int, Plan] = {}
    while len(chosen) < len(classes):
        best = min(plans, key=lambda plan: _cost_of_each(cost(plan), serves[plan.key], chosen))
        for at in serves[best.key]:
            chosen.setdefault(at, best)
    return [chosen[at] for at in range(len(classes))]


def worse_by(plan: Plan, own: Plan, offer: MessageOffer) -> tuple[str, ...]:
    """Return by what `plan` is worse than `own`: criteria of `LOSSES`, `form` where the two are of different kinds."""
    if _are_same(plan, own):
        return ()
    given, wanted = _targets(plan), _targets(own)
    if _shape(plan) != _shape(own) or not given.keys() <= wanted.keys():
        return (_FORM,)
    preferences = {part.id: part.preference for part in offer.parts} | {_WHOLE: offer.document_preference}
    found = {
        criterion.name: None
        for part_id, target in given.items()
        for criterion in preferences[part_id]
        if criterion.name in LOSSES and _rank(criterion, target) < _rank(criterion, wanted[part_id])
    }
    return tuple(found)


def _does(plan: Plan, served: ServedClass, offer: MessageOffer, losses: AbstractSet[str]) -> bool:
    """Whether a class can do with `plan` in place of its own."""
    if _are_same(plan, served.plan):
        return True
    if _targets(plan).keys() != _targets(served.plan).keys():
        return False
    return losses.isdisjoint(worse_by(plan, served.plan, offer)) and all(
        served.capability.features.accepts(target)
        or is_accepted(target.as_feature_set(), served.capability.features)
        for target in _targets(plan).values()
    )


def _are_same(plan: Plan, other: Plan) -> bool:
    return type(plan) is type(other) and plan.key == other.key


def _shape(plan: Plan) -> tuple[object, ...]:
    """Return what plans must have in common for their forms to be compared: what becomes pages, or what is left out of
    the message, and how.
    """
    match plan:
        case OneDocument(part_ids=part_ids):
            return ("pages", *part_ids)
        case ByPart(actions=actions):
            return ("parts", *sorted(out for action in actions if (out := _left_out(action))))
        case AsItIs():
            return ("parts",)
        case _:
            return (plan.key,)


def _left_out(action: PartAction) -> str:
    """Return what an action takes out of the message: an alternative, what a citation replaces, or nothing."""
    match action:
        case Drop(part_id=part_id):
            return part_id
        case Stage(part_id=part_id, is_ascii=is_ascii, has_external_body=has_external_body):
            return f"{part_id} staged {is_ascii:d}{has_external_body:d}"
        case _:
            return ""


def _targets(plan: Plan) -> Mapping[str, FeatureCollection]:
    """Return the form that each converted part gets, or the whole document."""
    match plan:
        case OneDocument(target=target):
            return {_WHOLE: target}
        case ByPart(actions=actions):
            return {action.part_id: action.target for action in actions if isinstance(action, Convert)}
        case _:
            return {}


def _rank(criterion: Criterion, form: FeatureCollection) -> tuple[Fraction | int, ...]:
    return criterion.key({tag: form[tag] for tag in criterion.tags if tag in form})


def _cost_of_each(cost: float, classes: Sequence[int], chosen: Collection[int]) -> tuple[float, float]:
    """Return the cost for each class that has no plan yet; of two with the same the one that costs less in all."""
    new = sum(at not in chosen for at in classes)
    return (cost / new if new else float("inf"), cost)
