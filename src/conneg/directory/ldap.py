"""A directory in an LDAP server: OpenLDAP, Active Directory, or any other, by attributes of the operator's choice.

A batch of recipients is one filter for every twenty names, and these filters go out together. Names are values in a
filter, never text that is put into one, so nothing that a client writes in an address can change the
question (the text form of RFC 4515 has no part in it). Referrals are not followed. A server that cannot be reached,
refuses or answers in part only is `Unavailable`.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sansldap

from conneg.directory.asking import unavailable
from conneg.directory.entries import Finding, answer_from, names_for
from conneg.directory.ldap_connection import LdapConnection, LdapServer
from conneg.directory.ldap_entries import Entry
from conneg.directory.model import Answer, DirectoryError
from conneg.directory.sqlite import DirectoryUnavailableError
from conneg.errors import ConnegError

_NAMES_IN_A_FILTER = 20
"""A server holds each entry that may fit against the whole filter: long ones cost it the square of their length."""

_IDLE_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class LdapAttributes:
    """Which attributes say what, below which entry.

    `match` says where a recipient's name stands: `mail={address}`, `proxyAddresses=smtp:{address}`,
    `associatedDomain={domain}`; an entry of an address speaks before one of its domain. `capability` holds expressions
    or profiles' names; of several any will do. `changed` is a time (RFC 4517, 3.3.13), or "" for none. `only` is a
    filter (RFC 4515) that entries must fit, too.
    """

    base: str
    match: tuple[str, ...] = ("mail={address}",)
    capability: str = "connegCapability"
    changed: str = "modifyTimestamp"
    only: str = "(objectClass=*)"


class LdapDirectory:
    """Answers from the first of `servers` that can be reached.

    Raises `DirectoryError` for `attributes` that cannot be used.
    """

    def __init__(
        self, servers: Sequence[LdapServer], attributes: LdapAttributes, *, label: str | None = None
    ) -> None:
        if not servers:
            raise DirectoryError("no LDAP server is named")
        self._servers = tuple(servers)
        self._attributes = attributes
        self._matches = tuple(map(_read_match, attributes.match))
        self._only = read_filter(attributes.only)
        self._label = label
        self._idle: list[tuple[LdapServer, LdapConnection]] = []

    @property
    def name(self) -> str:
        """What an operator calls it: its label, or the servers' addresses."""
        return self._label or f"LDAP directory {', '.join(server.url for server in self._servers)}"

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return an answer for each of `recipients`; see `conneg.directory.model.Directory`."""
        try:
            async with asyncio.timeout(deadline):
                return await self._find_all(recipients)
        except TimeoutError:
            reason = f"{self.name}: no answer within {deadline:.3g} s"
        except ConnegError as error:
            reason = f"{self.name}: {error}"
        return unavailable(recipients, reason)

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _find_all(self, recipients: Sequence[str]) -> dict[str, Answer]:
        names = names_for(recipients)
        wanted = {
            (one.attribute, value): name
            for name in names
            for one in self._matches
            if (value := one.value(name))
        }
        server, entries = await self._search(list(wanted))
        now, is_protected = time.time(), server.is_protected
        found: dict[str, Finding] = {}
        for entry in entries:
            finding = self._finding(entry)
            if finding is None:
                continue
            for name in _names_of(entry, wanted):
                found[name] = found[name].with_another(finding) if name in found else finding
        return {
            recipient: answer_from(
                found, recipient, source=self.name, authenticated=is_protected, asked_at=now
            )
            for recipient in recipients
        }

    async def _search(self, wanted: Sequence[tuple[str, str]]) -> tuple[LdapServer, list[Entry]]:
        """Search in an idle connection; one that has ended meanwhile is replaced by a new one, once."""
        filters = [
            sansldap.FilterAnd([self._only, _any_of(wanted[start : start + _NAMES_IN_A_FILTER])])
            for start in range(0, len(wanted), _NAMES_IN_A_FILTER)
        ]
        attributes = self._attributes
        asked = [attributes.capability, *{one.attribute for one in self._matches}]
        asked += [attributes.changed] if attributes.changed else []
        while True:
            server, connection, is_fresh = await self._take()
            try:
                entries = await connection.search(attributes.base, filters, asked)
            except DirectoryUnavailableError as error:
                if is_fresh:
                    raise DirectoryUnavailableError(f"{server.url}: {error}") from error
                continue
            if len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append((server, connection))
            else:
                connection.close()
            return server, entries

    async def _take(self) -> tuple[LdapServer, LdapConnection, bool]:
        """Return an idle connection, or a new one with the first server that gives one."""
        while self._idle:
            server, connection = self._idle.pop()
            if connection.is_open:
                return server, connection, False
        troubles = []
        for server in self._servers:
            try:
                return server, await LdapConnection.open(server), True
            except DirectoryUnavailableError as error:
                troubles.append(f"{server.url}: {error}")
        raise DirectoryUnavailableError("; ".join(troubles))

    def _finding(self, entry: Entry) -> Finding | None:
        """Return what an entry says; None if it says nothing of a capability."""
        values = entry.get(self._attributes.capability.lower(), ())
        texts = [text for value in values if (text := value.decode("utf-8", "replace").strip())]
        if not texts:
            return None
        changed = entry.get(self._attributes.changed.lower(), ())
        return Finding(tuple(dict.fromkeys(texts)), _unix_time(changed[0]) if changed else None)


@dataclass(frozen=True, slots=True)
class _Match:
    """Where a name stands: in which attribute, with what before and behind it, and whether it is a domain's."""

    attribute: str
    before: str
    after: str
    is_domain: bool

    def value(self, name: str) -> str | None:
        """Return the value that stands for `name`, in small letters; None if it is a name of the other kind."""
        return f"{self.before}{name}{self.after}" if self.is_domain == ("@" not in name) else None


def _read_match(text: str) -> _Match:
    attribute, equals, template = text.partition("=")
    for what in ("address", "domain"):
        before, found, after = template.partition(f"{{{what}}}")
        if equals and found and attribute.strip() and "{" not in before + after:
            return _Match(attribute.strip().lower(), before.lower(), after.lower(), what == "domain")
    raise DirectoryError(f"{text!r} does not say where a name stands; write mail={{address}}")


def read_filter(text: str) -> sansldap.LDAPFilter:
    """Return the filter that the operator wrote (RFC 4515). Raises `DirectoryError`."""
    try:
        return sansldap.LDAPFilter.from_string(text)
    except ValueError as error:
        raise DirectoryError(f"{text!r} is not an LDAP filter: {error}") from error


def _any_of(wanted: Sequence[tuple[str, str]]) -> sansldap.LDAPFilter:
    return sansldap.FilterOr(
        [sansldap.FilterEquality(attribute, value.encode("utf-8", "replace")) for attribute, value in wanted]
    )


def _names_of(entry: Entry, wanted: Mapping[tuple[str, str], str]) -> set[str]:
    """Return for whom of those that were asked for an entry speaks."""
    return {
        name
        for attribute, values in entry.items()
        for value in values
        if (name := wanted.get((attribute, value.decode("utf-8", "replace").lower()))) is not None
    }


def _unix_time(value: bytes) -> float | None:
    """Return a GeneralizedTime in UTC (`20260131120000Z`, also with a fraction) as Unix time; None if it is another."""
    if not value.endswith(b"Z"):
        return None
    try:
        year, rest = int(value[:4]), (int(value[at : at + 2]) for at in range(4, 14, 2))
        return datetime(year, *rest, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]
    except ValueError:
        return None
