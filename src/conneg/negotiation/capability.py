"""What a recipient can take, with who said so and when: text in, a feature set ready for matching out."""

from dataclasses import dataclass
from enum import StrEnum

from conneg.errors import ConnegError
from conneg.features import PROFILES, FeatureSet, feature_set, widen
from conneg.features.memo import Memo
from conneg.negotiation.fax import is_page_structure, normalise

_CACHED_TEXTS = 1024
_CACHED_TEXT_LENGTH = 4096
_CACHED_CONJUNCTIONS = 256


class CapabilityError(ConnegError):
    """An expression that can be read, but does not say what the recipient can take."""


class Provenance(StrEnum):
    """Who said what a recipient can take, the most trusted first."""

    REPLY = "reply"
    """The next hop, in its reply to RCPT."""
    DIRECTORY = "directory"
    """The operator's directory."""
    LEARNED = "learned"
    """An earlier delivery report (RFC 2530)."""
    BASELINE = "baseline"
    """Nobody: this is what is assumed."""


@dataclass(frozen=True, slots=True)
class Capability:
    """The feature set that a recipient accepts.

    `expression` is the text as it was said, `features` its meaning, widened and normalised for matching.
    `obtained_at` is Unix time; `authenticated` says whether the channel it came over was.
    """

    expression: str
    features: FeatureSet
    provenance: Provenance
    source: str
    obtained_at: float | None = None
    authenticated: bool = False

    @property
    def is_page_device(self) -> bool:
        """Whether only page images are accepted: every conjunction states an image file structure and no other type."""
        conjunctions = self.features.conjunctions
        return bool(conjunctions) and all(is_page_structure(conjunction) for conjunction in conjunctions)


def read_capability(
    expression: str,
    provenance: Provenance,
    source: str,
    *,
    obtained_at: float | None = None,
    authenticated: bool = False,
) -> Capability:
    """Read a capability expression leniently and make it ready for matching.

    What did not come from a peer may also be the name of a TIFF-FX profile (`S`, `C`; see `profile_expression`).
    Widened: the structures that a reader of `TIFF` can read too (`conneg.features.widen`); normalised: see
    `conneg.negotiation.fax.normalise`. Alternatives that refer to something undefined are left out, since nobody knows
    what they admit. Raises `conneg.features.FeatureSyntaxError`, `conneg.errors.BoundExceededError`, and
    `CapabilityError` when no alternative is left.
    """
    text = expression.strip()
    if provenance is not Provenance.REPLY:
        text = profile_expression(text) or text
    return Capability(text, _read(text), provenance, source, obtained_at, authenticated)


def profile_expression(name: str) -> str | None:
    """Return the expression of the TIFF-FX profile `name` (`S`, `C full`, in any letter case); None for others."""
    return _PROFILE_TEXTS.get(" ".join(name.split()).lower().removeprefix("profile "))


def baseline(expression: str = "S", source: str = "RFC 3965, 4") -> Capability:
    """Return what is assumed of a recipient of whom nothing is known.

    By default profile S: what a sender may send without knowledge of the recipient (RFC 3965, 4). Raises as
    `read_capability` does.
    """
    return read_capability(expression, Provenance.BASELINE, source)


_PROFILE_TEXTS = {profile.name.lower(): profile.text for profile in PROFILES.values()}

_KNOWN: Memo[str, FeatureSet] = Memo(_CACHED_TEXTS)


def _read(text: str) -> FeatureSet:
    """Read `text`; what is short and simple is remembered, since a directory has few kinds of device."""
    found = _KNOWN.get(text)
    if found is not None:
        return found
    features = normalise(widen(_resolved(feature_set(text, lenient=True))))
    terms = sum(map(len, features.factors))
    if len(text) > _CACHED_TEXT_LENGTH or terms > _CACHED_CONJUNCTIONS:
        return features
    return _KNOWN.keep(text, features)


def _resolved(features: FeatureSet) -> FeatureSet:
    """Leave out alternatives that refer to predicates which nobody defined, such as an unknown hash (RFC 2938)."""
    unresolved = features.unresolved
    if not unresolved:
        return features
    known = tuple(one for one in features.conjunctions if not any(tag.startswith("(") for tag in one.domains))
    if not known:
        raise CapabilityError(f"refers to {', '.join(unresolved)}, which is not defined")
    return FeatureSet(known)
