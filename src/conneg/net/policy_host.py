"""Fetching an MTA-STS policy from its policy host by HTTPS, as RFC 8461, 3.3 wants it.

One GET on one connection, under one deadline; `conneg.net.https` does what the RFC asks of certificates and redirects.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from conneg.bounds import Bound
from conneg.errors import TemporaryError
from conneg.net.https import Addresses, HttpsClient, HttpsResponse
from conneg.net.mta_sts import MAX_STS_POLICY, StsError, StsPolicy, read_policy

FETCH_SECONDS = Bound(
    name="net.mta_sts_seconds",
    value=60,
    unit="seconds to fetch an MTA-STS policy",
    reason="RFC 8461, 3.3 suggests a minute; a message waits for it",
    answer="the fetch has failed; a policy that is cached stays in force, else the domain has none",
)

_PATH = "/.well-known/mta-sts.txt"
_GOOD_STATUS = 200


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
        client = HttpsClient(self.addresses, authorities=self.authorities)
        answer = await client.get(
            f"https://{host}{_PATH}",
            {"Accept": "text/plain"},
            MAX_STS_POLICY,
            connect_to_port=self.port,
        )
        _check_response(answer)
        return answer.body


def _check_response(answer: HttpsResponse) -> None:
    """Only 200 brings a policy, redirects are not followed, and it is text/plain (RFC 8461, 3.2 and 3.3)."""
    if answer.status != _GOOD_STATUS:
        raise PolicyFetchError(f"the answer is {answer.status}, not {_GOOD_STATUS}")
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "text/plain":
        raise PolicyFetchError(f"the answer is {media_type or 'untyped'}, not text/plain")
