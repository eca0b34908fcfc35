"""Near classes brought together: a form made for one class of recipients may do for another (draft, Appendix A (3)).

A plan does for a recipient if it leaves nothing that the recipient does not take, and if by no criterion that counts as
a loss it is worse than the recipient's own plan. Of the plans that were made, the cheapest few are kept that do for
everyone.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from conneg.features import FeatureCollection, Preference
from conneg.negotiation.capability import Capability
from conneg.negotiation.matching import is_accepted
from conneg.negotiation.offer import MessageOffer
from conneg.negotiation.plan import ByPart, Convert, Drop, OneDocument, Plan

Loss = Literal["colour", "resolution", "chroma", "lossless", "type", "paper", "pix-x", "pix-y"]
LOSSES: tuple[Loss, ...] = get_args(Loss)
"""The criteria of `conneg.features.default_preference` by which a form can be worse than another; a larger coding loses
nothing.
"""

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
    plans = list({plan.key: plan for plan in (*(one.plan for one in classes), *others)}.values())
    serves = {
        plan.key: [at for at, one in enumerate(classes) if _does(plan, one, offer, losses)] for plan in plans
    }
    chosen: dict[int, Plan] = {}
    while len(chosen) < len(classes):
        best = min(plans, key=lambda plan: _cost_of_each(cost(plan), serves[plan.key], chosen))
        for at in serves[best.key]:
            chosen.setdefault(at, best)
    return [chosen[at] for at in range(len(classes))]


def _cost_of_each(cost: float, classes: Sequence[int], chosen: Collection[int]) -> tuple[float, float]:
    """Return the cost for each class that has no plan yet; of two with the same the one that costs less in all."""
    new = sum(at not in chosen for at in classes)
    return (cost / new if new else float("inf"), cost)


def _does(plan: Plan, served: ServedClass, offer: MessageOffer, losses: Collection[str]) -> bool:
    """Whether a class can do with `plan` in place of its own."""
    own = served.plan
    if plan.key == own.key and type(plan) is type(own):
        return True
    if isinstance(plan, OneDocument) and isinstance(own, OneDocument):
        return plan.part_ids == own.part_ids and _is_as_good(
            plan.target, own.target, served.capability, offer.document_preference, losses
        )
    if isinstance(plan, ByPart) and isinstance(own, ByPart):
        return _does_by_part(plan, own, served.capability, offer, losses)
    return False


def _does_by_part(
    plan: ByPart, own: ByPart, capability: Capability, offer: MessageOffer, losses: Collection[str]
) -> bool:
    """Whether the same parts are kept and left out, and each converted part is as good."""
    preferences = {part.id: part.preference for part in offer.parts}
    given, wanted = _converted(plan), _converted(own)
    return (
        _dropped(plan) == _dropped(own)
        and given.keys() == wanted.keys()
        and all(
            _is_as_good(given[part_id], target, capability, preferences[part_id], losses)
            for part_id, target in wanted.items()
        )
    )


def _converted(plan: ByPart) -> dict[str, FeatureCollection]:
    return {action.part_id: action.target for action in plan.actions if isinstance(action, Convert)}


def _dropped(plan: ByPart) -> set[str]:
    return {action.part_id for action in plan.actions if isinstance(action, Drop)}


def _is_as_good(
    given: FeatureCollection,
    own: FeatureCollection,
    capability: Capability,
    preference: Preference,
    losses: Collection[str],
) -> bool:
    """Whether the form `given` is accepted, and by none of `losses` worse than the form `own`."""
    for criterion in preference:
        if criterion.name in losses:
            theirs, mine = (
                criterion.key({tag: form[tag] for tag in criterion.tags if tag in form})
                for form in (given, own)
            )
            if theirs < mine:
                return False
    return capability.features.accepts(given) or is_accepted(given.as_feature_set(), capability.features)
