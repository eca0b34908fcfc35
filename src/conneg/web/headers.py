"""The header fields that keep staged content from doing harm, and those that name a file."""

import re
from urllib.parse import quote

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
PAGE = EVERYWHERE | {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "private, no-store",
}
CONTENT = EVERYWHERE | {
    # should a browser show it all the same: no script, no frame, no form, an origin of its own
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cache-Control": "private, no-cache",
}
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
_CHARSET = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 !#$&+.^_`~()\[\]{},@=-]+")
_LONGEST_NAME = 150


def content_type(media_type: str, charset: str | None) -> str:
    """Return the value of Content-Type: what was staged as it was, unless it has not the form of a type."""
    media_type = media_type.lower()
    if _MEDIA_TYPE.fullmatch(media_type) is None:
        return "application/octet-stream"
    if media_type.startswith("text/") and charset and _CHARSET.fullmatch(charset):
        return f"{media_type}; charset={charset}"
    return media_type


def attachment(name: str) -> str:
    """Return a Content-Disposition that saves the content under `name` (RFC 6266; RFC 8187 for what is not ASCII).

    >>> attachment("plan 1.pdf"), attachment("Grüße.pdf")
    ('attachment; filename="plan 1.pdf"', 'attachment; filename="Gr__e.pdf"; filename*=UTF-8\\'\\'Gr%C3%BC%C3%9Fe.pdf')
    """
    name = _file_name(name)
    if _PLAIN_NAME.fullmatch(name):
        return f'attachment; filename="{name}"'
    plain = "".join(char if _PLAIN_NAME.fullmatch(char) else "_" for char in name)
    coded = quote(name.encode("utf-8", "replace"), safe="!#$&+^`|~")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}"


def _file_name(name: str) -> str:
    """Return the last component of a name that came with a message, without what file systems choke on."""
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(char if char.isprintable() and char not in '<>:"|?*' else "_" for char in last)
    clean = clean.strip(". ")
    if len(clean) > _LONGEST_NAME:
        stem, dot, suffix = clean.rpartition(".")
        suffix = suffix if dot and len(suffix) <= 10 else ""
        clean = (stem or clean)[: _LONGEST_NAME - 1 - len(suffix)] + (f".{suffix}" if suffix else "")
    return clean or "file"
