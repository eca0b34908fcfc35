"""The best form that both sides have: a feature set and an order in, one concrete collection with its reasons out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Final, TypeAlias

from conneg.features.collection import FeatureCollection, with_unit
from conneg.features.conjunction import MAX_CONJUNCTIONS, Conjunction, compare_qualities
from conneg.features.domain import Domain, Interval
from conneg.features.preference import Criterion, Preference
from conneg.features.record import Record
from conneg.features.registry import Pick, find_tag, spelling, value_rank, value_spelling
from conneg.features.sets import FeatureSet
from conneg.features.values import FALSE, TRUE, Token, Value, value_order

_Key: TypeAlias = tuple[Fraction | int, ...]
_Option: TypeAlias = tuple[Conjunction, dict[str, Value]]
"""A conjunction, and the values that the criteria so far have settled in it."""

_Memo: TypeAlias = dict[tuple[str, Domain, tuple[Fraction, ...]], list[Value]]
"""The values to try for a tag, a domain and anchors, worked out once for each choice."""

RUNNERS_UP = 5
"""Up to so many next best forms are told."""

_TRIED = 48
"""Of a tag with more values than this, those at both ends and around the criterion's anchors are tried."""

_SHOWN = 3
"""So many of the values that a criterion ruled out are told."""

_TIED = 16
"""Of more forms that no criterion can tell apart, so many are compared by their text."""


class Choice(Record):
    """The best form, why it is the best (a phrase for each criterion that decided something), and the next best."""

    __slots__ = ("_find_others", "collection", "reasons")
    __match_args__ = ("collection", "reasons")

    def __init__(
        self,
        collection: FeatureCollection,
        reasons: tuple[str, ...],
        find_others: Callable[[], Iterable[FeatureCollection]],
    ) -> None:
        self.collection: Final = collection
        self.reasons: Final = reasons
        self._find_others: Final = find_others

    @property
    def runners_up(self) -> tuple[FeatureCollection, ...]:
        """The best of what each criterion ruled out, the closest first; worked out when asked for."""
        found: dict[FeatureCollection, None] = {}
        for other in self._find_others():
            if other != self.collection:
                found[other] = None
            if len(found) == RUNNERS_UP:
                break
        return tuple(found)


def choose(common: FeatureSet, preference: Preference) -> Choice | None:
    """Return the best concrete form in `common`; None if there is none.

    Quality values come first (the receiver's, then the sender's; what has quality 0 is never chosen), then the
    criteria in their order. What they leave open is settled alike each time: registered values in their registered
    order, of a range its largest value (smallest for tags that say where something begins).
    """
    options = [(one, dict[str, Value]()) for one in _eligible(common).conjunctions]
    if not options:
        return None
    steps: list[tuple[list[_Option], int]] = []
    memo: _Memo = {}
    reasons: list[str] = []
    ruled_out: list[list[_Option]] = []
    best, rest = _best_quality(options)
    if rest:
        reasons.append("the quality values prefer it")
        steps.append((rest, 0))
    for place, criterion in enumerate(preference):
        best, rest = _apply(criterion, best, memo)
        if rest:
            steps.append((rest, place))
        ruled_out.append(rest)
    chosen = _complete(best)
    reasons += _reasons(preference, chosen, ruled_out)

    def find_others() -> Iterable[FeatureCollection]:
        for losers, place in reversed(steps):
            yield _settle(losers, preference[place:], memo)

    return Choice(chosen, tuple(reasons), find_others)


def _eligible(common: FeatureSet) -> FeatureSet:
    """Leave out what has the quality 0, also where another clause has it too."""
    never = tuple(one for one in common.conjunctions if one.is_never_chosen)
    if not never:
        return common
    return FeatureSet(tuple(one for one in common.conjunctions if not one.is_never_chosen)) - FeatureSet(
        never
    )


def _settle(options: list[_Option], preference: Preference, memo: _Memo) -> FeatureCollection:
    options, _ = _best_quality(options)
    for criterion in preference:
        options, _ = _apply(criterion, options, memo)
    return _complete(options)


def _best_quality(options: list[_Option]) -> tuple[list[_Option], list[_Option]]:
    best = options[0][0].qualities
    for one, _ in options:
        if compare_qualities(one.qualities, best) > 0:
            best = one.qualities
    wins = [compare_qualities(one.qualities, best) == 0 for one, _ in options]
    return (
        [option for option, is_best in zip(options, wins, strict=True) if is_best],
        [option for option, is_best in zip(options, wins, strict=True) if not is_best],
    )


def _apply(criterion: Criterion, options: list[_Option], memo: _Memo) -> tuple[list[_Option], list[_Option]]:
    """Return the options that are best by `criterion`, with its tags settled, and those that are not."""
    best: list[_Option] = []
    rest: list[_Option] = []
    best_key: _Key | None = None
    for option in options:
        for tried in _variants(criterion, option, memo):
            key = criterion.key({tag: tried[1][tag] for tag in criterion.tags if tag in tried[1]})
            if best_key is None or key > best_key:
                rest += best
                best, best_key = [tried], key
            elif key == best_key:
                best.append(tried)
            else:
                rest.append(tried)
    return best[: MAX_CONJUNCTIONS.value], rest[: MAX_CONJUNCTIONS.value]


def _variants(criterion: Criterion, option: _Option, memo: _Memo) -> Iterable[_Option]:
    """Return the option with each combination of values of the criterion's tags that are still open in it."""
    one, settled = option
    open_tags = [tag for tag in criterion.tags if tag in one.domains and tag not in settled]
    if not open_tags:
        return [option]
    tried = []
    for tag in open_tags:
        anchors = criterion.anchors.get(tag, ())
        known = (tag, one.domains[tag], anchors)
        if known not in memo:
            memo[known] = _candidates(*known)
        tried.append(memo[known])
    return [(one, {**settled, **dict(zip(open_tags, values, strict=True))}) for values in product(*tried)]


def _candidates(tag: str, domain: Domain, anchors: tuple[Fraction, ...]) -> list[Value]:
    """Return the values of `domain` to try: all if they are few, else the ends and what is near the anchors."""
    values = domain.values
    if values is not None and len(values) <= _TRIED:
        return list(values)
    tried: dict[Value, None] = {_pick(tag, domain): None}
    if values is None:
        for interval in domain.intervals[-_TRIED:]:
            tried.update({end: None for end in (interval.low, interval.high) if end is not None})
        tried.update(dict.fromkeys(_listed(tag, domain)[:_TRIED]))
    else:
        below = [v for v in values if anchors and isinstance(v, Fraction) and v <= anchors[0]]
        near = (*values[:_TRIED], *below[-_TRIED:], *values[-_TRIED:])
        tried.update(dict.fromkeys(near))
    tried.update(dict.fromkeys(anchors))
    return [value for value in tried if domain.contains(value)]


def _complete(options: list[_Option]) -> FeatureCollection:
    """Settle what is open; of forms that are equally good, the one whose text comes first."""
    found = []
    for one, settled in options[:_TIED]:
        values = {
            tag: with_unit(tag, settled[tag] if tag in settled else _pick(tag, domain))
            for tag, domain in one.domains.items()
        }
        found.append(FeatureCollection(values))
    if len(found) == 1:
        return found[0]
    return min(found, key=lambda form: ([(tag, value_rank(tag, form[tag])) for tag in form], str(form)))


def _pick(tag: str, domain: Domain) -> Value:
    """Return the value to take when nothing else decides."""
    if tag.startswith("("):
        return TRUE if domain.contains(TRUE) else FALSE
    words = _listed(tag, domain)
    if words:
        return words[0]
    known = find_tag(tag)
    intervals = domain.intervals
    has_numbers = bool(intervals) and (not domain.is_cofinite or not domain.words)
    if has_numbers:
        if known.usual is not None and domain.contains(known.usual) and intervals[-1].high is None:
            return known.usual
        if known.pick is Pick.SMALLEST:
            return _number(intervals[0], is_largest=False)
        return _number(intervals[-1], is_largest=True)
    return _other_word(domain)


def _listed(tag: str, domain: Domain) -> list[Value]:
    """Return the words of `domain`, of a co-finite one those that are registered; in the registered order."""
    if domain.is_cofinite:
        return [value for value in find_tag(tag).values if domain.contains(value)]
    return sorted(domain.words, key=lambda word: (value_rank(tag, word), value_order(word)))


def _other_word(domain: Domain) -> Value:
    """Return a word that is not excluded: the other Boolean, or one that means nothing in particular."""
    for boolean, opposite in ((TRUE, FALSE), (FALSE, TRUE)):
        if domain.words == {boolean}:
            return opposite
    number = 1
    while not domain.contains(Token("other" if number == 1 else f"other-{number}")):
        number += 1
    return Token("other" if number == 1 else f"other-{number}")


def _number(interval: Interval, *, is_largest: bool) -> Fraction:
    """Return the end of `interval`, or a number near it if that end is missing or open; a whole one if there is one."""
    near, near_open, far, far_open, step = (
        interval.high,
        interval.high_open,
        interval.low,
        interval.low_open,
        -1,
    )
    if not is_largest:
        near, near_open, far, far_open, step = far, far_open, near, near_open, 1
    if near is None:
        if far is None:
            return Fraction(0)
        return far if not far_open else Fraction(far.numerator // far.denominator - step)
    if not near_open:
        return near
    whole = Fraction(
        -(-near.numerator // near.denominator) - 1 if is_largest else near.numerator // near.denominator + 1
    )
    if far is None or (whole > far if is_largest else whole < far) or (whole == far and not far_open):
        return whole
    return (near + far) / 2


def _reasons(
    preference: Preference, chosen: FeatureCollection, ruled_out: Sequence[list[_Option]]
) -> Iterable[str]:
    """Say of each criterion that ruled something out what it preferred to what."""
    for criterion, rest in zip(preference, ruled_out, strict=True):
        own = _state(criterion, chosen)
        states = dict.fromkeys(_state(criterion, loser) for _, loser in rest)
        others = [state for state in states if state and state != own]
        if own and others:
            shown = ", ".join(others[:_SHOWN]) + (" and others" if len(others) > _SHOWN else "")
            yield f"{own}: {criterion.words}, before {shown}"
        elif own and rest:
            yield f"{own}: {criterion.words}"


def _state(criterion: Criterion, settled: Mapping[str, Value]) -> str:
    return " ".join(
        f"{spelling(tag)}={value_spelling(tag, settled[tag])}" for tag in criterion.tags if tag in settled
    )
