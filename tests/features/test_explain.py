"""Why sets do not meet: the smallest set of tags and the nearest miss, against every subset and every point."""

from fractions import Fraction
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.features import (
    Conjunction,
    Domain,
    Expression,
    FeatureSet,
    explain_mismatch,
    feature_set,
    mismatch,
)

from .schema import DOCUMENTS, K1, K2, K5, K7
from .strategies import POINTS as ALL_POINTS
from .strategies import expressions
from .strategies import members as truth

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


def test_of_many_alternatives_the_nearest_are_told() -> None:
    accepted = "(| " + "".join(f"(& (a={n}) (b={n}))" for n in range(1, 9)) + "(& (a=0) (b=[20,21])))"
    found = str(explain_mismatch(feature_set("(& (a=0) (b=8))"), feature_set(accepted)))
    assert "the device takes a=8 with b=8, or a=0 with b=[20,21], or " in found
    assert ", or 5 more; the offer is a=0 with b=8 (closest: a=8 instead of a=0)" in found


def test_many_tags_together_are_not_all_told() -> None:
    """Of each pair of tags the device takes one of two combinations, the offer one that is in neither."""
    offer = feature_set("(| " + "".join(f"(& (a{n}=1) (b{n}=2) (z={n}))" for n in range(4)) + ")")
    accepted = feature_set(
        "(&" + "".join(f"(| (& (a{n}=1) (b{n}=1)) (& (a{n}=2) (b{n}=2)))" for n in range(4)) + ")"
    )
    found = explain_mismatch(offer, accepted)
    assert found.tags == ("a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3")
    assert found.is_smallest
    assert str(found) == (
        "no combination of a0, a1, a2, a3 and 4 more tags suits (closest: a0=2 instead of a0=1)"
    )


def test_a_document_that_fails_by_three_tags_together() -> None:
    """D-10 is an RGB page of sixteen colours; K-5 takes sixteen with CMYK, eight with RGB."""
    found = explain_mismatch(feature_set(DOCUMENTS["D-10"][0]), feature_set(K5))
    assert found.tags == ("color", "color-levels", "color-space")
    assert [str(one) for one in found.nearest] == [
        "the device takes color-levels<=8 only; the offer is color-levels=16"
    ]


@settings(max_examples=300, deadline=None)
@given(expressions, expressions)
def test_words_ranges_and_exclusions_in_the_way(one: Expression, other: Expression) -> None:
    """With every kind of domain, against all points that can matter."""
    offer, accepted = truth(one), truth(other)
    found = explain_mismatch(feature_set(one), feature_set(other))
    if not any(offer) or not any(accepted) or any(map(min, offer, accepted)):
        assert found.tags == ()
        return
    ours = [point for point, is_in in zip(ALL_POINTS, offer, strict=True) if is_in]
    theirs = [point for point, is_in in zip(ALL_POINTS, accepted, strict=True) if is_in]

    def is_apart(tags: tuple[str, ...]) -> bool:
        return {tuple(p[t] for t in tags) for p in ours}.isdisjoint(
            {tuple(p[t] for t in tags) for p in theirs}
        )

    assert found.is_smallest
    assert is_apart(found.tags)
    assert not any(
        is_apart(tags) for size in range(len(found.tags)) for tags in combinations(("a", "dpi"), size)
    )
    distance = min(sum(p[t] != q[t] for t in ("a", "dpi")) for p in ours for q in theirs)
    assert len(found.nearest) == distance


wide = st.lists(
    st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from((1, 2, 3)), min_size=2, max_size=6),
    min_size=1,
    max_size=8,
)


def union(side: list[dict[str, int]]) -> FeatureSet:
    return FeatureSet(tuple(Conjunction({t: Domain.of(Fraction(v)) for t, v in one.items()}) for one in side))


def clashes(offer: list[dict[str, int]], accepted: list[dict[str, int]]) -> list[set[str]]:
    return [{t for t in one if t in other and one[t] != other[t]} for one in offer for other in accepted]


@settings(max_examples=300, deadline=None)
@given(wide, wide)
def test_a_smallest_set_has_a_tag_of_every_clash(offer: list, accepted: list) -> None:  # type: ignore[type-arg]
    found = explain_mismatch(union(offer), union(accepted))
    every = clashes(offer, accepted)
    assert len(found.nearest) == min(map(len, every))
    if not all(every):
        assert found.tags == ()
        return
    smallest = next(
        tags
        for size in range(9)
        for tags in combinations("abcdefgh", size)
        if all(clash & set(tags) for clash in every)
    )
    assert (found.tags, found.is_smallest, found.is_complete) == (smallest, True, True)


@settings(max_examples=150, deadline=None)
@given(wide, wide)
def test_without_time_for_the_smallest_none_of_the_tags_can_be_left_out(offer: list, accepted: list) -> None:  # type: ignore[type-arg]
    with pytest.MonkeyPatch.context() as limits:
        limits.setattr(mismatch, "_TRIED", 1)
        found = explain_mismatch(union(offer), union(accepted))
    every = clashes(offer, accepted)
    assert bool(found.tags) is all(every)
    for left_out in found.tags:
        rest = set(found.tags) - {left_out}
        assert any(clash.isdisjoint(rest) for clash in every)
        assert not any(clash.isdisjoint(found.tags) for clash in every)


def test_what_turns_out_not_to_be_needed_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """`d` is in the most clashes, but what else has to be taken has a tag of each of its clashes."""
    monkeypatch.setattr(mismatch, "_TRIED", 1)
    every = ("da", "db", "dc", "ae", "bf", "cg")
    accepted: list[dict[str, int]] = [dict.fromkeys(clash, 2) for clash in every]
    found = explain_mismatch(union([dict.fromkeys("abcdefg", 1)]), union(accepted))
    assert (found.tags, found.is_smallest) == (("a", "b", "c"), False)


@pytest.mark.parametrize(("limit", "amount"), [("_ROWS", 20), ("_CELLS", 40), ("_COMPARED", 2)])
def test_of_too_many_alternatives_it_is_said_that_some_were_not_looked_at(
    limit: str, amount: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = feature_set("(| " + "".join(f"(& (a={n}) (b<=1))" for n in range(40)) + "(& (a=3) (b=9)))")
    accepted = feature_set("(| " + "".join(f"(& (a={n}) (b>=2))" for n in range(60, 90)) + "(& (a=1) (b=3)))")
    whole = explain_mismatch(offer, accepted)
    assert (whole.tags, whole.is_smallest, whole.is_complete) == (("a", "b"), True, True)
    monkeypatch.setattr(mismatch, limit, amount)
    part = explain_mismatch(offer, accepted)
    assert (part.is_smallest, part.is_complete) == (False, False)
    assert str(part).startswith("among the alternatives that were compared, ")


def test_choices_that_multiply_to_too_many_alternatives() -> None:
    pairs = "".join(f"(| (& (a{n}=1) (b{n}=1)) (& (a{n}=2) (b{n}=2)))" for n in range(12))
    chain = "".join(f"(& (a{n}=1) (b{n}=2) (a{(n + 1) % 12}=1))" for n in range(12))
    found = explain_mismatch(feature_set(f"(| {chain})"), feature_set(f"(& {pairs})"))
    assert found.alternatives == 12 * 2**12
    assert not found.is_complete
    assert found.tags


def test_a_pair_that_meets_is_found_among_very_many() -> None:
    offer = feature_set("(| " + "".join(f"(& (a={n}) (b=1))" for n in range(500)) + "(& (a=499) (b=2)))")
    accepted = feature_set("(| " + "".join(f"(& (a={n}) (b=2))" for n in range(500)) + ")")
    assert str(explain_mismatch(offer, accepted)) == "the device takes what is offered"


def test_very_many_alternatives_are_all_looked_at() -> None:
    side = "(| " + " ".join(f"(& (a={n}) (b={{}}) (c{n}={{}}))" for n in range(300)) + ")"
    found = explain_mismatch(feature_set(side.replace("{}", "1")), feature_set(side.replace("{}", "2")))
    assert (found.tags, found.is_complete) == (("b",), True)
    assert len(found.nearest) == 2


def test_very_many_tags_are_not_all_told() -> None:
    offer = feature_set("(&" + "".join(f"(t{n}=1)" for n in range(10, 30)) + ")")
    accepted = feature_set("(&" + "".join(f"(t{n}=2)" for n in range(10, 30)) + ")")
    found = explain_mismatch(offer, accepted)
    assert len(found.conflicts) == 20
    assert str(found).endswith("; the offer is t15=1; and 14 more tags stand in the way")
