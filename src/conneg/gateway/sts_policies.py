"""The MTA-STS policies of the domains that mail goes to: looked up, fetched, kept, and kept through failures.

RFC 8461, 5.1: what the TXT record says decides whether the policy that is kept is the newest; a policy that cannot be
fetched leaves the one that is kept in force until its `max_age` is over. Who can stop look-ups and fetches of a domain
that was met before thus gains nothing, and a restart forgets nothing if there is a file.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from conneg.bounds import Bound
from conneg.errors import ConnegError
from conneg.net.mta_sts import StsMode, StsPolicy, policy_id
from conneg.spool import write_durably

MAX_POLICIES = Bound(
    name="gateway.sts_policies",
    value=5000,
    unit="MTA-STS policies that are kept",
    reason="each has some hundreds of octets; the file of them is written whole",
    answer="the one fetched longest ago is forgotten",
)

FETCH_AGAIN_SECONDS = 300.0
"""How long after a failure a policy is not fetched again (RFC 8461, 3.3)."""
REFRESH_SECONDS = 86_400.0
"""A policy that is kept is fetched again after a day, or half its age, even if its record is the same: so it seldom
ends while it is needed (RFC 8461, 10.2)."""


class Texts(Protocol):
    """Where TXT records come from."""

    async def texts(self, name: str) -> tuple[str, ...]:
        """Return the TXT records at `name`; raise `conneg.errors.TemporaryError` if there is no answer."""


Fetch = Callable[[str], Awaitable[StsPolicy]]
"""From a domain to the policy that its policy host has; raises `conneg.errors.TemporaryError`."""


@dataclass(frozen=True, slots=True)
class StsAnswer:
    """The policy that holds for a domain, None if none does, and what went wrong on the way ("" if nothing)."""

    policy: StsPolicy | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A policy with the identifier that its record had, and when it was fetched (seconds since 1970)."""

    id: str
    fetched_at: float
    policy: StsPolicy

    def is_in_force(self, now: float) -> bool:
        return now < self.fetched_at + self.policy.max_age

    def is_fresh(self, now: float) -> bool:
        return now < self.fetched_at + min(self.policy.max_age / 2, REFRESH_SECONDS)


class StsPolicies:
    """The policies; `file` keeps them over a restart (None: nothing does)."""

    def __init__(
        self, dns: Texts, fetch: Fetch, *, file: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._dns = dns
        self._fetch = fetch
        self._file = file
        self._clock = clock
        self._kept: dict[str, _Kept] = _load(file)
        self._failed: dict[str, tuple[str, float, str]] = {}
        self._fetching: dict[str, asyncio.Task[str]] = {}
        self._writing = asyncio.Lock()

    async def policy(self, domain: str) -> StsAnswer:
        """Return the policy that holds for `domain` (A-labels, lower case) now. Never raises for lack of one."""
        problem = ""
        try:
            wanted = policy_id(await self._dns.texts(f"_mta-sts.{domain}"))
        except ConnegError as error:
            wanted, problem = None, str(error)
        if wanted is not None and not self._has(domain, wanted):
            problem = await self._refresh(domain, wanted)
        kept = self._kept.get(domain)
        if kept is None or not kept.is_in_force(self._clock()):
            return StsAnswer(None, problem)
        return StsAnswer(None if kept.policy.mode is StsMode.NONE else kept.policy, problem)

    def _has(self, domain: str, wanted: str) -> bool:
        kept = self._kept.get(domain)
        return kept is not None and kept.id == wanted and kept.is_fresh(self._clock())

    async def _refresh(self, domain: str, wanted: str) -> str:
        """Fetch once however many ask; return what went wrong, "" if nothing did."""
        failed_id, until, problem = self._failed.get(domain, ("", 0.0, ""))
        if failed_id == wanted and self._clock() < until:
            return problem
        task = self._fetching.get(domain)
        if task is None:
            task = asyncio.create_task(self._fetch_and_keep(domain, wanted))
            self._fetching[domain] = task
            task.add_done_callback(lambda _: self._fetching.pop(domain, None))
        return await asyncio.shield(task)

    async def _fetch_and_keep(self, domain: str, wanted: str) -> str:
        try:
            policy = await self._fetch(domain)
        except ConnegError as error:
            self._failed.pop(domain, None)
            self._failed[domain] = (wanted, self._clock() + FETCH_AGAIN_SECONDS, str(error))
            _forget_oldest(self._failed)
            return str(error)
        self._failed.pop(domain, None)
        self._kept.pop(domain, None)
        self._kept[domain] = _Kept(wanted, self._clock(), policy)
        _forget_oldest(self._kept)
        return await self._save()

    async def _save(self) -> str:
        """Write the file; a failure is told and costs nothing until the next start."""
        if self._file is None:
            return ""
        async with self._writing:
            text = json.dumps({domain: _as_json(kept) for domain, kept in self._kept.items()})
            try:
                await asyncio.to_thread(write_durably, self._file, [text.encode()])
            except OSError as error:
                return f"{self._file}: {error.strerror or error}"
        return ""


def _forget_oldest(table: dict[str, Any]) -> None:
    while len(table) > MAX_POLICIES.value:
        del table[next(iter(table))]


def _as_json(kept: _Kept) -> dict[str, Any]:
    policy = kept.policy
    return {
        "id": kept.id,
        "fetched_at": kept.fetched_at,
        "mode": policy.mode,
        "mx": policy.mx,
        "max_age": policy.max_age,
    }


def _load(file: Path | None) -> dict[str, _Kept]:
    """Return what `file` has; nothing if it is not there or damaged: the policies will be fetched again."""
    try:
        entries = json.loads(file.read_bytes()) if file is not None else {}
        return {
            str(domain): _Kept(
                str(one["id"]),
                float(one["fetched_at"]),
                StsPolicy(StsMode(one["mode"]), tuple(map(str, one["mx"])), int(one["max_age"])),
            )
            for domain, one in entries.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
