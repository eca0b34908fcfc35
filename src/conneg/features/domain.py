"""What one feature tag may be: a set of numbers, tokens and strings, closed under all set operations and exact.

Numbers are dense and compared exactly. A value of one type is unequal to, and unordered against, any of another
(RFC 2533, 4.2.2); so `(!(x<=4))` leaves every number above 4 and every word. Numbers are kept as a sorted row of cuts:
the set begins at the first, ends at the second, begins again at the third. A cut `(v, 0)` lies just below the number
v, `(v, 1)` just above it, so that open and closed ends need no cases. See `conneg.features.sets` for whole sets.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Final, NamedTuple, TypeAlias

from conneg.features.expression import Operator
from conneg.features.record import Record
from conneg.features.values import Quantity, Text, Token, Value, Word, value_order

_Number: TypeAlias = int | Fraction | float
_Cut: TypeAlias = tuple[_Number, int]
_Cuts: TypeAlias = tuple[_Cut, ...]

_LOWEST: _Cut = (float("-inf"), 0)
_HIGHEST: _Cut = (float("inf"), 0)
_ALL_NUMBERS: _Cuts = (_LOWEST, _HIGHEST)


class Interval(NamedTuple):
    """Numbers from `low` to `high`, None for no end on that side; an end belongs to it unless it is open."""

    low: Fraction | None
    high: Fraction | None
    low_open: bool = False
    high_open: bool = False

    @property
    def is_point(self) -> bool:
        """Whether it is one number."""
        return self.low is not None and self.low == self.high


class Domain(Record):
    """A set of values; made by the functions below, never changed.

    `words` are the tokens and strings in it or, if `is_cofinite`, those that are not.
    """

    __slots__ = ("cuts", "is_cofinite", "words")
    __match_args__ = ("cuts", "words", "is_cofinite")

    def __init__(
        self, cuts: _Cuts = (), words: frozenset[Word] = frozenset(), is_cofinite: bool = False
    ) -> None:
        self.cuts: Final = cuts
        self.words: Final = words
        self.is_cofinite: Final = is_cofinite

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Domain)
            and self.cuts == other.cuts
            and self.words == other.words
            and self.is_cofinite is other.is_cofinite
        )

    def __hash__(self) -> int:
        return hash((self.cuts, self.words, self.is_cofinite))

    @classmethod
    def everything(cls) -> "Domain":
        """Any value at all."""
        return _EVERYTHING

    @classmethod
    def nothing(cls) -> "Domain":
        """No value."""
        return _NOTHING

    @classmethod
    def of(cls, *values: Value) -> "Domain":
        """Return these values; the units of quantities are left out."""
        return cls.of_entries((value, value) for value in values)

    @classmethod
    def of_entries(cls, entries: Iterable[tuple[Value, Value]]) -> "Domain":
        """Return the union of closed ranges, each given by both ends; one of words is empty unless they are equal."""
        spans: list[tuple[_Cut, _Cut]] = []
        words: set[Word] = set()
        for low, high in entries:
            if isinstance(low, Token | Text):
                if low == high:
                    words.add(low)
            elif not isinstance(high, Token | Text):
                spans.append(((_plain(low), 0), (_plain(high), 1)))
        return cls(_join_spans(spans), frozenset(words))

    @classmethod
    def compared(cls, operator: Operator, value: Value) -> "Domain":
        """Return what satisfies a comparison; every comparison with a word is equality (RFC 2533, 4.2.2)."""
        if isinstance(value, Token | Text):
            return cls((), frozenset((value,)))
        number = _plain(value)
        low = _LOWEST if operator is Operator.AT_MOST else (number, 0)
        high = _HIGHEST if operator is Operator.AT_LEAST else (number, 1)
        return cls((low, high))

    @classmethod
    def union(cls, domains: Iterable["Domain"]) -> "Domain":
        """Return every value that is in one of `domains`."""
        spans: list[tuple[_Cut, _Cut]] = []
        within: set[Word] = set()
        without: frozenset[Word] | None = None
        for domain in domains:
            spans += zip(domain.cuts[::2], domain.cuts[1::2], strict=True)
            if not domain.is_cofinite:
                within |= domain.words
            else:
                without = domain.words if without is None else without & domain.words
        cuts = _join_spans(spans)
        return cls(cuts, frozenset(within)) if without is None else cls(cuts, without - within, True)

    @property
    def is_empty(self) -> bool:
        """Whether there is no value in it."""
        return not self.cuts and not self.words and not self.is_cofinite

    @property
    def is_everything(self) -> bool:
        """Whether every value is in it."""
        return self.is_cofinite and not self.words and self.cuts == _ALL_NUMBERS

    @property
    def size(self) -> int:
        """How much there is to look at: ends and words."""
        return len(self.cuts) + len(self.words)

    def contains(self, value: Value) -> bool:
        """Tell whether `value` is in it; the unit of a quantity is not looked at."""
        if isinstance(value, Token | Text):
            return (value in self.words) is not self.is_cofinite
        place = (_plain(value), 0)
        return any(low <= place < high for low, high in zip(self.cuts[::2], self.cuts[1::2], strict=True))

    def is_within(self, other: "Domain") -> bool:
        """Tell whether every value in it is in `other`."""
        if self is other:
            return True
        if self.is_cofinite:
            has_words = other.is_cofinite and other.words <= self.words
        elif other.is_cofinite:
            has_words = other.words.isdisjoint(self.words)
        else:
            has_words = self.words <= other.words
        return has_words and _is_within(self.cuts, other.cuts)

    def __and__(self, other: "Domain") -> "Domain":
        if self is other:
            return self
        cuts = _meet(self.cuts, other.cuts) if self.cuts and other.cuts else ()
        if self.is_cofinite:
            words = self.words | other.words if other.is_cofinite else other.words - self.words
        else:
            words = self.words - other.words if other.is_cofinite else self.words & other.words
        return Domain(cuts, words, self.is_cofinite and other.is_cofinite)

    def __or__(self, other: "Domain") -> "Domain":
        return Domain.union((self, other))

    def complement(self) -> "Domain":
        """Return every value that is not in it."""
        return Domain(_complement(self.cuts), self.words, not self.is_cofinite)

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The numbers in it, lowest first."""
        return tuple(_interval(low, high) for low, high in zip(self.cuts[::2], self.cuts[1::2], strict=True))

    @property
    def values(self) -> tuple[Value, ...] | None:
        """The values in it, in the order of `value_order`; None if there is no end of them."""
        if self.is_cofinite:
            return None
        found: list[Value] = []
        for interval in self.intervals:
            if not interval.is_point or interval.low is None:
                return None
            found.append(interval.low)
        return (*found, *sorted(self.words, key=value_order))

    @property
    def single(self) -> Value | None:
        """The only value in it; None if there are more or none."""
        if self.size > 2:
            return None
        values = self.values
        return values[0] if values is not None and len(values) == 1 else None

    @property
    def minimum(self) -> Fraction | None:
        """The lower end of its numbers, whether or not it belongs to them; None without a lower end or numbers."""
        return self.intervals[0].low if self.cuts else None

    @property
    def maximum(self) -> Fraction | None:
        """The upper end of its numbers, whether or not it belongs to them; None without an upper end or numbers."""
        return self.intervals[-1].high if self.cuts else None

    def describe(self) -> str:
        """Return it in words: `Binary`, `200 or 300`, `at most 2150/254`, `anything but A4`."""
        if self.is_everything:
            return "anything"
        if self.is_empty:
            return "nothing"
        if self.is_cofinite:
            return f"anything but {self.complement().describe()}"
        words = [str(word) for word in sorted(self.words, key=value_order)]
        return _or([*(_describe(interval) for interval in self.intervals), *words])


_EVERYTHING = Domain(_ALL_NUMBERS, frozenset(), True)
_NOTHING = Domain()


def _plain(value: Fraction | Quantity) -> int | Fraction:
    """Return the number as an int where it is one: the same in comparisons and much faster."""
    number = value.number if isinstance(value, Quantity) else value
    return number.numerator if number.denominator == 1 else number


def _meet(one: _Cuts, other: _Cuts) -> _Cuts:
    """Return the numbers that are in both."""
    found: list[_Cut] = []
    i = j = 0
    while i < len(one) and j < len(other):
        low, high = max(one[i], other[j]), min(one[i + 1], other[j + 1])
        if low < high:
            found += (low, high)
        if one[i + 1] < other[j + 1]:
            i += 2
        else:
            j += 2
    return tuple(found)


def _is_within(inner: _Cuts, outer: _Cuts) -> bool:
    """Tell whether the numbers of `inner` are all in `outer`; the common cases without merging."""
    if not inner or inner == outer:
        return True
    if not outer or inner[0] < outer[0] or outer[-1] < inner[-1]:
        return False
    return len(outer) == 2 or _meet(inner, outer) == inner


def _complement(cuts: _Cuts) -> _Cuts:
    """Return the numbers that are not there: they begin where these end."""
    front = cuts[1:] if cuts and cuts[0] == _LOWEST else (_LOWEST, *cuts)
    return front[:-1] if front and front[-1] == _HIGHEST else (*front, _HIGHEST)


def _join_spans(spans: list[tuple[_Cut, _Cut]]) -> _Cuts:
    """Return the union of spans in any order; those whose end lies before their start are empty."""
    found: list[_Cut] = []
    for low, high in sorted(span for span in spans if span[0] < span[1]):
        if found and low <= found[-1]:
            found[-1] = max(found[-1], high)
        else:
            found += (low, high)
    return tuple(found)


def _interval(low: _Cut, high: _Cut) -> Interval:
    has_low, has_high = low != _LOWEST, high != _HIGHEST
    return Interval(
        Fraction(low[0]) if has_low else None,
        Fraction(high[0]) if has_high else None,
        not has_low or low[1] == 1,
        not has_high or high[1] == 0,
    )


def _describe(interval: Interval) -> str:
    low, high = interval.low, interval.high
    if interval.is_point:
        return str(low)
    if low is not None and high is not None and not interval.low_open and not interval.high_open:
        return f"{low} to {high}"
    ends = []
    if low is not None:
        ends.append(f"{'more than' if interval.low_open else 'at least'} {low}")
    if high is not None:
        ends.append(f"{'less than' if interval.high_open else 'at most'} {high}")
    return " and ".join(ends) or "any number"


def _or(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
