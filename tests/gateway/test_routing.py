"""From forward-path to next hop: exact before wildcard before the DNS; RFC 5321 section 5 and RFC 7505."""

import asyncio

import pytest

from conneg.gateway.config import parse_config
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.routing import NoSuchNextHopError, Routes

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


class FixedResolver:
    def __init__(self, hosts: list[str]) -> None:
        self.hosts = hosts
        self.asked: list[str] = []

    async def mail_exchangers(self, domain: str) -> list[str]:
        self.asked.append(domain)
        if not self.hosts:
            raise NoSuchNextHopError(f"the domain {domain} accepts no mail (null MX)", "5.1.10")
        return self.hosts


def endpoints(routes: Routes, domain: str) -> list[Endpoint]:
    return asyncio.run(routes.endpoints(routes.next_hop(domain)))


def test_a_configured_domain_goes_where_it_says() -> None:
    routes = Routes(CONFIG, FixedResolver([]))
    assert endpoints(routes, "IFAX1.jp") == [Endpoint("192.0.2.1", 2525)]
    assert endpoints(routes, "a.b.example") == [Endpoint("2001:db8::1", 24)]
    assert routes.next_hop("local.test").destination.deliver == "maildir"


def test_every_other_domain_goes_by_the_dns_in_the_order_given() -> None:
    resolver = FixedResolver(["mx1.other.test", "mx2.other.test"])
    assert endpoints(Routes(CONFIG, resolver), "other.test") == [
        Endpoint("mx1.other.test", 25),
        Endpoint("mx2.other.test", 25),
    ]
    assert resolver.asked == ["other.test"]


def test_a_null_mx_is_final() -> None:
    with pytest.raises(NoSuchNextHopError) as caught:
        endpoints(Routes(CONFIG, FixedResolver([])), "other.test")
    assert caught.value.status == "5.1.10"


def test_an_address_literal_is_its_own_next_hop() -> None:
    routes = Routes(CONFIG, FixedResolver(["never.test"]))
    assert endpoints(routes, "[192.0.2.9]") == [Endpoint("192.0.2.9", 25)]
    assert endpoints(routes, "[IPv6:2001:db8::9]") == [Endpoint("2001:db8::9", 25)]


def test_recipients_of_one_domain_share_a_next_hop() -> None:
    routes = Routes(CONFIG, FixedResolver([]))
    assert routes.next_hop("a.example") == routes.next_hop("b.example")
    assert routes.next_hop("other.test") == routes.next_hop("OTHER.test")
    assert routes.next_hop("other.test") != routes.next_hop("another.test")


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
