"""What was given up where two feature sets meet: the best form of the offer alone against the best that both have."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from conneg.errors import BoundExceededError
from conneg.features.choice import choose
from conneg.features.collection import FeatureCollection
from conneg.features.conjunction import Conjunction, compare_qualities
from conneg.features.domain import Domain
from conneg.features.preference import Preference, default_preference
from conneg.features.record import Record
from conneg.features.registry import spelling
from conneg.features.sets import FeatureSet
from conneg.features.values import Value, split_key
from conneg.features.wording import (
    describe_conjunction,
    describe_domain,
    describe_resolutions,
    describe_value,
    describe_values,
)

_RESOLUTION = ("dpi", "dpi-xyratio")
_NAMES: Mapping[str, str] = {
    "color": "colour",
    "color-levels": "shades",
    "color-space": "colour space",
    "color-subsampling": "colour of pixels",
    "dpi": "resolution",
    "image-coding": "coding",
    "image-file-structure": "file structure",
    "paper-size": "paper",
    "pix-x": "width in pixels",
    "pix-y": "height in pixels",
    "size-x": "width",
    "size-y": "length",
    "type": "format",
    "ua-media": "medium",
}


class Concession(NamedTuple):
    """One thing that the offer has better than what was chosen; `str()` says it on one line.

    `tags` are the feature tags that it is about; `wanted` and `got` are in words, and so is `because`: what the device
    takes there, "" if it would take what was wanted. `reason` says why as a clause: `because the device takes ...`; ""
    if nothing but the order of preference decided, or if finding out would take too much work.
    """

    name: str
    tags: tuple[str, ...]
    wanted: str
    got: str
    because: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.got} instead of {self.wanted}" + (self.reason and f", {self.reason}")


class Match(Record):
    """What was given up, concession by concession; `str()` says it on one line.

    `wanted` is the best form of the offer alone, `got` the best that both have; None if there is none. `qualities` say
    in words where quality values of the device, or of the offer, decided against a form that were the best otherwise.
    """

    __slots__ = ("concessions", "got", "qualities", "wanted")
    __match_args__ = ("concessions", "qualities", "wanted", "got")

    def __init__(
        self,
        concessions: tuple[Concession, ...],
        qualities: tuple[str, ...],
        wanted: FeatureCollection | None,
        got: FeatureCollection | None,
    ) -> None:
        self.concessions: Final = concessions
        self.qualities: Final = qualities
        self.wanted: Final = wanted
        self.got: Final = got

    def __iter__(self) -> Iterator[Concession]:
        return iter(self.concessions)

    def __len__(self) -> int:
        """Return how many concessions there are."""
        return len(self.concessions)

    def __getitem__(self, place: int) -> Concession:
        return self.concessions[place]

    def __str__(self) -> str:
        if self.got is None:
            return "there is no form that both have"
        said = [*map(str, self.concessions)] or ["nothing is given up"]
        return "; ".join([*said, *self.qualities])


def explain_match(offer: FeatureSet, accepted: FeatureSet, preference: Preference | None = None) -> Match:
    """Return what was given up in the best form that both have, against the best of the offer alone.

    `preference` is that of the choice (`default_preference()` if None). Nothing is given up also if there is no form
    that both have. Raises `conneg.errors.BoundExceededError` for sets among which it takes too much work to choose.
    """
    preference = default_preference() if preference is None else preference
    alone, best = choose(offer, preference), choose(offer & accepted, preference)
    if alone is None or best is None:
        wanted = None if alone is None else alone.collection
        return Match((), (), wanted, None if best is None else best.collection)
    sides = _Sides(offer, accepted, alone.collection, best.collection)
    found = [_concession(tags, sides) for tags in _changed(sides.wanted, sides.got)]
    order = list(_NAMES)
    found.sort(
        key=lambda one: order.index(key) if (key := split_key(one.tags[0])[0]) in _NAMES else len(order)
    )
    return Match(tuple(found), _by_quality(sides, preference), sides.wanted, sides.got)


class _Sides(NamedTuple):
    """What is compared: both sets, the best form of the offer alone, and the best that both have."""

    offer: FeatureSet
    accepted: FeatureSet
    wanted: FeatureCollection
    got: FeatureCollection


def _changed(wanted: FeatureCollection, got: FeatureCollection) -> Iterator[tuple[str, ...]]:
    """Return the tags that both forms state, each differently; resolution and its ratio are one thing."""
    has_resolution = False
    for tag in got:
        if tag not in wanted or wanted[tag] == got[tag]:
            continue
        if tag not in _RESOLUTION:
            yield (tag,)
        elif not has_resolution:
            has_resolution = True
            yield tuple(one for one in _RESOLUTION if one in got)


def _concession(tags: tuple[str, ...], sides: _Sides) -> Concession:
    tag = split_key(tags[0])[0]
    name = _NAMES.get(tag, spelling(tag))
    try:
        because, reason = _because(tags, sides)
    except BoundExceededError:
        because, reason = "", ""
    return Concession(name, tags, _say(tags, sides.wanted), _say(tags, sides.got), because, reason)


def _say(tags: tuple[str, ...], form: FeatureCollection) -> str:
    """Say what a form has in `tags`."""
    if tags[0] == "dpi" and "dpi" in form:
        ratio = form.get("dpi-xyratio")
        return describe_resolutions([(Domain.of(form["dpi"]), None if ratio is None else Domain.of(ratio))])
    return describe_value(tags[0], form[tags[0]])


def _because(tags: tuple[str, ...], sides: _Sides) -> tuple[str, str]:
    """Return what the device takes in `tags`, and the clause that says why what was wanted was not chosen.

    If the device takes nothing like that of all that is on offer, it is what it takes of that; else what it takes with
    all else as it was chosen.
    """
    there = {tag: sides.wanted[tag] for tag in tags if tag in sides.wanted}
    possible = sides.accepted & _without(tags, sides.offer)
    if not _allows(possible, there):
        taken = _taken(tags, possible)
        return taken, f"because the device takes {taken} only"
    rest = {tag: value for tag, value in sides.got.items() if tag not in tags}
    left = sides.accepted & FeatureCollection(rest).as_feature_set()
    form = {**rest, **there}
    if not left.accepts(form):
        taken = _taken(tags, left)
        return taken, f"because with all else as it is the device takes {taken} only"
    if not sides.offer.accepts(form):
        return "", "because the offer has no such form with all else as it is"
    for name, features in (("device", sides.accepted), ("offer", sides.offer)):
        own, other = _quality(features, sides.got), _quality(features, form)
        if compare_qualities(own, other) > 0:
            return "", f"because the {name} prefers it (quality {_first(own)} before {_first(other)})"
    return "", ""


def _allows(features: FeatureSet, stated: Mapping[str, Value]) -> bool:
    """Tell whether some form in `features` may have these values, whatever it has else."""
    return any(
        all(tag not in one.domains or one.domains[tag].contains(value) for tag, value in stated.items())
        for one in features.conjunctions
        if not one.is_never_chosen
    )


def _without(tags: tuple[str, ...], features: FeatureSet) -> FeatureSet:
    """Return the set with `tags` left open."""
    return FeatureSet(
        tuple(
            Conjunction({tag: domain for tag, domain in one.domains.items() if tag not in tags})
            for one in features.conjunctions
        )
    )


def _taken(tags: tuple[str, ...], features: FeatureSet) -> str:
    """Say what `features` has in `tags`."""
    found = [
        {tag: one.domains[tag] for tag in tags if tag in one.domains}
        for one in features.conjunctions
        if not one.is_never_chosen
    ]
    if len(tags) == 1:
        domain = Domain.union(one.get(tags[0], Domain.everything()) for one in found)
        has_words_only = not domain.cuts and not domain.is_cofinite
        return (describe_values if has_words_only else describe_domain)(tags[0], domain)
    if tags[0] == "dpi" and all("dpi" in one for one in found):
        return describe_resolutions((one["dpi"], one.get("dpi-xyratio")) for one in found)
    return " or ".join(dict.fromkeys(describe_conjunction(Conjunction(one)) for one in found))


def _by_quality(sides: _Sides, preference: Preference) -> tuple[str, ...]:
    """Say which quality values decided against the form that were the best without any."""
    if not any(
        one.qualities for side in (sides.offer, sides.accepted) for factor in side.factors for one in factor
    ):
        return ()
    try:
        plain = choose(_plain(sides.offer) & _plain(sides.accepted), preference)
    except BoundExceededError:
        return ()
    if plain is None or plain.collection == sides.got:
        return ()
    form = describe_conjunction(plain.collection.as_feature_set().conjunctions[0])
    found = []
    for name, features in (("device", sides.accepted), ("offer", sides.offer)):
        own, other = _quality(features, sides.got), _quality(features, plain.collection)
        if compare_qualities(own, other) > 0:
            found.append(
                f"the {name} gives this quality {_first(own)}, and {_first(other)} to what would be the best"
                f" otherwise: {form}"
            )
    return tuple(found)


def _plain(features: FeatureSet) -> FeatureSet:
    """Return the set without its quality values."""
    return FeatureSet(tuple(Conjunction(one.domains) for one in features.conjunctions))


def _quality(features: FeatureSet, form: Mapping[str, Value]) -> tuple[Fraction, ...]:
    """Return the best quality values of what `form` is an example of; 0 if some of it is never to be chosen."""
    found: tuple[Fraction, ...] = (Fraction(0),)
    for one in features.conjunctions:
        if all(domain.contains(form[tag]) for tag, domain in one.domains.items() if tag in form):
            if one.is_never_chosen:
                return (Fraction(0),)
            if compare_qualities(one.qualities, found) > 0:
                found = one.qualities
    return found


def _first(qualities: tuple[Fraction, ...]) -> str:
    return f"{float(qualities[0] if qualities else 1):g}"
