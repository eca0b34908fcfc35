"""The two questions of the planner: is this accepted as it is, and what have an offer and a capability in common?

Both are asked literally first, and then with the resolutions that T.4 lets stand for each other
(`conneg.negotiation.fax.with_twins`).
"""

from conneg.features import Conjunction, FeatureSet, feature_set
from conneg.features.private import OCTETS_TAG
from conneg.negotiation.fax import with_twins

_JBIG_TAG = "JBIG-stripe-size"


def is_accepted(features: FeatureSet, accepted: FeatureSet, octets: int | None = None) -> bool:
    """Tell whether content that `features` describes is accepted as it is.

    Every page has to be: each conjunction of `features` describes one. Tags that the content does not state never
    stand in the way (RFC 2533, 3.3); a tag stated with several values means that all of them occur. `octets` is held
    against a limit on octets when there is one.
    """
    accepted = _choosable(accepted)
    if features.is_empty or accepted.is_empty:
        return False
    if octets is not None and accepted.mentions(OCTETS_TAG):
        features &= feature_set(f"({OCTETS_TAG}={octets})")
    return _covers(accepted, features) or _covers(with_twins(accepted), features)


def common_forms(offer: FeatureSet, accepted: FeatureSet) -> FeatureSet:
    """Return what `offer` and `accepted` have in common; with the twin resolutions if there is nothing without them.

    A receiver that is silent on codings accepts all of them by RFC 2533, and few devices have JBIG (RFC 2879 makes it
    an option that is stated): it is left out there, unless there is nothing else.
    """
    accepted = _choosable(accepted)
    common = _choosable(offer) & accepted
    if common.is_empty and not offer.is_empty:
        common = _choosable(offer) & with_twins(accepted)
    if offer.mentions(_JBIG_TAG) and not (accepted.mentions("image-coding") or accepted.mentions(_JBIG_TAG)):
        plain = tuple(one for one in common.conjunctions if one.domain(_JBIG_TAG) is None)
        return FeatureSet(plain) if plain else common
    return common


def _choosable(features: FeatureSet) -> FeatureSet:
    """Leave out what was said with the quality 0 (RFC 2533, 3.6), also where it was said with another one."""
    never = tuple(one for one in features.conjunctions if one.is_never_chosen)
    if not never:
        return features
    return FeatureSet(tuple(one for one in features.conjunctions if not one.is_never_chosen)) - FeatureSet(
        never
    )


def _covers(accepted: FeatureSet, features: FeatureSet) -> bool:
    """Tell whether every page in `features` lies within `accepted` as far as its own tags go."""
    return all(_project(accepted, page).contains(FeatureSet((page,))) for page in features.conjunctions)


def _project(accepted: FeatureSet, page: Conjunction) -> FeatureSet:
    """Forget what `accepted` says of tags that `page` does not state."""
    return FeatureSet(
        tuple(
            Conjunction({tag: domain for tag, domain in conjunction.domains.items() if tag in page.domains})
            for conjunction in accepted.conjunctions
        )
    )
