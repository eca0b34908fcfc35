"""TLS for a listener: modern settings, a certificate for each name that clients ask for, reloaded when files change."""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from conneg.bounds import Bound
from conneg.errors import ConnegError

HANDSHAKE = Bound(
    name="net.handshake",
    value=30,
    unit="seconds for a TLS handshake",
    reason="it is three trips; a client that does not finish keeps a place for nothing",
    answer="the connection is cut",
)

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325, 4.2). TLS 1.3 has no others."""

_LOOK_EVERY_SECONDS = 1.0


class TlsError(ConnegError):
    """A certificate or key that cannot be used; the message says which file, and why."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate with its chain in PEM, its key (None: in the same file), and the host names it is for.

    `names` are compared with what the client asks for (SNI, RFC 6066, 3); `*.example.org` stands for one label.
    """

    certificate: Path
    key: Path | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsChannel:
    """What a connection is under: the protocol, such as `TLSv1.3`, and the cipher."""

    protocol: str
    cipher: str


class ServerTls:
    """The certificates of a listener. The first one is for clients that name no host, or one that no other is for.

    Files are looked at again at most once a second; when they have changed they are read, and connections from then on
    get what is in them. If they cannot be read the old ones stay in force, and `report` is told once.
    Raises `TlsError` if they cannot be read at the start.
    """

    def __init__(
        self, certificates: Sequence[CertificateFiles], *, report: Callable[[TlsError], None] | None = None
    ) -> None:
        if not certificates:
            raise TlsError("TLS needs a certificate")
        self._certificates = tuple(certificates)
        self._report = report
        self._looked_at = time.monotonic()
        self._signature = self._sign()
        self._contexts = self._load()
        self.context = _new_context(self._certificates[0])
        """What connections begin with; it changes to the newest one for the client's name in the handshake."""
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> int | None:
        self._look()
        connection.context = self._contexts[self._place(name)]
        return None

    def _place(self, name: str | None) -> int:
        wanted = (name or "").lower().rstrip(".")
        for place, files in enumerate(self._certificates):
            if any(_is_for(pattern.lower(), wanted) for pattern in files.names):
                return place
        return 0

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_EVERY_SECONDS:
            return
        self._looked_at = now
        signature = self._sign()
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._contexts = self._load()
        except TlsError as error:
            if self._report is not None:
                self._report(error)

    def _load(self) -> list[ssl.SSLContext]:
        return [_new_context(files) for files in self._certificates]

    def _sign(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Return what changes when a file does; None for one that is not there."""
        found: list[tuple[int, int, int] | None] = []
        for files in self._certificates:
            for path in (files.certificate, files.key):
                try:
                    status = None if path is None else path.stat()
                except OSError:
                    status = None
                found.append(status and (status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(found)


def channel_of(transport: asyncio.BaseTransport) -> TlsChannel | None:
    """Return what the connection of `transport` is under; None without TLS."""
    connection = transport.get_extra_info("ssl_object")
    if connection is None:
        return None
    cipher = connection.cipher()
    return TlsChannel(str(connection.version()), cipher[0] if cipher else "")


def _new_context(files: CertificateFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.load_cert_chain(files.certificate, files.key)
    except OSError as error:
        where = f"{files.certificate}" + (f" with {files.key}" if files.key is not None else "")
        raise TlsError(f"the certificate {where} cannot be used: {error.strerror or error}") from None
    return context


def _is_for(pattern: str, name: str) -> bool:
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:] and bool(name.partition(".")[0])
    return pattern == name
