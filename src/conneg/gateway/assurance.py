"""Ensuring conversion (draft, Appendix B.1 (2)): besides what a recipient takes, a server may report what it can turn
into that, and then has the duty to do so.
"""

import functools
from dataclasses import replace
from fractions import Fraction

from conneg.content import FORMATS, Inspection, PageGeometry, document_offer, offer
from conneg.features import feature_set
from conneg.negotiation import Capability, Provenance, common_forms, read_capability

_A4_INCHES = (Fraction(2100, 254), Fraction(2970, 254))
_PICTURE_PIXELS = (1000, 1414)


def ensured(capability: Capability) -> str:
    """Return the expression to report: what the recipient takes, or a type of document of which that can be made here.

    A type is promised only if a page of it in black and white and one in colour can both become what is taken. What
    cannot be read after all, such as an encrypted document, comes back to its sender with a report (RFC 3463: 5.6.5).
    """
    return _ensured(capability.expression)


@functools.lru_cache(maxsize=1024)
def _ensured(expression: str) -> str:
    capability = read_capability(expression, Provenance.DIRECTORY, "")
    types = [row.media_type for row in FORMATS if row.can_read and _can_become(row.media_type, capability)]
    if not types:
        return expression
    listed = ",".join(f'"{media_type}"' for media_type in types)
    more = f"(type=[{listed}])"
    if expression.startswith("(") and " where " not in expression.lower():
        return f"(| {expression} {more})"
    return str(feature_set(expression, lenient=True) | feature_set(more))


def _can_become(media_type: str, capability: Capability) -> bool:
    """Whether any document of that type can become something that is taken."""
    for sample in _samples(media_type):
        made = document_offer([sample]) if capability.is_page_device else offer(sample)
        if common_forms(made, capability.features).is_empty:
            return False
    return True


def _samples(media_type: str) -> list[Inspection]:
    """Return what a document of that type may turn out to be: black and white or coloured, without text to take out."""
    is_text = media_type.startswith("text/")
    page = PageGeometry(*_A4_INCHES, None, None, None, "Binary", "text" if is_text else "vector")
    if media_type.startswith("image/"):
        width, height = _PICTURE_PIXELS
        page = PageGeometry(*_A4_INCHES, width, height, width / _A4_INCHES[0], "Binary", "photo")
    return [
        Inspection(
            media_type=media_type,
            declared_type=media_type,
            pages=(replace(page, colour=colour),),
            features=f'(type="{media_type}")',
            lossless=True,
            problem=None,
            text_charset="utf-8" if is_text else None,
        )
        for colour in ("Binary", "Full")
    ]
