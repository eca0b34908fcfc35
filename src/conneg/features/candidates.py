"""Which values of a tag to try in a choice, and which to take where nothing decides."""

from fractions import Fraction

from conneg.features.domain import Domain, Interval
from conneg.features.registry import Pick, find_tag, value_rank
from conneg.features.values import FALSE, TRUE, Token, Value, value_order

_TRIED = 48
"""Of a tag with more values than this, those at both ends and around the anchors are tried."""


def candidates(tag: str, domain: Domain, anchors: tuple[Fraction, ...]) -> list[Value]:
    """Return the values of `domain` to try: all if they are few, else the ends and what is near the anchors."""
    values = domain.values
    if values is not None and len(values) <= _TRIED:
        return list(values)
    tried: dict[Value, None] = {pick(tag, domain): None}
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


def pick(tag: str, domain: Domain) -> Value:
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
