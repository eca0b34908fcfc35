"""The search behind `conneg.features.explain`: the fewest tags that keep two unions apart, and the nearest miss.

For each pair of conjunctions, one of either side, some tags have no value in common: the pair's clash. There is no
match if every pair has one. A set of tags stands in the way if it has a tag of each clash: looked at in these tags
alone, the sides have nothing in common.

Not every pair is looked at one by one. For a conjunction of the offer and a tag, the conjunctions of the other side
that clash with it there are the bits of one number; those with the fewest clashes are found by adding such numbers up.
The smallest set of tags is guessed from the clashes seen so far, tried on all pairs, and guessed anew with those that
it misses. A set that has a tag of all clashes seen and misses none is a smallest, as no smaller one has a tag of
those seen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice, product
from math import prod
from typing import NamedTuple, TypeAlias

from conneg.features.domain import Domain
from conneg.features.factors import Factor
from conneg.features.values import Value

Row: TypeAlias = Mapping[str, Domain]
"""What one alternative says of the tags that both sides limit."""

_Clash: TypeAlias = frozenset[str]

_ROWS = 4_000
"""Up to so many alternatives of a side are looked at."""

_CELLS = 40_000
"""Of a side alternatives with up to so many limits together are looked at."""

_COMPARED = 20_000
"""Up to so many pairs of domains are compared; what is a list of values is looked up instead."""

_TRIED = 5_000
"""Up to so many sets of tags are tried for the smallest; then the tag in the most clashes is taken, again and again."""

_ROUNDS = 50
"""Up to so many times a smallest set is guessed anew."""

_LEARNT = 20
"""So many clashes that a guess misses are enough to guess anew."""

_ORDER = (
    "type",
    "image-file-structure",
    "color",
    "image-coding",
    "dpi",
    "dpi-xyratio",
    "size-x",
    "paper-size",
)


class Obstacle(NamedTuple):
    """What keeps two unions apart.

    `tags` stand in the way together; `is_smallest` tells whether no fewer do. `nearest` are the alternatives, one of
    either side, that clash in the fewest tags. `offered` and `accepted` are the alternatives that were looked at;
    unless `is_complete`, there are more of them.
    """

    tags: tuple[str, ...]
    is_smallest: bool
    nearest: tuple[Row, Row]
    offered: Sequence[Row]
    accepted: Sequence[Row]
    is_complete: bool


def rank(tag: str) -> tuple[int, str]:
    """Return a key that sorts tags: first those that say most to people, in a fixed order, then by their names."""
    return (_ORDER.index(tag) if tag in _ORDER else len(_ORDER), tag)


def clash(ours: Row, theirs: Row) -> tuple[str, ...]:
    """Return the tags in which two alternatives have no value in common, in the order of `rank`."""
    found = (
        tag
        for tag, domain in ours.items()
        if (opposite := theirs.get(tag)) is not None and (domain & opposite).is_empty
    )
    return tuple(sorted(found, key=rank))


def find_obstacle(offer: Sequence[Factor], accepted: Sequence[Factor]) -> Obstacle | None:
    """Return what keeps two products of independent unions apart; None if they have something in common.

    Of several smallest sets of tags it is the first by `rank`. Of several nearest pairs it is one whose clash is in
    tags that say less to people, and of these the first. Takes bounded time: of very large unions only the first
    alternatives are looked at.
    """
    shared = _tags(offer) & _tags(accepted)
    ours, has_all_of_ours = _rows(offer, shared)
    theirs, has_all_of_theirs = _rows(accepted, shared)
    is_complete = has_all_of_ours and has_all_of_theirs
    while len(ours) * len(theirs) > 1 and _cost(ours, theirs, shared) > _COMPARED:
        ours, theirs = ours[: (len(ours) + 1) // 2], theirs[: (len(theirs) + 1) // 2]
        is_complete = False
    table = _Table(ours, theirs, sorted(shared, key=rank))
    place, opposite, nearest = table.nearest()
    if not nearest:
        return None
    tags, is_smallest = _smallest(table, nearest)
    return Obstacle(
        tags, is_smallest and is_complete, (ours[place], theirs[opposite]), ours, theirs, is_complete
    )


def _tags(factors: Iterable[Factor]) -> set[str]:
    return {tag for factor in factors for one in factor for tag in one.domains}


def _rows(factors: Iterable[Factor], shared: set[str]) -> tuple[list[Row], bool]:
    """Return the alternatives of a product as far as `shared` goes, each once, and whether these are all."""
    parts: list[list[Row]] = []
    for factor in factors:
        seen: dict[frozenset[tuple[str, Domain]], Row] = {}
        for one in factor:
            row = {tag: domain for tag, domain in one.domains.items() if tag in shared}
            seen.setdefault(frozenset(row.items()), row)
        parts.append(list(seen.values()))
    rows: list[Row] = []
    cells = 0
    for alternative in islice(product(*parts), _ROWS):
        row = {tag: domain for part in alternative for tag, domain in part.items()}
        cells += len(row)
        if rows and cells > _CELLS:
            break
        rows.append(row)
    return rows, len(rows) == prod(map(len, parts))


def _cost(ours: Sequence[Row], theirs: Sequence[Row], tags: Iterable[str]) -> int:
    """Return how many pairs of domains have to be compared."""
    found = 0
    for tag in tags:
        own = {row[tag] for row in ours if tag in row}
        other = {row[tag] for row in theirs if tag in row}
        open_ended = sum(domain.values is None for domain in own)
        found += open_ended * len(other)
        found += (len(own) - open_ended) * sum(domain.values is None for domain in other)
    return found


class _Table:
    """Which alternatives clash in which tags: `marks[place]` has for one of ours, by tag, those of theirs as bits."""

    def __init__(self, ours: Sequence[Row], theirs: Sequence[Row], tags: Iterable[str]) -> None:
        self.all = (1 << len(theirs)) - 1
        self.marks: list[dict[str, int]] = [{} for _ in ours]
        for tag in tags:
            opposite = _Opposite(tag, theirs)
            known: dict[Domain, int] = {}
            for row, marks in zip(ours, self.marks, strict=True):
                domain = row.get(tag)
                if domain is None:
                    continue
                if domain not in known:
                    known[domain] = opposite.apart_from(domain)
                if known[domain]:
                    marks[tag] = known[domain]

    def nearest(self) -> tuple[int, int, _Clash]:
        """Return the places of the pair with the fewest clashes, and its clash."""
        best = (0, 0, frozenset[str]())
        best_key: tuple[int, list[tuple[int, str]]] | None = None
        for place, marks in enumerate(self.marks):
            among, number = _fewest(marks.values(), self.all)
            if best_key is not None and number > best_key[0]:
                continue
            opposite, found = _least_telling(marks, among)
            key = (number, [_backwards(tag) for tag in sorted(found, key=_backwards)])
            if best_key is None or key < best_key:
                best, best_key = (place, opposite, found), key
            if not number:
                break
        return best

    def missed(self, tags: Iterable[str]) -> Iterator[_Clash]:
        """Return clashes, none twice, that have none of `tags`; none if `tags` stand in the way."""
        known = set()
        for marks in self.marks:
            among = self.all
            for tag in tags:
                among &= ~marks.get(tag, 0)
            if not among:
                continue
            _, found = _least_telling(marks, _fewest(marks.values(), among)[0])
            if found not in known:
                known.add(found)
                yield found


class _Opposite:
    """What the alternatives of the other side say of one tag."""

    def __init__(self, tag: str, rows: Sequence[Row]) -> None:
        self._limited = 0
        self._domains: dict[Domain, int] = {}
        self._by_value: dict[Value, int] = {}
        self._open_ended: dict[Domain, int] = {}
        for place, row in enumerate(rows):
            if tag in row:
                self._domains[row[tag]] = self._domains.get(row[tag], 0) | 1 << place
        for domain, marks in self._domains.items():
            self._limited |= marks
            values = domain.values
            if values is None:
                self._open_ended[domain] = marks
            else:
                for value in values:
                    self._by_value[value] = self._by_value.get(value, 0) | marks

    def apart_from(self, domain: Domain) -> int:
        """Return the alternatives that have no value in common with `domain`."""
        meeting = 0
        values = domain.values
        for value in values or ():
            meeting |= self._by_value.get(value, 0)
        for other, marks in (self._domains if values is None else self._open_ended).items():
            if marks & ~meeting and not (domain & other).is_empty:
                meeting |= marks
        return self._limited & ~meeting


def _fewest(marks: Iterable[int], among: int) -> tuple[int, int]:
    """Return those of the bits `among` that are set in the fewest of `marks`, and in how many.

    The bits are counted all at once: `digits[n]` has the digit of value 2**n of every bit's count.
    """
    digits: list[int] = []
    for carry in marks:
        for place, digit in enumerate(digits):
            digits[place], carry = digit ^ carry, digit & carry
            if not carry:
                break
        if carry:
            digits.append(carry)
    number = 0
    for place in reversed(range(len(digits))):
        if fewer := among & ~digits[place]:
            among = fewer
        else:
            number += 1 << place
    return among, number


def _least_telling(marks: Mapping[str, int], among: int) -> tuple[int, _Clash]:
    """Return one place of `among`, all with equally many clashes, and its clash: in tags that say less to people."""
    for tag in sorted(marks, key=_backwards):
        among = among & marks[tag] or among
    place = (among & -among).bit_length() - 1
    return place, frozenset(tag for tag in marks if marks[tag] >> place & 1)


def _backwards(tag: str) -> tuple[int, str]:
    place, name = rank(tag)
    return (-place, name)


def _smallest(table: _Table, first: _Clash) -> tuple[tuple[str, ...], bool]:
    """Return the smallest set of tags that stands in the way, or a small one, and whether it is the smallest."""
    clashes = [first]
    tried = 0
    for _ in range(_ROUNDS):
        tags = None
        for tags in _candidates(clashes):
            tried += 1
            if tried > _TRIED or all(not one.isdisjoint(tags) for one in clashes):
                break
        if tags is None or tried > _TRIED:
            break
        missed = list(islice(table.missed(tags), _LEARNT))
        if not missed:
            return tags, True
        clashes += missed
    return _small(table, clashes), False


def _candidates(clashes: Sequence[_Clash]) -> Iterator[tuple[str, ...]]:
    """Return all sets of the tags in `clashes`, the smallest first, and of equal ones the first by `rank`."""
    tags = sorted(frozenset[str]().union(*clashes), key=rank)
    for size in range(1, len(tags) + 1):
        yield from combinations(tags, size)


def _small(table: _Table, clashes: Sequence[_Clash]) -> tuple[str, ...]:
    """Return a set of tags that stands in the way and of which none can be left out.

    The tag that is in the most clashes is taken, again and again; then what turns out not to be needed is dropped.
    """
    left, found = list(clashes), list[str]()
    while left:
        most = min(
            frozenset[str]().union(*left), key=lambda tag: (-sum(tag in one for one in left), rank(tag))
        )
        found.append(most)
        left = [one for one in left if most not in one] or list(islice(table.missed(found), _LEARNT))
    for tag in sorted(found, key=_backwards):
        rest = [other for other in found if other != tag]
        if next(table.missed(rest), None) is None:
            found = rest
    return tuple(sorted(found, key=rank))
