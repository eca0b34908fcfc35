"""TLS for a client's session: how much of it is wanted, and the step from plain text to TLS."""

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from conneg.errors import TemporaryError


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


@dataclass(frozen=True, slots=True)
class ClientTls:
    """What a session wants: the policy, the name that a certificate must be for (None: the host that is connected to),
    and the file with the authorities that are trusted, in PEM (None: the system's).
    """

    policy: TlsPolicy = TlsPolicy.NONE
    name: str | None = None
    authorities: Path | None = None


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
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or "the connection was lost"
        raise TlsUnavailableError(f"the TLS handshake with {name} failed: {reason}") from None
    if secure is None:
        raise TlsUnavailableError(f"the TLS handshake with {name} failed: the connection was lost")
    return secure
