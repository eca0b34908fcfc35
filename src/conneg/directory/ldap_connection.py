"""A connection with an LDAP server: opened under TLS, bound, and searched; sansldap reads and writes the octets.

One call at a time. A call that fails or is cancelled leaves a dialogue of which nobody knows where it is, so the
connection is then cut.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import unquote, urlsplit

import sansldap

from conneg.directory.ldap_entries import Entry, LdapSyntaxError, MessageSplitter, read_entry
from conneg.directory.model import DirectoryError
from conneg.directory.sqlite import DirectoryUnavailableError
from conneg.errors import BoundExceededError

_SEARCHES_UNDER_WAY = 50
"""OpenLDAP takes a hundred at a time from one connection before it hangs up (conn_max_pending)."""

_PORTS = {"ldap": 389, "ldaps": 636}
_START_TLS = sansldap.ExtendedOperations.LDAP_START_TLS.value

_Response = TypeVar("_Response", bound=sansldap.LDAPMessage)


@dataclass(frozen=True, slots=True)
class LdapServer:
    """Where a server is, and what is proved to it and by it.

    `url` is `ldap://host[:port]`, `ldaps://host[:port]` or `ldapi:///path`. Over `ldap` STARTTLS must succeed if
    `starttls`; the certificate is for the URL's host, or for `tls_name`, and signed by an authority in `authorities`
    (None: the system's). `bind_dn` is empty for an anonymous bind. Raises `DirectoryError` for a URL that is none of
    these, for a name without a password, and for a password that would go over a network in the clear.
    """

    url: str
    bind_dn: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = True
    tls_name: str | None = None
    authorities: Path | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        is_local = parts.scheme == "ldapi" and bool(parts.netloc or parts.path.strip("/"))
        try:
            is_remote = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_remote = False
        if not is_local and not is_remote:
            raise DirectoryError(
                f"{self.url!r} is not the address of an LDAP server", hint="ldap://host:389, ldaps://host"
            )
        if bool(self.bind_dn) != bool(
            self.password
        ):  # RFC 4513, 5.1.2: it would be taken for an anonymous bind
            raise DirectoryError(f"{self.url}: a bind needs a name and a password, or neither")
        if self.password and not self.is_protected:
            raise DirectoryError(
                f"{self.url}: the password would be sent in the clear", hint="let STARTTLS be used, or ldaps"
            )

    @property
    def is_protected(self) -> bool:
        """Whether the server proves who it is, or is on this machine."""
        return self.uses_tls or self._is_on_this_machine

    @property
    def uses_tls(self) -> bool:
        """Whether what is said goes under TLS."""
        scheme = urlsplit(self.url).scheme
        return scheme == "ldaps" or (scheme == "ldap" and self.starttls)

    @property
    def socket_path(self) -> str | None:
        """The path of its socket; None if it has an address."""
        parts = urlsplit(self.url)
        return unquote(parts.netloc + parts.path) if parts.scheme == "ldapi" else None

    @property
    def host(self) -> str:
        """Its host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its port."""
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    @property
    def _is_on_this_machine(self) -> bool:
        if self.socket_path is not None or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def context(self) -> ssl.SSLContext:
        """Return the context for TLS. Raises `DirectoryError` for authorities that cannot be read."""
        try:
            context = ssl.create_default_context(cafile=self.authorities)
        except OSError as error:
            raise DirectoryError(f"the authorities {self.authorities} cannot be read: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


class LdapConnection(asyncio.Protocol):
    """A connection that is bound; `open` makes one. Not for two tasks at once."""

    def __init__(self) -> None:
        self._client = sansldap.LDAPClient()
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._splitter = MessageSplitter()
        self._messages: deque[sansldap.LDAPMessage | Entry] = deque()
        self._searches: set[int] = set()
        self._end: str | None = None
        self._news = asyncio.Event()

    @classmethod
    async def open(cls, server: LdapServer) -> "LdapConnection":
        """Connect, begin TLS, bind. Raises `DirectoryUnavailableError` with the step that failed."""
        loop = asyncio.get_running_loop()
        context = await asyncio.to_thread(server.context) if server.uses_tls else None
        is_tls_first = urlsplit(server.url).scheme == "ldaps"
        name = server.tls_name or server.host
        try:
            if server.socket_path is not None:
                _, made = await loop.create_unix_connection(cls, server.socket_path)
            elif is_tls_first:
                _, made = await loop.create_connection(
                    cls, server.host, server.port, ssl=context, server_hostname=name
                )
            else:
                _, made = await loop.create_connection(cls, server.host, server.port)
            try:
                if context is not None and not is_tls_first:
                    await made._start_tls(context, name)
                await made._bind(server)
            except BaseException:
                made.abort()
                raise
        except ssl.SSLCertVerificationError as error:
            raise DirectoryUnavailableError(
                f"its certificate is not trusted: {error.verify_message}"
            ) from error
        except OSError as error:
            raise DirectoryUnavailableError(
                error.strerror or str(error) or "the connection was lost"
            ) from error
        return made

    @property
    def is_open(self) -> bool:
        """Whether another search can be made."""
        return self._end is None and not self._transport.is_closing()

    async def search(
        self, base: str, filters: Sequence[sansldap.LDAPFilter], attributes: Sequence[str]
    ) -> list[Entry]:
        """Return the entries below `base` that fit one of `filters`; the searches go out together.

        Referrals are not followed. Raises `DirectoryUnavailableError`.
        """
        try:
            return await self._search(base, filters, attributes)
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Cut the connection."""
        self._end = self._end or "the connection was cut"
        self._transport.abort()

    def close(self) -> None:
        """Say goodbye and close."""
        if self.is_open:
            self._client.unbind()
            self._transport.write(self._client.data_to_send())
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there, or TLS is."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Octets have come."""
        try:
            for message in self._splitter.messages(data):
                self._take(message)
        except (BoundExceededError, LdapSyntaxError, sansldap.LDAPError) as error:
            self._end = self._end or str(error)
            self._transport.abort()
        self._news.set()

    def _take(self, message: bytes) -> None:
        found = read_entry(message)
        if found is None:
            self._messages += self._client.receive(message)
        elif found[0] in self._searches:
            self._messages.append(found[1])
        else:
            raise LdapSyntaxError("an entry that nobody asked for")

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has gone."""
        self._end = self._end or (str(error) if error else "the server closed the connection")
        self._news.set()

    async def _start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """RFC 4511, 4.14; nothing that came in the clear behind the answer may count under TLS."""
        self._client.extended_request(_START_TLS)
        result = await self._response(sansldap.ExtendedResponse)
        _check(result.result, "STARTTLS is refused")
        self._transport.pause_reading()
        if self._messages or self._end is not None:
            raise DirectoryUnavailableError("the server goes on in the clear after STARTTLS")
        secure = await asyncio.get_running_loop().start_tls(
            self._transport, self, context, server_hostname=name
        )
        if secure is None:
            raise DirectoryUnavailableError("the TLS handshake failed: the connection was lost")
        self._transport = secure
        self._splitter = MessageSplitter()  # without the beginning of a message that came before

    async def _bind(self, server: LdapServer) -> None:
        self._client.bind_simple(server.bind_dn, server.password)
        answer = await self._response(sansldap.BindResponse)
        _check(
            answer.result,
            f"{server.bind_dn!r} is refused" if server.bind_dn else "an anonymous bind is refused",
        )

    async def _search(
        self, base: str, filters: Sequence[sansldap.LDAPFilter], attributes: Sequence[str]
    ) -> list[Entry]:
        waiting = deque(filters)
        found: list[Entry] = []
        while waiting or self._searches:
            while waiting and len(self._searches) < _SEARCHES_UNDER_WAY:
                scope, one = sansldap.SearchScope.SUBTREE, waiting.popleft()
                self._searches.add(
                    self._client.search_request(base, scope, filter=one, attributes=list(attributes))
                )
            match await self._message():
                case dict() as entry:
                    found.append(entry)
                case sansldap.SearchResultDone(message_id=number, result=result):
                    _check(result, "the search failed")
                    self._searches.discard(number)
                case _:  # a reference to another server is not followed
                    pass
        return found

    async def _response(self, kind: type[_Response]) -> _Response:
        message = await self._message()
        if not isinstance(message, kind):
            raise DirectoryUnavailableError(f"the server answered with {type(message).__name__}")
        return message

    async def _message(self) -> sansldap.LDAPMessage | Entry:
        """Send what is to be sent and return the next message."""
        data = self._client.data_to_send()
        if data and self._end is None:
            self._transport.write(data)
        while not self._messages:
            if self._end is not None:
                raise DirectoryUnavailableError(self._end)
            self._news.clear()
            await self._news.wait()
        return self._messages.popleft()


def _check(result: sansldap.LDAPResult, what: str) -> None:
    if result.result_code is sansldap.LDAPResultCode.SUCCESS:
        return
    code = result.result_code.name.lower().replace("_", " ")
    said = f": {result.diagnostics_message}" if result.diagnostics_message else ""
    raise DirectoryUnavailableError(f"{what}: {code}{said}".replace("\n", " "))
