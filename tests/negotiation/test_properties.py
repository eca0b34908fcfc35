"""Laws of the planner over random offers and capabilities, with the feature algebra as the judge."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.features import FeatureSet, feature_set
from conneg.negotiation import (
    AsItIs,
    ByPart,
    Convert,
    Drop,
    Keep,
    MessageOffer,
    OfferedPart,
    OneDocument,
    PlanPolicy,
    Undeliverable,
    capability_classes,
    make_plan,
)
from conneg.negotiation.fax import normalise, with_twins
from conneg.negotiation.matching import is_accepted
from tests.negotiation.samples import said

TAGS = {
    "type": ['"image/tiff"', '"image/jpeg"', '"text/plain"', '"application/pdf"'],
    "image-file-structure": ["TIFF-minimal", "TIFF"],
    "color": ["Binary", "Grey", "Full"],
    "dpi": ["200", "204", "300"],
    "dpi-xyratio": ["1", "204/196"],
    "pix-x": ["100", "1080"],
}


@st.composite
def conjunctions(draw: st.DrawFn) -> str:
    chosen = draw(st.lists(st.sampled_from(sorted(TAGS)), max_size=4, unique=True))
    terms = []
    for tag in chosen:
        values = draw(st.lists(st.sampled_from(TAGS[tag]), min_size=1, max_size=2, unique=True))
        if tag == "pix-x" and draw(st.booleans()):
            terms.append(f"(pix-x<={values[0]})")
        else:
            terms.append(f"({tag}=[{','.join(values)}])")
    return f"(& {' '.join(terms)})" if terms else "(pix-x>=0)"


EXPRESSIONS = st.lists(conjunctions(), min_size=1, max_size=3).map(lambda parts: f"(| {' '.join(parts)})")
SETS = st.one_of(st.just(FeatureSet.nothing()), EXPRESSIONS.map(feature_set))
CAPABILITIES = EXPRESSIONS.map(said)
POLICIES = st.builds(
    PlanPolicy,
    on_no_common_form=st.sampled_from(["refuse", "original"]),
    on_protected=st.sampled_from(["keep", "refuse"]),
)


@st.composite
def offers(draw: st.DrawFn) -> MessageOffer:
    count = draw(st.integers(1, 4))
    parts = tuple(
        OfferedPart(
            id=f"1.{n}",
            media_type=draw(st.sampled_from(["image/tiff", "text/plain"])),
            label=f"part {n}",
            octets=1000,
            features=draw(SETS),
            offer=draw(SETS),
            protection="signed" if draw(st.integers(0, 5)) == 0 else None,
        )
        for n in range(count)
    )
    grouped = draw(st.booleans()) and count > 1
    return MessageOffer(parts, draw(SETS), alternatives=(("1.0", "1.1"),) if grouped else ())


@pytest.mark.shows("C-4")
@settings(max_examples=200, deadline=None)
@given(offers(), CAPABILITIES, POLICIES)
def test_what_a_plan_sends_is_offered_and_accepted(
    offer: MessageOffer, capability, policy: PlanPolicy
) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(offer, capability, policy)
    accepted = with_twins(capability.features)
    by_id = {part.id: part for part in offer.parts}
    may_overrule = policy.on_no_common_form == "original"
    may_keep = policy.on_protected == "keep"
    match plan:
        case OneDocument():
            assert capability.is_page_device
            assert accepted.accepts(plan.target)
            assert offer.document.accepts(plan.target)
            assert not any(by_id[part_id].protected for part_id in plan.part_ids)
        case ByPart():
            told = [action.part_id for action in plan.actions]
            assert sorted(told) == sorted(by_id), "each part is decided once"
            for action in plan.actions:
                part = by_id[action.part_id]
                match action:
                    case Convert():
                        assert accepted.accepts(action.target)
                        assert part.offer.accepts(action.target)
                        assert not part.protected
                    case Keep():
                        overruled = may_overrule or (part.protected and may_keep)
                        assert overruled or is_accepted(part.features, capability.features)
                    case Drop():
                        assert action.part_id in offer.alternatives[0]
            assert not all(isinstance(action, Drop) for action in plan.actions)
        case AsItIs():
            fits = all(is_accepted(part.features, capability.features) for part in offer.parts)
            protected = may_keep and any(part.protected for part in offer.parts)
            assert fits or may_overrule or protected
        case Undeliverable():
            assert plan.status in ("5.6.1", "5.6.3")
    assert plan.reason
    assert "\n" not in plan.reason


@settings(max_examples=100, deadline=None)
@given(offers(), EXPRESSIONS, EXPRESSIONS)
def test_equal_capabilities_lead_to_equal_plans(offer: MessageOffer, first: str, second: str) -> None:
    here, there = said(f"(| {first} {second})"), said(f"(| {second} {first})")
    assert here.features.key == there.features.key
    one, other = make_plan(offer, here), make_plan(offer, there)
    if isinstance(one, Undeliverable) and isinstance(other, Undeliverable):
        assert one.status == other.status, "which of several mismatches is told may depend on the order"
    else:
        assert one.key == other.key


@settings(max_examples=100, deadline=None)
@given(st.lists(CAPABILITIES, max_size=6))
def test_classes_partition_recipients_by_equivalence(capabilities) -> None:  # type: ignore[no-untyped-def]
    by_name = {f"u{n}": capability for n, capability in enumerate(capabilities)}
    classes = capability_classes(by_name)
    assert sorted(name for c in classes for name in c.recipients) == sorted(by_name)
    class_of = {name: index for index, c in enumerate(classes) for name in c.recipients}
    for one in by_name:
        for other in by_name:
            same = by_name[one].features.equivalent(by_name[other].features)
            assert (class_of[one] == class_of[other]) is same


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS)
def test_normalising_is_idempotent_and_twins_only_add(expression: str) -> None:
    features = feature_set(expression)
    once = normalise(features)
    assert normalise(once).equivalent(once)
    assert with_twins(once).contains(once)


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS)
def test_one_point_that_is_accepted_is_accepted_as_it_is(features: str, accepted: str) -> None:
    """The judge is intersection: a page description is accepted if each of its pages meets the capability."""
    described, capability = feature_set(features), feature_set(accepted)
    if is_accepted(described, capability):
        assert all(
            not (FeatureSet((page,)) & with_twins(capability)).is_empty for page in described.conjunctions
        )
