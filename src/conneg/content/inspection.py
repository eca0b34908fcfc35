"""What a document is: its type by content, its pages, and the features it has as it stands.

`inspect` decodes hostile octets: it runs in a worker (`conneg.content.workers`). The value travels as JSON.
"""

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from conneg.content.declared import mismatches
from conneg.content.errors import ContentRefusedError, OfficeDocumentError
from conneg.content.officetypes import recognise_source
from conneg.content.page import PageGeometry
from conneg.content.source import UNKNOWN_TYPE, ReadLimits, Source

if TYPE_CHECKING:
    from conneg.content.readers import DocumentReader


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found.

    `media_type` is by content (the declared one where the content shows nothing more precise); `features`
    describes the document as it is, pages that differ joined by OR. With a `problem`, one line for people,
    there are no pages: the document can be passed on as it is and cannot be converted. A text of white space
    only has no pages and no problem.

    `text_charset` says that there is text to take out of the document, and in which charset it can be written:
    `us-ascii`, else `utf-8`; None where there is none, as in a scan. `notes` are what people should know of it, one
    line each: that it is not what it was declared to be, octets that fit no charset, pictures that are
    left out. `shows` has the Content-IDs of the parts that an HTML body shows in place. `needs_office`: an office
    document, which has to be made readable before more can be said (`conneg.content.examination`).
    """

    media_type: str
    declared_type: str
    pages: tuple[PageGeometry, ...]
    features: str
    lossless: bool
    problem: str | None
    text_charset: str | None = None
    notes: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    needs_office: bool = False

    @property
    def small_type(self) -> tuple[tuple[Fraction, Fraction, Fraction], ...]:
        """The size in points of the smallest running type of each kind of page, and the page's sides in inches."""
        found = (
            (page.type_points, page.width_inches, page.height_inches)
            for page in self.pages
            if page.type_points is not None
        )
        return tuple(dict.fromkeys(found))

    def to_json(self) -> str:
        """Return the inspection as text that `from_json` reads."""
        return json.dumps(
            {
                "media_type": self.media_type,
                "declared_type": self.declared_type,
                "pages": [page.as_json() for page in self.pages],
                "features": self.features,
                "lossless": self.lossless,
                "problem": self.problem,
                "text_charset": self.text_charset,
                "notes": list(self.notes),
                "shows": list(self.shows),
                "needs_office": self.needs_office,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Inspection":
        """Read what `to_json` gave."""
        value = json.loads(text)
        return cls(
            media_type=value["media_type"],
            declared_type=value["declared_type"],
            pages=tuple(PageGeometry.from_json(page) for page in value["pages"]),
            features=value["features"],
            lossless=value["lossless"],
            problem=value["problem"],
            text_charset=value["text_charset"],
            notes=tuple(value["notes"]),
            shows=tuple(value["shows"]),
            needs_office=value["needs_office"],
        )


def inspect(source: Source, limits: ReadLimits) -> Inspection:
    """Return what `source` is, every page of it looked at; what a reader refuses is an inspection with a
    problem.
    """
    from conneg.content.readers import open_document

    declared_type = _token_type(source.declared_type)
    media_type = declared_type
    notes: tuple[str, ...] = ()
    try:
        recognised = recognise_source(source, declared_type)
        media_type = _type_as_is(recognised, declared_type)
        notes = tuple(mismatches(recognised, source))
        with open_document(source, limits) as document:
            pages = tuple(page.geometry for page in document.pages)
            features = _features(media_type, document)
            lossless = document.lossless
            text_charset = _charset_of(document.text())
            notes += tuple(document.notes)
            shows = tuple(document.shows)
    except ContentRefusedError as error:
        return Inspection(
            media_type=media_type,
            declared_type=source.declared_type,
            pages=(),
            features=f'(type="{media_type}")',
            lossless=True,
            problem=str(error),
            notes=notes,
            needs_office=isinstance(error, OfficeDocumentError),
        )
    return Inspection(
        media_type=media_type,
        declared_type=source.declared_type,
        pages=pages,
        features=features,
        lossless=lossless,
        problem=None,
        text_charset=text_charset,
        notes=notes,
        shows=shows,
    )


def _charset_of(text: str | None) -> str | None:
    """Return the smallest charset of those we write that holds `text`."""
    if text is None:
        return None
    return "us-ascii" if text.isascii() else "utf-8"


def _token_type(declared_type: str) -> str:
    """Return the declared type if it has the form of one, so that it can stand in an expression."""
    lowered = declared_type.lower()
    return (
        lowered
        if re.fullmatch(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}", lowered)
        else UNKNOWN_TYPE
    )


def _type_as_is(recognised: str, declared_type: str) -> str:
    """Return the type to hold against a receiver's: the declared one where the content does not contradict
    it.
    """
    if recognised == UNKNOWN_TYPE:
        return declared_type
    if recognised == "text/plain" and declared_type.startswith("text/"):
        return declared_type
    if recognised == "image/tiff" and declared_type == "image/tiff-fx":
        return declared_type
    return recognised


def _features(media_type: str, document: "DocumentReader") -> str:
    """Return one conjunction a kind of page, joined by OR."""
    kinds = dict.fromkeys(document.features(index) for index in range(len(document.pages)))
    conjunctions = [
        f'(& (type="{media_type}") {terms})' if terms else f'(type="{media_type}")' for terms in kinds
    ]
    if not conjunctions:
        return f'(type="{media_type}")'
    return conjunctions[0] if len(conjunctions) == 1 else f"(| {' '.join(conjunctions)})"
