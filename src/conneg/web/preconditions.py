"""Whether a client has what it asks for already, or goes on with another content (RFC 9110, 13). Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def http_date(at: float) -> str:
    """Return a UNIX time as HTTP writes it (RFC 9110, 5.6.7)."""
    return format_datetime(datetime.fromtimestamp(int(at), UTC), usegmt=True)


def is_not_modified(headers: Mapping[str, str], etag: str, modified_at: float) -> bool:
    """Whether 304 is the answer: If-None-Match, or If-Modified-Since where that is not there (13.2.2)."""
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in (tag.removeprefix("W/") for tag in _ENTITY_TAG.findall(tags))
    since = _read_date(headers.get("if-modified-since"))
    return since is not None and int(modified_at) <= since


def is_failed(headers: Mapping[str, str], etag: str, modified_at: float) -> bool:
    """Whether 412 is the answer: If-Match, or If-Unmodified-Since where that is not there (13.2.2)."""
    tags = headers.get("if-match")
    if tags is not None:
        return tags.strip() != "*" and etag not in _ENTITY_TAG.findall(tags)
    since = _read_date(headers.get("if-unmodified-since"))
    return since is not None and int(modified_at) > since


def may_be_partial(headers: Mapping[str, str], etag: str, modified_at: float) -> bool:
    """Whether a range fits to what the client has: If-Range names our content, by a strong comparison (13.1.5)."""
    validator = headers.get("if-range")
    if validator is None:
        return True
    validator = validator.strip()
    return validator == etag or _read_date(validator) == int(modified_at)


def _read_date(text: str | None) -> int | None:
    try:
        return None if text is None else int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
