"""The cover page of a message that becomes pages: who sends it, to whom, when, and what about. Text in, text out."""

import textwrap

from conneg.mail.fields import Fields
from conneg.mail.words import read_words

COLUMNS = 72
_FIELDS = ("To", "Cc", "From", "Date", "Subject")
_LONGEST = 600
"""Characters of one field: a list of a hundred recipients would fill the page."""


def write_cover(fields: Fields, pages: int | None = None) -> str:
    """Return the text of a cover page for the message with this header; `pages` counts all pages, this one too.

    >>> from conneg.mail import read_fields
    >>> header = b"From: May <may@sender.example>\\r\\nTo: june@ifax1.example\\r\\n"
    >>> print(write_cover(read_fields(header + b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\\r\\n\\r\\n"), pages=3))
    FAX
    ========================================================================
    <BLANKLINE>
    To:        june@ifax1.example
    <BLANKLINE>
    From:      May <may@sender.example>
    <BLANKLINE>
    Subject:   Grüße
    <BLANKLINE>
    Pages:     3, this one included
    <BLANKLINE>
    ========================================================================
    <BLANKLINE>
    """
    rows = [(name, _shown(fields, name)) for name in _FIELDS]
    if pages is not None:
        rows.append(("Pages", f"{pages}, this one included"))
    lines = ["FAX", "=" * COLUMNS, ""]
    for name, value in rows:
        if value:
            lines += [*_row(name, value), ""]
    return "\n".join([*lines, "=" * COLUMNS, ""])


def _row(name: str, value: str) -> list[str]:
    return textwrap.wrap(
        value,
        COLUMNS,
        initial_indent=f"{name + ':':<11}",
        subsequent_indent=" " * 11,
        break_on_hyphens=False,
    )


def _shown(fields: Fields, name: str) -> str:
    """Return a field as people read it: encoded words decoded, on one line, of bounded length."""
    text = " ".join(read_words(fields.get(name) or "").split())
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
