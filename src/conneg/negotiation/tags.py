"""Reading what one feature tag may be, as words and numbers; shared by the modules that put capabilities into words."""

from collections.abc import Iterable
from fractions import Fraction

from conneg.features import Conjunction, FeatureSet


def words(conjunction: Conjunction, tag: str) -> frozenset[str] | None:
    """Return the values that `tag` may have, in small letters and without quotes; None when they are not limited."""
    domain = conjunction.domain(tag)
    if domain is None or domain.values is None:
        return None
    return frozenset(str(value).strip('"').lower() for value in domain.values)


def all_words(features: FeatureSet, tag: str) -> frozenset[str] | None:
    """Return the values that `tag` may have anywhere in `features`; None when some conjunction does not limit them."""
    found: set[str] = set()
    for conjunction in features.conjunctions:
        values = words(conjunction, tag)
        if values is None:
            return None
        found |= values
    return frozenset(found)


def largest(conjunctions: Iterable[Conjunction], tag: str) -> Fraction | None:
    """Return the greatest number that `tag` may have in any of `conjunctions`; None when some have no upper limit."""
    limits: list[Fraction] = []
    for conjunction in conjunctions:
        domain = conjunction.domain(tag)
        if domain is None or domain.maximum is None:
            return None
        limits.append(domain.maximum)
    return max(limits, default=None)


def number_text(value: Fraction) -> str:
    """Return `value` for people: an integer as such, anything else with one decimal."""
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.1f}"
