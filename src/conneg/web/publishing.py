"""The reference service of the HTTP directory: devices publish and renew what they can take, gateways ask for it.

`/v1/capabilities/ADDRESS`: GET gives the capability as JSON with ETag and Cache-Control; PUT publishes one, for a user
whose name is the address (HTTP Basic, RFC 7617) and for no longer than `lifetime` says; DELETE withdraws it.
"""

import base64
import binascii
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conneg.accounts import Accounts, AccountsUnavailableError
from conneg.bounds import Bound
from conneg.databases import DatabaseUnavailableError
from conneg.directory.names import EntryKind, name_key
from conneg.errors import ConnegError
from conneg.negotiation import Provenance, read_capability
from conneg.web.published import PublishedCapabilities

MAX_PUBLISHED = Bound(
    name="web.published",
    value=65_536,
    unit="octets in what a device publishes",
    reason="the longest expressions are some thousand octets",
    answer="413",
)
LONGEST_LIFETIME = 30 * 86_400
"""Seconds that a capability holds at most without being renewed: a device that has gone is forgotten."""

LIFETIME = 7 * 86_400
"""Seconds that it holds if the device does not say."""

FRESH_SECONDS = 300
"""How long a gateway need not ask again (max-age)."""

NEGATIVE_SECONDS = 60
"""The same where nothing is published."""


class _RefusedError(Exception):
    """A request that is answered with `status` and a line that says why."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class _Service:
    def __init__(
        self,
        store: PublishedCapabilities,
        accounts: Accounts,
        reader_token: str | None,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._reader_token = reader_token
        self._clock = clock

    async def __call__(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except _RefusedError as error:
            headers = {}
            if error.status is HTTPStatus.UNAUTHORIZED:
                headers["WWW-Authenticate"] = (
                    "Bearer" if request.method in ("GET", "HEAD") else 'Basic realm="conneg", charset="UTF-8"'
                )
            return JSONResponse({"error": str(error)}, error.status, headers)
        except (AccountsUnavailableError, DatabaseUnavailableError):
            return JSONResponse(
                {"error": "try again later"}, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "10"}
            )

    async def _answer(self, request: Request) -> Response:
        try:
            address = name_key(EntryKind.ADDRESS, request.path_params["address"])
        except ConnegError as error:
            raise _RefusedError(HTTPStatus.NOT_FOUND, str(error)) from error
        match request.method:
            case "PUT":
                await self._identify(request, address)
                return await self._publish(request, address)
            case "DELETE":
                await self._identify(request, address)
                was_there = await self._store.withdraw(address)
                return Response(status_code=HTTPStatus.NO_CONTENT if was_there else HTTPStatus.NOT_FOUND)
            case _:
                return await self._show(request, address)

    async def _show(self, request: Request, address: str) -> Response:
        if self._reader_token is not None:
            given = request.headers.get("authorization", "")
            if not secrets.compare_digest(given.encode(), f"Bearer {self._reader_token}".encode()):
                raise _RefusedError(HTTPStatus.UNAUTHORIZED, "a reader's token is needed")
        now = self._clock()
        found = await self._store.find(address, now)
        if found is None:
            headers = {"Cache-Control": f"max-age={NEGATIVE_SECONDS}"}
            return JSONResponse({"error": "nothing is published"}, HTTPStatus.NOT_FOUND, headers)
        left = int(min(FRESH_SECONDS, found.expires_at - now))
        headers = {"ETag": found.tag, "Cache-Control": f"max-age={left}"}
        if request.headers.get("if-none-match") == found.tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        values = {
            "address": address,
            "capability": found.capability,
            "changed": found.changed_at,
            "expires": found.expires_at,
        }
        return JSONResponse(values, headers=headers)

    async def _publish(self, request: Request, address: str) -> Response:
        values = await _read_json(request)
        capability, lifetime = values.get("capability"), values.get("lifetime", LIFETIME)
        if not isinstance(capability, str):
            raise _RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "capability must be a text")
        if (
            isinstance(lifetime, bool)
            or not isinstance(lifetime, int)
            or not 0 < lifetime <= LONGEST_LIFETIME
        ):
            raise _RefusedError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"lifetime must be 1 to {LONGEST_LIFETIME} seconds"
            )
        try:
            read_capability(capability, Provenance.DIRECTORY, address)
        except ConnegError as error:
            raise _RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f"capability: {error}") from error
        now = self._clock()
        is_new = await self._store.publish(address, capability.strip(), now, lifetime)
        return JSONResponse({"expires": now + lifetime}, HTTPStatus.CREATED if is_new else HTTPStatus.OK)

    async def _identify(self, request: Request, address: str) -> None:
        """See to it that the request comes from the user whose name is `address`."""
        username, password = _credentials(request.headers.get("authorization", ""))
        if not await self._accounts.check_password(username, password):
            raise _RefusedError(HTTPStatus.UNAUTHORIZED, "the name or the password is wrong")
        if username.lower() != address:
            raise _RefusedError(HTTPStatus.FORBIDDEN, f"{username} may publish for {username} only")


def make_service(
    store: PublishedCapabilities,
    accounts: Accounts,
    *,
    reader_token: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """Return the service as an ASGI application; with a `reader_token` it answers only those who bring that."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await store.close()
        await accounts.close()

    service = _Service(store, accounts, reader_token, clock)

    async def answer(request: Request) -> Response:
        return await service(request)

    route = Route("/v1/capabilities/{address:path}", answer, methods=["GET", "PUT", "DELETE"])
    return Starlette(routes=[route], lifespan=lifespan)


async def _read_json(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_PUBLISHED.value:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(MAX_PUBLISHED.exceeded()))
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
    if not isinstance(values, dict):
        raise _RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "the body is not a JSON object")
    return values


def _credentials(field: str) -> tuple[str, str]:
    """Return name and password of HTTP Basic (RFC 7617)."""
    scheme, _, encoded = field.partition(" ")
    try:
        name, colon, password = (
            base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
        )
    except (binascii.Error, UnicodeDecodeError):
        name = colon = password = ""
    if scheme.lower() != "basic" or not colon:
        raise _RefusedError(HTTPStatus.UNAUTHORIZED, "a name and a password are needed (HTTP Basic)")
    return name, password
