"""What feature sets say, in plain words for people who have never seen an expression.

Exact: nothing is said that the set does not say. Tags without words of their own are said as they are written.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain, Interval
from conneg.features.expression import And, Expression, Operator, Or
from conneg.features.registry import spelling, value_rank, value_spelling
from conneg.features.sets import FeatureSet, feature_set
from conneg.features.terms import terms
from conneg.features.values import Token, Value, value_order
from conneg.features.writing import write

_WORDS: Mapping[str, Mapping[str, str]] = {
    "color": {
        "binary": "black and white",
        "limited": "a few pure colours",
        "mapped": "palette colour",
        "grey": "grey",
        "full": "full colour",
    },
    "type": {
        "application/pdf": "PDF",
        "image/avif": "AVIF",
        "image/bmp": "BMP",
        "image/gif": "GIF",
        "image/heic": "HEIC",
        "image/jpeg": "JPEG",
        "image/png": "PNG",
        "image/tiff": "TIFF",
        "image/tiff-fx": "TIFF-FX",
        "image/webp": "WebP",
        "text/html": "HTML",
        "text/plain": "plain text",
    },
    "ua-media": {
        "stationery": "sheets of paper",
        "transparency": "transparencies",
        "envelope": "envelopes",
        "envelope-plain": "plain envelopes",
        "continuous": "a roll of paper",
        "screen": "a screen",
        "screen-paged": "a screen, page by page",
    },
    "color-subsampling": {"1:1:1": "colour for every pixel", "4:1:1": "colour for every fourth pixel"},
    "image-interleave": {"stripe": "stripe by stripe", "plane": "plane by plane"},
    "image-coding-constraint": {
        "jbig-t85": "as in T.85",
        "jbig-t43": "as in T.43",
        "jpeg-t4e": "as in T.4 E",
    },
}
"""Words for registered values, by tag and value in small letters."""

_PHRASES: Mapping[str, str] = {
    "type": "{}",
    "image-file-structure": "as {} files",
    "color": "{}",
    "color-levels": "{} shades",
    "color-space": "colour as {}",
    "color-subsampling": "{}",
    "image-coding": "coded as {}",
    "image-coding-constraint": "{}",
    "jbig-stripe-size": "stripes of {} lines",
    "image-interleave": "{}",
    "pix-x": "{} pixels wide",
    "pix-y": "{} pixels high",
    "paper-size": "on {} paper",
    "ua-media": "on {}",
    "color-illuminant": "under {} light",
    "dpi-xyratio": "{} times as many dots across as down",
    "charset": "written in {}",
    "language": "in the language {}",
}
"""A sentence fragment for a tag, in the order in which they are said."""

_GAMUT = {
    f"cielab-{axis}-min": (f"{axis.upper() if axis == 'l' else axis}*", f"cielab-{axis}-max")
    for axis in "lab"
}
_GAMUT_ENDS = {end: start for start, (_, end) in _GAMUT.items()}
"""The tags of a gamut's lower ends with the name of the axis and the tag of the upper end; and the other way round."""

_MANY = 12
"""Of more values or alternatives only the first are said."""

_LONGEST = 100
"""Alternatives that are longer together are listed."""


def describe_set(features: FeatureSet) -> tuple[str, ...]:
    """Return lines that together say what is in `features`: what always holds, then each choice.

    Alternatives that do not fit on a line are listed below `one of`, each behind a hyphen, what belongs to one of them
    indented by two spaces more.
    """
    if features.is_empty:
        return ("nothing: no document can meet this",)
    return tuple(_outline(features.as_expression()))


def _outline(expression: Expression) -> list[str]:
    operands = expression.operands if isinstance(expression, And) else (expression,)
    plain = [operand for operand in operands if not isinstance(operand, Or)]
    lines = [_plain(plain)] if plain else []
    for operand in operands:
        if isinstance(operand, Or):
            lines += _choice(operand)
    return lines


def _plain(operands: Sequence[Expression]) -> str:
    """Say what holds without a choice."""
    conjunctions = feature_set(And(tuple(operands))).conjunctions
    if len(conjunctions) == 1:
        return describe_conjunction(conjunctions[0])
    return " and ".join(write(operand)[1:-1] for operand in operands)


def _choice(choice: Or) -> list[str]:
    """Say alternatives on one line where they fit, else as a list."""
    if _is_anything(choice):
        return ["anything"]
    said = []
    for operand in sorted(choice.operands, key=lambda operand: -_quality(operand)):
        lines = _outline(operand)
        if _quality(operand) != 1:
            lines[0] += f" (quality {float(_quality(operand)):g})"
        said.append(lines)
    line = "; or ".join(lines[0] for lines in said)
    if all(len(lines) == 1 for lines in said) and len(line) <= _LONGEST:
        return [line]
    listed = said if len(said) <= _MANY else [*said[:_MANY], [f"one of {len(said) - _MANY} more"]]
    return [
        "one of",
        *(("- " if not number else "  ") + line for lines in listed for number, line in enumerate(lines)),
    ]


def _quality(expression: Expression) -> Fraction:
    return Fraction(1) if expression.quality is None else expression.quality


def _is_anything(choice: Or) -> bool:
    return FeatureSet.everything().equivalent(feature_set(choice))


def describe_conjunction(conjunction: Conjunction) -> str:
    """Return what a conjunction says in one line: `black and white, 204 x 98 dpi, coded as MH, on A4 paper`."""
    domains = conjunction.domains
    tags = sorted(domains, key=lambda tag: (_place(tag), tag))
    found: list[str] = []
    for tag in tags:
        if tag == "dpi-xyratio" and "dpi" in domains:
            continue
        if tag == "dpi":
            found.append(describe_resolution(domains["dpi"], domains.get("dpi-xyratio")))
        elif tag in _GAMUT and _GAMUT[tag][1] in domains:
            found += _gamut(tag, domains)
        elif tag not in _GAMUT_ENDS or _GAMUT_ENDS[tag] not in domains:
            found.append(describe_domain(tag, domains[tag]))
    return ", ".join(found) or "anything"


def describe_domain(tag: str, domain: Domain) -> str:
    """Return what is said of one tag: `black and white or grey`, `at most 215 mm wide`, `x is 5`."""
    key = tag.lower()
    if tag.startswith("("):
        call = getattr(tag, "spelling", tag)
        return f"as {call} says" if domain.contains(Token("TRUE")) else f"not as {call} says"
    if domain.is_everything:
        return f"any {spelling(tag)}"
    if key == "dpi":
        return describe_resolution(domain, None)
    if key in ("size-x", "size-y"):
        return f"{_numbers(domain, _length)} {'wide' if key == 'size-x' else 'long'}"
    if key == "mrc-mode":
        return (
            "in one layer" if domain.single == Fraction(0) else f"in layers, MRC mode {_values(key, domain)}"
        )
    phrase = _PHRASES.get(key)
    if domain.is_cofinite:
        outside = domain.complement()
        said = _values(key, outside) if not outside.cuts else None
        return f"{spelling(tag)} anything but {said}" if said else _as_written(tag, domain)
    said = _values(key, domain)
    return phrase.format(said) if phrase is not None else f"{spelling(tag)} {said}"


def _gamut(tag: str, domains: Mapping[str, Domain]) -> list[str]:
    """Say both ends of an axis together where each is one limit."""
    axis, other = _GAMUT[tag]
    low, high = domains[tag], domains[other]
    if low == Domain.compared(Operator.AT_LEAST, low.minimum or Fraction(0)) and high == Domain.compared(
        Operator.AT_MOST, high.maximum or Fraction(0)
    ):
        return [f"{axis} within {low.minimum} to {high.maximum}"]
    return [describe_domain(tag, low), describe_domain(other, high)]


def describe_resolution(dpi: Domain, ratio: Domain | None) -> str:
    """Return resolutions across by down the page: `204 x 98 or 204 x 196 dpi`, `up to 600 dpi both ways`."""
    ratios = _fractions(ratio) if ratio is not None else None
    across = _fractions(dpi)
    if ratio is None:
        return f"{_numbers(dpi, _count)} dpi across"
    if ratios is None or not all(one > 0 for one in ratios):
        return f"{_numbers(dpi, _count)} dpi across, {_as_written('dpi-xyratio', ratio)}"
    if ratios == [Fraction(1)]:
        return f"{_numbers(dpi, _count)} dpi"
    if across is None or len(across) * len(ratios) > _MANY:
        return (
            f"{_numbers(dpi, _count)} dpi across, {_or([str(one) for one in ratios])} times as many as down"
        )
    return _or([f"{one} x {one / by}" for one in across for by in sorted(ratios, reverse=True)]) + " dpi"


def describe_value(tag: str, value: Value) -> str:
    """Return one value in words: `black and white` for color=Binary."""
    if isinstance(value, Fraction):
        return _count(value)
    key = str(value).strip('"').lower()
    return _WORDS.get(tag.lower(), {}).get(key, value_spelling(tag, value).strip('"'))


def _place(tag: str) -> int:
    order = list(_PHRASES)
    order.insert(order.index("image-coding"), "dpi")
    order.insert(order.index("paper-size"), "size-x")
    order.insert(order.index("paper-size"), "size-y")
    return order.index(tag) if tag in order else len(order)


def _values(key: str, domain: Domain) -> str:
    words = sorted(domain.words, key=lambda word: (value_rank(key, word), value_order(word)))
    said = [describe_value(key, word) for word in words]
    numbers = [_interval(interval, _count) for interval in domain.intervals]
    found = numbers + said
    if len(found) > _MANY:
        found = [*found[:_MANY], f"{len(found) - _MANY} more"]
    return _or(found)


def _numbers(domain: Domain, write_number: Callable[[Fraction], str]) -> str:
    if domain.is_cofinite and not domain.words:
        domain = Domain(domain.cuts)
    found = [_interval(interval, write_number) for interval in domain.intervals]
    found += [str(word) for word in sorted(domain.words, key=value_order)]
    return _or(found[:_MANY]) if found else "nothing"


def _interval(interval: Interval, write_number: Callable[[Fraction], str]) -> str:
    low, high = interval.low, interval.high
    if low is not None and low == high:
        return write_number(low)
    if low is not None and high is not None:
        if not interval.low_open and not interval.high_open:
            return f"{write_number(low)} to {write_number(high)}"
        return (
            f"{'more than' if interval.low_open else 'at least'} {write_number(low)}"
            f" and {'less than' if interval.high_open else 'at most'} {write_number(high)}"
        )
    if high is not None:
        return f"{'less than' if interval.high_open else 'up to'} {write_number(high)}"
    if low is not None:
        return f"{'more than' if interval.low_open else 'at least'} {write_number(low)}"
    return "any number of"


def _count(number: Fraction) -> str:
    return f"{number.numerator:,}" if number.denominator == 1 else str(number)


def _length(inches: Fraction) -> str:
    """Return a length in millimetres where three decimals are enough, else in inches; an inch is 25.4 mm exactly."""
    thousandths = inches * 25400
    if thousandths.denominator != 1:
        return f"{inches} inches"
    whole, rest = divmod(abs(thousandths.numerator), 1000)
    sign = "-" if inches < 0 else ""
    return f"{sign}{whole}{f'.{rest:03}'.rstrip('0') if rest else ''} mm"


def _fractions(domain: Domain) -> list[Fraction] | None:
    values = domain.values
    if values is None or not all(isinstance(value, Fraction) for value in values):
        return None
    return [value for value in values if isinstance(value, Fraction)]


def _as_written(tag: str, domain: Domain) -> str:
    return " ".join(write(term)[1:-1] for term in terms(tag, domain))


def _or(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
