"""What a fax machine takes as the same although the numbers differ: scan line widths, and resolutions by T.4.

Two functions from feature set to feature set. `normalise` is applied once to every capability that is read;
`with_twins` only when a match fails without it. Both only ever add to what is accepted, but for one thing: `normalise`
says aloud that an image file structure is that of a TIFF file.
"""

from collections.abc import Mapping
from fractions import Fraction

from conneg.features import Conjunction, Domain, FeatureSet, Text, Token

NOMINAL_WIDTHS = (Fraction(2150, 254), Fraction(2550, 254), Fraction(3030, 254))
"""The scan line lengths of T.30 in inches: 215, 255 and 303 mm."""

WIDTH_TOLERANCE = Fraction(21, 1000)
"""By how much a stated width may exceed the nominal one and still be the same scan line.

1728 pixels at 200 dpi are 8.64 inches, 2.07 % more than 215 mm, and RFC 2879 (Appendix B) calls both the width of
profile S; T.30 itself allows the line length 1 % either way.
"""

_LINE_PIXELS = (1728, 2048, 2432)
_LINE_DPI = (200, 204)
_TIFF_TYPES = Domain.of(Text("image/tiff"), Text("image/tiff-fx"))
_BINARY = Domain.of(Token("Binary"))

_TWINS = (
    ((Fraction(200), Fraction(200, 100)), (Fraction(204), Fraction(204, 98))),
    ((Fraction(200), Fraction(200, 200)), (Fraction(204), Fraction(204, 196))),
    ((Fraction(200), Fraction(200, 400)), (Fraction(204), Fraction(204, 391))),
    ((Fraction(400), Fraction(400, 400)), (Fraction(408), Fraction(408, 391))),
)
"""Pairs of (dpi, dpi-xyratio) that T.4 lets stand for each other: who accepts one must accept the other (RFC 3949,
2.2.2)."""


def is_page_structure(conjunction: Conjunction) -> bool:
    """Tell whether `conjunction` admits page images only: an image file structure is stated and no type but TIFF."""
    types = conjunction.domain("type")
    return conjunction.domain("image-file-structure") is not None and (
        types is None or types.is_within(_TIFF_TYPES)
    )


_NORMALISED = ("size-x", "image-file-structure")


def normalise(features: FeatureSet) -> FeatureSet:
    """Return the capability `features` ready for matching.

    - Width: a conjunction that accepts a nominal scan line (one of `NOMINAL_WIDTHS`, or the length that its pixels have
      at 200 or 204 dpi) accepts every width from the nominal one to `WIDTH_TOLERANCE` above it.
    - Type: a conjunction that states `image-file-structure` and no type means `image/tiff` or `image/tiff-fx`, since
      the tag names structures of TIFF files (RFC 2879, 3.7).
    """
    if not any(tag in one.domains for factor in features.factors for one in factor for tag in _NORMALISED):
        return features
    return FeatureSet(tuple(_replaced(one, _normalised(one)) for one in features.conjunctions))


def with_twins(features: FeatureSet) -> FeatureSet:
    """Return `features` and, for bi-level pages, the twin of every resolution in it."""
    added: list[Conjunction] = []
    for conjunction in features.conjunctions:
        added += _twins(conjunction)
    return features | FeatureSet(tuple(added)) if added else features


def _normalised(conjunction: Conjunction) -> Mapping[str, Domain]:
    changes: dict[str, Domain] = {}
    width = conjunction.domain("size-x")
    if width is not None:
        wider = _with_scan_lines(width)
        if wider != width:
            changes["size-x"] = wider
    if conjunction.domain("type") is None and conjunction.domain("image-file-structure") is not None:
        changes["type"] = _TIFF_TYPES
    return changes


def _with_scan_lines(width: Domain) -> Domain:
    for nominal, pixels in zip(NOMINAL_WIDTHS, _LINE_PIXELS, strict=True):
        lengths = [nominal, *(Fraction(pixels, dpi) for dpi in _LINE_DPI)]
        if any(width.contains(length) for length in lengths):
            width |= Domain.of_entries([(min(lengths), nominal * (1 + WIDTH_TOLERANCE))])
    return width


def _twins(conjunction: Conjunction) -> list[Conjunction]:
    colours, dpi = conjunction.domain("color"), conjunction.domain("dpi")
    if dpi is None or (colours is not None and (colours & _BINARY).is_empty):
        return []
    ratio = conjunction.domain("dpi-xyratio")
    found = []
    for one, other in _TWINS:
        for (dpi_has, ratio_has), (dpi_twin, ratio_twin) in ((one, other), (other, one)):
            if dpi.contains(dpi_has) and (ratio is None or ratio.contains(ratio_has)):
                changes = {"dpi": Domain.of(dpi_twin), "dpi-xyratio": Domain.of(ratio_twin), "color": _BINARY}
                found.append(_replaced(conjunction, changes))
    return found


def _replaced(conjunction: Conjunction, changes: Mapping[str, Domain]) -> Conjunction:
    return Conjunction({**conjunction.domains, **changes}, conjunction.qualities) if changes else conjunction
