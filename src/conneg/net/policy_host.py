"""Fetching an MTA-STS policy from its policy host by HTTPS, as RFC 8461, 3.3 wants it.

One GET on one connection, under one deadline; the certificate is checked in full, redirects are not followed, nothing
is cached, and no more is read than a policy may have. HTTP is read by h11, so that the resolver, the deadline and the
bound are ours.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h11

from conneg.bounds import Bound
from conneg.errors import TemporaryError
from conneg.net.mta_sts import MAX_STS_POLICY, StsError, StsPolicy, read_policy

FETCH_SECONDS = Bound(
    name="net.mta_sts_seconds",
    value=60,
    unit="seconds to fetch an MTA-STS policy",
    reason="RFC 8461, 3.3 suggests a minute; a message waits for it",
    answer="the fetch has failed; a policy that is cached stays in force, else the domain has none",
)

_PATH = "/.well-known/mta-sts.txt"
_CHUNK = 16_384
_GOOD_STATUS = 200

Addresses = Callable[[str], Awaitable[Sequence[str]]]
"""From a host name to its IP addresses; raises `conneg.errors.TemporaryError` if they cannot be had."""


class PolicyFetchError(TemporaryError):
    """The policy cannot be had, or is not valid; the message says at which step and why."""


@dataclass(frozen=True, slots=True)
class PolicyHost:
    """Where policies are fetched: by which addresses, at which port, trusting whom (None: the system's authorities)."""

    addresses: Addresses
    port: int = 443
    authorities: Path | None = None

    async def fetch(self, domain: str, seconds: float = FETCH_SECONDS.value) -> StsPolicy:
        """Return the policy of `domain` (A-labels) within `seconds`. Raises `PolicyFetchError`."""
        host = f"mta-sts.{domain}"
        try:
            async with asyncio.timeout(seconds):
                return read_policy(await self._get(host))
        except TimeoutError:
            raise PolicyFetchError(f"https://{host}{_PATH}: no answer in {seconds:g} s") from None
        except (StsError, TemporaryError) as error:
            raise PolicyFetchError(f"https://{host}{_PATH}: {error}") from error

    async def _get(self, host: str) -> bytes:
        reader, writer = await self._open(host)
        try:
            request = h11.Request(
                method="GET",
                target=_PATH,
                headers=[
                    ("Host", host),
                    ("Accept", "text/plain"),
                    ("Connection", "close"),
                    ("User-Agent", "conneg"),
                ],
            )
            http = h11.Connection(h11.CLIENT)
            writer.write((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
            return await _read_body(http, reader)
        except (OSError, h11.RemoteProtocolError) as error:
            raise PolicyFetchError(str(error) or "the connection was lost") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                writer.transport.abort()

    async def _open(self, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address of `host` that answers, with a certificate that is good for `host`."""
        try:
            context = ssl.create_default_context(cafile=self.authorities)
        except OSError as error:
            raise PolicyFetchError(f"the authorities {self.authorities} cannot be read: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        reason = "no address"
        for address in await self.addresses(host):
            try:
                return await asyncio.open_connection(
                    address, self.port, ssl=context, server_hostname=host, limit=_CHUNK
                )
            except ssl.SSLCertVerificationError as error:
                reason = f"its certificate is not trusted: {error.verify_message}"
            except OSError as error:
                reason = str(error)
        raise PolicyFetchError(reason)


async def _read_body(http: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        match http.next_event():
            case h11.NEED_DATA:
                http.receive_data(await reader.read(_CHUNK))
            case h11.Response(status_code=status, headers=headers):
                _check_response(status, dict(headers))
            case h11.Data(data=data):
                body += data
                if len(body) > MAX_STS_POLICY.value:
                    raise PolicyFetchError(str(MAX_STS_POLICY.exceeded("the answer")))
            case h11.EndOfMessage() | h11.ConnectionClosed() | h11.PAUSED:
                return bytes(body)


def _check_response(status: int, headers: dict[bytes, bytes]) -> None:
    """Only 200 brings a policy, redirects are not followed, and it is text/plain (RFC 8461, 3.2 and 3.3)."""
    if status != _GOOD_STATUS:
        raise PolicyFetchError(f"the answer is {status}, not {_GOOD_STATUS}")
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type != b"text/plain":
        raise PolicyFetchError(f"the answer is {media_type.decode('latin-1') or 'untyped'}, not text/plain")
