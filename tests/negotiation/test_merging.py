"""Near classes brought together: nobody loses anything, and what is sent costs less (draft, Appendix A (3))."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.features import feature_set
from conneg.negotiation import (
    LOSSES,
    AsItIs,
    ByPart,
    Capability,
    Convert,
    OneDocument,
    Plan,
    PlanPolicy,
    ServedClass,
    Undeliverable,
    cheapest_plans,
    estimate,
    is_accepted,
    make_plan,
)
from tests.negotiation.samples import DESK, DESK_USER, JUNE, MONO, PHONE_USER, WHOLE, said

_PAGE = "(image-file-structure=TIFF-minimal) (color=Binary) (MRC-mode=0) (paper-size=[A4,letter])"


def fax(codings: str, *resolutions: str) -> Capability:
    """A fax device with these codings and resolutions, such as `204x196`."""
    forms = {
        "204x98": "(& (dpi=204) (dpi-xyratio=204/98))",
        "204x196": "(& (dpi=204) (dpi-xyratio=204/196))",
        "400x400": "(& (dpi=400) (dpi-xyratio=1))",
    }
    lines = " ".join(forms[resolution] for resolution in resolutions)
    return said(f"(& {_PAGE} (image-coding=[{codings}]) (| {lines}))")


COARSE = fax("MH", "204x98", "204x196")
FINE = fax("MH,MR,MMR", "204x196")
FINEST = fax("MH,MMR", "204x196", "400x400")


def served(*capabilities: Capability) -> list[ServedClass]:
    return [ServedClass(capability, make_plan(WHOLE, capability)) for capability in capabilities]


def octets(plan: Plan) -> float:
    return estimate(plan, WHOLE)


def form(plan: Plan) -> str:
    assert isinstance(plan, OneDocument)
    return " ".join(str(plan.target[tag]) for tag in ("image-coding", "dpi", "dpi-xyratio"))


def test_a_smaller_coding_is_given_up_for_one_copy_less() -> None:
    mh, mmr = make_plan(WHOLE, COARSE), make_plan(WHOLE, FINE)
    assert (form(mh), form(mmr)) == ("MH 204 51/49", "MMR 204 51/49")
    plans = cheapest_plans(served(COARSE, FINE), WHOLE, octets)
    assert [form(plan) for plan in plans] == ["MH 204 51/49", "MH 204 51/49"]


def test_a_resolution_is_not_given_up_unless_policy_says_so() -> None:
    classes = served(FINE, FINEST)
    assert [form(plan) for plan in cheapest_plans(classes, WHOLE, octets)] == ["MMR 204 51/49", "MMR 400 1"]
    allowed = [loss for loss in LOSSES if loss != "resolution"]
    plans = cheapest_plans(classes, WHOLE, octets, losses=allowed)
    assert [form(plan) for plan in plans] == ["MMR 204 51/49", "MMR 204 51/49"]


def test_one_more_plan_may_do_for_all() -> None:
    """Each has a coding of its own, and MH is what both have."""
    one, two = fax("MH,MR", "204x196"), fax("MH,MMR", "204x196")
    together = make_plan(WHOLE, fax("MH", "204x196"))
    plans = cheapest_plans(served(one, two), WHOLE, octets, others=[together])
    assert {form(plan) for plan in plans} == {"MH 204 51/49"}
    assert len({plan.key for plan in cheapest_plans(served(one, two), WHOLE, octets)}) == 2


def test_a_form_that_is_there_already_is_taken() -> None:
    """Of two plans that do for both classes, the one that costs nothing more."""
    classes = served(COARSE, FINE)
    plans = cheapest_plans(classes, WHOLE, lambda plan: 0.0 if plan is classes[0].plan else octets(plan))
    assert {form(plan) for plan in plans} == {"MH 204 51/49"}


def test_pages_and_parts_do_not_stand_for_each_other() -> None:
    classes = served(MONO, PHONE_USER, DESK_USER)
    plans = cheapest_plans(classes, WHOLE, octets)
    assert [plan.key for plan in plans] == [one.plan.key for one in classes]


def test_an_original_is_not_converted_for_the_sake_of_another() -> None:
    """Who takes the PDF as it is gets it, though JPEG pages would do for both."""
    reader = said('(type=["application/pdf","image/jpeg","text/plain"])')
    viewer = said('(type=["image/jpeg","text/plain"])')
    classes = served(reader, viewer)
    assert isinstance(classes[0].plan, AsItIs)
    assert isinstance(classes[1].plan, ByPart)
    assert [plan.key for plan in cheapest_plans(classes, WHOLE, octets)] == [one.plan.key for one in classes]


def test_parts_are_merged_part_by_part() -> None:
    small = said('(| (& (type="image/jpeg") (pix-x<=800)) (type="text/plain"))')
    both = said('(| (& (type=["image/jpeg","image/png"]) (pix-x<=800)) (type="text/plain"))')
    classes = served(small, both)
    assert len({one.plan.key for one in classes}) == 2, "else there is nothing to merge"
    strict = cheapest_plans(classes, WHOLE, octets)
    assert [plan.key for plan in strict] == [one.plan.key for one in classes], "JPEG loses what PNG keeps"
    allowed = [loss for loss in LOSSES if loss not in ("lossless", "type")]
    (first, second) = cheapest_plans(classes, WHOLE, octets, losses=allowed)
    assert first.key == second.key == classes[0].plan.key


def test_a_link_is_nobodys_plan_who_takes_the_content() -> None:
    """The one takes the PDF as it is, for the other it is staged, and neither gets the other's plan."""
    policy = PlanPolicy(on_no_common_form="stage")
    reader, writer = said(DESK), said('(type=["text/plain","text/html"])')
    classes = [ServedClass(one, make_plan(WHOLE, one, policy)) for one in (reader, writer)]
    assert isinstance(classes[1].plan, ByPart)
    assert classes[1].plan.staged
    plans = cheapest_plans(classes, WHOLE, octets, losses=())
    assert [plan.key for plan in plans] == [one.plan.key for one in classes]


def test_what_cannot_be_delivered_is_nobody_elses_plan() -> None:
    nothing = said('(type="audio/basic")')
    classes = served(nothing, MONO)
    assert isinstance(classes[0].plan, Undeliverable)
    plans = cheapest_plans(classes, WHOLE, octets)
    assert [type(plan) for plan in plans] == [Undeliverable, OneDocument]


_KINDS = [
    ServedClass(device, make_plan(WHOLE, device))
    for device in (
        fax(codings, *lines)
        for codings in ("MH", "MH,MR", "MR,MMR", "MMR")
        for lines in (("204x98",), ("204x196",), ("204x98", "204x196"), ("204x196", "400x400"))
    )
]


def cheapest_by_trying(classes: Sequence[ServedClass], losses: Sequence[str]) -> float:
    """Try every way to give each class one of the plans, and return what the cheapest costs."""
    plans = list({one.plan.key: one.plan for one in classes}.values())
    best = float("inf")
    for given_plans in product(plans, repeat=len(classes)):
        if all(_loses_nothing(plan, one, losses) for plan, one in zip(given_plans, classes, strict=True)):
            best = min(best, sum(octets(plan) for plan in {p.key: p for p in given_plans}.values()))
    return best


def _loses_nothing(plan: Plan, one: ServedClass, losses: Sequence[str]) -> bool:
    """The definition, written out: accepted, and by no criterion worse than the class's own form."""
    if plan.key == one.plan.key:
        return True
    if not (isinstance(plan, OneDocument) and isinstance(one.plan, OneDocument)):
        return False
    if not is_accepted(feature_set(str(plan.target)), one.capability.features):
        return False
    lines = [
        target["dpi"] * target["dpi"] / target["dpi-xyratio"] for target in (plan.target, one.plan.target)
    ]  # type: ignore[operator]
    return "resolution" not in losses or lines[0] >= lines[1]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(_KINDS), min_size=1, max_size=4),
    st.sampled_from([LOSSES, tuple(loss for loss in LOSSES if loss != "resolution")]),
)
def test_nobody_loses_and_the_cost_is_near_the_least(
    classes: list[ServedClass], losses: tuple[str, ...]
) -> None:
    plans = cheapest_plans(classes, WHOLE, octets, losses=losses)
    assert all(_loses_nothing(plan, one, losses) for plan, one in zip(plans, classes, strict=True))
    cost = sum(octets(plan) for plan in {plan.key: plan for plan in plans}.values())
    harmonic = sum(1 / n for n in range(1, len(classes) + 1))
    assert cost <= cheapest_by_trying(classes, losses) * harmonic * (1 + 1e-9)


@pytest.mark.parametrize(("smaller", "larger"), [("MMR", "MR"), ("MR", "MH")])
def test_a_better_coding_is_estimated_smaller(smaller: str, larger: str) -> None:
    plans = [make_plan(WHOLE, fax(coding, "204x196")) for coding in (smaller, larger)]
    assert octets(plans[0]) < octets(plans[1])


def test_estimates_count_what_stays_and_what_is_made() -> None:
    as_it_is = make_plan(WHOLE, DESK_USER)
    assert estimate(as_it_is, WHOLE) == sum(part.octets for part in WHOLE.parts)
    by_part = make_plan(WHOLE, PHONE_USER)
    assert isinstance(by_part, ByPart)
    converted = {action.part_id for action in by_part.actions if isinstance(action, Convert)}
    kept = sum(part.octets for part in WHOLE.parts if part.id not in converted)
    assert estimate(by_part, WHOLE) > kept
    assert estimate(make_plan(WHOLE, fax("MH", "204x98")), WHOLE) < estimate(make_plan(WHOLE, JUNE), WHOLE)
