"""A directory in OpenLDAP, by a server of the test's own."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conneg.directory import Answer, DirectoryError, Faulty, Known, Unavailable, Unknown
from conneg.directory.ldap import LdapAttributes, LdapDirectory, read_filter
from conneg.directory.ldap_connection import LdapConnection, LdapServer
from conneg.negotiation import profile_expression
from tests.directory.slapd import ADMIN, BASE, PASSWORD, Slapd, person

pytestmark = pytest.mark.system

BW = "(& (image-file-structure=TIFF-minimal) (color=Binary))"
ODD = r"o*d(d)\\y"
ENTRIES = [
    person("june", "mail: June.Fax@X.example", f"connegCapability: {BW}"),
    person("two", "connegCapability: (y=1)", "connegCapability: S"),
    person("none"),
    person("broken", "connegCapability: (y="),
    person("odd", f"mail: {ODD}@x.example", "connegCapability: (y=7)"),
    f"dn: dc=house,{BASE}\nobjectClass: domain\nobjectClass: domainRelatedObject\nobjectClass: connegRecipient\n"
    "dc: house\nassociatedDomain: x.example\nconnegCapability: (y=9)\n",
    f"dn: cn=proxy,{BASE}\nobjectClass: inetOrgPerson\nobjectClass: connegRecipient\ncn: proxy\nsn: proxy\n"
    "description: smtp:alias@y.example\ndescription: SMTP:Main@y.example\nconnegCapability: C\n",
    *(person(f"u{n}", f"connegCapability: (y={n})") for n in range(1200)),
]
ATTRIBUTES = LdapAttributes(BASE, match=("mail={address}", "associatedDomain={domain}"))


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    server = Slapd()
    server.load(ENTRIES)
    with server:
        yield server


def directory(slapd: Slapd, attributes: LdapAttributes = ATTRIBUTES) -> LdapDirectory:
    return LdapDirectory([LdapServer(slapd.url, authorities=slapd.certificate.certificate)], attributes)


def expression(answer: Answer) -> str:
    assert isinstance(answer, Known), answer
    return answer.capability.expression


async def test_an_address_speaks_before_its_domain(slapd: Slapd) -> None:
    source = directory(slapd)
    asked = ["june@x.example", "june.fax@X.example", "nobody@x.example", "nobody@y.example", "none@x.example"]
    answers = await source.lookup(asked, 30)
    assert [expression(answers[one]) for one in asked[:3]] == [BW, BW, "(y=9)"]
    assert answers[asked[3]] == Unknown()
    assert expression(answers[asked[4]]) == "(y=9)"
    june = answers["june@x.example"]
    assert isinstance(june, Known)
    assert june.capability.authenticated
    assert june.capability.obtained_at == pytest.approx(time.time(), abs=300)
    assert june.capability.source == f'LDAP directory {slapd.url}: "june@x.example"'
    await source.close()


async def test_several_values_mean_any_of_them_and_a_spoilt_one_is_told(slapd: Slapd) -> None:
    source = directory(slapd)
    answers = await source.lookup(["two@x.example", "broken@x.example"], 30)
    assert expression(answers["two@x.example"]).startswith("(| ")
    assert "(y=1)" in expression(answers["two@x.example"])
    assert isinstance(answers["broken@x.example"], Faulty)
    await source.close()


@pytest.mark.parametrize(
    "address",
    [
        "*@x.example",
        "june*@x.example",
        "june)(mail=*@x.example",
        r"\2a@x.example",
        "june\0@x.example",
        "jüne@x.example",
    ],
)
async def test_no_address_changes_the_question(slapd: Slapd, address: str) -> None:
    source = directory(slapd, LdapAttributes(BASE))
    assert await source.lookup([address], 30) == {address: Unknown()}
    await source.close()


async def test_an_address_of_filter_characters_is_found(slapd: Slapd) -> None:
    source = directory(slapd, LdapAttributes(BASE))
    odd = f"{ODD}@x.example"
    assert expression((await source.lookup([odd], 30))[odd]) == "(y=7)"
    await source.close()


async def test_addresses_as_active_directory_keeps_them(slapd: Slapd) -> None:
    """Several addresses in one attribute, each behind its type, as in `proxyAddresses`."""
    source = directory(slapd, LdapAttributes(BASE, match=("description=smtp:{address}",), changed=""))
    answers = await source.lookup(["alias@y.example", "main@y.example", "june@x.example"], 30)
    assert (
        expression(answers["alias@y.example"])
        == expression(answers["main@y.example"])
        == profile_expression("C")
    )
    assert answers["june@x.example"] == Unknown()
    await source.close()


async def test_only_entries_that_fit_the_operators_filter(slapd: Slapd) -> None:
    source = directory(slapd, LdapAttributes(BASE, only="(!(cn=june))"))
    answers = await source.lookup(["june@x.example", "two@x.example"], 30)
    assert answers["june@x.example"] == Unknown()
    assert isinstance(answers["two@x.example"], Known)
    await source.close()


async def test_more_recipients_than_the_server_gives_for_one_search(slapd: Slapd) -> None:
    source = directory(slapd)
    asked = [f"u{n}@x.example" for n in range(1300)]
    answers = await source.lookup(asked, 30)
    assert [expression(answers[f"u{n}@x.example"]) for n in (0, 777, 1199, 1299)] == [
        "(y=0)",
        "(y=777)",
        "(y=1199)",
        "(y=9)",
    ]
    await source.close()


async def test_an_answer_cut_short_is_no_answer(slapd: Slapd) -> None:
    """A filter of the operator's that brings more than the server gives (its limit is 500 entries)."""
    connection = await LdapConnection.open(LdapServer(slapd.socket_url))
    with pytest.raises(DirectoryError, match="size limit exceeded"):
        await connection.search(BASE, [read_filter("(cn=u*)")], ["mail"])
    assert not connection.is_open


async def test_a_bind_and_what_may_not_go_in_the_clear(slapd: Slapd) -> None:
    authorities = slapd.certificate.certificate
    good = LdapServer(slapd.url, ADMIN, PASSWORD, authorities=authorities)
    source = LdapDirectory([good], ATTRIBUTES)
    assert expression((await source.lookup(["june@x.example"], 30))["june@x.example"]) == BW
    await source.close()
    source = LdapDirectory([LdapServer(slapd.url, ADMIN, "wrong", authorities=authorities)], ATTRIBUTES)
    refused = (await source.lookup(["june@x.example"], 30))["june@x.example"]
    assert isinstance(refused, Unavailable)
    assert "invalid credentials" in refused.reason
    assert "wrong" not in refused.reason
    for url, bind, password in (("ldap://192.0.2.1", ADMIN, "x"), (slapd.url, ADMIN, "")):
        with pytest.raises(DirectoryError):
            LdapServer(url, bind, password, starttls=False)


async def test_starttls_is_verified_or_nothing_is_asked(slapd: Slapd) -> None:
    strangers = LdapDirectory([LdapServer(slapd.url)], ATTRIBUTES)
    answer = (await strangers.lookup(["june@x.example"], 30))["june@x.example"]
    assert isinstance(answer, Unavailable)
    assert "its certificate is not trusted" in answer.reason
    other_name = LdapServer(slapd.url, tls_name="other.example", authorities=slapd.certificate.certificate)
    answer = (await LdapDirectory([other_name], ATTRIBUTES).lookup(["june@x.example"], 30))["june@x.example"]
    assert isinstance(answer, Unavailable)
    assert "other.example" in answer.reason


async def test_over_a_socket_and_in_the_clear_on_this_machine(slapd: Slapd) -> None:
    for server in (LdapServer(slapd.socket_url), LdapServer(slapd.url, starttls=False)):
        source = LdapDirectory([server], ATTRIBUTES)
        answer = (await source.lookup(["june@x.example"], 30))["june@x.example"]
        assert expression(answer) == BW
        assert isinstance(answer, Known)
        assert answer.capability.authenticated
        await source.close()


async def test_the_next_server_is_asked_where_the_first_is_down(slapd: Slapd) -> None:
    servers = [LdapServer("ldap://127.0.0.1:1", starttls=False), LdapServer(slapd.socket_url)]
    source = LdapDirectory(servers, ATTRIBUTES)
    assert expression((await source.lookup(["june@x.example"], 30))["june@x.example"]) == BW
    await source.close()


async def test_a_server_that_is_paused_stopped_and_started_again() -> None:
    server = Slapd()
    server.load(ENTRIES[:1])
    with server:
        source = directory(server)
        june = "june@x.example"
        assert expression((await source.lookup([june], 30))[june]) == BW
        server.pause()
        late = (await source.lookup([june], 0.3))[june]
        assert isinstance(late, Unavailable)
        assert "0.3 s" in late.reason
        server.resume()
        assert expression((await source.lookup([june], 30))[june]) == BW
        server.stop()
        down = (await source.lookup([june], 30))[june]
        assert isinstance(down, Unavailable)
        assert "\n" not in down.reason
        server.start()
        assert expression((await source.lookup([june], 30))[june]) == BW
        await source.close()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"220 mail.example ESMTP\r\n", "not an LDAP message"),
        (b"", "closed the connection"),
        (b"\x30\x84\xff\xff\xff\xff" + b"x" * 100, "directory.ldap_message"),
        (b"\x30\x0c\x02\x01\x01\x61", "no answer"),
        (b"\x30\x0c\x02\x01\x01\x64\x07\x04\x01x\x30\x02\x30\x00", "not an LDAP message"),
        (b"\x30\x0a\x02\x01\x01\x64\x05\x04\x01x\x30\x00", "nobody asked for"),
        (b"\x30\x0c\x02\x01\x07\x61\x07\x0a\x01\x00\x04\x00\x04\x00", "message id"),
        (b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x34\x04\x00\x04\x00", "refused: unavailable"),
    ],
)
async def test_answers_that_are_none(sent: bytes, reason: str) -> None:
    """What a stranger, a broken or a half-started server might send."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(sent)
        await writer.drain()
        if reason != "no answer":
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    source = LdapDirectory([LdapServer(f"ldap://127.0.0.1:{port}", starttls=False)], ATTRIBUTES)
    got = (await source.lookup(["june@x.example"], 1 if reason == "no answer" else 30))["june@x.example"]
    assert isinstance(got, Unavailable)
    assert reason in got.reason
    server.close()


async def test_starttls_with_octets_behind_it_is_refused(tmp_path: Path) -> None:
    """A man in the middle may put an answer behind that to STARTTLS, to be taken for the server's."""
    success = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
    bound = b"\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(success + bound)
        await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    source = LdapDirectory([LdapServer(f"ldap://127.0.0.1:{port}")], ATTRIBUTES)
    got = (await source.lookup(["june@x.example"], 5))["june@x.example"]
    assert isinstance(got, Unavailable)
    assert "TLS" in got.reason or "message id" in got.reason
    server.close()


@pytest.mark.parametrize("match", ["mail", "=x{address}", "mail={user}", "mail={address}{domain}"])
def test_a_match_that_says_no_place(match: str) -> None:
    with pytest.raises(DirectoryError, match="does not say where a name stands"):
        LdapDirectory([LdapServer("ldap://x")], LdapAttributes(BASE, match=(match,)))


@pytest.mark.parametrize("url", ["ldap://", "http://x", "ldapi://", "x", "ldap://x:99999", "ldap://x:0"])
def test_a_url_that_is_no_servers(url: str) -> None:
    with pytest.raises(DirectoryError, match="is not the address of an LDAP server"):
        LdapServer(url)


def test_a_filter_that_is_none() -> None:
    with pytest.raises(DirectoryError, match="is not an LDAP filter"):
        LdapDirectory([LdapServer("ldap://x")], LdapAttributes(BASE, only="(cn="))
