"""Keeping some tags of a set and saying nothing of the others, for those who may not be told everything."""

from collections.abc import Collection

from conneg.features.conjunction import Conjunction
from conneg.features.sets import FeatureSet


def keep_tags(features: FeatureSet, tags: Collection[str]) -> FeatureSet:
    """Return the smallest set that contains `features` and limits no tag but `tags` (in any letter case).

    A tag that is not mentioned may have any value (RFC 2533, 4.1), so what is left out is promised to be taken: it is
    for who converts what comes. Raises `conneg.errors.BoundExceededError` as `FeatureSet` does.
    """
    kept = {tag.lower() for tag in tags}
    found = FeatureSet.everything()
    for factor in features.factors:
        found &= FeatureSet(
            tuple(
                Conjunction({tag: one for tag, one in part.domains.items() if tag in kept}, part.qualities)
                for part in factor
            )
        )
    return found
