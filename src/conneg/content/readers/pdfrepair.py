"""A PDF that has lost its end, as far as its pages are still there: a new tree of pages is written behind it. Pure.

pdfium rebuilds a wrong table of objects by itself, but not without a trailer. What is looked for are page objects as
they stand in the file; pages inside compressed object streams (PDF 1.5, 7.5.7) are not found.
"""

import re

from conneg.bounds import Bound

_OBJECT = re.compile(rb"(?<!\d)(\d{1,8})[ \r\n]{1,4}(\d{1,5})[ \r\n]{1,4}obj\b")
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_DICTIONARY = 4000
"""Octets of an object in which the type of a page stands."""

MAX_REPAIR_OCTETS = Bound(
    name="content.pdf-repair-octets",
    value=64 << 20,
    unit="octets of a damaged PDF",
    reason="the whole file is searched, and is in memory more than once",
    answer="the PDF is refused as damaged",
)


def mended(octets: bytes, most_pages: int) -> bytes | None:
    """Return the file with a tree of the pages that are whole, in the order of the file; None where there is none."""
    found: dict[bytes, None] = {}
    highest = 0
    for one in _OBJECT.finditer(octets):
        number = int(one[1])
        highest = max(highest, number)
        body = octets[one.end() : one.end() + _DICTIONARY]
        body = body[: body.find(b"endobj") + 1]
        if _PAGE.search(body) and len(found) <= most_pages:
            found[b"%d %d R" % (number, int(one[2]))] = None
    if not found:
        return None
    catalogue, tree = highest + 1, highest + 2
    kids = b" ".join(found)
    return b"%s\nendstream endobj\n%d 0 obj<</Type/Catalog/Pages %d 0 R>>endobj\n" % (
        octets,
        catalogue,
        tree,
    ) + (
        b"%d 0 obj<</Type/Pages/Count %d/Kids[%s]>>endobj\ntrailer<</Root %d 0 R/Size %d>>\n%%%%EOF\n"
        % (tree, len(found), kids, catalogue, tree + 1)
    )
