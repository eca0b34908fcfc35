"""Why sets do not meet: the smallest set of tags and the nearest miss, against every subset and every point."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.features import FeatureSet, explain_mismatch, feature_set

from .schema import K1, K2, K7

TAGS = ("a", "b", "color", "dpi")
VALUES = (0, 1, 2)
POINTS = [dict(zip(TAGS, values, strict=True)) for values in product(VALUES, repeat=len(TAGS))]

subsets = st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True)
clauses = st.dictionaries(st.sampled_from(TAGS), subsets, min_size=1, max_size=4)
sides = st.lists(clauses, min_size=1, max_size=3)


def text(side: list[dict[str, list[int]]]) -> str:
    written = (
        "(& " + "".join(f"({tag}=[{','.join(map(str, values))}])" for tag, values in clause.items()) + ")"
        for clause in side
    )
    return f"(| {' '.join(written)})"


def members(side: list[dict[str, list[int]]]) -> list[dict[str, int]]:
    return [point for point in POINTS if any(all(point[t] in v for t, v in one.items()) for one in side)]


def is_in_the_way(tags: tuple[str, ...], ours: list[dict[str, int]], theirs: list[dict[str, int]]) -> bool:
    """Looked at in `tags` alone, the sides have no point in common."""
    return {tuple(p[t] for t in tags) for p in ours}.isdisjoint({tuple(p[t] for t in tags) for p in theirs})


@settings(max_examples=300, deadline=None)
@given(sides, sides)
def test_the_smallest_set_of_tags_and_the_nearest_miss(offer: list, accepted: list) -> None:  # type: ignore[type-arg]
    found = explain_mismatch(feature_set(text(offer)), feature_set(text(accepted)))
    ours, theirs = members(offer), members(accepted)
    if any(point in theirs for point in ours):
        assert (found.conflicts, found.tags) == ((), ())
        assert str(found) == "the device takes what is offered"
        return
    assert found.is_smallest
    assert is_in_the_way(found.tags, ours, theirs)
    smaller = [tags for size in range(len(found.tags)) for tags in combinations(TAGS, size)]
    assert not any(is_in_the_way(tags, ours, theirs) for tags in smaller)
    distance = min(sum(p[t] != q[t] for t in TAGS) for p in ours for q in theirs)
    assert len(found.nearest) == distance
    if len(found.tags) == 1:
        alone = {tag for tag in TAGS if is_in_the_way((tag,), ours, theirs)}
        assert {conflict.tag for conflict in found.conflicts} == alone
        assert all((conflict.offered & conflict.accepted).is_empty for conflict in found.conflicts)
    assert "\n" not in str(found)


def test_several_tags_that_stand_in_the_way_alone_are_all_told() -> None:
    found = explain_mismatch(
        feature_set("(& (color=Full) (dpi=600) (x=1))"), feature_set("(& (color=Binary) (dpi<=300))")
    )
    assert [conflict.tag for conflict in found.conflicts] == ["color", "dpi"]
    assert str(found) == (
        "the device takes color=Binary only; the offer is color=Full;"
        " the device takes dpi<=300 only; the offer is dpi=600"
    )


def test_of_several_smallest_sets_the_one_that_says_most() -> None:
    found = explain_mismatch(
        feature_set("(& (zoom=1) (color=Full))"), feature_set("(& (zoom=2) (color=Grey))")
    )
    assert found.tags == ("color",)


def test_only_what_belongs_together_is_looked_at() -> None:
    """Forty independent choices, of which one pair has nothing in common."""
    choices = "".join(f"(| (a{n}=1) (b{n}=1))" for n in range(40))
    found = explain_mismatch(feature_set(f"(& (c=1) {choices})"), feature_set(f"(& (c=2) {choices})"))
    assert str(found) == "the device takes c=2 only; the offer is c=1"
    assert found.alternatives == 4**40


@pytest.mark.parametrize(
    ("offer", "accepted", "tags"),
    [
        (K1, K2, ("image-file-structure",)),
        ("(& (dpi=600) (dpi-xyratio=1))", K7, ("dpi",)),
        ("(& (dpi=200) (dpi-xyratio=204/98))", K7, ("dpi", "dpi-xyratio")),
        ("(& (image-coding=JBIG) (JBIG-stripe-size=3508))", K7, ("image-coding", "jbig-stripe-size")),
    ],
)
def test_published_capabilities(offer: str, accepted: str, tags: tuple[str, ...]) -> None:
    assert explain_mismatch(feature_set(offer), feature_set(accepted)).tags == tags


def test_many_alternatives_are_not_all_told() -> None:
    accepted = "(| " + "".join(f"(& (color=c{n}) (dpi={n}))" for n in range(1, 9)) + ")"
    found = str(explain_mismatch(feature_set("(& (color=c1) (dpi=2))"), feature_set(accepted)))
    assert found == (
        "no combination of color and dpi suits: the device takes color=c1 with dpi=1, or color=c2 with dpi=2, or"
        " color=c3 with dpi=3, or color=c4 with dpi=4, or 4 more; the offer is color=c1 with dpi=2"
        " (closest: dpi=1 instead of dpi=2)"
    )


def test_very_many_alternatives_are_looked_at_as_far_as_allowed() -> None:
    side = "(| " + " ".join(f"(& (a={n}) (b={{}}) (c{n}={{}}))" for n in range(300)) + ")"
    found = explain_mismatch(feature_set(side.replace("{}", "1")), feature_set(side.replace("{}", "2")))
    assert found.tags == ("b",)
    assert FeatureSet.everything().contains(feature_set("(b=1)"))
