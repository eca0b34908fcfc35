"""What feature sets say, in plain words for people who have never seen an expression.

Exact: nothing is said that the set does not say, but that a registered tag whose values are numbers is taken to be one.
Tags without words of their own are said as they are written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain, Interval
from conneg.features.expression import And, Expression, Operator, Or
from conneg.features.registry import find_tag, spelling, value_rank, value_spelling
from conneg.features.schema import DataType
from conneg.features.sets import FeatureSet, feature_set
from conneg.features.values import TRUE, Quantity, Token, Value, split_key, value_order
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

_ZERO = Fraction(0)
_NUMBERS = Domain.compared(Operator.AT_MOST, _ZERO) | Domain.compared(Operator.AT_LEAST, _ZERO)
"""Any number."""

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
    expression = features.as_expression()
    lines = _outline(expression)
    if not isinstance(expression, Or):
        lines[0] += _quality_words(expression)
    return tuple(lines)


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
        lines[0] += _quality_words(operand)
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


def _quality_words(expression: Expression) -> str:
    quality = _quality(expression)
    if quality == 1:
        return ""
    return f" (quality {float(quality):g})" if quality else " (quality 0: never)"


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
    """Return what is said of one tag: `black and white or grey`, `up to 215 mm wide`, `x 5`."""
    if tag.startswith("("):
        call = getattr(tag, "spelling", tag)
        return f"as {call} says" if domain.contains(TRUE) else f"not as {call} says"
    name, unit = split_key(tag)
    if domain.is_everything:
        return f"any {spelling(name)}"
    domain = _permitted(name, domain)
    if domain == _NUMBERS and find_tag(name).type is not None:
        return f"any {spelling(name)}"
    if unit is not None:
        return f"{spelling(name)} {_numbers(domain, lambda number: f'{_count(number)} {unit}')}"
    if name == "dpi":
        return f"{_numbers(domain, _count)} dpi across"
    if name in ("size-x", "size-y"):
        return f"{_numbers(domain, _length)} {'wide' if name == 'size-x' else 'long'}"
    if name == "mrc-mode":
        return _layers(domain)
    if domain.is_cofinite:
        return f"{spelling(name)} anything but {describe_values(name, domain.complement())}"
    if name == "dpi-xyratio" and domain.single == 1:
        return "as many dots across as down"
    said = describe_values(name, domain)
    return _PHRASES[name].format(said) if name in _PHRASES else f"{spelling(name)} {said}"


def _permitted(tag: str, domain: Domain) -> Domain:
    """Leave out that a tag whose values are numbers may be any word: `(!(dpi<=5))` is more than 5."""
    kind = find_tag(tag).type
    if kind is not None and kind.is_number and domain.is_cofinite and domain.cuts:
        return Domain(domain.cuts)
    return domain


def _layers(domain: Domain) -> str:
    """Say a mode of mixed raster content, of which 0 is none (RFC 2879 3.8)."""
    if domain.single == 0:
        return "in one layer"
    start = "in one layer or in layers" if domain.contains(_ZERO) else "in layers"
    return f"{start}, MRC mode {_numbers(domain, _count)}"


def _gamut(tag: str, domains: Mapping[str, Domain]) -> list[str]:
    """Say both ends of an axis together where each is one limit."""
    axis, other = _GAMUT[tag]
    low, high = domains[tag], domains[other]
    if low == Domain.compared(Operator.AT_LEAST, low.minimum or _ZERO) and high == Domain.compared(
        Operator.AT_MOST, high.maximum or _ZERO
    ):
        return [f"{axis} within {low.minimum} to {high.maximum}"]
    return [describe_domain(tag, low), describe_domain(other, high)]


def describe_resolution(dpi: Domain, ratio: Domain | None) -> str:
    """Return resolutions across by down the page: `204 x 98 or 204 x 196 dpi`, `up to 600 dpi`."""
    if ratio is None:
        return describe_domain("dpi", dpi)
    if ratio.single == 1:
        return f"{_numbers(_permitted('dpi', dpi), _count)} dpi"
    pairs = _pairs(dpi, ratio)
    if pairs is not None:
        return _pairs_in_words(pairs)
    return f"{describe_domain('dpi', dpi)}, {describe_domain('dpi-xyratio', ratio)}"


def describe_resolutions(alternatives: Iterable[tuple[Domain, Domain | None]]) -> str:
    """Return resolutions of several alternatives, `dpi` and `dpi-xyratio` of each, in one list where they are one."""
    alternatives = list(dict.fromkeys(alternatives))
    listed = [None if ratio is None else _pairs(dpi, ratio) for dpi, ratio in alternatives]
    together = sorted({pair for pairs in listed for pair in pairs or ()})
    if len(together) > _MANY or None in listed:
        return " or ".join(dict.fromkeys(describe_resolution(*one) for one in alternatives))
    return _pairs_in_words(together)


def _pairs(dpi: Domain, ratio: Domain) -> list[tuple[Fraction, Fraction]] | None:
    """Return all resolutions across and down, sorted; None if they cannot be listed or are too many."""
    across, ratios = _fractions(dpi), _fractions(ratio)
    if across is None or ratios is None or not all(one > 0 for one in ratios):
        return None
    if len(across) * len(ratios) > _MANY:
        return None
    return sorted((one, one / by) for one in across for by in ratios)


def _pairs_in_words(pairs: Sequence[tuple[Fraction, Fraction]]) -> str:
    """Return resolutions in one list; those that are the same across and down by one number, if all are."""
    if all(across == down for across, down in pairs):
        return _or([_count(across) for across, _ in pairs]) + " dpi"
    return _or([f"{_count(across)} x {_count(down)}" for across, down in pairs]) + " dpi"


def describe_values(tag: str, domain: Domain) -> str:
    """Return the values in `domain` without what they are of: `A4 or letter`, `100 to 300`."""
    key = tag.lower()
    words = sorted(domain.words, key=lambda word: (value_rank(key, word), value_order(word)))
    said = [describe_value(key, word) for word in words]
    numbers = _intervals(domain, _count)
    return _or(_shortened(numbers + said)) if numbers or said else "nothing"


def describe_value(tag: str, value: Value) -> str:
    """Return one value in words: `black and white` for color=Binary; that of an unknown tag as it is written."""
    if isinstance(value, Fraction):
        return _count(value)
    if isinstance(value, Quantity):
        return f"{_count(value.number)} {value.unit}"
    words = _WORDS.get(tag.lower(), {})
    if isinstance(value, Token):
        return words.get(value.folded, value_spelling(tag, value))
    kind = find_tag(tag).type
    if kind is None:
        return str(value)
    return words.get(value.text, value.text) if kind is DataType.STRING else value.text


def _place(tag: str) -> int:
    order = list(_PHRASES)
    order.insert(order.index("image-coding"), "dpi")
    order.insert(order.index("paper-size"), "size-x")
    order.insert(order.index("paper-size"), "size-y")
    return order.index(tag) if tag in order else len(order)


def _numbers(domain: Domain, write_number: Callable[[Fraction], str]) -> str:
    if domain.is_cofinite:
        return f"anything but {_numbers(domain.complement(), write_number)}"
    found = _intervals(domain, write_number)
    found += [str(word) for word in sorted(domain.words, key=value_order)]
    return _or(_shortened(found)) if found else "nothing"


def _shortened(names: Sequence[str]) -> Sequence[str]:
    return names if len(names) <= _MANY else [*names[:_MANY], f"{len(names) - _MANY} more"]


def _intervals(domain: Domain, write_number: Callable[[Fraction], str]) -> list[str]:
    """Return the numbers of `domain` in words; all but a few as `any number but 5`, if that is all."""
    between = Domain(domain.cuts).complement()
    holes = [interval.low for interval in between.intervals if interval.is_point and interval.low is not None]
    if 0 < len(holes) <= _MANY and len(holes) == len(between.intervals) and not domain.words:
        return [f"any number but {_or([write_number(hole) for hole in holes])}"]
    return [_interval(interval, write_number) for interval in domain.intervals]


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
    return "any number"


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


def _or(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
