"""TLS for a client's session: how much of it is wanted, and the step from plain text to TLS."""

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from conneg.errors import TemporaryError
from conneg.net.dane import DaneError, TlsaRecord, authenticate


class TlsPolicy(StrEnum):
    """How much TLS a session needs."""

    NONE = "none"
    """STARTTLS is never sent."""
    OPPORTUNISTIC = "opportunistic"
    """TLS if the server offers it, whatever its certificate; plain text if not, or if it fails (RFC 7435)."""
    REQUIRED = "required"
    """TLS or nothing, whatever the certificate: nobody reads along, but who is at the other end is not known."""
    VERIFIED = "verified"
    """TLS with a certificate for the server's name that a trusted authority has signed, or nothing."""
    DANE = "dane"
    """TLS with a certificate that the server's TLSA records vouch for, or nothing (RFC 7672)."""


@dataclass(frozen=True, slots=True)
class ClientTls:
    """What a session wants: the policy, the name that a certificate must be for (None: the host that is connected to),
    and the file with the authorities that are trusted, in PEM (None: the system's).

    For DANE `name` is the TLSA base domain, which SNI carries (RFC 7672, 8.1), `tlsa` are the usable records, and
    `also_names` the other reference identifiers (RFC 7672, 3.2.2).
    """

    policy: TlsPolicy = TlsPolicy.NONE
    name: str | None = None
    authorities: Path | None = None
    tlsa: tuple[TlsaRecord, ...] = ()
    also_names: tuple[str, ...] = ()


class TlsUnavailableError(TemporaryError):
    """TLS is required and cannot be had: not offered, refused, the handshake failed, or a certificate that is not good
    enough.
    """


def client_context(tls: ClientTls) -> ssl.SSLContext:
    """Return the settings for a policy. Raises `TlsUnavailableError` if the authorities cannot be read."""
    try:
        return _context(tls.policy is TlsPolicy.VERIFIED, tls.authorities)
    except OSError as error:
        raise TlsUnavailableError(
            f"the authorities {tls.authorities} cannot be read: {error.strerror or error}"
        ) from None


@cache
def _context(is_verified: bool, authorities: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not is_verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def begin_tls(
    transport: asyncio.Transport,
    protocol: asyncio.Protocol,
    context: ssl.SSLContext,
    name: str,
    seconds: float,
) -> asyncio.Transport:
    """Shake hands as a client; return the transport to go on with. Raises `TlsUnavailableError`."""
    loop = asyncio.get_running_loop()
    try:
        secure = await loop.start_tls(
            transport, protocol, context, server_hostname=name, ssl_handshake_timeout=seconds
        )
    except ssl.SSLCertVerificationError as error:
        raise TlsUnavailableError(
            f"the certificate of {name} is not trusted: {error.verify_message}"
        ) from None
    except ValueError as error:
        raise TlsUnavailableError(f"TLS cannot ask for {name!r}: {error}") from None
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or "the connection was lost"
        raise TlsUnavailableError(f"the TLS handshake with {name} failed: {reason}") from None
    if secure is None:
        raise TlsUnavailableError(f"the TLS handshake with {name} failed: the connection was lost")
    return secure


def check_tlsa(transport: asyncio.Transport, tls: ClientTls, name: str) -> None:
    """Hold the certificates that the server has shown against its TLSA records. Raises `TlsUnavailableError`."""
    try:
        authenticate(tls.tlsa, chain_of(transport), (name, *tls.also_names))
    except DaneError as error:
        raise TlsUnavailableError(f"DANE for {name} fails: {error}") from None


def chain_of(transport: asyncio.BaseTransport) -> list[bytes]:
    """Return the certificates that the server has shown, in DER, its own first; empty without TLS.

    `SSLObject` has `get_unverified_chain` from Python 3.13 on; before, only what it wraps has it, and gives objects in
    place of octets.
    """
    connection = transport.get_extra_info("ssl_object")
    if connection is None:
        return []
    if hasattr(connection, "get_unverified_chain"):
        return list(connection.get_unverified_chain())
    shown = connection._sslobj.get_unverified_chain() or ()
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in shown]
