"""RFC 2533 section 5 as corrected by RFC 2738 section 3: each rule and each cell of its tables against `FeatureSet`."""

from fractions import Fraction
from itertools import product
from typing import NamedTuple

import pytest

from conneg.features import FeatureSet, Text, Token, Value, feature_set

from .vectors import SOURCES, document

PRIMITIVES = {"LE": "(f<={})", "GE": "(f>={})", "NL": "(!(f<={}))", "NG": "(!(f>={}))"}
"""Section 5.5: NL is not LE, NG is not GE."""

NUMBERS = feature_set("(| (f<=0) (f>=0))")
ORDERED = ("-3", "0", "17/2", "8", "9")
UNORDERED = ("A4", "B4", '"A4"', '"1:1:1"', "TRUE", "FALSE")
PAIRS = [
    ("A4", "A4"),
    ("A4", "a4"),
    ("A4", "B4"),
    ('"1:1:1"', '"1:1:1"'),
    ('"1:1:1"', '"4:1:1"'),
    ('"A4"', "A4"),
]
PAIRS += [("TRUE", "TRUE"), ("TRUE", "FALSE"), ("3", "A4"), ("A4", "3")]
PROBES: tuple[Value, ...] = (
    *(Fraction(number) for number in (-4, -3, -2, 0, 1, 8, 9, 10)),
    *(Fraction(number, 2) for number in (-7, -1, 1, 17, 19)),
    *(Token(word) for word in ("A4", "a4", "B4", "TRUE", "FALSE", "other")),
    *(Text(text) for text in ("A4", "a4", "1:1:1", "other")),
)


class Reduction(NamedTuple):
    """One row of a table: the primitives, and the cases in their order with what each gives."""

    id: str
    one: str
    other: str
    printed: str
    cases: list[list[str]]


REDUCTIONS = [Reduction(**row) for source in SOURCES for row in document(source).get("reduction", ())]
ORDERED_ROWS = [row for row in REDUCTIONS if row.id.startswith("2533 §5.8.1")]
UNORDERED_ROWS = [row for row in REDUCTIONS if row not in ORDERED_ROWS]


def primitive(name: str, value: str) -> FeatureSet:
    return feature_set(PRIMITIVES[name].format(value))


def value(text: str) -> Value:
    """The value that is written so."""
    (found,) = feature_set(f"(f={text})").conjunctions[0].domains["f"].values or ()
    return found


def holds(name: str, probe: Value, other: Value) -> bool:
    """Section 5.5, by its definitions: LE and GE are both false of values that are unequal and have no order."""
    if name in ("NL", "NG"):
        return not holds({"NL": "LE", "NG": "GE"}[name], probe, other)
    if isinstance(probe, Fraction) and isinstance(other, Fraction):
        return probe <= other if name == "LE" else probe >= other
    return probe == other


def stated(row: Reduction, a: str, b: str) -> str:
    """What the row gives for `a` and `b`: "one", "other" or "FALSE"; "both" where it says nothing."""
    one, other = value(a), value(b)
    is_true = {"otherwise": True, "a=b": one == other, "a!=b": one != other}
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        is_true |= {"a<=b": one <= other, "a>=b": one >= other, "a<b": one < other, "a>b": one > other}
    return next((gives for condition, gives in row.cases if is_true[condition]), "both")


def test_the_tables_are_complete() -> None:
    """Ten pairs of the four primitives, in each of the two tables; four of the second again in RFC 2738."""
    names = list(PRIMITIVES)
    pairs = {(one, other) for i, one in enumerate(names) for other in names[i:]}
    for section in ("2533 §5.8.1", "2533 §5.8.2"):
        rows = [row for row in REDUCTIONS if row.id.startswith(section)]
        assert len(rows) == 10
        assert {(row.one, row.other) for row in rows} == pairs
    assert [row.one + row.other for row in REDUCTIONS if row.id.startswith("2738 §3")] == [
        "LEGE", "LELE", "LENL", "LENG", "LEGE",
    ]  # fmt: skip


@pytest.mark.parametrize("row", ORDERED_ROWS, ids=lambda row: row.id)
@pytest.mark.parametrize(("a", "b"), list(product(ORDERED[1:4], repeat=2)))
def test_ordered_cell(row: Reduction, a: str, b: str) -> None:
    """5.8.1: of numbers. A word has no order against them, see `test_what_is_neither_less_nor_more`."""
    one, other = primitive(row.one, a), primitive(row.other, b)
    found = one & other & NUMBERS
    gives = stated(row, a, b)
    if gives == "both":
        assert not found.is_empty
        assert not found.equivalent(one & NUMBERS)
        assert not found.equivalent(other & NUMBERS)
        return
    results = {"one": one, "other": other, "FALSE": FeatureSet.nothing()}
    assert found.equivalent(results[gives] & NUMBERS)
    assert found.is_empty is (gives == "FALSE")
    assert (other & one & NUMBERS).equivalent(found)


@pytest.mark.parametrize("row", UNORDERED_ROWS, ids=lambda row: row.id)
@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_unordered_cell(row: Reduction, a: str, b: str) -> None:
    """5.8.2 with RFC 2738 section 3; a number and a word have no order either."""
    one, other = primitive(row.one, a), primitive(row.other, b)
    found = one & other
    gives = stated(row, a, b)
    if gives == "both":
        assert not found.is_empty
        if value(a) != value(b):
            assert not found.equivalent(one)
            assert not found.equivalent(other)
        return
    results = {"one": one, "other": other, "FALSE": FeatureSet.nothing()}
    assert found.equivalent(results[gives])
    assert found.is_empty is (gives == "FALSE")
    assert (other & one).equivalent(found)


@pytest.mark.parametrize(("one", "other"), list(product(PRIMITIVES, PRIMITIVES)))
def test_two_primitives_by_their_definitions(one: str, other: str) -> None:
    """5.5, value by value."""
    for a, b in product((*ORDERED, *UNORDERED), repeat=2):
        found = primitive(one, a) & primitive(other, b)
        for probe in PROBES:
            wanted = holds(one, probe, value(a)) and holds(other, probe, value(b))
            assert found.accepts({"f": probe}) is wanted, (a, b, probe)


def test_what_is_neither_less_nor_more() -> None:
    """Section 5.5 has a fourth case: (LE a b) and (GE a b) are both false where there is no order.

    5.8.1 gives FALSE for (NL f a) (NG f b) with a>=b, which is so of numbers only: by 5.5 the words are left.
    """
    found = primitive("NL", "3") & primitive("NG", "3")
    assert (found & NUMBERS).is_empty
    assert found.equivalent(NUMBERS.complement())


@pytest.mark.parametrize(
    ("a", "b", "less", "more"),
    [
        ("1", "2", True, False),
        ("2", "2", True, True),
        ("204/98", "102/49", True, True),
        ("3", "2", False, True),
        ("A4", "A4", True, True),
        ("A4", "a4", True, True),
        ("A4", "B4", False, False),
        ('"x"', '"x"', True, True),
        ('"x"', '"y"', False, False),
        ('"x"', '"X"', False, False),
        ('"A4"', "A4", False, False),
        ("A4", "4", False, False),
    ],
)
def test_the_four_relationships(a: str, b: str, less: bool, more: bool) -> None:
    """The table of 5.5: LT, EQ, GT, NE by (LE a b) and (GE a b)."""
    collection = {"f": value(a)}
    assert primitive("LE", b).accepts(collection) is less
    assert primitive("GE", b).accepts(collection) is more
    assert feature_set(f"(f={b})").accepts(collection) is (less and more)
    assert primitive("NL", b).accepts(collection) is not less
    assert primitive("NG", b).accepts(collection) is not more


@pytest.mark.parametrize("b", [*ORDERED, *UNORDERED])
def test_comparisons_and_negations_as_primitives(b: str) -> None:
    """The transformations of 5.5."""
    le, ge, nl, ng = (primitive(name, b) for name in PRIMITIVES)
    assert feature_set(f"(f={b})").equivalent(le & ge)
    assert feature_set(f"(!(f={b}))").equivalent(nl | ng)
    assert le.complement().equivalent(nl)
    assert ge.complement().equivalent(ng)


A, B, C = "(x<=3)", "(& (x>=2) (color=Grey))", "(| (color=Full) (y=[1,2..5]))"
RULES = [
    ("5.3 set", "(T=[E1,E2,En])", "(| (T=[E1]) (T=[E2]) (T=[En]) )"),
    ("5.3 set with a range", "(T=[1,2..3,E])", "(| (T=[1]) (T=[2..3]) (T=[E]) )"),
    ("5.3 range", "(T=[3..17/2])", "(& (T>=3) (T<=17/2) )"),
    ("5.3 reversed range", "(T=[5..2])", "(& (T>=5) (T<=2) )"),
    ("5.3 range of words", "(T=[A..B])", "(& (T>=A) (T<=B) )"),
    ("5.3 single", "(T=[E])", "(T=E)"),
    ("5.4 and", f"(! (& {A} {B} {C} ) )", f"(| (! {A} ) (! {B} ) (! {C} ) )"),
    ("5.4 or", f"(! (| {A} {B} {C} ) )", f"(& (! {A} ) (! {B} ) (! {C} ) )"),
    ("5.4 double negation", f"(! (! {B} ) )", B),
    ("5.4 double negation of or", f"(! (! {C} ) )", C),
    ("5.6 distribution", f"(& (| {A} {B} {C} ) (z=1) {C} )",
     f"(| (& {A} (z=1) {C} ) (& {B} (z=1) {C} ) (& {C} (z=1) {C} ) )"),
    ("5.6 nested and", f"(& (& {A} {B} ) {C} (z=1) )", f"(& {A} {B} {C} (z=1) )"),
    ("5.6 nested or", f"(| (| {A} {B} ) {C} (z=1) )", f"(| {A} {B} {C} (z=1) )"),
    ("5.6 order of or", f"(| {A} {B} {C} )", f"(| {C} {A} {B} )"),
    ("5.6 order of and", f"(& {A} {B} {C} )", f"(& {B} {C} {A} )"),
    ("5.7 grouping", "(& (x>=1) (y=2) (x<=4) (y<=3) )", "(& (& (x>=1) (x<=4) ) (& (y=2) (y<=3) ) )"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "before", "after"), RULES, ids=[rule for rule, _, _ in RULES])
def test_rewriting(rule: str, before: str, after: str) -> None:
    assert feature_set(before).equivalent(feature_set(after)), rule


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("(a=3)", "(a=3)", "(a=3)"),
        ("(a<=2)", "(a<=3)", "(a<=2)"),
        ("(a=2)", "(a<=3)", "(a=2)"),
    ],
)
def test_transitivity(one: str, other: str, together: str) -> None:
    """5.5: (A = B) & (B = C) => (A = C), (A <= B) & (B <= C) => (A <= C)."""
    assert (feature_set(one) & feature_set(other)).equivalent(feature_set(together))
    assert feature_set(other).contains(feature_set(one))


@pytest.mark.parametrize(
    ("p", "q", "is_match"),
    [("(x<=3)", "(x>=3)", True), ("(x<=3)", "(x>=4)", False), (A, C, True), ("(x=A4)", "(!(x=a4))", False)],
)
def test_goal(p: str, q: str, is_match: bool) -> None:
    """5.2: whether there is a collection that satisfies both is whether (& P Q) is not empty."""
    assert feature_set(f"(& {p} {q})").is_empty is not is_match
    assert (feature_set(p) & feature_set(q)).is_empty is not is_match


def test_the_result_serves_further_matching() -> None:
    """5.1: the final expression is a starting point for combining with further constraints."""
    first = feature_set("(dpi=[100,200,300])") & feature_set("(dpi>=150)")
    second = feature_set(str(first)) & feature_set("(& (dpi<=250) (color=Grey))")
    assert second.equivalent(feature_set("(& (dpi=200) (color=Grey))"))
