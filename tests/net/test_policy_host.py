"""Fetching a policy (RFC 8461, 3.3) from Python's own HTTPS server, and from servers that are none."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from conneg.errors import TemporaryError
from conneg.net.mta_sts import MAX_STS_POLICY, StsMode, StsPolicy
from conneg.net.policy_host import PolicyFetchError, PolicyHost

from .authority import authority, server, write
from .policies import PolicySite, policy_site
from .servers import Raw, scripted

POLICY = b"version: STSv1\nmode: enforce\nmx: mx.example.test\nmax_age: 86400\n"
ROOT = authority()


async def here(host: str) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    path = tmp_path / "authorities.pem"
    path.write_bytes(ROOT.pem)
    return path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[PolicySite]:
    with policy_site(write(tmp_path, "sts", server("mta-sts.example.test", issuer=ROOT))) as site:
        site.body = POLICY
        yield site


async def test_a_policy(site: PolicySite, trusted: Path) -> None:
    found = await PolicyHost(here, site.port, trusted).fetch("example.test")
    assert found == StsPolicy(StsMode.ENFORCE, ("mx.example.test",), 86_400)
    assert site.asked == [("mta-sts.example.test", "/.well-known/mta-sts.txt")]


def test_a_policy_on_uvloop(site: PolicySite, trusted: Path) -> None:
    assert uvloop.run(PolicyHost(here, site.port, trusted).fetch("example.test")).max_age == 86_400


async def test_the_next_address_is_tried(site: PolicySite, trusted: Path) -> None:
    async def two(host: str) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    assert (await PolicyHost(two, site.port, trusted).fetch("example.test")).max_age == 86_400


@pytest.mark.parametrize(
    ("status", "media_type", "body", "words"),
    [
        (404, "text/plain", POLICY, "the answer is 404"),
        (500, "text/plain", POLICY, "the answer is 500"),
        (203, "text/plain", POLICY, "the answer is 203"),
        (200, "text/html", POLICY, "text/html"),
        (200, "", POLICY, "untyped"),
        (200, "text/plain", b"", "no version"),
        (200, "text/plain", POLICY + b"x: " + b"y" * MAX_STS_POLICY.value, "net.mta_sts_policy"),
    ],
)
async def test_what_is_no_policy(
    site: PolicySite, trusted: Path, status: int, media_type: str, body: bytes, words: str
) -> None:
    site.status, site.media_type, site.body = status, media_type, body
    with pytest.raises(PolicyFetchError) as caught:
        await PolicyHost(here, site.port, trusted).fetch("example.test")
    assert words in str(caught.value)
    assert str(caught.value).startswith("https://mta-sts.example.test/.well-known/mta-sts.txt: ")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(site: PolicySite, trusted: Path, status: int) -> None:
    """RFC 8461, 3.3: 3xx must not be followed."""
    site.status, site.location = status, f"https://mta-sts.example.test:{site.port}/elsewhere"
    with pytest.raises(PolicyFetchError, match=f"the answer is {status}"):
        await PolicyHost(here, site.port, trusted).fetch("example.test")
    assert len(site.asked) == 1


async def test_a_media_type_with_parameters(site: PolicySite, trusted: Path) -> None:
    site.media_type = "Text/Plain; charset=utf-8"
    assert (await PolicyHost(here, site.port, trusted).fetch("example.test")).max_age == 86_400


async def test_a_certificate_for_another_host(site: PolicySite, trusted: Path) -> None:
    with pytest.raises(PolicyFetchError, match="is not trusted: Hostname mismatch"):
        await PolicyHost(here, site.port, trusted).fetch("other.test")
    assert site.asked == []


async def test_a_certificate_that_nobody_trusts(site: PolicySite) -> None:
    with pytest.raises(PolicyFetchError, match="is not trusted: unable to get local issuer"):
        await PolicyHost(here, site.port).fetch("example.test")


async def test_a_certificate_that_has_expired(tmp_path: Path, trusted: Path) -> None:
    files = write(tmp_path, "old", server("mta-sts.example.test", issuer=ROOT, days=-1))
    with policy_site(files) as old:
        with pytest.raises(PolicyFetchError, match="is not trusted: certificate has expired"):
            await PolicyHost(here, old.port, trusted).fetch("example.test")


async def test_a_host_that_takes_its_time(site: PolicySite, trusted: Path) -> None:
    site.delay.clear()
    began = time.monotonic()
    with pytest.raises(PolicyFetchError, match=r"no answer in 0\.3 s"):
        await PolicyHost(here, site.port, trusted).fetch("example.test", 0.3)
    assert time.monotonic() - began < 5


async def test_nobody_there_and_nothing_known(trusted: Path) -> None:
    async def nowhere(host: str) -> list[str]:
        return []

    async def silent(host: str) -> list[str]:
        raise TemporaryError("SERVFAIL")

    for addresses, words in [(nowhere, "no address"), (silent, "SERVFAIL")]:
        with pytest.raises(PolicyFetchError, match=words):
            await PolicyHost(addresses, 1, trusted).fetch("example.test")
    with pytest.raises(PolicyFetchError, match=r"refused|Connect call failed"):
        await PolicyHost(here, 1, trusted).fetch("example.test")
    with pytest.raises(PolicyFetchError, match="cannot be read"):
        await PolicyHost(here, 1, trusted.parent / "absent.pem").fetch("example.test")


async def test_a_server_without_tls(trusted: Path) -> None:
    async def say_nonsense(raw: Raw) -> None:
        raw.say("220 mail.example.test ESMTP")
        await asyncio.sleep(5)

    async with scripted(say_nonsense) as port:
        with pytest.raises(PolicyFetchError):
            await PolicyHost(here, port, trusted).fetch("example.test", 3)
