"""Small type and the planner: a finer form where there is one, else a word in the reason, or it is returned."""

from fractions import Fraction

import pytest

from conneg.features import collection, default_preference, feature_set
from conneg.negotiation import (
    ByPart,
    Convert,
    OneDocument,
    PlanPolicy,
    SmallType,
    Undeliverable,
    choose_legible,
    describe_made,
    make_plan,
)
from conneg.negotiation.legibility import find_illegible, is_legible
from tests.negotiation.samples import JUNE, message, pdf_part, said, text_part

A4 = (Fraction(1050, 127), Fraction(1485, 127))
A3 = (Fraction(1485, 127), Fraction(2100, 127))
COARSE_ONLY = said(
    "(& (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary) (image-coding=MH) (dpi=204)"
    " (dpi-xyratio=204/98) (size-x=2150/254) (paper-size=A4))"
)


def small(points: float, page: tuple[Fraction, Fraction] = A4) -> tuple[SmallType, ...]:
    return (SmallType(Fraction(points), *page),)


def fax(dpi: tuple[int, int]) -> str:
    return (
        f"(& (color=Binary) (dpi={dpi[0]}) (dpi-xyratio={dpi[0]}/{dpi[1]}) (size-x=2150/254) (paper-size=A4))"
    )


@pytest.mark.parametrize(
    ("dpi", "too_small", "legible"),
    [((204, 98), 5, 6), ((204, 98), 5.5, 7), ((204, 196), 4, 4.5), ((408, 391), 2, 2.5)],
)
def test_the_limits_are_where_five_characters_of_a_hundred_are_misread(
    dpi: tuple[int, int], too_small: float, legible: float
) -> None:
    """`python -m benchmarks.type_sizes`: 5 pt at 204 x 98 is misread by 6.2 %, 6 pt by 1.5 %, and so on."""
    form = collection(fax(dpi))
    assert find_illegible(form, small(too_small)) is not None
    assert find_illegible(form, small(legible)) is None


def test_it_is_the_type_as_it_is_drawn_that_counts() -> None:
    """A drawing of A3 on a line of A4 is 0.72 of its size, whichever way round it lies."""
    form = collection(fax((204, 98)))
    assert find_illegible(form, small(8, A4)) is None
    for page in (A3, A3[::-1]):
        found = find_illegible(form, small(8, page))
        assert found is not None
        assert str(found) == (
            "small type of 8 points, made 5.8 where the page is larger than the paper, will hardly be readable"
            " at 204 x 98"
        )


def test_an_image_has_the_lines_of_the_frame_that_it_fits_in() -> None:
    assert find_illegible(collection("(& (color=Full) (pix-x=600))"), small(8)) is not None
    assert find_illegible(collection("(& (color=Full) (pix-x=1080))"), small(8)) is None
    assert find_illegible(collection("(& (color=Full) (pix-x=4000) (pix-y=700))"), small(8)) is not None


def test_shades_tell_more_than_black_and_white() -> None:
    assert is_legible(10, 10, bilevel=False)
    assert not is_legible(10, 10, bilevel=True)


@pytest.mark.parametrize("form", ['(type="text/plain")', '(& (type="application/pdf") (color=Full))'])
def test_a_form_without_resolution_shows_any_type(form: str) -> None:
    assert find_illegible(collection(form), small(1)) is None


def test_a_finer_form_is_chosen_where_the_better_one_cannot_be_read() -> None:
    """Colour comes first, but not where type of 5 points is to be read."""
    both = feature_set(f"(| (& (color=Full) (dpi=100) (dpi-xyratio=1) (size-x=2150/254)) {fax((204, 196))})")
    preference = default_preference(colour="full")
    usual = choose_legible(both, preference, small(9))
    assert usual is not None
    assert (str(usual.collection["color"]), usual.remark) == ("Full", "")
    finer = choose_legible(both, preference, small(5))
    assert finer is not None
    assert str(finer.collection["color"]) == "Binary"
    assert not finer.is_illegible
    assert finer.remark == "small type of 5 points would hardly be readable in 100 dpi, colour"


def test_what_no_form_shows_does_not_change_the_choice() -> None:
    both = feature_set(f"(| (& (color=Full) (dpi=100) (dpi-xyratio=1) (size-x=2150/254)) {fax((204, 196))})")
    choice = choose_legible(both, default_preference(colour="full"), small(2))
    assert choice is not None
    assert choice.is_illegible
    assert str(choice.collection["color"]) == "Full"


class TestPlans:
    def test_the_reason_says_that_small_type_can_hardly_be_read(self) -> None:
        offer = message(text_part(small_type=small(10.5)), pdf_part(small_type=(*small(9), *small(5))))
        plan = make_plan(offer, COARSE_ONLY)
        assert isinstance(plan, OneDocument)
        assert (
            "; 204x98 dpi, MH, A4, B/W; small type of 5 points will hardly be readable at 204 x 98;"
            in plan.reason
        )

    def test_nothing_is_said_where_it_can_be_read(self) -> None:
        offer = message(pdf_part("1", small_type=small(5)))
        assert make_plan(offer, JUNE) == make_plan(message(pdf_part("1")), JUNE)

    def test_policy_may_return_what_cannot_be_read(self) -> None:
        policy = PlanPolicy(on_illegible="refuse")
        plan = make_plan(message(pdf_part("1", small_type=small(5))), COARSE_ONLY, policy)
        assert isinstance(plan, Undeliverable)
        assert plan.status == "5.6.1"
        assert plan.reason.endswith("will hardly be readable at 204 x 98; policy returns the message")
        assert isinstance(
            make_plan(message(pdf_part("1", small_type=small(9))), COARSE_ONLY, policy), OneDocument
        )

    def test_a_part_by_itself_is_judged_by_its_image(self) -> None:
        offer = message(pdf_part("1", small_type=small(7)))
        tiny_screen = said('(& (type="image/jpeg") (pix-x<=480))')
        plan = make_plan(offer, tiny_screen)
        assert isinstance(plan, ByPart)
        (action,) = plan.actions
        assert isinstance(action, Convert)
        assert action.reason.endswith("small type of 7 points will hardly be readable within 480 px")
        returned = make_plan(offer, tiny_screen, PlanPolicy(on_illegible="refuse"))
        assert isinstance(returned, Undeliverable)
        assert "survey.pdf: small type of 7 points" in returned.reason

    def test_the_policy_has_two_values(self) -> None:
        with pytest.raises(ValueError, match="on_illegible"):
            PlanPolicy(on_illegible="burn")


def test_what_was_made_is_told_in_words() -> None:
    form = collection(fax((204, 98)))
    assert describe_made(form, 14.2, 6.8, None) == "the smallest type is 6.8 lines high, hardly legible"
    assert describe_made(form, 28.3, 13.6, 1.52) == (
        "the smallest type is 13.6 lines high, legible; pictures are 1.5 % unlike the originals"
    )
    assert describe_made(form, None, None, None) is None
