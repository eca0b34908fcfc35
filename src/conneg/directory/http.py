"""A directory that is asked over HTTPS: one JSON document for each address, kept as its Cache-Control and ETag say.

The service is run on behalf of the recipients (draft, 4.3): `GET {url}` with the address in it answers 200 with
`{"capability": "(...)", "changed": 1714564800}`, or 404 where nothing is known. Anything else is "cannot say now".
`docs/reference/directory.md` has the whole contract, and `conneg directory serve` is a service that keeps to it.
"""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from conneg.bounds import Bound
from conneg.directory.asking import unavailable
from conneg.directory.entries import Finding, answer_from
from conneg.directory.model import Answer, DirectoryError, Faulty, Unavailable, Unknown
from conneg.directory.names import address_key
from conneg.errors import ConnegError

MAX_HTTP_ANSWER = Bound(
    name="directory.http_answer",
    value=65_536,
    unit="octets in a service's answer about one recipient",
    reason="the longest expressions are some thousand octets",
    answer="the source cannot say (404 to REQUIRED)",
)
LONGEST_FRESH_SECONDS = 86_400.0
"""An answer is not believed for longer without asking again, whatever its max-age is."""

_AT_ONCE = 8
_REMEMBERED = 10_000


class HttpReply(Protocol):
    """What a GET brings: field names are in small letters."""

    @property
    def status(self) -> int: ...  # noqa: D102
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102


Get = Callable[[str, Mapping[str, str]], Awaitable[HttpReply]]
"""From a URL and fields to the reply of a service that has proved who it is; raises `ConnegError`."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    """An answer and the ETag by which the service knows whether it still holds."""

    tag: str
    answer: Answer


class HttpDirectory:
    """Answers from the service at `url`, in which `{address}` stands for the recipient's.

    `token` is sent as a bearer token (RFC 6750), and `close` called when nothing more is asked. Raises
    `DirectoryError` for a URL that cannot be one.
    """

    def __init__(
        self,
        url: str,
        get: Get,
        *,
        token: str | None = None,
        label: str | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        if url.count("{address}") != 1 or urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
            raise DirectoryError(f"{url!r} is not a service's address", hint="https://host/path/{address}")
        self._url = url
        self._get = get
        self._close = close
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._label = label
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._remembered: dict[str, _Remembered] = {}

    @property
    def name(self) -> str:
        """What an operator calls it: its label, or the service's host."""
        return self._label or f"directory service {urlsplit(self._url).hostname}"

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return an answer for each of `recipients`; see `conneg.directory.model.Directory`.

        They are asked for in several connections; where the first question fails, the others are not asked.
        """
        if not recipients:
            return {}
        try:
            async with asyncio.timeout(deadline):
                first, *others = recipients
                answers = {first: await self._find(first)}
                if _is_down(answers[first]):
                    return dict.fromkeys(recipients, answers[first])
                found = await asyncio.gather(*map(self._find, others))
                return answers | dict(zip(others, found, strict=True))
        except TimeoutError:
            return unavailable(recipients, f"{self.name}: no answer within {deadline:.3g} s")

    async def close(self) -> None:
        """Ask nothing more."""
        if self._close is not None:
            await self._close()

    async def _find(self, recipient: str) -> Answer:
        key = address_key(recipient)
        headers = dict(self._headers)
        remembered = self._remembered.get(key)
        if remembered is not None:
            headers["If-None-Match"] = remembered.tag
        try:
            async with self._places:
                reply = await self._get(self._url.replace("{address}", quote(key, safe="@")), headers)
            return self._read(key, reply, remembered)
        except ConnegError as error:
            return Unavailable(f"{self.name}: {error}")

    def _read(self, key: str, reply: HttpReply, remembered: _Remembered | None) -> Answer:
        times = _Times.read(reply.headers)
        match reply.status:
            case HTTPStatus.OK:
                answer = self._answer(key, reply)
            case HTTPStatus.NOT_FOUND:
                answer = Unknown()
            case HTTPStatus.NOT_MODIFIED if remembered is not None:
                answer = remembered.answer
            case status:
                return Unavailable(f"{self.name}: the service answers {status}")
        if isinstance(answer, Unavailable):
            return answer
        answer = replace(answer, fresh_seconds=times.fresh, stale_seconds=times.stale)
        tag = reply.headers.get("etag") or (
            remembered.tag if reply.status == HTTPStatus.NOT_MODIFIED and remembered else None
        )
        self._remembered.pop(key, None)
        if tag and times.may_be_stored:
            if len(self._remembered) >= _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[key] = _Remembered(tag, answer)
        return answer

    def _answer(self, key: str, reply: HttpReply) -> Answer:
        """Read the JSON; what is not what it should be is the service's failure, a bad expression that of the entry."""
        media_type = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            return Unavailable(f"{self.name}: the answer is {media_type or 'untyped'}, not application/json")
        try:
            values: Any = json.loads(reply.body)
        except (ValueError, RecursionError) as error:
            return Unavailable(f"{self.name}: the answer is not JSON: {error}")
        capability = values.get("capability") if isinstance(values, dict) else None
        if not isinstance(capability, str):
            return Unavailable(f"{self.name}: the answer has no capability that is a text")
        changed = values.get("changed")
        is_time = (
            isinstance(changed, int | float) and not isinstance(changed, bool) and math.isfinite(changed)
        )
        finding = Finding((capability.strip(),), float(changed) if is_time else None)
        return answer_from({key: finding}, key, source=self.name, authenticated=True, asked_at=time.time())


@dataclass(frozen=True, slots=True)
class _Times:
    """What Cache-Control says (RFC 9111, 5.2; RFC 5861); None: nothing."""

    fresh: float | None
    stale: float | None
    may_be_stored: bool

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> "_Times":
        directives: dict[str, str] = {}
        for part in headers.get("cache-control", "").split(","):
            name, _, value = part.strip().partition("=")
            directives.setdefault(name.strip().lower(), value.strip().strip('"'))
        may_be_stored = "no-store" not in directives
        fresh = _seconds(directives.get("max-age"))
        if fresh is not None:
            fresh = min(max(0.0, fresh - (_seconds(headers.get("age")) or 0.0)), LONGEST_FRESH_SECONDS)
        stale = _seconds(directives.get("stale-if-error"))
        if stale is None:
            stale = _seconds(directives.get("stale-while-revalidate"))
        if "no-cache" in directives or not may_be_stored:
            fresh, stale = 0.0, 0.0
        elif "must-revalidate" in directives:
            stale = 0.0
        return cls(fresh, stale, may_be_stored)


def _seconds(text: str | None) -> float | None:
    """delta-seconds = 1*DIGIT (RFC 9111, 1.2.2)"""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 12 else None


def _is_down(answer: Answer) -> bool:
    return isinstance(answer, Unavailable) and not isinstance(answer, Faulty)
