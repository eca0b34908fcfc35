"""Plans that give up a little more each time: what comes first, and that each is smaller and accepted."""

from fractions import Fraction
from itertools import pairwise

import pytest

from conneg.features import FeatureCollection, feature_set
from conneg.features.private import OCTETS_TAG, QUALITY_TAG
from conneg.negotiation import (
    AsItIs,
    ByPart,
    Capability,
    Convert,
    MessageOffer,
    OneDocument,
    Plan,
    PlanPolicy,
    make_plan,
)
from conneg.negotiation.shrinking import LOWER_QUALITY, smaller_plans
from tests.negotiation.samples import (
    COLOUR,
    JUNE,
    MONO,
    WHOLE,
    message,
    pdf_part,
    photo_part,
    said,
    text_part,
)

SMALL_PICTURES = said('(| (& (type="image/jpeg") (u.urn:x-conneg:octets<=100000)) (type="text/plain"))')


def smaller(offer: MessageOffer, capability: Capability, octets: int | None = None) -> list[Plan]:
    plan = make_plan(offer, capability)
    return [plan, *smaller_plans(offer, capability, PlanPolicy(), plan, octets)]


def targets(plan: Plan) -> list[FeatureCollection]:
    match plan:
        case OneDocument(target=target):
            return [target]
        case ByPart(actions=actions):
            return [action.target for action in actions if isinstance(action, Convert)]
        case _:
            return []


def dots(target: FeatureCollection) -> Fraction:
    """Dots in a square inch, or in the whole picture."""
    if "pix-x" in target:
        return Fraction(str(target["pix-x"])) ** 2
    return Fraction(str(target["dpi"])) ** 2 / Fraction(str(target.get("dpi-xyratio", 1)))


def test_quality_goes_before_resolution_and_that_before_colour() -> None:
    plans = smaller(message(text_part(), photo_part()), SMALL_PICTURES)
    first = {}
    for number, plan in enumerate(plans):
        (target,) = targets(plan)
        if target.get(QUALITY_TAG) == LOWER_QUALITY:
            first.setdefault("quality", number)
        if dots(target) < dots(targets(plans[0])[0]):
            first.setdefault("resolution", number)
        if str(target["color"]).lower() == "grey":
            first.setdefault("colour", number)
    assert list(first) == ["quality", "resolution", "colour"]
    assert plans[-1].reason.endswith(
        "given up for the limit on octets: quality of pictures, resolution (4 times), colour"
    )


GREY_PDF = said('(& (type="application/pdf") (color=Grey))')


@pytest.mark.parametrize(
    ("offer", "capability"),
    [
        (WHOLE, JUNE),
        (WHOLE, MONO),
        (WHOLE, COLOUR),
        (message(text_part(), photo_part()), SMALL_PICTURES),
        (message(pdf_part()), GREY_PDF),
    ],
    ids=["June", "profile S", "profile C", "pictures", "PDF"],
)
def test_each_plan_is_new_and_accepted_and_has_no_more_dots_than_the_one_before(
    offer: MessageOffer, capability: Capability
) -> None:
    plans = smaller(offer, capability)
    assert 1 < len({plan.key for plan in plans}) == len(plans) <= 9
    for plan in plans:
        for target in targets(plan):
            assert not (feature_set(str(target)) & capability.features).is_empty
    for plan, following in pairwise(plans):
        for one, other in zip(targets(plan), targets(following), strict=True):
            if ("dpi" in one or "pix-x" in one) and one["type"] == other["type"]:
                assert dots(other) <= dots(one)


def test_a_fax_machine_gets_fewer_lines() -> None:
    plans = smaller(WHOLE, MONO)
    assert [dots(targets(plan)[0]) for plan in plans] == sorted(
        {dots(targets(plan)[0]) for plan in plans}, reverse=True
    )
    assert len(plans) == 2, "profile S has two resolutions that differ enough"


def test_what_was_accepted_as_it_is_is_converted_when_the_next_hop_takes_less() -> None:
    offer = message(text_part(), photo_part())
    plan, first, *_ = smaller(offer, said('(type=["image/jpeg","text/plain"])'), octets=200_000)
    assert isinstance(plan, AsItIs)
    (target,) = targets(first)
    assert target[OCTETS_TAG] == 200_000
    assert isinstance(first, ByPart)
    assert {action.part_id: type(action).__name__ for action in first.actions} == {
        "1.1": "Keep",
        "1.3": "Convert",
    }


def test_where_nothing_can_be_given_up_there_is_no_plan() -> None:
    assert smaller(message(text_part()), said('(type="text/plain")'))[1:] == []
