"""From documents to a rendition: page by page from the readers to the writer, memory independent of the page
count.

Runs in a worker (`conneg.content.workers`); the values travel as JSON.
"""

import functools
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.fidelity import Fidelity, em_as_drawn
from conneg.content.framing import Target, division_of, frame_for
from conneg.content.page import PageGeometry
from conneg.content.paper import A4
from conneg.content.placement import place
from conneg.content.rendition import Rendition, RenditionFile
from conneg.content.source import ReadLimits, Source
from conneg.features import FeatureCollection, collection
from conneg.features.private import QUALITY_TAG

if TYPE_CHECKING:
    from conneg.content.page import Frame, PageReader, Raster
    from conneg.content.readers import DocumentReader

__all__ = ["ConversionJob", "Progress", "Rendition", "RenditionFile", "convert", "read_target", "safe_stem"]

Progress = Callable[[int, int], None]
"""Called after each page with pages done and pages in all."""


@dataclass(frozen=True, slots=True)
class ConversionJob:
    """`sources` as the pages of one rendition that is the concrete point `target`, in files `stem`... in
    `out_dir`.

    `pages`: how many pages they have, where that is known: many are spread over the workers. `span`: only these of
    them, the first and the one behind the last, counted from 0.
    """

    sources: tuple[Source, ...]
    target: FeatureCollection
    out_dir: Path
    stem: str
    pages: int | None = None
    span: tuple[int, int] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the job as values of JSON."""
        return {
            "sources": [source.as_json() for source in self.sources],
            "target": str(self.target),
            "out_dir": str(self.out_dir),
            "stem": self.stem,
            "span": self.span,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "ConversionJob":
        """Read what `as_json` gave."""
        return cls(
            sources=tuple(Source.from_json(source) for source in value["sources"]),
            target=collection(value["target"]),
            out_dir=Path(value["out_dir"]),
            stem=value["stem"],
            span=None if value["span"] is None else (value["span"][0], value["span"][1]),
        )


def convert(job: ConversionJob, limits: ReadLimits, progress: Progress | None = None) -> Rendition:
    """Make the rendition; raises ContentRefusedError for the sources' faults, ConversionError for the
    target's.
    """
    target = read_target(job.target)
    stem = safe_stem(job.stem)
    if target.media_type == "text/plain":
        from conneg.content.plaintext import write_text

        return write_text(job, job.out_dir / f"{stem}.txt", limits, progress)
    from conneg.content.readers import open_document
    from conneg.content.writers import open_writer

    with ExitStack() as stack:
        documents = [stack.enter_context(open_document(source, limits)) for source in job.sources]
        ready_made = _ready_made(job, target, documents)
        if ready_made is not None:
            return Rendition((ready_made,))
        total = sum(_sheets(document, target) for document in documents)
        if total > limits.pages:
            raise ContentRefusedError(f"{total} pages in all, more than {limits.pages}")
        writer = open_writer(job.target, job.out_dir, stem, total or 1, job.span)
        fidelity = Fidelity()
        wanted = (total or 1) if job.span is None else job.span[1] - job.span[0]
        try:
            for number, (raster, found) in enumerate(_rasters(documents, target, job.span), start=1):
                writer.add(raster)
                fidelity = fidelity.worst(found).worst(Fidelity(unlike=raster.unlike))
                if progress is not None:
                    progress(number, wanted)
            return Rendition(tuple(writer.finish()), fidelity)
        except BaseException:  # half a file is no rendition
            writer.abort()
            raise


_RANKS = {"binary": 0, "grey": 1, "full": 2}
_OF_PAGE_IMAGES = {"dpi", "pix-x", "pix-y", "size-x", "size-y", QUALITY_TAG}


def _ready_made(
    job: ConversionJob, target: Target, documents: Sequence["DocumentReader"]
) -> RenditionFile | None:
    """Return the PDF that was laid out for this message, where it is what the target asks for: it keeps its text."""
    from conneg.content.writers.pdf import pdf_features
    from conneg.content.writers.terms import Shades

    is_wanted = target.media_type == "application/pdf" and not _OF_PAGE_IMAGES & set(job.target)
    if not is_wanted or len(job.sources) != 1 or not job.sources[0].is_laid_out:
        return None
    pages = documents[0].pages
    richest = max((_RANKS.get(page.geometry.colour.lower(), 2) for page in pages), default=0)
    if richest > _RANKS.get(target.colour or "full", 0):
        return None
    path = job.out_dir / f"{safe_stem(job.stem)}.pdf"
    shutil.copyfile(job.sources[0].path, path)
    features = pdf_features(tuple(Shades)[richest])
    return RenditionFile(path, target.media_type, path.name, features, len(pages), path.stat().st_size)


def _sheets(document: "DocumentReader", target: Target) -> int:
    """Return how many pages the document becomes; looked into only where the receiver limits their length."""
    if target.size_y is None:
        return len(document.pages)
    page: PageReader
    total = 0
    for page in document.pages:
        division = division_of(target, page.outline, frame_for(target, page.outline))
        total += 1 if division is None else division.sheets
    return total


def join_parts(parts: Sequence[Rendition], job: ConversionJob) -> Rendition:
    """Return the rendition of `job` put together from its parts, each one file with a span of its pages, in order.

    Only of those that `can_be_divided`. Raises ConversionError, OSError.
    """
    from conneg.content.tiff.joining import join
    from conneg.content.writers.tiff import file_of

    media_type = read_target(job.target).media_type
    files = [part.files[0] for part in parts]
    fidelity = functools.reduce(Fidelity.worst, (part.fidelity for part in parts))
    path = job.out_dir / f"{safe_stem(job.stem)}{'.tif' if media_type == 'image/tiff' else '.tfx'}"
    pages = join([file.path for file in files], path)
    if len({file.features for file in files}) == 1:  # what all parts are, the whole is
        made = replace(files[0], path=path, filename=path.name, pages=pages, octets=path.stat().st_size)
        return Rendition((made,), fidelity)
    return Rendition((file_of(path, job.target, media_type, pages),), fidelity)


def can_be_divided(target: FeatureCollection) -> bool:
    """Whether spans of pages can be made by themselves and put together: one TIFF file, in which a page is a page."""
    found = read_target(target)
    is_layered = _number(target, "MRC-mode") if target.get("MRC-mode") not in (None, 0) else None
    return found.media_type in ("image/tiff", "image/tiff-fx") and found.size_y is None and is_layered is None


def _rasters(
    documents: Sequence["DocumentReader"], target: Target, span: tuple[int, int] | None
) -> Iterator[tuple["Raster", Fidelity]]:
    """Yield every page drawn, or those of the span, one at a time, and what is known of how faithful it is; a blank
    sheet when there is none.

    A page that is too long for the receiver comes as several.
    """
    from conneg.content.sheets import divide

    page: PageReader
    drawn, first, end = 0, *(span or (0, sys.maxsize))
    for document in documents:
        here = range(max(0, first), max(0, min(len(document.pages), end)))
        first, end = first - len(document.pages), end - len(document.pages)
        for index in here:
            page = document.pages[index]
            outline = page.outline
            frame = frame_for(target, outline)
            raster = page.render(frame)
            found = replace(em_as_drawn(outline, place(outline, frame)), unlike=raster.unlike)
            division = division_of(target, outline, frame)
            for sheet in [raster] if division is None else divide(raster, division):
                yield sheet, found
            drawn += 1
    if not drawn:
        blank = _BlankPage()
        yield blank.render(frame_for(target, blank.geometry)), Fidelity()


class _BlankPage:
    """An empty sheet of A4 paper, for a document in which there is nothing to see."""

    geometry = PageGeometry(A4.width_inches, A4.length_inches, None, None, None, "Binary", "text")

    def render(self, frame: "Frame") -> "Raster":
        """Return white."""
        import numpy as np

        from conneg.content.page import Raster

        placement = place(self.geometry, frame)
        shape = (placement.frame_height, placement.frame_width) + ((3,) if frame.colour else ())
        return Raster(np.full(shape, 255, dtype=np.uint8), frame.dpi_x, frame.dpi_y)


def safe_stem(stem: str) -> str:
    """Return `stem` as a file name can begin with it: letters, digits and `-_.` of ASCII, at most 80, never
    empty.
    """
    cleaned = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.")
    return cleaned[:80] or "document"


def read_target(target: FeatureCollection) -> Target:
    """Return what of `target` decides sizes and colours; raises ConversionError when it names no type we
    make.
    """
    media_type = _text(target, "type")
    if media_type is None and _text(target, "image-file-structure") is not None:
        media_type = "image/tiff" if _text(target, "color") in {None, "binary"} else "image/tiff-fx"
    if media_type is None:
        raise ConversionError("the target names no type")
    return Target(
        media_type=media_type,
        colour=_text(target, "color"),
        dpi=_number(target, "dpi"),
        dpi_ratio=_number(target, "dpi-xyratio"),
        size_x=_number(target, "size-x"),
        size_y=_number(target, "size-y"),
        pix_x=_pixels(target, "pix-x"),
        pix_y=_pixels(target, "pix-y"),
        paper=_text(target, "paper-size"),
    )


def _text(target: FeatureCollection, tag: str) -> str | None:
    """Return a token's or string's text in lower case."""
    value = target.get(tag)
    return None if value is None else str(value).strip('"').lower()


def _number(target: FeatureCollection, tag: str) -> Fraction | None:
    value = target.get(tag)
    if value is None:
        return None
    if not isinstance(value, Fraction) or value <= 0:
        raise ConversionError(f"the target's {tag} is no number above zero")
    return value


def _pixels(target: FeatureCollection, tag: str) -> int | None:
    value = _number(target, tag)
    return None if value is None else max(1, int(value))
