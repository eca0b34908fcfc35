"""From forward-path to next hop, and from there to hosts: RFC 5321, 5; RFC 7505; what is trusted, with a DNS that says
what it is told to.
"""

import asyncio

import pytest

from conneg.errors import TemporaryError
from conneg.gateway.config import parse_config
from conneg.gateway.dialling import Dialler, NoSessionError
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.resolver import Addresses, Exchangers, host_name
from conneg.gateway.routing import NextHop, NoSuchNextHopError, Routes
from conneg.gateway.sts_policies import StsPolicies
from conneg.gateway.ways import Basis, NoWay, Way, Ways
from conneg.net import Deadlines, TlsaRecord, TlsPolicy
from conneg.net.mta_sts import StsMode, StsPolicy

CONFIG = parse_config(
    """
[[destination]]
domains = ["ifax1.jp"]
deliver = "smtp"
host = "192.0.2.1:2525"
[[destination]]
domains = ["*.example"]
deliver = "lmtp"
host = "[2001:db8::1]:24"
[[destination]]
domains = ["local.test"]
deliver = "maildir"
path = "/var/mail/{domain}/{local_part}"
"""
)


EE = TlsaRecord(3, 1, 1, bytes(32))
PKIX = TlsaRecord(1, 1, 1, bytes(32))


class FixedDns:
    """Every host has one address; `tlsa` and `texts` by name, where a `TemporaryError` is one."""

    def __init__(self, *hosts: str, is_secure: bool = False) -> None:
        self.exchangers = Exchangers(hosts, is_secure)
        self.found: dict[str, Addresses] = {}
        self.records: dict[str, tuple[TlsaRecord, ...] | TemporaryError] = {}
        self.text: dict[str, tuple[str, ...]] = {}
        self.asked: list[str] = []

    async def mail_exchangers(self, domain: str) -> Exchangers:
        self.asked.append(domain)
        return self.exchangers

    async def addresses(self, host: str) -> Addresses:
        bases = (host,) if self.exchangers.is_secure else ()
        return self.found.get(host, Addresses(("192.0.2.1",), bases))

    async def tlsa(self, name: str) -> tuple[TlsaRecord, ...]:
        self.asked.append(name)
        records = self.records.get(name, ())
        if isinstance(records, TemporaryError):
            raise records
        return records

    async def texts(self, name: str) -> tuple[str, ...]:
        return self.text.get(name, ())


def found(dns: FixedDns, hop: NextHop, policy: StsPolicy | None = None) -> list[Way | NoWay]:
    async def fetch(domain: str) -> StsPolicy:
        assert policy is not None
        return policy

    async def find() -> list[Way | NoWay]:
        if policy is not None:
            dns.text["_mta-sts.other.test"] = ("v=STSv1; id=1;",)
        return [way async for way in Ways(dns, StsPolicies(dns, fetch)).find(hop)]

    return asyncio.run(find())


def hop_to(domain: str, settings: str = "") -> NextHop:
    text = f'[[destination]]\ndomains = ["*"]\n{settings}\n' if settings else ""
    return Routes(parse_config(text) if text else CONFIG).next_hop(domain)


def one(dns: FixedDns, hop: NextHop, policy: StsPolicy | None = None) -> Way:
    (way,) = found(dns, hop, policy)
    assert isinstance(way, Way)
    return way


def test_a_configured_domain_goes_where_it_says() -> None:
    dns = FixedDns()
    assert Routes(CONFIG).next_hop("IFAX1.jp").endpoint == Endpoint("192.0.2.1", 2525)
    assert one(dns, hop_to("a.b.example")).addresses == ("2001:db8::1",)
    assert one(dns, hop_to("a.b.example")).port == 24
    assert Routes(CONFIG).next_hop("local.test").destination.deliver == "maildir"
    assert dns.asked == []


def test_every_other_domain_goes_by_the_dns_in_the_order_given() -> None:
    dns = FixedDns("mx1.other.test", "mx2.other.test")
    ways = found(dns, hop_to("other.test"))
    assert [(way.host, way.port) for way in ways if isinstance(way, Way)] == [
        ("mx1.other.test", 25),
        ("mx2.other.test", 25),
    ]
    assert dns.asked == ["other.test"]


@pytest.mark.parametrize(
    ("domain", "address"),
    [
        ("[192.0.2.9]", "192.0.2.9"),
        ("[IPv6:2001:db8::9]", "2001:db8::9"),
        ("[IPv6:::ffff:192.0.2.9]", "::ffff:c000:209"),
    ],
)
def test_an_address_literal_is_its_own_next_hop(domain: str, address: str) -> None:
    dns = FixedDns("never.test")
    way = one(dns, hop_to(domain))
    assert (way.addresses, way.port) == ((address,), 25)
    assert way.reliance.basis is Basis.OPPORTUNISTIC
    assert dns.asked == []


def test_an_address_literal_of_another_kind_is_final() -> None:
    """RFC 5321, 4.1.3: General-address-literal waits for a standard that defines a tag; there is none."""
    with pytest.raises(NoSuchNextHopError) as caught:
        found(FixedDns(), hop_to("[x400:c=no]"))
    assert caught.value.status == "5.1.2"


def test_a_destination_may_be_an_address_literal() -> None:
    config = parse_config('[[destination]]\ndomains = ["[IPv6:2001:db8::9]"]\nport = 2525\n')
    assert one(FixedDns(), Routes(config).next_hop("[IPv6:2001:db8::9]")).port == 2525


def test_recipients_of_one_domain_share_a_next_hop() -> None:
    routes = Routes(CONFIG)
    assert routes.next_hop("a.example") == routes.next_hop("b.example")
    assert routes.next_hop("other.test") == routes.next_hop("OTHER.test")
    assert routes.next_hop("other.test") != routes.next_hop("another.test")


def test_sessions_are_not_shared_between_destinations_that_trust_differently() -> None:
    text = '[[destination]]\ndomains = ["{0}"]\ndeliver = "smtp"\nhost = "192.0.2.1:25"\ntls = "{1}"\n'
    routes = Routes(parse_config(text.format("a.test", "none") + text.format("b.test", "verified")))
    assert routes.next_hop("a.test") != routes.next_hop("b.test")


def test_a_host_without_address_is_passed_over() -> None:
    dns = FixedDns("gone.other.test", "mx.other.test")
    dns.found["gone.other.test"] = Addresses(())
    gone, mx = found(dns, hop_to("other.test"))
    assert isinstance(gone, NoWay)
    assert gone.is_final
    assert isinstance(mx, Way)


def test_a_label_that_is_too_long_is_no_domain() -> None:
    with pytest.raises(NoSuchNextHopError):
        host_name("a" * 64 + ".test")
    assert host_name("Bücher.test.") == "xn--bcher-kva.test"


class Unreachable(FixedDns):
    """Hosts with more addresses than anybody should try, where nobody listens."""

    async def addresses(self, host: str) -> Addresses:
        return Addresses(tuple(f"127.1.{number}.1" for number in range(20)))


def test_a_list_of_hosts_without_end_ends() -> None:
    dns = Unreachable(*(f"mx{number}.other.test" for number in range(50)))
    dialler = Dialler(Ways(dns), "client.test", Deadlines(connect=5))
    with pytest.raises(NoSessionError, match=r"the last of 30: mx1\.other\.test:1 ") as caught:
        asyncio.run(dialler.dial(hop_to("other.test", "port = 1")))
    assert caught.value.status == "4.4.1"


# --- DANE (RFC 7672, 2)


def test_secure_records_bind() -> None:
    dns = FixedDns("mx.other.test", is_secure=True)
    dns.records["_25._tcp.mx.other.test"] = (EE,)
    way = one(dns, hop_to("other.test"))
    assert way.reliance.basis is Basis.DANE
    (tls,) = way.tls
    assert (tls.policy, tls.name, tls.tlsa) == (TlsPolicy.DANE, "mx.other.test", (EE,))
    assert tls.also_names == ("other.test",), "RFC 7672, 3.2.2: the next-hop domain is a reference identifier"


def test_the_expanded_name_comes_first_and_is_what_sni_carries() -> None:
    """RFC 7672, 2.2.3 and 8.1: of secure aliases the last name, then the first."""
    dns = FixedDns("mx.other.test", is_secure=True)
    dns.found["mx.other.test"] = Addresses(("192.0.2.1",), ("real.host.test", "mx.other.test"))
    dns.records["_25._tcp.mx.other.test"] = (EE,)
    assert one(dns, hop_to("other.test")).tls[0].name == "mx.other.test"
    dns.records["_25._tcp.real.host.test"] = (EE,)
    tls = one(dns, hop_to("other.test")).tls[0]
    assert (tls.name, tls.also_names) == ("real.host.test", ("mx.other.test", "other.test"))


def test_without_secure_exchangers_records_are_not_even_asked_for() -> None:
    dns = FixedDns("mx.other.test")
    dns.found["mx.other.test"] = Addresses(("192.0.2.1",), ("mx.other.test",))
    assert one(dns, hop_to("other.test")).reliance.basis is Basis.OPPORTUNISTIC
    assert dns.asked == ["other.test"]


def test_records_that_cannot_be_used_still_demand_tls() -> None:
    dns = FixedDns("mx.other.test", is_secure=True)
    dns.records["_25._tcp.mx.other.test"] = (PKIX,)
    way = one(dns, hop_to("other.test"))
    assert way.reliance.basis is Basis.DANE_UNUSABLE
    assert way.tls[0].policy is TlsPolicy.REQUIRED


def test_records_that_cannot_be_had_cost_the_host() -> None:
    dns = FixedDns("mx1.other.test", "mx2.other.test", is_secure=True)
    dns.records["_25._tcp.mx1.other.test"] = TemporaryError("SERVFAIL")
    first, second = found(dns, hop_to("other.test"))
    assert isinstance(first, NoWay)
    assert not first.is_final
    assert isinstance(second, Way)


def test_a_host_that_is_configured_has_records_too() -> None:
    """RFC 7672, 2.2.2: a next hop that is named, and no mail exchanger, is its own TLSA base domain."""
    hop = hop_to("other.test", 'deliver = "smtp"\nhost = "localhost:2525"\ntls = "dane"')
    dns = FixedDns(is_secure=True)
    dns.records["_2525._tcp.localhost"] = (EE,)
    way = one(dns, hop)
    assert (way.tls[0].policy, way.tls[0].name, way.tls[0].also_names) == (TlsPolicy.DANE, "localhost", ())
    dns.records["_2525._tcp.localhost"] = TemporaryError("SERVFAIL")
    assert isinstance(found(dns, hop)[0], NoWay)
    assert one(FixedDns(), hop).tls[0].policy is TlsPolicy.OPPORTUNISTIC


@pytest.mark.parametrize("tls", ["none", "opportunistic", "required", "verified"])
def test_a_policy_of_the_configuration_leaves_dane_out(tls: str) -> None:
    dns = FixedDns("mx.other.test", is_secure=True)
    dns.records["_25._tcp.mx.other.test"] = (EE,)
    assert one(dns, hop_to("other.test", f'tls = "{tls}"')).tls[0].policy == tls


# --- MTA-STS (RFC 8461, 4.1 and 5)

ENFORCE = StsPolicy(StsMode.ENFORCE, ("*.other.test",), 86_400)
TESTING = StsPolicy(StsMode.TESTING, ("*.other.test",), 86_400)


def test_enforce_demands_a_certificate_for_the_host() -> None:
    way = one(FixedDns("mx.other.test"), hop_to("other.test"), ENFORCE)
    assert way.reliance.basis is Basis.MTA_STS
    (tls,) = way.tls
    assert (tls.policy, tls.name) == (TlsPolicy.VERIFIED, "mx.other.test")


def test_enforce_uses_no_host_that_is_not_in_the_policy() -> None:
    first, second = found(FixedDns("mx.evil.test", "mx.other.test"), hop_to("other.test"), ENFORCE)
    assert isinstance(first, NoWay)
    assert "mx.evil.test is not one of the domain's MTA-STS policy" in first.reason
    assert isinstance(second, Way)


def test_testing_tells_and_goes_on() -> None:
    strange, good = found(FixedDns("mx.evil.test", "mx.other.test"), hop_to("other.test"), TESTING)
    assert isinstance(strange, Way)
    assert "mx.evil.test is not one" in strange.reliance.problems[0]
    assert [tls.policy for tls in strange.tls] == [TlsPolicy.OPPORTUNISTIC]
    assert isinstance(good, Way)
    assert [tls.policy for tls in good.tls] == [TlsPolicy.VERIFIED, TlsPolicy.OPPORTUNISTIC]
    assert good.reliance.basis is Basis.OPPORTUNISTIC


def test_mode_none_is_no_policy() -> None:
    way = one(FixedDns("mx.evil.test"), hop_to("other.test"), StsPolicy(StsMode.NONE, (), 86_400))
    assert way.reliance.basis is Basis.OPPORTUNISTIC


@pytest.mark.parametrize("setting", ["mta_sts = false", 'tls = "none"'])
def test_it_can_be_left_out(setting: str) -> None:
    assert (
        one(FixedDns("mx.evil.test"), hop_to("other.test", setting), ENFORCE).reliance.basis
        is not Basis.MTA_STS
    )


def test_dane_precedes_mta_sts() -> None:
    """RFC 8461, 2: a policy of MTA-STS must not override what DANE finds wrong."""
    dns = FixedDns("mx.other.test", is_secure=True)
    dns.records["_25._tcp.mx.other.test"] = (EE,)
    assert [tls.policy for tls in one(dns, hop_to("other.test"), ENFORCE).tls] == [TlsPolicy.DANE]
    dns.records["_25._tcp.mx.other.test"] = TemporaryError("SERVFAIL")
    assert isinstance(found(dns, hop_to("other.test"), ENFORCE)[0], NoWay)
    dns.records["_25._tcp.mx.other.test"] = (PKIX,)
    way = one(dns, hop_to("other.test"), ENFORCE)
    assert [tls.policy for tls in way.tls] == [TlsPolicy.VERIFIED], (
        "stronger than what unusable records ask for"
    )


@pytest.mark.parametrize(
    "text", ["", "host", "host:", "host:70000", "a b:25", "::1:25x", "[::1]", "http://a:25"]
)
def test_endpoints_are_host_and_port(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        Endpoint.parse(text)


def test_endpoint_default_port() -> None:
    assert Endpoint.parse("mail.example", default_port=25) == Endpoint("mail.example", 25)
    assert Endpoint.parse("::1", default_port=25) == Endpoint("::1", 25)
    assert str(Endpoint.parse("[::1]:25")) == "[::1]:25"
