"""Leaving tags out: exactly the existential quantifier, by enumeration."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from conneg.features import Token, feature_set, keep_tags

VALUES = {"color": ("Binary", "Grey"), "paper-size": ("A4", "letter"), "ua-media": ("stationery", "screen")}
CONJUNCTIONS = st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 1), min_size=1)


def written(alternatives: list[dict[str, int]]) -> str:
    parts = [
        "(& " + " ".join(f"({tag}={VALUES[tag][n]})" for tag, n in one.items()) + ")" for one in alternatives
    ]
    return f"(| {' '.join(parts)})"


@given(st.lists(CONJUNCTIONS, min_size=1, max_size=4), st.sets(st.sampled_from(sorted(VALUES))))
def test_a_document_is_in_it_if_some_other_values_of_the_hidden_tags_would_do(
    alternatives: list[dict[str, int]], shown: set[str]
) -> None:
    whole = feature_set(written(alternatives))
    seen = keep_tags(whole, [tag.upper() for tag in shown])
    documents = [dict(zip(VALUES, map(Token, values), strict=True)) for values in product(*VALUES.values())]
    for document in documents:
        like_it = [other for other in documents if all(other[tag] == document[tag] for tag in shown)]
        assert seen.accepts(document) == any(whole.accepts(other) for other in like_it)
    assert not any(seen.mentions(tag) for tag in VALUES if tag not in shown)
