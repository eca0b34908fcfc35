"""The configuration: safe without a file, and one clear line with file, line and key for whatever is wrong."""

from pathlib import Path

import pytest

from conneg.gateway.config import Config, ConfigError, default_config, parse_config, read_config

GOOD = """
[server]
hostname = "gw.example.org"
listen = ["127.0.0.1:2525", "[::1]:2525"]

[spool]
path = "spool"

[directory]
file = "directory.toml"

[[destination]]
domains = ["ifax1.jp", "*.fax.example"]
deliver = "smtp"
host = "192.0.2.1:25"
baseline = "profile S"

[[destination]]
domains = ["office.example"]
deliver = "maildir"
path = "mail/{domain}/{local_part}"
"""


def test_without_a_file_only_loopback_is_served() -> None:
    config = default_config()
    assert all(text.startswith("127.0.0.1:") for text in config.server.listen)
    assert config.may_relay("127.0.0.1")
    assert config.may_relay("::1")
    assert config.may_relay("::ffff:127.0.0.1")
    assert not config.may_relay("192.0.2.7")
    assert not config.may_relay("2001:db8::7")
    assert not config.may_relay("not an address")


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "conneg.toml"
    path.write_text(GOOD, encoding="utf-8")
    config = read_config(path)
    assert config.spool.path == tmp_path / "spool"
    assert config.directory.file == tmp_path / "directory.toml"
    assert config.destination[1].path == str(tmp_path / "mail/{domain}/{local_part}")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[server]\nhostnam = 'x'\n", 2, ["server.hostnam", "unknown key"]),
        ("[server]\n\nmax_recipients = 5\n", 3, ["server.max_recipients", "100"]),
        ("[server]\nlisten = ['127.0.0.1']\n", 2, ["server.listen", "host:port"]),
        ("[relay]\nnetworks = ['10.0.0.0/33']\n", 2, ["relay.networks"]),
        (
            GOOD + "\n[[destination]]\ndomains = ['a.example']\ndeliver = 'smtp'\n",
            23,
            ["destination", "needs host"],
        ),
        (GOOD + "\n[[destination]]\ndomains = ['a b']\n", 24, ["domains", "is not a domain"]),
        (
            GOOD + "\n[[destination]]\ndomains = ['a.example']\nbaseline = '(color=1.5)'\n",
            25,
            ["baseline", "column"],
        ),
        ("[[smime]]\naddresses = ['amy@law.example']\nkey = 'a.key'\n", 1, ["smime.certificate", "missing"]),
        ("[[smime]]\naddresses = ['amy at law']\ncertificate = 'a'\nkey = 'b'\n", 2, ["is not a domain"]),
        ("[[dkim]]\ndomain = 'law.example'\nselector = 'a b'\nkey = 'a.key'\n", 3, ["dkim.selector"]),
        ("[[dkim]]\ndomain = '*.a.example'\nselector = 'a'\nkey = 'k'\n", 2, ["is not one name in the DNS"]),
        (
            "[[dkim]]\ndomain = 'a.example'\nselector = 'a'\nkey = 'k'\nfields = ['To']\n",
            5,
            ["dkim.fields", "From must be among the fields"],
        ),
        (
            "[[dkim]]\ndomain = 'a.example'\nselector = 'a'\nkey = 'k'\nfields = ['From', 'a b']\n",
            5,
            ["dkim.fields", "'a b' is no field name"],
        ),
        (
            "[[destination]]\ndomains = ['a.example']\ndeliver = 'maildir'\npath = '/mail/{user}'\n",
            1,
            ["only {domain} and {local_part}"],
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(text: str, line: int, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, name="conneg.toml")
    message = str(caught.value)
    assert message.startswith(f"conneg.toml: line {line}: "), message
    assert "\n" not in message
    for word in words:
        assert word in message


RULES = """
[[strategy]]
senders = ["*.Law.example", "amy@x.example"]
use = "single"

[[strategy]]
at_least_recipients = 100
above_octets = 5000000
use = "auto"
losses = ["colour"]

[[strategy]]
use = "common"
"""


def test_rules_for_the_way_to_several_recipients() -> None:
    first, second, last = parse_config(RULES).strategy
    assert (first.use, first.senders) == ("single", ("*.law.example", "amy@x.example"))
    assert (second.at_least_recipients, second.above_octets) == (100, 5_000_000)
    assert (second.losses, first.losses) == (("colour",), None)
    assert [rule.fits_all for rule in (first, second, last)] == [False, False, True]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('use = "single"', 'use = "fastest"', "line 4: strategy.use: Input should be 'single', 'common'"),
        ('use = "common"', "", "line 12: strategy.use: missing"),
        ("amy@x.example", "amy at x", "line 3: strategy.senders: 'amy at x' is not a domain"),
        ('["*.Law.example", "amy@x.example"]', "[]", "line 3: strategy.senders: "),
        ("= 100", "= 0", "line 7: strategy.at_least_recipients: "),
        ("= 5000000", "= -1", "line 8: strategy.above_octets: "),
        ('["colour"]', '["smell"]', "line 10: strategy.losses: "),
        ("above_octets", "above", "line 8: strategy.above: unknown key"),
        (
            "at_least_recipients = 100\nabove_octets = 5000000\n",
            "",
            "line 6: strategy: fits every message, so the rules behind it never hold",
        ),
        (
            'senders = ["*.Law.example", "amy@x.example"]',
            'senders = ["*"]',
            "line 2: strategy: fits every message, so the rules behind it never hold",
        ),
    ],
)
def test_a_mistake_in_a_strategy_is_told_with_its_line(old: str, new: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(RULES.replace(old, new, 1), name="c.toml")
    assert str(caught.value).startswith(f"c.toml: {complaint}")


@pytest.mark.parametrize("key", ["on_not_supported", "on_unreadable"])
def test_what_follows_from_no_answer_is_one_of_a_few_words(key: str) -> None:
    text = GOOD + f'{key} = "ignore"\n'
    with pytest.raises(ConfigError, match=rf"c.toml: line 22: destination.{key}: .*'baseline'"):
        parse_config(text, name="c.toml")


def test_text_that_is_not_toml_names_line_and_column() -> None:
    with pytest.raises(ConfigError, match=r"conneg.toml: not TOML: .*line 2, column \d+"):
        parse_config("[server]\nlisten = = 3\n", name="conneg.toml")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "absent.toml")


def test_config_round_trips_through_json() -> None:
    config = parse_config(GOOD)
    assert Config.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("[server]\nlisten_tls = ['127.0.0.1:465']\n", 2, "server.listen_tls"),
        ("\n[conneg]\nneeds_tls = true\n", 3, "conneg.needs_tls"),
    ],
)
def test_what_needs_a_certificate(text: str, line: int, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, name="conneg.toml")
    assert str(caught.value) == f"conneg.toml: line {line}: {key}: needs a certificate; add [[certificate]]"
    assert parse_config(f"{text}[[certificate]]\nfile = 'mail.pem'\n").certificate[0].key is None


def test_certificates_are_found_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "conneg.toml").write_text(
        "[[certificate]]\nfile = 'a.pem'\nkey = '/etc/a.key'\n", encoding="utf-8"
    )
    (certificate,) = read_config(tmp_path / "conneg.toml").certificate
    assert (certificate.file, certificate.key) == (tmp_path / "a.pem", Path("/etc/a.key"))


def test_keys_to_sign_with_are_found_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "conneg.toml").write_text(
        "[[smime]]\naddresses = ['Amy@Law.example']\ncertificate = 'amy.pem'\nkey = '/etc/amy.key'\n"
        "[[dkim]]\ndomain = 'Law.example'\nselector = 'one'\nkey = 'dkim.key'\n",
        encoding="utf-8",
    )
    config = read_config(tmp_path / "conneg.toml")
    ((smime,), (dkim,)) = config.smime, config.dkim
    assert smime.addresses == ("amy@law.example",)
    assert (smime.certificate, smime.key) == (tmp_path / "amy.pem", Path("/etc/amy.key"))
    assert smime.intermediates is None
    assert (dkim.domain, dkim.key, dkim.sign) == ("law.example", tmp_path / "dkim.key", "all")


SOURCES = """
[directory]
file = "directory.toml"
sources = ["users", "file"]

[[source]]
name = "users"
kind = "sql"
url = "sqlite:///users.db"
password_file = "secret"

[[lookup]]
domains = ["ifax1.jp", "*.fax.example"]
sources = ["file"]
"""


def test_sources_of_the_directory_and_their_order() -> None:
    config = parse_config(SOURCES, folder=Path("/etc/conneg"))
    assert config.directory.sources == ("users", "file")
    assert [source.kind for source in config.source] == ["sql"]
    assert config.source[0].password_file == Path("/etc/conneg/secret")
    assert config.lookup[0].sources == ("file",)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            '["users", "file"]',
            '["users", "sqlite"]',
            "line 4: directory.sources: no source is called 'sqlite'",
        ),
        ('sources = ["file"]', 'sources = ["fax"]', "line 14: lookup.sources: no source is called 'fax'"),
        ('name = "users"', 'name = "file"', "line 7: source.name: 'file' is what [directory] file is called"),
        (
            'kind = "sql"',
            'kind = "oracle"',
            "line 6: source: no such kind of source; there are sql, ldap, http, cascade, learned",
        ),
        ('kind = "sql"', "", "line 6: source: kind is missing; there are sql, ldap, http, cascade, learned"),
        (
            'kind = "sql"',
            'kind = "sql"\nstatement = "SELECT 1"',
            "line 6: source: statement has neither :names",
        ),
        ('kind = "sql"', 'kind = "sql"\nspeed = 1', "line 9: source.speed: unknown key"),
    ],
)
def test_a_mistake_in_a_source_is_told_with_its_line(old: str, new: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(SOURCES.replace(old, new, 1), name="c.toml")
    assert str(caught.value).startswith(f"c.toml: {complaint}")
