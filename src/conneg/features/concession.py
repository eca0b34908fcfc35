"""What was given up where two feature sets meet: the best form of the offer alone against the best that both have."""

from collections.abc import Mapping
from typing import NamedTuple

from conneg.features.choice import choose
from conneg.features.collection import FeatureCollection
from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain
from conneg.features.preference import Preference, default_preference
from conneg.features.registry import spelling
from conneg.features.sets import FeatureSet
from conneg.features.wording import describe_conjunction, describe_domain, describe_resolution, describe_value

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
    takes there when all else is as it was chosen, "" if it would take what was wanted.
    """

    name: str
    tags: tuple[str, ...]
    wanted: str
    got: str
    because: str

    def __str__(self) -> str:
        reason = f", because the device takes {self.because} only" if self.because else ""
        return f"{self.name}: {self.got} instead of {self.wanted}{reason}"


def explain_match(
    offer: FeatureSet, accepted: FeatureSet, preference: Preference | None = None
) -> tuple[Concession, ...]:
    """Return what was given up in the best form that both have, against the best of the offer alone.

    `preference` is that of the choice (`default_preference()` if None). Nothing is returned if nothing was given up, or
    if there is no form that both have. Raises `conneg.errors.BoundExceededError` for sets that take too much work.
    """
    preference = default_preference() if preference is None else preference
    alone, common = choose(offer, preference), choose(offer & accepted, preference)
    if alone is None or common is None:
        return ()
    wanted, got = alone.collection, common.collection
    found = []
    for tag in got:
        if tag not in wanted or wanted[tag] == got[tag] or tag == "dpi-xyratio":
            continue
        tags = tuple(one for one in _RESOLUTION if one in got) if tag == "dpi" else (tag,)
        found.append(_concession(tags, wanted, got, accepted))
    if not _differ("dpi", wanted, got) and _differ("dpi-xyratio", wanted, got):
        tags = tuple(one for one in _RESOLUTION if one in got)
        found.append(_concession(tags, wanted, got, accepted))
    order = list(_NAMES)
    found.sort(key=lambda one: order.index(one.tags[0]) if one.tags[0] in _NAMES else len(order))
    return tuple(found)


def _differ(tag: str, wanted: FeatureCollection, got: FeatureCollection) -> bool:
    return tag in wanted and tag in got and wanted[tag] != got[tag]


def _concession(
    tags: tuple[str, ...], wanted: FeatureCollection, got: FeatureCollection, accepted: FeatureSet
) -> Concession:
    name = _NAMES.get(tags[0], spelling(tags[0]))
    because = _because(tags, wanted, got, accepted)
    return Concession(name, tags, _say(tags, wanted), _say(tags, got), because)


def _say(tags: tuple[str, ...], form: FeatureCollection) -> str:
    """Say what a form has in `tags`."""
    if tags[0] == "dpi" and "dpi" in form:
        ratio = form.get("dpi-xyratio")
        return describe_resolution(Domain.of(form["dpi"]), None if ratio is None else Domain.of(ratio))
    return describe_value(tags[0], form[tags[0]])


def _because(
    tags: tuple[str, ...], wanted: FeatureCollection, got: FeatureCollection, accepted: FeatureSet
) -> str:
    """Say what the device takes in `tags` with all else as it was chosen; "" if that has what was wanted."""
    rest = FeatureCollection({tag: value for tag, value in got.items() if tag not in tags})
    left = accepted & rest.as_feature_set()
    there = {tag: wanted[tag] for tag in tags if tag in wanted}
    if left.is_empty or left.accepts({**rest, **there}):
        return ""
    if len(tags) == 1:
        return describe_domain(
            tags[0], Domain.union(one.domains[tags[0]] for one in left.conjunctions if tags[0] in one.domains)
        )
    said = []
    for one in left.conjunctions:
        domains = {tag: one.domains[tag] for tag in tags if tag in one.domains}
        said.append(describe_conjunction(Conjunction(domains)))
    return " or ".join(dict.fromkeys(said))
