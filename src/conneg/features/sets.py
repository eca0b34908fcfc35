"""Feature sets: the meaning of expressions, with the operations of sets (RFC 2533 sections 3.3 and 5).

A set is a union of conjunctions, none of them empty, or a product of such unions that have no tag in common. A tag that
a conjunction does not mention is not limited by it.
Text and preference are apart from it: `conneg.features.reading`, `conneg.features.choice`. Quality values ride along
with the conjunctions for the choice; no operation of sets looks at them. What texts meant and what sets had in common
is remembered for a while, if it is small.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import prod

from conneg.features.conjunction import (
    MAX_CONJUNCTIONS,
    Conjunction,
    Work,
    absorb,
    complement,
    meet,
    subtract,
)
from conneg.features.expansion import Expander, Resolver
from conneg.features.expression import Expression
from conneg.features.factors import NOTHING, Factor, Factors, multiply, separate, sharing
from conneg.features.memo import Memo
from conneg.features.normal import join, normal_form
from conneg.features.reading import KNOWN_TEXT, forget_trees, parse
from conneg.features.record import Record
from conneg.features.repair import repair
from conneg.features.values import Value, feature_key
from conneg.features.writing import write


class FeatureSet(Record):
    """A set of feature collections, made from conjunctions that unite to it; `()` is the empty set.

    `==` compares what is written; whether two sets mean the same is `equivalent`. `str()` is the canonical text. The
    operations raise `conneg.errors.BoundExceededError` when they would cost more than `MAX_CONJUNCTIONS` or `MAX_WORK`
    of `conneg.features.conjunction` allow.
    """

    __slots__ = ("_conjunctions", "_factors", "_hash", "_meaning", "_text")

    def __init__(self, conjunctions: tuple[Conjunction, ...]) -> None:
        MAX_CONJUNCTIONS.check(len(conjunctions))
        kept = tuple(_tidy(one) for one in conjunctions if not one.is_empty)
        self._set((kept,), kept)

    def _set(self, factors: Factors, conjunctions: tuple[Conjunction, ...] | None) -> None:
        self._factors: Factors = factors
        self._conjunctions = conjunctions
        self._text: str | None = None
        self._meaning: str | None = None
        self._hash: int | None = None

    @classmethod
    def of_factors(cls, factors: Factors) -> "FeatureSet":
        """Return the set that independent factors make; see `conneg.features.factors.separate`."""
        found = cls.__new__(cls)
        found._set(factors, None)
        return found

    @property
    def factors(self) -> Factors:
        """Unions of conjunctions that all hold and have no tag in common; see `conneg.features.factors`."""
        return self._factors

    @property
    def conjunctions(self) -> tuple[Conjunction, ...]:
        """Conjunctions that unite to the set.

        Raises `conneg.errors.BoundExceededError` where independent choices multiply to more than `MAX_CONJUNCTIONS`.
        """
        if self._conjunctions is None:
            self._conjunctions = multiply(self._factors)
        return self._conjunctions

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, FeatureSet) and self._factors == other._factors

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self._factors)
        return self._hash

    def __repr__(self) -> str:
        return f"feature_set({str(self)!r})"

    @classmethod
    def everything(cls) -> "FeatureSet":
        """Every collection: no tag is limited."""
        return cls((Conjunction({}),))

    @classmethod
    def nothing(cls) -> "FeatureSet":
        """No collection."""
        return cls(())

    @property
    def is_empty(self) -> bool:
        """Whether no collection is in it."""
        return self._factors == NOTHING

    def __and__(self, other: "FeatureSet") -> "FeatureSet":
        """Return what is in both. `other` is the receiver where quality values are compared: its own come first."""
        known = _MEETINGS.get((self, other))
        if known is not None:
            return known
        both = self._meet(other)
        if self._is_small and other._is_small and both._is_small:
            _MEETINGS.keep((self, other), both)
        return both

    def _meet(self, other: "FeatureSet") -> "FeatureSet":
        work = Work()
        if not self._has_qualities and not other._has_qualities:
            return FeatureSet.of_factors(separate((*self._factors, *other._factors), work))
        found: list[Conjunction] = []
        prefix = _most_qualities(other)
        for theirs in other.conjunctions:
            for ours in self.conjunctions:
                both = meet(ours, theirs, work)
                if both is not None:
                    if prefix:
                        both = Conjunction(both.domains, _padded(theirs.qualities, prefix) + ours.qualities)
                    found.append(both)
                    MAX_CONJUNCTIONS.check(len(found))
        return FeatureSet(tuple(absorb(found, work)))

    @property
    def _has_qualities(self) -> bool:
        return any(one.qualities for factor in self._factors for one in factor)

    def __or__(self, other: "FeatureSet") -> "FeatureSet":
        """Return what is in one of them."""
        return FeatureSet(tuple(absorb((*self.conjunctions, *other.conjunctions), Work())))

    def __sub__(self, other: "FeatureSet") -> "FeatureSet":
        """Return what is in this set and not in `other`."""
        work = Work()
        return FeatureSet(
            tuple(piece for one in self.conjunctions for piece in subtract(one, other.conjunctions, work))
        )

    def complement(self) -> "FeatureSet":
        """Return every collection that is not in it; quality values are left out."""
        work = Work()
        outside = [one for factor in self._factors for one in complement(factor, work)]
        return FeatureSet(tuple(absorb(outside, work)))

    def contains(self, other: "FeatureSet") -> bool:
        """Tell whether every collection in `other` is in this set (RFC 2880 section 5's test, decided exactly)."""
        if other.is_empty:
            return True
        work = Work()
        return all(_holds(factor, other._factors, work) for factor in self._factors)

    def equivalent(self, other: "FeatureSet") -> bool:
        """Tell whether the same collections are in both."""
        return self.contains(other) and other.contains(self)

    def accepts(self, collection: Mapping[str, Value]) -> bool:
        """Tell whether a concrete collection matches; its tags are in any letter case.

        A tag that it does not state never stands in the way.
        """
        stated = {
            tag.lower() if " " in tag else feature_key(tag, value): value for tag, value in collection.items()
        }
        return all(
            any(
                all(domain.contains(stated[tag]) for tag, domain in one.domains.items() if tag in stated)
                for one in factor
            )
            for factor in self._factors
        )

    def mentions(self, tag: str) -> bool:
        """Tell whether some conjunction limits `tag`, in any letter case."""
        return any(one.domain(tag) is not None for factor in self._factors for one in factor)

    @property
    def unresolved(self) -> tuple[str, ...]:
        """The calls of predicates that nobody defined: each counts as a feature of its own, true or false."""
        found = {
            getattr(tag, "spelling", tag): None
            for factor in self._factors
            for one in factor
            for tag in one.domains
            if tag.startswith("(")
        }
        return tuple(sorted(found))

    def as_expression(self) -> Expression:
        """Return an expression for it: conjunctions that differ in one tag are folded, terms sorted by tag."""
        if prod(map(len, self._factors)) <= _WRITTEN_OUT:
            return normal_form(self.conjunctions)
        return join([normal_form(factor) for factor in self._factors])

    @property
    def _is_small(self) -> bool:
        """Whether it is worth to be remembered."""
        return sum(len(one.domains) for factor in self._factors for one in factor) <= _SMALL

    @property
    def meaning(self) -> str:
        """A text that is the same for two sets if, and only if, they are equivalent; not meant for reading.

        Raises `conneg.errors.BoundExceededError` for a set that takes too much work.
        """
        from conneg.features.canonical import meaning

        if self._meaning is None:
            self._meaning = meaning(self.conjunctions)
        return self._meaning

    @property
    def key(self) -> str:
        """The canonical text: the same for sets that differ in order and writing; see `meaning` for all equivalents."""
        if self._text is None:
            self._text = write(self.as_expression())
        return self._text

    def __str__(self) -> str:
        return self.key


def feature_set(
    source: str | Expression, *, lenient: bool = False, resolver: Resolver | None = None
) -> FeatureSet:
    """Return the set that an expression means.

    `resolver` is asked for predicates that the expression does not define, such as `h.` references; what it does not
    know becomes a feature of its own, see `FeatureSet.unresolved`. `lenient` reads misprints of the published schemas:
    see `conneg.features.reading.parse` and `conneg.features.repair.repair`. Raises `FeatureSyntaxError`,
    `FeatureReferenceError` and `conneg.errors.BoundExceededError`.
    """
    if not isinstance(source, str):
        return _meaning(source, lenient, resolver)
    if resolver is not None or len(source) > KNOWN_TEXT:
        return _meaning(parse(source, lenient=lenient), lenient, resolver)
    known = _SETS.get((source, lenient))
    if known is not None:
        return known
    found = _meaning(parse(source, lenient=lenient), lenient, resolver)
    return _SETS.keep((source, lenient), found) if found._is_small else found


def forget() -> None:
    """Forget what was read and met lately: its memory is free, and the next call pays the full price again."""
    forget_trees()
    _SETS.forget()
    _MEETINGS.forget()


def _meaning(expression: Expression, lenient: bool, resolver: Resolver | None) -> FeatureSet:
    parts = Expander(resolver, lenient=lenient).expand(expression)
    if lenient:
        parts = [repair(part) for part in parts]
    if len(parts) == 1:
        return FeatureSet(tuple(parts[0]))
    return FeatureSet.of_factors(separate(parts, Work()))


def _holds(factor: Factor, others: Factors, work: Work) -> bool:
    """Tell whether all that the independent `others` leave is in `factor`."""
    if factor in others:
        return True
    own = set(factor)
    for one in multiply(sharing(others, factor)):
        if one in own:
            continue
        work.spend(len(factor) // 4)
        if not any(one.is_within(large) for large in factor) and subtract(one, factor, work):
            return False
    return True


_WRITTEN_OUT = 200
"""Sets whose factors multiply to more conjunctions are written factor by factor."""

_SMALL = 512
"""Sets with more tags in their conjunctions, all counted, are not remembered."""

_SETS: Memo[tuple[str, bool], FeatureSet] = Memo(256)
_MEETINGS: Memo[tuple[FeatureSet, FeatureSet], FeatureSet] = Memo(1024)


def _tidy(one: Conjunction) -> Conjunction:
    """Leave out tags that may be anything."""
    if any(domain.is_everything for domain in one.domains.values()):
        domains = {tag: domain for tag, domain in one.domains.items() if not domain.is_everything}
        return Conjunction(domains, one.qualities)
    return one


def _most_qualities(features: FeatureSet) -> int:
    return max((len(one.qualities) for one in features.conjunctions), default=0)


def _padded(qualities: tuple[Fraction, ...], length: int) -> tuple[Fraction, ...]:
    return qualities + (Fraction(1),) * (length - len(qualities))
