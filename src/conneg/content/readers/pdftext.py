"""The text of a PDF, through pdfium: the characters of each page in the order in which its maker wrote them.

What is filled into a form and written on a page by annotations is read too: both are first made part of the page, in
memory. Nothing is recognised: a page that is only a picture has no text.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from conneg.bounds import Bound
from conneg.content.errors import ContentRefusedError

MAX_TEXT_CHARACTERS = Bound(
    name="content.pdf-text-characters",
    value=16 << 20,
    unit="characters",
    reason="five hundred pages of text have two million; a page may repeat one form without end",
    answer="no text is offered",
)

_HYPHEN = "\x02"
"""What pdfium gives for a hyphen at the end of a line, together with the line end."""

_NO_CHARACTERS = re.compile("[\x00\x01\x03-\x08\x0b-\x1f\x7f\ufffe\uffff]")


def text_of_pdf(given: Path | bytes, label: str) -> str | None:
    """Return the text of a PDF, a file or octets, with form feeds between its pages.

    None where a page shows something and has no text, where there is no text at all, or too much of it: then text is
    no form of this document. Raises ContentRefusedError where a page cannot be read.
    """
    document = pypdfium2.PdfDocument(given)
    try:
        pages, length = [], 0
        for index in range(len(document)):
            with _opened(document, index, f"{label}, page {index + 1}") as page:
                shows = pdfium.FPDFPage_CountObjects(page) > 0
                text = _text_of(page)
            if shows and not text:
                return None
            length += len(text)
            if length > MAX_TEXT_CHARACTERS.value:
                return None
            pages.append(text)
    finally:
        document.close()
    return "\f".join(pages) + "\n" if any(pages) else None


_SOME_CHARACTERS = 2000


def some_text(page: Any) -> str:
    """Return the first characters of an open page (pdfium's handle), enough to know what letters it is written in."""
    try:
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError:
        return ""
    try:
        found: str = text_page.get_text_range(
            0, min(text_page.count_chars(), _SOME_CHARACTERS), errors="replace"
        )
    finally:
        text_page.close()
    return found


@contextlib.contextmanager
def _opened(document: Any, index: int, label: str) -> Iterator[Any]:
    """Give the page with its form fields and annotations made part of it."""
    page = _load(document, index, label)
    try:
        if pdfium.FPDFPage_GetAnnotCount(page) > 0:
            pdfium.FPDFPage_Flatten(page, pdfium.FLAT_PRINT)
            page.close()
            page = _load(document, index, label)
        yield page
    finally:
        page.close()


def _load(document: Any, index: int, label: str) -> Any:
    try:
        return document[index]
    except pypdfium2.PdfiumError as error:
        raise ContentRefusedError(f"{label}: damaged, cannot be read") from error


def _text_of(page: Any) -> str:
    """Return the page's characters with single line ends; white space at the ends of lines and page is dropped."""
    try:
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError:
        return ""
    try:
        text = text_page.get_text_range(errors="replace")
    finally:
        text_page.close()
    lines = _NO_CHARACTERS.sub("", text.replace("\r\n", "\n").replace(_HYPHEN, "-\n")).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")
