"""DANE for SMTP (RFC 7672) with real parts: zones signed by ldnsutils, served by nsd, validated by unbound.

All servers listen on loopback addresses at one port; a server chooses its certificate by the name in SNI.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from conneg.gateway.dialling import Dialler, UnprotectedError
from conneg.gateway.events import Settled
from conneg.gateway.resolver import DnsResolver, NoSuchNextHopError
from conneg.gateway.routing import NextHop
from conneg.gateway.sections import DestinationSection, DnsSection
from conneg.gateway.ways import Ways
from conneg.net import Deadlines, ServerTls
from tests.gateway.internet import PLAIN, TLS, TLS6, World, deliver, servers
from tests.gateway.servers import config, running, submit, text_message, until
from tests.gateway.zones import resolver
from tests.net.authority import Certificate, authority, server, write
from tests.peers.ports import free_port

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("dns")]

WRONG = "00" * 32


def digest(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("dane")
    made = World(folder, free_port())
    files = []

    def shows(name: str, certificate: Certificate, *above: Certificate) -> None:
        files.append(write(folder, name if "." in name else f"mx-{name}.signed.test", certificate, *above))

    own = server("mx-ee.signed.test")
    shows("ee", own)
    made.domain("ee", f"3 1 1 {digest(own.spki)}")
    made.domain("ee-rollover", f"3 1 1 {WRONG}", f"3 1 1 {digest(own.spki)}")
    shows("ee-rollover", own)
    made.domain("ee-wrong", f"3 1 1 {WRONG}")
    shows("ee-wrong", own)
    strange = server("elsewhere.test", days=-3)
    shows("ee-expired", strange)
    made.domain("ee-expired", f"3 0 2 {hashlib.sha512(strange.der).hexdigest()}")

    root = authority()
    middle = authority("The Deputy", root)
    for name, host, days in [
        ("ta", "mx-ta.signed.test", 2),
        ("ta-domain", "ta-domain.signed.test", 2),
        ("ta-name", "elsewhere.test", 2),
        ("ta-expired", "mx-ta-expired.signed.test", -3),
    ]:
        shows(name, server(host, issuer=middle, days=days), middle, root)
        made.domain(name, f"2 0 1 {digest(root.der)}")
    shows("ta-wrong", server("mx-ta-wrong.signed.test", issuer=root), root)
    made.domain("ta-wrong", f"2 0 1 {digest(authority().der)}")
    shows("ta-spki", server("mx-ta-spki.signed.test", issuer=middle), middle)
    made.domain("ta-spki", f"2 1 1 {digest(middle.spki)}")

    made.domain("unusable", f"1 1 1 {WRONG}", f"0 0 1 {WRONG}")
    made.domain("unusable-clear", f"1 1 1 {WRONG}", address=PLAIN)
    made.domain("bogus", f"3 1 1 {digest(own.spki)}")
    shows("bogus", own)
    made.domain("clear", f"3 1 1 {WRONG}", address=PLAIN)
    made.domain("no-tlsa")
    made.domain("six", f"3 1 1 {digest(own.spki)}", address=TLS6)
    shows("six", own)

    made.signed += [
        "second IN MX 10 mx-bogus",
        "second IN MX 20 mx-ee",
        "null IN MX 0 .",
        "nowhere IN MX 10 no-such-host",
        "odd IN MX 10 a\\..b",
        f"a\\..b IN A {TLS}",
        "nothing IN TXT nothing",
        f"implicit IN A {TLS}",
        f"_{made.smtp}._tcp.implicit IN TLSA 3 1 1 {digest(own.spki)}",
        "alias IN MX 10 mx-alias",
        "mx-alias IN CNAME mx-ee",
        "leaves IN MX 10 mx-wrong.plain.test.",
        "half IN MX 10 half-host",
        "half-host IN CNAME mx-wrong.plain.test.",
        f"_{made.smtp}._tcp.half-host IN TLSA 3 1 1 {digest(own.spki)}",
    ]
    shows("implicit.signed.test", own)
    shows("half-host.signed.test", own)
    made.plain += [
        "unsigned IN MX 10 mx-wrong",
        f"mx-wrong IN A {TLS}",
        f"_{made.smtp}._tcp.mx-wrong IN TLSA 3 1 1 {WRONG}",
        "arrives IN MX 10 mx-ee-wrong.signed.test.",
    ]
    made.tls = ServerTls(files)
    tampered = [(f"_{made.smtp}._tcp.mx-bogus", "TLSA")]
    with resolver(folder, made.signed, made.plain, tampered=tampered) as made.dns:
        yield made


@pytest.mark.parametrize(
    "domain",
    ["ee", "ee-rollover", "ee-expired", "ta", "ta-domain", "ta-spki", "six", "implicit", "alias", "half"],
)
async def test_a_server_that_its_records_vouch_for(world: World, tmp_path: Path, domain: str) -> None:
    """RFC 7672, 3.1.1: of DANE-EE neither names nor dates count. 3.1.2: DANE-TA wants both."""
    done = await deliver(world, tmp_path, f"{domain}.signed.test")
    assert done.state == "delivered", done.text
    assert done.messages == 1
    assert done.connection["basis"] == "dane"
    assert done.connection["verified"]
    assert done.connection["tls"]
    assert done.connection["problems"] == []


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("ee-wrong", "no TLSA record agrees with the certificate"),
        ("ta-wrong", "no TLSA record agrees with the certificate"),
        ("ta-name", "no matching subjectAltName"),
        ("ta-expired", "not valid at validation time"),
        ("bogus", "SERVFAIL"),
        ("clear", "does not offer STARTTLS"),
        ("unusable-clear", "does not offer STARTTLS"),
    ],
)
async def test_a_server_that_cannot_be_trusted_gets_nothing(
    world: World, tmp_path: Path, domain: str, reason: str
) -> None:
    """RFC 7672, 2.2: where there are TLSA records, or might be, nothing is sent without what they ask for."""
    done = await deliver(world, tmp_path, f"{domain}.signed.test")
    assert done.state == "deferred"
    assert reason in done.text
    assert done.result["status"] == "4.7.5"
    assert not done.began


async def test_records_none_of_which_can_be_used_demand_encryption(world: World, tmp_path: Path) -> None:
    """RFC 7672, 2.2 and 3.1.3: PKIX usages cannot be used; then TLS is mandatory, whatever the certificate."""
    done = await deliver(world, tmp_path, "unusable.signed.test")
    assert done.state == "delivered", done.text
    assert done.connection["basis"] == "dane-unusable"
    assert done.connection["tls"]
    assert not done.connection["verified"]
    assert "none of its 2 TLSA records can be used" in done.connection["problems"][0]


@pytest.mark.parametrize(
    "domain", ["no-tlsa.signed.test", "unsigned.plain.test", "leaves.signed.test", "arrives.plain.test"]
)
async def test_without_a_chain_of_signatures_there_is_no_dane(
    world: World, tmp_path: Path, domain: str
) -> None:
    """RFC 7672, 2.2.1 and 2.2.2: exchangers and addresses must both be secure; else TLS is opportunistic."""
    done = await deliver(world, tmp_path, domain)
    assert done.state == "delivered", done.text
    assert done.connection["basis"] == "opportunistic"
    assert done.connection["tls"]
    assert not done.connection["verified"]


async def test_a_host_that_cannot_be_asked_about_is_passed_over(world: World, tmp_path: Path) -> None:
    done = await deliver(world, tmp_path, "second.signed.test")
    assert done.state == "delivered", done.text
    assert done.connection["peer"] == f"mx-ee.signed.test:{world.smtp}"
    assert "mx-bogus.signed.test" in done.connection["problems"][0]


async def test_a_resolver_that_is_not_believed_means_no_dane(world: World, tmp_path: Path) -> None:
    """RFC 7672, 2.2: without a resolver that can be trusted a client has no DANE."""
    settings = f'[dns]\nservers = ["127.0.0.1"]\nport = {world.dns}\ntrust_ad = false\n'
    text = f'{settings}[[destination]]\ndomains = ["*"]\nport = {world.smtp}\nconneg = "off"\n'
    async with servers(world), running(config(tmp_path / "gw", text), reports=False) as (gateway, events):
        await submit(gateway, text_message(), ["june@ee-wrong.signed.test"])
        await until(lambda: bool(events.of(Settled)), seconds=30)
    assert events.of(Settled)[0].state == "delivered"


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("null.signed.test", "5.1.10"),
        ("no-such-domain.signed.test", "5.1.2"),
        ("nowhere.signed.test", "5.4.4"),
        ("nothing.signed.test", "5.4.4"),
        ("odd.signed.test", "5.4.4"),
    ],
)
async def test_domains_that_take_no_mail(world: World, tmp_path: Path, domain: str, status: str) -> None:
    """RFC 7505, 4.2 (null MX); RFC 5321, 5.1: no exchanger is usable; RFC 3463, X.4.4: only an SOA record."""
    done = await deliver(world, tmp_path, domain)
    assert done.state == "failed"
    assert done.result["status"] == status


@pytest.mark.parametrize(
    ("domain", "address"), [("[127.0.0.1]", TLS), ("[IPv6:::1]", TLS6), ("[127.0.0.2]", PLAIN)]
)
async def test_address_literals(world: World, tmp_path: Path, domain: str, address: str) -> None:
    done = await deliver(world, tmp_path, domain)
    assert done.state == "delivered", done.text
    assert len(done.seen[address].messages) == 1
    assert done.connection["basis"] == "opportunistic"


async def test_connections_come_from_the_address_that_is_configured(world: World, tmp_path: Path) -> None:
    done = await deliver(world, tmp_path, "ee.signed.test", 'local_address = ["127.0.0.9", "::1"]')
    assert done.state == "delivered", done.text
    assert done.seen[TLS].sessions[0].peer.address == "127.0.0.9"


def dns_of(world: World) -> DnsResolver:
    return DnsResolver(
        DnsSection.model_validate({"servers": ["127.0.0.1"], "port": world.dns, "seconds": 10})
    )


async def test_what_the_resolver_says(world: World) -> None:
    dns = dns_of(world)
    exchangers = await dns.mail_exchangers("SECOND.signed.test")
    assert (exchangers.hosts, exchangers.is_secure) == (("mx-bogus.signed.test", "mx-ee.signed.test"), True)
    implicit = await dns.mail_exchangers("implicit.signed.test")
    assert (implicit.hosts, implicit.is_secure) == (("implicit.signed.test",), True)
    assert not (await dns.mail_exchangers("unsigned.plain.test")).is_secure
    alias = await dns.addresses("mx-alias.signed.test")
    assert alias.base_domains == ("mx-ee.signed.test", "mx-alias.signed.test")
    half = await dns.addresses("half-host.signed.test")
    assert half.base_domains == ("half-host.signed.test",)
    assert await dns.tlsa(f"_{world.smtp}._tcp.mx-wrong.plain.test") == (), "not signed: as good as none"
    assert await dns.texts("nothing.signed.test") == ("nothing",)
    assert await dns.texts("no-such-domain.signed.test") == ()
    with pytest.raises(NoSuchNextHopError, match="null MX"):
        await dns.mail_exchangers("null.signed.test")


@pytest.mark.parametrize("value", ["No", "no", " No"])
async def test_who_sends_may_waive_what_the_domain_asks_of_tls(
    world: World, tmp_path: Path, value: str
) -> None:
    """RFC 8689, 4.2.2: for a report that somebody's certificate is wrong, say."""
    done = await deliver(world, tmp_path, "ee-wrong.signed.test", fields={"TLS-Required": value})
    assert done.state == "delivered", done.text
    assert done.connection["basis"] == "opportunistic"
    assert done.connection["tls"]


async def test_any_other_value_waives_nothing(world: World, tmp_path: Path) -> None:
    done = await deliver(world, tmp_path, "ee-wrong.signed.test", fields={"TLS-Required": "Yes"})
    assert done.state == "deferred"


async def test_what_the_operator_wants_holds(world: World, tmp_path: Path) -> None:
    done = await deliver(
        world, tmp_path, "clear.signed.test", 'tls = "required"', fields={"TLS-Required": "No"}
    )
    assert done.state == "deferred"
    assert not done.began


@pytest.mark.parametrize(
    ("domain", "status", "reason"),
    [
        ("ee.signed.test", "5.7.30", "does not offer REQUIRETLS"),
        ("ee-wrong.signed.test", "5.7.10", "no TLSA record agrees"),
        ("unsigned.plain.test", "5.7.10", "validated neither by DNSSEC nor by MTA-STS"),
    ],
)
async def test_requiretls_wants_a_host_that_is_known_for_sure(
    world: World, domain: str, status: str, reason: str
) -> None:
    """RFC 8689, 4.2.1."""
    destination = DestinationSection(domains=("*",), port=world.smtp)
    hop = NextHop(f"mx:{domain}", destination, domain=domain)
    dialler = Dialler(Ways(dns_of(world)), "client.test", Deadlines())
    async with servers(world):
        with pytest.raises(UnprotectedError, match=reason) as caught:
            await dialler.dial(hop, requires_tls=True)
    assert caught.value.status == status
