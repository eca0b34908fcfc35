"""Ranges against a slow and obvious reading of RFC 9110, 14; preconditions against its tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.web.preconditions import http_date, is_failed, is_not_modified, may_be_partial
from conneg.web.ranges import Span, UnsatisfiableRangeError, read_range

ETAG = '"abc"'
AT = 1_700_000_000.5
SIZES = st.integers(0, 40)
NUMBERS = st.none() | st.integers(0, 50)


def places(first: int | None, last: int | None, octets: int) -> list[int]:
    """The places of the octets that are asked for, each looked at by itself."""
    if first is None:
        return [place for place in range(octets) if place >= octets - (last or 0)]
    return [place for place in range(octets) if place >= first and (last is None or place <= last)]


@given(NUMBERS, NUMBERS, SIZES)
def test_one_range(first: int | None, last: int | None, octets: int) -> None:
    text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    is_invalid = (first is None and last is None) or (first is not None and last is not None and last < first)
    wanted = places(first, last, octets)
    if is_invalid or (octets == 0 and first is None and last):
        assert read_range(text, octets) is None
    elif not wanted:
        with pytest.raises(UnsatisfiableRangeError):
            read_range(text, octets)
    else:
        span = read_range(text, octets)
        assert span is not None
        assert list(range(span.start, span.end)) == wanted
        assert span.content_range(octets) == f"bytes {wanted[0]}-{wanted[-1]}/{octets}"


@given(st.text(max_size=40), SIZES)
def test_whatever_else_is_ignored(text: str, octets: int) -> None:
    if not text.lower().startswith("bytes="):
        assert read_range(text, octets) is None


NO_RANGES = [None, "", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "lines=0-1", "bytes=٣-٤"]


@pytest.mark.parametrize("text", [*NO_RANGES, "bytes=0-" + "9" * 99])
def test_what_is_no_single_range_is_ignored(text: str | None) -> None:
    assert read_range(text, 10) is None


def test_a_range_beyond_the_end_is_cut() -> None:
    assert read_range("bytes=5-999", 10) == Span(5, 10)
    assert read_range("bytes=-999", 10) == Span(0, 10)


BEFORE, SAME, AFTER = (http_date(AT + shift) for shift in (-10, 0, 10))


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, False),
        ({"if-none-match": ETAG}, True),
        ({"if-none-match": f"W/{ETAG}"}, True),
        ({"if-none-match": f'"x", {ETAG}'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"x"'}, False),
        ({"if-modified-since": SAME}, True),
        ({"if-modified-since": AFTER}, True),
        ({"if-modified-since": BEFORE}, False),
        ({"if-modified-since": "yesterday"}, False),
        ({"if-none-match": '"x"', "if-modified-since": AFTER}, False),
    ],
)
def test_not_modified(fields: dict[str, str], wanted: bool) -> None:
    assert is_not_modified(fields, ETAG, AT) is wanted


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, False),
        ({"if-match": ETAG}, False),
        ({"if-match": "*"}, False),
        ({"if-match": f"W/{ETAG}"}, True),
        ({"if-match": '"x"'}, True),
        ({"if-unmodified-since": BEFORE}, True),
        ({"if-unmodified-since": SAME}, False),
        ({"if-match": ETAG, "if-unmodified-since": BEFORE}, False),
    ],
)
def test_failed_preconditions(fields: dict[str, str], wanted: bool) -> None:
    assert is_failed(fields, ETAG, AT) is wanted


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, True),
        ({"if-range": ETAG}, True),
        ({"if-range": f"W/{ETAG}"}, False),
        ({"if-range": '"x"'}, False),
        ({"if-range": SAME}, True),
        ({"if-range": AFTER}, False),
    ],
)
def test_ranges_of_what_the_client_has(fields: dict[str, str], wanted: bool) -> None:
    assert may_be_partial(fields, ETAG, AT) is wanted
