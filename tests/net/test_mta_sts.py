"""MTA-STS as text: RFC 8461, 3.1 (record), 3.2 (policy), 4.1 (matching), with the RFC's own examples."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.net.mta_sts import (
    MAX_STS_AGE,
    MAX_STS_POLICY,
    StsError,
    StsMode,
    StsPolicy,
    policy_id,
    read_policy,
    read_record,
)

EXAMPLE = b"""version: STSv1
mode: enforce
mx: mail.example.com
mx: *.example.net
mx: backupmx.example.com
max_age: 604800
"""


def policy(*, take: str = "", put: str = "") -> bytes:
    lines = [line for line in EXAMPLE.decode().splitlines() if not take or not line.startswith(take)]
    return "".join(f"{line}\r\n" for line in [*lines, *filter(None, [put])]).encode()


def test_the_example_of_the_rfc() -> None:
    assert read_policy(EXAMPLE) == StsPolicy(
        StsMode.ENFORCE, ("mail.example.com", "*.example.net", "backupmx.example.com"), 604_800
    )
    assert read_record("v=STSv1; id=20160831085700Z;") == "20160831085700Z"


@pytest.mark.parametrize(
    "octets",
    [
        EXAMPLE.rstrip(b"\n"),
        EXAMPLE.replace(b"\n", b"\r\n"),
        EXAMPLE.replace(b": ", b":"),
        EXAMPLE.replace(b"\n", b" \t\n"),
        EXAMPLE + b"next_thing: with any text, also gr\xc3\xbcn\n",
        EXAMPLE + b"mode: none\n",
    ],
)
def test_other_ways_to_write_the_same(octets: bytes) -> None:
    """Of a field that is there twice the first one holds; what nobody has defined is passed over (3.2)."""
    assert read_policy(octets) == read_policy(EXAMPLE)


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "no version"),
        (policy(take="version"), "no version"),
        (policy(take="mode"), "no mode"),
        (policy(take="max_age"), "no max_age"),
        (policy(take="mx"), "no mx"),
        (policy(take="version", put="version: STSv2"), "line 6 of the policy: version 'STSv2' is not STSv1"),
        (policy(take="mode", put="mode: Enforce"), "enforce, testing or none"),
        (policy(take="mode", put="mode: report"), "enforce, testing or none"),
        (policy(take="max_age", put="max_age: -1"), "a number of seconds"),
        (policy(take="max_age", put="max_age: 1.5"), "a number of seconds"),
        (policy(take="max_age", put="max_age: 12345678901"), "a number of seconds"),
        (policy(take="max_age", put=f"max_age: {MAX_STS_AGE.value + 1}"), "net.mta_sts_age"),
        (policy(take="max_age", put="max_age: \u0661\u0662"), "a number of seconds"),
        (policy(put="mx: *.*.example.com"), "a host name or"),
        (policy(put="mx: *"), "a host name or"),
        (policy(put="mx: a..example.com"), "a host name or"),
        (policy(put="mx: mail.example.com."), "a host name or"),
        (policy(put="mx:"), "is not name: value"),
        (policy(put="just words"), "is not name: value"),
        (policy(put="a b: c"), "is not name: value"),
        (policy(put="x" * 33 + ": c"), "is not name: value"),
        (policy() + b"\xff: c\r\n", "UTF-8"),
        (policy() + b"\r\n\r\n", "line 7 of the policy: '' is not name: value"),
        (policy() + b"x: \x01\r\n", "is not name: value"),
        (b"<html><body>404</body></html>", "line 1 of the policy"),
        (EXAMPLE + b"x: " + b"y" * MAX_STS_POLICY.value, "net.mta_sts_policy"),
    ],
)
def test_what_is_no_policy(octets: bytes, words: str) -> None:
    with pytest.raises(StsError) as caught:
        read_policy(octets)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mode_none_needs_no_exchanger() -> None:
    """RFC 8461, 8.3: how a domain takes its policy back."""
    assert read_policy(b"version: STSv1\nmode: none\nmax_age: 86400\n").mode is StsMode.NONE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("v=STSv1; id=1", "1"),
        ("v=STSv1;id=1;", "1"),
        ("v=STSv1 ;\tid=a1B2 ; more=things,and:more", "a1B2"),
        ("v=STSv1; more=things; id=1", "1"),
        ("v=STSv1; id=1; id=2", "1"),
    ],
)
def test_records(text: str, found: str) -> None:
    assert read_record(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=STSv1",
        "v=STSv1;",
        "v=STSv2; id=1",
        "v=stsv1; id=1",
        " v=STSv1; id=1",
        "id=1; v=STSv1",
        "v=STSv1; id=",
        "v=STSv1; id=" + "1" * 33,
        "v=STSv1; id=a-b",
        "v=STSv1; ID=1",
        "v=STSv1; id=1;;",
        "v=STSv1; id=1; x",
        "v=STSv1; id=1; x=a=b",
        "v=STSv1; id=1; x=a b",
        "v=STSv1; id=1; " + "x" * 5000,
    ],
)
def test_what_is_no_record(text: str) -> None:
    with pytest.raises(StsError):
        read_record(text)


def test_one_record_of_this_kind_counts_and_two_are_none() -> None:
    """RFC 8461, 3.1: records that do not begin with `v=STSv1;` are passed over; more than one is as good as none."""
    assert policy_id([]) is None
    assert policy_id(["v=spf1 -all", "v=STSv10; id=1", "v=STSv1"]) is None
    assert policy_id(["v=spf1 -all", "v=STSv1; id=7"]) == "7"
    with pytest.raises(StsError, match="2 MTA-STS records"):
        policy_id(["v=STSv1; id=7", "v=STSv1; id=7"])


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("mail.example.com", "mail.example.com", True),
        ("mail.example.com", "MAIL.Example.com.", True),
        ("mail.example.com", "a.mail.example.com", False),
        ("*.example.com", "mail.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "foo.bar.example.com", False),
        ("*.example.com", "badexample.com", False),
        ("*.com", "com", False),
    ],
)
def test_matching(pattern: str, host: str, fits: bool) -> None:
    """RFC 8461, 4.1."""
    assert StsPolicy(StsMode.ENFORCE, (pattern,), 1).has_host(host) is fits


LINE = st.text(st.sampled_from("version:STSv1modenfrcmx_ag*.-0123456789 \t\r\n=;\u00fc\x00"), max_size=60)


@given(
    st.one_of(
        st.binary(max_size=400), st.lists(LINE, max_size=8).map(lambda lines: "\n".join(lines).encode())
    )
)
def test_any_octets_are_a_policy_or_one_line_of_error(octets: bytes) -> None:
    refused = ""
    try:
        assert 0 <= read_policy(octets).max_age <= MAX_STS_AGE.value
    except StsError as error:
        refused = str(error)
    assert "\n" not in refused
    assert len(refused) < 200


@given(st.lists(st.one_of(LINE, LINE.map("v=STSv1;{}".format)), max_size=3))
def test_any_texts_have_an_identifier_or_not(texts: list[str]) -> None:
    with contextlib.suppress(StsError):
        found = policy_id(texts)
        assert found is None or 1 <= len(found) <= 32


@given(LINE, st.lists(st.sampled_from(["mail.example.com", "*.example.com"]), max_size=2))
def test_any_host_fits_or_not(host: str, patterns: list[str]) -> None:
    assert StsPolicy(StsMode.ENFORCE, tuple(patterns), 1).has_host(host) in (True, False)
