"""When a part is staged: only by policy, only where its citation is accepted, never what a signature protects."""

import json
from dataclasses import replace

import pytest

from conneg.features import FeatureSet, feature_set
from conneg.negotiation import (
    AsItIs,
    ByPart,
    Capability,
    MessageOffer,
    OfferedPart,
    Plan,
    PlanPolicy,
    Provenance,
    ServedClass,
    StageCause,
    Undeliverable,
    cheapest_plans,
    estimate,
    make_plan,
)
from conneg.negotiation.staging import CITATION_OCTETS
from tests.negotiation.samples import JUNE, said

STAGE = PlanPolicy(on_no_common_form="stage")
ABOVE = PlanPolicy(stage_above_octets=10_000)
TEXT_ONLY = said('(type=["text/plain","text/html"])')
ANYTHING = Capability("", FeatureSet.everything(), Provenance.BASELINE, "")


def part(part_id: str, media_type: str, octets: int = 1000, **values: object) -> OfferedPart:
    features = feature_set(f'(type="{media_type}")')
    return replace(
        OfferedPart(part_id, media_type, media_type, octets, features, FeatureSet.nothing()),
        **values,  # type: ignore[arg-type]
    )


LETTER = part("1.1", "text/plain")
DRAWING = part("1.2", "application/step", 50_000)


def offered(*parts: OfferedPart, alternatives: tuple[tuple[str, ...], ...] = ()) -> MessageOffer:
    return MessageOffer(parts, FeatureSet.nothing(), alternatives=alternatives)


def kinds(plan: Plan) -> dict[str, str]:
    assert isinstance(plan, ByPart), plan
    return {action.part_id: type(action).__name__ for action in plan.actions}


@pytest.mark.shows("C-11")
def test_what_has_no_form_is_staged_where_policy_says_so() -> None:
    offer = offered(LETTER, DRAWING)
    plan = make_plan(offer, TEXT_ONLY, STAGE)
    assert kinds(plan) == {"1.1": "Keep", "1.2": "Stage"}
    assert isinstance(plan, ByPart)
    assert plan.staged[0].cause is StageCause.NOT_ACCEPTED
    assert plan.summary == "one part staged"
    assert "no form of application/step is accepted; it is staged" in plan.reason
    assert json.loads(plan.to_json())["parts"][1]["cause"] == "not accepted"
    assert isinstance(make_plan(offer, TEXT_ONLY), Undeliverable)


def test_what_can_be_converted_is_converted() -> None:
    photo = part("1.2", "image/heic", offer=feature_set('(type="text/plain")'))
    assert kinds(make_plan(offered(LETTER, photo), TEXT_ONLY, STAGE)) == {"1.1": "Keep", "1.2": "Convert"}


@pytest.mark.parametrize(
    "takes", ['(type="image/jpeg")', '(& (type="text/plain") (u.urn:x-conneg:octets<=1000))']
)
def test_without_a_place_for_the_citation_it_is_as_before(takes: str) -> None:
    assert isinstance(make_plan(offered(DRAWING), said(takes), STAGE), Undeliverable)


def test_the_citation_is_such_that_it_is_taken() -> None:
    ascii_only = make_plan(offered(DRAWING), said('(& (type="text/plain") (charset=us-ascii))'), STAGE)
    everything = make_plan(offered(DRAWING), ANYTHING, ABOVE)
    with_external = said('(type=["text/plain","message/external-body"])')
    both = make_plan(offered(DRAWING), with_external, STAGE)
    found = [plan.staged[0] for plan in (ascii_only, everything, both) if isinstance(plan, ByPart)]
    assert [(one.is_ascii, one.has_external_body) for one in found] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert len({plan.key for plan in (ascii_only, everything)}) == 2


def test_what_is_too_large_is_staged_whatever_the_recipient_takes() -> None:
    pdf = part("1.2", "application/pdf", 10_001, offer=feature_set('(type="image/png")'))
    for capability in (ANYTHING, TEXT_ONLY, said('(type=["text/plain","image/png"])')):
        plan = make_plan(offered(LETTER, pdf), capability, ABOVE)
        assert kinds(plan) == {"1.1": "Keep", "1.2": "Stage"}
        assert isinstance(plan, ByPart)
        assert plan.staged[0].cause is StageCause.TOO_LARGE
    assert "application/pdf (10 kB) is larger than 10 kB and staged" in plan.reason
    assert isinstance(make_plan(offered(LETTER, replace(pdf, octets=10_000)), ANYTHING, ABOVE), AsItIs)


def test_what_is_too_large_goes_as_it_is_where_no_citation_is_taken() -> None:
    photo = part("1", "image/jpeg", 50_000)
    assert isinstance(make_plan(offered(photo), said('(type="image/jpeg")'), ABOVE), AsItIs)


def test_a_signature_is_never_broken() -> None:
    signed = replace(DRAWING, protection="signed")
    for policy in (STAGE, ABOVE):
        assert isinstance(make_plan(offered(LETTER, signed), TEXT_ONLY, policy), AsItIs)
    refuse = replace(STAGE, on_protected="refuse")
    assert isinstance(make_plan(offered(LETTER, signed), TEXT_ONLY, refuse), Undeliverable)


def test_of_alternatives_one_that_fits_spares_the_staging() -> None:
    large = part("1.2", "text/html", 50_000)
    plan = make_plan(offered(LETTER, large, alternatives=(("1.1", "1.2"),)), ANYTHING, ABOVE)
    assert kinds(plan) == {"1.2": "Drop", "1.1": "Keep"}


def test_of_alternatives_that_are_all_staged_the_best_one_is() -> None:
    both = part("1.1", "text/calendar"), part("1.2", "application/step")
    plan = make_plan(offered(*both, alternatives=(("1.1", "1.2"),)), TEXT_ONLY, STAGE)
    assert kinds(plan) == {"1.1": "Drop", "1.2": "Stage"}


def test_a_device_that_takes_pages_only_has_no_use_for_a_link() -> None:
    assert isinstance(make_plan(offered(DRAWING), JUNE, STAGE), Undeliverable)
    assert isinstance(make_plan(offered(DRAWING), JUNE, ABOVE), Undeliverable)


def test_nobody_gets_a_link_in_place_of_what_can_be_taken_nor_the_other_way_round() -> None:
    offer = offered(LETTER, DRAWING)
    with_external = said('(type=["text/plain","message/external-body"])')
    capabilities = (ANYTHING, TEXT_ONLY, with_external)
    classes = [ServedClass(one, make_plan(offer, one, STAGE)) for one in capabilities]
    own = [one.plan for one in classes]
    assert isinstance(own[0], AsItIs)
    for cheapest in own:
        chosen = cheapest_plans(classes, offer, lambda plan, best=cheapest: 1.0 if plan is best else 1000.0)
        assert [plan.key for plan in chosen] == [plan.key for plan in own]


def test_a_copy_with_a_citation_is_small() -> None:
    offer = offered(LETTER, DRAWING)
    staged, whole = make_plan(offer, TEXT_ONLY, STAGE), make_plan(offer, ANYTHING, STAGE)
    assert estimate(staged, offer) == LETTER.octets + CITATION_OCTETS < estimate(whole, offer)


def test_an_unknown_policy_is_an_error() -> None:
    with pytest.raises(ValueError, match="refuse, original or stage"):
        PlanPolicy(on_no_common_form="upload")
