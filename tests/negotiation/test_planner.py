"""The planner's rules (design 4; draft 4.2, Appendix B.2 (2); RFC 2046, 5.1.4)."""

import json
from dataclasses import replace

import pytest

from conneg.features import FeatureSet, feature_set
from conneg.negotiation import (
    AsItIs,
    ByPart,
    Convert,
    Drop,
    Keep,
    MessageOffer,
    OneDocument,
    Plan,
    PlanPolicy,
    Undeliverable,
    make_plan,
)
from tests.negotiation.samples import (
    BW_PAGES,
    DESK_USER,
    JUNE,
    MONO,
    NOTHING,
    PHONE_USER,
    WHOLE,
    html_part,
    message,
    pdf_part,
    photo_part,
    said,
    text_part,
    tiff_part,
)

S_TIFF = """(& (type="image/tiff") (image-file-structure=TIFF-minimal) (color=Binary) (image-coding=MH) (MRC-mode=0)
    (dpi=204) (dpi-xyratio=204/196) (size-x=2150/254) (paper-size=A4))"""


def kinds(plan: Plan) -> dict[str, str]:
    assert isinstance(plan, ByPart)
    return {action.part_id: type(action).__name__ for action in plan.actions}


class TestPageDevices:
    def test_all_parts_become_the_pages_of_one_document_in_reading_order(self) -> None:
        plan = make_plan(WHOLE, JUNE)
        assert isinstance(plan, OneDocument)
        assert plan.part_ids == ("1.1", "1.2", "1.3")
        assert JUNE.features.accepts(plan.target)
        assert WHOLE.document.accepts(plan.target)

    def test_the_reason_is_in_plain_words(self) -> None:
        assert make_plan(WHOLE, JUNE).reason == (
            "device takes black and white TIFF pages only (image-file-structure=TIFF-minimal, color=Binary); "
            "3 parts become the pages of one document; 400x400 dpi, MMR, A4, B/W; given up: colour"
        )

    def test_a_single_tiff_that_is_accepted_goes_as_it_is(self) -> None:
        offer = message(tiff_part(features=S_TIFF), document=feature_set(BW_PAGES))
        assert isinstance(make_plan(offer, MONO), AsItIs)
        assert isinstance(make_plan(offer, JUNE), AsItIs)

    def test_every_page_of_a_tiff_must_be_accepted(self) -> None:
        fine = S_TIFF.replace("204/196", "204/391")
        offer = message(tiff_part(features=f"(| {S_TIFF} {fine})"), document=feature_set(BW_PAGES))
        assert isinstance(make_plan(offer, JUNE), OneDocument)

    def test_a_tiff_of_another_coding_is_made_again(self) -> None:
        offer = message(tiff_part(features=S_TIFF.replace("=MH", "=MMR")), document=feature_set(BW_PAGES))
        plan = make_plan(offer, MONO)
        assert isinstance(plan, OneDocument)
        assert str(plan.target["image-coding"]) == "MH"

    def test_a_tiff_whose_structure_is_not_known_is_made_again(self) -> None:
        offer = message(
            tiff_part(features='(& (type="image/tiff") (color=Binary))'), document=feature_set(BW_PAGES)
        )
        assert isinstance(make_plan(offer, JUNE), OneDocument)

    def test_text_is_no_page_although_no_tag_of_it_conflicts(self) -> None:
        plan = make_plan(message(text_part("1")), JUNE)
        assert isinstance(plan, OneDocument)
        assert plan.part_ids == ("1",)

    def test_what_cannot_be_rendered_makes_it_undeliverable(self) -> None:
        archive = html_part("1.2", label="files.zip", media_type="application/zip")
        plan = make_plan(message(text_part(), archive, document=NOTHING), JUNE)
        assert isinstance(plan, Undeliverable)
        assert plan.status == "5.6.3"
        assert "files.zip cannot be turned into pages" in plan.reason
        assert "the text" not in plan.reason

    def test_no_common_form_names_the_tag_that_stands_in_the_way(self) -> None:
        only_jbig = said("(& (image-file-structure=TIFF) (color=Binary) (image-coding=JBIG))")
        plan = make_plan(message(text_part("1"), document=feature_set(BW_PAGES)), only_jbig)
        assert isinstance(plan, Undeliverable)
        assert plan.status == "5.6.1"
        assert "image-coding" in plan.reason
        assert "image-coding" in {conflict.tag.lower() for conflict in plan.conflicts}

    def test_policy_may_send_the_original(self) -> None:
        only_jbig = said("(& (image-file-structure=TIFF) (color=Binary) (image-coding=JBIG))")
        plan = make_plan(
            message(text_part("1"), document=feature_set(BW_PAGES)),
            only_jbig,
            PlanPolicy(on_no_common_form="original"),
        )
        assert isinstance(plan, AsItIs)
        assert "policy sends the original" in plan.reason

    def test_only_one_alternative_is_printed(self) -> None:
        offer = message(text_part("1.1"), html_part("1.2"), alternatives=(("1.1", "1.2"),))
        plan = make_plan(offer, JUNE)
        assert isinstance(plan, OneDocument)
        assert plan.part_ids == ("1.1",)

    def test_the_best_alternative_that_can_be_rendered_is_printed(self) -> None:
        offer = message(text_part("1.1"), pdf_part("1.2"), alternatives=(("1.1", "1.2"),))
        plan = make_plan(offer, JUNE)
        assert isinstance(plan, OneDocument)
        assert plan.part_ids == ("1.2",)

    @pytest.mark.shows("C-8")
    @pytest.mark.parametrize(("policy", "kind"), [("keep", AsItIs), ("refuse", Undeliverable)])
    def test_protected_parts_are_never_converted(self, policy: str, kind: type) -> None:
        offer = message(text_part(), pdf_part(protection="signed or encrypted"))
        plan = make_plan(offer, JUNE, PlanPolicy(on_protected=policy))
        assert isinstance(plan, kind)
        assert "survey.pdf is signed or encrypted" in plan.reason

    def test_a_receiver_of_200_dpi_takes_204_dpi_by_t4(self) -> None:
        inches = said("""(& (image-file-structure=TIFF-minimal) (color=Binary) (image-coding=MH) (dpi=200)
            (dpi-xyratio=[200/100,1]) (size-x<=2150/254) (paper-size=A4))""")
        plan = make_plan(message(tiff_part(features=S_TIFF), document=NOTHING), inches)
        assert isinstance(plan, AsItIs)
        only_204 = feature_set(S_TIFF)
        plan = make_plan(message(text_part("1"), document=only_204), inches)
        assert isinstance(plan, OneDocument)
        assert str(plan.target["dpi"]) == "204"


class TestOtherRecipients:
    def test_what_is_accepted_stays_and_only_the_rest_is_converted(self) -> None:
        plan = make_plan(WHOLE, PHONE_USER)
        assert kinds(plan) == {"1.1": "Keep", "1.2": "Convert", "1.3": "Convert"}

    def test_everything_accepted_goes_as_it_is(self) -> None:
        assert isinstance(make_plan(WHOLE, DESK_USER), AsItIs)

    def test_a_target_is_the_largest_that_is_accepted(self) -> None:
        plan = make_plan(message(photo_part("1")), PHONE_USER)
        assert isinstance(plan, ByPart)
        (action,) = plan.actions
        assert isinstance(action, Convert)
        assert str(action.target["pix-x"]) == "1080"
        assert str(action.target["color"]).lower() == "full"
        assert "given up: size (4000 px wide before)" in action.reason

    def test_a_capability_without_type_leaves_text_alone(self) -> None:
        bilevel = said("(& (color=Binary) (dpi=[200,204]))")
        plan = make_plan(message(text_part(), photo_part("1.2")), bilevel)
        assert kinds(plan) == {"1.1": "Keep", "1.2": "Convert"}

    def test_text_is_converted_where_types_are_stated_without_it(self) -> None:
        images = said('(type=["image/jpeg","image/png"])')
        plan = make_plan(message(text_part("1")), images)
        assert kinds(plan) == {"1": "Convert"}

    def test_text_that_cannot_be_converted_is_refused(self) -> None:
        images = said('(type=["image/jpeg","image/png"])')
        plan = make_plan(message(text_part("1", offer=NOTHING)), images)
        assert isinstance(plan, Undeliverable)
        assert plan.status == "5.6.3"
        assert "the text (text/plain) is not accepted and cannot be converted" in plan.reason

    @pytest.mark.shows("A7-4")
    def test_no_common_form_is_5_6_1(self) -> None:
        plan = make_plan(message(photo_part("1")), said('(& (type="image/jpeg") (color=Binary))'))
        assert isinstance(plan, Undeliverable)
        assert plan.status == "5.6.1"

    def test_policy_may_keep_what_has_no_common_form(self) -> None:
        plan = make_plan(
            message(text_part(), photo_part("1.2"), pdf_part("1.3", offer=NOTHING)),
            PHONE_USER,
            PlanPolicy(on_no_common_form="original"),
        )
        assert kinds(plan) == {"1.1": "Keep", "1.2": "Convert", "1.3": "Keep"}
        assert "policy sends the original" in plan.reason

    @pytest.mark.parametrize("policy", ["keep", "refuse"])
    def test_protected_parts_are_kept_when_accepted(self, policy: str) -> None:
        plan = make_plan(
            message(text_part("1", protection="signed or encrypted")),
            PHONE_USER,
            PlanPolicy(on_protected=policy),
        )
        assert isinstance(plan, AsItIs)

    def test_no_alternative_is_left_out_of_what_is_signed(self) -> None:
        """Whatever is taken out breaks the signature over the rest."""
        text, html = (
            text_part("1.1", protection="S/MIME-signed"),
            html_part("1.2", protection="S/MIME-signed"),
        )
        plan = make_plan(message(text, html, alternatives=(("1.1", "1.2"),)), said('(type="text/plain")'))
        assert isinstance(plan, AsItIs)
        assert "is S/MIME-signed and not converted; policy keeps it" in plan.reason

    def test_that_it_is_signed_again_is_said_where_it_is(self) -> None:
        words = "S/MIME-signed by amy@law.example"
        signed = replace(message(text_part(), photo_part()), signed_again=words)
        assert f"; it is {words}, and signed again" in make_plan(signed, JUNE).reason
        assert f"; it is {words}, and signed again" in make_plan(signed, PHONE_USER).reason
        as_it_is = make_plan(replace(message(text_part("1")), signed_again=words), PHONE_USER)
        assert isinstance(as_it_is, AsItIs)
        assert words not in as_it_is.reason

    def test_protected_parts_that_are_not_accepted_go_by_policy(self) -> None:
        offer = message(text_part(), pdf_part(protection="signed or encrypted"), photo_part())
        assert kinds(make_plan(offer, PHONE_USER)) == {"1.1": "Keep", "1.2": "Keep", "1.3": "Convert"}
        refused = make_plan(offer, PHONE_USER, PlanPolicy(on_protected="refuse"))
        assert isinstance(refused, Undeliverable)
        assert refused.status == "5.6.3"

    def test_a_limit_on_octets_is_held_against_the_part(self) -> None:
        limited = said('(& (type=["image/jpeg","text/plain"]) (u.urn:x-conneg:octets<=100000))')
        plan = make_plan(message(text_part(), photo_part("1.2")), limited)
        assert kinds(plan) == {"1.1": "Keep", "1.2": "Convert"}

    def test_a_capability_that_admits_nothing_refuses_everything(self) -> None:
        plan = make_plan(WHOLE, said("(& (dpi=200) (dpi=300))"))
        assert isinstance(plan, Undeliverable)

    def test_an_empty_message_goes_as_it_is(self) -> None:
        assert isinstance(make_plan(MessageOffer((), NOTHING), JUNE), AsItIs)


class TestAlternatives:
    GROUP = (("1.1", "1.2"),)

    def test_all_accepted_are_all_kept(self) -> None:
        offer = message(text_part("1.1"), html_part("1.2"), alternatives=self.GROUP)
        assert isinstance(make_plan(offer, DESK_USER), AsItIs)

    @pytest.mark.shows("C-10", "R-5")
    def test_the_last_accepted_is_kept_and_the_others_are_dropped(self) -> None:
        offer = message(text_part("1.1"), html_part("1.2"), alternatives=self.GROUP)
        plan = make_plan(offer, PHONE_USER)
        assert kinds(plan) == {"1.1": "Keep", "1.2": "Drop"}

    def test_of_several_accepted_the_senders_best_is_kept(self) -> None:
        offer = message(
            text_part("1.1"), photo_part("1.2", features=feature_set('(& (type="image/png") (pix-x=800))')),
            html_part("1.3"), alternatives=(("1.1", "1.2", "1.3"),),
        )  # fmt: skip
        assert kinds(make_plan(offer, PHONE_USER)) == {"1.1": "Drop", "1.2": "Keep", "1.3": "Drop"}

    def test_none_accepted_the_best_that_can_be_converted_is(self) -> None:
        images = said('(type=["image/jpeg","image/png"])')
        offer = message(text_part("1.1"), html_part("1.2"), alternatives=self.GROUP)
        assert kinds(make_plan(offer, images)) == {"1.1": "Convert", "1.2": "Drop"}

    def test_none_that_could_be_sent_refuses_the_message(self) -> None:
        sound = said('(type="audio/wav")')
        offer = message(text_part("1.1"), html_part("1.2"), alternatives=self.GROUP)
        assert isinstance(make_plan(offer, sound), Undeliverable)

    def test_a_container_is_an_alternative_with_all_its_parts(self) -> None:
        offer = message(
            text_part("1.1"),
            html_part("1.2.1"),
            photo_part("1.2.2"),
            pdf_part("1.3"),
            alternatives=(("1.1", "1.2"),),
        )
        plan = make_plan(offer, PHONE_USER)
        assert kinds(plan) == {"1.1": "Keep", "1.2": "Drop", "1.3": "Convert"}

    def test_groups_inside_a_dropped_alternative_are_not_decided_again(self) -> None:
        offer = message(
            text_part("1.1"),
            html_part("1.2.1"),
            html_part("1.2.2"),
            alternatives=(("1.2.1", "1.2.2"), ("1.1", "1.2")),
        )
        assert kinds(make_plan(offer, PHONE_USER)) == {"1.1": "Keep", "1.2": "Drop"}


@pytest.mark.parametrize(
    "expression",
    [
        '(& (type="image/jpeg") (dpi=fine) (pix-x=wide) (color=mauve))',
        '(& (type="image/jpeg") (dpi=200) (dpi-xyratio=0))',
        '(& (type="image/jpeg") (dpi=200dpi) (image-coding="x"))',
        "(& (image-file-structure=TIFF) (dpi-xyratio=0))",
        "(& (image-file-structure=fancy) (color=[mauve,Binary]))",
        "(!(image-file-structure=TIFF))",
        '(& (!(type="text/plain")) (!(color=Full)))',
        f"(type=[{','.join(f'{chr(34)}a/{n}{chr(34)}' for n in range(2000))}])",
    ],
)
def test_strange_capabilities_lead_to_a_plan_with_a_short_reason(expression: str) -> None:
    capability = said(expression)
    for offer in (WHOLE, message(photo_part("1", label="a\r\nb\x1b" * 100)), message(text_part("1"))):
        plan = make_plan(offer, capability)
        assert plan.reason.isprintable()
        assert len(plan.reason) < 2000
        json.loads(plan.to_json())


class TestPlansAsValues:
    def test_equal_decisions_have_equal_keys_and_others_not(self) -> None:
        plans = [make_plan(WHOLE, capability) for capability in (JUNE, MONO, PHONE_USER, DESK_USER)]
        assert len({plan.key for plan in plans}) == 4
        assert make_plan(WHOLE, said(f"(| {JUNE.expression} {JUNE.expression})")).key == plans[0].key

    def test_to_json(self) -> None:
        document = json.loads(make_plan(WHOLE, JUNE).to_json())
        assert document["plan"] == "one document"
        assert document["parts"] == ["1.1", "1.2", "1.3"]
        assert "image-coding=MMR" in document["target"]
        parts = json.loads(make_plan(WHOLE, PHONE_USER).to_json())
        assert [part["action"] for part in parts["parts"]] == ["keep", "convert", "convert"]
        refused = json.loads(
            make_plan(message(photo_part("1")), said('(& (type="image/jpeg") (color=Binary))')).to_json()
        )
        assert refused["status"] == "5.6.1"
        assert refused["conflicts"]
        assert json.loads(make_plan(WHOLE, DESK_USER).to_json())["plan"] == "as it is"

    def test_drop_and_keep_are_told(self) -> None:
        offer = message(text_part("1.1"), html_part("1.2"), alternatives=(("1.1", "1.2"),))
        plan = make_plan(offer, PHONE_USER)
        assert isinstance(plan, ByPart)
        assert any(isinstance(action, Drop) for action in plan.actions)
        assert any(isinstance(action, Keep) for action in plan.actions)
        assert "the HTML text is left out: its alternative the text is accepted as it is" in plan.reason
        assert plan.summary == "one alternative dropped"

    def test_a_policy_with_a_misprint_is_refused(self) -> None:
        with pytest.raises(ValueError, match="on_protected"):
            PlanPolicy(on_protected="convert")
        with pytest.raises(ValueError, match="on_no_common_form"):
            PlanPolicy(on_no_common_form="drop")

    def test_nothing_is_converted_to_what_is_not_offered(self) -> None:
        plan = make_plan(message(photo_part("1", offer=FeatureSet.nothing())), PHONE_USER)
        assert isinstance(plan, Undeliverable)
