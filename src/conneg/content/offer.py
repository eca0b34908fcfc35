"""What can be made of a document: every rendition, as a feature set. Pure; nothing is opened.

Never more than the source has: no pixel that it has not, no colour that it does not show, no resolution finer
than its own (the base resolutions of facsimile excepted, where a picture has fewer dots than the coarsest
page). Never a form whose writer is not installed (`conneg.content.formats`).
"""

import functools
from collections.abc import Iterable, Sequence
from fractions import Fraction

from conneg.content.formats import can_code_jbig, can_write
from conneg.content.framing import image_size
from conneg.content.inspection import Inspection
from conneg.content.page import PageGeometry
from conneg.content.paper import (
    A4,
    BASE_RESOLUTIONS,
    BILEVEL_RESOLUTIONS,
    COLOUR_RESOLUTIONS,
    LINE_A3,
    LINE_A4,
    LINE_B4,
    PAPERS,
    TWIN_TOLERANCE,
    Resolution,
)
from conneg.content.source import NO_TIFF
from conneg.content.tiff.rules import COARSEST_MASK_DPI
from conneg.features import FeatureSet, feature_set

_RANKS = {"Binary": 0, "Grey": 1, "Full": 2}
_LEVELS = {"Binary": "(color=Binary)", "Grey": "(& (color=Grey) (color-levels=256))"}
_LEVELS["Full"] = "(& (color=Full) (color-levels=16777216))"

_BLANK = PageGeometry(A4.width_inches, A4.length_inches, None, None, None, "Binary", "text")
"""What stands for a document without pages: a blank sheet."""

_LARGE_ENOUGH = Fraction(97, 100)
"""How much of a paper's width a page must have for that paper to be offered."""


def offer(inspection: Inspection) -> FeatureSet:
    """Return every rendition that can be made of this one document; nothing when it has a problem."""
    if inspection.problem is not None:
        return FeatureSet.nothing()
    pages = inspection.pages or (_BLANK,)
    branches = [*_image_branches(pages), *_pdf_branches(pages), *_tiff_branches(pages)]
    branches += _text_branches(inspection)
    return _union(branches)


def document_offer(inspections: Sequence[Inspection]) -> FeatureSet:
    """Return every TIFF document (profiles S, F, J, C) that has all these documents as its pages, in order.

    The richest page decides on colour and resolution. Nothing when one of them has a problem: no content is
    left out silently. A blank text adds no page, unless there is nothing else.
    """
    if not inspections or any(inspection.problem is not None for inspection in inspections):
        return FeatureSet.nothing()
    pages = tuple(page for inspection in inspections for page in inspection.pages) or (_BLANK,)
    return _union(_tiff_branches(pages))


def _union(branches: Sequence[str]) -> FeatureSet:
    if not branches:
        return FeatureSet.nothing()
    return _read(branches[0] if len(branches) == 1 else f"(| {' '.join(branches)})")


@functools.lru_cache(maxsize=256)
def _read(text: str) -> FeatureSet:
    """Return the set; kept, because most documents of a kind have the same offer."""
    return feature_set(text)


def _colours(pages: Iterable[PageGeometry]) -> tuple[str, ...]:
    """Return the colours that can be made: what the richest page shows, and all below it."""
    richest = max(_RANKS.get(page.colour, 2) for page in pages)
    return tuple(colour for colour, rank in _RANKS.items() if rank <= richest)


def _image_branches(pages: Sequence[PageGeometry]) -> list[str]:
    """Images, one a page: width up to the widest page's, height up to the longest's."""
    sizes = [image_size(page) for page in pages]
    widest, longest = (max(lengths) for lengths in zip(*sizes, strict=True))
    colours = _colours(pages)
    continuous = ("Grey", *(colour for colour in colours if colour == "Full"))
    branches = []
    for media_type, possible in (
        ("image/jpeg", continuous),
        ("image/webp", continuous),
        ("image/png", tuple(dict.fromkeys((*colours, *continuous)))),
    ):
        if can_write(media_type):
            levels = _any_of(_LEVELS[colour] for colour in possible)
            coding = f"(image-coding={media_type.removeprefix('image/').upper()})"
            most = _MOST_PIXELS.get(media_type, max(widest, longest))
            size = f"(pix-x>=1) (pix-x<={min(widest, most)}) (pix-y>=1) (pix-y<={min(longest, most)})"
            branches.append(f'(& (type="{media_type}") {NO_TIFF} {coding} {size} {levels})')
    return branches


_MOST_PIXELS = {"image/jpeg": 65_500, "image/webp": 16_383}
"""The longest side that a type holds: libjpeg's JPEG_MAX_DIMENSION, and VP8's fourteen bits."""


def _text_branches(inspection: Inspection) -> list[str]:
    """The text of the document, where it is one or has some to take out.

    What is taken out of a PDF has lost its look, so its quality value puts it behind every form that shows the pages.
    """
    is_text = inspection.media_type.startswith("text/")
    if not (is_text or inspection.text_charset) or not can_write("text/plain"):
        return []
    charsets = {"us-ascii": "(charset=[us-ascii,utf-8])", "utf-8": "(charset=utf-8)", None: ""}
    branch = f'(& (type="text/plain") {NO_TIFF} {charsets[inspection.text_charset]})'
    return [branch if is_text else f"{branch};q={_TAKEN_OUT}"]


_TAKEN_OUT = "0.1"


def _pdf_branches(pages: Sequence[PageGeometry]) -> list[str]:
    if not can_write("application/pdf"):
        return []
    levels = _any_of(_LEVELS[colour] for colour in _colours(pages))
    return [f'(& (type="application/pdf") {NO_TIFF} {levels})']


def _tiff_branches(pages: Sequence[PageGeometry]) -> list[str]:
    """Page images: profiles S, F and J bi-level, profile C for what is not bi-level."""
    branches = []
    paper = _paper_terms(pages)
    bilevel = f"{_resolution_terms(_bilevel_resolutions(pages))} {paper}"
    if can_write("image/tiff"):
        branches.append(
            '(& (type="image/tiff") (image-file-structure=[TIFF-minimal,TIFF-limited,TIFF]) (MRC-mode=0)'
            " (color=Binary) (image-coding=[MH,MR,MMR])"
            f" {bilevel})"
        )
    if can_write("image/tiff-fx") and can_code_jbig():
        branches.append(
            '(& (type="image/tiff-fx") (image-file-structure=[TIFF-minimal,TIFF-limited,TIFF]) (MRC-mode=0)'
            " (color=Binary) (image-coding=JBIG) (image-coding-constraint=JBIG-T85) (JBIG-stripe-size=128)"
            f" {bilevel})"
        )
    shades = [colour for colour in _colours(pages) if colour != "Binary"]
    if shades and can_write("image/tiff-fx"):
        square = ",".join(str(dpi) for dpi in _square_resolutions(pages))
        branches.append(
            '(& (type="image/tiff-fx") (image-file-structure=[TIFF-limited,TIFF]) (MRC-mode=0)'
            " (image-coding=JPEG) (image-coding-constraint=JPEG-T4E)"
            " (color-space=CIELAB) (color-illuminant=D50) (CIELAB-L-min=0) (CIELAB-L-max=100)"
            f" {_any_of(_CIELAB[shade] for shade in shades)} (dpi=[{square}]) (dpi-xyratio=1) {paper})"
        )
        branches += _layered_branches(pages, paper) if "Full" in shades else []
    return branches


def _layered_branches(pages: Sequence[PageGeometry], paper: str) -> list[str]:
    """Pages of profile M: what is stated is the coloured layers, which are no finer than the mask (RFC 2879, 4.7)."""
    square = ",".join(str(dpi) for dpi in _square_resolutions(pages) if dpi > COARSEST_MASK_DPI)
    return [
        '(& (type="image/tiff-fx") (image-file-structure=TIFF-MRC) (MRC-mode=1) (MRC-max-stripe-size=256)'
        " (image-coding=JPEG) (image-coding-constraint=JPEG-T4E)"
        " (color-space=CIELAB) (color-illuminant=D50) (CIELAB-L-min=0) (CIELAB-L-max=100)"
        ' (color=Full) (color-levels=16777216) (color-subsampling="4:1:1")'
        " (CIELAB-a-min=-85) (CIELAB-a-max=85) (CIELAB-b-min=-75) (CIELAB-b-max=125)"
        f" (dpi=[{square}]) (dpi-xyratio=1) {paper})"
    ]


_CIELAB = {
    "Grey": "(& (color=Grey) (color-levels=256))",
    "Full": (
        '(& (color=Full) (color-levels=16777216) (color-subsampling=["4:1:1","1:1:1"])'
        " (CIELAB-a-min=-85) (CIELAB-a-max=85) (CIELAB-b-min=-75) (CIELAB-b-max=125))"
    ),
}


def _any_of(terms: Iterable[str]) -> str:
    listed = list(terms)
    return listed[0] if len(listed) == 1 else f"(| {' '.join(listed)})"


def _paper_terms(pages: Sequence[PageGeometry]) -> str:
    """The scan lines and papers: those of A4, letter and legal for all; larger ones for pages that are so
    large.
    """
    widest = max(_short_side(page) for page in pages)
    groups = ["(& (size-x=2150/254) (paper-size=[A4,letter,legal]))"]
    if widest >= PAPERS["b4"].width_inches * _LARGE_ENOUGH:
        groups.append("(& (size-x=2550/254) (paper-size=B4))")
    if widest >= PAPERS["a3"].width_inches * _LARGE_ENOUGH:
        groups.append("(& (size-x=3030/254) (paper-size=A3))")
    return _any_of(groups)


def _short_side(page: PageGeometry) -> Fraction:
    """Return the side that lies along the scan line: scans as they are, other pages may be turned."""
    return page.width_inches if page.kind == "scan" else min(page.width_inches, page.height_inches)


def _resolution_terms(resolutions: Sequence[Resolution]) -> str:
    """One conjunction for each horizontal resolution with its ratios."""
    ratios: dict[int, list[str]] = {}
    for resolution in resolutions:
        ratios.setdefault(resolution.dpi_x, []).append(str(resolution.ratio))
    return _any_of(f"(& (dpi={dpi}) (dpi-xyratio=[{','.join(listed)}]))" for dpi, listed in ratios.items())


def _bilevel_resolutions(pages: Sequence[PageGeometry]) -> tuple[Resolution, ...]:
    """Return what any page can fill; a photo has the base resolutions in any case, a scan only the coarsest
    of them.
    """
    allowed: set[Resolution] = set()
    for page in pages:
        own = {
            resolution
            for resolution in BILEVEL_RESOLUTIONS
            if _fills(page, resolution.dpi_x, resolution.dpi_y)
        }
        if page.colour != "Binary":
            own.update(BASE_RESOLUTIONS)
        allowed.update(own or BASE_RESOLUTIONS[:2])
    return tuple(resolution for resolution in BILEVEL_RESOLUTIONS if resolution in allowed)


def _square_resolutions(pages: Sequence[PageGeometry]) -> tuple[int, ...]:
    """Return what any page with shades can fill, and always 200, the base of profile C (RFC 3949 6.2.1)."""
    shaded = [page for page in pages if page.colour != "Binary"]
    return tuple(
        dpi
        for dpi in COLOUR_RESOLUTIONS
        if dpi <= BASE_RESOLUTIONS[3].dpi_x or any(_fills(page, dpi, dpi) for page in shaded)
    )


def _fills(page: PageGeometry, dpi_x: int, dpi_y: int) -> bool:
    """Whether `page`, on paper, has at least so many dots of its own an inch."""
    if page.dpi is None:
        return True
    along, across = page.dpi, page.dpi_y or page.dpi
    line = max(
        (length for length in (LINE_A4, LINE_B4, LINE_A3) if length <= _longest_line(page)), default=LINE_A4
    )
    shrink = min(Fraction(1), line / _short_side(page))
    return dpi_x <= along / shrink * TWIN_TOLERANCE and dpi_y <= across / shrink * TWIN_TOLERANCE


def _longest_line(page: PageGeometry) -> Fraction:
    """Return the length of scan line that the page would have on the largest paper offered for it."""
    side = _short_side(page)
    if side >= PAPERS["a3"].width_inches * _LARGE_ENOUGH:
        return LINE_A3
    return LINE_B4 if side >= PAPERS["b4"].width_inches * _LARGE_ENOUGH else LINE_A4
