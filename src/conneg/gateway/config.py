"""The gateway's settings: TOML text in, checked values out; never touches the network.

`read_config` gives every error as one line with file, line and key. With no file, `default_config` is safe: it
listens on loopback only, relays only for loopback, keeps its spool in the user's state folder and takes every next
hop from the DNS.
"""

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from conneg.errors import ConnegError
from conneg.gateway.networks import is_in
from conneg.gateway.sections import (
    AccountsSection,
    AlternateSection,
    CertificateSection,
    ConnegSection,
    ContentSection,
    DeliverySection,
    DestinationSection,
    DisclosureSection,
    DnsSection,
    LimitsSection,
    ListenerSection,
    RelaySection,
    ReportsSection,
    RetrySection,
    Section,
    ServerSection,
    SpoolSection,
)
from conneg.gateway.signature_sections import DkimSection, SmimeSection
from conneg.gateway.sources import BUILT_IN, SOURCE_KINDS, AnySource, DirectorySection, LookupSection
from conneg.gateway.staging_section import StagingSection
from conneg.gateway.strategy_section import StrategySection


class ConfigError(ConnegError):
    """A configuration that cannot be used; the message says in which file, on which line, which key and why."""


class Config(Section):
    """Everything the gateway is told, with safe defaults."""

    server: ServerSection = ServerSection()
    listener: tuple[ListenerSection, ...] = ()
    limits: LimitsSection = LimitsSection()
    accounts: AccountsSection | None = None
    certificate: tuple[CertificateSection, ...] = ()
    smime: tuple[SmimeSection, ...] = ()
    dkim: tuple[DkimSection, ...] = ()
    disclosure: tuple[DisclosureSection, ...] = ()
    conneg: ConnegSection = ConnegSection()
    spool: SpoolSection = SpoolSection()
    relay: RelaySection = RelaySection()
    directory: DirectorySection = DirectorySection()
    source: tuple[AnySource, ...] = ()
    lookup: tuple[LookupSection, ...] = ()
    retry: RetrySection = RetrySection()
    reports: ReportsSection = ReportsSection()
    content: ContentSection = ContentSection()
    delivery: DeliverySection = DeliverySection()
    dns: DnsSection = DnsSection()
    staging: StagingSection | None = None
    strategy: tuple[StrategySection, ...] = ()
    destination: tuple[DestinationSection, ...] = ()
    alternate: tuple[AlternateSection, ...] = ()

    def may_relay(self, address: str) -> bool:
        """Say whether the client at IP `address` may send to any domain."""
        return is_in(self.relay.networks, address)

    @property
    def listeners(self) -> tuple[ListenerSection, ...]:
        """Every place to listen: those of `[server]`, then the `[[listener]]` tables."""
        return (
            *(ListenerSection(listen=text) for text in self.server.listen),
            *(ListenerSection(listen=text, tls="implicit") for text in self.server.listen_tls),
            *self.listener,
        )


def state_folder() -> Path:
    """Return the folder where state lives when no configuration says otherwise (XDG base directories)."""
    root = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(root) / "conneg"


def default_config() -> Config:
    """Return the settings that hold when there is no configuration file."""
    state = state_folder()
    return Config(
        spool=SpoolSection(path=state / "spool"),
        directory=DirectorySection(sqlite=state / "directory.sqlite", create_sqlite=True),
    )


def read_config(path: Path) -> Config:
    """Read the configuration at `path`; paths in it are taken relative to its folder. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return parse_config(text, name=str(path), folder=path.resolve().parent)


def parse_config(text: str, *, name: str = "configuration", folder: Path | None = None) -> Config:
    """Check configuration `text`; `name` stands in the errors. Raises `ConfigError`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not TOML: {error}") from error
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error, text, name)) from error
    keys = _without_certificate(config)
    if keys:
        line = _line_of(text, keys, 0)
        raise ConfigError(f"{name}: line {line}: {'.'.join(keys)}: needs a certificate; add [[certificate]]")
    keys = _without_users(config)
    if keys:
        line = _line_of(text, keys, 0)
        raise ConfigError(f"{name}: line {line}: {'.'.join(keys)}: {_NEEDS_USERS}")
    fault = _wrong_sources(config)
    if fault is not None:
        keys, table, what = fault
        line = _line_of(text, keys, table)
        raise ConfigError(f"{name}: line {line}: {'.'.join(keys)}: {what}")
    if config.staging is None and any(one.stages for one in config.destination):
        line = _line_of(text, ["destination", "on_no_common_form"], _first_that_stages(config))
        raise ConfigError(f"{name}: line {line}: destination: staging needs [staging] with base_url")
    shadowing = next((at for at, rule in enumerate(config.strategy[:-1]) if rule.fits_all), None)
    if shadowing is not None:
        line = _line_of(text, ["strategy"], shadowing)
        raise ConfigError(
            f"{name}: line {line}: strategy: fits every message, so the rules behind it never hold"
        )
    return config if folder is None else _resolve_paths(config, folder)


def _first_that_stages(config: Config) -> int:
    return next(number for number, one in enumerate(config.destination) if one.stages)


def _without_certificate(config: Config) -> list[str]:
    """Return the first key that needs a certificate where there is none."""
    if config.certificate:
        return []
    if config.server.listen_tls:
        return ["server", "listen_tls"]
    if any(one.tls in ("required", "implicit") for one in config.listener):
        return ["listener", "tls"]
    if any(rule.tls for rule in config.disclosure):
        return ["disclosure", "tls"]
    return ["conneg", "needs_tls"] if config.conneg.needs_tls else []


_NEEDS_USERS = (
    "needs users: add [accounts], and a [[listener]] where they may prove who they are (auth = true)"
)


def _without_users(config: Config) -> list[str]:
    """Return the first key that needs users where there are none."""
    if config.accounts is not None and any(one.takes_auth for one in config.listener):
        return []
    takes_auth = next((one for one in config.listener if one.takes_auth), None)
    if takes_auth is not None:
        return ["listener", "role" if takes_auth.role == "submission" else "auth"]
    if any(rule.authenticated for rule in config.disclosure):
        return ["disclosure", "authenticated"]
    return ["conneg", "needs_auth"] if config.conneg.needs_auth else []


def _wrong_sources(config: Config) -> tuple[list[str], int, str] | None:
    """Return the first key that names no source, or two with one name: key, number of its table, what is wrong."""
    there = [name for name in BUILT_IN if getattr(config.directory, name) is not None]
    for number, source in enumerate(config.source):
        if source.name in there:
            return ["source", "name"], number, f"there are two sources called {source.name!r}"
        there.append(source.name)
    asked = [(["directory", "sources"], 0, config.directory.sources or ())]
    asked += [(["lookup", "sources"], number, one.sources) for number, one in enumerate(config.lookup)]
    for keys, number, names in asked:
        for name in names:
            if name not in there:
                return keys, number, f"no source is called {name!r}; there are {', '.join(there) or 'none'}"
    return None


def _resolve_paths(config: Config, folder: Path) -> Config:
    def under(path: Path) -> Path:
        return folder / path.expanduser()

    directory = config.directory.model_copy(
        update={
            "file": config.directory.file and under(config.directory.file),
            "sqlite": config.directory.sqlite and under(config.directory.sqlite),
        }
    )
    sources = tuple(
        source.model_copy(
            update={
                key: under(value)
                for key in type(source).model_fields
                if isinstance(value := getattr(source, key), Path)
            }
        )
        for source in config.source
    )
    accounts = config.accounts
    if accounts is not None and accounts.file is not None:
        accounts = accounts.model_copy(update={"file": under(accounts.file)})
    certificates = tuple(
        c.model_copy(update={"file": under(c.file), "key": c.key and under(c.key)})
        for c in config.certificate
    )
    smime = tuple(
        s.model_copy(
            update={
                "certificate": under(s.certificate),
                "key": under(s.key),
                "intermediates": s.intermediates and under(s.intermediates),
            }
        )
        for s in config.smime
    )
    destinations = tuple(
        d.model_copy(
            update={
                "path": d.path and str(folder / d.path),
                "tls_authorities": d.tls_authorities and under(d.tls_authorities),
                "password_file": d.password_file and under(d.password_file),
            }
        )
        for d in config.destination
    )
    staging = config.staging and config.staging.model_copy(update={"folder": under(config.staging.folder)})
    return config.model_copy(
        update={
            "staging": staging,
            "spool": config.spool.model_copy(update={"path": under(config.spool.path)}),
            "directory": directory,
            "source": sources,
            "accounts": accounts,
            "certificate": certificates,
            "smime": smime,
            "dkim": tuple(d.model_copy(update={"key": under(d.key)}) for d in config.dkim),
            "destination": destinations,
        }
    )


def _explain(error: ValidationError, text: str, name: str) -> str:
    """Turn the first of pydantic's errors into one line: file, line, key, what is wrong."""
    first = error.errors()[0]
    location: Sequence[Any] = first["loc"]
    keys = [str(part) for part in location if isinstance(part, str)]
    if keys[0] == "source" and len(keys) > 1:
        del keys[1]  # which kind of source it is taken for is not a key
    table = next((part for part in location if isinstance(part, int)), 0)
    what = {
        "extra_forbidden": "unknown key",
        "missing": "missing",
        "union_tag_not_found": f"kind is missing; there are {SOURCE_KINDS}",
        "union_tag_invalid": f"no such kind of source; there are {SOURCE_KINDS}",
    }.get(first["type"], first["msg"].removeprefix("Value error, "))
    more = len(error.errors()) - 1
    rest = f" (and {more} more)" if more else ""
    return f"{name}: line {_line_of(text, keys, table)}: {'.'.join(keys)}: {what}{rest}"


def _line_of(text: str, keys: list[str], table: int) -> int:
    """Find the line of `keys` in TOML `text`; `table` counts among tables of the same name. 1 if it is not there."""
    section, seen, header_line = "", -1, 1
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if header := re.fullmatch(r"\[\[?\s*([\w.\-\"]+)\s*\]\]?\s*(#.*)?", stripped):
            section = header[1]
            seen = seen + 1 if section == keys[0] else seen
            if section == keys[0] and seen == table:
                header_line = number
        key = stripped.split("=", 1)[0].strip().strip('"')
        in_place = section == keys[0] and (seen == table or not stripped.startswith("[["))
        if len(keys) > 1 and in_place and seen == table and "=" in stripped and key == keys[1]:
            return number
        if len(keys) == 1 and not section and "=" in stripped and key == keys[0]:
            return number
    return header_line
