"""The application: from a request to a page or a content. Starlette routes; every answer that is no is a `Refusal`.

`/s/TOKEN` is the page; below it `original`, the forms' keys, `page-N` and `preview-N`, and `code` and `unlock` for
one-time codes. `/healthz` tells a proxy whether the store can be reached.
"""

import asyncio
import mimetypes
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from conneg.content import ContentRefusedError, ConversionError
from conneg.errors import UnavailableError
from conneg.gateway.staging_section import StagingSection
from conneg.staging import (
    ExpiredTokenError,
    ForgedTokenError,
    Item,
    NoSuchItemError,
    Purpose,
    StagingError,
    Store,
    Tokens,
    read_file,
)
from conneg.web.access import AccessLog, log
from conneg.web.code_mail import CodeNotMailedError
from conneg.web.codes import OneTimeCodes, TooManyCodesError
from conneg.web.connections import FORM_SECONDS
from conneg.web.downloads import Content, downloads_left, respond
from conneg.web.forms import BusyError, Form, Forms, Offered
from conneg.web.headers import EVERYWHERE, PAGE
from conneg.web.page import Shown, code_page, item_page, refusal_page
from conneg.web.rates import CODE_REQUESTS, GUESSES, RateLimit
from conneg.web.refusal import Refusal
from conneg.web.threads import in_thread

SESSION_COOKIE = "conneg-session"
SESSION_SECONDS = 3600
_FORM_OCTETS = 4096
"""No form of ours is larger."""
_LOOK_SECONDS = 5.0
"""How long the page waits to say which forms there are."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that is good."""

    token: str
    item: Item


class Retrieval:
    """What the handlers share; `forms` is None where only originals are given out."""

    def __init__(
        self,
        store: Store,
        tokens: Tokens,
        section: StagingSection,
        *,
        forms: Forms | None,
        codes: OneTimeCodes,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._section = section
        self._forms = forms
        self._codes = codes
        self._clock = clock
        self._guesses = RateLimit(GUESSES, 600)
        self._requests = RateLimit(CODE_REQUESTS, 3600)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/s/{token}", self.page),
                Route("/s/{token}/code", self.send_code, methods=["POST"]),
                Route("/s/{token}/unlock", self.unlock, methods=["POST"]),
                Route("/s/{token}/original", self.original),
                Route("/s/{token}/{key}", self.form),
                Route("/style.css", _file("style.css", "text/css")),
                Route("/icon.svg", _file("icon.svg", "image/svg+xml")),
                Route("/healthz", self.health),
            ],
            middleware=[Middleware(AccessLog)],
            exception_handlers={
                Refusal: _refuse,
                HTTPException: _refuse_by_status,
                StagingError: _out_of_order,
                CodeNotMailedError: _out_of_order,
                NoSuchItemError: _gone,
                Exception: _fault,
            },
        )

    async def page(self, request: Request) -> Response:
        """The page of one content, or the one that asks for its code."""
        request.state.what = "page"
        opened = await self._open(request)
        if not self._may_have(request, opened):
            asked = request.query_params
            return _page(
                code_page(opened.token, opened.item.recipients, sent="sent" in asked, wrong="wrong" in asked)
            )
        usage = await in_thread(self._store.usage, opened.item.id)
        left = downloads_left(opened.item, usage, "original", opened.item.octets)
        return _page(item_page(Shown(opened.item, opened.token, await self._offered(opened.item), left)))

    async def _offered(self, item: Item) -> Offered | None:
        if self._forms is None:
            return Offered()
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                return await self._forms.offered(item)
        except (TimeoutError, BusyError):
            return None
        except UnavailableError as error:
            log.error("no other forms can be made", error=str(error))
            return Offered()

    async def original(self, request: Request) -> Response:
        """The content as it was staged."""
        request.state.what = "original"
        item = (await self._opened_for_content(request)).item
        content = Content(
            key="original",
            name=item.name or _name_for(item.media_type),
            media_type=item.media_type,
            charset=item.parameters.get("charset"),
            octets=item.octets,
            etag=f'"{item.sha256[:32]}"',
            modified_at=item.staged_at,
            read=lambda start, end: self._store.read(item.id, start, end),
        )
        return await respond(request, self._store, item, content)

    async def form(self, request: Request) -> Response:
        """Another form of the content, or a picture of one of its pages."""
        key = request.path_params["key"]
        request.state.what = key if re.fullmatch(r"[a-z]{1,8}(-[0-9]{1,4})?", key) else "nothing of ours"
        item = (await self._opened_for_content(request)).item
        form = None if self._forms is None else await self._find_form(item, key)
        if self._forms is None or form is None:
            raise Refusal.no_such_form()
        try:
            return await self._respond_with(request, item, form, self._forms)
        except BusyError as error:
            raise Refusal.busy() from error
        except (ContentRefusedError, ConversionError) as error:
            raise Refusal.no_such_form() from error

    async def _find_form(self, item: Item, key: str) -> Form | None:
        assert self._forms is not None
        try:
            return (await self._forms.offered(item)).find(key)
        except BusyError as error:
            raise Refusal.busy() from error

    async def _respond_with(self, request: Request, item: Item, form: Form, forms: Forms) -> Response:
        async with forms.make(item, form) as made:
            suffix = {"application/pdf": "pdf", "text/plain": "txt", "image/png": "png"}[made.media_type]
            stem = Path(item.name or "file").stem
            content = Content(
                key=form.key,
                name=f"{stem}-{form.page}.{suffix}" if form.page else f"{stem}.{suffix}",
                media_type=made.media_type,
                charset=made.charset,
                octets=made.octets,
                etag=f'"{made.sha256[:32]}"',
                modified_at=item.staged_at,
                read=partial(read_file, made.path),
                shown=form.key.startswith("preview-"),
            )
            # opened here, so that it can be read to its end when its folder is gone
            return await respond(request, self._store, item, content)

    async def send_code(self, request: Request) -> Response:
        """Mail a one-time code, and say that it was done, whether it was or not."""
        request.state.what = "code"
        opened = await self._open(request)
        if not opened.item.wants_code:
            return RedirectResponse(f"../{opened.token}", 303, headers=EVERYWHERE)
        address, now = _address(request), self._clock()
        if self._requests.is_spent(address, now):
            raise Refusal.too_often(60)
        self._requests.note(address, now)
        values = await _read_form(request)
        try:
            await self._codes.send(opened.item, values.get("address"))
        except TooManyCodesError as error:
            raise Refusal.too_often(60) from error
        return RedirectResponse(f"../{opened.token}?sent", 303, headers=EVERYWHERE)

    async def unlock(self, request: Request) -> Response:
        """Take a one-time code and give a session for it."""
        request.state.what = "unlock"
        opened = await self._open(request)
        values = await _read_form(request)
        if not await self._codes.accept(opened.item, values.get("code", "")):
            self._guesses.note(_address(request), self._clock())
            return RedirectResponse(f"../{opened.token}?wrong", 303, headers=EVERYWHERE)
        now = self._clock()
        response = RedirectResponse(f"../{opened.token}", 303, headers=EVERYWHERE)
        response.set_cookie(
            SESSION_COOKIE,
            self._tokens.write(Purpose.SESSION, opened.item.id, now + SESSION_SECONDS),
            max_age=SESSION_SECONDS,
            path=f"{urlsplit(self._section.base_url).path}/s/{opened.token}",
            secure=self._section.is_secure,
            httponly=True,
            samesite="strict",
        )
        return response

    async def health(self, request: Request) -> Response:
        """Whether this server can do its work."""
        request.state.what = "health"
        try:
            await in_thread(lambda: next(self._store.items(), None))
        except StagingError as error:
            return PlainTextResponse(f"{error}\n", 503, headers=EVERYWHERE)
        return PlainTextResponse("ok\n", headers=EVERYWHERE)

    async def _open(self, request: Request) -> Opened:
        """Return what the link in the request is for. Raises `Refusal`."""
        address, now = _address(request), self._clock()
        if self._guesses.is_spent(address, now):
            raise Refusal.too_often(10)
        token = request.path_params["token"].lower()
        try:
            item_id, _ = self._tokens.read(Purpose.LINK, token, now)
        except ForgedTokenError as error:
            self._guesses.note(address, now)
            raise Refusal.no_such_link() from error
        except ExpiredTokenError as error:
            raise Refusal.gone() from error
        request.state.item = item_id
        item = await in_thread(self._store.stat, item_id)
        if item.expires_at <= now:
            raise Refusal.gone()
        return Opened(token, item)

    async def _opened_for_content(self, request: Request) -> Opened:
        opened = await self._open(request)
        if not self._may_have(request, opened):
            raise Refusal.needs_code()
        return opened

    def _may_have(self, request: Request, opened: Opened) -> bool:
        """Whether the item needs no code, or the client has shown it."""
        if not opened.item.wants_code:
            return True
        try:
            cookie = request.cookies.get(SESSION_COOKIE, "")
            item_id, _ = self._tokens.read(Purpose.SESSION, cookie, self._clock())
        except (ForgedTokenError, ExpiredTokenError):
            return False
        return item_id == opened.item.id


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    """Return what serves a file of ours."""
    octets = files("conneg.web").joinpath(name).read_bytes()
    headers = {**EVERYWHERE, "Cache-Control": "public, max-age=3600"}

    async def serve(request: Request) -> Response:
        request.state.what = name
        return Response(octets, media_type=media_type, headers=headers)

    return serve


def _page(html: str, status: int = 200) -> Response:
    return HTMLResponse(html, status, headers=PAGE)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    depth = request.url.path.count("/") - 1
    response = _page(refusal_page(error, "../" * depth), error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def _refuse_by_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = Refusal.no_such_link()
    response = await _refuse(request, Refusal(error.status_code, refusal.title, refusal.text))
    response.headers.update(error.headers or {})
    return response


async def _gone(request: Request, error: Exception) -> Response:
    return await _refuse(request, Refusal.gone())


async def _out_of_order(request: Request, error: Exception) -> Response:
    log.error("the retrieval server cannot do its work", error=str(error))
    return await _refuse(request, Refusal.out_of_order())


async def _fault(request: Request, error: Exception) -> Response:
    """A fault of ours: the server logs where it came from."""
    return await _refuse(request, Refusal.out_of_order())


async def _read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form (application/x-www-form-urlencoded). Raises `Refusal` for a larger one than ours."""
    body = bytearray()
    try:
        with anyio.fail_after(FORM_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _FORM_OCTETS:
                    raise Refusal(413, "That is too much", "Go back, and enter less.")
    except TimeoutError as error:
        raise Refusal(408, "That took too long", "Go back, and try again.") from error
    try:
        values = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError as error:
        raise Refusal(400, "That is no form of ours", "Go back, and try again.") from error
    return {name: found[0] for name, found in values.items()}


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _name_for(media_type: str) -> str:
    """Return a file name for content that came without one."""
    return f"file{mimetypes.guess_extension(media_type) or '.bin'}"
