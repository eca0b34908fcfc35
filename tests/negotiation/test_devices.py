"""The demo's recipients against its message: a text, a two-page A4 colour PDF and a 12-megapixel colour photo."""

import pytest

from conneg.negotiation import AsItIs, ByPart, Capability, Convert, OneDocument, Plan, make_plan
from tests.negotiation.samples import (
    COLOUR,
    DESK_USER,
    JUNE,
    MONO,
    PHONE_USER,
    WHOLE,
    message,
    pdf_part,
    photo_part,
    text_part,
)


def document(capability: Capability) -> dict[str, str]:
    plan = make_plan(WHOLE, capability)
    assert isinstance(plan, OneDocument)
    return {tag.lower(): str(value) for tag, value in plan.target.items()}


@pytest.mark.shows("C-5")
def test_june_gets_the_finest_bi_level_pages_that_draft_6_1_admits() -> None:
    target = document(JUNE)
    assert target["image-file-structure"] == "TIFF-minimal"
    assert (target["dpi"], target["dpi-xyratio"]) == ("400", "1")
    assert target["image-coding"] == "MMR"
    assert target["paper-size"] in ("A4", "letter")


def test_mono_gets_profile_s() -> None:
    target = document(MONO)
    assert (target["dpi"], target["dpi-xyratio"]) in (("204", "51/49"), ("200", "1"))
    assert target["image-coding"] == "MH"
    assert target["paper-size"] == "A4"
    assert target["image-file-structure"] == "TIFF-minimal"


def test_colour_gets_profile_c_and_keeps_its_colour() -> None:
    target = document(COLOUR)
    assert target["color"].lower() == "full"
    assert target["image-coding"] == "JPEG"
    assert target["dpi"] == "200"
    plan = make_plan(WHOLE, COLOUR)
    assert "given up: colour" not in plan.reason


def test_a_black_and_white_message_needs_no_colour_even_there() -> None:
    plan = make_plan(message(text_part("1", colour="binary")), COLOUR)
    assert isinstance(plan, OneDocument)


def test_the_phone_keeps_the_text_and_gets_images() -> None:
    plan = make_plan(WHOLE, PHONE_USER)
    assert isinstance(plan, ByPart)
    targets = {a.part_id: a.target for a in plan.actions if isinstance(a, Convert)}
    assert set(targets) == {"1.2", "1.3"}
    for target in targets.values():
        assert str(target["pix-x"]) == "1080"
        assert str(target["type"]).strip('"') in ("image/jpeg", "image/png")


def test_the_desk_gets_it_untouched() -> None:
    assert isinstance(make_plan(WHOLE, DESK_USER), AsItIs)


@pytest.mark.parametrize("capability", [JUNE, MONO, COLOUR])
@pytest.mark.parametrize("part", [text_part("1"), pdf_part("1"), photo_part("1")])
def test_each_part_alone_becomes_a_document(capability: Capability, part: object) -> None:
    plan: Plan = make_plan(message(part), capability)  # type: ignore[arg-type]
    assert isinstance(plan, OneDocument)
    assert plan.part_ids == ("1",)
    assert plan.reason.count("; ") >= 2


def test_a_photo_for_the_phone_stays_a_photo() -> None:
    plan = make_plan(message(photo_part("1")), PHONE_USER)
    assert isinstance(plan, ByPart)
    (action,) = plan.actions
    assert isinstance(action, Convert)
    assert str(action.target["type"]).strip('"') == "image/jpeg"
