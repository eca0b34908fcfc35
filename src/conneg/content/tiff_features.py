"""A TIFF file as feature collections, one for each kind of page: fax-schema section 6, over the file's own structure.

A page of profile M counts once for each layer: every one must match the receiver (RFC 2879, 4.7).

The terms are those of `conneg.content.readers.faxtags`; two are made more exact here. `image-file-structure` is
what `conneg.content.tiff.layout` finds, and `paper-size`, for which TIFF has no field, is every size of paper that
the page fits on, or the one that its maker names.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from conneg.content.paper import MILLIMETRE, PAPERS, nominal_line
from conneg.content.readers import faxtags
from conneg.content.readers.tiffdir import Ifd, TiffDirectory, read_children, read_directory
from conneg.content.tiff import MAX_PAGES, read_structure
from conneg.content.tiff.layout import ANY, LIMITED, MINIMAL, layout_of
from conneg.features import FeatureCollection, FeatureSet, Token, collection, feature_set

_Described = tuple[int, FeatureCollection, tuple[str, ...]]
"""The number of a page, the collection of it or of a layer of it, and the papers that it fits on."""

_WIDER = {MINIMAL: (LIMITED, ANY), LIMITED: (ANY,)}

_LINE_TOLERANCE = MILLIMETRE
"""The line count of a paper is its length rounded to whole lines: up to 0.26 mm more."""


def features_of_tiff(path: Path, media_type: str | None = None) -> FeatureSet:
    """Return what the file at `path` is: a disjunct for each kind of page; `media_type` adds the term `type`.

    Raises TiffStructureError, ContentRefusedError or BoundExceededError for a file that cannot be followed.
    """
    pages = dict.fromkeys((point, papers) for _, point, papers in _described(path, media_type))
    whole = FeatureSet.nothing()
    for point, papers in pages:
        whole |= page_features(point, papers)
    return whole


def page_collections(path: Path, media_type: str) -> list[tuple[int, FeatureCollection, tuple[str, ...]]]:
    """Return for each page, in order, its number from 1, its collection without `paper-size`, and the papers that it
    fits on; a page of profile M counts once for each of its layers that has data.
    """
    return list(_described(path, media_type))


def page_features(point: FeatureCollection, papers: Iterable[str]) -> FeatureSet:
    """Return the set of a page's collection on any of `papers`; without papers the size is left open."""
    listed = ",".join(papers)
    features = point.as_feature_set()
    return features & feature_set(f"(paper-size=[{listed}])") if listed else features


def expression_of_tiff(path: Path, media_type: str, paper: str | None, structure: str | None) -> str:
    """Return the expression for `Content-Features`, pages that differ joined by OR.

    Said to be on `paper` where they fit on it, and of `structure` where the file's own is that or a narrower one: so
    they match the words of a receiver who takes expressions literally.
    """
    texts: dict[str, None] = {}
    kinds = dict.fromkeys((point, papers) for _, point, papers in _described(path, media_type))
    for point, papers in kinds:
        chosen = next((size for size in papers if paper and size.lower() == paper.lower()), None)
        chosen = chosen or next(iter(papers), None)
        values = dict(point)
        if chosen is not None:
            values["paper-size"] = Token(chosen)
        own = str(point["image-file-structure"])
        wider = next(
            (token for token in _WIDER.get(own, ()) if structure and token.lower() == structure.lower()), own
        )
        values["image-file-structure"] = Token(wider)
        texts[str(FeatureCollection(values))] = None
    return next(iter(texts)) if len(texts) == 1 else f"(| {' '.join(texts)})"


def _described(path: Path, media_type: str | None) -> Iterable[_Described]:
    directory = read_directory(path, MAX_PAGES.value)
    token = layout_of(read_structure(path)).token
    known: dict[tuple[object, ...], tuple[FeatureCollection, tuple[str, ...]]] = {}
    for number, page in enumerate(directory.ifds, start=1):
        for ifd in (page, *read_children(path, directory.byte_order, page)) if _is_layered(page) else (page,):
            key = _key(ifd)
            if ifd.number(faxtags.COMPRESSION, 1) == _NO_DATA and _is_layered(page):
                continue
            if key not in known:  # one page of a facsimile is like the next: what takes time is done once
                point = _collection(directory.byte_order, ifd, page, token, media_type)
                known[key] = (point, tuple(_papers(ifd)))
            yield number, *known[key]


_NO_DATA = 1


def _is_layered(page: Ifd) -> bool:
    return faxtags.IMAGE_LAYER in page.fields


def _key(ifd: Ifd) -> tuple[object, ...]:
    placed = {faxtags.STRIP_OFFSETS, faxtags.STRIP_COUNTS, _PAGE_NUMBER}
    fields = ((tag, values) for tag, values in sorted(ifd.fields.items()) if tag not in placed)
    return (*fields, ifd.strip_head)


_PAGE_NUMBER = 297


def _collection(
    byte_order: str, ifd: Ifd, page: Ifd, token: str, media_type: str | None
) -> FeatureCollection:
    one_page = TiffDirectory(byte_order, (ifd,))  # the layout is known: let nobody walk all pages again
    colour = "Full" if ifd.number(faxtags.SAMPLES, 1) >= 3 else "Grey"
    if ifd.number(faxtags.SAMPLES, 1) == ifd.number(faxtags.BITS, 1) == 1:
        colour = "Binary"
    stated = f'(type="{media_type}") ' if media_type else ""
    values = dict(collection(f"(& {stated}{faxtags.describe(one_page, 0, colour)})"))
    values.pop("paper-size", None)
    values["image-file-structure"] = Token(token)
    if ifd is not page:  # a stripe has as many lines of the mask in every layer
        rows = page.fields.get(faxtags.STRIP_ROW_COUNTS) or page.fields.get(faxtags.ROWS_PER_STRIP) or (1,)
        values["MRC-max-stripe-size"] = Fraction(max(rows))
    return FeatureCollection(values)


def _papers(ifd: Ifd) -> Iterable[str]:
    """Yield the sizes whose scan line the page has and whose length it does not exceed, the shortest first."""
    resolution = faxtags.resolution(ifd)
    line = nominal_line(ifd.number(faxtags.WIDTH, 0))
    if resolution is None or line is None:
        return
    length = Fraction(ifd.number(faxtags.LENGTH, 0)) / resolution[1]
    preferred = ("a4", "letter", "legal", "b4", "a3")
    for paper in (PAPERS[name] for name in preferred):
        if paper.line_inches == line and length <= paper.length_inches + _LINE_TOLERANCE:
            yield paper.token
