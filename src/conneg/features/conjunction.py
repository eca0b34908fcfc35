"""One box of the space of documents: for each tag it mentions, what that tag may be; and the work that boxes cost."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final

from conneg.bounds import Bound
from conneg.features.domain import Domain
from conneg.features.record import Record

MAX_CONJUNCTIONS = Bound(
    name="features.conjunctions",
    value=2_000,
    unit="conjunctions in a feature set",
    reason="the largest published schema has 13; distribution is exponential in the text",
    answer="BoundExceededError; the recipient has no usable capability",
)
MAX_WORK = Bound(
    name="features.work",
    value=20_000,
    unit="steps of set arithmetic in one operation",
    reason="some 15 milliseconds; the largest published schemas met with each other take 1,000",
    answer="BoundExceededError; the recipient has no usable capability",
)
_COMPARED = 10_000
"""Up to so many pairs of conjunctions are compared to drop those inside another."""

_ONE = Fraction(1)


class Conjunction(Record):
    """All documents whose tags lie in `domains`; a tag that is not there is not limited.

    The keys are tags in small letters, with a space and the unit behind them when the values have one, and calls of
    predicates that nobody could resolve, in parentheses. `qualities` are compared from the first on, and those that
    are missing are 1: of `a & b` those of `b`, the receiver, come first, and a set without quality values adds none.
    """

    __slots__ = ("domains", "qualities")
    __match_args__ = ("domains", "qualities")

    def __init__(self, domains: Mapping[str, Domain], qualities: tuple[Fraction, ...] = ()) -> None:
        self.domains: Final = domains
        self.qualities: Final = qualities

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Conjunction)
            and self.qualities == other.qualities
            and self.domains == other.domains
        )

    def __hash__(self) -> int:
        return hash((frozenset(self.domains.items()), self.qualities))

    @property
    def quality(self) -> Fraction:
        """The quality value that is compared first, from 0 (never choose) to 1."""
        return self.qualities[0] if self.qualities else _ONE

    @property
    def is_never_chosen(self) -> bool:
        """Whether one side gave it the quality 0."""
        return any(quality == 0 for quality in self.qualities)

    @property
    def is_empty(self) -> bool:
        """Whether some tag has no value left."""
        return any(domain.is_empty for domain in self.domains.values())

    def domain(self, tag: str) -> Domain | None:
        """Return what `tag` may be (in any letter case); None if it is not limited."""
        return self.domains.get(tag.lower())

    def is_within(self, other: "Conjunction") -> bool:
        """Tell whether every document of this one is one of `other`."""
        for tag, domain in other.domains.items():
            own = self.domains.get(tag)
            if own is None or not own.is_within(domain):
                return False
        return True


class Work:
    """Counts the steps of one operation and stops it at `MAX_WORK`."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_WORK.value

    def spend(self, steps: int) -> None:
        """Count `steps`; raises `conneg.errors.BoundExceededError` when there have been too many."""
        self.left -= steps
        if self.left < 0:
            raise MAX_WORK.exceeded("a feature set")


def meet(one: Conjunction, other: Conjunction, work: Work) -> Conjunction | None:
    """Return what is in both, with the qualities of `one`; None as soon as one tag has no value left."""
    if not other.domains:
        return one
    small, large = one.domains, other.domains
    if len(small) > len(large):
        small, large = large, small
    changed: dict[str, Domain] = {}
    steps = 1 + len(large) // 4
    for tag, domain in small.items():
        opposite = large.get(tag)
        if opposite is None:
            changed[tag] = domain
        elif opposite is not domain:
            steps += 1 + (domain.size + opposite.size) // 4
            both = domain & opposite
            if both.is_empty:
                work.spend(steps)
                return None
            changed[tag] = both
    work.spend(steps)
    return Conjunction({**large, **changed}, one.qualities)


def product(factors: Iterable[Sequence[Conjunction]], work: Work) -> list[Conjunction]:
    """Return the conjunctions of the intersection of all `factors`, each a union of conjunctions; no qualities.

    The factors with the fewest alternatives come first, and what is empty or inside another goes at once.
    """
    several: list[Sequence[Conjunction]] = []
    only: list[Conjunction] = []
    for factor in factors:
        if len(factor) == 1:
            only += factor
        else:
            several.append(factor)
    common = _meet_all(only, work)
    if common is None:
        return []
    found = [common]
    for factor in sorted(several, key=len):
        following: list[Conjunction] = []
        for one in found:
            for other in factor:
                both = meet(one, other, work)
                if both is not None:
                    following.append(both)
                    MAX_CONJUNCTIONS.check(len(following))
        found = absorb(following, work)
        if not found:
            break
    return found


def absorb(conjunctions: Sequence[Conjunction], work: Work) -> list[Conjunction]:
    """Drop each conjunction that is inside another of no lower quality; the rest stay in their order.

    Those that limit but one tag, the same one, become one. Where that would take too many comparisons, only those that
    are equal to another are dropped.
    """
    if len(conjunctions) < 2:
        return list(conjunctions)
    work.spend(len(conjunctions))
    united = list(dict.fromkeys(_unite_singles(conjunctions)))
    pairs = _comparable(united, work)
    if pairs is None:
        return united
    dropped: set[int] = set()
    for small, large in pairs:
        if small not in dropped and large not in dropped and _absorbs(united[large], united[small]):
            dropped.add(small)
    return [one for place, one in enumerate(united) if place not in dropped]


def _comparable(conjunctions: Sequence[Conjunction], work: Work) -> Sequence[tuple[int, int]] | None:
    """Return the places of pairs of which the first may be inside the second; None if they are too many.

    What is inside another limits all the tags that the other limits.
    """
    groups: dict[frozenset[str], list[int]] = {}
    for place, one in enumerate(conjunctions):
        groups.setdefault(frozenset(one.domains), []).append(place)
    by_size = sorted(groups, key=len)
    pairs: list[tuple[int, int]] = []
    compared = shorter = 0
    for tags in by_size:
        while len(by_size[shorter]) < len(tags):
            shorter += 1
        inside = groups[tags]
        compared += shorter + len(inside) ** 2
        if compared > _COMPARED:
            return None
        outside = [number for other in by_size[:shorter] if other < tags for number in groups[other]]
        compared += len(inside) * len(outside)
        if compared > _COMPARED:
            return None
        pairs += [(small, large) for small in inside for large in (*inside, *outside) if small != large]
    work.spend(compared // 2)
    return pairs


def complement(conjunctions: Iterable[Conjunction], work: Work) -> list[Conjunction]:
    """Return the conjunctions of everything that is in none of `conjunctions`."""
    factors = []
    for conjunction in conjunctions:
        work.spend(len(conjunction.domains))
        outside = ((tag, domain.complement()) for tag, domain in conjunction.domains.items())
        factors.append([Conjunction({tag: domain}) for tag, domain in outside if not domain.is_empty])
    return product(factors, work)


def subtract(one: Conjunction, others: Iterable[Conjunction], work: Work) -> list[Conjunction]:
    """Return what of `one` is in none of `others`, in conjunctions that have nothing in common."""
    left = [one]
    for other in others:
        left = [piece for whole in left for piece in _cut(whole, other, work)]
        MAX_CONJUNCTIONS.check(len(left))
        if not left:
            break
    return left


def _meet_all(conjunctions: Iterable[Conjunction], work: Work) -> Conjunction | None:
    """Return what is in all of them, without qualities; None if that is nothing."""
    found: dict[str, Domain] = {}
    for one in conjunctions:
        for tag, domain in one.domains.items():
            own = found.get(tag)
            both = domain if own is None else own & domain
            work.spend(1 if own is None else 1 + (domain.size + own.size) // 4)
            if both.is_empty:
                return None
            found[tag] = both
    return Conjunction(found)


def _unite_singles(conjunctions: Sequence[Conjunction]) -> list[Conjunction]:
    """Make one of all conjunctions that limit only the same tag, with the same qualities, at the place of the first."""
    groups: dict[tuple[str, tuple[Fraction, ...]], list[Domain]] = {}
    places: dict[tuple[str, tuple[Fraction, ...]], int] = {}
    kept: list[Conjunction] = []
    for one in conjunctions:
        if len(one.domains) != 1:
            kept.append(one)
            continue
        ((tag, domain),) = one.domains.items()
        key = (tag, one.qualities)
        if key not in groups:
            places[key] = len(kept)
            kept.append(one)
        groups.setdefault(key, []).append(domain)
    for key, domains in groups.items():
        if len(domains) > 1:
            united = Domain.union(domains)
            kept[places[key]] = Conjunction({} if united.is_everything else {key[0]: united}, key[1])
    return kept


def _cut(whole: Conjunction, other: Conjunction, work: Work) -> list[Conjunction]:
    """Return the pieces of `whole` outside `other`: tag by tag what lies outside, then on with what lies inside."""
    if meet(whole, other, work) is None:
        return [whole]
    pieces: list[Conjunction] = []
    inside = dict(whole.domains)
    for tag, domain in other.domains.items():
        own = inside.get(tag, Domain.everything())
        work.spend(1 + len(inside) // 4 + (domain.size + own.size) // 4)
        outside = own & domain.complement()
        if not outside.is_empty:
            pieces.append(Conjunction({**inside, tag: outside}, whole.qualities))
        inside[tag] = own & domain
    return pieces


def _absorbs(large: Conjunction, small: Conjunction) -> bool:
    """Tell whether `small` says nothing beside `large`: inside it, of no higher quality, not marked as never chosen."""
    if large.qualities != small.qualities and (
        small.is_never_chosen or compare_qualities(large.qualities, small.qualities) < 0
    ):
        return False
    return small.is_within(large)


def compare_qualities(one: tuple[Fraction, ...], other: tuple[Fraction, ...]) -> int:
    """Return 1, 0 or -1: the receiver's quality decides, then the sender's; what is missing is 1."""
    for place in range(max(len(one), len(other))):
        own = one[place] if place < len(one) else _ONE
        opposite = other[place] if place < len(other) else _ONE
        if own != opposite:
            return 1 if own > opposite else -1
    return 0
