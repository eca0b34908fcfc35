"""The gateway's directory, built from its configuration: sources guarded and cached, for each domain in its order."""

import importlib.util
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import structlog

from conneg.directory import (
    CachedDirectory,
    CacheTimes,
    ChainDirectory,
    Directory,
    DirectoryError,
    DomainDirectory,
    FileDirectory,
    GuardedDirectory,
    SqlDirectory,
    SqliteDirectory,
)
from conneg.directory.http import MAX_HTTP_ANSWER, HttpDirectory
from conneg.directory.learned import LearnedCapabilities, LearnedDirectory
from conneg.errors import UnavailableError
from conneg.gateway.cascade import CascadeDirectory
from conneg.gateway.config import Config
from conneg.gateway.events import ignore
from conneg.gateway.learning import Learner
from conneg.gateway.resolver import DnsResolver, Resolver
from conneg.gateway.routing import Routes
from conneg.gateway.sessions import Sessions
from conneg.gateway.sources import AnySource, CascadeSource, HttpSource, LdapSource, LearnedSource, SqlSource
from conneg.gateway.sts_policies import StsPolicies
from conneg.gateway.ways import Ways, policy_host
from conneg.net.https import HttpsClient, system_addresses

_DAY = 86400.0
_LOOKUPS_AT_ONCE = 4
_HOPS_AT_ONCE = 32
"""A cascade's lookups go to different next hops, the slow ones of which must not hold up the others."""

log = structlog.get_logger("conneg")


def open_directory(
    config: Config, resolver: Resolver | None = None, *, load: bool = False
) -> DomainDirectory:
    """Return the directory that `config` names: its sources in order, or one that knows nobody.

    `resolver`: the DNS for a cascade, if not the configured one. `load`: read the TOML file now, and tell what is wrong
    with it by an error. Raises `conneg.errors.ConnegError` for a source that can never be asked, such as one whose
    driver is not installed.
    """
    sources = dict(_sources(config, resolver))
    for source in sources.values():
        if load and isinstance(source, FileDirectory):
            source.load()
    names = config.directory.sources
    faded = {one.name: _faded(one, config) for one in config.source if isinstance(one, LearnedSource)}

    def chain(names: Iterable[str]) -> ChainDirectory:
        behind = [faded[name] for name in names if name in faded]
        return ChainDirectory([*(sources[name] for name in names), *behind])

    by_domain = {
        domain: chain(one.sources)
        for one in reversed(config.lookup)  # of two for one domain the first holds
        for domain in one.domains
    }
    return DomainDirectory(chain(sources if names is None else names), by_domain)


def open_source(section: AnySource, config: Config, resolver: Resolver | None = None) -> Directory:
    """Return the bare source that a `[[source]]` table of `config` stands for. Raises `conneg.errors.ConnegError`."""
    match section:
        case SqlSource():
            return SqlDirectory(
                _with_password(section.url, section.password_file),
                section.statement,
                seconds=section.seconds,
                label=section.name,
            )
        case LdapSource():
            return _open_ldap(section)
        case HttpSource():
            client = HttpsClient(system_addresses, authorities=section.authorities, keep=True)
            token = None if section.token_file is None else read_secret(section.token_file)
            get = partial(client.get, limit=MAX_HTTP_ANSWER)
            return HttpDirectory(section.url, get, token=token, label=section.name, close=client.close)
        case CascadeSource():
            return _open_cascade(section, config, resolver or DnsResolver(config.dns))
        case LearnedSource():
            return LearnedDirectory(
                LearnedCapabilities(section.path),
                until_seconds=section.believe_days * _DAY,
                label=section.name,
            )


def open_learners(config: Config) -> list[Learner]:
    """Return what reads the reports that come in, for the sources that are to learn from them."""
    return [
        Learner(LearnedCapabilities(section.path), section.networks)
        for section in config.source
        if isinstance(section, LearnedSource)
    ]


def _open_ldap(section: LdapSource) -> Directory:
    if importlib.util.find_spec("sansldap") is None:
        raise UnavailableError(f"{section.name}: LDAP needs sansldap", hint="pip install conneg[ldap]")
    from conneg.directory.ldap import LdapAttributes, LdapDirectory
    from conneg.directory.ldap_connection import LdapServer

    password = "" if section.password_file is None else read_secret(section.password_file)
    servers = [
        LdapServer(
            url,
            section.bind_dn,
            password,
            starttls=section.starttls,
            tls_name=section.tls_name,
            authorities=section.authorities,
        )
        for url in section.urls
    ]
    attributes = LdapAttributes(
        section.base,
        section.match,
        section.capability_attribute,
        section.changed_attribute,
        section.filter,
    )
    return LdapDirectory(servers, attributes, label=section.name)


def _open_cascade(section: CascadeSource, config: Config, resolver: Resolver) -> Directory:
    policies = StsPolicies(resolver, policy_host(resolver).fetch)
    return CascadeDirectory(
        Routes(config),
        Sessions(config, Ways(resolver, policies), ignore),
        hostname=config.server.hostname,
        seconds=min(section.seconds, config.conneg.lookup_seconds / 2),
        longest_rest_seconds=section.longest_rest_seconds,
        label=section.name,
        report=_tell,
    )


def _sources(config: Config, resolver: Resolver | None) -> Iterator[tuple[str, Directory]]:
    own = config.directory
    if own.file is not None:
        yield "file", FileDirectory(own.file, on_problem=_warn_of_file)
    if own.sqlite is not None:
        yield "sqlite", SqliteDirectory(own.sqlite, create=own.create_sqlite)
    for section in config.source:
        yield section.name, _kept(open_source(section, config, resolver), section, config)


def _faded(section: LearnedSource, config: Config) -> Directory:
    """Return the source of what was learned so long ago that all others are asked first."""
    old = LearnedDirectory(
        LearnedCapabilities(section.path),
        from_seconds=section.believe_days * _DAY,
        until_seconds=section.forget_days * _DAY,
        label=f"{section.name} (long ago)",
    )
    return _kept(old, section, config)


def _kept(source: Directory, section: AnySource, config: Config) -> Directory:
    """Return `source` guarded and cached."""
    at_once = _HOPS_AT_ONCE
    if not isinstance(source, CascadeDirectory):  # which guards each next hop by itself
        at_once = _LOOKUPS_AT_ONCE
        source = GuardedDirectory(
            source,
            seconds=section.seconds,
            longest_rest_seconds=section.longest_rest_seconds,
            report=_tell,
        )
    return CachedDirectory(
        source,
        times=CacheTimes(section.fresh_seconds, section.negative_seconds, section.stale_seconds),
        size=config.directory.cache_entries,
        seconds=section.seconds,
        at_once=at_once,
    )


def _with_password(url: str, file: Path | None) -> str:
    """Return a database's address with the password in `file`."""
    if file is None:
        return url
    from sqlalchemy import make_url

    return make_url(url).set(password=read_secret(file)).render_as_string(hide_password=False)


def read_secret(file: Path) -> str:
    """Return the one line in `file`. Raises `DirectoryError`."""
    try:
        return file.read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DirectoryError(f"{file}: cannot be read: {error}") from error


def _tell(line: str) -> None:
    log.warning("a source of the directory", state=line)


def _warn_of_file(problem: str) -> None:
    log.warning("the directory file is wrong; what it said before stays in force", problem=problem)
