"""From a capability to DIS or DTC: a bit is set only if all that it adds lies in the capability (RFC 2880 section 5).

RFC 2880 tests the rows of its tables one by one, but no row states every tag, so none lies in a capability that limits
more. Here the whole set that the frame would mean is tested, bit by bit. Bits multiply (a wide page may be in colour),
so of two bits that are true but not together the first one in `_ROWS` is set.
"""

from collections.abc import Iterable
from typing import NamedTuple

from conneg.errors import BoundExceededError
from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain
from conneg.features.errors import FeatureError
from conneg.features.sets import FeatureSet, feature_set
from conneg.features.t30.bits import ERROR_CORRECTION, MEDIA_BITS, NOT_DESCRIBED
from conneg.features.t30.capability import expression_of
from conneg.features.t30.choices import AB_GAMUT, L_GAMUT
from conneg.features.t30.conventions import T30, Conventions, mrc_bits, mrc_mode
from conneg.features.t30.effect import effect, stated
from conneg.features.t30.frame import Frame, FrameKind, make_frame
from conneg.features.values import TagName, split_key

CARRIED_TAGS = frozenset(
    TagName(tag)
    for tag in (
        "color",
        "color-levels",
        "color-space",
        "color-illuminant",
        "color-subsampling",
        "dpi",
        "dpi-xyratio",
        "image-coding",
        "image-coding-constraint",
        "image-interleave",
        "JBIG-stripe-size",
        "MRC-mode",
        "MRC-max-stripe-size",
        "paper-size",
        "size-x",
        "size-y",
        *(tag for tag, _, _ in (*L_GAMUT, *AB_GAMUT)),
    )
)
"""The tags of which a frame says something."""

_ROWS = (
    *(15, 16, 31, 78, 79),
    *(41, 42, 43, 105, 106, 107, 108, 109),
    *(68, 69, 36, 37, 73, 71, 74, 75, 97, 98, 110, 111),
    *(76, 77, 18, 17, 20, 19),
)
"""The bits in the order in which they are tried, each behind those that it needs; of 18 and 17, of 20 and 19, one."""
_INSTEAD = {17: 18, 19: 20}


class Promise(NamedTuple):
    """A frame for a capability.

    `features` is what the frame promises, `capability` what was to be said, without tags that no frame carries, and
    `unsaid` tells in words what was left out.
    """

    frame: Frame
    features: FeatureSet
    capability: FeatureSet
    unsaid: tuple[str, ...]

    @property
    def missing(self) -> FeatureSet:
        """The collections of the capability that the frame does not promise, of tags that a frame carries.

        Raises `conneg.errors.BoundExceededError` if that is too much to work out.
        """
        return self.capability - self.features


def frame_of(
    capability: FeatureSet,
    conventions: Conventions = T30,
    *,
    kind: FrameKind = FrameKind.DIS,
    other_bits: Iterable[int] = (),
) -> Promise:
    """Return the DIS or DTC that promises as much of `capability` as it can, and nothing else.

    Tags that no frame carries (`image-file-structure`, `ua-media` and the like) are left out: what some value of theirs
    allows is taken as allowed, within the values that `conventions` states. `other_bits` are set besides: bits that say
    nothing of media, such as 10 (can receive) and the modem's.

    Raises `FeatureError` if `kind` is DCS, if `other_bits` has a bit of media, or if the capability lacks what every
    machine must take, so that there is no true frame; `BoundExceededError` if it is too large.
    """
    if kind is FrameKind.DCS:
        raise FeatureError("a DCS says what is used: make it with write_command")
    others = frozenset(other_bits)
    wrong = sorted(others & (MEDIA_BITS | NOT_DESCRIBED.keys()))
    if wrong:
        raise FeatureError(f"bit {wrong[0]} says something of media: it is set only if the capability has it")
    plain = conventions._replace(structures=(), media=())
    carried, left_out = _carried(_within(capability, conventions))
    bits = _grown(_first(carried, plain), carried, plain)
    made = make_frame(kind, stated(bits, conventions) | others)
    features = _meaning(bits, plain)
    return Promise(made, features, carried, (*_tags_left_out(left_out), *_values_left_out(carried, features)))


def _within(capability: FeatureSet, conventions: Conventions) -> FeatureSet:
    """Return what is left of `capability` with the structures and media that are given."""
    for tag, values in (("image-file-structure", conventions.structures), ("ua-media", conventions.media)):
        if values:
            capability = capability & feature_set(f"({tag}=[{','.join(values)}])")
    return capability


def _carried(capability: FeatureSet) -> tuple[FeatureSet, list[str]]:
    """Leave out tags that no frame carries; calls of unknown predicates stay, since they may be false."""
    dropped: dict[str, None] = {}
    conjunctions: dict[Conjunction, None] = {}
    for one in capability.conjunctions:
        kept = {tag: domain for tag, domain in one.domains.items() if _is_kept(tag)}
        dropped.update((tag, None) for tag in one.domains if tag not in kept)
        conjunctions[Conjunction(kept)] = None
    return FeatureSet(tuple(conjunctions)), sorted(getattr(tag, "spelling", tag) for tag in dropped)


def _is_kept(key: str) -> bool:
    return key.startswith("(") or split_key(key)[0] in CARRIED_TAGS


def _meaning(bits: frozenset[int], conventions: Conventions) -> FeatureSet:
    return feature_set(expression_of(bits, conventions))


def _first(carried: FeatureSet, conventions: Conventions) -> frozenset[int]:
    """Return the bits to begin with: none, or the MRC mode without which nothing is true."""
    for bits in (frozenset[int](), *_mrc_choices(frozenset(), conventions)):
        if carried.contains(_meaning(bits, conventions)):
            return bits
    lacking = str(_meaning(frozenset(), conventions) - carried)
    shown = lacking if len(lacking) <= 200 else f"{lacking[:197]}..."
    raise FeatureError(f"every fax machine takes MH on A4 paper, and this capability leaves out {shown}")


def _mrc_choices(bits: frozenset[int], conventions: Conventions) -> list[frozenset[int]]:
    """Return `bits` with each MRC mode, the highest first, with stripes of any size and without."""
    return [
        bits | {15} | mrc_bits(mode, conventions.mrc_order) | stripes
        for mode in range(7, 0, -1)
        for stripes in ({95}, set[int]())
    ]


def _grown(bits: frozenset[int], carried: FeatureSet, conventions: Conventions) -> frozenset[int]:
    """Return `bits` with every row that stays true; an MRC mode limits stripes too, so rows may fit after it."""
    bits = _with_rows(bits, carried, conventions)
    if 15 in bits and not mrc_mode(bits, conventions.mrc_order):
        for more in _mrc_choices(bits, conventions):
            if carried.contains(_meaning(more, conventions)):
                return _with_rows(more, carried, conventions)
    return bits


def _with_rows(bits: frozenset[int], carried: FeatureSet, conventions: Conventions) -> frozenset[int]:
    for number in _ROWS:
        more = bits | {number}
        if number in bits or _INSTEAD.get(number) in bits or not _counts(number, more, conventions):
            continue
        if carried.contains(_meaning(more, conventions)):
            bits = more
    return bits


def _counts(number: int, bits: frozenset[int], conventions: Conventions) -> bool:
    """Tell whether a bit says something beside these bits, error correction taken for granted."""
    return number in effect(bits | {ERROR_CORRECTION}, conventions).bits


def _tags_left_out(tags: list[str]) -> list[str]:
    return [f"{tag}: no frame carries it" for tag in tags]


def _values_left_out(carried: FeatureSet, features: FeatureSet) -> list[str]:
    """Return in words which values of a tag the frame never has, and whether combinations of the others are missing."""
    found = []
    sayable: dict[str, Domain] = {}
    for tag in dict.fromkeys(
        tag for one in carried.conjunctions + features.conjunctions for tag in one.domains
    ):
        sayable[tag] = _values(features, tag)
        rest = _values(carried, tag) & sayable[tag].complement()
        if not rest.is_empty:
            found.append(f"{getattr(tag, 'spelling', tag)}: {rest.describe()}")
    try:
        if not features.contains(carried & FeatureSet((Conjunction(sayable),))):
            found.append("some combinations of values that can be said one by one")
    except BoundExceededError:
        found.append("perhaps some combinations of values: there are too many to look at")
    return found


def _values(features: FeatureSet, tag: str) -> Domain:
    """Return all that `tag` may be."""
    return Domain.union(one.domains.get(tag, Domain.everything()) for one in features.conjunctions)
