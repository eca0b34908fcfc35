"""MTA-STS (RFC 8461) with real parts: nsd, unbound, Python's own HTTPS server, servers with certificates."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conneg.gateway.resolver import DnsResolver
from conneg.gateway.sections import DnsSection
from conneg.gateway.ways import policy_host
from conneg.net import ServerTls
from conneg.net.policy_host import PolicyHost
from tests.gateway.internet import PLAIN, TLS, Delivery, World, deliver
from tests.gateway.zones import resolver
from tests.net.authority import authority, server, write
from tests.net.policies import PolicySite, policy_site
from tests.peers.ports import free_port

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("dns")]

ROOT = authority()
HOSTS = [f"mta-sts.{name}.plain.test" for name in ("good", "strange", "clear", "outside", "two")]


@dataclass
class StsWorld(World):
    """The same with a policy host for all domains."""

    site: PolicySite | None = None

    async def deliver(self, folder: Path, domain: str) -> Delivery:
        """Deliver with policies from the site, trusting the authority of the tests only."""
        assert self.site is not None
        dns = DnsResolver(
            DnsSection.model_validate({"servers": ["127.0.0.1"], "port": self.dns, "seconds": 10})
        )
        host = PolicyHost(policy_host(dns).addresses, self.site.port, self.folder / "root.pem")
        settings = f'tls_authorities = "{self.folder / "root.pem"}"'
        return await deliver(self, folder, domain, settings, fetch_policy=host.fetch)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StsWorld]:
    folder = tmp_path_factory.mktemp("sts")
    made = StsWorld(folder, free_port())
    (folder / "root.pem").write_bytes(ROOT.pem)
    made.tls = ServerTls(
        [
            write(folder, "mx.plain.test", server("mx.plain.test", issuer=ROOT)),
            write(folder, "mx-strange.plain.test", server("mx-strange.plain.test")),
            write(folder, "mx-outside.other.plain.test", server("mx-outside.other.plain.test", issuer=ROOT)),
        ]
    )
    made.plain += [
        f"mx IN A {TLS}",
        f"mx-strange IN A {TLS}",
        f"mx-clear IN A {PLAIN}",
        f"mx-outside.other IN A {TLS}",
        "good IN MX 10 mx",
        "strange IN MX 10 mx-strange",
        "clear IN MX 10 mx-clear",
        "outside IN MX 10 mx-outside.other",
        "two IN MX 10 mx-outside.other",
        "two IN MX 20 mx",
        "unannounced IN MX 10 mx-strange",
        "lost IN MX 10 mx-strange",
        '_mta-sts.lost IN TXT "v=STSv1; id=1;"',
    ]
    for name in ("good", "strange", "clear", "outside", "two"):
        made.plain += [f'_mta-sts.{name} IN TXT "v=STSv1; " "id=1;"', f"mta-sts.{name} IN A 127.0.0.1"]
    certificate = server("mta-sts.plain.test", *HOSTS, issuer=ROOT)
    with resolver(folder, (), made.plain) as made.dns:
        with policy_site(write(folder, "mta-sts", certificate)) as made.site:
            yield made


@pytest.fixture
def policy(world: StsWorld) -> Any:
    """Set what the policy host answers: a mode, or None for 404."""
    assert world.site is not None
    site = world.site

    def answer(mode: str | None) -> None:
        site.status = 200 if mode else 404
        site.body = f"version: STSv1\nmode: {mode}\nmx: *.plain.test\nmax_age: 86400\n".encode()

    return answer


async def test_enforce_with_a_server_that_fits(world: StsWorld, policy: Any, tmp_path: Path) -> None:
    policy("enforce")
    done = await world.deliver(tmp_path, "good.plain.test")
    assert done.state == "delivered", done.text
    assert (done.connection["basis"], done.connection["verified"]) == ("mta-sts", True)
    assert done.connection["problems"] == []


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("strange", "is not trusted: self-signed certificate"),
        ("clear", "does not offer STARTTLS"),
        ("outside", "mx-outside.other.plain.test is not one of the domain's MTA-STS policy"),
    ],
)
async def test_enforce_sends_nothing_to_a_server_that_does_not_fit(
    world: StsWorld, policy: Any, tmp_path: Path, domain: str, reason: str
) -> None:
    """RFC 8461, 5: such hosts must not be delivered to; the failure is temporary."""
    policy("enforce")
    done = await world.deliver(tmp_path, f"{domain}.plain.test")
    assert done.state == "deferred"
    assert reason in done.text
    assert done.result["status"] == "4.7.5"
    assert not done.began


async def test_enforce_goes_on_to_a_server_that_fits(world: StsWorld, policy: Any, tmp_path: Path) -> None:
    policy("enforce")
    done = await world.deliver(tmp_path, "two.plain.test")
    assert done.state == "delivered", done.text
    assert done.connection["peer"] == f"mx.plain.test:{world.smtp}"
    assert "is not one of the domain's MTA-STS policy" in done.connection["problems"][0]


@pytest.mark.parametrize(
    ("domain", "problem", "has_tls"),
    [
        ("good", None, True),
        ("strange", "mode testing: the certificate of mx-strange.plain.test is not trusted", True),
        ("clear", "mode testing: mx-clear.plain.test", False),
        ("outside", "mx-outside.other.plain.test is not one of the domain's MTA-STS policy", True),
    ],
)
async def test_testing_delivers_and_tells(
    world: StsWorld, policy: Any, tmp_path: Path, domain: str, problem: str | None, has_tls: bool
) -> None:
    """RFC 8461, 5: in mode testing failures are reported and the message is delivered as without a policy."""
    policy("testing")
    done = await world.deliver(tmp_path, f"{domain}.plain.test")
    assert done.state == "delivered", done.text
    assert done.messages == 1
    assert done.connection["basis"] == "opportunistic"
    assert (done.connection["tls"] is not None) == has_tls
    problems = done.connection["problems"]
    assert problems == [] if problem is None else problem in problems[0]


@pytest.mark.parametrize(
    ("domain", "problem"), [("strange", "the answer is 404"), ("lost", "no address"), ("unannounced", None)]
)
async def test_a_policy_that_cannot_be_had_for_the_first_time(
    world: StsWorld, policy: Any, tmp_path: Path, domain: str, problem: str | None
) -> None:
    """RFC 8461, 5.1: without a policy, now or kept, delivery goes on as ever."""
    policy(None)
    done = await world.deliver(tmp_path, f"{domain}.plain.test")
    assert done.state == "delivered", done.text
    assert done.connection["basis"] == "opportunistic"
    problems = done.connection["problems"]
    assert problems == [] if problem is None else problem in problems[0]


async def test_a_policy_that_is_kept_holds_when_its_host_is_down(
    world: StsWorld, policy: Any, tmp_path: Path
) -> None:
    """RFC 8461, 5.1 and 10.2. The second gateway is the first one after a restart: its spool has the policy."""
    policy("enforce")
    assert (await world.deliver(tmp_path, "strange.plain.test")).state == "deferred"
    (kept,) = (tmp_path / "gw").rglob("mta-sts.json")
    kept.write_text(kept.read_text().replace('"id": "1"', '"id": "0"'))  # so that it has to be fetched again
    policy(None)
    done = await world.deliver(tmp_path / "other", "strange.plain.test")
    assert done.state == "delivered", "a gateway that has never met the domain"
    (tmp_path / "again" / "gw" / "spool").mkdir(parents=True)
    (tmp_path / "again" / "gw" / "spool" / "mta-sts.json").write_text(kept.read_text())
    done = await world.deliver(tmp_path / "again", "strange.plain.test")
    assert done.state == "deferred"
    assert "is not trusted" in done.text
