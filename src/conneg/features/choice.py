"""The best form that both sides have: a feature set and an order in, one concrete collection with its reasons out."""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import product
from typing import Final, NamedTuple, TypeAlias

from conneg.features.candidates import candidates, pick
from conneg.features.collection import FeatureCollection, with_unit
from conneg.features.conjunction import MAX_CONJUNCTIONS, Conjunction, compare_qualities
from conneg.features.domain import Domain
from conneg.features.preference import Criterion, Preference
from conneg.features.record import Record
from conneg.features.registry import spelling, value_rank, value_spelling
from conneg.features.sets import FeatureSet
from conneg.features.values import Value

_Key: TypeAlias = tuple[Fraction | int, ...]
_Option: TypeAlias = tuple[Conjunction, dict[str, Value]]
"""A conjunction, and the values that the criteria so far have settled in it."""

_Memo: TypeAlias = dict[tuple[str, Domain, tuple[Fraction, ...]], list[Value]]
"""The values to try for a tag, a domain and anchors, worked out once for each choice."""

RUNNERS_UP = 5
"""Up to so many next best forms are told."""

_SHOWN = 3
"""So many of the values that a step ruled out are told."""

_TIED = 16
"""Of more forms that no criterion can tell apart, so many are compared by their text."""


class Step(NamedTuple):
    """One criterion that decided something; `str()` says it: `color=Grey: the most colour, before color=Binary`.

    `kept` is what the chosen form has there, `ruled_out` what others had; a form that does not state the criterion's
    tags has an empty text. `reason` is the criterion's own words.
    """

    criterion: str
    kept: str
    reason: str
    ruled_out: tuple[str, ...]

    def __str__(self) -> str:
        others = [state for state in self.ruled_out if state and state != self.kept]
        shown = ", ".join(others[:_SHOWN]) + (" and others" if len(others) > _SHOWN else "")
        before = f", before {shown}" if others else ""
        return f"{self.kept}: {self.reason}{before}" if self.kept else f"{self.reason}{before}"


class RunnerUp(NamedTuple):
    """A next best form, and the step at which it lost; `str()` says why: `colour: color=Binary, not color=Grey`."""

    collection: FeatureCollection
    state: str
    lost: Step

    def __str__(self) -> str:
        if not self.state and not self.lost.kept:
            return f"{self.lost.criterion}: {self.lost.reason}"
        return f"{self.lost.criterion}: {self.state or 'not stated'}, not {self.lost.kept or 'left open'}"


class Choice(Record):
    """The best form, why it is the best, step by step, and the next best."""

    __slots__ = ("_find_others", "collection", "steps")
    __match_args__ = ("collection", "steps")

    def __init__(
        self,
        collection: FeatureCollection,
        steps: tuple[Step, ...],
        find_others: Callable[[], Iterable[RunnerUp]],
    ) -> None:
        self.collection: Final = collection
        self.steps: Final = steps
        self._find_others: Final = find_others

    @property
    def reasons(self) -> tuple[str, ...]:
        """The steps in words."""
        return tuple(str(step) for step in self.steps)

    @property
    def runners_up(self) -> tuple[RunnerUp, ...]:
        """The best of what each step ruled out, the closest first; worked out when asked for."""
        found: dict[FeatureCollection, RunnerUp] = {}
        for other in self._find_others():
            if other.collection != self.collection:
                found.setdefault(other.collection, other)
            if len(found) == RUNNERS_UP:
                break
        return tuple(found.values())


def choose(common: FeatureSet, preference: Preference) -> Choice | None:
    """Return the best concrete form in `common`; None if there is none.

    Quality values come first (the receiver's, then the sender's; what has quality 0 is never chosen), then the
    criteria in their order. What they leave open is settled alike each time: registered values in their registered
    order, of a range its largest value (smallest for tags that say where something begins).
    """
    options = [(one, dict[str, Value]()) for one in _eligible(common).conjunctions]
    if not options:
        return None
    memo: _Memo = {}
    losers: list[tuple[Criterion, list[_Option], Preference]] = []
    best, rest = _best_quality(options)
    if rest:
        losers.append((_QUALITY, rest, preference))
    for place, criterion in enumerate(preference):
        best, rest = _apply(criterion, best, memo)
        if rest:
            losers.append((criterion, rest, preference[place:]))
    chosen = _complete(best)
    steps = tuple(_step(criterion, chosen, rest) for criterion, rest, _ in losers)

    def find_others() -> Iterable[RunnerUp]:
        for step, (criterion, rest, following) in zip(reversed(steps), reversed(losers), strict=True):
            other = _settle(rest, following, memo)
            yield RunnerUp(other, _state(criterion, other), step)

    return Choice(chosen, steps, find_others)


_QUALITY = Criterion("quality", (), lambda point: (), "the quality values prefer it")


def _step(criterion: Criterion, chosen: FeatureCollection, rest: Iterable[_Option]) -> Step:
    states = dict.fromkeys(_state(criterion, loser) for _, loser in rest)
    return Step(criterion.name, _state(criterion, chosen), criterion.words, tuple(states))


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
            memo[known] = candidates(*known)
        tried.append(memo[known])
    return [(one, {**settled, **dict(zip(open_tags, values, strict=True))}) for values in product(*tried)]


def _complete(options: list[_Option]) -> FeatureCollection:
    """Settle what is open; of forms that are equally good, the one whose text comes first."""
    found = []
    for one, settled in options[:_TIED]:
        values = {
            tag: with_unit(tag, settled[tag] if tag in settled else pick(tag, domain))
            for tag, domain in one.domains.items()
        }
        found.append(FeatureCollection(values))
    if len(found) == 1:
        return found[0]
    return min(found, key=lambda form: ([(tag, value_rank(tag, form[tag])) for tag in form], str(form)))


def _state(criterion: Criterion, settled: Mapping[str, Value]) -> str:
    return " ".join(
        f"{spelling(tag)}={value_spelling(tag, settled[tag])}" for tag in criterion.tags if tag in settled
    )
