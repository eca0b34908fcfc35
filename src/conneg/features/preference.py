"""The order among the forms that both sides have: criteria, the most important first.

The default is the project's reading of "highest capability level", which draft-ietf-fax-esmtp-conneg-03 section 4.2
asks for and does not define: as much colour as the original has, then resolution up to the original's, then lossless
before lossy, then the smaller.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from conneg.features.values import Quantity, Text, Token, Value

Point: TypeAlias = Mapping[str, Value]
"""Some tags with their values; a tag that is not limited is not there."""

_COLOURS = {Token(word): rank for rank, word in enumerate(("Binary", "Grey", "Limited", "Mapped", "Full"))}
_MOST_COLOUR = len(_COLOURS) - 1
_NOMINAL = {204: 200, 408: 400, 98: 100, 196: 200, 391: 400}
"""Resolutions that T.4 lets stand for each other (RFC 3949, 2.2.2)."""

_LOSSY = frozenset(
    {Token("JPEG"), *(Text(f"image/{name}") for name in ("jpeg", "webp", "heic", "heif", "avif"))}
)
_CODING_RANKS = {Token(word): rank for rank, word in enumerate(("MH", "MR", "MMR", "JBIG", "JPEG"), start=1)}
_LOSSLESS_TYPES = ("image/bmp", "image/tiff", "image/tiff-fx", "image/png", "application/pdf", "text/plain")
_LOSSY_TYPES = (
    "image/bmp",
    "image/png",
    "image/tiff",
    "application/pdf",
    "image/tiff-fx",
    "image/webp",
    "image/jpeg",
    "text/plain",
)
"""Larger before smaller; WebP is smaller than JPEG, but fewer can show it."""


class Criterion(NamedTuple):
    """One thing that makes a form better: `key` of its tags' values, the larger the better.

    `key` gets a mapping with those of `tags` that the form limits. `words` say what the best is, for people. `anchors`
    are values to try in a range of a tag besides its ends.
    """

    name: str
    tags: tuple[str, ...]
    key: Callable[[Point], tuple[Fraction | int, ...]]
    words: str
    anchors: Mapping[str, tuple[Fraction, ...]] = MappingProxyType({})


Preference: TypeAlias = tuple[Criterion, ...]
"""Criteria, the most important first."""

Cost: TypeAlias = Callable[[Point], tuple[Fraction | int, Fraction | int]]
"""What a form costs: octets, and time in any unit, both to be compared only; called with the tags of `COST_TAGS`."""

COST_TAGS = ("type", "image-coding", "color", "dpi", "dpi-xyratio", "size-x", "pix-x", "pix-y")
"""The tags that decide how large a form is, and how long it takes to make it."""


def default_preference(
    *,
    colour: str | None = None,
    dpi: Fraction | None = None,
    lossless: bool = True,
    paper: str | None = None,
    cost: Cost | None = None,
) -> Preference:
    """Return the default order; the arguments describe the original, as far as it is known.

    The order: colour, resolution, full chroma, lossless before lossy, cost, the original's paper, more pixels. Cost is
    the smaller coding and the better suited type, or what `cost` says: the fewest octets, then the shortest time.

    `colour` is its `color` token; `dpi` its resolution in pixels an inch; `lossless` whether nothing of it was lost by
    its coding so far; `paper` its `paper-size` token. What the original does not have is no gain: of two forms with
    more colour than the original, the one with less comes first. A lossy original gains nothing from a lossless
    coding, so the smaller form comes first at once.
    """
    criteria = [_colour_criterion(colour), _resolution_criterion(dpi)]
    criteria.append(Criterion("chroma", ("color-subsampling",), _chroma_key, "colour at full resolution"))
    if lossless:
        criteria.append(Criterion("lossless", ("image-coding", "type"), _lossless_key, "nothing is lost"))
    criteria += (
        _cost_criteria(cost)
        if cost is not None
        else [
            Criterion("coding", ("image-coding",), _coding_key, "the smallest coding"),
            Criterion(
                "type", ("type",), _type_key(_LOSSLESS_TYPES if lossless else _LOSSY_TYPES), "the best type"
            ),
        ]
    )
    if paper is not None:
        criteria.append(_paper_criterion(Token(paper)))
    return (*criteria, _largest("pix-x", "the widest"), _largest("pix-y", "the longest"))


def _colour_criterion(colour: str | None) -> Criterion:
    original = _MOST_COLOUR
    if colour is not None:
        original = next(
            (rank for token, rank in _COLOURS.items() if token.folded == colour.lower()), original
        )

    def key(point: Point) -> tuple[int, ...]:
        value = point.get("color")
        if value is None:
            return (original, 0)
        rank = _COLOURS.get(value, -1) if isinstance(value, Token) else -1
        return (min(rank, original), min(original - rank, 0))

    words = "the most colour" if original == _MOST_COLOUR else "the most colour that the original has"
    return Criterion("colour", ("color",), key, words)


def _resolution_criterion(dpi: Fraction | None) -> Criterion:
    def key(point: Point) -> tuple[Fraction | int, ...]:
        across = _positive(point.get("dpi"))
        if across is None:
            return (2, 0, 0, 0)
        along = across / (_positive(point.get("dpi-xyratio")) or 1)
        area = _nominal(across) * _nominal(along)
        if dpi is not None and max(_nominal(across), _nominal(along)) > _nominal(dpi):
            return (0, -area, 0, -across * along)
        return (1, area, int(across == dpi), across * along)

    words = "the highest resolution" if dpi is None else "the highest resolution not above the original's"
    ratios = (Fraction(1),)
    anchors = {"dpi-xyratio": ratios} if dpi is None else {"dpi": (dpi,), "dpi-xyratio": ratios}
    return Criterion("resolution", ("dpi", "dpi-xyratio"), key, words, anchors)


def _chroma_key(point: Point) -> tuple[int, ...]:
    """`1:1:1` keeps the colour of every pixel; what is not stated loses none."""
    return (0 if point.get("color-subsampling") == Text("4:1:1") else 1,)


def _lossless_key(point: Point) -> tuple[int, ...]:
    """What is not stated loses nothing; the coding says more than the type."""
    stated = point.get("image-coding", point.get("type"))
    return (0 if stated in _LOSSY else 1,)


def _coding_key(point: Point) -> tuple[int, ...]:
    coding = point.get("image-coding")
    return (0,) if coding is None else (_CODING_RANKS.get(coding, 0) if isinstance(coding, Token) else 0,)


def _type_key(order: tuple[str, ...]) -> Callable[[Point], tuple[int, ...]]:
    ranks = {Text(name): rank for rank, name in enumerate(order)}

    def key(point: Point) -> tuple[int, ...]:
        given = point.get("type")
        return (len(order),) if given is None else (ranks.get(given, -1) if isinstance(given, Text) else -1,)

    return key


def _cost_criteria(cost: Cost) -> list[Criterion]:
    def octets(point: Point) -> tuple[Fraction | int, ...]:
        return (-cost(point)[0],)

    def time(point: Point) -> tuple[Fraction | int, ...]:
        return (-cost(point)[1],)

    return [
        Criterion("octets", COST_TAGS, octets, "the fewest octets"),
        Criterion("time", COST_TAGS, time, "the shortest time"),
    ]


def _paper_criterion(paper: Token) -> Criterion:
    def key(point: Point) -> tuple[int, ...]:
        return (int(point.get("paper-size", paper) == paper),)

    return Criterion("paper", ("paper-size",), key, "the original's paper")


def _largest(tag: str, words: str) -> Criterion:
    def key(point: Point) -> tuple[Fraction | int, ...]:
        value = point.get(tag)
        return (1, 0) if value is None else (0, value if isinstance(value, Fraction) else -1)

    return Criterion(tag, (tag,), key, words)


def _positive(value: Value | None) -> Fraction | None:
    if isinstance(value, Quantity):
        value = value.number
    return value if isinstance(value, Fraction) and value > 0 else None


def _nominal(dpi: Fraction) -> Fraction:
    return Fraction(_NOMINAL.get(dpi.numerator, dpi.numerator)) if dpi.denominator == 1 else dpi
